//! The verb `pull`: its options, and what it says while it works.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{Args, Command, FromArgMatches as _};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::forwarding::Forwarding;
use super::{Context, Ended, wait_for};
use crate::failure::{Exit, Failure};
use crate::output::visible;
use crate::progress::{self, Progress};
use crate::pull::{self, AccountReport, Event, ListOutcome, Options};
use crate::stop::{Signal, Stop};
use crate::store::Store;

/// Less than this is no interval but a mistake.
const SHORTEST: Duration = Duration::from_secs(1);

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pulling")]
struct Wish {
    /// Only the account of this name; several may be named
    #[arg(long, value_name = "NAME")]
    profile: Vec<String>,
    /// The key is a reseller's: pull all of its accounts, too (`reseller = true` in huntctl.toml)
    #[arg(long)]
    reseller: bool,
    /// Stay up, and pull each account once in this time, such as 15m or 1h
    #[arg(long, value_name = "TIME", value_parser = time)]
    every: Option<Duration>,
    /// Read all lists as a whole, also where only what has changed is due
    #[arg(long)]
    full: bool,
    /// How often each list is read as a whole, which is how it is seen what is gone
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "24h")]
    full_every: Duration,
    /// The same of one table, such as agents=6h; may be given several times
    #[arg(long, value_name = "TABLE=TIME", value_parser = time_of_a_table)]
    full_every_of: Vec<(String, Duration)>,
    /// Mark all rows of this table that are missing as gone, however many they are; may be
    /// given several times
    #[arg(long, value_name = "TABLE")]
    accept_missing: Vec<String>,
    /// Go on although the key of this name belongs to another account than before; may be given
    /// several times
    #[arg(long, value_name = "NAME")]
    accept_account: Vec<String>,
    /// How many accounts are pulled at once; those of one key are pulled one after the other
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    at_once: u16,
}

/// The verb.
pub(super) fn command() -> Command {
    let command = Command::new("pull")
        .about("Puts the account into a SQL database: SQLite, or PostgreSQL by URL")
        .long_about(
            "Puts the account into a SQL database: SQLite, or PostgreSQL by URL ([store] in \
             huntctl.toml, or HUNTCTL_STORE). The first pull reads every list; later ones read \
             what has changed, and every list as a whole once a day. What is gone is marked, \
             never deleted. Another pull of the same account at the same time says so and stops.",
        );
    Wish::augment_args(command)
}

/// Pulls.
pub(super) fn run(context: &Context, matches: &clap::ArgMatches) -> Result<Ended, Failure> {
    let wish = Wish::from_arg_matches(matches)
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    wait_for(async {
        let config = context.config().await?;
        let mut sources = match wish.profile.as_slice() {
            [] => config.sources()?,
            names => {
                let names: BTreeSet<_> = names.iter().collect();
                let sources = names.into_iter().map(|name| config.source(Some(name)));
                sources.collect::<Result<_, _>>()?
            }
        };
        for source in &mut sources {
            source.reseller |= wish.reseller;
        }
        let forwarding = Forwarding::of(context, &config, &sources)?;
        let url = config.store_url()?;
        context.note(format_args!("store: {}", shown(&url)));
        let store = Store::open(&url).await?;
        let stop =
            Stop::listen("stopping after the page that is under way; what has come is kept")?;
        let teller = Arc::new(Teller::new(context));
        let (pulled, written) = watch::channel(0);
        let observer = Arc::clone(&teller);
        let pull = pull::run(
            store.clone(),
            sources,
            wish.options(),
            Arc::new(move |event| {
                observer.tell(event);
                if let Event::Ended(_) = event {
                    pulled.send_modify(|accounts| *accounts += 1);
                }
            }),
            told(stop.clone()),
        );
        let stays = wish.every.is_some();
        // It ends after the pull, whose last rows it sends.
        let (stopper, ended) = Stop::by_hand();
        let pulled_all = async {
            let report = pull.await;
            stopper.stop(Signal::Terminate);
            report
        };
        let followed = async {
            if let Some(forwarding) = forwarding.as_ref().filter(|_| stays) {
                forwarding.follow(&store, written, ended).await;
            }
        };
        let (report, ()) = tokio::join!(pulled_all, followed);
        let report = report?;
        teller.end()?;
        let forwarded = match &forwarding {
            Some(forwarding) if !stays && stop.asked().is_none() => {
                forwarding.once(context, &store, stop.clone()).await
            }
            _ => Ok(()),
        };
        match (report.exit(), stop.asked()) {
            (Some(exit), _) => {
                let text = "not everything was pulled: see above, and `huntctl status`";
                Err(Failure::new(exit, text))
            }
            (None, Some(signal)) if !ended_all_the_same(&report, stays) => {
                Ok(Ended::Stopped(signal))
            }
            (None, _) => forwarded.map(|()| Ended::Done),
        }
    })
}

/// The URL of a store without what may be a password.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => {
            let place = place.split('?').next().unwrap_or_default();
            format!("{scheme}://{place}")
        }
        _ => url.split('?').next().unwrap_or_default().to_owned(),
    }
}

/// Whether a signal came when all was done. To stop is how one that stays up ends.
fn ended_all_the_same(report: &pull::Report, stays: bool) -> bool {
    stays || !report.accounts.iter().any(|account| account.stopped)
}

impl Wish {
    fn options(&self) -> Options {
        Options {
            every: self.every,
            full: self.full,
            full_every: self.full_every,
            full_every_of: self
                .full_every_of
                .iter()
                .cloned()
                .collect::<BTreeMap<_, _>>(),
            accept_missing: self.accept_missing.iter().cloned().collect(),
            accept_account: self.accept_account.iter().cloned().collect(),
            at_once: self.at_once.into(),
            ..Options::default()
        }
    }
}

/// The signals as a pull wants to hear of them.
fn told(mut stop: Stop) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let _: Signal = stop.wait().await;
        sender.send_replace(true);
    });
    receiver
}

/// Says what happens: a line for each account, and bars for who waits.
struct Teller {
    json: bool,
    quiet: bool,
    progress: Progress,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// The rows of each walk that the bar has counted.
    rows: HashMap<(i64, String), u64>,
    /// Why a line could not be written.
    failure: Option<Failure>,
}

impl Teller {
    fn new(context: &Context) -> Self {
        Self {
            json: context.globals.json,
            quiet: context.globals.quiet,
            progress: Progress::counting("pulls", context.shows_bars()),
            told: Mutex::default(),
        }
    }

    fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Began { source, account_id } => {
                tracing::info!(source, account_id, "pulls");
                self.progress.say(format!("{source} ({account_id})"));
            }
            Event::Stored {
                account_id,
                table,
                rows,
                ..
            } => {
                let mut told = self.told();
                let key = (*account_id, (*table).to_owned());
                let before = told.rows.insert(key, *rows).unwrap_or(0);
                drop(told);
                self.progress.say(format!("account {account_id}: {table}"));
                self.progress.add(rows.saturating_sub(before));
            }
            Event::List { account_id, list } => {
                self.told().rows.remove(&(*account_id, list.table.clone()));
                if let ListOutcome::Refused(why) = &list.outcome {
                    let table = &list.table;
                    tracing::info!(account_id, table, why, "cannot be read with this key");
                }
            }
            Event::Ended(report) => self.line(report),
            Event::Waits {
                account_id,
                worker,
                until,
            } => self.note(&format!(
                "account {account_id} may be in the hands of another worker ({worker}): waiting for it until {until}"
            )),
            Event::Trouble(failure) => self.note(&format!("{failure}; trying again")),
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            progress::above(|| eprintln!("{}", visible::line(text)));
        }
    }

    fn line(&self, report: &AccountReport) {
        let line = match self.json {
            true => of(report).to_string(),
            false => visible::lines(&report.to_string()).into_owned(),
        };
        let written = progress::above(|| writeln!(std::io::stdout(), "{line}"));
        if let Err(problem) = written {
            let failure = crate::output::unwritten(problem);
            self.told().failure.get_or_insert(failure);
        }
    }

    /// Why not all of it could be said, if so.
    fn end(&self) -> Result<(), Failure> {
        self.told().failure.take().map_or(Ok(()), Err)
    }
}

/// A report as JSON.
fn of(report: &AccountReport) -> Value {
    let rows = report.rows();
    let failures: Vec<_> = report
        .failures()
        .map(|(table, failure)| json!({"table": table, "error": failure.to_string()}))
        .collect();
    let lists: Vec<_> = report
        .lists
        .iter()
        .map(|list| {
            let outcome = match list.outcome {
                ListOutcome::Full => "full",
                ListOutcome::Changes => "changes",
                ListOutcome::Refused(_) => "refused",
                ListOutcome::Failed(_) => "failed",
                ListOutcome::Stopped => "stopped",
            };
            json!({
                "table": list.table,
                "outcome": outcome,
                "new": list.rows.new,
                "changed": list.rows.changed,
                "gone": list.rows.gone,
            })
        })
        .collect();
    json!({
        "source": report.source,
        "account_id": report.account_id,
        "new": rows.new,
        "changed": rows.changed,
        "unchanged": rows.unchanged,
        "gone": rows.gone,
        "odd_fields": rows.odd_fields,
        "odd_records": rows.odd_records,
        "requests": report.requests,
        "waited_seconds": report.waited.as_secs_f64(),
        "seconds": report.took.as_secs_f64(),
        "stopped": report.stopped,
        "errors": failures,
        "lists": lists,
    })
}

/// A time such as `15m`, `1h 30m` or `90s`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text
        .parse()
        .map_err(|_| "a time is a number with a unit, such as 90s, 15m or 24h".to_owned())?;
    let time = Duration::try_from(time).map_err(|_| "it must not be negative".to_owned())?;
    if time < SHORTEST {
        return Err("it must be a second at least".to_owned());
    }
    Ok(time)
}

fn time_of_a_table(text: &str) -> Result<(String, Duration), String> {
    let (table, text) = text
        .split_once('=')
        .ok_or("it must be TABLE=TIME, such as agents=6h")?;
    Ok((table.to_owned(), time(text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_shown_without_its_password() {
        for (url, expected) in [
            ("sqlite:/var/lib/huntress.db", "sqlite:/var/lib/huntress.db"),
            (
                "postgres://u:p@host:5432/db?sslmode=require",
                "postgres://host:5432/db",
            ),
            ("postgres://u:p@x@host/db?password=p", "postgres://host/db"),
            ("postgres:///db?user=u&password=p", "postgres:///db"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn times_have_units() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h 30m", 5400), ("24h", 86_400)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["15", "", "-15m", "0s", "10ms", "soon"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert_eq!(
            time_of_a_table("agents=6h"),
            Ok(("agents".to_owned(), Duration::from_secs(21_600)))
        );
        assert!(time_of_a_table("agents").is_err());
    }
}
