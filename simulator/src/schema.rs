//! The document's schemas: what a place in it says, and whether a value fits.
//!
//! Only what the document uses of OpenAPI 3.0 is understood, and a test fails when it begins
//! to use more. A complete JSON Schema validator costs a user's tests more time than the
//! rest of this crate, to build and to start.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

/// A schema as it stands at some place of the document.
#[derive(Clone, Copy)]
pub(crate) struct Place<'d> {
    /// What the references lead to.
    pub(crate) schema: &'d Value,
    /// The component that this is, where it is one.
    pub(crate) component: Option<&'d str>,
    /// Those of an enum's values that are taken at this place, where not all are.
    some: Option<&'d Vec<Value>>,
}

impl<'d> Place<'d> {
    /// Follows references, bare or as the only entry of an `allOf`.
    pub(crate) fn of(document: &'d Value, schema: &'d Value) -> Self {
        let mut place = Self {
            schema,
            component: None,
            some: None,
        };
        loop {
            let here = place.schema;
            place.some = place.some.or(here["x-huntress-values"].as_array());
            if let Some(reference) = here["$ref"].as_str() {
                place.component = reference.rsplit('/').next();
                place.schema = referred(document, reference);
            } else if let Some([only]) = here["allOf"].as_array().map(Vec::as_slice) {
                place.schema = only;
            } else {
                return place;
            }
        }
    }

    /// The values that are known here, where they are enumerated.
    pub(crate) fn values(&self) -> Option<&'d Vec<Value>> {
        self.some.or(self.schema["enum"].as_array())
    }
}

/// What a local reference names; null where there is no such thing.
pub(crate) fn referred<'d>(document: &'d Value, reference: &str) -> &'d Value {
    let pointer = reference.strip_prefix('#').unwrap_or(reference);
    document.pointer(pointer).unwrap_or(&Value::Null)
}

/// What is wrong with a value: the field, with dots between, and why.
pub(crate) type Wrong = Vec<(String, String)>;

/// Adds what is wrong with a value that stands at a field.
pub(crate) fn check(
    document: &Value,
    schema: &Value,
    value: &Value,
    field: &str,
    wrong: &mut Wrong,
) {
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if schema["x-huntress-comma-separated"] == true {
        return commas(document, schema, value, field, wrong);
    }
    // Before the enum itself, which has more.
    if let Err(why) = among(schema, "x-huntress-values", value) {
        return wrong.push((field.to_owned(), why));
    }
    check_others(document, schema, value, field, wrong);
    if let Err(why) = kind(schema, value).and_then(|()| among(schema, "enum", value)) {
        return wrong.push((field.to_owned(), why));
    }
    let bounds = match value {
        Value::Number(_) => range(schema, value),
        Value::String(text) => length(schema, text).and_then(|()| format(schema, text)),
        _ => Ok(()),
    };
    if let Err(why) = bounds {
        wrong.push((field.to_owned(), why));
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (place, value) in values.iter().enumerate() {
            check(document, items, value, &below(field, place), wrong);
        }
    }
    if let Some(fields) = value.as_object() {
        check_fields(document, schema, fields, field, wrong);
        for (key, least) in [("x-huntress-exactly-one", 1), ("x-huntress-at-most-one", 0)] {
            if let Some(names) = schema[key].as_array()
                && let Err(why) = one_of(names, least, value)
            {
                wrong.push((field.to_owned(), why));
            }
        }
    }
}

/// Adds what is wrong by the other schemas that this one names.
fn check_others(document: &Value, schema: &Value, value: &Value, field: &str, wrong: &mut Wrong) {
    let fits = |schema: &&Value| {
        let mut wrong = Wrong::new();
        check(document, schema, value, field, &mut wrong);
        wrong.is_empty()
    };
    if let Some(reference) = schema["$ref"].as_str() {
        check(document, referred(document, reference), value, field, wrong);
    }
    for all in schema["allOf"].as_array().into_iter().flatten() {
        check(document, all, value, field, wrong);
    }
    if let Some(any) = schema["anyOf"].as_array()
        && !any.iter().any(|schema| fits(&schema))
    {
        wrong.push((field.to_owned(), "is none of what it may be".to_owned()));
    }
    if let Some(one) = schema["oneOf"].as_array()
        && one.iter().filter(fits).count() != 1
    {
        let why = "is not exactly one of what it may be";
        wrong.push((field.to_owned(), why.to_owned()));
    }
}

/// Adds what is wrong with the fields of an object.
fn check_fields(
    document: &Value,
    schema: &Value,
    fields: &Map<String, Value>,
    field: &str,
    wrong: &mut Wrong,
) {
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            wrong.push((below(field, name), "is missing".to_owned()));
        }
    }
    let others = &schema["additionalProperties"];
    for (name, value) in fields {
        let at = below(field, name);
        match (schema["properties"].get(name), others) {
            (Some(property), _) => check(document, property, value, &at, wrong),
            (None, Value::Bool(false)) => wrong.push((at, "is not known".to_owned())),
            (None, Value::Object(_)) => check(document, others, value, &at, wrong),
            (None, _) => {}
        }
    }
}

/// The path of something within a field.
fn below(field: &str, name: impl std::fmt::Display) -> String {
    if field.is_empty() {
        name.to_string()
    } else {
        format!("{field}.{name}")
    }
}

/// A list that is sent as one text, with commas between.
fn commas(document: &Value, schema: &Value, value: &Value, field: &str, wrong: &mut Wrong) {
    let Some(text) = value.as_str() else {
        let why = "is not text, with commas between several";
        return wrong.push((field.to_owned(), why.to_owned()));
    };
    let place = Place::of(document, schema);
    let items = place.schema.get("items");
    let one = items.map_or(place, |items| Place::of(document, items));
    let Some(values) = one.values() else { return };
    for piece in text.split(',').map(str::trim) {
        if !values.iter().any(|known| *known == piece) {
            wrong.push((field.to_owned(), unknown(values)));
        }
    }
}

fn kind(schema: &Value, value: &Value) -> Result<(), String> {
    let Some(kind) = schema["type"].as_str() else {
        return Ok(());
    };
    let is = match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        // 7.0 is one, as JSON knows one kind of number alone.
        "integer" => value
            .as_f64()
            .is_some_and(|number| number.is_finite() && number.fract() == 0.0),
        "number" => value.is_number(),
        _ => true,
    };
    if is {
        return Ok(());
    }
    let article = if kind.starts_with(['a', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    Err(format!("is not {article} {kind}"))
}

fn among(schema: &Value, key: &str, value: &Value) -> Result<(), String> {
    match schema[key].as_array() {
        Some(values) if !values.contains(value) => Err(unknown(values)),
        _ => Ok(()),
    }
}

fn unknown(values: &[Value]) -> String {
    let known: Vec<_> = values
        .iter()
        .map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
        .collect();
    format!("must be one of {}", known.join(", "))
}

fn range(schema: &Value, value: &Value) -> Result<(), String> {
    let in_format = match schema["format"].as_str() {
        Some("int32") => value
            .as_f64()
            .is_some_and(|number| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number)),
        Some("int64") => {
            let whole = value.as_f64().filter(|_| value.is_f64());
            value.as_i64().is_some() || whole.is_some_and(|whole| whole.abs() < 2f64.powi(63))
        }
        _ => true,
    };
    if !in_format {
        return Err("is too large a number".to_owned());
    }
    let number = value.as_f64().unwrap_or_default();
    match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), _) if number < least => Err(format!("must be at least {least}")),
        (_, Some(most)) if number > most => Err(format!("must be at most {most}")),
        _ => Ok(()),
    }
}

fn length(schema: &Value, text: &str) -> Result<(), String> {
    let length = text.chars().count() as u64;
    match (schema["minLength"].as_u64(), schema["maxLength"].as_u64()) {
        (Some(least), _) if length < least => Err(format!("must have at least {least} characters")),
        (_, Some(most)) if length > most => Err(format!("must have at most {most} characters")),
        _ => Ok(()),
    }
}

fn format(schema: &Value, text: &str) -> Result<(), String> {
    match schema["format"].as_str() {
        Some("date") if !is_date(text) => Err("is not a date such as 2026-05-31".to_owned()),
        Some("date-time") if !is_moment(text) => {
            Err("is not a moment such as 2026-05-31T12:00:00Z".to_owned())
        }
        _ => Ok(()),
    }
}

/// A full date of RFC 3339.
fn is_date(text: &str) -> bool {
    let digits = |place: usize, byte: u8| [4, 7].contains(&place) || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(place, byte)| digits(place, *byte))
        && text.parse::<Date>().is_ok()
}

/// A date and a time of RFC 3339, which knows fewer spellings than jiff.
fn is_moment(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    let zone = time.find(['Z', 'z', '+', '-']).map(|at| time.split_at(at));
    let Some((clock, zone)) = zone else {
        return false;
    };
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text
                .bytes()
                .zip(shape.bytes())
                .all(|(byte, shape)| byte == shape || shape == b'0' && byte.is_ascii_digit())
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let zoned = ["Z", "z"].contains(&zone) || shaped(&zone[1..], "00:00");
    is_date(date)
        && shaped(clock, "00:00:00")
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && zoned
        // jiff has nanoseconds.
        && format!("{date}T{clock}{}", zone.to_uppercase()).parse::<Timestamp>().is_ok()
}

/// Whether one of some fields is given, or none where that may be.
fn one_of(names: &[Value], least: usize, value: &Value) -> Result<(), String> {
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    let given = names.iter().filter(|name| !value[**name].is_null()).count();
    if (least..=1).contains(&given) {
        return Ok(());
    }
    let (last, others) = names.split_last().ok_or("nothing is possible")?;
    let names = format!("{} and {last}", others.join(", "));
    Err(match least {
        0 => format!("{names} exclude each other"),
        _ => format!("exactly one of {names} is needed"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::document::Document;

    /// What the check looks at, and what says nothing about a value.
    const KNOWN: [&str; 21] = [
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "default",
        "deprecated",
        "description",
        "enum",
        "example",
        "format",
        "items",
        "maxLength",
        "maximum",
        "minLength",
        "minimum",
        "nullable",
        "oneOf",
        "properties",
        "required",
        "title",
        "type",
    ];

    /// The keywords of a schema and of all within it.
    fn keywords<'d>(schema: &'d Value, found: &mut BTreeSet<&'d str>) {
        for (key, value) in schema.as_object().into_iter().flatten() {
            found.insert(key);
            let within: Vec<&Value> = match &**key {
                "properties" => value.as_object().unwrap().values().collect(),
                "items" | "additionalProperties" => vec![value],
                "allOf" | "anyOf" | "oneOf" => value.as_array().unwrap().iter().collect(),
                _ => Vec::new(),
            };
            within
                .into_iter()
                .for_each(|schema| keywords(schema, found));
        }
    }

    #[test]
    fn the_document_says_nothing_that_is_not_checked() {
        let document = &Document::committed().value;
        let mut found = BTreeSet::new();
        for schema in document["components"]["schemas"]
            .as_object()
            .unwrap()
            .values()
        {
            keywords(schema, &mut found);
        }
        assert!(found.contains("nullable") && found.contains("maxLength"));
        // Ours are read here or by those whom they concern.
        found.retain(|key| !KNOWN.contains(key) && !key.starts_with("x-huntress-"));
        assert_eq!(found, BTreeSet::new(), "the check does not know these");
    }

    /// The same schemas as JSON Schema has them, which knows neither `nullable` nor ours.
    fn json_schema(schema: &Value) -> Value {
        match schema {
            Value::Array(items) => items.iter().map(json_schema).collect(),
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(key, value)| (key.clone(), json_schema(value)));
                let mut schema = Value::Object(fields.collect());
                let range = match schema["format"].as_str() {
                    Some("int32") => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
                    Some("int64") => Some((i64::MIN, i64::MAX)),
                    _ => None,
                };
                for (key, bound) in range
                    .into_iter()
                    .flat_map(|(least, most)| [("minimum", least), ("maximum", most)])
                {
                    if schema.get(key).is_none() {
                        schema[key] = json!(bound);
                    }
                }
                if let Some(values) = schema.get("x-huntress-values").cloned() {
                    schema["enum"] = values;
                }
                if let Some(names) = schema.get("x-huntress-at-most-one").cloned() {
                    let given = |name: &Value| {
                        let not_null = json!({"not": {"type": "null"}});
                        json!({"required": [name], "properties": {name.as_str().unwrap(): not_null}})
                    };
                    // Of two.
                    let both: Vec<_> = names.as_array().unwrap().iter().map(given).collect();
                    schema["not"] = json!({ "allOf": both });
                }
                if let Some(names) = schema.get("x-huntress-exactly-one").cloned() {
                    let names = names.as_array().unwrap().iter();
                    let given = |name: &Value| {
                        let not_null = json!({"not": {"type": "null"}});
                        json!({"required": [name], "properties": {name.as_str().unwrap(): not_null}})
                    };
                    let one = json!({"oneOf": names.map(given).collect::<Vec<_>>()});
                    return json!({"allOf": [schema, one]});
                }
                if schema["nullable"] == true {
                    return json!({"anyOf": [{"type": "null"}, schema]});
                }
                schema
            }
            other => other.clone(),
        }
    }

    /// A value that fits.
    fn sample(document: &Value, schema: &Value) -> Value {
        let place = Place::of(document, schema);
        if let Some(values) = place.values() {
            return values[0].clone();
        }
        let schema = place.schema;
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (_, Some("date")) => json!("2026-05-31"),
            (_, Some("date-time")) => json!("2026-05-31T12:00:00Z"),
            (Some("object"), _) => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                let mut one = schema["x-huntress-exactly-one"]
                    .as_array()
                    .into_iter()
                    .flatten();
                let first = one.next();
                let others: Vec<_> = one.collect();
                let wanted = properties.filter(|(name, _)| {
                    first.is_none() || !others.iter().any(|other| other == name)
                });
                wanted
                    .map(|(name, schema)| (name.clone(), sample(document, schema)))
                    .collect()
            }
            (Some("array"), _) => json!([sample(document, &schema["items"])]),
            (Some("boolean"), _) => json!(true),
            (Some("integer" | "number"), _) => json!(7),
            (None, _) if schema["oneOf"].is_array() => sample(document, &schema["oneOf"][0]),
            _ => json!("text"),
        }
    }

    /// All that a value is changed into.
    fn others() -> Vec<Value> {
        let texts = [
            "",
            "x",
            " ",
            "2026-02-28",
            "2026-02-30",
            "2026-2-3",
            "+002026-02-28",
            "2026-05-31T12:00:00Z",
            "2026-05-31t12:00:00.123456789012z",
            "2026-05-31T12:00:00+02:00",
            "2026-05-31T12:00:00",
            "2026-05-31 12:00:00Z",
            "2026-05-31T12:00Z",
            "2026-05-31T12:00:00.Z",
            "2026-05-31T25:00:00Z",
            "2026-05-31T12:00:00+0200",
            "2026-05-31T12:00:00+02",
            "2026-05-31T12:00:00Z[UTC]",
            "admin",
        ];
        let mut others: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
        others.extend([256, 257].map(|length| json!("ü".repeat(length))));
        others.extend([
            json!(null),
            json!(true),
            json!([]),
            json!(["x"]),
            json!([7]),
        ]);
        others.extend([
            json!({}),
            json!({"id": 7}),
            json!({"id": "7"}),
            json!([null]),
        ]);
        let whole = [0, 1, -1, 501, i64::from(i32::MAX) + 1, i64::MAX, i64::MIN];
        others.extend(whole.map(|number| json!(number)));
        others.extend([json!(u64::MAX), json!(1.0), json!(1.5), json!(1e300)]);
        others
    }

    /// Every value within another, by its pointer.
    fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        let within: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), value))
                .collect(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(place, value)| (place.to_string(), value))
                .collect(),
            _ => Vec::new(),
        };
        for (key, value) in within {
            pointers(value, &format!("{at}/{key}"), found);
        }
    }

    #[test]
    fn every_value_is_judged_as_a_complete_validator_does() {
        let document = &Document::committed().value;
        let schemas = document["components"]["schemas"].as_object().unwrap();
        // One validator for all: what takes time is to build it.
        let names = schemas.keys();
        let properties: Value = names
            .map(|name| {
                let reference = format!("#/components/schemas/{name}");
                (name.clone(), json!({ "$ref": reference }))
            })
            .collect();
        let components = json_schema(&document["components"]);
        let options = jsonschema::options().should_validate_formats(true);
        let validator = options
            .build(&json!({"properties": properties, "components": components}))
            .unwrap();
        let (mut judged, mut refused) = (0, 0);
        for (name, schema) in schemas {
            // What is made of commas is a rule of ours alone.
            if schema.to_string().contains("x-huntress-comma-separated") {
                continue;
            }
            let sample = sample(document, schema);
            let mut places = Vec::new();
            pointers(&sample, "", &mut places);
            // The large records have no other kinds of places, and take long.
            if places.len() > 12 {
                continue;
            }
            let mut values = vec![sample.clone()];
            for place in &places {
                for other in others() {
                    let mut value = sample.clone();
                    *value.pointer_mut(place).unwrap() = other;
                    values.push(value);
                }
                let Some((parent, key)) = place.rsplit_once('/') else {
                    continue;
                };
                let mut value = sample.clone();
                if let Some(Value::Object(fields)) = value.pointer_mut(parent) {
                    fields.remove(key);
                    fields.insert("new".to_owned(), json!(7));
                    values.push(value);
                }
            }
            for value in values {
                let mut wrong = Wrong::new();
                check(document, &properties[name], &value, "", &mut wrong);
                let fits = validator.is_valid(&json!({ name: value }));
                assert_eq!(wrong.is_empty(), fits, "{name}: {value}: {wrong:?}");
                judged += 1;
                refused += usize::from(!fits);
            }
        }
        assert!(judged > 5_000 && refused > 3_000, "{judged} {refused}");
    }

    /// A document with one of each of the things that lead elsewhere.
    fn document() -> Value {
        json!({"components": {"schemas": {
            "AgentId": {"type": "integer", "format": "int64", "x-huntress-id": true},
            "Severity": {"type": "string", "enum": ["low", "medium", "high"]},
            "Alias": {"allOf": [{"$ref": "#/components/schemas/Severity"}]},
            "Body": {
                "type": "object",
                "x-huntress-exactly-one": ["agent_id", "vpn", "list"],
                "x-huntress-at-most-one": ["severity", "note"],
                "properties": {
                    "agent_id": {"$ref": "#/components/schemas/AgentId"},
                    "vpn": {"type": "string", "nullable": true},
                    "list": {
                        "type": "array",
                        "items": {
                            "$ref": "#/components/schemas/Severity",
                            "x-huntress-values": ["low", "high"],
                        },
                        "x-huntress-comma-separated": true,
                    },
                    "severity": {
                        "allOf": [{"$ref": "#/components/schemas/Alias"}],
                        "x-huntress-values": ["low", "high"],
                        "nullable": true,
                    },
                    "severities": {
                        "type": "array",
                        "items": {
                            "allOf": [{"$ref": "#/components/schemas/Severity"}],
                            "x-huntress-values": ["low", "high"],
                        },
                    },
                },
            },
        }}})
    }

    #[test]
    fn what_stands_beside_a_reference_counts_too() {
        let document = document();
        for (mut body, expected) in [
            (json!({"agent_id": 7}), None),
            (
                json!({"agent_id": "7"}),
                Some(("agent_id", "is not an integer")),
            ),
            (json!({"vpn": null}), Some(("", "exactly one of"))),
            (
                json!({}),
                Some(("", "exactly one of agent_id, vpn and list is needed")),
            ),
            (
                json!({"agent_id": 7, "vpn": "x"}),
                Some(("", "exactly one of")),
            ),
            (json!({"agent_id": 7, "vpn": null}), None),
            (json!({"list": "low"}), None),
            (json!({"list": "low", "note": "x"}), None),
            (json!({"list": "low, high"}), None),
            (
                json!({"list": "low,medium"}),
                Some(("list", "must be one of low, high")),
            ),
            (
                json!({"list": ""}),
                Some(("list", "must be one of low, high")),
            ),
            (
                json!({"list": ["low"]}),
                Some(("list", "is not text, with commas")),
            ),
        ] {
            for severity in [None, Some(json!("low")), Some(Value::Null)] {
                if body.get("note").is_some() {
                    continue;
                }
                if let Some(severity) = severity {
                    body["severity"] = severity;
                }
                let wrong = wrong(&document, &body);
                let found = wrong.first().map(|(field, why)| (&**field, &**why));
                let fits = match (found, expected) {
                    (Some((field, why)), Some((at, says))) => field == at && why.starts_with(says),
                    (found, expected) => found == expected,
                };
                assert!(fits && wrong.len() < 2, "{body}: {wrong:?}");
            }
        }
        let both = json!({"agent_id": 7, "severity": "low", "note": "x"});
        let why = "severity and note exclude each other";
        assert_eq!(wrong(&document, &both), [(String::new(), why.to_owned())]);
        for (severity, list) in [("medium", "low"), ("low", "medium"), ("new", "low")] {
            let body = json!({"agent_id": 7, "severity": severity, "severities": [list]});
            assert_eq!(
                wrong(&document, &body)[0].1,
                "must be one of low, high",
                "{body}"
            );
        }
    }

    fn wrong(document: &Value, body: &Value) -> Wrong {
        let mut wrong = Wrong::new();
        let schema = &json!({"$ref": "#/components/schemas/Body"});
        check(document, schema, body, "", &mut wrong);
        wrong
    }

    #[test]
    fn a_place_is_what_its_references_lead_to() {
        let document = document();
        let body = &document["components"]["schemas"]["Body"]["properties"];
        let severity = Place::of(&document, &body["severity"]);
        assert_eq!(severity.component, Some("Severity"));
        assert_eq!(severity.values().unwrap(), &[json!("low"), json!("high")]);
        let alias = json!({"$ref": "#/components/schemas/Alias"});
        assert_eq!(Place::of(&document, &alias).values().unwrap().len(), 3);
        let id = Place::of(&document, &body["agent_id"]);
        assert_eq!((&id.schema["type"], id.values()), (&json!("integer"), None));
        let nothing = json!({"$ref": "#/components/schemas/Nothing"});
        assert!(Place::of(&document, &nothing).schema.is_null());
    }
}
