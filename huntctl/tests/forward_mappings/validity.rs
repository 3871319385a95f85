//! Whether an event is one of its mapping: each of its values is of a field that the list has,
//! and of the type that the list says, and what the schemas demand is there. `.ci/forward`
//! compares the lists and many events with what the owners of the schemas have published.

use std::net::IpAddr;

use huntctl::forward::{Kind, Mapping, Told};
use jiff::Timestamp;
use serde_json::Value;

/// What is wrong with an event, if anything is.
pub fn check(mapping: Mapping, told: &Told<'_>, event: &Value) -> Result<(), String> {
    let mut event = event.clone();
    if !event.is_object() {
        return Err("not an object".to_owned());
    }
    match mapping {
        // The other keys are the record's.
        Mapping::Raw => match told.record {
            Value::Object(_) => {
                event
                    .as_object_mut()
                    .unwrap()
                    .retain(|key, _| key == "huntctl");
            }
            other if event["record"] != *other => return Err("the record is not there".to_owned()),
            _ => {
                event.as_object_mut().unwrap().remove("record");
            }
        },
        Mapping::Socfortress => flat(&event)?,
        Mapping::Ecs => {}
        Mapping::Ocsf => {
            ocsf(told.kind, &event)?;
            let unmapped = event.as_object_mut().unwrap().remove("unmapped");
            if unmapped.is_some_and(|unmapped| !unmapped.is_object()) {
                return Err("unmapped".to_owned());
            }
        }
    }
    let fields = mapping.fields(told.kind);
    let forms: Vec<_> = fields
        .iter()
        .map(|field| (field.target, field.form))
        .collect();
    walk(&event, "", &forms)
}

fn walk(value: &Value, path: &str, forms: &[(&str, &str)]) -> Result<(), String> {
    if let Some((_, form)) = forms.iter().find(|(target, _)| *target == path) {
        return match is_of(value, form) {
            true => Ok(()),
            false => Err(format!("{path} is no {form}: {value}")),
        };
    }
    match value {
        Value::Object(map) if !map.is_empty() => {
            let separator = if path.is_empty() { "" } else { "." };
            let mut entries = map.iter();
            entries
                .try_for_each(|(key, value)| walk(value, &format!("{path}{separator}{key}"), forms))
        }
        Value::Array(list) if list.len() == 1 => walk(&list[0], &format!("{path}[]"), forms),
        _ => Err(format!("no field is called {path}: {value}")),
    }
}

/// Whether a value is of a type, by the name that the list of fields gives to it.
fn is_of(value: &Value, form: &str) -> bool {
    let text = value.as_str();
    if let Some(form) = form.strip_suffix("[]") {
        let list = value.as_array();
        return list
            .is_some_and(|list| !list.is_empty() && list.iter().all(|item| is_of(item, form)));
    }
    match form {
        "keyword" | "wildcard" | "match_only_text" | "string" | "texts with `, ` between" => {
            text.is_some_and(|text| !text.trim().is_empty())
        }
        "long" | "integer" | "number" => value.is_i64() || value.is_u64(),
        "timestamp" => value.as_i64().is_some_and(|time| time >= 0),
        "boolean" => value.is_boolean(),
        "`true` or `false`" => text.is_some_and(|text| ["true", "false"].contains(&text)),
        "date" | "time" => text.is_some_and(|text| {
            text.ends_with('Z') && text.len() <= 30 && text.parse::<Timestamp>().is_ok()
        }),
        "ip" => text.is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        "mac" => text.is_some_and(|text| text.len() == 17 && text.split(':').count() == 6),
        "email" => text.is_some_and(|text| text.is_ascii() && text.split('@').count() == 2),
        "long by name" => value
            .as_object()
            .is_some_and(|map| map.values().all(Value::is_i64)),
        "JSON as text" | "JSON as keyword" => text
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .is_some_and(|value| value.is_object() || value.is_array()),
        "key_value_object" => is_of(&value["name"], "string") && is_of(&value["value"], "string"),
        "observable" => is_of(&value["type_id"], "integer") && is_of(&value["value"], "string"),
        "network_interface" => is_of(&value["mac"], "mac"),
        "resource_details" => is_of(&value["uid"], "string") || is_of(&value["name"], "string"),
        other => panic!("what is {other}?"),
    }
}

/// GELF can carry texts and numbers alone, and no field of the name `_id`.
fn flat(event: &Value) -> Result<(), String> {
    for (key, value) in event.as_object().into_iter().flatten() {
        let is_plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_plain || !(value.is_string() || value.is_number()) {
            return Err(format!("{key} is not flat: {value}"));
        }
    }
    Ok(())
}

/// What the classes demand.
fn ocsf(kind: Kind, event: &Value) -> Result<(), String> {
    let class = match kind {
        Kind::Incident | Kind::Escalation => 2005,
        Kind::Signal => 2004,
        Kind::Agent => 5001,
        Kind::Identity => 5003,
    };
    let number = |path: &str| {
        let value = event.pointer(path).and_then(Value::as_i64);
        value.ok_or_else(|| format!("{path} is missing"))
    };
    let activity = number("/activity_id")?;
    if number("/class_uid")? != class || number("/category_uid")? != class / 1000 {
        return Err("another class".to_owned());
    }
    if number("/type_uid")? != class * 100 + activity {
        return Err("another type".to_owned());
    }
    number("/severity_id")?;
    number("/time")?;
    let demanded: &[&str] = match kind {
        Kind::Incident | Kind::Escalation => {
            number("/status_id")?;
            &["/finding_info_list/0/uid", "/assignee_group/name"]
        }
        Kind::Signal => &["/finding_info/uid"],
        Kind::Agent => {
            number("/device/type_id")?;
            number("/device/os/type_id")?;
            &["/device/uid", "/device/os/name"]
        }
        Kind::Identity => &["/user/uid"],
    };
    let always = [
        "/metadata/version",
        "/metadata/product/name",
        "/metadata/uid",
    ];
    for path in demanded.iter().chain(&always) {
        if event
            .pointer(path)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            return Err(format!("{path} is missing"));
        }
    }
    twins(event)
}

/// Where a number says "other", the text beside it says what.
fn twins(value: &Value) -> Result<(), String> {
    for (key, inner) in value.as_object().into_iter().flatten() {
        if let Some(name) = key.strip_suffix("_id")
            && *inner == 99
            && value[name]
                .as_str()
                .is_none_or(|text| text.trim().is_empty())
        {
            return Err(format!("{key} is 99 without {name}"));
        }
        // A record may have such keys as it likes.
        if key != "unmapped" {
            twins(inner)?;
        }
    }
    value.as_array().into_iter().flatten().try_for_each(twins)
}
