//! Plausible values for the fields of a component, by name and type.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::routes::component;

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
/// The newest time in the made-up world, so that it is the same on every start.
const NOW: &str = "2026-06-01T12:00:00Z";

/// Makes objects of the document's components.
pub(crate) struct Values<'a> {
    document: &'a Value,
    rng: Rng,
}

impl<'a> Values<'a> {
    pub(crate) fn new(document: &'a Value, seed: u64) -> Self {
        Self {
            document,
            rng: Rng::with_seed(seed),
        }
    }

    /// A random number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.rng.usize(..end)
    }

    /// One object of a component.
    pub(crate) fn object(&mut self, name: &str) -> Value {
        let schema = self.document["components"]["schemas"][name].clone();
        let created = self.rng.i64(30..900);
        let mut object = Map::new();
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let value = match field.as_str() {
                "created_at" => moment(created, 0),
                "updated_at" => moment(self.rng.i64(0..created), 0),
                _ => self.value(name, field, property),
            };
            object.insert(field.clone(), value);
        }
        Value::Object(object)
    }

    fn value(&mut self, owner: &str, field: &str, schema: &Value) -> Value {
        if let Some(name) = component(schema) {
            let schema = &self.document["components"]["schemas"][&name];
            if let Some(values) = schema["enum"].as_array() {
                return self.pick(values).clone();
            }
            return match schema["oneOf"].as_array() {
                Some(one_of) => self.value(&name, field, &one_of[0]),
                None => self.object(&name),
            };
        }
        match schema["type"].as_str() {
            Some("boolean") => json!(self.rng.bool()),
            Some("integer") => self.integer(field),
            Some("number") => json!(f64::from(self.rng.i32(100..9000)) / 100.0),
            Some("array") => {
                let count = self.rng.usize(1..4);
                let singular = field.trim_end_matches('s');
                (0..count)
                    .map(|_| self.value(owner, singular, &schema["items"]))
                    .collect()
            }
            Some("object") => self.map(owner, field, &schema["additionalProperties"]),
            _ if schema["format"] == "date-time" => {
                let days = self.rng.i64(0..30);
                moment(days, self.rng.i64(0..86_400))
            }
            _ => json!(self.text(owner, field)),
        }
    }

    fn map(&mut self, owner: &str, field: &str, values: &Value) -> Value {
        if values["type"] != "integer" {
            let (host, user) = (self.hostname(), self.email());
            return json!({"hostname": host, "username": user, "summary": format!("{field} of a made-up {owner}")});
        }
        let keys: &[&str] = match field {
            name if name.contains("severity") => &["low", "high", "critical"],
            name if name.contains("indicator") => {
                &["footholds", "process_detections", "managed_identity"]
            }
            name if name.contains("license") => &["Business Basic", "Business Premium"],
            _ => &["edr", "itdr", "siem"],
        };
        keys.iter()
            .map(|key| ((*key).to_owned(), json!(self.rng.i64(0..60))))
            .collect()
    }

    fn integer(&mut self, field: &str) -> Value {
        let range = match field {
            "id" => 1..9_999_999,
            "port" => return json!(*self.pick(&[22, 25, 80, 443, 3389, 8443])),
            "amount" => 5_000..900_000,
            "quantity" | "minimum" | "maximum" => 50..500,
            "os_major" => 10..15,
            _ => 0..120,
        };
        json!(self.rng.i64(range))
    }

    fn text(&mut self, owner: &str, field: &str) -> String {
        match field {
            "hostname" => self.hostname(),
            "email" | "username" | "report_recipient" | "notify_email" => self.email(),
            "name" => self.name_of(owner),
            "created_by" | "analyst_name" => self.person(),
            "key" | "subdomain" => self.company().to_lowercase().replace(' ', "-"),
            "os" => (*self.pick(&[
                "Windows 11 Pro",
                "Windows Server 2022",
                "macOS 15",
                "Ubuntu 24.04",
            ]))
            .to_owned(),
            "arch" => (*self.pick(&["x86_64", "arm64"])).to_owned(),
            "version" | "edr_version" => format!("0.14.{}", self.rng.u8(0..90)),
            "external_ip" | "ip_address" => format!("198.51.100.{}", self.rng.u8(1..)),
            "ipv4_address" => format!("10.20.{}.{}", self.rng.u8(..), self.rng.u8(1..)),
            "mac_addresse" => format!(
                "02:00:5e:10:{:02x}:{:02x}",
                self.rng.u8(..),
                self.rng.u8(..)
            ),
            "country_code" | "country" | "itdr_usage_location" => {
                (*self.pick(&["US", "CA", "GB", "DE"])).to_owned()
            }
            "currency_type" => "usd".to_owned(),
            "period" => "2026-05-01...2026-05-31".to_owned(),
            "receipt" | "url" => format!("https://files.example/{}", self.rng.u32(..)),
            "retention" => "90/7".to_owned(),
            "subject" => {
                let host = self.hostname();
                format!("Suspicious activity on {host}")
            }
            "identity_provider_tenant_id" | "microsoft_365_tenant_id" => {
                format!(
                    "{:08x}-0000-4000-8000-{:012x}",
                    self.rng.u32(..),
                    self.rng.u32(..)
                )
            }
            _ => format!("made-up {}", field.replace('_', " ")),
        }
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

fn moment(days_ago: i64, seconds: i64) -> Value {
    let now: Timestamp = NOW.parse().expect("a timestamp");
    let ago = SignedDuration::from_hours(24 * days_ago) + SignedDuration::from_secs(seconds);
    json!((now - ago).to_string())
}

/// A company's name that no other number has.
pub(crate) fn company(number: usize) -> String {
    format!(
        "{} {}",
        CITIES[number % CITIES.len()],
        TRADES[number % TRADES.len()]
    )
}
