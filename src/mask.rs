//! The credentials, hidden wherever the other side echoes them.
//!
//! Some servers and many debugging proxies answer an error with the request that they got,
//! `Authorization` header included. What this crate shows of an answer goes through here.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;
use secrecy::{ExposeSecret as _, SecretString};

/// What stands in the place of a credential; an HTTP header and a JSON string may have it.
const MASKED: &str = "[REDACTED]";
/// Anything shorter cannot be a credential, and may stand in any text by chance.
const SHORTEST: usize = 8;

/// Knows the credentials and takes them out of texts. Cheap to clone; the texts it knows
/// are wiped from memory when the last clone is dropped.
#[derive(Clone, Default)]
pub(crate) struct Mask(Arc<[SecretString]>);

impl Mask {
    /// Hides a key, its secret, and `encoded`: both as the header has them, in base64, and
    /// as that is written in JSON and in a URL.
    pub(crate) fn new(key: &str, secret: &str, encoded: &str) -> Self {
        // The padding of base64 tells nothing, and some writers leave it out.
        let encoded = encoded.trim_end_matches('=');
        let mut hidden = vec![key.to_owned().into(), secret.to_owned().into()];
        let mut add = |form: String| hidden.push(SecretString::from(form));
        add(encoded.to_owned());
        if encoded.contains(['+', '/']) {
            add(encoded.replace('/', r"\/"));
            add(encoded.replace('+', "%2B").replace('/', "%2F"));
            add(encoded.replace('+', "-").replace('/', "_"));
        }
        hidden.retain(|form| form.expose_secret().len() >= SHORTEST);
        Self(hidden.into())
    }

    /// The text without the credentials.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.head(text.as_bytes(), text.len()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(masked) => {
                Cow::Owned(String::from_utf8(masked).expect("text in place of text"))
            }
        }
    }

    /// The bytes without the credentials.
    pub(crate) fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.head(bytes, bytes.len())
    }

    /// The first bytes without the credentials: one that lies across the end is hidden
    /// too, for its beginning would be no less telling.
    pub(crate) fn head<'a>(&self, bytes: &'a [u8], limit: usize) -> Cow<'a, [u8]> {
        let end = bytes.len().min(limit);
        let longest = self.0.iter().map(|form| form.expose_secret().len()).max();
        let looked_at = &bytes[..bytes.len().min(end.saturating_add(longest.unwrap_or(0)))];
        let mut found: Vec<Range<usize>> = Vec::new();
        for form in self.0.iter().map(|form| form.expose_secret().as_bytes()) {
            let places = memmem::find_iter(looked_at, form).filter(|start| *start < end);
            found.extend(places.map(|start| start..start + form.len()));
        }
        if found.is_empty() {
            return Cow::Borrowed(&bytes[..end]);
        }
        found.sort_by_key(|place| place.start);
        let mut masked = Vec::with_capacity(end);
        let mut shown = 0;
        for place in found {
            // Where two overlap, one mask covers both.
            if place.start >= shown {
                masked.extend_from_slice(&bytes[shown..place.start]);
                masked.extend_from_slice(MASKED.as_bytes());
            }
            shown = shown.max(place.end);
        }
        masked.extend_from_slice(bytes.get(shown..end).unwrap_or_default());
        Cow::Owned(masked)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "hk_0123456789";
    const SECRET: &str = "hs_9876543210";
    const ENCODED: &str = "aGtfMDEy/zQ1+zc4OTpoc185ODc2NTQzMjEw==";

    fn mask() -> Mask {
        Mask::new(KEY, SECRET, ENCODED)
    }

    #[test]
    fn every_form_of_the_credentials_is_hidden() {
        for (text, masked) in [
            ("nothing to hide", "nothing to hide"),
            (KEY, "[REDACTED]"),
            (
                "hk_0123456789:hs_9876543210@host",
                "[REDACTED]:[REDACTED]@host",
            ),
            (
                "authorization: Basic aGtfMDEy/zQ1+zc4OTpoc185ODc2NTQzMjEw==\r\nhost: x",
                "authorization: Basic [REDACTED]==\r\nhost: x",
            ),
            (
                r#"{"a":"Basic aGtfMDEy\/zQ1+zc4OTpoc185ODc2NTQzMjEw"}"#,
                r#"{"a":"Basic [REDACTED]"}"#,
            ),
            (
                "?a=aGtfMDEy%2FzQ1%2Bzc4OTpoc185ODc2NTQzMjEw%3D",
                "?a=[REDACTED]%3D",
            ),
            ("aGtfMDEy_zQ1-zc4OTpoc185ODc2NTQzMjEw", "[REDACTED]"),
            ("hs_9876543210hs_9876543210", "[REDACTED][REDACTED]"),
            ("é hs_9876543210 é", "é [REDACTED] é"),
        ] {
            assert_eq!(mask().text(text), masked);
            assert_eq!(*mask().bytes(text.as_bytes()), *masked.as_bytes());
        }
        let not_utf8 = [b"\xff", SECRET.as_bytes(), b"\xff"].concat();
        assert_eq!(*mask().bytes(&not_utf8), *b"\xff[REDACTED]\xff");
    }

    #[test]
    fn two_that_overlap_are_hidden_whole() {
        let mask = Mask::new("abcdefgh", "efghijkl", "cdefghij");
        assert_eq!(mask.text("-abcdefghijkl-"), "-[REDACTED]-");
    }

    #[test]
    fn a_head_has_no_beginning_of_a_credential() {
        let text = format!("0123{SECRET}after");
        for (limit, head) in [
            (0, ""),
            (4, "0123"),
            (5, "0123[REDACTED]"),
            (16, "0123[REDACTED]"),
            (17, "0123[REDACTED]"),
            (18, "0123[REDACTED]a"),
            (usize::MAX, "0123[REDACTED]after"),
        ] {
            assert_eq!(*mask().head(text.as_bytes(), limit), *head.as_bytes());
        }
    }

    #[test]
    fn what_is_too_short_for_a_credential_hides_nothing() {
        let mask = Mask::new("k", "", "azo=");
        assert!(matches!(mask.text("k azo= k"), Cow::Borrowed("k azo= k")));
        assert!(matches!(Mask::default().text("as it is"), Cow::Borrowed(_)));
    }

    #[test]
    fn it_shows_nothing_itself() {
        assert_eq!(format!("{:?}", mask()), "Mask([REDACTED])");
    }
}
