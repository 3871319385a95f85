//! The calls of generated schedules in which programs share a quota: what becomes of each, and
//! whether a server that counts exactly would have taken them all. The schedules themselves are
//! in `shared_schedules.rs`, for a file, and in `redis/schedules.rs`.

use proptest::prelude::*;

use super::quota::{Asker, End, Slot, Time};
use super::*;

pub(super) const PROGRAMS: usize = 3;
/// No attempt takes longer, in milliseconds.
pub(super) const TIMEOUT: u64 = 400;
/// Longer than any schedule takes.
pub(super) const EVER: u64 = 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) start: u64,
    pub(super) program: usize,
    pub(super) lane: Lane,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Answered { there: u64, back: u64 },
    Lost { after: u64, late: u64 },
    Unsent { after: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Mishap(usize),
    Start(usize),
    /// A program looks, if a call of it waits.
    Look(usize),
    /// The call has ended, unless its program was killed since.
    End(usize, u64),
}

/// A request that was sent.
pub(super) struct Sent {
    pub(super) call: usize,
    pub(super) at: u64,
    pub(super) arrives: Option<u64>,
    pub(super) slot: Slot,
    /// When its slot is free, by the quota's time.
    pub(super) free: Time,
}

pub(super) fn calls() -> impl Strategy<Value = Vec<Call>> {
    let outcome = prop_oneof![
        6 => (0..200_u64, 0..200_u64).prop_map(|(there, back)| Outcome::Answered { there, back }),
        1 => (0..200_u64, 0..=10_000_u64).prop_map(|(after, late)| Outcome::Lost { after, late }),
        1 => (0..200_u64).prop_map(|after| Outcome::Unsent { after }),
    ];
    let lane = prop_oneof![Just(Lane::Read), Just(Lane::Write)];
    let call = (0..2_000_u64, 0..PROGRAMS, lane, outcome);
    let call = call.prop_map(|(start, program, lane, outcome)| Call {
        start,
        program,
        lane,
        outcome,
    });
    proptest::collection::vec(call, 1..30)
}

/// Which of the calls that wait in a program is its first: writes go before reads.
pub(super) fn first(calls: &[Call], waiting: &[usize]) -> Option<usize> {
    let is_write = |call: &usize| calls[*call].lane == Lane::Write;
    let write = waiting.iter().position(is_write);
    write.or((!waiting.is_empty()).then_some(0))
}

impl Call {
    pub(super) fn asker(&self, now: u64) -> Asker {
        Asker {
            program: Some(self.program as u64),
            lane: self.lane,
            waited: ms(now.saturating_sub(self.start)),
            lease: ms(TIMEOUT),
        }
    }

    /// When its request arrives, if it does, and when the call ends.
    pub(super) fn times(&self, now: u64) -> (Option<u64>, u64) {
        let (arrives, ends) = match self.outcome {
            Outcome::Answered { there, back } => (Some(there), there + back),
            Outcome::Lost { after, late } => (Some(after + late), after),
            Outcome::Unsent { after } => (None, after),
        };
        (arrives.map(|after| now + after), now + ends)
    }

    /// What it tells, and for how long its slot is kept then.
    pub(super) fn end(&self, rules: &Rules) -> (End, Duration) {
        match self.outcome {
            Outcome::Answered { .. } => (End::Accepted { remaining: None }, rules.window),
            Outcome::Lost { .. } => (End::Unanswered, rules.window + GRACE),
            Outcome::Unsent { .. } => (End::Unsent, Duration::ZERO),
        }
    }
}

/// Whether no window saw more arrivals than the limit. Where everything was lost, what was under
/// way then may be one too many each.
pub(super) fn judge_arrivals(sent: &[Sent], lost: &[u64], rules: &Rules) -> Result<(), String> {
    let arrived = sent.iter().filter_map(|sent| {
        let arrives = sent.arrives?;
        let across = |lost: &u64| (sent.at..arrives).contains(lost);
        (!lost.iter().any(across)).then_some(arrives)
    });
    let mut arrived: Vec<_> = arrived.collect();
    arrived.sort_unstable();
    for pair in arrived.windows(rules.limit + 1) {
        let apart = ms(pair[rules.limit] - pair[0]);
        if apart < rules.window {
            return Err(format!("{} arrivals within {apart:?}", pair.len()));
        }
    }
    Ok(())
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
