//! Signed links: `/portal/7?account=1&expires=1790000000&key=2f6c11d4&signature=…`.
//!
//! The signature is an HMAC-SHA256 over what the link is for, the key's id, account, organization
//! and expiry, each on a line of its own, so no two links have one text. Numbers have one
//! spelling. Every key that is known is accepted, the first one signs: so a key is replaced by
//! putting a new one before it, and taking it away when its links have expired.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use crate::access::fill;
use crate::failure::{Exit, Failure};
use crate::secret::Secret;

/// The digest of HMAC-SHA256 is no stronger than its key.
const SHORTEST: usize = 32;
/// What a signature is for, and how it is made.
const PURPOSE: &str = "huntctl portal, 1";

/// Which organization of which account a link is for, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The account.
    pub account_id: i64,
    /// The organization.
    pub organization_id: i64,
    /// From then on it is of no use.
    pub expires: Timestamp,
}

/// A key that signs.
#[derive(Clone)]
pub struct Key {
    id: String,
    mac: Hmac<Sha256>,
}

/// The keys, of which the first makes new links.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Key>);

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was not made by one of the keys, whatever else is wrong with it.
    Invalid,
    /// It was, for a time that is over. Whoever has it knows what it was for.
    Expired,
}

impl Refused {
    /// The organization that it is for is not in the store.
    pub(super) const GONE: &str = "There is nothing to show any more.";

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Invalid => "This link is not valid. Ask whoever sent it for another one.",
            Self::Expired => "This link has expired. Ask whoever sent it for another one.",
        }
    }
}

impl Key {
    /// Of its text and the place that it stands at.
    ///
    /// # Errors
    ///
    /// Where it is too short.
    pub fn new(text: &str, place: &Secret) -> Result<Self, Failure> {
        if text.len() < SHORTEST {
            let text = format!(
                "the key of [portal], {place}, is shorter than {SHORTEST} bytes: \
                 make one by `openssl rand -hex 32`"
            );
            return Err(Failure::new(Exit::Usage, text));
        }
        Self::of(text.as_bytes())
    }

    /// One that nobody knows and that ends with the program.
    ///
    /// # Errors
    ///
    /// Where the system gives no random bytes.
    pub fn random() -> Result<Self, Failure> {
        let mut bytes = [0; 32];
        fill(&mut bytes)?;
        Self::of(&bytes)
    }

    fn of(bytes: &[u8]) -> Result<Self, Failure> {
        let mac = Hmac::<Sha256>::new_from_slice(bytes);
        // It takes keys of any length.
        let mac = mac.map_err(|problem| Failure::new(Exit::Failed, problem.to_string()))?;
        // It tells keys apart and says nothing of them.
        let id = mac.clone().chain_update("the id of this key").finalize();
        let id = id.into_bytes();
        let id = id.iter().take(4).map(|byte| format!("{byte:02x}"));
        Ok(Self {
            id: id.collect(),
            mac,
        })
    }

    fn signs(&self, link: &Link) -> Hmac<Sha256> {
        let Link {
            account_id,
            organization_id,
            expires,
        } = link;
        let expires = expires.as_second();
        let text = format!(
            "{PURPOSE}\n{}\n{account_id}\n{organization_id}\n{expires}",
            self.id
        );
        self.mac.clone().chain_update(text)
    }
}

/// Without the key itself.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.id).finish()
    }
}

impl Keys {
    /// These; none where there are none.
    pub fn new(keys: Vec<Key>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The path and query of a link.
    pub fn sign(&self, link: &Link) -> String {
        let mut path = String::new();
        if let Some(key) = self.0.first() {
            let signature = URL_SAFE_NO_PAD.encode(key.signs(link).finalize().into_bytes());
            path = format!(
                "/portal/{}?account={}&expires={}&key={}&signature={signature}",
                link.organization_id,
                link.account_id,
                link.expires.as_second(),
                key.id
            );
        }
        path
    }
}

impl Link {
    /// Reads a link: the organization of its path, and its query. Parameters that it does not know,
    /// such as those that mailers add, change nothing.
    pub(super) fn read(
        organization: &str,
        query: &str,
        keys: &Keys,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let link = Self::checked(organization, query, keys).ok_or(Refused::Invalid)?;
        match now < link.expires {
            true => Ok(link),
            false => Err(Refused::Expired),
        }
    }

    fn checked(organization: &str, query: &str, keys: &Keys) -> Option<Self> {
        let [account, expires, key, signature] =
            ["account", "expires", "key", "signature"].map(|name| only(query, name));
        let link = Self {
            account_id: number(&account?)?,
            organization_id: number(organization)?,
            expires: Timestamp::from_second(number(&expires?)?).ok()?,
        };
        let signature = URL_SAFE_NO_PAD.decode(signature?).ok()?;
        let key = key?;
        let key = keys.0.iter().find(|known| known.id == key)?;
        // In constant time.
        key.signs(&link).verify_slice(&signature).ok()?;
        Some(link)
    }
}

/// The one value of a parameter.
fn only(query: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = values.next().filter(|_| values.next().is_none())?;
    Some(value.into_owned())
}

/// A number in its one spelling.
fn number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number >= 0 && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);

    fn key(text: &str) -> Key {
        Key::new(&text.repeat(32), &Secret::Variable("K".into())).unwrap()
    }

    fn keys(all: &[&str]) -> Keys {
        Keys::new(all.iter().map(|text| key(text)).collect()).unwrap()
    }

    fn link() -> Link {
        Link {
            account_id: 1,
            organization_id: 23,
            expires: Timestamp::from_second(NOW.as_second() + 1).unwrap(),
        }
    }

    fn read(path: &str, keys: &Keys, now: Timestamp) -> Result<Link, Refused> {
        let (path, query) = path.split_once('?').unwrap();
        Link::read(path.strip_prefix("/portal/").unwrap(), query, keys, now)
    }

    #[test]
    fn a_link_says_what_was_signed_until_it_expires() {
        let keys = keys(&["a"]);
        let path = keys.sign(&link());
        assert_eq!(
            path,
            "/portal/23?account=1&expires=1790000001&key=7d23ba52&signature=x"
                .replace("7d23ba52", &keys.0[0].id)
                .replace("=x", &path[path.rfind('=').unwrap()..])
        );
        assert_eq!(read(&path, &keys, NOW), Ok(link()));
        assert_eq!(read(&path, &keys, link().expires), Err(Refused::Expired));
        let mailed = format!("{path}&utm_source=mail");
        assert_eq!(read(&mailed, &keys, NOW), Ok(link()));
    }

    #[test]
    fn keys_are_replaced_one_after_the_other() {
        let [old, both, new] = [&["a"][..], &["b", "a"], &["b"]].map(keys);
        let path = old.sign(&link());
        assert_eq!(read(&path, &both, NOW), Ok(link()));
        assert_eq!(read(&path, &new, NOW), Err(Refused::Invalid));
        let path = both.sign(&link());
        assert_eq!(read(&path, &new, NOW), Ok(link()));
        assert_eq!(read(&path, &old, NOW), Err(Refused::Invalid));
        // Also under the other key's name.
        let forged = path.replace(&both.0[0].id, &both.0[1].id);
        assert_eq!(read(&forged, &both, NOW), Err(Refused::Invalid));
    }

    #[test]
    fn every_altered_character_makes_a_link_invalid() {
        let keys = keys(&["a"]);
        let path = keys.sign(&link());
        let mut tried = 0;
        for at in "/portal/".len()..path.len() {
            for other in "0123456789abcxyzABCXYZ-_+/=&?%. ".chars() {
                let mut altered = path.clone();
                altered.replace_range(at..=at, &other.to_string());
                if altered == path || !altered.contains('?') {
                    continue;
                }
                let said = read(&altered, &keys, NOW);
                assert_eq!(said, Err(Refused::Invalid), "{altered}");
                tried += 1;
            }
            let cut = &path[..at];
            if cut.contains('?') {
                assert_eq!(read(cut, &keys, NOW), Err(Refused::Invalid), "{cut}");
            }
        }
        assert!(tried > 2_000, "{tried}");
    }

    #[test]
    fn no_two_spellings_open_one_page() {
        let keys = keys(&["a"]);
        let path = keys.sign(&link());
        for (from, to) in [
            ("/portal/23", "/portal/023"),
            ("/portal/23", "/portal/+23"),
            ("/portal/23", "/portal/-23"),
            ("/portal/23", "/portal/23 "),
            ("account=1", "account=01"),
            ("account=1", "account=%2B1"),
            ("account=1", "account=1&account=1"),
            ("account=1", "account=1&account=2"),
            ("account=1", "Account=1"),
            // The same digits, cut elsewhere.
            ("/portal/23?account=1", "/portal/3?account=12"),
            ("/portal/23?account=1", "/portal/1?account=23"),
            (
                "account=1&expires=1790000001",
                "expires=1&account=1790000001",
            ),
            (
                "account=1&expires=1790000001",
                "account=1&expires=17900000010",
            ),
            (
                "account=1&expires=1790000001",
                "account=1&expires=9223372036854775807",
            ),
        ] {
            let other = path.replace(from, to);
            assert_ne!(other, path);
            assert_eq!(read(&other, &keys, NOW), Err(Refused::Invalid), "{other}");
        }
        let padded = format!("{path}=");
        assert_eq!(read(&padded, &keys, NOW), Err(Refused::Invalid));
    }

    #[test]
    fn a_key_is_long_and_shown_nowhere() {
        let place = Secret::Variable("K".into());
        let said = Key::new("geheimgeheimgeheimgeheimgeheim.", &place).unwrap_err();
        let said = said.to_string();
        assert!(said.contains("env:K, is shorter than 32 bytes"), "{said}");
        assert!(!said.contains("geheim"), "{said}");
        let long = Key::new("geheimgeheimgeheimgeheimgeheim..", &place).unwrap();
        let shown = format!("{long:?}");
        assert!(!shown.contains("geheim") && shown.len() < 20, "{shown}");
        assert_ne!(Key::random().unwrap().id, Key::random().unwrap().id);
    }
}
