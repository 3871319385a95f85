//! A call, made of what the user has given and checked as far as the document goes, so that
//! what the server would refuse costs no request.

use std::fs;
use std::io::{self, Read as _};

use clap::ArgMatches;
use huntress::http::Method;
use serde_json::{Map, Value};

use super::flags::{self, At, Flag};
use crate::contract::{Findings, Kind, Operation, plain};
use crate::failure::{Exit, Failure};

/// What is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in it, but without the account.
    pub path: String,
    /// The managed account it is for.
    pub account: Option<i64>,
    /// The parameters of the query, as they are before they are encoded.
    pub query: Vec<(String, String)>,
    /// The JSON.
    pub body: Option<Value>,
    /// What the document does not know.
    pub doubts: Vec<String>,
}

impl Call {
    /// The path on the wire, with the account.
    pub fn full_path(&self) -> String {
        match (self.account, self.path.strip_prefix("/v1")) {
            (Some(account), Some(below)) => format!("/v1/accounts/{account}{below}"),
            _ => self.path.clone(),
        }
    }

    /// The value of a parameter, taken out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let index = self.query.iter().position(|(own, _)| own == name)?;
        Some(self.query.remove(index).1)
    }
}

/// Makes the call of an operation.
pub(super) fn assemble(operation: &Operation, matches: &ArgMatches) -> Result<Call, Failure> {
    let flags = flags::of(operation);
    let mut findings = Findings::default();
    let mut path = operation.path.clone();
    let mut query = Vec::new();
    for flag in &flags {
        let values: Vec<&Value> = values(matches, flag);
        match &flag.at {
            At::Path(name) => {
                let value = values.first().map(|value| plain(value)).unwrap_or_default();
                if value.is_empty() || value.contains(['/', '{']) {
                    let why = format!("`{name}` is {value:?}, which cannot stand in a path");
                    findings.problems.push(why);
                }
                path = path.replace(&format!("{{{name}}}"), &value);
            }
            At::Query(name) => query.extend(pairs(name, flag, &values, &mut findings)),
            At::Body(_) => {}
        }
    }
    let body = body(operation, &flags, matches, &mut findings)?;
    if !findings.problems.is_empty() {
        let text = format!(
            "{} is not sent: {}; see `huntctl api {} --help`",
            operation.id,
            findings.problems.join("; "),
            operation.id
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(Call {
        method: operation.method.clone(),
        path,
        account: matches.try_get_one(flags::ACCOUNT).ok().flatten().copied(),
        query,
        body,
        doubts: findings.doubts,
    })
}

fn values<'a>(matches: &'a ArgMatches, flag: &Flag<'_>) -> Vec<&'a Value> {
    let values = matches.get_many::<Value>(&flag.id);
    values.into_iter().flatten().collect()
}

fn pairs(
    name: &str,
    flag: &Flag<'_>,
    values: &[&Value],
    findings: &mut Findings,
) -> Vec<(String, String)> {
    let texts: Vec<String> = values.iter().map(|value| plain(value)).collect();
    match &flag.schema.kind {
        Kind::List { commas: true, .. } if !texts.is_empty() => {
            let list = values.iter().map(|value| (*value).clone()).collect();
            flag.schema.check(name, &Value::Array(list), findings);
            vec![(name.to_owned(), texts.join(","))]
        }
        _ => texts
            .into_iter()
            .map(|text| (name.to_owned(), text))
            .collect(),
    }
}

fn body(
    operation: &Operation,
    flags: &[Flag<'_>],
    matches: &ArgMatches,
    findings: &mut Findings,
) -> Result<Option<Value>, Failure> {
    let Some(body) = &operation.body else {
        return Ok(None);
    };
    let fields = of_fields(flags, matches);
    let whole = matches.get_one::<String>(flags::BODY);
    let value = match whole {
        Some(_) if !fields.is_empty() => {
            let text = "--body is the whole body: give it, or flags of its fields, but not both";
            return Err(Failure::new(Exit::Usage, text));
        }
        Some(text) => read(text)?,
        None if fields.is_empty() && !body.required => return Ok(None),
        None => Value::Object(fields),
    };
    body.schema.check("", &value, findings);
    Ok(Some(body.schema.on_the_wire(value)))
}

/// The body that the flags of single fields make.
fn of_fields(flags: &[Flag<'_>], matches: &ArgMatches) -> Map<String, Value> {
    let mut fields = Map::new();
    let cleared = matches.try_get_many::<String>(flags::CLEAR).ok().flatten();
    let cleared: Vec<&String> = cleared.into_iter().flatten().collect();
    for flag in flags {
        let At::Body(path) = &flag.at else { continue };
        let mut values: Vec<Value> = values(matches, flag).into_iter().cloned().collect();
        let value = match &flag.schema.kind {
            _ if cleared.iter().any(|long| Some(*long) == flag.long.as_ref()) => Value::Null,
            Kind::List { .. } if !values.is_empty() => Value::Array(values),
            _ => match values.pop() {
                Some(value) => value,
                None => continue,
            },
        };
        put(&mut fields, path, value);
    }
    fields
}

fn put(fields: &mut Map<String, Value>, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        fields.insert((*first).to_owned(), value);
        return;
    }
    let inner = fields
        .entry(*first)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

/// Reads what `--body` names.
fn read(text: &str) -> Result<Value, Failure> {
    let unread = |what: &str, problem: io::Error| {
        Failure::new(
            Exit::Usage,
            format!("--body: {what} cannot be read: {problem}"),
        )
    };
    let (what, json) = match text.strip_prefix('@') {
        Some(path) => (
            path,
            fs::read_to_string(path).map_err(|it| unread(path, it))?,
        ),
        None if text == "-" => {
            let what = "the standard input";
            let mut json = String::new();
            let read = io::stdin().read_to_string(&mut json);
            read.map_err(|problem| unread(what, problem))?;
            (what, json)
        }
        None => ("it", text.to_owned()),
    };
    serde_json::from_str(&json).map_err(|problem| {
        Failure::new(Exit::Usage, format!("--body: {what} is no JSON: {problem}"))
    })
}
