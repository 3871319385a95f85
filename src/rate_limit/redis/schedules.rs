//! Generated schedules of programs that share a quota in Redis: the real script in a real Redis,
//! which is told the time; programs, requests and mishaps as plain values.
//!
//! Programs are killed; answers of Redis get lost; its clock is set; it is flushed, started anew
//! with nothing, with an old state, or as a replica that lags. What must hold with an exact
//! server: no window sees more arrivals than the limit; the quota's time passes no faster than
//! time does, and no slower unless the clock has jumped; no slot counts as used longer than it
//! may; every call of a program that lives gets through.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::server::Server;
use super::step::{Look, Message, News, Reply};
use crate::rate_limit::GRACE;
use crate::rate_limit::quota::{Asker, Rules, Slot, Time};
use crate::rate_limit::shared_calls::{
    Call, EVER, Event, PROGRAMS, Sent, TIMEOUT, calls, first, judge_arrivals, ms,
};

/// `HUNTRESS_SCHEDULES` sets how many; two thousand otherwise, which take half a minute.
fn how_many() -> u32 {
    let schedules = std::env::var("HUNTRESS_SCHEDULES").ok();
    schedules.map_or(2_000, |number| number.parse().unwrap())
}

/// So many states before the present one may a replica be.
const LAG: usize = 4;

#[derive(Clone, Debug)]
struct Schedule {
    limit: usize,
    window: u64,
    calls: Vec<Call>,
    mishaps: Vec<(u64, Mishap)>,
}

#[derive(Clone, Copy, Debug)]
enum Mishap {
    Kill(usize),
    /// The next answer to this program.
    LoseAnswer(usize),
    SetClock(i64),
    Flush,
    /// Perhaps with all programs, none of which knows what was there.
    Restart(bool),
    /// Started anew, or replaced, with the state of so many steps ago.
    GoBack(usize),
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let jump = prop_oneof![
        200..10_000_i64,
        -10_000..-200_i64,
        Just(100_000_000),
        Just(-100_000_000)
    ];
    let mishap = prop_oneof![
        3 => (0..PROGRAMS).prop_map(Mishap::Kill),
        4 => (0..PROGRAMS).prop_map(Mishap::LoseAnswer),
        3 => jump.prop_map(Mishap::SetClock),
        1 => Just(Mishap::Flush),
        2 => any::<bool>().prop_map(Mishap::Restart),
        2 => (0..LAG).prop_map(Mishap::GoBack),
    ];
    let mishaps = prop::collection::vec((0..9_000_u64, mishap), 0..6);
    (1..6_usize, 1_000..6_000_u64, calls(), mishaps).prop_map(|(limit, window, calls, mishaps)| {
        Schedule {
            limit,
            window,
            calls,
            mishaps,
        }
    })
}

#[test]
fn no_crash_and_no_loss_breaks_the_quota_or_holds_anybody_up() {
    let config = Config {
        cases: how_many(),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..Config::default()
    };
    let server = RefCell::new(Server::connect());
    let judged = TestRunner::new(config).run(&schedules(), |schedule| {
        let mut server = server.borrow_mut();
        let judged = World::new(&schedule, &mut server).live();
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
    /// Its own last look, and when that was.
    own: Option<(Look, u64)>,
    waiting: Vec<usize>,
    /// How often it has looked in a row without a slot.
    looked: u32,
    loses_answer: bool,
}

/// What Redis said last.
struct Said {
    lineage: u64,
    time: Time,
    at: u64,
    jumps: usize,
}

struct World<'a> {
    schedule: &'a Schedule,
    server: &'a mut Server,
    rules: Rules,
    now: u64,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    programs: [Program; PROGRAMS],
    /// The last states, the newest first, where one is wanted.
    dumps: VecDeque<Option<Vec<u8>>>,
    goes_back: bool,
    said: Option<Said>,
    /// By how much the server's clock is ahead, in milliseconds.
    set: i64,
    started_at: u64,
    jumps: usize,
    sent: Vec<Sent>,
    /// When the state was lost.
    lost: Vec<u64>,
}

impl<'a> World<'a> {
    fn new(schedule: &'a Schedule, server: &'a mut Server) -> Self {
        server.flush();
        server.run = 1;
        let calls = schedule.calls.iter().enumerate();
        let calls = calls.map(|(index, call)| (call.start, Event::Start(index)));
        let mishaps = schedule.mishaps.iter().enumerate();
        let mishaps = mishaps.map(|(index, (at, _))| (*at, Event::Mishap(index)));
        Self {
            schedule,
            server,
            rules: Rules {
                limit: schedule.limit,
                window: ms(schedule.window),
            },
            now: EVER,
            events: calls.chain(mishaps).map(Reverse).collect(),
            programs: Default::default(),
            dumps: VecDeque::new(),
            goes_back: (schedule.mishaps.iter())
                .any(|(_, mishap)| matches!(mishap, Mishap::GoBack(_))),
            said: None,
            set: 1_000_000_000_000,
            started_at: 0,
            jumps: 0,
            sent: Vec::new(),
            lost: Vec::new(),
        }
    }

    fn at(&mut self, at: u64, event: Event) {
        self.events.push(Reverse((at, event)));
    }

    fn live(mut self) -> Result<(), String> {
        // The server runs for long already.
        let begun = self.now;
        let events = std::mem::take(&mut self.events).into_iter();
        let later = events.map(|Reverse((at, event))| Reverse((begun + at, event)));
        self.events = later.collect();
        for program in 0..PROGRAMS {
            self.step(program, &[], None)?;
        }
        while let Some(Reverse((at, event))) = self.events.pop() {
            self.now = self.now.max(at);
            if self.now > begun + EVER {
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
        if self.programs.iter().any(|p| !p.waiting.is_empty()) {
            return Err("somebody waits, and nobody looks".to_owned());
        }
        judge_arrivals(&self.sent, &self.lost, &self.rules)
    }

    /// A step of a program, which is taken twice where the answer is lost.
    fn step(
        &mut self,
        program: usize,
        news: &[News],
        ask: Option<(u64, Asker)>,
    ) -> Result<Reply, String> {
        let server = &mut *self.server;
        let clock = self.set.saturating_add_unsigned(self.now);
        server.now = u64::try_from(clock).unwrap_or(0) * 1000;
        server.up = (self.now - self.started_at) * 1000;
        let this = &mut self.programs[program];
        let own = this.own.map(|(look, at)| Look {
            since: ms(self.now - at),
            ..look
        });
        let message = Message::new(&self.rules, program as u64, own, news, ask);
        let mut reply = server.step(&message);
        if std::mem::take(&mut this.loses_answer) {
            let message = Message::new(&self.rules, program as u64, own, news, ask);
            reply = server.step(&message);
        }
        let look = Look {
            lineage: reply.lineage,
            time: reply.time,
            since: Duration::ZERO,
        };
        this.own = Some((look, self.now));
        if self.goes_back {
            self.dumps.push_front(server.dump());
            self.dumps.truncate(LAG);
        }
        self.judge_time(&reply)?;
        self.judge_used(&reply)?;
        Ok(reply)
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
        let ticket = fastrand::u64(..);
        let reply = self.step(program, &[], Some((ticket, asker)))?;
        if reply.taken {
            self.programs[program].waiting.remove(position);
            self.programs[program].looked = 0;
            self.send(index, ticket, &reply);
            self.at(self.now, Event::Look(program));
            return Ok(());
        }
        let Some(wait) = reply.wait else {
            return Err(format!("no time is known for {call:?}"));
        };
        if wait > self.rules.window + GRACE {
            return Err(format!("{call:?} waits {wait:?}"));
        }
        // Who waits for what a killed program has under way would look some hundred times.
        let looked = &mut self.programs[program].looked;
        *looked += 1;
        let wait = wait.as_micros().div_ceil(1000) as u64 * (1 << (*looked / 4).min(8));
        self.at(self.now + wait, Event::Look(program));
        Ok(())
    }

    fn send(&mut self, call: usize, ticket: u64, reply: &Reply) {
        let made = &self.schedule.calls[call];
        let (arrives, ends) = made.times(self.now);
        let life = self.programs[made.program].life;
        self.at(ends, Event::End(self.sent.len(), life));
        self.sent.push(Sent {
            call,
            at: self.now,
            arrives,
            slot: Slot {
                lineage: reply.lineage,
                ticket,
            },
            free: reply.time + ms(TIMEOUT) + GRACE + self.rules.window,
        });
    }

    fn end(&mut self, index: usize, life: u64) -> Result<(), String> {
        let call = &self.schedule.calls[self.sent[index].call];
        if self.programs[call.program].life != life {
            return Ok(());
        }
        let (end, kept) = call.end(&self.rules);
        let slot = self.sent[index].slot;
        // Judged after it is told.
        self.sent[index].free = Time::MAX;
        let reply = self.step(call.program, &[News::Ended(slot, end)], None)?;
        self.sent[index].free = reply.time + kept;
        self.ask(call.program)
    }

    fn happens(&mut self, mishap: Mishap) -> Result<(), String> {
        match mishap {
            Mishap::Kill(program) => {
                self.kill(program);
                // It is started again at once.
                self.step(program, &[], None)?;
            }
            Mishap::LoseAnswer(program) => self.programs[program].loses_answer = true,
            Mishap::SetClock(by) => {
                // Only who has looked just before can know that the clock is set forward.
                self.step(0, &[], None)?;
                self.set += by;
                self.jumps += 1;
                self.step(0, &[], None)?;
            }
            Mishap::Flush => {
                self.server.flush();
                self.loses();
                // Only who has looked before can know that there was something.
                self.step(0, &[], None)?;
            }
            Mishap::Restart(with_programs) => {
                self.server.flush();
                self.server.run += 1;
                self.started_at = self.now;
                self.loses();
                if with_programs {
                    (0..PROGRAMS).for_each(|program| self.kill(program));
                }
            }
            Mishap::GoBack(steps) => {
                let dump = self.dumps.get(steps).or(self.dumps.back());
                self.server.restore(dump.unwrap_or(&None));
                self.server.run += 1;
                self.started_at = self.now;
                self.loses();
            }
        }
        Ok(())
    }

    fn kill(&mut self, program: usize) {
        self.programs[program] = Program {
            life: self.programs[program].life + 1,
            ..Program::default()
        };
    }

    fn loses(&mut self) {
        self.lost.push(self.now);
        self.said = None;
    }

    fn judge_time(&mut self, reply: &Reply) -> Result<(), String> {
        let said = Said {
            lineage: reply.lineage,
            time: reply.time,
            at: self.now,
            jumps: self.jumps,
        };
        let Some(then) = self.said.replace(said) else {
            return Ok(());
        };
        if then.lineage != reply.lineage {
            return Err("the quota began anew for no reason".to_owned());
        }
        let (passed, really) = (reply.time - then.time, ms(self.now - then.at));
        if passed > really || (then.jumps == self.jumps && passed < really) {
            return Err(format!("{passed:?} are said to have passed, in {really:?}"));
        }
        Ok(())
    }

    /// Each slot that counts as used is that of a request.
    fn judge_used(&self, reply: &Reply) -> Result<(), String> {
        let now = reply.time;
        let may_be = |sent: &&Sent| sent.free > now || sent.slot.lineage != reply.lineage;
        let sent = self.sent.iter().filter(may_be).count();
        // The one that this step may have taken.
        let used = reply.used;
        if used > sent + usize::from(reply.taken) {
            return Err(format!("{used} slots are used at {now:?}, by {sent}"));
        }
        Ok(())
    }
}
