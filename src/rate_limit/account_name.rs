//! The name of an account that a quota is shared by, where nobody has chosen one.

use sha2::{Digest as _, Sha256};

use super::RateLimiter;
use crate::base_url;
use crate::credentials::Credentials;

impl RateLimiter {
    /// A name for the account of a key, for [`in_file`](Self::in_file) (as the name of the file)
    /// or `in_redis`, where nobody has chosen one: `key-` and 32 hexadecimal digits.
    ///
    /// It is made of the base URL and the key, which cannot be found out from it, and never of the
    /// secret; it is the same in all programs and releases. It is the key's and not the
    /// account's: two keys of one account have two names and so two quotas, which together are more
    /// than the account has. Choose a name where an account has several keys.
    ///
    /// ```
    /// use huntress::{Credentials, RateLimiter};
    ///
    /// let credentials = Credentials::new("hk_0123", "hs_4567");
    /// let name = RateLimiter::account_name("https://api.huntress.io", &credentials);
    /// assert_eq!(name, "key-5c79f942c15377eb71a19e3f26aae80d");
    /// let path = format!("/var/lib/acme/{name}.quota");
    /// ```
    pub fn account_name(base_url: impl AsRef<str>, credentials: &Credentials) -> String {
        let text = base_url.as_ref();
        // One that cannot be used is refused by the client that has it.
        let url = base_url::checked(text, true).unwrap_or_else(|_| text.trim().to_owned());
        let digest = Sha256::new()
            .chain_update(&url)
            .chain_update("\n")
            .chain_update(credentials.key())
            .finalize();
        let digits = digest[..16].iter().map(|byte| format!("{byte:02x}"));
        format!("key-{}", digits.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_of_the_key_and_the_place_alone() {
        let name =
            |url: &str, key, secret| RateLimiter::account_name(url, &Credentials::new(key, secret));
        let one = name("https://api.huntress.io", "hk_a", "hs_a");
        for url in ["https://api.huntress.io/v1/", " HTTPS://api.huntress.io "] {
            assert_eq!(name(url, "hk_a", "hs_b"), one, "{url}");
        }
        assert_ne!(name("https://api.huntress.io", "hk_b", "hs_a"), one);
        assert_ne!(name("http://localhost:1", "hk_a", "hs_a"), one);
        assert!(!one.contains("hk_a"));
    }
}
