//! Schedules against a model of the server: records change, appear, vanish and become visible
//! late at any time, also between two pages; pages fail; programs are killed between any two
//! steps. The server skips or repeats the rest of a second, or goes on exactly.
//!
//! What must hold: after a walk without disturbance, the sink has had every record as it is.
//! Where nothing was killed, nothing that has a date is given out twice.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;

use super::OVERLAP;
use super::cursor::Cursor;
use super::row::Version;
use super::walk::{Ask, By, Walk};
use crate::envelope::Next;

const SCHEDULES: u64 = 10_000;
/// The first moment of every schedule, in milliseconds.
const START: i64 = 1_780_315_200_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ties {
    Exact,
    Skip,
    Repeat,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// In milliseconds.
    at: Option<i64>,
    /// No two are alike.
    number: u64,
}

/// The list of a server, and its clock.
struct Server {
    random: Rng,
    now: i64,
    ties: Ties,
    undated_first: bool,
    whole_seconds: bool,
    page_size: usize,
    overlap: Duration,
    /// How far the clock of the answers is ahead of that of the rows.
    ahead: i64,
    rows: BTreeMap<i64, State>,
    /// Changes that are not visible yet: when they will be, and of which record.
    late: Vec<(i64, i64, State)>,
    numbers: u64,
}

impl Server {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut server = Self {
            now: START,
            ties: *random
                .choice(&[Ties::Exact, Ties::Skip, Ties::Repeat])
                .unwrap(),
            undated_first: random.bool(),
            whole_seconds: random.bool(),
            page_size: random.usize(2..=5),
            overlap: *random.choice(&[Duration::ZERO, OVERLAP, OVERLAP]).unwrap(),
            ahead: *random.choice(&[0, 0, 3_600_000]).unwrap(),
            rows: BTreeMap::new(),
            late: Vec::new(),
            numbers: 0,
            random,
        };
        for _ in 0..server.random.usize(0..15) {
            server.happen();
        }
        server
    }

    fn one_in(&mut self, times: u32) -> bool {
        self.random.u32(0..times) == 0
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now += milliseconds;
        let now = self.now;
        for (_, id, state) in self.late.extract_if(.., |(due, ..)| *due <= now) {
            // What was changed since then is newer.
            if self.rows.get(&id).is_none_or(|row| row.at < state.at) {
                self.rows.insert(id, state);
            }
        }
    }

    /// Something changes.
    fn happen(&mut self) {
        let step = [0, 1, 300, 900, 30_000, 400_000][self.random.usize(0..6)];
        self.pass(step);
        let next = self.rows.keys().next_back().map_or(1, |last| last + 1);
        let ids: Vec<_> = self.rows.keys().copied().collect();
        let any = |random: &mut Rng| random.choice(&ids).copied().unwrap_or(next);
        let (id, now) = (any(&mut self.random), self.now);
        match self.random.u32(0..20) {
            0..6 => self.write(id, Some(now)),
            6..11 => self.write(next, Some(now)),
            11..13 => drop(self.rows.remove(&id)),
            13 => self.write(id, None),
            // Many at once.
            14 | 15 => {
                for _ in 0..self.random.usize(2..9) {
                    let id = any(&mut self.random);
                    self.write(id, Some(now));
                }
            }
            // A date that comes true in a year, or never.
            16 if self.ahead == 0 && self.one_in(20) => self.write(id, Some(now + 31_536_000_000)),
            _ if self.overlap.is_zero() => self.write(id, Some(now)),
            _ => {
                let late = now + self.random.i64(1..298_000);
                let state = self.state(Some(now));
                let id = if self.random.bool() { id } else { next };
                self.late.push((late, id, state));
            }
        }
    }

    fn state(&mut self, at: Option<i64>) -> State {
        self.numbers += 1;
        let number = self.numbers;
        State { at, number }
    }

    fn write(&mut self, id: i64, at: Option<i64>) {
        let state = self.state(at);
        self.rows.insert(id, state);
    }

    /// A page, as the ids and versions of its rows, and how it goes on.
    fn page(&self, ask: &Ask) -> (Vec<(i64, Version)>, Next) {
        let undated = if self.undated_first {
            i64::MAX
        } else {
            i64::MIN
        };
        let place = |(id, row): (&i64, &State)| match ask.by {
            By::Time => (row.at.unwrap_or(undated), *id),
            By::Id => (*id, 0),
        };
        let second = |place: (i64, i64)| place.0.div_euclid(1_000);
        let exact = ask.by == By::Id || self.ties == Ties::Exact;
        let token = ask.token.as_ref().map(|token| {
            let (one, other) = token.split_once(' ').unwrap();
            (one.parse().unwrap(), other.parse().unwrap())
        });
        let after = |place: (i64, i64)| match (token, self.ties) {
            (None, _) => true,
            (Some(last), _) if exact => place < last,
            (Some(last), Ties::Repeat) => second(place) <= second(last),
            (Some(last), _) => second(place) < second(last),
        };
        let mut rows: Vec<_> = self.rows.iter().filter(|row| after(place(*row))).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(place(*row)));
        let size = ask.size.map_or(self.page_size, |size| size as usize);
        let next = match rows.get(size) {
            Some(_) => {
                let (one, other) = place(rows[size - 1]);
                Next::Token(format!("{one} {other}"))
            }
            None => Next::End,
        };
        rows.truncate(size);
        let unit = if self.whole_seconds { 1_000 } else { 1 };
        let version = |(id, row): (&i64, &State)| {
            let at = row.at.map(|at| at.div_euclid(unit) * unit);
            let at = at.map(|at| Timestamp::from_millisecond(at).unwrap());
            let digest = row.number;
            (*id, Version { at, digest })
        };
        (rows.into_iter().map(version).collect(), next)
    }

    /// Its clock, as an answer has it.
    fn date(&self) -> Option<Timestamp> {
        Some(Timestamp::from_second((self.now + self.ahead).div_euclid(1_000)).unwrap())
    }
}

/// A program that follows the list: what it keeps, and what it has had.
struct Program {
    kept: Cursor,
    had: HashSet<(i64, u64)>,
    given: usize,
    twice: usize,
}

impl Program {
    fn store(&mut self, (id, version): (i64, Version)) {
        self.given += 1;
        if !self.had.insert((id, version.digest)) && version.at.is_some() {
            self.twice += 1;
        }
    }

    /// One walk; `false` where it was killed, or gave up at a page that failed.
    fn walk(&mut self, server: &mut Server, disturbed: bool) -> bool {
        // What is kept is text.
        let mut walk = Walk::new(self.kept.to_string().parse().unwrap(), server.overlap);
        let oldest_first = server.random.bool();
        let mut ready = Vec::new();
        while let Some(ask) = walk.ask() {
            assert!(walk.requests() < 500, "it never ends");
            let killed = disturbed && server.one_in(40);
            if killed {
                return false;
            }
            let (rows, next) = server.page(&ask);
            // The answer is lost; the page is asked for again.
            if disturbed && server.one_in(10) {
                server.happen();
                continue;
            }
            let versions: Vec<_> = rows.iter().map(|(_, version)| *version).collect();
            let taken = walk.take(&versions, next, server.date());
            assert_eq!(taken.cut_off, None);
            let given = rows.into_iter().zip(taken.give);
            ready.extend(given.filter_map(|(row, give)| give.then_some(row)));
            for row in ready.extract_if(.., |_| !oldest_first) {
                if disturbed && server.one_in(60) {
                    return false;
                }
                self.store(row);
            }
            while disturbed && server.one_in(2) {
                server.happen();
            }
        }
        ready.reverse();
        ready.sort_by_key(|(_, version)| version.at);
        for place in 0..ready.len() {
            self.store(ready[place]);
            if disturbed && server.one_in(60) {
                return false;
            }
            if server.one_in(3) {
                let rest = ready[place + 1..].iter().map(|(_, version)| version.digest);
                let rest: HashSet<_> = rest.collect();
                self.kept = walk.cursor_before(ready[place].1.at, &rest);
                // The program begins again here, as if it was killed.
                if disturbed && server.one_in(10) {
                    return true;
                }
            }
        }
        if disturbed && server.one_in(20) {
            return false;
        }
        assert!(walk.is_complete());
        self.kept = walk.cursor();
        true
    }
}

#[test]
fn nothing_is_lost_and_little_repeated() {
    let (mut given, mut twice) = (0, 0);
    for seed in 0..SCHEDULES {
        let mut server = Server::new(seed);
        let kept = match server.random.u32(0..4) {
            0 => Cursor::beginning(),
            _ => Cursor::at(Timestamp::from_millisecond(START).unwrap()),
        };
        let mut program = Program {
            kept,
            had: HashSet::new(),
            given: 0,
            twice: 0,
        };
        let mut killed = false;
        for _ in 0..server.random.usize(1..8) {
            killed |= !program.walk(&mut server, true);
            for _ in 0..server.random.usize(0..6) {
                server.happen();
            }
        }
        server.pass(300_000);
        assert!(program.walk(&mut server, false), "undisturbed");
        for (id, row) in &server.rows {
            // Where it stands at the end of the list, only a walk over all of it sees it.
            if row.at.is_none() && !server.undated_first {
                continue;
            }
            let had = program.had.contains(&(*id, row.number));
            assert!(had, "schedule {seed} lost {id} {row:?}, {:?}", server.ties);
        }
        assert!(killed || program.twice == 0, "schedule {seed} repeats");
        given += program.given;
        twice += program.twice;
    }
    let share = 100.0 * twice as f64 / given as f64;
    println!("{SCHEDULES} schedules: {given} given out, {twice} of them twice ({share:.1} %)");
    assert!(share < 5.0, "{share} %");
}
