//! The decisions of a walk: what is asked for next, which rows are given out, when it ends,
//! and which cursor follows. It does nothing itself, so thousands of schedules are tried on it.
//!
//! **Where it ends.** The list is asked for by `updated_at`, newest first. What was changed
//! at the boundary less the overlap or later is wanted; a page whose last date is older is
//! the last. A row without a date is wanted and ends nothing.
//!
//! **The next boundary** is the newest date of the first page. What changes during the walk
//! moves to the front, where this walk may miss it; its new date is not older than the first
//! page, so the next walk finds it. What was dated before it became visible is found as long
//! as it took no longer than the overlap. A date in the future would hide all that comes
//! before it, so no boundary is later than the `Date` of the answer, which is the server's
//! clock as well.
//!
//! **Where a page ends.** A token probably holds the last date in whole seconds, so a server
//! may skip or repeat the rows of that second. Overlapping the next walk does not help: the
//! edge may be days old. So the walk goes on from the end of a second and never from the
//! middle of one. After a page that is not the last, the same page is asked for once more,
//! but only as long as to the last row before its last second (the *edge*), and the token of
//! that answer is followed: all rows of the seconds down to the edge are on the first page,
//! and those of the seconds below follow the token, whether the server skips the rest of the
//! edge's second, repeats that second, or goes on exactly. The second answer is looked at
//! again, since rows may have come and gone between the two.
//!
//! **Where there is no edge**, because one second fills a page, or the page is not in order,
//! the whole list is read in the order of its ids, of which no two are alike, and what is
//! wanted is taken from that. So it is from the beginning, where everything is wanted.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cursor::Cursor;
use super::row::Version;
use crate::call::goes_on;
use crate::envelope::Next;
use crate::pagination::CIRCLE;

/// The order to ask for, the newest or the last one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Time,
    Id,
}

/// A page to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) by: By,
    pub(crate) token: Option<String>,
    /// How many rows; as many as usual where it does not say.
    pub(crate) size: Option<u32>,
}

/// What became of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// For each row whether it is to be given out.
    pub(crate) give: Vec<bool>,
    /// Why the walk cannot go on.
    pub(crate) cut_off: Option<String>,
}

/// A walk from a cursor to the next.
#[derive(Debug)]
pub(crate) struct Walk {
    from: Cursor,
    overlap: Duration,
    step: Step,
    begun: Option<Begun>,
    /// The second of the last edge.
    edge: Option<i64>,
    /// The tokens in the order of ids.
    tokens: HashSet<String>,
    /// Everything that was wanted so far, by its digest.
    met: HashMap<u64, Option<Timestamp>>,
    repeats: usize,
    requests: usize,
}

#[derive(Debug)]
enum Step {
    /// The page of this token, by time.
    Page(Option<String>),
    /// The same page once more as far as to its edge, above the second of its last row.
    Edge {
        token: Option<String>,
        size: u32,
        bottom: i64,
    },
    /// The page of this token, by id.
    Everything(Option<String>),
    Done,
    CutOff,
}

/// What the first page was.
#[derive(Debug)]
struct Begun {
    empty: bool,
    newest: Option<Timestamp>,
}

impl Walk {
    pub(crate) fn new(from: Cursor, overlap: Duration) -> Self {
        Self {
            from,
            overlap,
            step: Step::Page(None),
            begun: None,
            edge: None,
            tokens: HashSet::new(),
            met: HashMap::new(),
            repeats: 0,
            requests: 0,
        }
    }

    /// Before the first page.
    pub(crate) fn set_overlap(&mut self, overlap: Duration) {
        if self.begun.is_none() {
            self.overlap = overlap;
        }
    }

    /// The page to ask for; `None` where the walk is over.
    pub(crate) fn ask(&self) -> Option<Ask> {
        let (by, token, size) = match &self.step {
            Step::Page(token) => (By::Time, token, None),
            Step::Edge { token, size, .. } => (By::Time, token, Some(*size)),
            Step::Everything(token) => (By::Id, token, None),
            Step::Done | Step::CutOff => return None,
        };
        let token = token.clone();
        Some(Ask { by, token, size })
    }

    /// Whether everything was met that is wanted.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.step, Step::Done)
    }

    /// How many rows were left out since the cursor knew them.
    pub(crate) fn repeats(&self) -> usize {
        self.repeats
    }

    /// How many pages have come.
    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// Takes the page that was asked for; `now` is the server's clock.
    pub(crate) fn take(&mut self, rows: &[Version], next: Next, now: Option<Timestamp>) -> Taken {
        self.requests += 1;
        self.begun.get_or_insert_with(|| {
            let newest = rows.iter().filter_map(|row| row.at).max();
            Begun {
                empty: rows.is_empty(),
                newest: newest.map(|newest| now.map_or(newest, |now| newest.min(now))),
            }
        });
        let floor = self.floor(self.from.boundary());
        let give = rows.iter().map(|row| self.wants(row, floor)).collect();
        let step = match std::mem::replace(&mut self.step, Step::CutOff) {
            Step::Page(token) => self.after(rows, next, token, None, floor),
            Step::Edge {
                token,
                size,
                bottom,
            } => self.after(rows, next, token, Some((size, bottom)), floor),
            Step::Everything(_) => self.after_some_of_everything(next),
            over => Ok(over),
        };
        let cut_off = step.map(|step| self.step = step).err();
        Taken { give, cut_off }
    }

    /// Whether a row is to be given out.
    fn wants(&mut self, row: &Version, floor: Option<Timestamp>) -> bool {
        if row.at < floor && row.at.is_some() {
            return false;
        }
        let first = self.met.insert(row.digest, row.at).is_none();
        let known = self.from.has(row.digest);
        self.repeats += usize::from(first && known);
        first && !known
    }

    /// The oldest date that is wanted of a walk with this boundary; `None` where all are.
    fn floor(&self, boundary: Option<Timestamp>) -> Option<Timestamp> {
        let overlap = SignedDuration::try_from(self.overlap).ok()?;
        boundary?.checked_sub(overlap).ok()
    }

    /// What follows a page by time that began with `token`; `edge` is its size where it is
    /// asked for again, and the second that it should end above.
    fn after(
        &mut self,
        rows: &[Version],
        next: Next,
        token: Option<String>,
        edge: Option<(u32, i64)>,
        floor: Option<Timestamp>,
    ) -> Result<Step, String> {
        let dates = || rows.iter().filter_map(|row| row.at);
        if !dates().is_sorted_by(|one, next| one >= next) {
            return Ok(Step::Everything(None));
        }
        if floor.is_some() && dates().next_back().is_some_and(|last| Some(last) < floor) {
            return Ok(Step::Done);
        }
        let next = match next {
            Next::End => return Ok(Step::Done),
            Next::Untold(by) => return Err(goes_on(&by)),
            Next::Token(next) => next,
        };
        if floor.is_none() {
            return Ok(Step::Everything(None));
        }
        let ends = rows
            .last()
            .and_then(|last| last.at)
            .map(Timestamp::as_second);
        if let (Some((_, bottom)), Some(ends)) = (edge, ends)
            && ends > bottom
            && self.is_below(ends)
        {
            self.edge = Some(ends);
            return Ok(Step::Page(Some(next)));
        }
        // A page that is asked for again is shorter each time, so this ends.
        let shorter = |size| edge.is_none_or(|(before, _)| size < before);
        Ok(match edge_of(rows) {
            Some((size, second, bottom)) if shorter(size) && self.is_below(second) => Step::Edge {
                token,
                size,
                bottom,
            },
            _ => Step::Everything(None),
        })
    }

    /// Whether the walk gets on with an edge at this second: a server that repeats the second
    /// of its tokens would otherwise give the same page for ever.
    fn is_below(&self, second: i64) -> bool {
        self.edge.is_none_or(|edge| second < edge)
    }

    fn after_some_of_everything(&mut self, next: Next) -> Result<Step, String> {
        match next {
            Next::End => Ok(Step::Done),
            Next::Untold(by) => Err(goes_on(&by)),
            Next::Token(token) if self.tokens.insert(token.clone()) => {
                Ok(Step::Everything(Some(token)))
            }
            Next::Token(_) => Err(CIRCLE.to_owned()),
        }
    }

    /// The cursor after everything.
    pub(crate) fn cursor(&self) -> Cursor {
        let newest = self.begun.as_ref().and_then(|begun| begun.newest);
        self.cursor_at(newest, &HashSet::new())
    }

    /// The cursor after all rows but some that are not older than `last`.
    pub(crate) fn cursor_before(&self, last: Option<Timestamp>, rest: &HashSet<u64>) -> Cursor {
        let newest = self.begun.as_ref().and_then(|begun| begun.newest);
        self.cursor_at(last.min(newest), rest)
    }

    fn cursor_at(&self, boundary: Option<Timestamp>, rest: &HashSet<u64>) -> Cursor {
        let boundary = boundary.max(self.from.boundary());
        let empty = self.begun.as_ref().is_none_or(|begun| begun.empty);
        let Some(boundary) = boundary.filter(|_| !empty) else {
            return self.from.clone();
        };
        let floor = self.floor(Some(boundary));
        let met = self.met.iter();
        let near =
            met.filter(|(digest, at)| at.is_some() && **at >= floor && !rest.contains(digest));
        Cursor::new(boundary, near.map(|(digest, _)| *digest))
    }
}

/// Where a page can be left: how many rows it has down to its last second but one, and these
/// two seconds.
fn edge_of(rows: &[Version]) -> Option<(u32, i64, i64)> {
    let second = |row: &Version| row.at.map(Timestamp::as_second);
    let bottom = rows.iter().rev().find_map(second)?;
    let above = |row: &Version| second(row).is_some_and(|second| second > bottom);
    let last = rows.iter().rposition(above)?;
    let size = u32::try_from(last + 1).ok()?;
    Some((size, second(&rows[last])?, bottom))
}
