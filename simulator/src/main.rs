//! `huntress-simulator`: starts the simulator and says how to reach it.

use std::any::TypeId;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};
use huntress_simulator::{Category, Fault, RetryAfter, Simulator, SimulatorBuilder, Webhook};
use serde_json::{Deserializer, Value, json};

/// The Huntress REST API on loopback, with made-up data.
///
/// Prints how to reach it, in a form that a shell can read, and serves until Ctrl-C:
///
///   $ huntress-simulator
///   HUNTRESS_BASE_URL=http://127.0.0.1:40123
///   HUNTRESS_API_KEY=hk_simulator
///   HUNTRESS_API_SECRET=hs_simulator
///
/// Four keys are known: hk_simulator may do everything, also as a reseller; hk_account
/// everything in the same account; hk_read_only may read that, but for its memberships;
/// hk_other may do everything in another account, the reseller's second, which has a quota
/// of its own. Their secrets are named alike: hs_simulator, hs_account, hs_read_only,
/// hs_other.
///
/// Every option can also be given in the environment, by the name that is shown with it.
///
/// These need no key:
///
///   GET /_simulator                           what has arrived, and what was answered
///   GET /_simulator/writes                    the writes that have arrived
///   POST, GET, DELETE /_simulator/faults      adds, lists and removes faults
///   POST /_simulator/rows/agents              puts a row
///   PATCH, DELETE /_simulator/rows/agents/7   changes and removes it
///   POST, GET, DELETE /_simulator/webhooks    adds, lists and removes endpoints
///   GET /_simulator/deliveries                what was sent to them, and what came of it
///   POST /_simulator/events                   lets an event happen
///   DELETE /_simulator/state                  makes everything as it was at the start
///   GET /swagger_doc.json, /v1/webhooks_doc.json, /openapi.json   the documents
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// What the data is made from; the same seed gives the same data [default: 1]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    sizes: Sizes,
    /// Requests allowed in a window [default: 60]
    #[arg(long)]
    quota: Option<usize>,
    /// Allow any number of requests
    #[arg(long)]
    no_quota: bool,
    /// The window of the quota, in milliseconds [default: 60000]
    #[arg(long, value_name = "MILLISECONDS")]
    window: Option<u64>,
    /// Whether and how a 429 says when to come again [default: none]
    #[arg(long, value_name = "FORM")]
    retry_after: Option<Form>,
    /// The body of a 429, instead of a JSON error
    #[arg(long, value_name = "TEXT")]
    quota_body: Option<String>,
    /// Put the quota and what remains of it into the headers of every answer
    #[arg(long)]
    quota_headers: bool,
    /// Answer SIEM queries with 404, as an account without the feature
    #[arg(long)]
    no_siem: bool,
    #[command(flatten)]
    log: Log,
    /// The share of records, from 0.0 to 1.0, in odd shapes the API is known to send [default: 0]
    #[arg(long, value_name = "RATE")]
    odd_shapes: Option<f64>,
    /// How long a host takes to be isolated or released, in milliseconds [default: 2000]
    #[arg(long, value_name = "MILLISECONDS")]
    reaction: Option<u64>,
    /// Refuse query parameters that an operation does not have; the API ignores them
    #[arg(long)]
    strict_parameters: bool,
    /// Something that goes wrong, in JSON, such as
    /// {"kind":{"status":503},"frequency":{"rate":0.1},"operations":["list_agents"]};
    /// can be given more than once, as a list, or each on a line of its own
    #[arg(long = "fault", value_name = "JSON", value_parser = faults)]
    faults: Vec<Several>,
    /// An http URL that hears of what happens in the first account; can be given up to five
    /// times, or with spaces in between
    #[arg(long = "webhook", value_name = "URL", value_delimiter = ' ')]
    webhooks: Vec<String>,
    /// What to sign with, for the first URL, the second, and so on; else a secret is made up
    /// and printed
    #[arg(long = "webhook-secret", value_name = "SECRET", value_delimiter = ' ')]
    webhook_secrets: Vec<String>,
    /// What the first URL hears of, the second, and so on, with commas: incident_reports,
    /// escalations, platform_actions, account_notices [default: all of them]
    #[arg(long = "webhook-categories", value_name = "CATEGORIES", value_delimiter = ' ', value_parser = categories)]
    webhook_categories: Vec<Categories>,
    /// The share of every wait between attempts that is really waited [default: 1]
    #[arg(long, value_name = "SHARE")]
    webhook_time_scale: Option<f64>,
    /// Let incidents, escalations and so on happen, so many events a minute
    #[arg(long, value_name = "RATE")]
    live: Option<f64>,
    /// Print one line of JSON with url, key, secret and webhook_secrets instead
    #[arg(long)]
    json: bool,
    /// Log every request to the standard error
    #[arg(long)]
    verbose: bool,
}

/// What SIEM queries find.
#[derive(clap::Args)]
struct Log {
    /// The share of log lines, from 0.0 to 1.0, that can be found only later [default: 0]
    #[arg(long, value_name = "RATE")]
    siem_late: Option<f64>,
    /// How much later at most, in milliseconds [default: 600000]
    #[arg(long, value_name = "MILLISECONDS")]
    siem_delay: Option<u64>,
    /// Answer queries of a longer range with 408, in milliseconds
    #[arg(long, value_name = "MILLISECONDS")]
    siem_longest: Option<u64>,
    /// Answer queries of a range with more log lines with 413
    #[arg(long)]
    siem_most: Option<usize>,
}

/// How many rows there are.
#[derive(clap::Args)]
struct Sizes {
    /// Organizations of each account [default: 14]
    #[arg(long)]
    organizations: Option<usize>,
    /// Agents of each account, up to millions: they are made when asked for [default: 168]
    #[arg(long)]
    agents: Option<usize>,
    /// Identities of each account [default: 40]
    #[arg(long)]
    identities: Option<usize>,
    /// Incident reports of each account [default: 40]
    #[arg(long)]
    incident_reports: Option<usize>,
    /// Signals of each account [default: 40]
    #[arg(long)]
    signals: Option<usize>,
    /// Accounts that the reseller manages, its own included [default: 3]
    #[arg(long)]
    accounts: Option<usize>,
    /// Records of each other list [default: 40]
    #[arg(long)]
    others: Option<usize>,
}

/// What every option has by rule: a variable of the environment that is named like it, yes
/// and no in several spellings for a switch, and COUNT for a number of things.
fn by_rule(option: Arg) -> Arg {
    let name = option.get_id().as_str().to_uppercase();
    // As long as the program runs, which is as long as the option is there.
    let option = option.env(&*format!("HUNTRESS_SIMULATOR_{name}").leak());
    if matches!(option.get_action(), ArgAction::SetTrue) {
        option.value_parser(BoolishValueParser::new())
    } else if option.get_value_parser().type_id() == TypeId::of::<usize>() {
        option.value_name("COUNT")
    } else {
        option
    }
}

impl Arguments {
    fn read() -> (clap::Command, Self) {
        let mut command = Self::command().mut_args(by_rule);
        let matches = command.get_matches_mut();
        let read = Self::from_arg_matches(&matches);
        let read = read.unwrap_or_else(|error| error.format(&mut command).exit());
        (command, read)
    }

    /// What is given; the library knows the rest.
    fn into_builder(self) -> SimulatorBuilder {
        let mut builder = Simulator::builder()
            .quota_headers(self.quota_headers)
            .siem(!self.no_siem)
            .strict_parameters(self.strict_parameters)
            .verbose(self.verbose);
        let sizes = self.sizes;
        builder = set(builder, self.listen, SimulatorBuilder::listen);
        builder = set(builder, self.seed, SimulatorBuilder::seed);
        builder = set(
            builder,
            sizes.organizations,
            SimulatorBuilder::organizations,
        );
        builder = set(builder, sizes.agents, SimulatorBuilder::agents);
        builder = set(builder, sizes.identities, SimulatorBuilder::identities);
        builder = set(
            builder,
            sizes.incident_reports,
            SimulatorBuilder::incident_reports,
        );
        builder = set(builder, sizes.signals, SimulatorBuilder::signals);
        builder = set(builder, sizes.accounts, SimulatorBuilder::accounts);
        builder = set(builder, sizes.others, SimulatorBuilder::others);
        builder = set(builder, self.live, SimulatorBuilder::live);
        let scale = self.webhook_time_scale;
        builder = set(builder, scale, SimulatorBuilder::webhook_time_scale);
        let mut secrets = self.webhook_secrets.into_iter();
        let mut categories = self.webhook_categories.into_iter();
        for url in self.webhooks {
            let webhook = set(Webhook::new(url), secrets.next(), Webhook::secret);
            let heard = categories.next().map(|Categories(heard)| heard);
            builder = builder.webhook(set(webhook, heard, Webhook::categories));
        }
        builder = set(builder, self.odd_shapes, SimulatorBuilder::odd_shapes);
        builder = set(builder, self.quota_body, SimulatorBuilder::quota_body);
        let log = self.log;
        if log.siem_late.is_some() || log.siem_delay.is_some() {
            let most = Duration::from_millis(log.siem_delay.unwrap_or(600_000));
            builder = builder.siem_late(log.siem_late.unwrap_or(0.0), most);
        }
        let longest = log.siem_longest.map(Duration::from_millis);
        builder = set(builder, longest, SimulatorBuilder::siem_longest);
        builder = set(builder, log.siem_most, SimulatorBuilder::siem_most);
        let reaction = self.reaction.map(Duration::from_millis);
        builder = set(builder, reaction, SimulatorBuilder::reaction);
        let retry_after = self.retry_after.map(|form| match form {
            Form::None => RetryAfter::None,
            Form::Seconds => RetryAfter::Seconds,
            Form::Date => RetryAfter::Date,
        });
        builder = set(builder, retry_after, SimulatorBuilder::retry_after);
        if self.quota.is_some() || self.window.is_some() {
            let window = Duration::from_millis(self.window.unwrap_or(60_000));
            builder = builder.quota(self.quota.unwrap_or(60), window);
        }
        if self.no_quota {
            builder = builder.no_quota();
        }
        let faults = self.faults.into_iter().flat_map(|several| several.0);
        faults.fold(builder, SimulatorBuilder::fault)
    }
}

/// What one endpoint hears of.
#[derive(Clone, Debug)]
struct Categories(Vec<Category>);

fn categories(names: &str) -> Result<Categories, serde_json::Error> {
    let names = names
        .split(',')
        .map(|name| serde_json::from_value(json!(name.trim())));
    names.collect::<Result<_, _>>().map(Categories)
}

/// How to reach a simulator, in a form that a script can read.
fn reached(simulator: &Simulator, as_json: bool) -> String {
    let (url, credentials) = (simulator.base_url(), simulator.credentials());
    let (key, secret) = (&credentials.key, &credentials.secret);
    let endpoints = simulator.webhooks().into_iter();
    let secrets: Vec<_> = endpoints.map(|endpoint| endpoint.secret).collect();
    if as_json {
        let mut line = json!({"url": url, "key": key, "secret": secret});
        if !secrets.is_empty() {
            line["webhook_secrets"] = json!(secrets);
        }
        return format!("{line}\n");
    }
    let mut lines =
        format!("HUNTRESS_BASE_URL={url}\nHUNTRESS_API_KEY={key}\nHUNTRESS_API_SECRET={secret}\n");
    for (place, secret) in secrets.iter().enumerate() {
        // The second has a number, and so on.
        let number = if place > 0 {
            format!("_{}", place + 1)
        } else {
            String::new()
        };
        lines.push_str(&format!("HUNTRESS_WEBHOOK_SECRET{number}={secret}\n"));
    }
    lines
}

/// Sets an option of a builder, where it is given.
fn set<B, T>(builder: B, given: Option<T>, option: impl FnOnce(B, T) -> B) -> B {
    match given {
        Some(given) => option(builder, given),
        None => builder,
    }
}

/// The faults of one value.
#[derive(Clone)]
struct Several(Vec<Fault>);

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    None,
    Seconds,
    Date,
}

/// A list in JSON, or one after the other.
fn faults(text: &str) -> Result<Several, serde_json::Error> {
    let values: Result<Vec<Value>, _> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
    } else {
        Deserializer::from_str(text).into_iter().collect()
    };
    let faults = values?.into_iter().map(|value| value.to_string().parse());
    Ok(Several(faults.collect::<Result<_, _>>()?))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let (mut command, arguments) = Arguments::read();
    if let Some(address) = arguments
        .listen
        .filter(|address| !address.ip().is_loopback())
    {
        eprintln!("warning: {address} can be reached by others");
    }
    for (given, option) in [
        (arguments.webhook_secrets.len(), "--webhook-secret"),
        (arguments.webhook_categories.len(), "--webhook-categories"),
    ] {
        if given > arguments.webhooks.len() {
            let why = format!("there is a {option} without a --webhook\n");
            command.error(ErrorKind::TooManyValues, why).exit();
        }
    }
    let json = arguments.json;
    let simulator = match arguments.into_builder().start().await {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            command.error(ErrorKind::ValueValidation, error).exit()
        }
        started => started?,
    };
    let reached = reached(&simulator, json);
    // All in one piece: a script may stop listening after the first line.
    let mut out = io::stdout().lock();
    out.write_all(reached.as_bytes())?;
    out.flush()?;
    tokio::signal::ctrl_c().await
}
