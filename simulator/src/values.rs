//! Plausible values for the fields of a component, by name and type.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use fastrand::Rng;
use serde_json::Value;

use crate::dates::{DAY, ago};
use crate::schema::Place;

/// Formats into a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        write!($out, $($format)*).expect("a String takes all")
    };
}

const CITIES: [&str; 8] = [
    "Alder", "Birch", "Cedar", "Elm", "Hazel", "Juniper", "Maple", "Rowan",
];
const TRADES: [&str; 7] = [
    "Dental",
    "Freight",
    "Law",
    "Logistics",
    "Optics",
    "Printing",
    "Roofing",
];
const FIRST_NAMES: [&str; 6] = ["Ada", "Bo", "Cleo", "Dev", "Eli", "Fay"];
const LAST_NAMES: [&str; 6] = ["Archer", "Baker", "Cooper", "Fisher", "Miller", "Sawyer"];
/// Where made-up sign-ins come from.
pub(crate) const COUNTRIES: [&str; 8] = ["US", "CA", "GB", "DE", "BR", "IN", "JP", "ZA"];
/// Operators of VPNs and proxies, by name and slug.
pub(crate) const VPNS: [(&str, &str); 6] = [
    ("Example VPN", "EXAMPLE_VPN"),
    ("Sample Proxy", "SAMPLE_PROXY"),
    ("Placeholder Tunnel", "PLACEHOLDER_TUNNEL"),
    ("Demo Relay", "DEMO_RELAY"),
    ("Mockup Gateway", "MOCKUP_GATEWAY"),
    ("Specimen Net", "SPECIMEN_NET"),
];

/// How to make an object of each component; worked out once.
#[derive(Default)]
pub(crate) struct Plans(HashMap<String, Vec<Field>>);

struct Field {
    name: String,
    maker: Maker,
}

/// How to make the value of a field.
enum Maker {
    Created,
    Updated,
    /// One of these JSON texts.
    OneOf(Vec<String>),
    Object(String),
    Boolean,
    Integer,
    Number,
    /// Some of them; the name is that of one.
    List(String, Box<Maker>),
    /// Numbers by name, or texts about something.
    Map {
        of_numbers: bool,
    },
    Moment,
    Text,
}

impl Plans {
    pub(crate) fn of(document: &Value) -> Self {
        let schemas = &document["components"]["schemas"];
        let schemas_by_name = schemas.as_object().into_iter().flatten();
        let plans = schemas_by_name.map(|(name, schema)| {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let fields = properties.map(|(field, property)| {
                let maker = match field.as_str() {
                    "created_at" => Maker::Created,
                    "updated_at" => Maker::Updated,
                    _ => Maker::of(document, field, property),
                };
                Field {
                    name: field.clone(),
                    maker,
                }
            });
            (name.clone(), fields.collect())
        });
        Self(plans.collect())
    }
}

impl Maker {
    fn of(document: &Value, field: &str, schema: &Value) -> Self {
        let place = Place::of(document, schema);
        if let Some(values) = place.values() {
            return Self::OneOf(values.iter().map(Value::to_string).collect());
        }
        let schema = place.schema;
        if let Some([first, ..]) = schema["oneOf"].as_array().map(Vec::as_slice) {
            return Self::of(document, field, first);
        }
        match (place.component, schema["type"].as_str()) {
            (Some(name), _) if schema["properties"].is_object() => Self::Object(name.to_owned()),
            (_, Some("boolean")) => Self::Boolean,
            (_, Some("integer")) => Self::Integer,
            (_, Some("number")) => Self::Number,
            (_, Some("array")) => {
                let singular = singular(field);
                let item = Self::of(document, singular, &schema["items"]);
                Self::List(singular.to_owned(), Box::new(item))
            }
            (_, Some("object")) => Self::Map {
                of_numbers: schema["additionalProperties"]["type"] == "integer",
            },
            _ if schema["format"] == "date-time" => Self::Moment,
            _ => Self::Text,
        }
    }
}

/// The name of one of the things that a field lists.
fn singular(field: &str) -> &str {
    match field.strip_suffix("es") {
        Some(address) if address.ends_with("ss") => address,
        _ => field.trim_end_matches('s'),
    }
}

/// Makes objects of the document's components, as JSON text: a page of 500 agents must
/// not cost more than decoding it.
pub(crate) struct Values<'a> {
    plans: &'a Plans,
    rng: Rng,
}

impl<'a> Values<'a> {
    pub(crate) fn new(plans: &'a Plans, seed: u64) -> Self {
        Self {
            plans,
            rng: Rng::with_seed(seed),
        }
    }

    /// A random number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.rng.usize(..end)
    }

    /// One object of a component.
    pub(crate) fn object(&mut self, component: &str) -> Value {
        let mut text = String::new();
        self.write_object(component, &[], &mut text);
        serde_json::from_str(&text).expect("what is written here is JSON")
    }

    /// The text of one object of a component, with these fields as they are given in JSON.
    pub(crate) fn write_object(
        &mut self,
        component: &str,
        given: &[(&str, Cow<'_, str>)],
        out: &mut String,
    ) {
        let plans = self.plans;
        let fields = plans.0.get(component).map_or(&[][..], Vec::as_slice);
        let created = self.rng.i64(30..900);
        out.push('{');
        for (place, Field { name, maker }) in fields.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            out.push('"');
            out.push_str(name);
            out.push_str("\":");
            if let Some((_, json)) = given.iter().find(|(given, _)| given == name) {
                out.push_str(json);
                continue;
            }
            match maker {
                Maker::Created => write_moment(created * DAY, out),
                Maker::Updated => write_moment(self.rng.i64(0..created) * DAY, out),
                maker => self.write(component, name, maker, out),
            }
        }
        out.push('}');
    }

    fn write(&mut self, owner: &str, field: &str, maker: &Maker, out: &mut String) {
        match maker {
            Maker::OneOf(values) => {
                let value: &String = self.pick(values);
                out.push_str(value);
            }
            Maker::Object(name) => self.write_object(name, &[], out),
            Maker::Boolean => out.push_str(if self.rng.bool() { "true" } else { "false" }),
            Maker::Integer => put!(out, "{}", self.integer(field)),
            Maker::Number => put!(out, "{}", f64::from(self.rng.i32(100..9000)) / 100.0),
            Maker::List(singular, item) => {
                for place in 0..self.rng.usize(1..4) {
                    out.push(if place == 0 { '[' } else { ',' });
                    self.write(owner, singular, item, out);
                }
                out.push(']');
            }
            Maker::Map { of_numbers } => self.write_map(owner, field, *of_numbers, out),
            Maker::Created | Maker::Updated | Maker::Moment => {
                write_moment(self.rng.i64(0..30 * DAY), out);
            }
            // None of these texts has a character that JSON escapes.
            Maker::Text => {
                out.push('"');
                self.write_text(owner, field, out);
                out.push('"');
            }
        }
    }

    fn write_map(&mut self, owner: &str, field: &str, of_numbers: bool, out: &mut String) {
        if !of_numbers {
            let (host, user) = (self.hostname(), self.email());
            put!(
                out,
                r#"{{"hostname":"{host}","username":"{user}","summary":"{field} of a made-up {owner}"}}"#
            );
            return;
        }
        let keys: &[&str] = match field {
            name if name.contains("severity") => &["low", "high", "critical"],
            name if name.contains("indicator") => {
                &["footholds", "process_detections", "managed_identity"]
            }
            name if name.contains("license") => &["Business Basic", "Business Premium"],
            _ => &["edr", "itdr", "siem"],
        };
        for (place, key) in keys.iter().enumerate() {
            let start = if place == 0 { '{' } else { ',' };
            put!(out, r#"{start}"{key}":{}"#, self.rng.i64(0..60));
        }
        out.push('}');
    }

    fn integer(&mut self, field: &str) -> i64 {
        let range = match field {
            "id" => 1..9_999_999,
            "port" => return *self.pick(&[22, 25, 80, 443, 3389, 8443]),
            "amount" => 5_000..900_000,
            "quantity" | "minimum" | "maximum" => 50..500,
            "os_major" => 10..15,
            _ => 0..120,
        };
        self.rng.i64(range)
    }

    fn write_text(&mut self, owner: &str, field: &str, out: &mut String) {
        match field {
            "hostname" => out.push_str(&self.hostname()),
            "email" | "username" | "report_recipient" | "notify_email" => {
                out.push_str(&self.email())
            }
            "name" => out.push_str(&self.name_of(owner)),
            "created_by" | "analyst_name" => out.push_str(&self.person()),
            "key" | "subdomain" => {
                out.push_str(&self.company().to_lowercase().replace(' ', "-"));
            }
            "os" => self.write_one_of(
                &[
                    "Windows 11 Pro",
                    "Windows Server 2022",
                    "macOS 15",
                    "Ubuntu 24.04",
                ],
                out,
            ),
            "arch" => self.write_one_of(&["x86_64", "arm64"], out),
            "version" | "edr_version" => put!(out, "0.14.{}", self.rng.u8(0..90)),
            "external_ip" | "ip_address" => put!(out, "198.51.100.{}", self.rng.u8(1..)),
            "ipv4_address" => put!(out, "10.20.{}.{}", self.rng.u8(..), self.rng.u8(1..)),
            "mac_address" => put!(
                out,
                "02:00:5e:10:{:02x}:{:02x}",
                self.rng.u8(..),
                self.rng.u8(..)
            ),
            "country_code" | "country" | "itdr_usage_location" => {
                self.write_one_of(&COUNTRIES, out)
            }
            "line1" => put!(
                out,
                "{} {} Street",
                self.rng.u16(1..400),
                self.pick(&CITIES)
            ),
            "line2" => put!(out, "Suite {}", self.rng.u16(1..60)),
            "city" => self.write_one_of(&CITIES, out),
            "state" => self.write_one_of(&["CO", "MD", "OR", "WA"], out),
            "postal_code" => put!(out, "{:05}", self.rng.u32(10_000..99_999)),
            "domain_name" => out.push_str("corp.example"),
            "serial_number" => put!(out, "SN{:010}", self.rng.u32(..)),
            "os_build_version" => {
                put!(
                    out,
                    "26{:03}.{}",
                    self.rng.u16(..999),
                    self.rng.u16(1..5_000)
                )
            }
            "service" => self.write_one_of(&["https", "rdp", "smb", "ssh"], out),
            "plan" => out.push_str("annual"),
            "vpn" => out.push_str(self.pick(&VPNS).1),
            "protocol" => out.push_str("TCP"),
            "analyst_title" => out.push_str("Analyst"),
            "tag" => self.write_one_of(&["server", "vip", "laptop"], out),
            "summary" | "body" => {
                let (host, person) = (self.hostname(), self.person());
                put!(
                    out,
                    "Made up: {person} signed in to {host} at an unusual hour."
                )
            }
            "currency_type" => out.push_str("usd"),
            "period" => out.push_str("2026-05-01...2026-05-31"),
            "receipt" | "url" => put!(out, "https://files.example/{}", self.rng.u32(..)),
            "retention" => out.push_str("90/7"),
            "subject" => {
                let host = self.hostname();
                put!(out, "Suspicious activity on {host}")
            }
            "identity_provider_tenant_id" | "microsoft_365_tenant_id" => {
                put!(
                    out,
                    "{:08x}-0000-4000-8000-{:012x}",
                    self.rng.u32(..),
                    self.rng.u32(..)
                )
            }
            _ => {
                out.push_str("made-up ");
                out.extend(field.chars().map(|c| if c == '_' { ' ' } else { c }));
            }
        }
    }

    fn write_one_of(&mut self, texts: &[&str], out: &mut String) {
        let text: &&str = self.pick(texts);
        out.push_str(text);
    }

    fn name_of(&mut self, owner: &str) -> String {
        match owner {
            "UserRef" | "InvitedUser" => self.person(),
            "Signal" => "Unusual sign-in".to_owned(),
            "ReportExternalService" => "ssh".to_owned(),
            _ => self.company(),
        }
    }

    fn company(&mut self) -> String {
        format!("{} {}", self.pick(&CITIES), self.pick(&TRADES))
    }

    fn person(&mut self) -> String {
        format!("{} {}", self.pick(&FIRST_NAMES), self.pick(&LAST_NAMES))
    }

    fn email(&mut self) -> String {
        format!(
            "{}@example.com",
            self.person().to_lowercase().replace(' ', ".")
        )
    }

    fn hostname(&mut self) -> String {
        format!(
            "{}-{:03}",
            self.pick(&["LAPTOP", "DESK", "SRV", "MAC"]),
            self.rng.u16(1..400)
        )
    }

    fn pick<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.rng.usize(..values.len())]
    }
}

fn write_moment(seconds_ago: i64, out: &mut String) {
    put!(out, "\"{}\"", ago(seconds_ago));
}

/// A person's name and email address, which no other number has.
pub(crate) fn person(number: usize) -> (String, String) {
    let first = FIRST_NAMES[number % FIRST_NAMES.len()];
    let last = LAST_NAMES[number / FIRST_NAMES.len() % LAST_NAMES.len()];
    let more = match number / (FIRST_NAMES.len() * LAST_NAMES.len()) {
        0 => String::new(),
        more => (more + 1).to_string(),
    };
    let email = format!("{first}.{last}{more}@example.com").to_lowercase();
    (format!("{first} {last}"), email)
}

/// A company's name that no other number has.
pub(crate) fn company(number: usize) -> String {
    let name = format!(
        "{} {}",
        CITIES[number % CITIES.len()],
        TRADES[number % TRADES.len()]
    );
    match number / (CITIES.len() * TRADES.len()) {
        0 => name,
        more => format!("{name} {}", more + 1),
    }
}

/// Spreads neighbouring numbers far apart, so that what is made of them is not alike.
pub(crate) fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
