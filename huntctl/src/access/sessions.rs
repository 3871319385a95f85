//! Who has logged in. It is kept in the memory alone: whoever restarts the program logs all out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::random;
use crate::failure::Failure;

/// How long one stays logged in.
pub(super) const LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// More than people will ever log in; the oldest go first.
const MOST: usize = 1_000;

/// When each ends, by the digest of what its cookie has.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Instant>>);

impl Sessions {
    /// Begins one, and returns what the cookie has.
    pub(super) fn begin(&self, now: Instant) -> Result<String, Failure> {
        let mut bytes = [0; 32];
        random::fill(&mut bytes)?;
        let mut id = String::new();
        for byte in bytes {
            // A text takes anything.
            let _ = write!(id, "{byte:02x}");
        }
        let mut sessions = self.lock();
        sessions.retain(|_, end| *end > now);
        if sessions.len() >= MOST {
            let oldest = sessions.iter().min_by_key(|(_, end)| **end);
            if let Some(oldest) = oldest.map(|(digest, _)| *digest) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(digest(&id), now + LIFE);
        Ok(id)
    }

    /// Whether it has begun and not ended.
    pub(super) fn has(&self, id: &str, now: Instant) -> bool {
        self.lock().get(&digest(id)).is_some_and(|end| *end > now)
    }

    /// Ends it.
    pub(super) fn end(&self, id: &str) {
        self.lock().remove(&digest(id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(id: &str) -> [u8; 32] {
    Sha256::digest(id).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_begins_and_ends() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let (first, second) = (sessions.begin(now).unwrap(), sessions.begin(now).unwrap());
        assert_eq!(first.len(), 64);
        assert_ne!(first, second);
        assert!(!sessions.has("", now) && !sessions.has(&first[1..], now));
        let late = LIFE - Duration::from_secs(1);
        assert!(sessions.has(&first, now + late) && !sessions.has(&first, now + LIFE));
        sessions.end(&first);
        assert!(!sessions.has(&first, now) && sessions.has(&second, now));
    }

    #[test]
    fn they_do_not_fill_the_memory() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let oldest = sessions.begin(now).unwrap();
        let later = now + Duration::from_secs(1);
        for _ in 0..MOST {
            sessions.begin(later).unwrap();
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert!(!sessions.has(&oldest, later));
    }
}
