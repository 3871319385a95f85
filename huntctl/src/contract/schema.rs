//! What a value may be by the document, and whether one of a request is.
//!
//! All that is refused here is what the server would refuse, too, after it has cost a request.
//! A keyword that is not read here, such as `pattern`, is left to the server.

use serde_json::{Map, Value};

use super::nearest;

/// Deeper than any body of the API; what is below may be anything.
const DEEPEST: usize = 8;

/// What a value may be.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The form.
    pub kind: Kind,
    /// What it is for.
    pub docs: String,
    /// It may be null.
    pub nullable: bool,
    /// What the server takes where it is left out.
    pub default: Option<Value>,
    /// The function that brings the several shapes of an answer into one.
    pub decode: Option<String>,
}

/// The form of a value.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A text with so many characters.
    Text {
        /// The fewest.
        shortest: u64,
        /// The most.
        longest: u64,
    },
    /// A day, such as `2026-01-31`.
    Date,
    /// A moment, such as `2026-01-31T12:00:00Z`.
    Moment,
    /// A whole number.
    Integer {
        /// The least.
        lowest: i64,
        /// The greatest.
        highest: i64,
    },
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// One of these texts.
    OneOf(Vec<Choice>),
    /// Several of the same form.
    List {
        /// Each of them.
        items: Box<Schema>,
        /// They are sent as one text, with commas.
        commas: bool,
    },
    /// Named values.
    Object(Object),
    /// Anything.
    Any,
}

/// A value that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As it is sent.
    pub value: String,
    /// What it means.
    pub docs: Option<String>,
}

/// What an object may hold.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Its fields by name.
    pub fields: Vec<(String, Schema)>,
    /// Those that must be there.
    pub required: Vec<String>,
    /// Just one of these must be there, unless there is none of them.
    pub exactly_one: Vec<String>,
    /// No two of these may be there.
    pub at_most_one: Vec<String>,
}

/// What is wrong with a value, and what may be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// It cannot be sent.
    pub problems: Vec<String>,
    /// It can be sent, but the document does not know it.
    pub doubts: Vec<String>,
}

impl Schema {
    /// Reads what stands in a document.
    pub fn read(document: &Value, node: &Value) -> Self {
        Self::at(document, node, 0)
    }

    fn at(document: &Value, node: &Value, depth: usize) -> Self {
        let node = resolved(document, node, depth);
        Self {
            kind: Kind::read(document, &node, depth),
            docs: text(&node, "description"),
            nullable: is(&node, "nullable"),
            default: node.get("default").cloned(),
            decode: node
                .get("x-huntress-decode")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }

    /// Adds what is wrong with a value at a place.
    pub fn check(&self, place: &str, value: &Value, findings: &mut Findings) {
        if value.is_null() && self.nullable {
            return;
        }
        match (&self.kind, value) {
            (Kind::Object(object), Value::Object(fields)) => object.check(place, fields, findings),
            (Kind::List { items, commas }, Value::Array(values)) => {
                for (index, item) in values.iter().enumerate() {
                    let place = format!("{place}[{index}]");
                    items.check(&place, item, findings);
                    if *commas && item.as_str().is_some_and(|item| item.contains(',')) {
                        let why = "has a comma in it, which would make two values of it";
                        findings.problems.push(format!("`{place}` {why}"));
                    }
                }
            }
            // Somebody has joined them.
            (Kind::List { commas: true, .. }, Value::String(_)) => {}
            (kind, value) => {
                let place = if place.is_empty() { "body" } else { place };
                let problem = kind.problem_of(value);
                let problem = problem.map(|why| format!("`{place}` {why}"));
                findings.problems.extend(problem);
            }
        }
    }

    /// The value as it is sent: some lists are one text.
    pub fn on_the_wire(&self, value: Value) -> Value {
        match (&self.kind, value) {
            (Kind::List { commas: true, .. }, Value::Array(items)) => {
                let items: Vec<String> = items.iter().map(plain).collect();
                Value::String(items.join(","))
            }
            (Kind::Object(object), Value::Object(fields)) => {
                let sent = |(name, value): (String, Value)| match object.field(&name) {
                    Some(schema) => (name, schema.on_the_wire(value)),
                    None => (name, value),
                };
                Value::Object(fields.into_iter().map(sent).collect())
            }
            (_, value) => value,
        }
    }

    /// Whether it is a single value, neither list nor object.
    pub fn is_scalar(&self) -> bool {
        !matches!(self.kind, Kind::List { .. } | Kind::Object(_) | Kind::Any)
    }
}

/// A value as it stands in a path or query.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Kind {
    fn read(document: &Value, node: &Map<String, Value>, depth: usize) -> Self {
        let whole = |key: &str| node.get(key).and_then(Value::as_i64);
        let length = |key: &str| node.get(key).and_then(Value::as_u64);
        if let Some(choices) = choices(node) {
            return Self::OneOf(choices);
        }
        match node.get("type").and_then(Value::as_str) {
            Some("string") => match node.get("format").and_then(Value::as_str) {
                Some("date") => Self::Date,
                Some("date-time") => Self::Moment,
                _ => Self::Text {
                    shortest: length("minLength").unwrap_or(0),
                    longest: length("maxLength").unwrap_or(u64::MAX),
                },
            },
            Some("integer") => {
                let (lowest, highest) = match node.get("format").and_then(Value::as_str) {
                    Some("int32") => (i32::MIN.into(), i32::MAX.into()),
                    _ => (i64::MIN, i64::MAX),
                };
                // Ids begin at 1.
                let least = is(node, "x-huntress-id").then_some(1);
                Self::Integer {
                    lowest: whole("minimum").or(least).unwrap_or(lowest),
                    highest: whole("maximum").unwrap_or(highest),
                }
            }
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            Some("array") if depth < DEEPEST => Self::List {
                items: Box::new(Schema::at(
                    document,
                    node.get("items").unwrap_or(&Value::Null),
                    depth + 1,
                )),
                commas: is(node, "x-huntress-comma-separated"),
            },
            Some("object") if node.contains_key("properties") && depth < DEEPEST => {
                Self::Object(Object::read(document, node, depth))
            }
            _ => Self::Any,
        }
    }

    /// Why a value is none of these, to be read after its name.
    pub fn problem_of(&self, value: &Value) -> Option<String> {
        let is_not = |what: &str| Some(format!("must be {what}, and is {}", said(value)));
        match (self, value) {
            (Self::Text { shortest, longest }, Value::String(text)) => {
                length_problem(text, *shortest, *longest)
            }
            (Self::Text { .. }, _) => is_not("a text"),
            (Self::Date, Value::String(text)) if is_day(text) => None,
            (Self::Date, _) => is_not("a day such as 2026-01-31"),
            (Self::Moment, Value::String(text)) if text.parse::<jiff::Timestamp>().is_ok() => None,
            (Self::Moment, _) => is_not("a moment such as 2026-01-31T12:00:00Z"),
            (Self::Integer { lowest, highest }, _) => match value.as_i64() {
                Some(number) if (*lowest..=*highest).contains(&number) => None,
                Some(_) => is_not(&range(*lowest, *highest)),
                None => is_not("a whole number"),
            },
            (Self::Number, Value::Number(_)) | (Self::Boolean, Value::Bool(_)) => None,
            (Self::Number, _) => is_not("a number"),
            (Self::Boolean, _) => is_not("true or false"),
            (Self::OneOf(choices), _) => {
                let text = value.as_str();
                if choices.iter().any(|choice| Some(&*choice.value) == text) {
                    return None;
                }
                let known = || choices.iter().map(|choice| &*choice.value);
                let all: Vec<&str> = known().collect();
                let slip = text.and_then(|text| nearest(text, known()));
                let slip = slip.map_or(String::new(), |it| format!(" (did you mean {it}?)"));
                is_not(&format!("one of {}{slip}", all.join(", ")))
            }
            (Self::List { .. }, Value::Array(_)) | (Self::Object(_), Value::Object(_)) => None,
            (Self::List { .. }, _) => is_not("a list"),
            (Self::Object(_), _) => is_not("an object"),
            (Self::Any, _) => None,
        }
    }
}

impl Object {
    fn read(document: &Value, node: &Map<String, Value>, depth: usize) -> Self {
        let properties = node.get("properties").and_then(Value::as_object);
        let names = |key: &str| -> Vec<String> {
            let names = node
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            fields: properties
                .into_iter()
                .flatten()
                .map(|(name, field)| (name.clone(), Schema::at(document, field, depth + 1)))
                .collect(),
            required: names("required"),
            exactly_one: names("x-huntress-exactly-one"),
            at_most_one: names("x-huntress-at-most-one"),
        }
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Schema> {
        let mut fields = self.fields.iter();
        fields.find_map(|(own, schema)| (own == name).then_some(schema))
    }

    fn check(&self, place: &str, value: &Map<String, Value>, findings: &mut Findings) {
        let inside = |name: &str| match place {
            "" => name.to_owned(),
            place => format!("{place}.{name}"),
        };
        for name in &self.required {
            if !value.contains_key(name) {
                findings
                    .problems
                    .push(format!("`{}` is missing", inside(name)));
            }
        }
        for (name, field) in value {
            match self.field(name) {
                Some(schema) => schema.check(&inside(name), field, findings),
                None => {
                    let known = self.fields.iter().map(|(name, _)| &**name);
                    let slip = nearest(name, known);
                    let slip = slip.map_or(String::new(), |it| format!("; did you mean `{it}`?"));
                    let place = inside(name);
                    let why = format!("`{place}` is no field that the document knows{slip}");
                    findings.doubts.push(why);
                }
            }
        }
        for (names, or_none) in [(&self.exactly_one, false), (&self.at_most_one, true)] {
            let set = names.iter().map(|name| &**name);
            let set: Vec<&str> = set.filter(|name| value.contains_key(*name)).collect();
            let all = quoted(names.iter().map(|name| &**name));
            if set.len() > 1 {
                let set = quoted(set);
                let why = format!("only one of {all} can be set, but {set} are");
                findings.problems.push(why);
            } else if set.is_empty() && !or_none && !names.is_empty() {
                findings.problems.push(format!("one of {all} must be set"));
            }
        }
    }
}

/// Whether it is a day and nothing else.
fn is_day(text: &str) -> bool {
    let day: Result<jiff::civil::Date, _> = text.parse();
    day.is_ok_and(|day| day.to_string() == text)
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The values to choose from, and what each means; fewer at a place that takes only some.
fn choices(node: &Map<String, Value>) -> Option<Vec<Choice>> {
    let values = node.get("x-huntress-values").or_else(|| node.get("enum"))?;
    let docs = node.get("x-huntress-value-docs");
    let choice = |value: &Value| {
        let value = value.as_str()?.to_owned();
        let docs = docs
            .and_then(|docs| docs[&value].as_str())
            .map(str::to_owned);
        Some(Choice { value, docs })
    };
    values.as_array()?.iter().map(choice).collect()
}

/// A node with what it refers to; what it says itself counts more.
fn resolved(document: &Value, node: &Value, depth: usize) -> Map<String, Value> {
    let mut all = Map::new();
    if depth > 4 * DEEPEST {
        return all;
    }
    if let Some(pointer) = node["$ref"].as_str().and_then(|it| it.strip_prefix('#')) {
        if let Some(node) = document.pointer(pointer) {
            all.extend(resolved(document, node, depth + 1));
        }
        return all;
    }
    for part in node["allOf"].as_array().into_iter().flatten() {
        all.extend(resolved(document, part, depth + 1));
    }
    let own = node.as_object().into_iter().flatten();
    let own = own.filter(|(key, _)| *key != "allOf");
    all.extend(own.map(|(key, value)| (key.clone(), value.clone())));
    all
}

fn text(node: &Map<String, Value>, key: &str) -> String {
    let text = node.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn is(node: &Map<String, Value>, key: &str) -> bool {
    node.get(key).and_then(Value::as_bool) == Some(true)
}

fn length_problem(text: &str, shortest: u64, longest: u64) -> Option<String> {
    match text.chars().count() as u64 {
        _ if shortest > 0 && text.trim().is_empty() => Some("is blank".to_owned()),
        n if n < shortest => Some(format!("has {n} characters; it needs at least {shortest}")),
        n if n > longest => Some(format!("has {n} characters; at most {longest} are allowed")),
        _ => None,
    }
}

/// A value in a message; a long one is cut.
fn said(value: &Value) -> String {
    let whole = value.to_string();
    let start: String = whole.chars().take(60).collect();
    if start.len() < whole.len() {
        format!("{start}…")
    } else {
        whole
    }
}

fn range(lowest: i64, highest: i64) -> String {
    match (lowest, highest) {
        (_, i64::MAX) => format!("at least {lowest}"),
        (i64::MIN, _) => format!("at most {highest}"),
        _ => format!("from {lowest} to {highest}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(schema: Value, value: Value) -> Findings {
        let mut findings = Findings::default();
        Schema::read(&json!({}), &schema).check("", &value, &mut findings);
        findings
    }

    #[track_caller]
    fn refused(schema: Value, value: Value, why: &str) {
        let problems = found(schema, value).problems;
        assert_eq!(problems.join("; "), why);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let text = json!({"type": "string", "minLength": 2, "maxLength": 3});
        refused(
            text.clone(),
            json!("é"),
            "`body` has 1 characters; it needs at least 2",
        );
        refused(
            text.clone(),
            json!("éèêë"),
            "`body` has 4 characters; at most 3 are allowed",
        );
        refused(text, json!(7), "`body` must be a text, and is 7");
        let page = json!({"type": "integer", "minimum": 1, "maximum": 500});
        refused(page, json!(501), "`body` must be from 1 to 500, and is 501");
        refused(
            json!({"type": "integer", "minimum": 1}),
            json!(0),
            "`body` must be at least 1, and is 0",
        );
        refused(
            json!({"type": "integer"}),
            json!(1.5),
            "`body` must be a whole number, and is 1.5",
        );
        refused(
            json!({"type": "number"}),
            json!("1"),
            "`body` must be a number, and is \"1\"",
        );
        refused(
            json!({"type": "boolean"}),
            json!("true"),
            "`body` must be true or false, and is \"true\"",
        );
        let day = json!({"type": "string", "format": "date"});
        refused(
            day,
            json!("2026-02-30"),
            "`body` must be a day such as 2026-01-31, and is \"2026-02-30\"",
        );
        let color = json!({"enum": ["red", "blue"]});
        refused(
            color.clone(),
            json!("rad"),
            "`body` must be one of red, blue (did you mean red?), and is \"rad\"",
        );
        let list =
            json!({"type": "object", "properties": {"a": {"type": "array", "items": color}}});
        refused(
            list,
            json!({"a": ["red", "x"]}),
            "`a[1]` must be one of red, blue, and is \"x\"",
        );
        let whole = json!({"type": "object", "required": ["b"], "properties": {"b": {"nullable": true, "type": "string"}}});
        refused(whole.clone(), json!({}), "`b` is missing");
        refused(whole, json!({"b": null}), "");
    }

    #[test]
    fn what_the_document_does_not_know_is_a_doubt() {
        let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
        let findings = found(schema, json!({"nmae": 1}));
        let doubt = "`nmae` is no field that the document knows; did you mean `name`?";
        assert_eq!(
            (findings.problems.len(), findings.doubts),
            (0, vec![doubt.to_owned()])
        );
        // What is not said may be anything.
        assert_eq!(found(json!({}), json!([1])), Findings::default());
        assert_eq!(found(json!({"oneOf": []}), json!("x")), Findings::default());
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let document = json!({"components": {"schemas": {"Node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/components/schemas/Node"}},
        }}}});
        let reference = json!({"$ref": "#/components/schemas/Node"});
        let schema = Schema::read(&document, &reference);
        assert!(matches!(schema.kind, Kind::Object(_)));
    }
}
