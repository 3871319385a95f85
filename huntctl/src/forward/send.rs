//! One batch after the other for one sink: read, sent, settled.

use std::sync::Arc;
use std::time::Duration;

use super::logs::LogWindow;
use super::outbox::books::{self, Lease, Refused, Settled};
use super::outbox::read::{self, Batch};
use super::run::{Happened, Observer};
use super::{Kind, SinkSettings, outbox, pace};
use crate::failure::Failure;
use crate::store::Store;
use crate::transport::{Event, Later, Report, Sink};

/// Who sends to a sink.
pub(super) struct Sender {
    pub(super) store: Store,
    pub(super) settings: Arc<SinkSettings>,
    pub(super) sink: Sink,
    pub(super) observer: Observer,
    /// Refused events are set aside, however many.
    pub(super) accept_refused: bool,
    /// Those of the sink that the store has a table of.
    pub(super) kinds: Vec<Kind>,
    /// Whose turn it is.
    pub(super) turn: usize,
    /// A batch of which something may have arrived, and nobody has said so. It is sent again as
    /// it was, before anything later: a receiver that still reads it from an earlier connection
    /// then has it twice, and not after a later state.
    pub(super) pending: Option<(Kind, Batch)>,
    /// Lines of a log that are to be sent.
    pub(super) window: Option<LogWindow>,
    pub(super) sent: u64,
    pub(super) refused: u64,
}

/// What became of one step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A batch was dealt with.
    Went,
    /// There is nothing to send.
    Idle,
    /// Something is to be tried again.
    Later { later: Later, some_done: bool },
    /// The sink refuses whatever it is sent.
    Refuses(String),
    /// Another has the sink.
    Lost,
}

impl Sender {
    /// Chooses where the sink begins, as far as it has not begun.
    pub(super) async fn begin(&self) -> Result<(), Failure> {
        for &kind in &self.kinds {
            let name = &self.settings.name;
            if books::position(&self.store, name, kind).await?.is_some() {
                continue;
            }
            let last = outbox::number::last_number(&self.store).await?;
            let position = books::beginning(self.settings.start, last);
            books::begin(&self.store, name, kind, position).await?;
        }
        Ok(())
    }

    /// Sends the next batch: of the first kind in turn that has something, or else of a log.
    pub(super) async fn step(&mut self, lease: &mut Lease, most: usize) -> Result<Step, Failure> {
        if let Some((kind, batch)) = self.pending.take() {
            return self.records(lease, kind, batch, most).await;
        }
        for _ in 0..self.kinds.len() {
            let kind = self.kinds[self.turn % self.kinds.len()];
            self.turn += 1;
            let position = books::position(&self.store, &self.settings.name, kind).await?;
            let Some(position) = position else {
                continue;
            };
            let batch = read::next(&self.store, &self.settings, kind, position, most).await?;
            if batch.end.is_some() {
                return self.records(lease, kind, batch, most).await;
            }
        }
        match self.window.take() {
            Some(window) => self.log(lease, window, most).await,
            None => Ok(Step::Idle),
        }
    }

    async fn records(
        &mut self,
        lease: &mut Lease,
        kind: Kind,
        mut batch: Batch,
        most: usize,
    ) -> Result<Step, Failure> {
        let events = &batch.events[..batch.events.len().min(most)];
        let report = self.send(lease, events).await;
        let report = match self.judge(report, lease) {
            Ok(report) => report,
            Err((report, why)) => return self.refuses(lease, &report, why).await,
        };
        let refused = report.refused.iter().map(|refusal| {
            let record = batch.records[refusal.index];
            Refused {
                event: &events[refusal.index],
                record: Some((record.account_id, record.id)),
                answer: &refusal.why,
            }
        });
        let is_whole = report.done == batch.events.len();
        let moved = batch.position(report.done);
        let settled = Settled {
            moved: moved.map(|position| (kind, position, is_whole && batch.is_last)),
            refused: refused.collect(),
            ..settled(&report, lease)
        };
        let held = match lease.settle(&self.store, settled).await {
            Ok(held) => held,
            Err(failure) => {
                self.pending = Some((kind, batch));
                return Err(failure);
            }
        };
        let done = report.done;
        let step = self.came_to(held, kind.name(), events, report);
        if held && !is_whole {
            batch.drop_front(done);
            self.pending = Some((kind, batch));
        }
        Ok(step)
    }

    async fn log(
        &mut self,
        lease: &mut Lease,
        mut window: LogWindow,
        most: usize,
    ) -> Result<Step, Failure> {
        let rest = &window.events[window.done..];
        let batch = &rest[..rest.len().min(most)];
        let report = self.send(lease, batch).await;
        let report = match self.judge(report, lease) {
            Ok(report) => report,
            Err((report, why)) => {
                self.window = Some(window);
                return self.refuses(lease, &report, why).await;
            }
        };
        let refused = report.refused.iter().map(|refusal| Refused {
            event: &batch[refusal.index],
            record: None,
            answer: &refusal.why,
        });
        let is_whole = report.done == rest.len();
        let settled = Settled {
            log: is_whole.then(|| window.checkpoint()),
            refused: refused.collect(),
            ..settled(&report, lease)
        };
        let held = match lease.settle(&self.store, settled).await {
            Ok(held) => held,
            Err(failure) => {
                self.window = Some(window);
                return Err(failure);
            }
        };
        let done = report.done;
        let step = self.came_to(held, "log", batch, report);
        window.done += done;
        if !is_whole {
            self.window = Some(window);
        }
        Ok(step)
    }

    /// Sends, and takes the lease anew meanwhile.
    async fn send(&mut self, lease: &Lease, events: &[Event]) -> Report {
        let sending = self.sink.send(events);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                report = &mut sending => return report,
                () = tokio::time::sleep(lease.third()) => {
                    // Where it is lost, or the store is, settling tells.
                    if let Err(failure) = lease.renew(&self.store).await {
                        tracing::debug!(%failure, "the lease of a sink could not be renewed");
                    }
                }
            }
        }
    }

    /// Refuses to set aside what is refused where that is everything, and says why.
    fn judge(&self, report: Report, lease: &Lease) -> Result<Report, (Report, String)> {
        if self.accept_refused || !pace::refuses_everything(&report, lease.refused_in_a_row) {
            return Ok(report);
        }
        let why = report.refused.last().map(|refusal| refusal.why.as_str());
        let why = format!(
            "it refuses whatever it is sent, so its settings are probably wrong, and nothing is \
             set aside: {} (`huntctl forward --accept-refused {}` does set it aside)",
            why.unwrap_or_default(),
            self.settings.name
        );
        Err((report, why))
    }

    async fn refuses(
        &self,
        lease: &mut Lease,
        report: &Report,
        why: String,
    ) -> Result<Step, Failure> {
        let settled = Settled {
            error: Some(&why),
            // As before: the same events are tried again.
            refused_in_a_row: lease.refused_in_a_row,
            ..Settled::default()
        };
        debug_assert_eq!(report.done, report.refused.len());
        match lease.settle(&self.store, settled).await? {
            true => Ok(Step::Refuses(why)),
            false => Ok(Step::Lost),
        }
    }

    /// Tells what became of a batch.
    fn came_to(&mut self, held: bool, kind: &str, events: &[Event], report: Report) -> Step {
        if !held {
            return Step::Lost;
        }
        let name = &self.settings.name;
        for refusal in &report.refused {
            let id = events.get(refusal.index).map_or("", |event| &event.id);
            (self.observer)(&Happened::Refused {
                sink: name,
                id,
                why: &refusal.why,
            });
        }
        let refused = report.refused.len() as u64;
        let sent = (report.done as u64).saturating_sub(refused);
        self.sent += sent;
        self.refused += refused;
        if sent > 0 {
            (self.observer)(&Happened::Sent {
                sink: name,
                kind,
                count: sent,
                delivered: report.delivered,
            });
        }
        match report.later {
            Some(later) => Step::Later {
                later,
                some_done: report.done > 0,
            },
            None => Step::Went,
        }
    }
}

/// What a report comes to, but for the position and the refused.
fn settled<'a>(report: &'a Report, lease: &Lease) -> Settled<'a> {
    let refused = report.refused.len();
    Settled {
        sent: report.done.saturating_sub(refused) as u64,
        refused_in_a_row: pace::in_a_row(report, lease.refused_in_a_row),
        error: report.later.as_ref().map(|later| later.why.as_str()),
        ..Settled::default()
    }
}

/// How long a sink is left alone that refuses everything.
pub(super) const AFTER_REFUSALS: Duration = Duration::from_secs(300);
