//! Who goes first among the programs that share a quota, on the pure state machine.

use super::*;

const RULES: Rules = Rules {
    limit: 1,
    window: Duration::from_secs(60),
};

fn at(milliseconds: u64) -> Time {
    Duration::from_millis(milliseconds)
}

fn asker(program: u64, lane: Lane, waited: u64) -> Asker {
    Asker {
        program: Some(program),
        lane,
        waited: at(waited),
        lease: at(1_000),
    }
}

/// A quota whose slot becomes free at 60 seconds.
fn used() -> Quota {
    let mut quota = Quota::new(1);
    answered(&mut quota, Lane::Read, Time::ZERO);
    quota
}

/// A program that nobody waits before makes a call.
fn answered(quota: &mut Quota, lane: Lane, now: Time) {
    let slot = quota.ask(&RULES, now, &asker(0, lane, 0)).unwrap();
    quota.end(&RULES, now, &slot, End::Accepted { remaining: None });
}

fn waits(quota: &mut Quota, now: u64, asker: Asker) -> Option<Time> {
    quota.ask(&RULES, at(now), &asker).unwrap_err()
}

#[test]
fn the_call_that_has_waited_longest_goes_first() {
    let mut quota = used();
    let (early, late) = (asker(1, Lane::Read, 500), asker(2, Lane::Read, 100));
    assert_eq!(waits(&mut quota, 1_000, late), Some(at(60_000)));
    assert_eq!(waits(&mut quota, 1_000, early), Some(at(60_000)));
    let (early, late) = (asker(1, Lane::Read, 59_500), asker(2, Lane::Read, 59_100));
    assert_eq!(waits(&mut quota, 60_000, late), Some(at(60_000) + SOON));
    assert!(quota.ask(&RULES, at(60_000), &early).is_ok());
}

#[test]
fn a_write_goes_before_a_read_but_not_for_ever() {
    let mut quota = used();
    let (read, write) = (asker(1, Lane::Read, 500), asker(2, Lane::Write, 0));
    waits(&mut quota, 1_000, read);
    waits(&mut quota, 1_000, write);
    waits(&mut quota, 60_000, asker(1, Lane::Read, 59_500));
    assert!(quota.ask(&RULES, at(60_000), &write).is_ok());

    let mut quota = Quota::new(1);
    let mut now = Time::ZERO;
    for _ in 0..WRITES_BEFORE_A_READ {
        answered(&mut quota, Lane::Write, now);
        now += RULES.window;
    }
    let before = (now - at(1)).as_millis() as u64;
    waits(&mut quota, before, read);
    waits(&mut quota, before, write);
    waits(&mut quota, before + 1, write);
    assert!(quota.ask(&RULES, now, &read).is_ok());
}

#[test]
fn a_program_that_does_not_come_is_passed_over() {
    let mut quota = used();
    waits(&mut quota, 1_000, asker(1, Lane::Write, 0));
    let second = |waited| asker(2, Lane::Read, waited);
    waits(&mut quota, 1_000, second(0));
    waits(&mut quota, 60_000, second(59_000));
    waits(&mut quota, 60_050, second(59_050));
    assert!(quota.ask(&RULES, at(60_051), &second(59_051)).is_ok());
}

#[test]
fn each_program_looks_when_its_own_slot_is_free() {
    let rules = Rules { limit: 2, ..RULES };
    let mut quota = Quota::new(1);
    for now in [at(0), at(700)] {
        let slot = quota.ask(&rules, now, &asker(0, Lane::Read, 0)).unwrap();
        quota.end(&rules, now, &slot, End::Accepted { remaining: None });
    }
    for (program, looks) in [(1, 60_000), (2, 60_700), (3, 60_700)] {
        let waited = 100 - program;
        let asked = quota.ask(&rules, at(1_000), &asker(program, Lane::Read, waited));
        assert_eq!(asked.unwrap_err(), Some(at(looks)), "{program}");
    }
    // One that gives up is not waited for.
    quota.leave(1);
    let asked = quota.ask(&rules, at(1_000), &asker(2, Lane::Read, 98));
    assert_eq!(asked.unwrap_err(), Some(at(60_000)));
}

#[test]
fn a_slot_that_nobody_gives_back_is_free_when_its_request_cannot_matter_any_more() {
    let mut quota = Quota::new(1);
    let killed = quota.ask(&RULES, Time::ZERO, &asker(1, Lane::Read, 0));
    assert!(killed.is_ok());
    let lapses = at(1_000) + GRACE + RULES.window;
    let before = quota.snapshot(&RULES, lapses - at(1));
    assert_eq!((before.used, before.next_free_in), (1, Some(at(1))));
    assert_eq!(quota.snapshot(&RULES, lapses).used, 0);
}
