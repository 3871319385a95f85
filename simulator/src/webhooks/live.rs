//! A clock that lets something happen from time to time, so that there is something to poll
//! and to hear of.
//!
//! What happens next is dealt from a deck of cards: in any order, but all of it sooner or
//! later, and as much ends as begins.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::event::EventType;
use crate::state::State;

/// How often each event is in the deck.
const CARDS: [(EventType, usize); 11] = [
    (EventType::IncidentReportCreated, 4),
    (EventType::IncidentReportCommentAdded, 3),
    (EventType::IncidentReportClosed, 4),
    (EventType::EscalationCreated, 2),
    (EventType::EscalationOverdue, 1),
    (EventType::EscalationClosed, 2),
    (EventType::PlatformActionCreated, 1),
    (EventType::PlatformActionOverdue, 1),
    (EventType::PlatformActionClosed, 1),
    (EventType::PlatformActionNotification, 1),
    (EventType::AccountNotice, 1),
];
const MINUTE: Duration = Duration::from_secs(60);

struct Deck {
    cards: Vec<EventType>,
    random: Rng,
}

impl Deck {
    fn new(seed: u64) -> Self {
        Self {
            cards: Vec::new(),
            random: Rng::with_seed(seed),
        }
    }

    fn deal(&mut self) -> EventType {
        if self.cards.is_empty() {
            let cards = CARDS.iter();
            let all = cards.flat_map(|(event, times)| std::iter::repeat_n(*event, *times));
            self.cards = all.collect();
            self.random.shuffle(&mut self.cards);
        }
        // It is never empty here.
        self.cards.pop().unwrap_or(EventType::AccountNotice)
    }

    /// How long to wait for the next one, where so many are to happen in a minute.
    fn wait(&mut self, rate: f64) -> Duration {
        MINUTE.mul_f64((0.5 + self.random.f64()) / rate)
    }
}

/// Lets something happen in the first account, so often a minute, until it is dropped.
pub(crate) async fn run(state: Arc<State>, rate: f64) {
    let mut deck = Deck::new(state.options.seed);
    loop {
        tokio::time::sleep(deck.wait(rate)).await;
        if let Err(why) = state.happen(deck.deal()) {
            eprintln!("nothing could happen: {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deck_has_every_event_and_is_dealt_by_its_seed() {
        let size = CARDS.iter().map(|(_, times)| times).sum();
        let deal = |seed| {
            let mut deck = Deck::new(seed);
            let dealt: Vec<_> = (0..2 * size).map(|_| deck.deal()).collect();
            dealt
        };
        let dealt = deal(7);
        for round in dealt.chunks(size) {
            for (event, times) in CARDS {
                let found = round.iter().filter(|card| **card == event).count();
                assert_eq!(found, times, "{event}");
            }
        }
        assert_eq!(deal(7), dealt);
        assert_ne!(deal(8), dealt);
    }

    #[test]
    fn so_many_happen_in_a_minute() {
        let mut deck = Deck::new(1);
        let total: Duration = (0..6_000).map(|_| deck.wait(600.0)).sum();
        assert!((580..620).contains(&total.as_secs()), "{total:?}");
    }
}
