//! The verb `forward`: what the store has, to SIEMs.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches as _, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::pull::time;
use super::{Context, Ended, wait_for};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::forward::{
    self, Checked, Happened, Mapping, Observer, Options, RefusedEvent, SinkReport, SinkSettings,
    SinkStatus, Start,
};
use crate::output::{self, unwritten, visible};
use crate::progress;
use crate::stop::Stop;
use crate::store::Store;
use crate::transport::{Delivered, Settings};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Forwarding")]
struct Wish {
    #[command(subcommand)]
    question: Option<Question>,
    /// Only the sink of this name; several may be named
    #[arg(long, value_name = "NAME")]
    sink: Vec<String>,
    /// Stay up, and send what changes within this time of it being stored
    #[arg(long)]
    follow: bool,
    /// With --follow: how often to look for changes
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "5s")]
    every: Duration,
    /// Print what would be sent next, one event a line, and send nothing
    #[arg(long, conflicts_with = "follow")]
    dry_run: bool,
    /// With --dry-run: so many events of each sink at most
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    most: usize,
    /// With --dry-run: in this form instead of the sink's; without any [[sink]], all that the
    /// store has
    #[arg(long, value_name = "NAME", value_parser = mapping, requires = "dry_run")]
    mapping: Option<Mapping>,
    /// Set aside what the sink of this name refuses, even where it refuses everything; several
    /// may be named
    #[arg(long, value_name = "NAME")]
    accept_refused: Vec<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum Question {
    /// Sends one test event, and says what came back and what to do
    Check {
        /// The sink; all of them by default
        sink: Option<String>,
    },
    /// Tells how far each sink is, how much waits and what went wrong last
    Status,
    /// Lists the events that sinks have refused for good
    Refused {
        /// The sink; all of them by default
        sink: Option<String>,
        /// Send them again; those whose record has changed since are dropped
        #[arg(long)]
        again: bool,
    },
}

fn mapping(name: &str) -> Result<Mapping, String> {
    Mapping::from_name(name).ok_or_else(|| {
        let known = Mapping::ALL.map(Mapping::name).join(", ");
        format!("it must be one of {known}")
    })
}

/// The verb.
pub(super) fn command() -> Command {
    let command = Command::new("forward")
        .about("Sends incidents, escalations, signals, agents and identities to SIEMs")
        .long_about(
            "Sends what has changed in the store to the [[sink]]s of huntctl.toml: GELF, syslog, \
             CEF, Elasticsearch, Splunk, Loki, a file, or HTTP. How far each is, is kept in the \
             store, and moves when the receiver has acknowledged. A sink that is down gets \
             everything later, and holds up no other.",
        )
        .args_conflicts_with_subcommands(true);
    Wish::augment_args(command)
}

/// Forwards, or answers a question about it.
pub(super) fn run(context: &Context, matches: &clap::ArgMatches) -> Result<Ended, Failure> {
    let wish = Wish::from_arg_matches(matches)
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    wait_for(async {
        let config = context.config().await?;
        match &wish.question {
            Some(Question::Check { sink }) => check(context, &config, sink.as_deref()).await,
            Some(Question::Status) => status(context, &store(&config).await?).await,
            Some(Question::Refused { sink, again: false }) => {
                let refused = forward::refused(&store(&config).await?, sink.as_deref()).await?;
                list(context, &refused)
            }
            Some(Question::Refused { sink, again: true }) => {
                again(context, &config, sink.as_deref()).await
            }
            None if wish.dry_run => preview(&config, &wish).await,
            None => send(context, &config, &wish).await,
        }
    })
}

async fn store(config: &Config) -> Result<Store, Failure> {
    Store::open(&config.store_url()?).await
}

/// The sinks of these names; all where none is named.
fn chosen(config: &Config, names: &[String]) -> Result<Vec<SinkSettings>, Failure> {
    let sinks = config.sinks();
    if sinks.is_empty() {
        let text =
            "there is no [[sink]] in huntctl.toml: docs/forward.md shows one for each receiver";
        return Err(Failure::new(Exit::Usage, text));
    }
    if let Some(name) = names
        .iter()
        .find(|name| sinks.iter().all(|it| it.name != **name))
    {
        let known: Vec<_> = sinks.iter().map(|sink| &*sink.name).collect();
        let text = format!("there is no sink {name:?}; there is {}", known.join(", "));
        return Err(Failure::new(Exit::Usage, text));
    }
    let wanted = |sink: &&SinkSettings| names.is_empty() || names.contains(&sink.name);
    Ok(sinks.iter().filter(wanted).cloned().collect())
}

async fn send(context: &Context, config: &Config, wish: &Wish) -> Result<Ended, Failure> {
    let sinks = chosen(config, &wish.sink)?;
    chosen(config, &wish.accept_refused)?;
    let prints_events = sinks
        .iter()
        .any(|it| matches!(it.transport, Settings::Stdout {}));
    let sources = match sinks.iter().any(|sink| sink.logs.is_some()) {
        true => config.sources()?,
        false => Vec::new(),
    };
    let store = store(config).await?;
    let stop = Stop::listen("stopping when the batches that are under way are answered")?;
    let options = Options {
        follow: wish.follow.then_some(wish.every),
        accept_refused: wish.accept_refused.iter().cloned().collect::<BTreeSet<_>>(),
        sources,
        ..Options::default()
    };
    // Other programs write to the store, and it looks now and then.
    let (_nobody, written) = watch::channel(0);
    let observer = observer(context);
    let reports = forward::run(store, sinks, options, observer, written, stop.clone()).await?;
    if !prints_events {
        tell(context, &reports)?;
    }
    for failure in reports.iter().filter_map(|report| report.failure.as_ref()) {
        context.note(visible::line(&failure.to_string()));
    }
    let failures = reports.iter().filter_map(|report| report.failure.as_ref());
    match (worst(failures.map(Failure::exit)), stop.asked()) {
        (Some(exit), _) => {
            let text = "not everything was sent: see above, and `huntctl forward status`";
            Err(Failure::new(exit, text))
        }
        (None, Some(signal)) if reports.iter().any(|report| report.stopped) => {
            Ok(Ended::Stopped(signal))
        }
        (None, _) => Ok(Ended::Done),
    }
}

/// The status that tells most of these: first what needs a person.
pub(super) fn worst(exits: impl Iterator<Item = Exit>) -> Option<Exit> {
    exits.min_by_key(|exit| match exit {
        Exit::Failed | Exit::OutcomeUnknown | Exit::Guarded => 0,
        Exit::Usage => 1,
        Exit::Refused => 2,
        Exit::Unavailable => 3,
        Exit::Busy => 4,
    })
}

/// Says what happens on the standard error.
pub(super) fn observer(context: &Context) -> Observer {
    let quiet = context.globals.quiet;
    Arc::new(move |happened| {
        if let Happened::Sent {
            sink, kind, count, ..
        } = happened
        {
            tracing::info!(sink, kind, count, "sent");
            return;
        }
        if !quiet {
            progress::above(|| eprintln!("{}", visible::line(&said(happened))));
        }
    })
}

fn said(happened: &Happened<'_>) -> String {
    match happened {
        Happened::Sent {
            sink,
            kind,
            count,
            delivered,
        } => {
            let word = match delivered {
                Delivered::Acknowledged => "acknowledged",
                Delivered::HandedOver => "handed over",
            };
            format!("sink {sink}: {count} of {kind} {word}")
        }
        Happened::Refused { sink, id, why } => {
            format!("sink {sink}: {id} is refused for good and set aside: {why}")
        }
        Happened::Failed {
            sink: _,
            why,
            pause,
        } => {
            format!("{why}; trying again in {} s", pause.as_secs_f64().ceil())
        }
        Happened::LogFailed { sink, why } => {
            format!("sink {sink}: the log cannot be read just now: {why}")
        }
        Happened::Waits {
            sink,
            worker,
            until,
        } => format!(
            "sink {sink} may be in the hands of another sender ({worker}): waiting for it until \
             {until}"
        ),
    }
}

/// A line for each sink.
fn tell(context: &Context, reports: &[SinkReport]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for report in reports {
        let SinkReport {
            name,
            sent,
            refused,
            failure,
            ..
        } = report;
        let line = match context.globals.json {
            true => {
                let error = failure.as_ref().map(ToString::to_string);
                json!({"sink": name, "sent": sent, "refused": refused, "error": error}).to_string()
            }
            false => format!("{name}: {sent} sent, {refused} refused"),
        };
        writeln!(out, "{line}").map_err(unwritten)?;
    }
    Ok(())
}

async fn preview(config: &Config, wish: &Wish) -> Result<Ended, Failure> {
    let mut sinks = match (config.sinks(), wish.mapping) {
        ([], Some(mapping)) => {
            let mut sink = SinkSettings::new("none", mapping, Settings::Stdout {});
            sink.start = Start::All;
            vec![sink]
        }
        _ => chosen(config, &wish.sink)?,
    };
    let store = store(config).await?;
    for sink in &mut sinks {
        sink.mapping = wish.mapping.unwrap_or(sink.mapping);
        for event in forward::preview(&store, sink, wish.most).await? {
            let line = json!({"sink": sink.name, "id": event.id, "event": event.body});
            writeln!(io::stdout(), "{line}").map_err(unwritten)?;
        }
    }
    Ok(Ended::Done)
}

async fn check(context: &Context, config: &Config, sink: Option<&str>) -> Result<Ended, Failure> {
    let names: Vec<_> = sink.map(str::to_owned).into_iter().collect();
    let mut bad = Vec::new();
    for sink in chosen(config, &names)? {
        let name = &sink.name;
        let checked = forward::check(&sink, Timestamp::now()).await;
        let (good, text) = match &checked {
            Ok(checked) => (matches!(checked, Checked::Taken(_)), checked.advice()),
            Err(failure) => (false, failure.to_string()),
        };
        let line = match context.globals.json {
            true => json!({"sink": name, "taken": good, "said": text}).to_string(),
            false => format!("{name}: {}", visible::line(&text)),
        };
        writeln!(io::stdout(), "{line}").map_err(unwritten)?;
        bad.extend(match checked {
            Ok(Checked::Taken(_)) => None,
            Ok(Checked::Refused(_)) => Some(Exit::Refused),
            Ok(Checked::NotNow(_)) => Some(Exit::Unavailable),
            Err(failure) => Some(failure.exit()),
        });
    }
    match worst(bad.into_iter()) {
        None => Ok(Ended::Done),
        Some(exit) => Err(Failure::new(
            exit,
            "not every sink has taken the test event",
        )),
    }
}

async fn again(context: &Context, config: &Config, sink: Option<&str>) -> Result<Ended, Failure> {
    let names: Vec<_> = sink.map(str::to_owned).into_iter().collect();
    let sinks = chosen(config, &names)?;
    let store = store(config).await?;
    for sink in sinks {
        let name = &sink.name;
        let came_to = forward::send_again(&store, &sink).await;
        let came_to = came_to.map_err(|failure| failure.at(format_args!("sink {name}")))?;
        let (sent, refused, outdated) = (came_to.sent, came_to.refused, came_to.outdated);
        let line = match context.globals.json {
            true => json!({"sink": name, "sent": sent, "refused": refused, "outdated": outdated})
                .to_string(),
            false => format!(
                "{name}: {sent} sent, {refused} refused again, {outdated} dropped since their \
                 record has changed"
            ),
        };
        writeln!(io::stdout(), "{line}").map_err(unwritten)?;
    }
    Ok(Ended::Done)
}

fn list(context: &Context, refused: &[RefusedEvent]) -> Result<Ended, Failure> {
    let rows = refused.iter().map(|it| {
        let event = serde_json::from_str(&it.event).unwrap_or(Value::Null);
        json!({
            "sink": it.sink,
            "kind": it.kind,
            "account_id": it.account_id,
            "id": it.id,
            "refused_at": it.refused_at,
            "answer": it.answer,
            "event_id": it.event_id,
            "event": event,
        })
    });
    let columns = ["sink", "kind", "id", "refused_at", "answer"];
    show(context, rows.collect(), &columns)
}

async fn status(context: &Context, store: &Store) -> Result<Ended, Failure> {
    let sinks = forward::status(store).await?;
    if context.globals.json {
        let all: Vec<_> = sinks.iter().map(of_a_sink).collect();
        return show(context, all, &[]);
    }
    if sinks.is_empty() {
        context.note("nothing was forwarded yet: `huntctl forward` does");
        return Ok(Ended::Done);
    }
    let mut rows = Vec::new();
    for sink in &sinks {
        let of_the_sink = json!({
            "sink": sink.name, "sent": sink.sent, "sent_at": sink.sent_at,
            "refused": sink.refused, "failures": sink.failures, "error": sink.error,
        });
        rows.push(of_the_sink);
    }
    let columns = ["sink", "sent", "sent_at", "refused", "failures", "error"];
    show(context, rows, &columns)?;
    let mut rows = Vec::new();
    for sink in &sinks {
        rows.extend(sink.kinds.iter().map(|kind| {
            json!({"sink": sink.name, "kind": kind.kind.name(), "position": kind.position,
                "waiting": kind.waiting, "oldest_seconds": kind.oldest_seconds})
        }));
        rows.extend(sink.logs.iter().map(|log| {
            json!({"sink": sink.name, "kind": format!("log of {}", log.source),
                "oldest_seconds": log.behind_seconds})
        }));
    }
    show(
        context,
        rows,
        &["sink", "kind", "waiting", "oldest_seconds", "position"],
    )
}

fn of_a_sink(sink: &SinkStatus) -> Value {
    let kinds = sink.kinds.iter().map(|kind| {
        json!({
            "kind": kind.kind.name(),
            "position": kind.position,
            "waiting": kind.waiting,
            "oldest_seconds": kind.oldest_seconds,
        })
    });
    let logs = sink.logs.iter().map(|log| {
        json!({
            "source": log.source,
            "complete_until": log.complete_until,
            "behind_seconds": log.behind_seconds,
        })
    });
    json!({
        "sink": sink.name,
        "sent": sink.sent,
        "sent_at": sink.sent_at,
        "refused": sink.refused,
        "failures": sink.failures,
        "error": sink.error,
        "error_at": sink.error_at,
        "worker": sink.worker,
        "kinds": kinds.collect::<Vec<_>>(),
        "logs": logs.collect::<Vec<_>>(),
    })
}

/// Rows as a table, or as JSON.
fn show(context: &Context, rows: Vec<Value>, columns: &[&str]) -> Result<Ended, Failure> {
    let out = io::stdout().lock();
    match context.globals.json {
        true => output::document(out, &Value::Array(rows))?,
        false => output::rows(out, context.look, &rows, columns)?,
    }
    Ok(Ended::Done)
}
