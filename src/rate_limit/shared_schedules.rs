//! Generated schedules of programs that share a file: the pure state machine, with its file,
//! its clocks and its programs as plain values.
//!
//! Programs are killed, also while they write; the file is spoiled; clocks are set; the machine
//! sleeps and is started anew. What must hold with an exact server: no window sees more
//! arrivals than the limit; the file's time passes no faster than time does, and no slower
//! unless a clock has jumped; no slot counts as used longer than it may; every call of a
//! program that lives gets through.

use std::collections::BinaryHeap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::clock::{Boot, Clocks};
use super::quota::{Slot, Time};
use super::record::{Doubt, Look, State};
use super::shared_calls::{
    Call, EVER, Event, PROGRAMS, Sent, TIMEOUT, calls, first, judge_arrivals, ms,
};
use super::*;

const SCHEDULES: u32 = 10_000;
const LOST_LEASE: Duration = Duration::from_secs(60);
#[derive(Clone, Debug)]
struct Schedule {
    limit: usize,
    window: u64,
    /// The system tells when the machine was started.
    tells_start: bool,
    calls: Vec<Call>,
    mishaps: Vec<(u64, Mishap)>,
}

#[derive(Clone, Copy, Debug)]
enum Mishap {
    Kill(usize),
    KillWhileItWrites(usize),
    SpoilNewest,
    SpoilAll,
    SetClock(i64),
    Sleep(u64),
    Restart,
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let jump = prop_oneof![
        100..10_000_i64,
        -10_000..-100_i64,
        Just(100_000_000),
        Just(-100_000_000)
    ];
    let mishap = prop_oneof![
        3 => (0..PROGRAMS).prop_map(Mishap::Kill),
        2 => (0..PROGRAMS).prop_map(Mishap::KillWhileItWrites),
        1 => Just(Mishap::SpoilNewest),
        1 => Just(Mishap::SpoilAll),
        4 => jump.prop_map(Mishap::SetClock),
        1 => (1..5_000_u64).prop_map(Mishap::Sleep),
        1 => Just(Mishap::Restart),
    ];
    let mishaps = proptest::collection::vec((0..9_000_u64, mishap), 0..6);
    (
        1..6_usize,
        1_000..6_000_u64,
        any::<bool>(),
        calls(),
        mishaps,
    )
        .prop_map(|(limit, window, tells_start, calls, mishaps)| Schedule {
            limit,
            window,
            tells_start,
            calls,
            mishaps,
        })
}

#[test]
fn no_crash_and_no_clock_breaks_the_quota_or_holds_anybody_up() {
    let config = Config {
        cases: SCHEDULES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..Config::default()
    };
    let judged = TestRunner::new(config).run(&schedules(), |schedule| {
        let judged = Machine::new(&schedule).live();
        judged.map_err(TestCaseError::fail)
    });
    if let Err(problem) = judged {
        panic!("{problem}");
    }
}

#[derive(Default)]
struct Program {
    /// How often it was started.
    life: u64,
    /// Its own last look, with the moment by a clock that sleeps with the machine, and how
    /// often a clock had jumped.
    own: Option<(Look, u64, usize)>,
    waiting: Vec<usize>,
}

/// A half of the file, and when it was written.
#[derive(Clone)]
struct Written {
    state: State,
    at: u64,
    jumps: usize,
}

struct Machine<'a> {
    schedule: &'a Schedule,
    rules: Rules,
    now: u64,
    events: BinaryHeap<std::cmp::Reverse<(u64, Event)>>,
    programs: [Program; PROGRAMS],
    /// The halves of the file.
    halves: [Option<Written>; 2],
    newest: usize,
    spoiled: bool,
    lineages: u64,
    set: i64,
    starts: u64,
    started_at: u64,
    slept: u64,
    /// How often a clock has jumped.
    jumps: usize,
    sent: Vec<Sent>,
    /// When the slots that count as used after a loss are free, by the file's time.
    lost: Vec<Time>,
    /// When all was lost.
    all_lost: Vec<u64>,
}

impl<'a> Machine<'a> {
    fn new(schedule: &'a Schedule) -> Self {
        let calls = schedule.calls.iter().enumerate();
        let calls = calls.map(|(index, call)| (call.start, Event::Start(index)));
        let mishaps = schedule.mishaps.iter().enumerate();
        let mishaps = mishaps.map(|(index, (at, _))| (*at, Event::Mishap(index)));
        let mut machine = Self {
            schedule,
            rules: Rules {
                limit: schedule.limit,
                window: ms(schedule.window),
            },
            now: 0,
            events: calls.chain(mishaps).map(std::cmp::Reverse).collect(),
            programs: Default::default(),
            halves: [None, None],
            newest: 0,
            spoiled: false,
            lineages: 1,
            set: 1_000_000_000,
            starts: 0,
            started_at: 0,
            slept: 0,
            jumps: 0,
            sent: Vec::new(),
            lost: Vec::new(),
            all_lost: Vec::new(),
        };
        machine.halves[0] = Some(Written {
            state: State::new(machine.clocks(), Quota::new(0), machine.rules),
            at: 0,
            jumps: 0,
        });
        machine
    }

    fn clocks(&self) -> Clocks {
        let day = self.set.saturating_add_unsigned(self.now);
        Clocks {
            day: ms(u64::try_from(day).unwrap_or(0)),
            boot: self.schedule.tells_start.then(|| Boot {
                id: self.starts.to_string(),
                up: ms((self.now - self.started_at) / 10 * 10),
            }),
        }
    }

    fn at(&mut self, at: u64, event: Event) {
        self.events.push(std::cmp::Reverse((at, event)));
    }

    fn live(mut self) -> Result<(), String> {
        for program in 0..PROGRAMS {
            self.look(program, |_, _| ())?;
        }
        while let Some(std::cmp::Reverse((at, event))) = self.events.pop() {
            self.now = self.now.max(at);
            if self.now > EVER {
                return Err("somebody waits for ever".to_owned());
            }
            match event {
                Event::Mishap(index) => self.happens(self.schedule.mishaps[index].1)?,
                Event::Start(call) => {
                    let program = self.schedule.calls[call].program;
                    self.programs[program].waiting.push(call);
                    self.ask(program)?;
                }
                Event::Look(program) => self.ask(program)?,
                Event::End(index, life) => self.end(index, life)?,
            }
        }
        if self
            .programs
            .iter()
            .any(|program| !program.waiting.is_empty())
        {
            return Err("somebody waits, and nobody looks".to_owned());
        }
        judge_arrivals(&self.sent, &self.all_lost, &self.rules)
    }

    /// A look of a program: what the file does, on plain values.
    fn look<T>(
        &mut self,
        program: usize,
        step: impl FnOnce(&mut Quota, Time) -> T,
    ) -> Result<T, String> {
        let mut state = self.read(program)?;
        let now = state.content.time;
        let result = step(&mut state.content.quota, now);
        self.judge_used(&mut state.content.quota, now)?;
        (state.number, state.lost) = (state.number + 1, false);
        let look = Look {
            lineage: state.content.quota.lineage,
            number: state.number,
            time: now,
            since: Duration::ZERO,
        };
        self.programs[program].own = Some((look, self.awake(), self.jumps));
        if self.halves[self.newest].is_some() {
            self.newest = 1 - self.newest;
        }
        self.halves[self.newest] = Some(Written {
            state,
            at: self.now,
            jumps: self.jumps,
        });
        Ok(result)
    }

    /// What a program reads in the file, at the present time.
    fn read(&mut self, program: usize) -> Result<State, String> {
        let (clocks, rules) = (self.clocks(), self.rules);
        self.lineages += 1;
        let written = self.halves[self.newest].as_ref();
        let Some(written) = written.or(self.halves[1 - self.newest].as_ref()).cloned() else {
            self.all_lost.push(self.now);
            return Ok(State::unknown(clocks, self.lineages, rules));
        };
        let mut state = written.state.clone();
        state.lost = std::mem::take(&mut self.spoiled);
        let own = self.programs[program].own;
        let steady = [Some(written.jumps), own.map(|(_, _, jumps)| jumps)];
        let steady = steady
            .into_iter()
            .flatten()
            .all(|jumps| jumps == self.jumps);
        let own = own.map(|(look, at, _)| Look {
            since: ms(self.awake() - at),
            ..look
        });
        match state.advance(clocks.clone(), own, &rules) {
            Ok(()) => {}
            Err(Doubt::BeginAnew(_)) => {
                self.all_lost.push(self.now);
                return Ok(State::unknown(clocks, self.lineages, rules));
            }
            Err(doubt) => return Err(format!("{doubt:?}")),
        }
        let now = state.content.time;
        if state.lost {
            self.lost.push(now + LOST_LEASE + GRACE + rules.window);
        }
        self.judge_time(&written, now, steady)?;
        Ok(state)
    }

    /// The time by a clock that sleeps with the machine.
    fn awake(&self) -> u64 {
        self.now - self.slept
    }

    fn ask(&mut self, program: usize) -> Result<(), String> {
        let calls = &self.schedule.calls;
        let waiting = &self.programs[program].waiting;
        let Some(position) = first(calls, waiting) else {
            return Ok(());
        };
        let index = waiting[position];
        let call = &calls[index];
        let asker = call.asker(self.now);
        let rules = self.rules;
        let (asked, now) =
            self.look(program, |quota, now| (quota.ask(&rules, now, &asker), now))?;
        match asked {
            Ok(slot) => {
                self.programs[program].waiting.remove(position);
                self.send(index, slot, now);
                self.at(self.now, Event::Look(program));
            }
            Err(None) => return Err(format!("no time is known for {call:?}")),
            Err(Some(at)) => {
                let wait = at - now;
                if wait > rules.window + GRACE && self.lost.is_empty() {
                    return Err(format!("{call:?} waits {wait:?}"));
                }
                self.at(
                    self.now + wait.as_micros().div_ceil(1000) as u64,
                    Event::Look(program),
                );
            }
        }
        Ok(())
    }

    fn send(&mut self, call: usize, slot: Slot, now: Time) {
        let made = &self.schedule.calls[call];
        let (arrives, ends) = made.times(self.now);
        let life = self.programs[made.program].life;
        self.at(ends, Event::End(self.sent.len(), life));
        self.sent.push(Sent {
            call,
            at: self.now,
            arrives,
            slot,
            free: now + ms(TIMEOUT) + GRACE + self.rules.window,
        });
    }

    fn end(&mut self, index: usize, life: u64) -> Result<(), String> {
        let call = &self.schedule.calls[self.sent[index].call];
        if self.programs[call.program].life != life {
            return Ok(());
        }
        let (slot, rules) = (self.sent[index].slot, self.rules);
        let (end, kept) = call.end(&rules);
        // Judged after it is told.
        self.sent[index].free = Time::MAX;
        let now = self.look(call.program, |quota, now| {
            quota.end(&rules, now, &slot, end);
            now
        })?;
        self.sent[index].free = now + kept;
        self.ask(call.program)
    }

    fn kill(&mut self, program: usize) -> Result<(), String> {
        self.programs[program] = Program {
            life: self.programs[program].life + 1,
            ..Program::default()
        };
        // It is started again at once.
        self.look(program, |_, _| ())
    }

    fn happens(&mut self, mishap: Mishap) -> Result<(), String> {
        match mishap {
            Mishap::Kill(program) => self.kill(program)?,
            Mishap::KillWhileItWrites(program) => {
                // The half that it was about to write.
                self.halves[1 - self.newest] = None;
                self.spoiled = true;
                self.kill(program)?;
            }
            Mishap::SpoilNewest => {
                if let Some(newest) = self.halves[self.newest].take() {
                    // It may have told of an end.
                    let lease = ms(TIMEOUT) + GRACE + self.rules.window;
                    self.lost.push(newest.state.content.time + lease);
                }
                // What a jump was found to be is found anew.
                self.jumps += 1;
                self.spoiled = self.halves[1 - self.newest].is_some();
            }
            Mishap::SpoilAll => {
                self.halves = [None, None];
                self.spoiled = false;
            }
            Mishap::SetClock(by) => {
                // Where the system does not tell when it was started, a program that has not
                // looked just before cannot know that the clock is set forward, and nobody can
                // until both halves are written again.
                let blind = by > 0 && !self.schedule.tells_start;
                if blind {
                    self.look(0, |_, _| ())?;
                }
                self.set += by;
                self.jumps += 1;
                if blind {
                    self.look(0, |_, _| ())?;
                    self.look(0, |_, _| ())?;
                }
            }
            Mishap::Sleep(for_) => {
                let events = std::mem::take(&mut self.events).into_iter();
                let later = events.map(|std::cmp::Reverse((at, event))| (at + for_, event));
                self.events = later.map(std::cmp::Reverse).collect();
                self.now += for_;
                self.slept += for_;
                self.jumps += 1;
            }
            Mishap::Restart => {
                // What has not arrived never will.
                for sent in &mut self.sent {
                    sent.arrives = sent.arrives.filter(|at| *at <= self.now);
                }
                self.starts += 1;
                self.started_at = self.now;
                self.jumps += 1;
                (0..PROGRAMS).try_for_each(|program| self.kill(program))?;
            }
        }
        Ok(())
    }

    fn judge_time(&self, then: &Written, time: Time, steady: bool) -> Result<(), String> {
        let (passed, really) = (time - then.state.content.time, ms(self.now - then.at));
        if passed > really || (steady && passed < really) {
            return Err(format!("{passed:?} are said to have passed, in {really:?}"));
        }
        Ok(())
    }

    /// Each slot that counts as used is that of a request, or of a loss.
    fn judge_used(&self, quota: &mut Quota, now: Time) -> Result<(), String> {
        let used = quota.snapshot(&self.rules, now).used;
        let sent = self
            .sent
            .iter()
            .filter(|sent| sent.free > now || sent.slot.lineage != quota.lineage);
        let lost = self.lost.iter().filter(|free| **free > now);
        // The one that this look may have taken.
        if used > sent.count() + lost.count() + 1 {
            return Err(format!("{used} slots are used at {now:?}"));
        }
        Ok(())
    }
}
