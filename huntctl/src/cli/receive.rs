//! The verb `receive`: where it listens, and a line for each event.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{Args, Command, FromArgMatches as _};
use huntress::webhooks::Verifier;
use serde_json::json;
use tokio::sync::Notify;

use super::forwarding::Forwarding;
use super::{Context, Ended, wait_for};
use crate::config::{Config, Receive};
use crate::failure::{Exit, Failure};
use crate::forward::Measures;
use crate::http::{Limits, Listener, serve};
use crate::output::{unwritten, visible};
use crate::receive::{Observer, Options, Receiver, Told};
use crate::simulated::{self, Simulated};
use crate::stop::{Signal, Stop, Stopper};
use crate::store::Store;
use crate::{metrics, progress};

/// Svix waits for 15 seconds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(14);
const STOPPING: &str = "stopping after the requests and writes that are under way";

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Receiving")]
struct Wish {
    /// Where webhooks come in [default: 127.0.0.1:8080, or [receive] of huntctl.toml]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where /metrics and /healthz are served, such as 127.0.0.1:9464 [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
}

/// The verb.
pub(super) fn command() -> Command {
    let command = Command::new("receive")
        .about("Receives webhooks, and keeps the records that they tell of up to date")
        .long_about(
            "Receives webhooks, stores each event, and fetches the record that it tells of \
             through the quota. It listens on loopback, for a proxy that ends TLS, or with a \
             certificate of its own; the signing secret is that of HUNTRESS_WEBHOOK_SECRET, or \
             those of [receive] in huntctl.toml. Prints a line for each event, JSON with --json. \
             With --simulator, made-up events come by themselves.",
        );
    Wish::augment_args(command)
}

/// Receives.
pub(super) fn run(context: &Context, matches: &clap::ArgMatches) -> Result<Ended, Failure> {
    let wish = Wish::from_arg_matches(matches)
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    wait_for(async {
        let entrance = Entrance::open(context, &wish).await?;
        let settings = entrance.config.receive();
        let monitor = match wish.metrics.or(settings.metrics) {
            Some(address) => Some(Listener::bind(address, None).await?),
            None => None,
        };
        let sources = entrance.config.sources()?;
        let forwarding = Forwarding::of(context, &entrance.config, &sources)?;
        let store = Store::open(&entrance.config.store_url()?).await?;
        let teller = Arc::new(Teller::new(context));
        let mut registry = metrics::registry();
        let receiver = Receiver::new(
            store.clone(),
            sources,
            entrance.verifier,
            options(settings),
            Arc::clone(&teller).observer(),
            &mut registry,
        )
        .await?;
        let (stopper, stop) = Stop::by_hand();
        tokio::spawn(ended(Stop::listen(STOPPING)?, Arc::clone(&teller), stopper));
        let path = &settings.path;
        context.note(format_args!(
            "listening at {}{path}",
            entrance.listener.url()
        ));
        if let Some(monitor) = &monitor {
            context.note(format_args!("metrics at {}/metrics", monitor.url()));
        }
        let sinks = forwarding.as_ref().map(|_| Measures::new(&mut registry));
        let limits = limits(settings);
        let monitored = async {
            if let Some(monitor) = monitor {
                let app = receiver.monitor(registry, sinks);
                serve(monitor, app, Limits::default(), stop.clone()).await;
            }
        };
        let forwarded = async {
            if let Some(forwarding) = forwarding {
                let written = receiver.committed.clone();
                forwarding.follow(&store, written, stop.clone()).await;
            }
        };
        tokio::join!(
            serve(entrance.listener, receiver.endpoint(), limits, stop.clone()),
            receiver.work(stop.clone()),
            monitored,
            forwarded,
        );
        teller.end()?;
        // To be stopped is how it ends.
        Ok(Ended::Done)
    })
}

/// Where webhooks come in, and what proves whose they are.
struct Entrance {
    config: Config,
    listener: Listener,
    verifier: Verifier,
}

impl Entrance {
    async fn open(context: &Context, wish: &Wish) -> Result<Self, Failure> {
        if context.globals.simulator {
            return Self::simulated(context, wish).await;
        }
        let config = context.config().await?;
        let settings = config.receive();
        let verifier = settings.verifier(&context.environment)?;
        let address = wish.listen.unwrap_or(settings.listen);
        let listener = Listener::bind(address, settings.certificate(address)?).await?;
        Ok(Self {
            config,
            listener,
            verifier,
        })
    }

    /// For a simulator that sends to a port of loopback that is free.
    async fn simulated(context: &Context, wish: &Wish) -> Result<Self, Failure> {
        let config = Config::without_file(context.environment.clone());
        let any = SocketAddr::new(config.receive().listen.ip(), 0);
        let address = wish.listen.unwrap_or(any);
        let certificate = config.receive().certificate(address)?;
        let listener = Listener::bind(address, certificate).await?;
        let url = format!("{}{}", listener.url(), config.receive().path);
        let (simulated, secret) = Simulated::telling(url).await?;
        context.note(simulated::NOTE);
        let verifier = Verifier::new([secret])
            .map_err(|problem| Failure::new(Exit::Failed, problem.to_string()))?;
        Ok(Self {
            config: config.with_simulator(simulated),
            listener,
            verifier,
        })
    }
}

fn options(settings: &Receive) -> Options {
    let day = Duration::from_secs(24 * 60 * 60);
    Options {
        path: settings.path.clone(),
        stale_after: settings.stale_after,
        keep_events: day * settings.keep_events_days,
        ..Options::default()
    }
}

fn limits(settings: &Receive) -> Limits {
    Limits {
        connections: settings.connections,
        request: ANSWERED_WITHIN,
        ..Limits::default()
    }
}

/// Stops everything by a signal, and where nobody reads the output any more.
async fn ended(mut signals: Stop, teller: Arc<Teller>, stopper: Stopper) {
    tokio::select! {
        signal = signals.wait() => stopper.stop(signal),
        () = teller.broken.notified() => stopper.stop(Signal::Terminate),
    }
}

/// Prints a line for each event.
struct Teller {
    json: bool,
    failure: Mutex<Option<Failure>>,
    /// The output cannot be written.
    broken: Notify,
}

impl Teller {
    fn new(context: &Context) -> Self {
        Self {
            json: context.globals.json,
            failure: Mutex::new(None),
            broken: Notify::new(),
        }
    }

    fn observer(self: Arc<Self>) -> Observer {
        Arc::new(move |told| self.tell(told))
    }

    fn tell(&self, told: &Told) {
        let line = match self.json {
            true => of(told).to_string(),
            false => visible::line(&told.to_string()).into_owned(),
        };
        let written = progress::above(|| writeln!(io::stdout(), "{line}"));
        if let Err(problem) = written {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(unwritten(problem));
            self.broken.notify_one();
        }
    }

    /// Why not all of it could be said, if so.
    fn end(&self) -> Result<(), Failure> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take().map_or(Ok(()), Err)
    }
}

/// An event as JSON.
fn of(told: &Told) -> serde_json::Value {
    json!({
        "delivery_id": told.delivery_id,
        "event_type": told.event_type,
        "account_id": told.account_id,
        "table": told.table,
        "record_id": told.record_id,
        "outcome": told.outcome.as_str(),
        "seconds": told.took.as_secs_f64(),
    })
}
