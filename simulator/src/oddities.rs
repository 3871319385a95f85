//! The odd shapes that the API is known to send, at a configurable rate.
//!
//! They say the same in other ways, or leave out what may be left out. A client that
//! reads a list of them all, reads the real ones.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::made::escalations::stage;
use crate::values::spread;

/// How many answers are odd, and which.
#[derive(Clone, Copy)]
pub(crate) struct Oddities {
    pub(crate) rate: f64,
    pub(crate) seed: u64,
}

impl Oddities {
    pub(crate) fn none(self) -> bool {
        self.rate <= 0.0
    }

    /// Makes a row odd, or not: the same row always in the same way.
    pub(crate) fn row(self, row: &mut Value) {
        if let Some(mut rng) = self.strikes(number(row)) {
            odd(row, &mut rng);
        }
    }

    /// Whether a resource comes without its envelope.
    pub(crate) fn is_bare(self, row: &Value) -> bool {
        let rng = self.strikes(!number(row));
        rng.is_some_and(|mut rng| rng.bool())
    }

    /// Writes the time of a log line with more digits than microseconds have, or not.
    pub(crate) fn log_time(self, line: i64, time: &mut Value) {
        let whole = time.as_str().and_then(|text| text.strip_suffix('Z'));
        let odd = self.strikes(line.unsigned_abs()).and(whole);
        if let Some(whole) = odd.filter(|whole| !whole.contains('.')) {
            *time = json!(format!("{whole}.000000000Z"));
        }
    }

    /// Says what went wrong under another key, or not: the same always in the same way.
    pub(crate) fn error(self, body: &mut Value) {
        let message = body["message"].clone();
        let sum = message.to_string().bytes().map(u64::from).sum();
        let Some(mut rng) = self.strikes(sum) else {
            return;
        };
        let field = body["errors"][0]["field"].as_str().unwrap_or("base");
        *body = match rng.u8(..4) {
            0 => json!({"error": message}),
            1 => json!({"errors": [message]}),
            2 => json!({"errors": {field: [message]}}),
            _ => json!({"errors": [{"field": field, "message": message}]}),
        };
    }

    /// Random numbers for a thing that is to be odd.
    fn strikes(self, number: u64) -> Option<Rng> {
        let mixed = self.seed ^ spread(number);
        let mut rng = Rng::with_seed(mixed);
        // The first numbers of like seeds are alike.
        rng.u64(..);
        (rng.f64() < self.rate).then_some(rng)
    }
}

fn number(row: &Value) -> u64 {
    row["id"].as_u64().unwrap_or_default()
}

/// What is within first, so that a shape is not made odd twice.
fn odd(value: &mut Value, rng: &mut Rng) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| odd(item, rng)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| odd(field, rng));
            object(value, rng);
        }
        _ => {}
    }
}

fn object(row: &mut Value, rng: &mut Rng) {
    let overdue = row.get("subtype").is_some() && stage(row) == "overdue";
    let Some(fields) = row.as_object_mut() else {
        return;
    };
    let is_escalation = fields.contains_key("subtype") && fields.contains_key("resolved_at");
    let is_incident = fields.contains_key("indicator_types");
    let mut absent = Vec::new();
    for (key, value) in fields.iter_mut() {
        match key.as_str() {
            key if is_moment(key) && rng.bool() => date(value, rng),
            "status" if is_incident && rng.u8(..8) == 0 => *value = json!("draft"),
            "status" if overdue => *value = json!("overdue"),
            "defender_status" if value.is_string() => *value = json!("Protected"),
            "remediations" if is_incident => remediations(key, value, rng, &mut absent),
            "parameters" => parameters(value, rng),
            "approved_by" if value.is_object() && rng.bool() => {
                value["id"] = json!(value["id"].to_string());
            }
            "organizations" if is_escalation => {
                if let Some(list) = value.as_array_mut() {
                    list.iter_mut().for_each(|item| *item = item["id"].clone());
                }
            }
            "indicator_types" | "top_incident_hosts" if rng.bool() => {
                if let Some(list) = value.as_array() {
                    let names = list.iter().filter_map(Value::as_str);
                    *value = names.map(|name| (name.to_owned(), json!(1))).collect();
                }
            }
            // What a platform does not have.
            "win_build_number" | "service_pack_major" | "serial_number" | "domain_name" => {
                if rng.bool() {
                    absent.push(key.clone());
                } else {
                    *value = Value::Null;
                }
            }
            _ => {}
        }
    }
    for key in absent {
        fields.remove(&key);
    }
    if fields.contains_key("ipv4_address") {
        fields.insert(
            "ipv4_addresses".to_owned(),
            json!(["192.0.2.1", "192.0.2.2"]),
        );
    }
}

fn is_moment(key: &str) -> bool {
    let ends = ["_at", "_date", "_start", "_end"];
    ends.iter().any(|end| key.ends_with(end))
}

/// Another spelling of a moment.
fn date(value: &mut Value, rng: &mut Rng) {
    let Some((day, time)) = value.as_str().and_then(|text| text.split_once('T')) else {
        return;
    };
    // To the second.
    let time = time.get(..8).unwrap_or(time);
    *value = match rng.u8(..6) {
        0 => json!(format!("{day} {time} UTC")),
        1 => json!(format!("{day}T{time} UTC")),
        2 => json!(format!("{day}T{time}.000Z")),
        3 => json!(day),
        4 => json!(""),
        _ => Value::Null,
    };
}

fn remediations(key: &str, value: &mut Value, rng: &mut Rng, absent: &mut Vec<String>) {
    match rng.u8(..5) {
        0 => *value = value["items"].clone(),
        1 => *value = json!({}),
        2 => *value = Value::Null,
        3 => absent.push(key.to_owned()),
        _ => {}
    }
}

fn parameters(value: &mut Value, rng: &mut Rng) {
    *value = match rng.u8(..4) {
        0 => json!([{"name": "path", "description": "a made-up path"}]),
        1 => json!({"path": "a made-up path"}),
        2 => json!("a made-up text"),
        _ => Value::Null,
    };
}
