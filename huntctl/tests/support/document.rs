//! The document as the tests read it, by themselves: what each operation takes, values for all
//! of it, and what must then be on the wire.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Larger than a number of JavaScript holds.
pub const ACCOUNT: i64 = 9_007_199_254_740_993;

pub fn document() -> Value {
    serde_json::from_str(huntress_simulator::OPENAPI).unwrap()
}

/// An operation of the document.
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub node: Value,
    /// The document that it is of.
    pub document: Value,
}

pub fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, node) in item.as_object().unwrap() {
            operations.push(Operation {
                id: node["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                node: node.clone(),
                document: document.clone(),
            });
        }
    }
    operations
}

/// A value of an argument, and where it must be on the wire.
#[derive(Clone, Debug)]
pub struct Given {
    /// None for one that is given by its place.
    pub flag: Option<String>,
    /// As typed; several for a list.
    pub typed: Vec<String>,
    pub name: String,
    /// In the path, the query, or the body.
    pub place: &'static str,
    pub schema: Value,
    /// In a body: as it is sent.
    pub sent: Value,
}

impl Operation {
    pub fn is_mirrored(&self) -> bool {
        self.node["x-huntress-account-scope"] == true
    }

    pub fn writes(&self) -> bool {
        self.method != "GET" && self.node["x-huntress-reads"] != true
    }

    /// One of each parameter of the path and query.
    pub fn parameters(&self) -> Vec<Given> {
        let parameters = self.node["parameters"].as_array().into_iter().flatten();
        parameters.map(|node| self.parameter(node)).collect()
    }

    fn parameter(&self, node: &Value) -> Given {
        let schema = plain(&self.document, &node["schema"]);
        let name = node["name"].as_str().unwrap();
        let in_path = node["in"] == "path";
        let commas = node["explode"] == false;
        let (typed, _) = value(&self.document, &schema, 0);
        let sent = match commas {
            true => json!([typed.join(",")]),
            false => json!(typed),
        };
        Given {
            flag: (!in_path).then(|| flag(name)),
            typed,
            name: name.to_owned(),
            place: if in_path { "path" } else { "query" },
            schema,
            sent,
        }
    }

    /// One of each field of the body, for some choice among those that exclude one another.
    pub fn fields(&self, choice: usize) -> Vec<Given> {
        let pointer = "/requestBody/content/application~1json/schema";
        let Some(schema) = self.node.pointer(pointer) else {
            return Vec::new();
        };
        let schema = plain(&self.document, schema);
        let mut without = BTreeSet::new();
        for group in ["x-huntress-exactly-one", "x-huntress-at-most-one"] {
            let names = schema[group].as_array().cloned().unwrap_or_default();
            for (index, name) in names.iter().enumerate() {
                if index != choice % names.len() {
                    without.insert(name.as_str().unwrap().to_owned());
                }
            }
        }
        let mut fields = Vec::new();
        self.fields_of(&schema, "", &without, &mut fields);
        fields
    }

    fn fields_of(
        &self,
        schema: &Value,
        above: &str,
        without: &BTreeSet<String>,
        all: &mut Vec<Given>,
    ) {
        for (name, field) in schema["properties"].as_object().unwrap() {
            if without.contains(name) {
                continue;
            }
            let field = plain(&self.document, field);
            let path = format!("{above}{name}");
            if field["properties"].is_object() {
                self.fields_of(&field, &format!("{path}."), without, all);
                continue;
            }
            let (typed, sent) = value(&self.document, &field, 0);
            let sent = match field["x-huntress-comma-separated"] == true {
                true => json!(typed.join(",")),
                false => sent,
            };
            all.push(Given {
                flag: Some(flag(&path)),
                typed,
                name: path,
                place: "body",
                schema: field,
                sent,
            });
        }
    }

    /// The arguments that give all of this.
    pub fn arguments(&self, given: &[Given]) -> Vec<String> {
        let mut arguments = vec!["api".to_owned(), self.id.clone()];
        for given in given {
            for typed in &given.typed {
                match &given.flag {
                    Some(flag) => arguments.push(format!("--{flag}={typed}")),
                    None => arguments.push(typed.clone()),
                }
            }
        }
        arguments
    }

    /// The path on the wire.
    pub fn sent_path(&self, given: &[Given], account: Option<i64>) -> String {
        let mut path = self.path.clone();
        for given in given.iter().filter(|given| given.place == "path") {
            path = path.replace(&format!("{{{}}}", given.name), &given.typed[0]);
        }
        match account {
            Some(account) => path.replacen("/v1", &format!("/v1/accounts/{account}"), 1),
            None => path,
        }
    }

    /// The query on the wire, sorted.
    pub fn sent_query(&self, given: &[Given]) -> Vec<(String, String)> {
        let given = given.iter().filter(|given| given.place == "query");
        let mut pairs: Vec<(String, String)> = given
            .flat_map(|given| {
                let values = given.sent.as_array().unwrap().iter();
                values.map(|value| (given.name.clone(), value.as_str().unwrap().to_owned()))
            })
            .collect();
        pairs.sort();
        pairs
    }

    /// The body on the wire.
    pub fn sent_body(&self, given: &[Given]) -> Option<Value> {
        self.node.get("requestBody")?;
        let mut body = json!({});
        for given in given.iter().filter(|given| given.place == "body") {
            let pointer = format!("/{}", given.name.replace('.', "/"));
            put(&mut body, &pointer, given.sent.clone());
        }
        Some(body)
    }

    /// The least that a client takes for an answer.
    pub fn answer(&self) -> (u16, String) {
        let responses = self.node["responses"].as_object().unwrap();
        let (status, response) = responses
            .iter()
            .find(|(it, _)| it.starts_with('2'))
            .unwrap();
        let status = status.parse().unwrap();
        let Some(schema) = response.pointer("/content/application~1json/schema") else {
            return (status, String::new());
        };
        let schema = plain(&self.document, schema);
        let envelope = &schema["x-huntress-envelope"];
        let mut body = Map::new();
        match envelope["kind"].as_str() {
            Some("page" | "list") => body.insert(text(&envelope["items"]), json!([{"id": 1}])),
            Some("resource") => body.insert(text(&envelope["key"]), json!({"id": 1})),
            _ => body.insert("id".to_owned(), json!(1)),
        };
        (status, Value::Object(body).to_string())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn put(body: &mut Value, pointer: &str, value: Value) {
    let mut place = body;
    for name in pointer.split('/').skip(1) {
        place = place
            .as_object_mut()
            .unwrap()
            .entry(name)
            .or_insert_with(|| json!({}));
    }
    *place = value;
}

pub fn flag(name: &str) -> String {
    name.replace("[]", "").replace('_', "-")
}

/// What a schema says together with what it refers to.
pub fn plain(document: &Value, schema: &Value) -> Value {
    let mut all = Map::new();
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return plain(document, &document["components"]["schemas"][name]);
    }
    if let Some(part) = schema["allOf"].get(0) {
        all.extend(plain(document, part).as_object().unwrap().clone());
    }
    all.extend(schema.as_object().unwrap().clone());
    Value::Object(all)
}

/// The values that a place takes, where it takes only some.
pub fn choices(schema: &Value) -> Option<Vec<String>> {
    let values = schema.get("x-huntress-values").or(schema.get("enum"))?;
    Some(values.as_array().unwrap().iter().map(text).collect())
}

/// A value that a schema allows: as it is typed, and as JSON.
fn value(document: &Value, schema: &Value, index: usize) -> (Vec<String>, Value) {
    if let Some(choices) = choices(schema) {
        let choice = choices[index % choices.len()].clone();
        return (vec![choice.clone()], json!(choice));
    }
    match schema["type"].as_str().unwrap() {
        "string" => {
            let text = match schema["format"].as_str() {
                Some("date") => "2026-01-02".to_owned(),
                Some("date-time") => "2026-01-02T03:04:05Z".to_owned(),
                _ => format!("a b&c=d/é%+\"#{index}"),
            };
            (vec![text.clone()], json!(text))
        }
        "integer" => {
            let number = match schema["format"].as_str() {
                Some("int64") => ACCOUNT - 1,
                _ => 7,
            };
            (vec![number.to_string()], json!(number))
        }
        "boolean" => (vec!["false".to_owned()], json!(false)),
        "array" => {
            let items = plain(document, &schema["items"]);
            let (mut typed, first) = value(document, &items, 0);
            let (more, second) = value(document, &items, 1);
            typed.extend(more);
            (typed, json!([first, second]))
        }
        other => panic!("no value of {other} is known: {schema}"),
    }
}

/// Values that a schema does not allow.
pub fn violations(document: &Value, schema: &Value) -> Vec<String> {
    let text = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    if let Some(choices) = choices(schema) {
        // Right but for its case, too: the API compares exactly.
        let mut all = vec!["no-such-value".to_owned(), String::new()];
        let first = &choices[0];
        let other = if *first == first.to_lowercase() {
            first.to_uppercase()
        } else {
            first.to_lowercase()
        };
        all.push(other);
        return all;
    }
    match schema["type"].as_str().unwrap() {
        "string" => match schema["format"].as_str() {
            Some("date") => text(&["2026-13-01", "tomorrow", "", "2026-01-02T03:04:05Z"]),
            Some("date-time") => text(&["2026-01-02", "03:04", "", "2026-01-02T25:00:00Z"]),
            _ => {
                let mut all = Vec::new();
                if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
                    all.extend(["".to_owned(), "  ".to_owned()]);
                }
                if let Some(most) = schema["maxLength"].as_u64() {
                    all.push("é".repeat(usize::try_from(most).unwrap() + 1));
                }
                all
            }
        },
        "integer" => {
            let mut all: Vec<String> = text(&["x", "1.5", "", "9223372036854775808"]);
            let least = schema["minimum"].as_i64();
            let least = least.or((schema["x-huntress-id"] == true).then_some(1));
            all.extend(least.map(|least| (least - 1).to_string()));
            all.extend(
                schema["maximum"]
                    .as_i64()
                    .map(|most| (most + 1).to_string()),
            );
            if schema["format"] == "int32" {
                all.push("2147483648".to_owned());
            }
            all
        }
        "boolean" => text(&["maybe", "1", ""]),
        "array" => violations(document, &plain(document, &schema["items"])),
        other => panic!("no violation of {other} is known"),
    }
}
