//! The odd shapes that the API is known to send, at a configurable rate.
//!
//! They say the same in other ways, or leave out what may be left out. A client that
//! reads a list of them all, reads the real ones.

use fastrand::Rng;
use serde_json::{Value, json};

/// Makes a row odd, or not: the same row always in the same way.
pub(crate) fn apply(row: &mut Value, rate: f64, seed: u64) {
    if rate <= 0.0 {
        return;
    }
    let id = row["id"].as_u64().unwrap_or_default();
    let mut rng = Rng::with_seed(seed ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // The first numbers of like seeds are alike.
    rng.u64(..);
    if rng.f64() < rate {
        object(row, &mut rng);
    }
}

fn object(row: &mut Value, rng: &mut Rng) {
    let Some(fields) = row.as_object_mut() else {
        return;
    };
    let is_escalation = fields.contains_key("subtype") && fields.contains_key("resolved_at");
    let is_incident = fields.contains_key("indicator_types");
    let mut absent = Vec::new();
    for (key, value) in fields.iter_mut() {
        match key.as_str() {
            key if key.ends_with("_at") && rng.bool() => date(value, rng),
            "status" if is_incident && rng.u8(..8) == 0 => *value = json!("draft"),
            "status" if is_escalation && rng.u8(..8) == 0 => *value = json!("overdue"),
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

/// Another spelling of a moment.
fn date(value: &mut Value, rng: &mut Rng) {
    let Some((day, time)) = value.as_str().and_then(|text| text.split_once('T')) else {
        return;
    };
    let time = time.trim_end_matches('Z');
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
