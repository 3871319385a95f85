//! Whether the script has the rules of `quota.rs`: the same events to both, and all that they
//! say compared.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::server::Server;
use super::step::{Message, News};
use crate::rate_limit::quota::{Asker, End, Quota, Rules, Slot};
use crate::rate_limit::{Lane, RateLimiterSnapshot};

const CASES: u32 = 1_000;
const PROGRAMS: u64 = 3;

#[derive(Clone, Debug)]
struct Case {
    limit: usize,
    window: u64,
    /// With the milliseconds since the one before.
    events: Vec<(u64, Event)>,
}

#[derive(Clone, Debug)]
enum Event {
    Ask {
        program: u64,
        lane: Lane,
        waited: u64,
        lease: u64,
    },
    /// Of the slot with this number among those that were given out.
    End(prop::sample::Index, End),
    Leave(u64),
}

fn cases() -> impl Strategy<Value = Case> {
    let lane = prop_oneof![Just(Lane::Read), Just(Lane::Write)];
    let ask = (0..PROGRAMS, lane, 0..3_000_u64, 0..2_000_u64);
    let ask = ask.prop_map(|(program, lane, waited, lease)| Event::Ask {
        program,
        lane,
        waited,
        lease,
    });
    let retry_after = prop::option::of((0..400_000_u64).prop_map(ms));
    let end = prop_oneof![
        6 => prop::option::of(0..8_usize).prop_map(|remaining| End::Accepted { remaining }),
        2 => retry_after.prop_map(|retry_after| End::Refused { retry_after }),
        1 => Just(End::Unanswered),
        1 => Just(End::Unsent),
    ];
    let end = (any::<prop::sample::Index>(), end).prop_map(|(slot, end)| Event::End(slot, end));
    let event = prop_oneof![
        6 => ask,
        5 => end,
        1 => (0..PROGRAMS).prop_map(Event::Leave),
    ];
    let pause = prop_oneof![4 => 0..3_u64, 4 => 0..300_u64, 1 => 0..9_000_u64];
    let events = prop::collection::vec((pause, event), 1..60);
    (1..6_usize, 1_000..6_000_u64, events).prop_map(|(limit, window, events)| Case {
        limit,
        window,
        events,
    })
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn the_script_has_the_rules_of_the_state_machine() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(13),
        ..Config::default()
    };
    let server = std::cell::RefCell::new(Server::connect());
    let judged = TestRunner::new(config).run(&cases(), |case| {
        let judged = both(&mut server.borrow_mut(), &case);
        judged.map_err(TestCaseError::fail)
    });
    if let Err(problem) = judged {
        panic!("{problem}");
    }
}

fn both(server: &mut Server, case: &Case) -> Result<(), String> {
    let rules = Rules {
        limit: case.limit,
        window: ms(case.window),
    };
    server.flush();
    let mut quota = Quota::new(1);
    let mut now = Duration::ZERO;
    let mut say = |now: Duration, program, news: &[News], ask| {
        server.now = 1_000_000_000_000_000 + now.as_micros() as u64;
        server.step(&Message::new(&rules, program, None, news, ask))
    };
    let lineage = say(now, 0, &[], None).lineage;
    let mut slots: Vec<Slot> = Vec::new();
    for (index, (pause, event)) in case.events.iter().enumerate() {
        now += ms(*pause);
        let at = |what: &str| format!("event {index}, {event:?} at {now:?}: {what}");
        let reply = match event {
            Event::Ask {
                program,
                lane,
                waited,
                lease,
            } => {
                let asker = Asker {
                    program: Some(*program),
                    lane: *lane,
                    waited: ms(*waited),
                    lease: ms(*lease),
                };
                let asked = quota.ask(&rules, now, &asker);
                let ticket = slots.len() as u64;
                let reply = say(now, *program, &[], Some((ticket, asker)));
                let expected = asked.as_ref().err().map(|at| at.map(|at| at - now));
                let same = match (&asked, reply.taken) {
                    (Ok(slot), true) => slot.ticket == ticket,
                    (Err(_), false) => close(expected.flatten(), reply.wait),
                    _ => false,
                };
                if !same {
                    return Err(at(&format!("{asked:?}, but the script says {reply:?}")));
                }
                slots.extend(asked);
                reply
            }
            Event::End(slot, end) => {
                if slots.is_empty() {
                    continue;
                }
                let index = slot.index(slots.len());
                let slot = slots[index];
                // Each ends once: what is told again is not the state machine's concern.
                if slot.lineage == 0 {
                    continue;
                }
                slots[index].lineage = 0;
                let pause = quota.end(&rules, now, &slot, *end);
                let told = Slot { lineage, ..slot };
                let reply = say(now, 0, &[News::Ended(told, *end)], None);
                if pause != reply.pause {
                    return Err(at(&format!("{pause:?}, but the script says {reply:?}")));
                }
                reply
            }
            Event::Leave(program) => {
                quota.leave(*program);
                say(now, *program, &[News::Left], None)
            }
        };
        let (ours, theirs) = (quota.snapshot(&rules, now), reply.snapshot(&rules));
        let next_free = close(ours.next_free_in, theirs.next_free_in);
        let but_for = |snapshot| RateLimiterSnapshot {
            next_free_in: None,
            ..snapshot
        };
        let same = next_free && but_for(ours) == but_for(theirs);
        if !same {
            return Err(at(&format!("{ours:?}, but the script says {theirs:?}")));
        }
    }
    Ok(())
}

/// The script counts microseconds.
fn close(ours: Option<Duration>, theirs: Option<Duration>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours.abs_diff(theirs) <= Duration::from_micros(1),
        (ours, theirs) => ours == theirs,
    }
}
