//! What the document says of an operation, as arguments and flags.

use std::collections::BTreeSet;

use clap::builder::{
    BoolValueParser, PossibleValue, PossibleValuesParser, TypedValueParser as _, ValueParser,
};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use serde_json::Value;

use crate::contract::{Kind, Object, Operation, Place, Schema};
use crate::output::Format;

// The flags that are not the document's; each is named like its flag.
pub(super) const ACCOUNT: &str = "account";
pub(super) const ALL: &str = "all";
pub(super) const BODY: &str = "body";
pub(super) const CLEAR: &str = "clear";
pub(super) const COLUMNS: &str = "columns";
pub(super) const DEADLINE: &str = "deadline";
pub(super) const DRY_RUN: &str = "dry-run";
pub(super) const MAX_ITEMS: &str = "max-items";
pub(super) const OUTPUT: &str = "output";
pub(super) const PROFILE: &str = "profile";
pub(super) const RETRY_WRITES: &str = "retry-writes";
pub(super) const TIMEOUT: &str = "timeout";
pub(super) const YES: &str = "yes";

/// A name of the document that is one of these gets another flag.
const TAKEN: [&str; 19] = [
    ACCOUNT,
    ALL,
    BODY,
    CLEAR,
    COLUMNS,
    DEADLINE,
    DRY_RUN,
    MAX_ITEMS,
    OUTPUT,
    PROFILE,
    RETRY_WRITES,
    TIMEOUT,
    YES,
    "config",
    "help",
    "json",
    "quiet",
    "simulator",
    "verbose",
];
/// Objects in objects have dotted flags as far down as this; below, JSON is given.
const DEEPEST: usize = 3;

/// A value of a call, and the argument that gives it.
pub(super) struct Flag<'a> {
    /// What clap calls it.
    pub(super) id: String,
    /// The flag; none for what is given by its place.
    pub(super) long: Option<String>,
    pub(super) at: At<'a>,
    pub(super) schema: &'a Schema,
    required: bool,
}

/// Where in a call a value goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At<'a> {
    Path(&'a str),
    Query(&'a str),
    /// The names from the body to the field.
    Body(Vec<&'a str>),
}

/// All that the document says an operation takes.
pub(super) fn of(operation: &Operation) -> Vec<Flag<'_>> {
    let mut flags = Vec::new();
    for place in [Place::Path, Place::Query] {
        for parameter in operation.at(place) {
            let name = &*parameter.name;
            flags.push(Flag {
                id: format!("{place:?}/{name}"),
                long: (place == Place::Query).then(|| kebab(name)),
                at: match place {
                    Place::Path => At::Path(name),
                    Place::Query => At::Query(name),
                },
                schema: &parameter.schema,
                required: parameter.required,
            });
        }
    }
    if let Some(Kind::Object(object)) = operation.body.as_ref().map(|body| &body.schema.kind) {
        fields(object, &[], &mut flags);
    }
    let mut taken: BTreeSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
    for flag in &mut flags {
        if let Some(long) = &mut flag.long {
            while !taken.insert(long.clone()) {
                *long = format!("api-{long}");
            }
        }
    }
    flags
}

fn fields<'a>(object: &'a Object, above: &[&'a str], flags: &mut Vec<Flag<'a>>) {
    for (name, schema) in &object.fields {
        let path = [above, &[&**name]].concat();
        match &schema.kind {
            Kind::Object(inner) if path.len() < DEEPEST => fields(inner, &path, flags),
            _ => {
                let names: Vec<String> = path.iter().map(|name| kebab(name)).collect();
                flags.push(Flag {
                    id: format!("Body/{}", path.join("/")),
                    long: Some(names.join(".")),
                    at: At::Body(path),
                    schema,
                    // What is missing is told when the body is whole: it may come by --body.
                    required: false,
                });
            }
        }
    }
}

/// `page_token` is `--page-token`, `types[]` is `--types`.
fn kebab(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let words = name.split(|c| !fits(c)).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_ascii_lowercase).collect();
    words.join("-")
}

/// The command of an operation.
pub(super) fn command(operation: &Operation) -> Command {
    let Operation {
        id,
        summary,
        description,
        method,
        path,
        ..
    } = operation;
    let deprecated = match operation.deprecated {
        true => " The vendor advises against it.",
        false => "",
    };
    let account = match operation.scoped {
        true => ", or with --account below /v1/accounts/ID/",
        false => "",
    };
    let long = format!("{summary}\n\n{description}{deprecated}\n\n{method} {path}{account}");
    let flags = of(operation);
    Command::new(id.clone())
        .alias(kebab(id))
        .about(summary.clone())
        .long_about(long)
        .args(flags.iter().map(argument))
        .args(body(operation, &flags))
        .next_help_heading("Output")
        .args(output(operation))
        .next_help_heading("Sending")
        .args(sending(operation))
}

fn argument(flag: &Flag<'_>) -> Arg {
    let (name, heading) = match &flag.at {
        At::Path(name) => (*name, "Arguments"),
        At::Query(name) => (*name, "Parameters"),
        At::Body(path) => (path.last().copied().unwrap_or_default(), "Body"),
    };
    let (schema, many) = match &flag.schema.kind {
        Kind::List { items, .. } => (&**items, true),
        _ => (flag.schema, false),
    };
    let mut argument = Arg::new(flag.id.clone())
        .help(help(flag.schema, many))
        .help_heading(heading)
        .value_name(value_name(name, schema))
        .value_parser(parser(schema))
        .required(flag.required)
        .allow_negative_numbers(true);
    if let Some(long) = &flag.long {
        argument = argument.long(long.clone());
        // As the document writes it.
        let own = match &flag.at {
            At::Body(path) => path.join("."),
            _ => name.to_owned(),
        };
        if own != *long && !TAKEN.contains(&&*own) {
            argument = argument.alias(own);
        }
    }
    if many {
        argument = argument.action(ArgAction::Append);
        if let Kind::OneOf(_) = schema.kind {
            argument = argument.value_delimiter(',');
        }
    }
    argument
}

fn value_name(name: &str, schema: &Schema) -> String {
    match &schema.kind {
        Kind::Date => "DAY".to_owned(),
        Kind::Moment => "TIME".to_owned(),
        Kind::Boolean => "BOOL".to_owned(),
        Kind::Any | Kind::Object(_) | Kind::List { .. } => "JSON".to_owned(),
        _ => kebab(name).to_ascii_uppercase().replace('-', "_"),
    }
}

/// Our docs, and what the schema says that clap does not show.
fn help(schema: &Schema, many: bool) -> String {
    let mut help = schema.docs.clone();
    let mut add = |text: &str| {
        if !help.is_empty() {
            help.push(' ');
        }
        help.push_str(text);
    };
    match &schema.kind {
        Kind::Integer { lowest, highest } if *highest < i64::from(i32::MAX) => {
            add(&format!("[{lowest} to {highest}]"));
        }
        Kind::Integer { lowest, .. } if *lowest > 1 => add(&format!("[at least {lowest}]")),
        Kind::Text { shortest, longest } if *longest < u64::MAX => {
            add(&format!("[{shortest} to {longest} characters]"));
        }
        _ => {}
    }
    if let Some(default) = &schema.default {
        add(&format!(
            "[the API's default: {}]",
            crate::contract::plain(default)
        ));
    }
    if many {
        add("[can be given several times]");
    }
    help
}

/// What makes JSON of an argument, or refuses it.
fn parser(schema: &Schema) -> ValueParser {
    match &schema.kind {
        Kind::Integer { lowest, highest } => {
            let range = value_parser!(i64).range(*lowest..=*highest);
            ValueParser::new(range.map(Value::from))
        }
        Kind::Boolean => ValueParser::new(BoolValueParser::new().map(Value::Bool)),
        Kind::OneOf(choices) => {
            let choices = choices.iter().map(|choice| {
                let value = PossibleValue::new(choice.value.clone());
                match &choice.docs {
                    Some(docs) => value.help(docs.clone()),
                    None => value,
                }
            });
            ValueParser::new(PossibleValuesParser::new(choices).map(Value::String))
        }
        kind => {
            let kind = kind.clone();
            ValueParser::new(move |text: &str| {
                let value = value_of(&kind, text)?;
                match kind.problem_of(&value) {
                    Some(problem) => Err(problem),
                    None => Ok(value),
                }
            })
        }
    }
}

fn value_of(kind: &Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Number | Kind::Any | Kind::Object(_) | Kind::List { .. } => {
            let parsed = serde_json::from_str(text);
            parsed.map_err(|problem| format!("it must be JSON: {problem}"))
        }
        // The server is told the same moment in UTC.
        Kind::Moment => match text.parse::<jiff::Timestamp>() {
            Ok(moment) => Ok(Value::String(moment.to_string())),
            Err(_) => Ok(Value::String(text.to_owned())),
        },
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn body(operation: &Operation, flags: &[Flag<'_>]) -> Vec<Arg> {
    if operation.body.is_none() {
        return Vec::new();
    }
    let whole = Arg::new(BODY)
        .long(BODY)
        .value_name("JSON|@FILE|-")
        .value_hint(ValueHint::FilePath)
        .help_heading("Body")
        .help("The whole body as JSON, in place of its single fields: itself, @FILE, or - for the standard input");
    let nullable = |flag: &&Flag<'_>| flag.schema.nullable && matches!(flag.at, At::Body(_));
    let nullable = flags
        .iter()
        .filter(nullable)
        .filter_map(|flag| flag.long.clone());
    let nullable: Vec<String> = nullable.collect();
    let mut all = vec![whole];
    if !nullable.is_empty() {
        all.push(
            Arg::new(CLEAR)
                .long(CLEAR)
                .value_name("FIELD")
                .help_heading("Body")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .value_parser(PossibleValuesParser::new(nullable))
                .help("Erase a field, by sending null [can be given several times]"),
        );
    }
    all
}

fn output(operation: &Operation) -> Vec<Arg> {
    let mut all = Vec::new();
    if operation.has_pages() {
        all.extend([
            Arg::new(ALL)
                .long(ALL)
                .action(ArgAction::SetTrue)
                .help("All pages, one after the other, as they come"),
            Arg::new(MAX_ITEMS)
                .long(MAX_ITEMS)
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..))
                .help("The first N records, from as many pages as it takes"),
        ]);
    }
    all.extend([
        Arg::new(OUTPUT)
            .short('o')
            .long(OUTPUT)
            .value_name("FORMAT")
            .value_parser(value_parser!(Format))
            .help("How it is written [default: table, or json with --json]"),
        Arg::new(COLUMNS)
            .long(COLUMNS)
            .value_name("A,B.C")
            .value_delimiter(',')
            .help("The fields to show, and their order; a dot leads into what is nested"),
    ]);
    all
}

fn sending(operation: &Operation) -> Vec<Arg> {
    let seconds = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("SECONDS")
            .value_parser(value_parser!(u64).range(1..=86_400))
            .help(help)
    };
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    let mut all = vec![switch(DRY_RUN, "Print the request, and send nothing")];
    if operation.writes {
        all.extend([
            Arg::new(YES)
                .short('y')
                .long(YES)
                .action(ArgAction::SetTrue)
                .help("Send it without asking"),
            switch(
                RETRY_WRITES,
                "Send it again where nobody knows whether it took effect: for writes that do no \
                 harm when done twice",
            ),
        ]);
    }
    if operation.scoped {
        all.push(
            Arg::new(ACCOUNT)
                .long(ACCOUNT)
                .value_name("ID")
                .value_parser(value_parser!(i64).range(1..))
                .help("For this account that you manage as a reseller"),
        );
    }
    all.extend([
        Arg::new(PROFILE)
            .long(PROFILE)
            .value_name("NAME")
            .env("HUNTCTL_PROFILE")
            .hide_env_values(true)
            .help("The account of huntctl.toml whose key is used"),
        seconds(TIMEOUT, "How long one attempt may take [default: 60]"),
        seconds(
            DEADLINE,
            "How long a call may take with all waits and attempts [default: no limit]",
        ),
    ]);
    all
}

/// Whether a switch is there and on. Not every operation has every switch.
pub(super) fn is_set(matches: &ArgMatches, name: &str) -> bool {
    matches!(matches.try_get_one::<bool>(name), Ok(Some(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Contract;

    #[test]
    fn names_become_flags() {
        for (name, flag) in [
            ("page_token", "page-token"),
            ("types[]", "types"),
            ("camelCase", "camelcase"),
            ("a.b_c", "a.b-c"),
        ] {
            assert_eq!(kebab(name), flag);
        }
    }

    #[test]
    fn clap_accepts_every_command_and_no_flag_is_there_twice() {
        let contract = Contract::committed().unwrap();
        for operation in contract.operations() {
            command(operation).debug_assert();
            let flags = of(operation);
            let longs: BTreeSet<_> = flags.iter().filter_map(|flag| flag.long.as_ref()).collect();
            let all = flags.iter().filter(|flag| flag.long.is_some()).count();
            assert_eq!(longs.len(), all, "{}", operation.id);
        }
    }
}
