//! What is read of an account, and when: decisions alone.

use std::time::Duration;

use huntress::Cursor;
use jiff::Timestamp;

use crate::store::Table;

/// How an account is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It is that of the key.
    Own {
        /// The key may ask what only resellers may.
        reseller: bool,
    },
    /// The key is that of the reseller who manages it.
    Managed,
}

/// What is known of a list of an account.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ListState {
    /// Where the next walk over its changes begins.
    pub(crate) cursor: Option<Cursor>,
    /// When the last full walk began that came to its end and passed the guards.
    pub(crate) full_at: Option<Timestamp>,
    /// Since when the key may not read it.
    pub(crate) refused_at: Option<Timestamp>,
}

/// What is done with a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// All of it is read.
    Full,
    /// What has changed is read.
    Changes(Cursor),
    /// Nothing is due.
    Nothing,
}

/// How often lists are read as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Often {
    /// After so long.
    Every(Duration),
    /// Each time.
    Always,
}

/// Whether a key that reaches an account so can read this list at all. Lists of another list's
/// records are read with that one.
pub(crate) fn applies(table: &Table, scope: Scope) -> bool {
    let of_resellers = ["/v1/accounts", "/v1/reseller/"];
    match scope {
        Scope::Own { reseller: true } => true,
        Scope::Own { reseller: false } => {
            let path = &table.list.path;
            !of_resellers.iter().any(|begin| path.starts_with(begin))
        }
        Scope::Managed => table.list.account_scope,
    }
}

/// What is due of a list. What could not be read since the key may not is tried again when it
/// would be read as a whole: a request a day, and not one an hour.
pub(crate) fn step(shows_changes: bool, state: &ListState, often: Often, now: Timestamp) -> Step {
    let due = |since: Timestamp| match often {
        Often::Always => true,
        Often::Every(time) => elapsed(since, now).is_none_or(|elapsed| elapsed >= time),
    };
    match (state.refused_at, state.full_at) {
        (Some(refused), _) if !due(refused) => Step::Nothing,
        (Some(_), _) | (None, None) => Step::Full,
        (None, Some(full)) if due(full) => Step::Full,
        (None, Some(_)) if !shows_changes => Step::Nothing,
        (None, Some(_)) => state.cursor.clone().map_or(Step::Full, Step::Changes),
    }
}

/// `None` where the clock of the database was set back behind it, so that nobody knows.
fn elapsed(since: Timestamp, now: Timestamp) -> Option<Duration> {
    now.duration_since(since).try_into().ok()
}

/// When an account is pulled next: at a moment of its own in each period, so that accounts
/// spread over it and nothing drifts, whoever pulls it and however long that takes.
pub(crate) fn next_due(account_id: i64, every: Duration, now: Timestamp) -> Timestamp {
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
    // Ids that follow one another are to lie far apart (the golden ratio does that).
    let spread = account_id
        .unsigned_abs()
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        >> 32;
    let offset = (u128::from(spread) * u128::from(every.unsigned_abs())) >> 32;
    let offset = i64::try_from(offset).unwrap_or(0);
    let into = (now.as_millisecond() - offset).rem_euclid(every);
    Timestamp::from_millisecond(now.as_millisecond().saturating_add(every - into)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Often = Often::Every(Duration::from_secs(24 * 60 * 60));

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn state(cursor: bool, full_at: Option<&str>, refused_at: Option<&str>) -> ListState {
        ListState {
            cursor: cursor.then(|| Cursor::at(at("2026-06-01T00:00:00Z"))),
            full_at: full_at.map(at),
            refused_at: refused_at.map(at),
        }
    }

    #[test]
    fn a_list_is_read_as_a_whole_first_and_daily_and_its_changes_in_between() {
        let now = at("2026-06-02T12:00:00Z");
        let changes = Step::Changes(Cursor::at(at("2026-06-01T00:00:00Z")));
        let (hour_ago, yesterday) = (Some("2026-06-02T11:00:00Z"), Some("2026-06-01T12:00:00Z"));
        let tomorrow = Some("2026-06-03T12:00:00Z");
        for (shows_changes, state, often, expected) in [
            (true, state(false, None, None), DAY, Step::Full),
            (false, state(false, None, None), DAY, Step::Full),
            // A walk broke off after another one had kept a cursor, or was guarded.
            (true, state(true, None, None), DAY, Step::Full),
            (true, state(true, hour_ago, None), DAY, changes.clone()),
            (true, state(true, hour_ago, None), Often::Always, Step::Full),
            (true, state(true, yesterday, None), DAY, Step::Full),
            // The cursor could not be read.
            (true, state(false, hour_ago, None), DAY, Step::Full),
            (false, state(false, hour_ago, None), DAY, Step::Nothing),
            (
                false,
                state(false, hour_ago, None),
                Often::Always,
                Step::Full,
            ),
            (false, state(false, yesterday, None), DAY, Step::Full),
            (false, state(false, None, hour_ago), DAY, Step::Nothing),
            (true, state(true, yesterday, hour_ago), DAY, Step::Nothing),
            (true, state(true, hour_ago, yesterday), DAY, Step::Full),
            (true, state(true, None, hour_ago), Often::Always, Step::Full),
            // The clock was set back: better once too often than never.
            (true, state(true, tomorrow, None), DAY, Step::Full),
        ] {
            let step = step(shows_changes, &state, often, now);
            assert_eq!(step, expected, "{shows_changes} {state:?} {often:?}");
        }
    }

    #[test]
    fn accounts_are_due_at_moments_of_their_own_that_do_not_drift() {
        let every = Duration::from_secs(900);
        let mut moments = Vec::new();
        for account in 1..=100 {
            let first = next_due(account, every, at("2026-06-01T12:00:00Z"));
            assert!(first > at("2026-06-01T12:00:00Z"));
            assert!(first <= at("2026-06-01T12:15:00Z"));
            // A pull that ends late, or has missed a period, is followed by the next moment.
            for (ended, periods) in [("12:00:00Z", 0), ("12:20:00Z", 1), ("13:07:00Z", 4)] {
                let next = next_due(account, every, at(&format!("2026-06-01T{ended}")));
                let since = next.duration_since(first).as_secs();
                assert_eq!(since % 900, 0, "account {account} after {ended}");
                assert!((since / 900 - periods).abs() <= 1);
            }
            assert_eq!(
                next_due(account, every, first)
                    .duration_since(first)
                    .as_secs(),
                900
            );
            moments.push(first);
        }
        moments.sort();
        let gaps = moments
            .windows(2)
            .map(|two| two[1].duration_since(two[0]).as_secs());
        assert!(gaps.max().unwrap() < 30, "they spread");
    }
}
