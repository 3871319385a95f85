//! A batch as requests of bounded size, and one report of their answers.
//!
//! Receivers that take a request as a whole do not say which of its events they dislike. So a
//! request that is refused for what is in it is halved until one event stands alone: that one
//! is refused, and it costs the others nothing but a few requests.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;

use super::{Delivered, Event, Later, Refusal, Report};

/// What a receiver said to the events of a request.
pub(super) enum Answer {
    /// It has all of them.
    Taken,
    /// Something that is in it cannot be taken, now or later.
    Refused(String),
    /// One answer for each event, in order.
    Each(Vec<Single>),
}

/// What a receiver said to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Single {
    Taken,
    Refused(String),
    Later(Later),
}

/// How large a request may be.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) events: usize,
    /// A single event may be larger.
    pub(super) bytes: usize,
}

/// The requests of a batch, one after the other.
pub(super) struct Requests {
    /// Those that are left, as ranges of the batch.
    left: VecDeque<Range<usize>>,
    report: Report,
}

impl Requests {
    /// For these events; `size` gives the bytes of each.
    pub(super) fn of(events: &[Event], limits: Limits, size: impl Fn(usize) -> usize) -> Self {
        Self {
            left: split(events, limits, size),
            report: Report::all(0, Delivered::Acknowledged),
        }
    }

    /// One for each event.
    pub(super) fn of_one(events: &[Event]) -> Self {
        let (events_of_each, bytes) = (1, usize::MAX);
        let limits = Limits {
            events: events_of_each,
            bytes,
        };
        Self::of(events, limits, |_| 0)
    }

    /// The events of the next request.
    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.left.pop_front()
    }

    /// What came of that request.
    pub(super) fn answered(&mut self, range: Range<usize>, answer: Result<Answer, Later>) {
        let answers = match answer {
            Ok(Answer::Taken) => vec![Single::Taken; range.len()],
            Ok(Answer::Each(answers)) => answers,
            Ok(Answer::Refused(why)) if range.len() == 1 => vec![Single::Refused(why)],
            Ok(Answer::Refused(_)) => {
                let middle = range.start + range.len() / 2;
                self.left.push_front(middle..range.end);
                self.left.push_front(range.start..middle);
                return;
            }
            Err(later) => vec![Single::Later(later)],
        };
        for (index, answer) in range.zip(answers) {
            match answer {
                Single::Taken => {}
                Single::Refused(why) => self.report.refused.push(Refusal { index, why }),
                Single::Later(later) => {
                    self.report.later = Some(later);
                    self.left.clear();
                    return;
                }
            }
            self.report.done = index + 1;
        }
    }

    pub(super) fn report(self) -> Report {
        self.report
    }
}

/// As few ranges as the limits allow. A record has one event in each at most: were an earlier
/// one put off and a later one taken, their order would be lost.
fn split(
    events: &[Event],
    limits: Limits,
    size: impl Fn(usize) -> usize,
) -> VecDeque<Range<usize>> {
    let mut ranges = VecDeque::new();
    let mut start = 0;
    let mut bytes = 0;
    let mut records = HashSet::new();
    for (index, event) in events.iter().enumerate() {
        let full = index - start >= limits.events || bytes + size(index) > limits.bytes;
        if index > start && (full || records.contains(event.record.as_str())) {
            ranges.push_back(start..index);
            start = index;
            bytes = 0;
            records.clear();
        }
        bytes += size(index);
        records.insert(event.record.as_str());
    }
    if start < events.len() {
        ranges.push_back(start..events.len());
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;
    use serde_json::json;

    fn events(records: &[&str]) -> Vec<Event> {
        let event = |record: &&str| Event {
            record: (*record).to_owned(),
            ..event(json!({}))
        };
        records.iter().map(event).collect()
    }

    const WIDE: Limits = Limits {
        events: 100,
        bytes: 100,
    };

    fn ranges(records: &[&str], limits: Limits, size: usize) -> Vec<Range<usize>> {
        split(&events(records), limits, |_| size).into()
    }

    #[test]
    fn requests_are_bounded() {
        let five = ["a", "b", "c", "d", "e"];
        assert_eq!(ranges(&five, WIDE, 20), vec![0..5; 1]);
        assert_eq!(ranges(&five, WIDE, 21), [0..4, 4..5]);
        assert_eq!(
            ranges(&five, Limits { events: 2, ..WIDE }, 1),
            [0..2, 2..4, 4..5]
        );
        assert_eq!(ranges(&five[..2], WIDE, 1000), [0..1, 1..2]);
        assert_eq!(ranges(&[], WIDE, 1), []);
        assert_eq!(
            ranges(&["a", "b", "a", "b", "b"], WIDE, 1),
            [0..2, 2..4, 4..5]
        );
    }

    /// What the receiver does with an event is told by the name of its record.
    fn single(record: &str) -> Single {
        match record {
            "bad" => Single::Refused("bad".into()),
            "wait" => Single::Later(Later::because("wait")),
            _ => Single::Taken,
        }
    }

    fn report(records: &[&str], itemwise: bool) -> (Report, usize) {
        let events = events(records);
        let answer = |range: Range<usize>| {
            let answers: Vec<_> = records[range].iter().map(|record| single(record)).collect();
            if itemwise {
                return Ok(Answer::Each(answers));
            }
            let not_taken = answers.into_iter().find(|answer| *answer != Single::Taken);
            match not_taken.unwrap_or(Single::Taken) {
                Single::Taken => Ok(Answer::Taken),
                Single::Refused(why) => Ok(Answer::Refused(why)),
                Single::Later(later) => Err(later),
            }
        };
        let mut requests = Requests::of(&events, WIDE, |_| 1);
        let mut count = 0;
        while let Some(range) = requests.next() {
            count += 1;
            requests.answered(range.clone(), answer(range));
        }
        (requests.report(), count)
    }

    #[test]
    fn one_bad_event_is_found_and_the_rest_goes_through() {
        let (whole, requests) = report(&["a", "b", "c", "bad", "d", "e", "f", "g"], false);
        let bad = [Refusal {
            index: 3,
            why: "bad".into(),
        }];
        assert_eq!((whole.done, &whole.refused[..]), (8, &bad[..]));
        assert_eq!(whole.later, None);
        assert_eq!(requests, 7);
        let (each, requests) = report(&["a", "b", "c", "bad", "d"], true);
        assert_eq!((each.done, &each.refused[..], requests), (5, &bad[..], 1));
    }

    #[test]
    fn what_is_put_off_ends_the_batch_there() {
        let (each, _) = report(&["a", "bad", "wait", "bad", "b"], true);
        assert_eq!(each.done, 2);
        assert_eq!(each.refused.len(), 1, "what comes after is asked again");
        assert_eq!(each.later.unwrap().why, "wait");
        let (whole, _) = report(&["a", "wait", "b"], false);
        assert_eq!((whole.done, whole.later.is_some()), (0, true));
    }
}
