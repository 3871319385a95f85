//! What looks so wrong that nothing is done with it: decisions alone.
//!
//! A row that a complete walk did not show gets `gone_at`. One such walk is enough: nothing is
//! deleted, and the mark goes when the row is seen again. Whoever acts on it elsewhere, and
//! cannot take that back, waits until it has lasted. But a key that may see less, a filter of a
//! proxy, or the key of another account, show as thousands of rows that are missing; so more
//! than a few are a reason to stop and to ask.

use crate::failure::{Exit, Failure};
use crate::store::Missing;

/// So many rows may always be missing.
const FEW: u64 = 5;
/// Of more rows, one in so many may be.
const SHARE: u64 = 10;

/// Why rows that a complete walk did not show are not marked as gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It showed none at all.
    Empty {
        /// Rows that were known.
        known: u64,
    },
    /// Too many are missing at once.
    Many {
        /// Rows that were not shown.
        missing: u64,
        /// Rows that were known, or are new.
        known: u64,
    },
}

/// Whether the rows that are missing may be marked as gone.
pub(crate) fn doubt(seen: Missing, accepted: bool) -> Option<Doubt> {
    let Missing {
        missing,
        present: known,
    } = seen;
    if accepted || missing == 0 {
        None
    } else if missing == known {
        Some(Doubt::Empty { known })
    } else if missing > FEW && missing.saturating_mul(SHARE) > known {
        Some(Doubt::Many { missing, known })
    } else {
        None
    }
}

impl Doubt {
    /// What a person is told.
    pub(crate) fn into_failure(self, table: &str) -> Failure {
        let what = match self {
            Self::Empty { known } => format!("the list is empty, and {known} rows were known"),
            Self::Many { missing, known } => format!("{missing} of {known} rows are missing"),
        };
        let text = format!(
            "`{table}`: {what}; none was marked as gone. See whether the key may still read all \
             of it. If they are gone indeed, run `huntctl pull --accept-missing {table}` once"
        );
        Failure::new(Exit::Guarded, text)
    }
}

/// Whether a key belongs to the account that it belonged to before.
pub(crate) fn same_account(source: &str, before: i64, now: i64) -> Result<(), Failure> {
    if before == now {
        return Ok(());
    }
    let text = format!(
        "the key of `{source}` belongs to account {now} now, and belonged to account {before} \
         before; nothing was read. If that is right, run `huntctl pull --accept-account {source}` \
         once"
    );
    Err(Failure::new(Exit::Guarded, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_may_be_missing_and_of_many_a_tenth() {
        let empty = |known| Some(Doubt::Empty { known });
        let many = |missing, known| Some(Doubt::Many { missing, known });
        for (missing, shown, expected) in [
            (0, 0, None),
            (0, 10, None),
            (1, 0, empty(1)),
            (5, 1, None),
            (6, 1, many(6, 7)),
            (5, 45, None),
            (6, 44, many(6, 50)),
            (6, 54, None),
            (100, 900, None),
            (101, 899, many(101, 1_000)),
            (1_000, 0, empty(1_000)),
            // Other rows came instead: it is another account.
            (50, 50, many(50, 100)),
        ] {
            let present = missing + shown;
            let seen = Missing { missing, present };
            assert_eq!(doubt(seen, false), expected, "{missing} of {present}");
            assert_eq!(doubt(seen, true), None, "it was accepted");
        }
    }

    #[test]
    fn the_text_says_what_to_do() {
        let text = |doubt: Doubt| doubt.into_failure("agents").to_string();
        let told = text(Doubt::Empty { known: 12 });
        assert!(
            told.contains("the list is empty, and 12 rows were known"),
            "{told}"
        );
        assert!(told.contains("--accept-missing agents"), "{told}");
        let told = text(Doubt::Many {
            missing: 7,
            known: 9,
        });
        assert!(told.contains("7 of 9 rows are missing"), "{told}");
        assert!(same_account("acme", 1, 1).is_ok());
        let told = same_account("acme", 1, 2).unwrap_err();
        assert_eq!(told.exit(), Exit::Guarded);
        assert!(told.to_string().contains("--accept-account acme"), "{told}");
    }
}
