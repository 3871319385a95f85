//! Which range to ask for next, and what to make of its answer; decides, and does nothing.
//!
//! A walk goes in rounds. A round begins an overlap before the end of the last one, goes up
//! to `now - lag` in windows that meet, and ends there.
//!
//! What is lost, and when: let a line of time `t` be visible at `v`, no later than
//! `t + lag + overlap`. A round that begins at `r` reads up to `r - lag`, and the next one
//! from `r - lag - overlap`. If that is after `t`, then `v < r`: the round, or one before it,
//! has read the range of `t` when the line was visible. So no such line is lost, and a
//! restart in the middle of a round only begins earlier.
//!
//! What comes twice is recognised by its uuid. Both ends of a range are in it, so windows
//! share the second in which they meet.

use std::ops::ControlFlow;

use super::checkpoint::{Checkpoint, RowId};

/// After so many windows in a row, one of twice the length is tried again.
const CALM: u32 = 8;
/// What ES|QL answers at most, and what it answers at most without a `LIMIT`, unless whoever
/// runs it has chosen otherwise.
const USUAL_LIMITS: [u64; 2] = [10_000, 1_000];
/// Numbers that somebody may have chosen instead are multiples of this.
const ROUND: u64 = 100;
/// A window is not read further than this, unless it cannot be shorter.
pub(crate) const MOST_ROWS: usize = 20_000;

/// A range, in seconds since 1970; both ends are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Span {
    /// It cannot be cut.
    pub(crate) fn is_shortest(self) -> bool {
        self.end - self.start <= 1
    }
}

/// How a log is read; times in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The longest window, at least 1.
    pub(crate) window: i64,
    pub(crate) lag: i64,
    pub(crate) overlap: i64,
    /// Where it ends, if it does not go on with the time.
    pub(crate) until: Option<i64>,
    /// Round after round.
    pub(crate) follows: bool,
    /// The query's own `LIMIT`.
    pub(crate) limit: Option<u64>,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Read(Span),
    /// A round is over, or there is nothing to read yet.
    Wait,
    End,
}

/// Whether a window has all of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Yes,
    /// It has as many as a limit that is common or at least round.
    Doubtful,
    /// It has as many as its limit allows.
    No,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    settings: Settings,
    checkpoint: Checkpoint,
    /// How long a window is at present.
    length: i64,
    /// How many windows in a row were read since the length changed.
    calm: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// A round may begin.
    Ready,
    Round {
        next: i64,
        end: i64,
    },
    /// A round has ended.
    Rest,
}

impl Plan {
    pub(crate) fn new(settings: Settings, checkpoint: Checkpoint) -> Self {
        Self {
            settings,
            checkpoint,
            length: settings.window,
            calm: 0,
            phase: Phase::Ready,
        }
    }

    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(crate) fn next(&mut self, now: i64) -> Step {
        let Settings {
            lag,
            overlap,
            until,
            follows,
            ..
        } = self.settings;
        let Checkpoint { origin, done, .. } = self.checkpoint;
        if let Phase::Ready = self.phase {
            let settled = now.saturating_sub(lag);
            let end = until.map_or(settled, |until| until.min(settled));
            if end > done {
                let next = done.saturating_sub(overlap).max(origin);
                self.phase = Phase::Round { next, end };
            } else {
                self.phase = Phase::Rest;
            }
        }
        match self.phase {
            Phase::Round { next, end } => Step::Read(Span {
                start: next,
                end: next.saturating_add(self.length).min(end),
            }),
            _ if !follows || until.is_some_and(|until| done >= until) => Step::End,
            _ => {
                self.phase = Phase::Ready;
                Step::Wait
            }
        }
    }

    /// The server could not answer a window: the next one that is asked for is half as long.
    /// Breaks where the window cannot be shorter.
    pub(crate) fn halve(&mut self, span: Span) -> ControlFlow<()> {
        if span.is_shortest() {
            return ControlFlow::Break(());
        }
        (self.length, self.calm) = ((span.end - span.start) / 2, 0);
        ControlFlow::Continue(())
    }

    /// Whether a window of so many rows has them all. A limit of the server's own is not
    /// known, but it is hardly ever an odd number.
    pub(crate) fn is_whole(&self, rows: usize) -> Whole {
        let rows = rows as u64;
        let told = match self.settings.limit {
            Some(limit) => rows >= limit,
            None => USUAL_LIMITS.contains(&rows),
        };
        if told {
            Whole::No
        } else if rows > ROUND && rows.is_multiple_of(ROUND) {
            Whole::Doubtful
        } else {
            Whole::Yes
        }
    }

    /// A window is complete, with these rows; says which of them are new. A row without an
    /// id is always new.
    pub(crate) fn complete(&mut self, span: Span, rows: &[Option<RowId>]) -> Vec<bool> {
        let seen = &mut self.checkpoint.seen;
        let mut is_new = |row: &Option<RowId>| match row {
            // The first window is the one that ends first, so it says the most.
            Some(row) if seen.contains_key(row) => false,
            Some(row) => seen.insert(row.clone(), span.end).is_none(),
            None => true,
        };
        let new = rows.iter().map(&mut is_new).collect();
        let done = self.checkpoint.done.max(span.end);
        self.checkpoint.done = done;
        let again_from = done.saturating_sub(self.settings.overlap);
        seen.retain(|_, until| *until >= again_from);
        if let Phase::Round { end, .. } = self.phase {
            self.phase = if span.end >= end {
                Phase::Rest
            } else {
                Phase::Round {
                    next: span.end,
                    end,
                }
            };
        }
        self.grow(rows.len());
        new
    }

    /// Tries a longer window after some that gave no trouble and are far from any limit.
    fn grow(&mut self, rows: usize) {
        let limit = self.settings.limit.unwrap_or(USUAL_LIMITS[1]);
        self.calm += 1;
        if self.calm >= CALM && (rows as u64).saturating_mul(4) < limit {
            self.length = self.length.saturating_mul(2).min(self.settings.window);
            self.calm = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        window: 100,
        lag: 10,
        overlap: 20,
        until: None,
        follows: true,
        limit: None,
    };

    fn row(number: u128) -> Option<RowId> {
        Some(RowId::Uuid(number))
    }

    fn read(start: i64, end: i64) -> Step {
        Step::Read(Span { start, end })
    }

    /// What is asked for, when nothing goes wrong, until there is nothing to ask for.
    fn round(plan: &mut Plan, now: i64) -> (Vec<(i64, i64)>, Step) {
        let mut spans = Vec::new();
        loop {
            match plan.next(now) {
                Step::Read(span) => {
                    spans.push((span.start, span.end));
                    plan.complete(span, &[]);
                }
                step => return (spans, step),
            }
        }
    }

    #[test]
    fn rounds_meet_in_windows_and_overlap_each_other() {
        let mut plan = Plan::new(SETTINGS, Checkpoint::new(1_000));
        for (now, expected) in [
            // Nothing is before the origin, and nothing is after now less the lag.
            (1_010, vec![]),
            (1_011, vec![(1_000, 1_001)]),
            (1_260, vec![(1_000, 1_100), (1_100, 1_200), (1_200, 1_250)]),
            (1_260, vec![]),
            // A clock that goes back.
            (1_000, vec![]),
            (1_270, vec![(1_230, 1_260)]),
        ] {
            assert_eq!(round(&mut plan, now), (expected, Step::Wait), "{now}");
        }
    }

    #[test]
    fn a_walk_that_does_not_follow_ends_at_its_end_or_where_the_log_may_still_change() {
        let until = |until, follows| Settings {
            until,
            follows,
            ..SETTINGS
        };
        for (settings, now, expected, after) in [
            (
                until(Some(1_050), false),
                2_000,
                vec![(1_000, 1_050)],
                Step::End,
            ),
            (
                until(Some(1_050), false),
                1_030,
                vec![(1_000, 1_020)],
                Step::End,
            ),
            (until(None, false), 1_030, vec![(1_000, 1_020)], Step::End),
            (until(Some(1_050), false), 1_000, vec![], Step::End),
            (
                until(Some(1_050), true),
                1_030,
                vec![(1_000, 1_020)],
                Step::Wait,
            ),
            (
                until(Some(1_050), true),
                2_000,
                vec![(1_000, 1_050)],
                Step::End,
            ),
        ] {
            let mut plan = Plan::new(settings, Checkpoint::new(1_000));
            assert_eq!(
                round(&mut plan, now),
                (expected, after),
                "{settings:?} {now}"
            );
        }
    }

    #[test]
    fn a_window_is_halved_down_to_a_second_and_grows_again_while_it_is_calm() {
        let mut plan = Plan::new(SETTINGS, Checkpoint::new(0));
        let mut lengths = Vec::new();
        loop {
            let Step::Read(span) = plan.next(10_000) else {
                panic!("there is more to read");
            };
            lengths.push(span.end - span.start);
            if plan.halve(span).is_break() {
                break;
            }
        }
        assert_eq!(lengths, [100, 50, 25, 12, 6, 3, 1]);
        let mut lengths = Vec::new();
        for _ in 0..=8 * CALM {
            let Step::Read(span) = plan.next(10_000) else {
                panic!("there is more to read");
            };
            plan.complete(span, &[]);
            lengths.push(span.end - span.start);
        }
        lengths.dedup();
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 64, 100]);
        // Not where it would soon be cut off again.
        let mut plan = Plan::new(
            Settings {
                limit: Some(8),
                ..SETTINGS
            },
            Checkpoint::new(0),
        );
        let _ = plan.halve(Span { start: 0, end: 100 });
        for number in 0..20 {
            assert_eq!(plan.next(10_000), read(number * 50, (number + 1) * 50));
            let span = Span {
                start: number * 50,
                end: (number + 1) * 50,
            };
            plan.complete(span, &[None, None]);
        }
    }

    #[test]
    fn a_row_is_new_once_and_forgotten_when_no_range_shows_it_again() {
        let mut plan = Plan::new(SETTINGS, Checkpoint::new(0));
        let span = |start, end| Span { start, end };
        let new = plan.complete(span(0, 100), &[row(1), row(2), None, row(1), None]);
        assert_eq!(new, [true, true, true, false, true]);
        assert_eq!(
            plan.complete(span(80, 120), &[row(2), row(3)]),
            [false, true]
        );
        // 100 is in the next range still.
        assert_eq!(plan.checkpoint().seen.len(), 3);
        plan.complete(span(100, 121), &[]);
        assert_eq!(plan.checkpoint().seen.len(), 1);
        assert_eq!(plan.checkpoint().done, 121);
        // A window within the overlap takes nothing back.
        assert_eq!(plan.complete(span(101, 110), &[row(4)]), [true]);
        assert_eq!(plan.checkpoint().done, 121);
    }

    #[test]
    fn as_many_rows_as_a_limit_are_not_all() {
        use Whole::{Doubtful, No, Yes};
        for (limit, rows, expected) in [
            (None, 0, Yes),
            (None, 100, Yes),
            (None, 199, Yes),
            (None, 200, Doubtful),
            (None, 500, Doubtful),
            (None, 999, Yes),
            (None, 1_000, No),
            (None, 10_000, No),
            (Some(5), 4, Yes),
            (Some(5), 5, No),
            (Some(5), 6, No),
            // A limit of the server's may be less than that of the query.
            (Some(10_000), 1_000, Doubtful),
            (Some(10_000), 10_000, No),
        ] {
            let settings = Settings { limit, ..SETTINGS };
            let plan = Plan::new(settings, Checkpoint::new(0));
            assert_eq!(plan.is_whole(rows), expected, "{limit:?} {rows}");
        }
    }
}
