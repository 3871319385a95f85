//! The token of the dashboard. It is compared by its HMAC under a random key, so neither the time
//! that it takes nor a dump of the memory says anything of it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::random;
use crate::failure::{Exit, Failure};
use crate::secret::Secret;

/// Shorter ones could be guessed, or are words.
const SHORTEST: usize = 32;

/// What is kept of it.
pub(super) struct Token {
    /// With the random key, and nothing to sign yet.
    mac: Hmac<Sha256>,
    tag: Vec<u8>,
}

impl Token {
    /// Of its text and the place that it stands at.
    pub(super) fn new(text: &str, place: &Secret) -> Result<Self, Failure> {
        if text.chars().count() < SHORTEST {
            let text = format!(
                "the token of [dashboard], {place}, is shorter than {SHORTEST} characters: \
                 make one by `openssl rand -hex 32`"
            );
            return Err(Failure::new(Exit::Usage, text));
        }
        let mut key = [0; 64];
        random::fill(&mut key)?;
        let mac = Hmac::new(&key.into());
        let tag = mac.clone().chain_update(text).finalize().into_bytes();
        Ok(Self {
            mac,
            tag: tag.to_vec(),
        })
    }

    /// Whether it is this one.
    pub(super) fn is(&self, text: &str) -> bool {
        let mac = self.mac.clone().chain_update(text);
        mac.verify_slice(&self.tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let text = "0123456789abcdef0123456789abcdef";
        let place = Secret::Variable("T".into());
        let token = Token::new(text, &place).unwrap();
        assert!(token.is(text));
        let longer = format!("{text} ");
        let upper = text.to_uppercase();
        for other in ["", &text[1..], &text[..31], &longer, &upper, "\0"] {
            assert!(!token.is(other), "{other:?}");
        }
        let short = Token::new(&text[1..], &place).err().unwrap().to_string();
        assert!(short.contains("env:T, is shorter than 32"), "{short}");
        assert!(!short.contains(&text[1..]), "{short}");
    }
}
