//! Forwarding beside the verbs that write to the store: `receive` within seconds, `pull` when an
//! account is done. Whoever runs `huntctl forward --follow` as well loses nothing by it, since a
//! sink has one sender at a time.

use std::time::Duration;

use tokio::sync::watch;

use super::Context;
use super::forward::{observer, worst};
use crate::config::{Config, Source};
use crate::failure::{Exit, Failure};
use crate::forward::{self, Observer, Options, SinkReport, SinkSettings};
use crate::output::visible;
use crate::stop::Stop;
use crate::store::Store;
use crate::transport::{Settings, Sink};

/// How often a verb that stays up looks for what it was not woken for, such as what another
/// program has written.
const LOOKS: Duration = Duration::from_secs(60);
/// How long it rests where forwarding as a whole has failed.
const RESTS: Duration = Duration::from_secs(30);

/// What a verb forwards to.
pub(super) struct Forwarding {
    sinks: Vec<SinkSettings>,
    sources: Vec<Source>,
    observer: Observer,
}

impl Forwarding {
    /// To the sinks of the configuration, but for those of the standard output, which has the
    /// verb's own lines; none where there are none.
    ///
    /// # Errors
    ///
    /// Where the settings of a sink cannot be used: now, and not when something is to be sent.
    pub(super) fn of(
        context: &Context,
        config: &Config,
        sources: &[Source],
    ) -> Result<Option<Self>, Failure> {
        let to_a_receiver = |sink: &&SinkSettings| !matches!(sink.transport, Settings::Stdout {});
        let sinks: Vec<_> = config
            .sinks()
            .iter()
            .filter(to_a_receiver)
            .cloned()
            .collect();
        for sink in &sinks {
            Sink::open(&sink.transport)
                .map_err(|failure| failure.at(format_args!("sink {}", sink.name)))?;
        }
        Ok((!sinks.is_empty()).then(|| Self {
            sinks,
            sources: sources.to_vec(),
            observer: observer(context),
        }))
    }

    /// Sends what there is whenever `written` changes, until it is asked to stop.
    pub(super) async fn follow(
        &self,
        store: &Store,
        written: watch::Receiver<u64>,
        mut stop: Stop,
    ) {
        loop {
            let run = self.run(store, Some(LOOKS), written.clone(), stop.clone());
            let why = match run.await {
                Ok(reports) => reports.into_iter().find_map(|report| report.failure),
                Err(failure) => Some(failure),
            };
            let Some(why) = why else {
                return;
            };
            tracing::error!("forwarding begins anew in {} s: {why}", RESTS.as_secs());
            tokio::select! {
                _ = stop.wait() => return,
                () = tokio::time::sleep(RESTS) => {}
            }
        }
    }

    /// Sends what there is. A sink that another program sends to is left to that.
    ///
    /// # Errors
    ///
    /// Where not everything could be sent; each reason is told before.
    pub(super) async fn once(
        &self,
        context: &Context,
        store: &Store,
        stop: Stop,
    ) -> Result<(), Failure> {
        // Nothing more is written.
        let (_nobody, written) = watch::channel(0);
        let reports = self.run(store, None, written, stop).await?;
        let failures = reports.iter().filter_map(|report| report.failure.as_ref());
        let failures = failures.filter(|failure| failure.exit() != Exit::Busy);
        let exits: Vec<_> = failures
            .inspect(|failure| context.note(visible::line(&failure.to_string())))
            .map(Failure::exit)
            .collect();
        match worst(exits.into_iter()) {
            None => Ok(()),
            Some(exit) => Err(Failure::new(
                exit,
                "all was pulled, but not all was forwarded: see above, and `huntctl forward status`",
            )),
        }
    }

    async fn run(
        &self,
        store: &Store,
        follow: Option<Duration>,
        written: watch::Receiver<u64>,
        stop: Stop,
    ) -> Result<Vec<SinkReport>, Failure> {
        let options = Options {
            follow,
            sources: self.sources.clone(),
            ..Options::default()
        };
        let (sinks, observer) = (self.sinks.clone(), self.observer.clone());
        forward::run(store.clone(), sinks, options, observer, written, stop).await
    }
}
