//! Which record of the API an event tells of. Nothing else is taken from its payload: what is
//! said there is older and less than what the API says when it is asked.

use huntress::__huntctl::integer;
use serde_json::Value;

/// A kind of record that events tell of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// What stands before the dot of the event's type, and the key of the record in an answer.
    pub(crate) name: &'static str,
    /// The table, and the name in the path.
    pub(crate) table: &'static str,
    /// Whether a reseller's key can ask for those of an account that it manages.
    pub(crate) mirrored: bool,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "incident_report",
        table: "incident_reports",
        mirrored: true,
    },
    Kind {
        name: "escalation",
        table: "escalations",
        mirrored: false,
    },
    Kind {
        name: "platform_action",
        table: "platform_actions",
        mirrored: false,
    },
];

/// What is said once, of which the API has no record.
const ONCE: &str = "notification";

/// A record of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) kind: &'static Kind,
    /// The account that the event names.
    pub(crate) account_id: Option<i64>,
    pub(crate) id: i64,
}

impl Kind {
    /// The names of all tables, as a list of SQL.
    pub(crate) fn tables() -> String {
        let names = KINDS.iter().map(|kind| format!("'{}'", kind.table));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The kind whose records are in this table.
    pub(crate) fn of_table(table: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.table == table)
    }

    /// The path of a record.
    pub(crate) fn path(&self, id: i64) -> String {
        format!("/v1/{}/{id}", self.table)
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The account that it names.
    pub(crate) account_id: Option<i64>,
    /// Its record; none where it tells of none that the API has.
    pub(crate) subject: Option<Subject>,
}

/// Reads what an event is about. A new kind of event about a record that is known needs
/// nothing here.
pub(crate) fn about(event_type: &str, body: &[u8]) -> About {
    let Ok(body) = serde_json::from_slice(body) else {
        return About::default();
    };
    let account_id = account_of(&body);
    About {
        account_id,
        subject: subject(event_type, account_id, &body),
    }
}

fn subject(event_type: &str, account_id: Option<i64>, body: &Value) -> Option<Subject> {
    let (name, what) = event_type.split_once('.')?;
    if what == ONCE {
        return None;
    }
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    let id = positive(body.get("id"))?;
    Some(Subject {
        kind,
        account_id,
        id,
    })
}

/// The account that an event names, in either of two spellings.
fn account_of(body: &Value) -> Option<i64> {
    let nested = body.get("account").and_then(|account| account.get("id"));
    positive(nested).or_else(|| positive(body.get("account_id")))
}

/// No path may lead elsewhere by an id.
fn positive(value: Option<&Value>) -> Option<i64> {
    value.and_then(integer).filter(|id| *id > 0)
}

/// What metrics call an event: few names, whatever comes.
pub(crate) fn category(event_type: &str) -> &'static str {
    let name = event_type.split('.').next().unwrap_or_default();
    let kind = KINDS.iter().find(|kind| kind.name == name);
    match (kind, name) {
        (Some(kind), _) => kind.name,
        (None, "account_notice") => "account_notice",
        (None, _) => "other",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_record_is_found_in_every_spelling() {
        let at = |table, account_id, id| {
            let kind = Kind::of_table(table).unwrap();
            Some(Subject {
                kind,
                account_id,
                id,
            })
        };
        let account = json!({"id": 3, "name": null});
        for (event_type, body, expected) in [
            (
                "incident_report.created",
                json!({"id": 7, "account": account}),
                at("incident_reports", Some(3), 7),
            ),
            (
                "incident_report.closed",
                json!({"id": "7", "account_id": "3"}),
                at("incident_reports", Some(3), 7),
            ),
            (
                "incident_report.comment_added",
                json!({"id": 7, "account": {"id": null}, "account_id": 3}),
                at("incident_reports", Some(3), 7),
            ),
            (
                "escalation.overdue",
                json!({"id": 7, "account": null}),
                at("escalations", None, 7),
            ),
            (
                "escalation.reopened_by_nobody",
                json!({"id": 7, "account": []}),
                at("escalations", None, 7),
            ),
            (
                "platform_action.created",
                json!({"id": 7, "account": account}),
                at("platform_actions", Some(3), 7),
            ),
            ("platform_action.notification", json!({"id": 7}), None),
            ("account_notice.notification", json!({"id": 7}), None),
            ("identity.resurrected", json!({"id": 7}), None),
            ("", json!({"id": 7}), None),
            ("incident_report", json!({"id": 7}), None),
            ("incident_report.created", json!({"id": null}), None),
            ("incident_report.created", json!({"id": -7}), None),
            ("incident_report.created", json!({"id": 0}), None),
            ("incident_report.created", json!({"id": "7/../8"}), None),
            ("incident_report.created", json!({"id": 7.5}), None),
            ("incident_report.created", json!([7]), None),
        ] {
            let found = about(event_type, body.to_string().as_bytes()).subject;
            assert_eq!(found, expected, "{event_type} {body}");
        }
        let notice = br#"{"id": 7, "account": {"id": 3}}"#;
        let about_notice = about("account_notice.notification", notice);
        assert_eq!(about_notice.account_id, Some(3));
        let nothing = about("escalation.created", b"this is not JSON {");
        assert_eq!(nothing, About::default());
    }

    #[test]
    fn kinds_are_those_of_the_document() {
        let document: Value = serde_json::from_str(huntress_simulator::OPENAPI).unwrap();
        for kind in &KINDS {
            let path = format!("/v1/{}/{{id}}", kind.table);
            let operation = &document["paths"][path.as_str()]["get"];
            assert!(operation.is_object(), "{path}");
            let mirrored = operation["x-huntress-account-scope"] == true;
            assert_eq!(mirrored, kind.mirrored, "{path}");
        }
        let events = document["x-webhooks"].as_object().unwrap();
        for event_type in events.keys() {
            let body = br#"{"id": 7}"#;
            let has_record = !event_type.ends_with(".notification");
            let found = about(event_type, body).subject;
            assert_eq!(found.is_some(), has_record, "{event_type}");
            assert_ne!(category(event_type), "other", "{event_type}");
        }
        assert_eq!(category("x\"} 1\n"), "other");
    }
}
