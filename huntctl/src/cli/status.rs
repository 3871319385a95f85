//! The verb `status`: how old what the store has is, and how the last pulls went.

use std::io;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches as _};
use serde_json::{Map, Value as Json};

use super::pull::time;
use super::{Context, Ended, wait_for};
use crate::database::Value;
use crate::failure::{Exit, Failure};
use crate::output;
use crate::status::{self, Status, StatusRow};
use crate::store::Store;

/// What is shown of an account in a table, the most useful first: a narrow terminal has no
/// room for the last.
const OF_AN_ACCOUNT: [&str; 11] = [
    "account_id",
    "source",
    "outcome",
    "age_seconds",
    "due_at",
    "errors",
    "requests",
    "waited_seconds",
    "rows_new",
    "rows_changed",
    "rows_gone",
];
const OF_A_LIST: [&str; 6] = [
    "account_id",
    "list",
    "age_seconds",
    "full_age_seconds",
    "error",
    "refused_at",
];

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Status")]
struct Wish {
    /// Fail where the last pull of an account is older than this, such as 2h, or did not come to
    /// its end: for a monitor
    #[arg(long, value_name = "TIME", value_parser = time)]
    max_age: Option<Duration>,
}

/// The verb.
pub(super) fn command() -> Command {
    let command = Command::new("status")
        .about("Tells how old each table of the store is, and how the last pulls went");
    Wish::augment_args(command)
}

/// Prints it.
pub(super) fn run(context: &Context, matches: &clap::ArgMatches) -> Result<Ended, Failure> {
    let wish = Wish::from_arg_matches(matches)
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    let status = wait_for(async {
        let url = context.config().await?.store_url()?;
        status::read(&Store::open(&url).await?).await
    })?;
    print(context, &status)?;
    match wish.max_age.map(|age| stale(&status, age)) {
        Some(stale) if !stale.is_empty() => {
            let text = format!("not as fresh as it must be: {}", stale.join(", "));
            Err(Failure::new(Exit::Failed, text))
        }
        _ => Ok(Ended::Done),
    }
}

fn print(context: &Context, status: &Status) -> Result<(), Failure> {
    let accounts = status.accounts.iter().map(object).collect::<Vec<_>>();
    let lists = status.lists.iter().map(object).collect::<Vec<_>>();
    let mut out = io::stdout().lock();
    if context.globals.json {
        let all = serde_json::json!({"accounts": accounts, "lists": lists});
        return output::document(out, &all);
    }
    if accounts.is_empty() {
        context.note("nothing was pulled yet: `huntctl pull` does");
        return Ok(());
    }
    for (rows, columns) in [(accounts, &OF_AN_ACCOUNT[..]), (lists, &OF_A_LIST[..])] {
        output::rows(&mut out, context.look, &rows, columns)?;
    }
    Ok(())
}

/// The accounts whose last pull is too old or was not complete, as a person names them.
fn stale(status: &Status, age: Duration) -> Vec<String> {
    let most = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
    let of = |row: &StatusRow, name: &str| {
        let value = row.iter().find(|(column, _)| *column == name);
        value.map_or(Value::Null, |(_, value)| value.clone())
    };
    let problem = |row: &StatusRow| match (of(row, "age_seconds"), of(row, "outcome")) {
        (Value::Integer(age), Value::Text(outcome)) if outcome == "complete" => {
            (age > most).then(|| format!("pulled {age} s ago"))
        }
        (_, Value::Text(outcome)) => Some(outcome),
        _ => Some("never pulled".to_owned()),
    };
    let named = |row: &StatusRow| {
        let account = plain(&of(row, "account_id"));
        Some(format!("account {account} ({})", problem(row)?))
    };
    status.accounts.iter().filter_map(named).collect()
}

fn object(row: &StatusRow) -> Json {
    let fields = row
        .iter()
        .map(|(name, value)| ((*name).to_owned(), plain(value)));
    Json::Object(fields.collect::<Map<_, _>>())
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Real(value) => (*value).into(),
        Value::Text(text) | Value::Json(text) if text.starts_with(['[', '{']) => {
            serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
        }
        Value::Text(text) | Value::Json(text) => text.as_str().into(),
        Value::Time(time) => time.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_fresh_whose_last_pull_was_complete_and_not_long_ago() {
        let account = |id: i64, outcome: Option<&str>, age: Option<i64>| -> StatusRow {
            vec![
                ("account_id", id.into()),
                ("outcome", outcome.into()),
                ("age_seconds", age.into()),
            ]
        };
        let status = Status {
            accounts: vec![
                account(1, Some("complete"), Some(59)),
                account(2, Some("complete"), Some(61)),
                account(3, Some("failed"), Some(5)),
                account(4, Some("running"), None),
                account(5, None, None),
            ],
            lists: Vec::new(),
        };
        assert_eq!(
            stale(&status, Duration::from_secs(60)),
            [
                "account 2 (pulled 61 s ago)",
                "account 3 (failed)",
                "account 4 (running)",
                "account 5 (never pulled)"
            ]
        );
    }
}
