//! Decisions of the worker: whom to ask for a record, and when to ask again.

use std::time::Duration;

/// How much shorter or longer a wait may be than planned.
const JITTER: f64 = 0.2;

/// A key, as far as it decides whom to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its place in the configuration.
    pub(crate) number: usize,
    /// The account that it belongs to, where that is known.
    pub(crate) account_id: Option<i64>,
    pub(crate) reseller: bool,
}

/// Who may be asked for a record, by the number of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The account itself, whose id this is.
    Own(usize, i64),
    /// A reseller, for an account that it may manage.
    Managed(usize, i64),
}

/// Why nobody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoWay {
    /// The event names no account, and there are several keys.
    NoAccount,
    /// No key is one of this account.
    NoKey,
    /// The key of the account itself would be needed.
    OwnKeyOnly,
    /// It is not known yet whose all keys are.
    NotYet,
}

/// Who is asked for a record of an account, in this order.
pub(crate) fn ways(
    account_id: Option<i64>,
    keys: &[Key],
    mirrored: bool,
) -> Result<Vec<Way>, NoWay> {
    let Some(account_id) = account_id else {
        return match keys {
            [only] => match only.account_id {
                Some(account_id) => Ok(vec![Way::Own(only.number, account_id)]),
                None => Err(NoWay::NotYet),
            },
            _ => Err(NoWay::NoAccount),
        };
    };
    let mut own = keys.iter();
    if let Some(own) = own.find(|key| key.account_id == Some(account_id)) {
        return Ok(vec![Way::Own(own.number, account_id)]);
    }
    if keys.iter().any(|key| key.account_id.is_none()) {
        return Err(NoWay::NotYet);
    }
    let resellers = keys.iter().filter(|key| key.reseller);
    let managed: Vec<_> = resellers
        .map(|key| Way::Managed(key.number, account_id))
        .collect();
    match (managed.is_empty(), mirrored) {
        (true, _) => Err(NoWay::NoKey),
        (false, false) => Err(NoWay::OwnKeyOnly),
        (false, true) => Ok(managed),
    }
}

/// How long to wait after so many attempts that failed: twice as long each time, from `first`
/// to `longest`. `jitter` is a random number from 0.0 to 1.0.
pub(crate) fn wait(attempts: i64, first: Duration, longest: Duration, jitter: f64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).clamp(0, 30)).unwrap_or(0);
    let planned = first.saturating_mul(1 << doublings).min(longest);
    planned.mul_f64(1.0 - JITTER + 2.0 * JITTER * jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize, account_id: i64, reseller: bool) -> Key {
        Key {
            number,
            account_id: Some(account_id),
            reseller,
        }
    }

    #[test]
    fn the_accounts_own_key_is_asked_and_else_those_of_resellers() {
        let unknown = Key {
            number: 1,
            account_id: None,
            reseller: false,
        };
        let several = [key(0, 1, true), key(1, 2, false), key(2, 3, true)];
        for (account_id, keys, mirrored, expected) in [
            (
                Some(1),
                &[key(0, 1, false)][..],
                false,
                Ok(vec![Way::Own(0, 1)]),
            ),
            (Some(2), &several, true, Ok(vec![Way::Own(1, 2)])),
            (Some(3), &several, false, Ok(vec![Way::Own(2, 3)])),
            (
                Some(9),
                &several,
                true,
                Ok(vec![Way::Managed(0, 9), Way::Managed(2, 9)]),
            ),
            (Some(9), &several, false, Err(NoWay::OwnKeyOnly)),
            (Some(9), &[key(0, 1, false)], true, Err(NoWay::NoKey)),
            (
                Some(9),
                &[key(0, 1, true), unknown],
                true,
                Err(NoWay::NotYet),
            ),
            (
                Some(1),
                &[key(0, 1, true), unknown],
                true,
                Ok(vec![Way::Own(0, 1)]),
            ),
            (None, &[key(0, 1, false)], false, Ok(vec![Way::Own(0, 1)])),
            (None, &[unknown], false, Err(NoWay::NotYet)),
            (Some(9), &[], true, Err(NoWay::NoKey)),
            (None, &several, true, Err(NoWay::NoAccount)),
        ] {
            let found = ways(account_id, keys, mirrored);
            assert_eq!(found, expected, "{account_id:?} {keys:?} {mirrored}");
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let [first, longest] = [5, 900].map(Duration::from_secs);
        for (attempts, jitter, expected) in [
            (1, 0.5, 5_000),
            (1, 0.0, 4_000),
            (1, 1.0, 6_000),
            (2, 0.5, 10_000),
            (8, 0.5, 640_000),
            (9, 0.5, 900_000),
            (i64::MAX, 0.5, 900_000),
            (0, 0.5, 5_000),
        ] {
            let wait = wait(attempts, first, longest, jitter);
            assert_eq!(wait, Duration::from_millis(expected), "{attempts}");
        }
    }
}
