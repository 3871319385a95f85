//! All sinks, side by side: until nothing is left, or for ever. Each is a task of its own, so one
//! that is slow or down holds up no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::logs::{LogWindow, Reader};
use super::outbox::books::{self, Held, Lease};
use super::outbox::{number, read, tables};
use super::pace::{self, Pace};
use super::send::{AFTER_REFUSALS, Sender, Step};
use super::{Kind, SinkSettings};
use crate::config::Source;
use crate::failure::{Exit, Failure};
use crate::stop::Stop;
use crate::store::Store;
use crate::transport::{Delivered, Event, Sink};

/// A run that ends waits no longer for a sink; the next one will.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How often a log is asked for new lines.
const LOG_ROUNDS: Duration = Duration::from_secs(300);

/// How to forward.
#[derive(Clone, Debug)]
pub struct Options {
    /// Goes on for ever, and looks for changes each time this has passed, or somebody wakes
    /// it; otherwise until nothing is left.
    pub follow: Option<Duration>,
    /// Attempts that may fail one after the other before a sink is given up; 4 by default. One
    /// that goes on for ever gives up none.
    pub attempts: u32,
    /// The first pause after a failure; a second by default. It doubles up to five minutes.
    pub pause: Duration,
    /// For how long a sender has a sink unless it says more; 15 seconds by default. So long
    /// nobody sends to the sink of one that was killed.
    pub lease: Duration,
    /// What this sender is called; made up by default.
    pub worker: String,
    /// Sinks whose refused events are set aside, however many.
    pub accept_refused: BTreeSet<String>,
    /// The accounts, for sinks that are told the SIEM's log.
    pub sources: Vec<Source>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            follow: None,
            attempts: 4,
            pause: pace::FIRST,
            lease: Duration::from_secs(15),
            worker: format!("{}-{:08x}", std::process::id(), fastrand::u32(..)),
            accept_refused: BTreeSet::new(),
            sources: Vec::new(),
        }
    }
}

/// What happens, for whoever shows it.
#[derive(Clone, Debug)]
pub enum Happened<'a> {
    /// Events were delivered.
    Sent {
        /// The sink.
        sink: &'a str,
        /// What they are.
        kind: &'a str,
        /// How many.
        count: u64,
        /// What that is worth.
        delivered: Delivered,
    },
    /// An event is refused for good, and was set aside.
    Refused {
        /// The sink.
        sink: &'a str,
        /// The event.
        id: &'a str,
        /// What the receiver said.
        why: &'a str,
    },
    /// Something did not work, and is tried again.
    Failed {
        /// The sink.
        sink: &'a str,
        /// What happened.
        why: &'a str,
        /// After so long.
        pause: Duration,
    },
    /// The log could not be read just now, and is asked for again.
    LogFailed {
        /// The sink.
        sink: &'a str,
        /// What happened.
        why: &'a str,
    },
    /// Somebody else sends to the sink; that is waited for.
    Waits {
        /// The sink.
        sink: &'a str,
        /// The other sender.
        worker: &'a str,
        /// Until then, unless it says more.
        until: Timestamp,
    },
}

/// Who is told of what happens.
pub type Observer = Arc<dyn Fn(&Happened<'_>) + Send + Sync>;

/// What became of a sink.
#[derive(Debug)]
pub struct SinkReport {
    /// Its name.
    pub name: String,
    /// Events that were delivered.
    pub sent: u64,
    /// Events that it refused for good.
    pub refused: u64,
    /// Why not all was sent.
    pub failure: Option<Failure>,
    /// It was told to stop before it had come to its end.
    pub stopped: bool,
}

/// Sends what these sinks have not been told yet: until nothing is left, or for ever with
/// [`Options::follow`]. It ends soon after `stop` says so, when the batches that are under way
/// have been answered. A change of `written`, or its end, changes nothing but when it looks.
///
/// `receive` and `pull` call it beside their own work, and count in `written` what they have
/// committed.
///
/// # Errors
///
/// Where the settings of a sink cannot be used, or the store cannot be had at the beginning. What
/// goes wrong with one sink later is in its report.
pub async fn run(
    store: Store,
    sinks: Vec<SinkSettings>,
    options: Options,
    observer: Observer,
    written: watch::Receiver<u64>,
    stop: Stop,
) -> Result<Vec<SinkReport>, Failure> {
    let mut names = BTreeSet::new();
    if let Some(twice) = sinks.iter().find(|sink| !names.insert(sink.name.clone())) {
        let text = format!("two sinks are called {:?}", twice.name);
        return Err(Failure::new(Exit::Usage, text));
    }
    tables::create(store.database()).await?;
    let options = Arc::new(options);
    let mut tasks = Vec::new();
    for settings in sinks {
        let name = settings.name.clone();
        let task = Task::new(&store, settings, &options, &observer, &written, &stop);
        tasks.push(task.map_err(|failure| failure.at(format_args!("sink {name}")))?);
    }
    let mut running = JoinSet::new();
    let order: Vec<_> = tasks.iter().map(|task| task.name.clone()).collect();
    for task in tasks {
        running.spawn(task.run());
    }
    let mut reports = Vec::new();
    while let Some(ended) = running.join_next().await {
        reports.push(ended.map_err(|error| {
            Failure::new(Exit::Failed, format!("forwarding broke off: {error}"))
        })?);
    }
    reports.sort_by_key(|report| order.iter().position(|name| *name == report.name));
    Ok(reports)
}

/// What a sink would be told next, so many events at most, as they would be sent. Nothing is
/// sent, and the sink does not begin by it.
///
/// # Errors
///
/// Where the store cannot be had.
pub async fn preview(
    store: &Store,
    settings: &SinkSettings,
    most: usize,
) -> Result<Vec<Event>, Failure> {
    tables::create(store.database()).await?;
    let kinds = kinds(store, settings);
    number::all(store, &kinds).await?;
    let mut events = Vec::new();
    for kind in kinds {
        let mut position = match books::position(store, &settings.name, kind).await? {
            Some(position) => position,
            None => {
                let last = number::last_number(store).await?;
                books::beginning(settings.start, last)
            }
        };
        while events.len() < most {
            let left = most - events.len();
            let batch = read::next(store, settings, kind, position, left).await?;
            let Some(end) = batch.end else {
                break;
            };
            position.number = end;
            events.extend(batch.events);
        }
    }
    events.truncate(most);
    Ok(events)
}

/// The kinds that a sink is told and the store has a table of.
fn kinds(store: &Store, settings: &SinkSettings) -> Vec<Kind> {
    let has = |kind: &Kind| store.table(kind.list()).is_some();
    settings.kinds.iter().copied().filter(has).collect()
}

/// The work of one sink.
struct Task {
    name: String,
    sender: Sender,
    readers: Vec<Reader>,
    options: Arc<Options>,
    pace: Pace,
    /// Who has the sink, where that was told.
    holder: Option<String>,
    written: watch::Receiver<u64>,
    stop: Stop,
}

/// How a sink's work goes on.
enum Next {
    /// There is nothing to send.
    Wait,
    /// Something went wrong; the pause, and what the end would be.
    Pause(Duration, Failure),
    /// Somebody else has the sink.
    Taken,
    Stopped,
}

impl Task {
    fn new(
        store: &Store,
        settings: SinkSettings,
        options: &Arc<Options>,
        observer: &Observer,
        written: &watch::Receiver<u64>,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let readers = Reader::of(&settings, &options.sources, |logs, source| Reader {
            store: store.clone(),
            sink: settings.name.clone(),
            logs: logs.clone(),
            start: settings.start,
            source: source.clone(),
            every: options.follow.map(|_| LOG_ROUNDS),
            observer: Arc::clone(observer),
        })?;
        let sender = Sender {
            sink: Sink::open(&settings.transport)?,
            kinds: kinds(store, &settings),
            accept_refused: options.accept_refused.contains(&settings.name),
            store: store.clone(),
            observer: Arc::clone(observer),
            settings: Arc::new(settings),
            turn: 0,
            pending: None,
            window: None,
            sent: 0,
            refused: 0,
        };
        Ok(Self {
            name: sender.settings.name.clone(),
            sender,
            readers,
            options: Arc::clone(options),
            pace: Pace::new(options.pause),
            holder: None,
            written: written.clone(),
            stop: stop.clone(),
        })
    }

    async fn run(mut self) -> SinkReport {
        let (failure, stopped) = match self.work().await {
            Ok(stopped) => (None, stopped),
            Err(failure) => (Some(failure), false),
        };
        SinkReport {
            name: self.name,
            sent: self.sender.sent,
            refused: self.sender.refused,
            failure,
            stopped,
        }
    }

    /// Returns whether it was stopped before its end.
    async fn work(&mut self) -> Result<bool, Failure> {
        let mut lease = None;
        let worked = self.until_the_end(&mut lease).await;
        // To be stopped is how one that goes on for ever ends.
        let worked = worked.map(|stopped| stopped && self.options.follow.is_none());
        if let Some(lease) = lease
            && let Err(failure) = lease.give_back(&self.sender.store).await
        {
            tracing::debug!(%failure, "a sink was not given back; its time ends");
        }
        worked
    }

    async fn until_the_end(&mut self, lease: &mut Option<Lease>) -> Result<bool, Failure> {
        let follows = self.options.follow.is_some();
        let mut waited_since = None;
        let mut reading = None;
        loop {
            // What comes while it works is looked for in the next round.
            self.written.mark_unchanged();
            let next = match self.send_all(lease).await {
                Ok(next) => next,
                // The store; it may come back.
                Err(failure) => {
                    self.pace.failed(false);
                    self.pause(None, failure)
                }
            };
            if lease.is_none() {
                // Whoever has the sink now goes on from what is kept.
                (reading, self.sender.pending, self.sender.window) = (None, None, None);
            } else if reading.is_none() {
                reading = Some(Reading::begin(&self.readers, &self.stop));
            }
            match next {
                Next::Stopped => return Ok(true),
                Next::Taken => {
                    let since = *waited_since.get_or_insert_with(Instant::now);
                    self.until_free(since).await?;
                }
                Next::Pause(pause, failure)
                    if !follows
                        && (self.pace.failures >= self.options.attempts
                            || pause > LONGEST_WAIT) =>
                {
                    return Err(failure);
                }
                Next::Pause(pause, failure) => {
                    self.told(&failure, pause);
                    if self.rest(pause, lease.as_ref()).await {
                        return Ok(true);
                    }
                }
                Next::Wait => {
                    (waited_since, self.holder) = (None, None);
                    match self.more(lease.as_ref(), reading.as_mut()).await? {
                        More::Window(window) => self.sender.window = Some(window),
                        More::Look => {}
                        More::End => return Ok(false),
                        More::Stopped => return Ok(true),
                    }
                }
            }
        }
    }

    /// Sends all that there is, as far as it goes.
    async fn send_all(&mut self, lease: &mut Option<Lease>) -> Result<Next, Failure> {
        if lease.is_none() {
            let (worker, time) = (&self.options.worker, self.options.lease);
            match books::take(&self.sender.store, &self.name, worker, time).await? {
                Ok(taken) => *lease = Some(taken),
                Err(by) => return Ok(self.taken(&by)),
            }
        }
        let Some(held) = lease else {
            return Ok(Next::Taken);
        };
        let next = self.drain(held).await?;
        if matches!(next, Next::Taken) {
            *lease = None;
        }
        Ok(next)
    }

    async fn drain(&mut self, held: &mut Lease) -> Result<Next, Failure> {
        number::all(&self.sender.store, &self.sender.kinds).await?;
        self.sender.begin().await?;
        loop {
            if self.stop.asked().is_some() {
                return Ok(Next::Stopped);
            }
            match self.sender.step(held, self.pace.batch).await? {
                Step::Went => self.pace.went_well(),
                Step::Idle => return Ok(Next::Wait),
                Step::Lost => return Ok(Next::Taken),
                Step::Later { later, some_done } => {
                    self.pace.failed(some_done);
                    let failure = Failure::new(Exit::Unavailable, later.why);
                    return Ok(self.pause(later.after, failure));
                }
                Step::Refuses(why) => {
                    // To try again at once would not help.
                    self.pace.failures = self.options.attempts.max(self.pace.failures);
                    let failure = Failure::new(Exit::Refused, why);
                    let failure = failure.at(format_args!("sink {}", self.name));
                    return Ok(Next::Pause(AFTER_REFUSALS, failure));
                }
            }
        }
    }

    fn taken(&mut self, by: &Held) -> Next {
        // Once for each.
        if self.holder.as_ref() == Some(&by.worker) {
            return Next::Taken;
        }
        self.holder = Some(by.worker.clone());
        (self.sender.observer)(&Happened::Waits {
            sink: &self.name,
            worker: &by.worker,
            until: by.until,
        });
        Next::Taken
    }

    fn pause(&self, asked: Option<Duration>, failure: Failure) -> Next {
        let failure = failure.at(format_args!("sink {}", self.name));
        Next::Pause(self.pace.pause(asked, fastrand::f64()), failure)
    }

    fn told(&self, failure: &Failure, pause: Duration) {
        (self.sender.observer)(&Happened::Failed {
            sink: &self.name,
            why: &failure.to_string(),
            pause,
        });
    }

    /// Waits for another sender; one that runs once does so for as long as a dead one keeps a
    /// sink.
    async fn until_free(&mut self, since: Instant) -> Result<(), Failure> {
        let patience = self.options.lease + self.options.lease / 3;
        if self.options.follow.is_none() && since.elapsed() > patience {
            let text = format!(
                "sink {}: another `huntctl` forwards to it just now; wait for that to end",
                self.name
            );
            return Err(Failure::new(Exit::Busy, text));
        }
        self.rest(self.options.lease / 5, None).await;
        Ok(())
    }

    /// A pause in which the sink is kept; returns whether it was stopped.
    async fn rest(&mut self, pause: Duration, lease: Option<&Lease>) -> bool {
        let end = Instant::now() + pause;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            tokio::select! {
                _ = self.stop.wait() => return true,
                () = sleep(left) => return false,
                () = renewal(lease) => renew(&self.sender.store, lease).await,
            }
        }
    }

    /// Waits for something to send.
    async fn more(
        &mut self,
        lease: Option<&Lease>,
        reading: Option<&mut Reading>,
    ) -> Result<More, Failure> {
        let mut nothing = Reading::begin(&[], &self.stop);
        let Reading { windows, tasks } = reading.unwrap_or(&mut nothing);
        let follows = self.options.follow.is_some();
        let look_at = Instant::now() + self.options.follow.unwrap_or_default();
        loop {
            if !follows && tasks.is_empty() && windows.is_empty() {
                return Ok(More::End);
            }
            tokio::select! {
                biased;
                _ = self.stop.wait() => return Ok(More::Stopped),
                Some(window) = windows.recv() => return Ok(More::Window(window)),
                Some(read) = tasks.join_next() => read.map_err(|error| {
                    Failure::new(Exit::Failed, format!("reading a log broke off: {error}"))
                })??,
                // Whoever wakes may be gone; then it looks now and then.
                Ok(()) = self.written.changed(), if follows => return Ok(More::Look),
                () = sleep_until(look_at), if follows => return Ok(More::Look),
                () = renewal(lease) => renew(&self.sender.store, lease).await,
            }
        }
    }
}

/// Logs that are being read, as long as the sink is this sender's.
struct Reading {
    windows: mpsc::Receiver<LogWindow>,
    tasks: JoinSet<Result<(), Failure>>,
}

impl Reading {
    fn begin(readers: &[Reader], stop: &Stop) -> Self {
        let (sender, windows) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        for reader in readers {
            tasks.spawn(reader.clone().read(sender.clone(), stop.clone()));
        }
        Self { windows, tasks }
    }
}

/// What there is to do after waiting.
enum More {
    Window(LogWindow),
    /// Something may have changed.
    Look,
    End,
    Stopped,
}

async fn renewal(lease: Option<&Lease>) {
    match lease {
        Some(lease) => sleep(lease.third()).await,
        None => std::future::pending().await,
    }
}

async fn renew(store: &Store, lease: Option<&Lease>) {
    let Some(lease) = lease else {
        return;
    };
    // Where it is lost, or the store is, the next batch is not settled, and that is told.
    if let Err(failure) = lease.renew(store).await {
        tracing::debug!(%failure, "the lease of a sink could not be renewed");
    }
}
