//! The least that an outbox is: a position that moves by what a sink reports.

use std::time::Duration;

use huntctl::transport::{Delivered, Event, Report, Sink};

const BATCH: usize = 8;

pub struct Outbox<'a> {
    events: &'a [Event],
    position: usize,
    /// Ids that were refused for good, and why.
    pub refused: Vec<(String, String)>,
    /// What the sink said when it failed.
    pub said: Vec<String>,
    /// The least that it promised.
    pub delivered: Delivered,
}

impl<'a> Outbox<'a> {
    pub fn new(events: &'a [Event]) -> Self {
        Self {
            events,
            position: 0,
            refused: Vec::new(),
            said: Vec::new(),
            delivered: Delivered::Acknowledged,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.position == self.events.len()
    }

    /// Sends batches until there is nothing left, or so many attempts have failed.
    pub async fn run(&mut self, sink: &mut Sink, mut attempts: usize) -> Vec<Report> {
        let mut reports = Vec::new();
        while !self.is_empty() && attempts > 0 {
            let end = self.events.len().min(self.position + BATCH);
            let batch = &self.events[self.position..end];
            let report = sink.send(batch).await;
            let all = report.done == batch.len();
            assert!(
                report.done <= batch.len() && all == report.later.is_none(),
                "{report:?}"
            );
            for refusal in &report.refused {
                assert!(refusal.index < report.done, "{report:?}");
                let id = batch[refusal.index].id.clone();
                self.refused.push((id, refusal.why.clone()));
            }
            if report.done > 0 && report.delivered == Delivered::HandedOver {
                self.delivered = Delivered::HandedOver;
            }
            self.position += report.done;
            if let Some(later) = &report.later {
                self.said.push(later.to_string());
                attempts -= 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            reports.push(report);
        }
        reports
    }
}

/// Sends all to a receiver that works.
pub async fn deliver<'a>(sink: &mut Sink, events: &'a [Event]) -> Outbox<'a> {
    let mut outbox = Outbox::new(events);
    outbox.run(sink, 1).await;
    assert!(outbox.is_empty(), "{:?}", outbox.said);
    outbox
}
