//! The API keys that the simulator knows, and what each may do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the simulator accepts as HTTP Basic authentication.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The API key, the user name of Basic authentication.
    pub key: String,
    /// The API secret, its password.
    pub secret: String,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Everything, the accounts it manages included.
    Reseller,
    /// Everything in its own account.
    Account,
    /// To read its own account.
    ReadOnly,
}

impl Key {
    const ALL: [Self; 3] = [Self::Reseller, Self::Account, Self::ReadOnly];

    pub(crate) fn is_reseller(self) -> bool {
        self == Self::Reseller
    }

    pub(crate) fn may_write(self) -> bool {
        self != Self::ReadOnly
    }
}

/// One of each.
#[derive(Debug)]
pub(crate) struct Keys([Credentials; 3]);

impl Default for Keys {
    fn default() -> Self {
        let credentials = |name: &str| Credentials {
            key: format!("hk_{name}"),
            secret: format!("hs_{name}"),
        };
        Self(["simulator", "account", "read_only"].map(credentials))
    }
}

impl Keys {
    pub(crate) fn of(&self, key: Key) -> &Credentials {
        &self.0[key as usize]
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
        Key::ALL.into_iter().find(is)
    }
}
