//! The API keys that the simulator knows, and what each may do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::document::Operation;
use crate::world::MEMBERSHIPS;

/// What the simulator accepts as HTTP Basic authentication.
///
/// The client makes its own credentials of [`Credentials::pair`], so that neither crate needs
/// the other:
///
/// ```text
/// let client = huntress::Client::builder()
///     .base_url(simulator.base_url())
///     .credentials(simulator.credentials().pair())
///     .build()?;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The API key, the user name of Basic authentication.
    pub key: String,
    /// The API secret, its password.
    pub secret: String,
}

impl Credentials {
    /// Key and secret, in this order.
    pub fn pair(&self) -> (&str, &str) {
        (&self.key, &self.secret)
    }
}

/// The account of the reseller itself.
pub(crate) const HOME: i64 = 1;
/// The account of [`Key::Other`].
const OTHER: i64 = 2;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Everything, the accounts it manages included.
    Reseller,
    /// Everything in its own account, the reseller's.
    Account,
    /// To read that, but for its memberships.
    ReadOnly,
    /// Everything in an account that the reseller manages.
    Other,
}

impl Key {
    const ALL: [Self; 4] = [Self::Reseller, Self::Account, Self::ReadOnly, Self::Other];

    pub(crate) fn is_reseller(self) -> bool {
        self == Self::Reseller
    }

    /// Whether it may carry an operation out, in whichever account; or why not.
    pub(crate) fn may(self, operation: &Operation) -> Result<(), &'static str> {
        if self != Self::ReadOnly {
            return Ok(());
        }
        if !operation.reads {
            return Err("this key may only read");
        }
        // As seen live: other reads of the same key were answered.
        if operation.path.starts_with(MEMBERSHIPS) {
            return Err("this key may not read memberships");
        }
        Ok(())
    }

    /// The account it belongs to, which its requests are counted for.
    pub(crate) fn account(self) -> i64 {
        if self == Self::Other { OTHER } else { HOME }
    }
}

/// The credentials of each key.
#[derive(Debug)]
pub(crate) struct Keys {
    credentials: [Credentials; 4],
    accounts: usize,
}

impl Keys {
    /// The keys of a simulator with so many accounts: where there is no second one, nobody has
    /// a key to it.
    pub(crate) fn new(accounts: usize) -> Self {
        let credentials = |name: &str| Credentials {
            key: format!("hk_{name}"),
            secret: format!("hs_{name}"),
        };
        Self {
            credentials: ["simulator", "account", "read_only", "other"].map(credentials),
            accounts,
        }
    }

    pub(crate) fn of(&self, key: Key) -> &Credentials {
        &self.credentials[key as usize]
    }

    /// The key of an `Authorization` header.
    pub(crate) fn find(&self, header: &str) -> Option<Key> {
        let (scheme, encoded) = header.split_once(' ')?;
        let given = STANDARD.decode(encoded.trim()).ok()?;
        let is = |key: &Key| {
            let Credentials { key, secret } = self.of(*key);
            given == format!("{key}:{secret}").as_bytes()
        };
        scheme.eq_ignore_ascii_case("basic").then_some(())?;
        let key = Key::ALL.into_iter().find(is)?;
        let account = usize::try_from(key.account()).ok()?;
        (account <= self.accounts).then_some(key)
    }
}
