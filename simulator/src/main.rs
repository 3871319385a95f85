//! `huntress-simulator`: starts the simulator and says how to reach it.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use huntress_simulator::{Fault, RetryAfter, Simulator};
use serde_json::{Deserializer, Value};

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
/// Every option can be given in the environment, by the name that stands with it.
///
/// Without a key, GET /_simulator tells what has arrived, GET /_simulator/writes which
/// writes, POST /_simulator/faults lets something go wrong, DELETE /_simulator/faults no
/// longer, GET /_simulator/faults tells what still may; POST /_simulator/rows/agents puts a
/// row, PATCH and DELETE /_simulator/rows/agents/7 change and remove one, DELETE
/// /_simulator/state makes everything as it was at the start; /swagger_doc.json,
/// /v1/webhooks_doc.json and /openapi.json are the documents.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:0"
    )]
    listen: SocketAddr,
    /// What the data is made from; the same seed gives the same data.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_SEED",
        value_name = "NUMBER",
        default_value_t = 1
    )]
    seed: u64,
    /// Organizations of each account.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_ORGANIZATIONS",
        value_name = "COUNT",
        default_value_t = 14
    )]
    organizations: usize,
    /// Agents of each account, up to a million and more: they are made when asked for.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_AGENTS",
        value_name = "COUNT",
        default_value_t = 168
    )]
    agents: usize,
    /// Identities of each account.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_IDENTITIES",
        value_name = "COUNT",
        default_value_t = 40
    )]
    identities: usize,
    /// Incident reports of each account.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_INCIDENT_REPORTS",
        value_name = "COUNT",
        default_value_t = 40
    )]
    incident_reports: usize,
    /// Signals of each account.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_SIGNALS",
        value_name = "COUNT",
        default_value_t = 40
    )]
    signals: usize,
    /// Accounts that the reseller manages, its own included.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_ACCOUNTS",
        value_name = "COUNT",
        default_value_t = 3
    )]
    accounts: usize,
    /// Records of each other list.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_OTHERS",
        value_name = "COUNT",
        default_value_t = 40
    )]
    others: usize,
    /// Requests allowed in a window.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_QUOTA",
        value_name = "COUNT",
        default_value_t = 60
    )]
    quota: usize,
    /// Allow any number of requests.
    #[arg(long, env = "HUNTRESS_SIMULATOR_NO_QUOTA", value_parser = BoolishValueParser::new())]
    no_quota: bool,
    /// The window of the quota, in milliseconds.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_WINDOW",
        value_name = "MILLISECONDS",
        default_value_t = 60_000
    )]
    window: u64,
    /// Whether and how a 429 says when to come again.
    #[arg(long, env = "HUNTRESS_SIMULATOR_RETRY_AFTER", value_enum, default_value_t = Form::None)]
    retry_after: Form,
    /// The body of a 429, instead of a JSON error.
    #[arg(long, env = "HUNTRESS_SIMULATOR_QUOTA_BODY", value_name = "TEXT")]
    quota_body: Option<String>,
    /// Tell the quota and what remains of it in every answer.
    #[arg(long, env = "HUNTRESS_SIMULATOR_QUOTA_HEADERS", value_parser = BoolishValueParser::new())]
    quota_headers: bool,
    /// Answer SIEM queries with 404, as an account without the feature.
    #[arg(long, env = "HUNTRESS_SIMULATOR_NO_SIEM", value_parser = BoolishValueParser::new())]
    no_siem: bool,
    /// The share of records, from 0.0 to 1.0, in odd shapes the API is known to send.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_ODD_SHAPES",
        value_name = "RATE",
        default_value_t = 0.0
    )]
    odd_shapes: f64,
    /// How long a host takes to be isolated or released, in milliseconds.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_REACTION",
        value_name = "MILLISECONDS",
        default_value_t = 2_000
    )]
    reaction: u64,
    /// Refuse query parameters that an operation does not have; the API ignores them.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_STRICT_PARAMETERS",
        value_parser = BoolishValueParser::new()
    )]
    strict_parameters: bool,
    /// Something that goes wrong, in JSON, such as
    /// {"kind":{"status":503},"frequency":{"rate":0.1},"operations":["list_agents"]};
    /// can be given more than once, as a list, or each on a line of its own.
    #[arg(
        long,
        env = "HUNTRESS_SIMULATOR_FAULTS",
        value_name = "JSON",
        value_parser = faults
    )]
    fault: Vec<Several>,
    /// Print one line of JSON with url, key and secret instead.
    #[arg(long, env = "HUNTRESS_SIMULATOR_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    /// Tell every request on the standard error.
    #[arg(long, env = "HUNTRESS_SIMULATOR_VERBOSE", value_parser = BoolishValueParser::new())]
    verbose: bool,
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
    let arguments = Arguments::parse();
    if !arguments.listen.ip().is_loopback() {
        eprintln!("warning: {} can be reached by others", arguments.listen);
    }
    let mut builder = Simulator::builder()
        .listen(arguments.listen)
        .seed(arguments.seed)
        .organizations(arguments.organizations)
        .agents(arguments.agents)
        .identities(arguments.identities)
        .incident_reports(arguments.incident_reports)
        .signals(arguments.signals)
        .accounts(arguments.accounts)
        .others(arguments.others)
        .quota(arguments.quota, Duration::from_millis(arguments.window))
        .retry_after(match arguments.retry_after {
            Form::None => RetryAfter::None,
            Form::Seconds => RetryAfter::Seconds,
            Form::Date => RetryAfter::Date,
        })
        .quota_headers(arguments.quota_headers)
        .siem(!arguments.no_siem)
        .odd_shapes(arguments.odd_shapes)
        .reaction(Duration::from_millis(arguments.reaction))
        .strict_parameters(arguments.strict_parameters)
        .verbose(arguments.verbose);
    if arguments.no_quota {
        builder = builder.no_quota();
    }
    if let Some(body) = arguments.quota_body {
        builder = builder.quota_body(body);
    }
    for fault in arguments.fault.into_iter().flat_map(|several| several.0) {
        builder = builder.fault(fault);
    }
    let simulator = match builder.start().await {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let mut command = Arguments::command();
            command.error(ErrorKind::ValueValidation, error).exit()
        }
        started => started?,
    };
    let (url, credentials) = (simulator.base_url(), simulator.credentials());
    let told = if arguments.json {
        let line = serde_json::json!({
            "url": url, "key": credentials.key, "secret": credentials.secret,
        });
        format!("{line}\n")
    } else {
        let (key, secret) = (&credentials.key, &credentials.secret);
        format!("HUNTRESS_BASE_URL={url}\nHUNTRESS_API_KEY={key}\nHUNTRESS_API_SECRET={secret}\n")
    };
    // At once: a script may stop to listen after the first line.
    let mut out = std::io::stdout().lock();
    out.write_all(told.as_bytes())?;
    out.flush()?;
    tokio::signal::ctrl_c().await
}
