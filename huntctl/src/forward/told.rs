//! A record that is to be told to a SIEM, with what the rest of the store knows of it. What
//! all mappings and transports ask of a record alike is answered here.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::forward::mapping::read;

/// A record of the store, in the state in which it is to be told.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its number, which is unique within its kind.
    pub id: i64,
    /// The record as the API gave it. Nothing is presumed of it, not even that it is an object.
    pub record: &'a Value,
    /// The account that it belongs to.
    pub account: AccountRef<'a>,
    /// The organization that it belongs to; none where there are several.
    pub organization: Option<OrganizationRef<'a>>,
    /// The name of the host that an incident happened on, from the list of agents.
    pub agent_hostname: Option<&'a str>,
    /// What a SIEM of several customers calls the customer, where somebody has configured it.
    pub customer_code: Option<&'a str>,
    /// When the store got the record in this state.
    pub seen_at: Timestamp,
    /// Whether it was told before.
    pub change: Change,
    /// The id that the state was given when it was found; made from the record where it was
    /// given none.
    pub event_id: Option<&'a str>,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An incident report, `GET /v1/incident_reports/{id}`.
    Incident,
    /// An escalation, with its entities or without, `GET /v1/escalations/{id}`.
    Escalation,
    /// A signal, `GET /v1/signals/{id}`.
    Signal,
    /// An agent, `GET /v1/agents/{id}`.
    Agent,
    /// An identity, `GET /v1/identities/{id}`.
    Identity,
}

/// Whether a record was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is told for the first time.
    New,
    /// An earlier state of it was told.
    Updated,
}

/// An account.
#[derive(Clone, Copy, Debug)]
pub struct AccountRef<'a> {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: Option<&'a str>,
    /// The first label of its portal's address.
    pub subdomain: Option<&'a str>,
}

/// An organization.
#[derive(Clone, Copy, Debug)]
pub struct OrganizationRef<'a> {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: Option<&'a str>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Incident,
        Self::Escalation,
        Self::Signal,
        Self::Agent,
        Self::Identity,
    ];

    /// Its name in events: one word in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Escalation => "escalation",
            Self::Signal => "signal",
            Self::Agent => "agent",
            Self::Identity => "identity",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its list in the API: `incident_reports`.
    pub fn list(self) -> &'static str {
        match self {
            Self::Incident => "incident_reports",
            Self::Escalation => "escalations",
            Self::Signal => "signals",
            Self::Agent => "agents",
            Self::Identity => "identities",
        }
    }

    /// Fields that change all the time and say nothing to a SIEM. A change of nothing else is
    /// not told; an event that is told for another reason has them as they are then.
    ///
    /// An agent calls back every minute, and `updated_at` may move with that. Nothing else of an
    /// agent is ignored, no address and no version. All fields of incidents, escalations and
    /// signals count.
    pub fn ignored(self) -> &'static [&'static str] {
        match self {
            Self::Agent => &["last_callback_at", "last_survey_at", "updated_at"],
            Self::Identity => &["updated_at"],
            Self::Incident | Self::Escalation | Self::Signal => &[],
        }
    }

    /// The schema of its records in the API's document, with all that a single one has.
    pub fn schema(self) -> &'static str {
        match self {
            Self::Incident => "IncidentReport",
            Self::Escalation => "EscalationWithEntities",
            Self::Signal => "Signal",
            Self::Agent => "Agent",
            Self::Identity => "Identity",
        }
    }
}

impl<'a> Told<'a> {
    /// A record that is told for the first time, with the organization that it names itself: by
    /// number and name or by number alone, and none where it names several. The names that it
    /// does not have and the host of [`agent_id`](Self::agent_id) are for the caller to add.
    pub fn new(
        kind: Kind,
        id: i64,
        record: &'a Value,
        account: AccountRef<'a>,
        seen_at: Timestamp,
    ) -> Self {
        Self {
            kind,
            id,
            record,
            account,
            organization: organization_of(record),
            agent_hostname: None,
            customer_code: None,
            seen_at,
            change: Change::New,
            event_id: None,
        }
    }

    /// An id of the record in its state, for receivers that leave out what they have:
    /// `incident:12:` and 32 hexadecimal digits, which are made from all that the record says.
    /// The order of keys in the record does not matter.
    pub fn stable_id(&self) -> String {
        if let Some(id) = self.event_id {
            return id.to_owned();
        }
        let mut state = self.record.clone();
        state.sort_all_objects();
        format!(
            "{}:{}",
            self.uid(),
            digest(&format!("{} {} {state}", self.account.id, self.uid()))
        )
    }

    /// What is the same for two states of which the second is not worth telling: it differs in
    /// what [`Kind::ignored`] names, and in nothing else.
    pub(super) fn worth(&self) -> String {
        let mut state = self.record.clone();
        if let Value::Object(fields) = &mut state {
            fields.retain(|name, _| !self.kind.ignored().contains(&&**name));
        }
        state.sort_all_objects();
        digest(&state.to_string())
    }

    /// The record in whatever state: `incident:12`.
    pub fn uid(&self) -> String {
        format!("{}:{}", self.kind.name(), self.id)
    }

    /// The moment of the state: when the record last changed, or else the next best.
    pub fn time(&self) -> Timestamp {
        ["updated_at", "status_updated_at", "created_at", "sent_at"]
            .into_iter()
            .find_map(|key| read::time(self.at(key)?))
            .unwrap_or(self.seen_at)
    }

    /// A line for people; never empty.
    pub fn title(&self) -> String {
        let key = match self.kind {
            Kind::Incident | Kind::Escalation => "subject",
            Kind::Signal => "name",
            Kind::Agent => "hostname",
            Kind::Identity => "username",
        };
        let name = self.text(key);
        match (self.kind, name) {
            (Kind::Agent | Kind::Identity, Some(name)) => format!("{} {name}", self.label()),
            (_, Some(name)) => name,
            (_, None) => format!("{} {}", self.label(), self.id),
        }
    }

    fn label(&self) -> &'static str {
        match self.kind {
            Kind::Incident => "Huntress incident",
            Kind::Escalation => "Huntress escalation",
            Kind::Signal => "Huntress signal",
            Kind::Agent => "Huntress agent",
            Kind::Identity => "Huntress identity",
        }
    }

    /// The severity as the record says it, in lower case. Signals, agents and identities have
    /// none.
    pub fn severity(&self) -> Option<String> {
        match self.kind {
            Kind::Incident | Kind::Escalation => Some(self.text("severity")?.to_lowercase()),
            Kind::Signal | Kind::Agent | Kind::Identity => None,
        }
    }

    /// Whether nobody has to do anything about it any more.
    pub fn is_over(&self) -> bool {
        let over: &[&str] = match self.kind {
            Kind::Incident => &["closed", "deleting", "dismissed", "partner_dismissed"],
            Kind::Escalation => &["resolved"],
            Kind::Signal => &["closed"],
            Kind::Agent | Kind::Identity => &[],
        };
        self.text("status")
            .is_some_and(|status| over.contains(&&*status.to_lowercase()))
    }

    /// The name of the one host that it is about.
    pub fn host(&self) -> Option<String> {
        match self.kind {
            Kind::Incident => read::plain(self.agent_hostname?),
            Kind::Agent => self.text("hostname"),
            Kind::Signal if self.is_about("agent") => {
                (self.text("entity.name")).or_else(|| self.text("details.hostname"))
            }
            Kind::Signal => self.text("details.hostname"),
            Kind::Escalation => read::text(self.only_agent()?.get("details")?.get("hostname")?),
            Kind::Identity => None,
        }
    }

    /// The number of the one agent that it is about.
    pub fn agent_id(&self) -> Option<i64> {
        match self.kind {
            Kind::Agent => Some(self.id),
            Kind::Incident => read::integer(self.at("agent_id")?),
            Kind::Signal if self.is_about("agent") => read::integer(self.at("entity.id")?),
            Kind::Escalation => read::integer(self.only_agent()?.get("id")?),
            Kind::Signal | Kind::Identity => None,
        }
    }

    /// The name of the one user that it is about.
    pub fn user(&self) -> Option<String> {
        match self.kind {
            Kind::Identity => self.text("username").or_else(|| self.text("email")),
            Kind::Signal => self.text("details.username").or_else(|| {
                let person = ["identity", "mailbox", "user_entity"];
                let is_person = person.into_iter().any(|kind| self.is_about(kind));
                is_person.then(|| self.text("entity.name")).flatten()
            }),
            Kind::Incident | Kind::Escalation | Kind::Agent => None,
        }
    }

    /// Where to look further: the portal's page, or else the record in the API.
    pub fn url(&self) -> String {
        let label = |text: &&str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let portal = match self.kind {
            Kind::Incident | Kind::Escalation => self.account.subdomain.filter(label),
            Kind::Signal | Kind::Agent | Kind::Identity => None,
        };
        let (list, id) = (self.kind.list(), self.id);
        match (portal, self.organization) {
            (Some(portal), Some(organization)) => {
                let organization = organization.id;
                format!("https://{portal}.huntress.io/org/{organization}/{list}/{id}")
            }
            _ => format!("https://api.huntress.io/v1/{list}/{id}"),
        }
    }

    /// The numbers of the organizations that it belongs to.
    pub(super) fn organizations(&self) -> BTreeSet<i64> {
        let several = self.record.get("organizations").and_then(Value::as_array);
        let several = several.into_iter().flatten();
        let of = |it: &Value| read::integer(it.get("id").unwrap_or(it));
        let one = self.organization.map(|it| it.id);
        several.filter_map(of).chain(one).collect()
    }

    /// The things that an escalation is about, as far as they are objects.
    pub(super) fn entities(&self) -> Vec<&'a Value> {
        self.at("entities").map(read::items).unwrap_or_default()
    }

    /// The agent among the entities, where it is the only one.
    fn only_agent(&self) -> Option<&'a Value> {
        let mut agents = (self.entities().into_iter())
            .filter(|entity| read::word(entity.get("type")).as_deref() == Some("agent"));
        agents.next().filter(|_| agents.next().is_none())
    }

    /// Whether a signal comes from a thing of this kind.
    pub(super) fn is_about(&self, kind: &str) -> bool {
        read::word(self.at("entity.type")).as_deref() == Some(kind)
    }

    /// What the record has at a path of keys: `details.username`.
    pub(super) fn at(&self, path: &str) -> Option<&'a Value> {
        read::at(self.record, path)
    }

    /// The text at a path of keys.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        read::text(self.at(path)?)
    }
}

/// 32 hexadecimal digits.
fn digest(text: &str) -> String {
    let mut digits = String::with_capacity(32);
    for byte in &Sha256::digest(text)[..16] {
        // Writing to a text does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

fn organization_of(record: &Value) -> Option<OrganizationRef<'_>> {
    let of = |value: &Value| read::integer(value.get("id").unwrap_or(value));
    let organization = match record.get("organizations").and_then(Value::as_array) {
        Some(list) if list.len() == 1 => &list[0],
        Some(_) => return None,
        None => (record.get("organization").filter(|it| of(it).is_some()))
            .or_else(|| record.get("organization_id"))?,
    };
    Some(OrganizationRef {
        id: of(organization)?,
        name: organization.get("name").and_then(Value::as_str),
    })
}
