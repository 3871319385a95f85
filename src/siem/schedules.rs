//! Generated schedules of the plan against a log that counts exactly.
//!
//! Lines become visible late, up to the lag and the overlap together. The server refuses
//! ranges that are too long or have too much in them, and cuts off what its limit does not
//! allow. The program is killed between any two steps and begins again from the checkpoint
//! that it kept last, which has been text in the meantime. Time goes on at its own pace.
//!
//! What must hold: a program that keeps rows and checkpoint together has every line exactly
//! once. One that keeps the checkpoint after the rows, and is killed in between, has every
//! line at least once. And no query is sent again that the server could not answer.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::checkpoint::{Checkpoint, RowId};
use super::plan::{Plan, Settings, Span, Step, Whole};

const SCHEDULES: u32 = 10_000;
/// As many of a program that keeps the checkpoint later, which loses nothing in the same way.
const LATER: u32 = 1_000;
/// When the log begins.
const BEGIN: i64 = 100_000;

#[derive(Clone, Debug)]
struct Schedule {
    lines: Vec<Line>,
    settings: Settings,
    /// The longest range that the server answers, in seconds.
    longest: i64,
    /// The most lines of a range that it answers.
    most: usize,
    steps: Vec<Act>,
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: i64,
    visible: i64,
}

/// What happens with a window, and how much time passes.
#[derive(Clone, Copy, Debug)]
struct Act {
    killed: Option<Killed>,
    seconds: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    /// After the answer, before anything was kept.
    BeforeRows,
    /// After the rows, before the checkpoint; both, where they are kept together.
    AfterRows,
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let line = (0..20_000_i64, 0.0..1.0_f64);
    let killed = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Killed::BeforeRows)),
        1 => Just(Some(Killed::AfterRows)),
    ];
    let act = (killed, 0..60_i64).prop_map(|(killed, seconds)| Act { killed, seconds });
    let settings = (
        1..400_i64,
        0..60_i64,
        0..120_i64,
        proptest::option::of(1..20_u64),
    );
    let lines = prop::collection::vec(line, 0..120);
    let steps = prop::collection::vec(act, 0..60);
    (lines, settings, 1..400_i64, 1..40_usize, steps).prop_map(
        |(gaps, (window, lag, overlap, limit), longest, most, steps)| {
            let mut at = BEGIN * 1_000;
            let mut lines = Vec::new();
            for (gap, lateness) in gaps {
                at += gap;
                let latest = ((lag + overlap) * 1_000) as f64;
                let visible = at + (latest * lateness) as i64;
                lines.push(Line { at, visible });
            }
            // So that a second can be answered.
            let density = density(&lines);
            Schedule {
                lines,
                settings: Settings {
                    window,
                    lag,
                    overlap,
                    until: None,
                    follows: true,
                    limit: limit.map(|limit| limit.max(density as u64 + 1)),
                },
                longest,
                most: most.max(density),
                steps,
            }
        },
    )
}

/// The most lines of a range of one second.
fn density(lines: &[Line]) -> usize {
    let mut seconds: BTreeMap<i64, usize> = BTreeMap::new();
    for line in lines {
        *seconds.entry(line.at.div_euclid(1_000)).or_default() += 1;
    }
    // Both ends are in it.
    let pair = |(second, count): (&i64, &usize)| count + seconds.get(&(second + 1)).unwrap_or(&0);
    seconds.iter().map(pair).max().unwrap_or_default()
}

/// The numbers of the lines of a range, unless it is too large.
fn answer(schedule: &Schedule, span: Span, now: i64) -> Option<Vec<usize>> {
    let range = span.start * 1_000..=span.end * 1_000;
    let found = schedule.lines.iter().enumerate();
    let found = found.filter(|(_, line)| range.contains(&line.at) && line.visible <= now * 1_000);
    let mut found: Vec<_> = found.map(|(number, _)| number).collect();
    if span.end - span.start > schedule.longest || found.len() > schedule.most {
        return None;
    }
    let limit = schedule.settings.limit.unwrap_or(u64::MAX);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Some(found)
}

/// A program that is killed now and then, and what outlives it.
struct Program<'s> {
    schedule: &'s Schedule,
    /// Rows and checkpoint are kept together.
    together: bool,
    plan: Plan,
    kept: Vec<usize>,
    checkpoint: String,
    /// What the server could not answer, until a window was complete.
    refused: HashSet<(i64, i64)>,
    windows: usize,
}

impl<'s> Program<'s> {
    fn start(schedule: &'s Schedule, together: bool) -> Self {
        let checkpoint = Checkpoint::new(BEGIN);
        Self {
            schedule,
            together,
            checkpoint: serde_json::to_string(&checkpoint).unwrap(),
            plan: Plan::new(schedule.settings, checkpoint),
            kept: Vec::new(),
            refused: HashSet::new(),
            windows: 0,
        }
    }

    fn restart(&mut self) {
        let checkpoint = serde_json::from_str(&self.checkpoint).unwrap();
        self.plan = Plan::new(self.schedule.settings, checkpoint);
        self.refused.clear();
    }

    /// One step; whether it had to wait.
    fn step(&mut self, now: i64, killed: Option<Killed>) -> Result<bool, String> {
        let span = match self.plan.next(now) {
            Step::Read(span) => span,
            Step::Wait => return Ok(true),
            Step::End => return Err("it ended".to_owned()),
        };
        let answer = answer(self.schedule, span, now);
        let whole = |rows: &Vec<usize>| self.plan.is_whole(rows.len()) == Whole::Yes;
        let Some(rows) = answer.filter(whole) else {
            if !self.refused.insert((span.start, span.end)) {
                return Err(format!("{span:?} was asked for again"));
            }
            if self.plan.halve(span).is_break() {
                return Err(format!("{span:?} cannot be answered"));
            }
            return Ok(false);
        };
        self.refused.clear();
        self.windows += 1;
        let ids: Vec<_> = rows
            .iter()
            .map(|row| Some(RowId::Uuid(*row as u128)))
            .collect();
        let new = self.plan.complete(span, &ids);
        if killed == Some(Killed::BeforeRows) {
            self.restart();
            return Ok(false);
        }
        let new = rows.into_iter().zip(new).filter(|(_, new)| *new);
        self.kept.extend(new.map(|(row, _)| row));
        if self.together || killed.is_none() {
            self.checkpoint = serde_json::to_string(self.plan.checkpoint()).unwrap();
        }
        if killed.is_some() {
            self.restart();
        }
        Ok(false)
    }

    /// Lets everything happen, and looks at what was kept: lines lost and repeated.
    fn run(mut self) -> Result<Counted, String> {
        let mut now = BEGIN;
        for act in &self.schedule.steps {
            now += act.seconds;
            self.step(now, act.killed)?;
        }
        // All lines are visible, and older than the lag.
        let Settings { lag, overlap, .. } = self.schedule.settings;
        let last = self.schedule.lines.last().map_or(0, |line| line.at / 1_000);
        now = now.max(last + lag + overlap) + lag + 1;
        let mut waits = 0;
        while waits < 2 {
            waits += usize::from(self.step(now, None)?);
        }
        let mut times = vec![0_usize; self.schedule.lines.len()];
        self.kept.iter().for_each(|row| times[*row] += 1);
        Ok(Counted {
            lost: times.iter().filter(|times| **times == 0).count(),
            repeated: times.iter().map(|times| times.saturating_sub(1)).sum(),
            lines: times.len(),
            windows: self.windows,
        })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    lost: usize,
    repeated: usize,
    lines: usize,
    windows: usize,
}

/// Runs all schedules, and adds up what came of them.
fn run(cases: u32, together: bool) -> Counted {
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..Config::default()
    };
    let sum = std::cell::Cell::new(Counted::default());
    let judged = TestRunner::new(config).run(&schedules(), |schedule| {
        let counted = Program::start(&schedule, together).run();
        let counted = counted.map_err(TestCaseError::fail)?;
        let fine = counted.lost == 0 && (!together || counted.repeated == 0);
        let mut all = sum.get();
        all.lost += counted.lost;
        all.repeated += counted.repeated;
        all.lines += counted.lines;
        all.windows += counted.windows;
        sum.set(all);
        fine.then_some(())
            .ok_or_else(|| TestCaseError::fail(format!("{counted:?}")))
    });
    if let Err(problem) = judged {
        panic!("{problem}");
    }
    println!("{cases} schedules: {:?}", sum.get());
    sum.get()
}

#[test]
fn rows_and_checkpoint_kept_together_are_every_line_exactly_once() {
    let counted = run(SCHEDULES, true);
    assert!(
        counted.lines > 100_000 && counted.windows > 100_000,
        "{counted:?}"
    );
}

#[test]
fn a_checkpoint_kept_after_the_rows_is_every_line_at_least_once() {
    let counted = run(LATER, false);
    assert!(counted.repeated > 0, "nobody was killed in between");
}
