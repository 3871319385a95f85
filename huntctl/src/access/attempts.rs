//! How often a wrong token may be tried: by one client, and by all together.
//!
//! Clients of IPv6 are counted by their network, since each has more addresses than tries. Tries
//! that are not looked at do not count, so the second limit takes many clients, and one client
//! keeps nobody else out.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(10 * 60);
const OF_A_CLIENT: usize = 10;
const OF_ALL: usize = 1_000;

/// Wrong tokens of the last ten minutes, the oldest first.
#[derive(Default)]
pub(super) struct Attempts(Mutex<VecDeque<(Instant, IpAddr)>>);

impl Attempts {
    /// Whether the token was right; or after how many seconds one may be tried again. A right one
    /// is no exception, or else guessing would go on.
    pub(super) fn attempt(&self, client: IpAddr, right: bool, now: Instant) -> Result<bool, u64> {
        let client = network(client);
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while wrong.front().is_some_and(|(at, _)| *at + WINDOW <= now) {
            wrong.pop_front();
        }
        let own = wrong.iter().filter(|(_, of)| *of == client);
        let full_since = match wrong.len() >= OF_ALL {
            true => wrong.front(),
            false => own.rev().nth(OF_A_CLIENT - 1),
        };
        if let Some((at, _)) = full_since {
            let wait = (*at + WINDOW).saturating_duration_since(now);
            return Err(wait.as_secs() + 1);
        }
        if !right {
            tracing::warn!(%client, "a wrong token was sent to the dashboard");
            wrong.push_back((now, client));
        }
        Ok(right)
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_ten_tries_in_ten_minutes() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let of = |client: &str, right, at| attempts.attempt(ip(client), right, start + at);
        for n in 0..10 {
            assert_eq!(of("192.0.2.1", true, n * SECOND), Ok(true));
            assert_eq!(of("192.0.2.1", false, n * SECOND), Ok(false));
        }
        let now = 10 * SECOND;
        assert_eq!(of("192.0.2.1", true, now), Err(591));
        assert_eq!(of("::ffff:192.0.2.1", true, now), Err(591));
        // Others are not kept out, and what was refused does not count.
        assert_eq!(of("192.0.2.2", true, now), Ok(true));
        assert_eq!(of("192.0.2.1", true, WINDOW - SECOND), Err(2));
        assert_eq!(of("192.0.2.1", true, WINDOW), Ok(true));
    }

    #[test]
    fn ipv6_is_counted_by_network() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for n in 0..10 {
            let client = ip(&format!("2001:db8:0:1::{n}"));
            assert_eq!(attempts.attempt(client, false, now), Ok(false));
        }
        assert!(attempts.attempt(ip("2001:db8:0:1:2::"), true, now).is_err());
        let other = ip("2001:db8:0:2::");
        assert_eq!(attempts.attempt(other, true, now), Ok(true));
    }

    #[test]
    fn all_together_have_a_thousand() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for n in 0..OF_ALL {
            let client = IpAddr::from([10, 0, (n >> 8) as u8, n as u8]);
            assert_eq!(attempts.attempt(client, false, now), Ok(false));
        }
        let other = ip("192.0.2.1");
        assert_eq!(attempts.attempt(other, true, now), Err(601));
        assert_eq!(attempts.attempt(other, true, now + WINDOW), Ok(true));
    }
}
