//! `[[sink]]`: receivers of `huntctl forward`. What is said of the transport is read by the
//! transport itself; here it is seen to that no secret stands in the file, and that no value of
//! it gets into a message.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::Value;
use toml::de::DeValue;

use super::file::Table;
use crate::failure::Failure;
use crate::forward::{Kind, LogSettings, Mapping, SinkSettings, Start};
use crate::transport::Settings;

/// What is no setting of the transport.
const OWN: [&str; 11] = [
    "name",
    "mapping",
    "kinds",
    "from",
    "accounts",
    "organizations",
    "customer_code",
    "customer_codes",
    "logs",
    "log_profiles",
    "log_requests_per_minute",
];
/// Paths among the settings of a transport; they are taken from the folder of the file.
const PATHS: [&str; 4] = ["ca_file", "certificate_file", "key_file", "path"];
/// A header with one of these in its name is a secret.
const SECRET_HEADERS: [&str; 7] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "password",
    "secret",
    "token",
];
/// Half of the quota of an account.
const LOG_REQUESTS: usize = 30;

/// The sinks of the file.
pub(super) fn read(root: &Table<'_>) -> Result<Vec<SinkSettings>, Failure> {
    let mut names = BTreeSet::new();
    let mut sinks = Vec::new();
    for (index, table) in root.tables("sink", "[[sink]]")?.iter().enumerate() {
        let sink = sink(table, index)?;
        if !names.insert(sink.name.clone()) {
            return Err(table.wrong("name", "is that of another [[sink]], too"));
        }
        sinks.push(sink);
    }
    Ok(sinks)
}

fn sink(table: &Table<'_>, index: usize) -> Result<SinkSettings, Failure> {
    let name = table.needed("name")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.chars().all(plain) {
        let why = "can have letters, digits, `-`, `_` and `.` only";
        return Err(table.wrong("name", why));
    }
    table.needed("transport")?;
    let transport = transport(table, index)?;
    let mapping = match table.text("mapping")? {
        None => Mapping::Raw,
        Some(name) => Mapping::from_name(name).ok_or_else(|| {
            let known = Mapping::ALL.map(Mapping::name).join(", ");
            table.wrong("mapping", &format!("must be one of {known}"))
        })?,
    };
    let logs = logs(table)?;
    let mut sink = SinkSettings::new(name, mapping, transport);
    sink.kinds = match table.value("kinds") {
        // One that is told a log is told nothing else unless it says so.
        None if logs.is_some() => Vec::new(),
        None => Kind::ALL.to_vec(),
        Some(_) => kinds(table)?,
    };
    sink.start = start(table)?;
    sink.accounts = integers(table, "accounts")?;
    sink.organizations = integers(table, "organizations")?;
    sink.customer_code = table.text("customer_code")?.map(str::to_owned);
    sink.customer_codes = customer_codes(table)?;
    sink.logs = logs;
    Ok(sink)
}

/// The items of a list that the key has; none without it.
fn list<T>(
    table: &Table<'_>,
    key: &str,
    why: &str,
    item: impl Fn(&DeValue<'_>) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    let Some(value) = table.value(key) else {
        return Ok(Vec::new());
    };
    let items = value.get_ref().as_array();
    let items = items.and_then(|items| items.iter().map(|it| item(it.get_ref())).collect());
    items.ok_or_else(|| table.wrong(key, why))
}

fn kinds(table: &Table<'_>) -> Result<Vec<Kind>, Failure> {
    let known = Kind::ALL.map(Kind::name).join(", ");
    let why = format!("must be a list of texts, each one of {known}");
    let kinds = list(table, "kinds", &why, |it| Kind::from_name(it.as_str()?))?;
    // Each once, in an order of its own.
    let kinds: BTreeSet<_> = kinds.into_iter().collect();
    Ok(kinds.into_iter().collect())
}

fn integers(table: &Table<'_>, key: &str) -> Result<BTreeSet<i64>, Failure> {
    let number = |it: &DeValue<'_>| it.as_integer()?.as_str().parse().ok();
    let numbers = list(table, key, "must be a list of ids, such as [7, 12]", number)?;
    Ok(numbers.into_iter().collect())
}

fn customer_codes(table: &Table<'_>) -> Result<BTreeMap<i64, String>, Failure> {
    let key = "customer_codes";
    let Some(codes) = table.table(key, "[sink.customer_codes]")? else {
        return Ok(BTreeMap::new());
    };
    let codes = codes.entries().map(|(name, value)| {
        let id = name.parse().ok()?;
        Some((id, value.as_str()?.to_owned()))
    });
    let codes: Option<_> = codes.collect();
    codes.ok_or_else(|| {
        let why = "has the id of an organization and its code on each line: 7 = \"acme\"";
        table.wrong(key, why)
    })
}

fn start(table: &Table<'_>) -> Result<Start, Failure> {
    let why = "must be \"now\", \"all\" or a date such as \"2026-06-01\"";
    match table.text("from")? {
        None | Some("now") => Ok(Start::Now),
        Some("all") => Ok(Start::All),
        Some(text) => {
            let day = text.parse::<jiff::civil::Date>().ok();
            let day = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
            let since = text.parse().ok().or(day.map(|day| day.timestamp()));
            since
                .map(Start::Since)
                .ok_or_else(|| table.wrong("from", why))
        }
    }
}

fn logs(table: &Table<'_>) -> Result<Option<LogSettings>, Failure> {
    let Some(query) = table.text("logs")? else {
        for key in ["log_profiles", "log_requests_per_minute"] {
            if table.value(key).is_some() {
                return Err(table.wrong(key, "goes with `logs`, the query"));
            }
        }
        return Ok(None);
    };
    let why = "must be a list of names of [[account]]";
    let profiles = list(table, "log_profiles", why, |it| {
        Some(it.as_str()?.to_owned())
    })?;
    let requests = match table.value("log_requests_per_minute") {
        None => LOG_REQUESTS,
        Some(value) => {
            let number = value.get_ref().as_integer();
            let number = number.and_then(|it| it.as_str().parse().ok());
            number.filter(|it| (1..=60).contains(it)).ok_or_else(|| {
                table.wrong("log_requests_per_minute", "must be a number from 1 to 60")
            })?
        }
    };
    Ok(Some(LogSettings {
        query: query.to_owned(),
        profiles: profiles.into_iter().collect(),
        requests_per_minute: requests,
    }))
}

/// The settings of the transport, which are all other keys.
fn transport(table: &Table<'_>, index: usize) -> Result<Settings, Failure> {
    let whole: Option<toml::Table> = toml::from_str(table.source()).ok();
    let mut settings = whole
        .and_then(|whole| whole.get("sink")?.get(index)?.as_table().cloned())
        .unwrap_or_default();
    settings.retain(|key, _| !OWN.contains(&key));
    no_secrets(table, &settings)?;
    let folder = table.folder();
    for (key, value) in &mut settings {
        // What a template says is no path.
        if key != "body" {
            from_folder(key, value, &folder);
        }
    }
    let read = Value::Table(settings).try_into::<Settings>();
    read.map_err(|error| table.wrong_within(&without_values(error.message())))
}

/// Takes paths from a folder.
fn from_folder(key: &str, value: &mut Value, folder: &Path) {
    match value {
        Value::Table(inner) => {
            for (key, value) in inner.iter_mut() {
                from_folder(key, value, folder);
            }
        }
        Value::String(text) => {
            if PATHS.contains(&key) {
                *text = folder.join(&*text).display().to_string();
            } else if let Some(path) = text.strip_prefix("file:").filter(|it| !it.is_empty()) {
                *text = format!("file:{}", folder.join(path).display());
            }
        }
        _ => {}
    }
}

/// Refuses secrets that a transport would take from the file.
fn no_secrets(table: &Table<'_>, settings: &toml::Table) -> Result<(), Failure> {
    let elsewhere = |text: &str| text.starts_with("env:") || text.starts_with("file:");
    let url = settings.get("url").and_then(Value::as_str);
    if let Some(url) = url.filter(|url| !elsewhere(url)) {
        let (_, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            let why = "has a user or password in it; there are settings for these, or, with the \
                       transport `http`, write \"env:NAME\" or \"file:PATH\" for the whole of it";
            return Err(table.wrong("url", why));
        }
    }
    let headers = settings.get("headers").and_then(Value::as_table);
    for (name, value) in headers.into_iter().flatten() {
        let lower = name.to_lowercase();
        let is_secret = SECRET_HEADERS.iter().any(|word| lower.contains(word));
        if is_secret && !value.as_str().is_some_and(elsewhere) {
            let why = "has a secret that must not stand here: write \"env:NAME\" or \
                       \"file:PATH\", and put it there";
            return Err(table.wrong("headers", why));
        }
    }
    Ok(())
}

/// What serde says, without the values that it repeats: one may be a secret.
fn without_values(message: &str) -> String {
    let message = message.trim();
    let first = message.lines().next().unwrap_or_default();
    for begin in ["invalid type: ", "invalid value: ", "invalid length "] {
        if first.starts_with(begin) {
            let expected = first.rsplit_once(", expected ").map(|(_, it)| it);
            return format!("a value must be {}", expected.unwrap_or("another"));
        }
    }
    if first.starts_with("unknown variant ") {
        let known = first.split_once(", expected ").map(|(_, it)| it);
        return format!("a value must be {}", known.unwrap_or("another"));
    }
    first.to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Environment;

    fn sinks(text: &str) -> Result<Vec<SinkSettings>, String> {
        let path = Path::new("/etc/acme/huntctl.toml");
        let read = crate::config::file::read(path, text, Environment::of([]));
        read.map(|config| config.sinks().to_vec())
            .map_err(|failure| failure.to_string())
    }

    const SINK: &str = "[[sink]]\nname = \"s\"\ntransport = \"splunk\"\n\
                        url = \"https://h:8088\"\ntoken = \"env:T\"\n";

    #[test]
    fn a_sink_is_told_everything_from_now_on_unless_it_says_otherwise() {
        let sink = sinks(SINK).unwrap().remove(0);
        assert_eq!(
            (&*sink.name, sink.mapping, sink.start),
            ("s", Mapping::Raw, Start::Now)
        );
        assert_eq!(sink.kinds, Kind::ALL);
        let more = "mapping = \"ecs\"\nkinds = [\"signal\", \"incident\", \"signal\"]\n\
                    from = \"2026-06-01\"\naccounts = [7]\norganizations = [1, 2]\n\
                    customer_code = \"c\"\n[sink.customer_codes]\n7 = \"acme\"\n";
        let sink = sinks(&format!("{SINK}{more}")).unwrap().remove(0);
        assert_eq!(sink.mapping, Mapping::Ecs);
        assert_eq!(sink.kinds, [Kind::Incident, Kind::Signal]);
        let since = "2026-06-01T00:00:00Z".parse().unwrap();
        assert_eq!(sink.start, Start::Since(since));
        assert_eq!(sink.accounts, BTreeSet::from([7]));
        assert_eq!(sink.organizations, BTreeSet::from([1, 2]));
        assert_eq!(sink.customer_code_of(Some(7)), Some("acme"));
        assert_eq!(sink.customer_code_of(Some(8)), Some("c"));
        let log = "logs = \"FROM logs | KEEP uuid\"\nlog_profiles = [\"acme\"]\n";
        let sink = sinks(&format!("{SINK}{log}")).unwrap().remove(0);
        assert_eq!(sink.kinds, []);
        assert_eq!(sink.logs.unwrap().requests_per_minute, 30);
    }

    #[test]
    fn paths_are_those_of_the_files_folder() {
        let text = SINK.replace("env:T", "file:t");
        let text = format!("{text}tls = {{ca_file = \"ca.pem\"}}");
        let shown = format!("{:?}", sinks(&text).unwrap()[0].transport);
        assert!(
            shown.contains("/etc/acme/t\"") && shown.contains("/etc/acme/ca.pem"),
            "{shown}"
        );
    }

    #[test]
    fn secrets_are_refused_and_not_shown() {
        let http = "[[sink]]\nname = \"s\"\ntransport = \"http\"\nurl = \"https://h/x\"\n";
        for text in [
            SINK.replace("env:T", "geheim"),
            SINK.replace("\"env:T\"", "[\"geheim\"]"),
            SINK.replace("https://h", "https://me:geheim@h"),
            format!("{http}headers = {{Authorization = \"Bearer geheim\"}}"),
            format!("{http}headers = {{X-Api-Key = \"geheim\"}}"),
            format!("{http}timeout = \"geheim\""),
            SINK.replace("splunk", "geheim"),
            format!("{SINK}acknowledge = \"geheim\""),
        ] {
            let said = sinks(&text).unwrap_err();
            assert!(!said.contains("geheim"), "{said}");
            assert!(said.starts_with("/etc/acme/huntctl.toml:"), "{said}");
        }
        let text = format!("{http}headers = {{Authorization = \"env:A\"}}\nbody = \"file:x\"");
        let shown = format!("{:?}", sinks(&text).unwrap());
        assert!(shown.contains("\"file:x\""), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, why) in [
            (
                "[sink]\nname = \"a\"".to_owned(),
                "1: `sink` is written [[sink]], with two brackets",
            ),
            (
                "[[sink]]\nname = \"a\"".to_owned(),
                "1: `transport` is missing in [[sink]]",
            ),
            (
                format!("{SINK}{SINK}"),
                "7: `name` is that of another [[sink]], too",
            ),
            (
                SINK.replace("token", "tokn"),
                "1: [[sink]]: unknown field `tokn`",
            ),
            (
                format!("{SINK}mapping = \"xml\""),
                "6: `mapping` must be one of raw,",
            ),
            (
                format!("{SINK}kinds = [\"incidents\"]"),
                "6: `kinds` must be a list of texts",
            ),
            (
                format!("{SINK}from = \"soon\""),
                "6: `from` must be \"now\", \"all\" or a date",
            ),
            (
                format!("{SINK}log_profiles = [\"a\"]"),
                "6: `log_profiles` goes with `logs`",
            ),
            (
                SINK.replace("\"s\"", "\"a b\""),
                "2: `name` can have letters",
            ),
        ] {
            let said = sinks(&text).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
