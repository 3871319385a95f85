//! How rows belong together: whose they are, what they point to, and how their fields agree.
//!
//! What a row points to is worked out from its number, so that it exists and is found from
//! both sides. What follows from rows that may change is put in when a row is read.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::lives::{YEAR, follow, in_order, patience, report, standing, terms};
use crate::scan::{Filter, Row, Scan, everything};
use crate::values::{self, COUNTRIES, DAY, VPNS, moment};
use crate::world::{
    ACCOUNTS, AGENTS, AgentFacts, ESCALATIONS, IDENTITIES, INCIDENTS, MEMBERSHIPS, ORGANIZATIONS,
    PLATFORM_ACTIONS, REMEDIATIONS, RULES, SIGNALS, SUBSCRIPTIONS, World,
};

const HOUR: i64 = 60 * 60;

/// What each organization has, as made.
pub(crate) struct Counts {
    agents: Vec<usize>,
    incidents: Vec<usize>,
    identities: Vec<usize>,
    billable: Vec<usize>,
}

/// What is known of an incident report without making it; times in seconds before the
/// newest time of the world.
struct IncidentFacts {
    agent: Option<usize>,
    status: &'static str,
    sent: i64,
    /// When it got its status.
    settled: i64,
}

/// An incident report as it is now, as far as its remediations follow from it.
struct Case {
    /// The name of the host, where there is one.
    host: Option<String>,
    status: String,
    sent: i64,
    settled: i64,
}

impl World {
    /// Makes an item agree with itself, and point to things that exist.
    pub(crate) fn relate(&self, item: &mut Value, list: &str, number: usize) {
        let mut organization = self.organization_of(number);
        let mut account = self.account_id();
        match list {
            ACCOUNTS => {
                item["name"] = json!(format!("{} Group", values::company(number)));
                item["subdomain"] = json!(key(&values::company(number)));
                let enabled = number % 3 != 2;
                item["status"] = json!(if enabled { "enabled" } else { "disabled" });
            }
            ORGANIZATIONS => {
                let name = values::company(number);
                item["key"] = json!(key(&name));
                item["name"] = json!(name);
                // Before anything that it has.
                let age = self.rng("ages", number as u64).i64(900..1_500);
                item["created_at"] = json!(moment(age * DAY));
            }
            INCIDENTS => organization = self.incident(item, number),
            ESCALATIONS | PLATFORM_ACTIONS => self.escalation(item, number),
            IDENTITIES => self.identity(item, number),
            SIGNALS => organization = self.signal(item, number),
            "/v1/external_ports" => port(item, number),
            "/v1/reports" => report(item, number),
            RULES => self.rule(item, number),
            MEMBERSHIPS => item["user"] = self.user(number),
            SUBSCRIPTIONS => {
                account = self.managed_account(number);
                let age = self.rng("ages", number as u64).i64(30..700);
                terms(item, values::NOW - age * DAY, values::NOW);
            }
            "/v1/known_vpns" => {
                let (name, slug) = VPNS[number % VPNS.len()];
                (item["name"], item["slug"]) = (json!(name), json!(slug));
            }
            _ => {}
        }
        self.own(item, account);
        if self.sizes.organizations > 0 {
            let reference = self.organization(self.account_id(), organization);
            if item.get("organization_id").is_some() {
                item["organization_id"] = reference["id"].clone();
            }
            if item["organization_ids"].is_array() {
                item["organization_ids"] = json!([reference["id"]]);
            }
            if item["organizations"].is_array() {
                item["organizations"] = json!([reference]);
            }
            if item["organization"].is_object() {
                item["organization"] = reference;
            }
        }
        in_order(item);
    }

    /// The same for an item of a list that belongs to one row.
    pub(crate) fn relate_below(&self, item: &mut Value, list: &str, parent: i64, number: usize) {
        if list == REMEDIATIONS {
            self.remediation(item, &self.case(parent), number);
        } else {
            // A line of a reseller's invoice.
            let account = self.managed_account(number);
            self.own(item, account);
            if item["organization"].is_object() && self.sizes.organizations > 0 {
                let accounts = self.sizes.accounts.max(1);
                let organization = self.organization_of(number / accounts);
                item["organization"] = self.organization(account, organization);
            }
            let months = self.rng("ages", parent.unsigned_abs()).i64(1..12);
            let (start, end) = ((months + 1) * 30 * DAY, months * 30 * DAY);
            item["period_start"] = json!(moment(start));
            item["period_end"] = json!(moment(end));
            if item["subscription"].is_object() {
                item["subscription"]["start_date"] = json!(moment(start + 60 * DAY));
                item["subscription"]["end_date"] = json!(moment(start + 60 * DAY - YEAR));
                let count = |value: &Value| value.as_i64().unwrap_or_default();
                let actual = count(&item["usage"]["actual"]);
                let billable = actual.max(count(&item["subscription"]["minimum"]));
                item["usage"]["billable"] = json!(billable);
                item["usage"]["non_billable"] = json!(0);
            }
        }
        in_order(item);
    }

    /// With what follows from other rows as they are now.
    pub(crate) fn joined(&self, list: &str, mut row: Value) -> Value {
        match list {
            ORGANIZATIONS => self.count(&mut row),
            INCIDENTS => {
                let id = row["id"].as_i64().unwrap_or_default();
                row["remediations"] = self.first_remediations(id);
            }
            _ => {}
        }
        for (key, list) in [("account", ACCOUNTS), ("organization", ORGANIZATIONS)] {
            if let Some(known) = row.get_mut(key) {
                self.renew(known, list);
            }
        }
        let organizations = row.get_mut("organizations").and_then(Value::as_array_mut);
        for organization in organizations.into_iter().flatten() {
            self.renew(organization, ORGANIZATIONS);
        }
        row
    }

    /// What only the resource on its own tells, where it is not known.
    pub(crate) fn detail(&self, row: &mut Value, known: &Value) {
        if row["entities"].is_object() && known["entities"].is_null() {
            let items = self.entities(known);
            row["entities"] =
                json!({"total_count": items.len(), "has_more": false, "items": items});
        }
        if row["actual_usages"].is_object() && known["actual_usages"].is_null() {
            let billable = row["billable_identity_count"].clone();
            let total = row["microsoft_365_users_count"].clone();
            let agents = row["agents_count"].clone();
            let usages = &mut row["actual_usages"];
            usages["edr"]["billable_agents_count"] = agents;
            let cycle = usages["siem"]["current_billing_cycle"]["service_period_start"].clone();
            follow(&cycle, &mut usages["siem"]["previous_billing_cycle"]);
            for product in ["itdr", "ispm"] {
                let mut usage = usages[product][0].clone();
                usage["billable_identities_count"] = billable.clone();
                usage["total_identities_count"] = total.clone();
                usages[product] = json!([usage]);
            }
        }
    }

    /// Says whose something is.
    pub(crate) fn own(&self, item: &mut Value, account: i64) {
        if item.get("account_id").is_some() {
            item["account_id"] = json!(account);
        }
        if item.get("account").is_some_and(Value::is_object) {
            item["account"] = self.account(account);
        }
    }

    /// An account as others point to it.
    pub(crate) fn account(&self, id: i64) -> Value {
        match self.row(ACCOUNTS, &[], id) {
            Some(account) => reference(&account),
            None => json!({"id": id}),
        }
    }

    /// A person who can sign in; memberships say what they may do.
    pub(crate) fn user(&self, number: usize) -> Value {
        let (name, email) = values::person(number);
        let id = self.account_id() * 1_000_000 + number as i64 + 1;
        json!({"id": id, "name": name, "email": email})
    }

    /// The row number of the organization that a number belongs to.
    fn organization_of(&self, number: usize) -> usize {
        number % self.sizes.organizations.max(1)
    }

    fn organization(&self, account: i64, number: usize) -> Value {
        let id = self.id_in(account, ORGANIZATIONS) + number as i64;
        json!({"id": id, "name": values::company(number)})
    }

    fn managed_account(&self, number: usize) -> i64 {
        (number % self.sizes.accounts.max(1)) as i64 + 1
    }

    /// Gives a reference to a row that was changed its new name.
    fn renew(&self, known: &mut Value, list: &str) {
        let id = known["id"].as_i64().filter(|_| known.is_object());
        let changed = id.and_then(|id| self.changed(list, &[])?.get(&id)?.as_ref());
        for (key, value) in known.as_object_mut().into_iter().flatten() {
            if let Some(new) = changed.and_then(|row| row.get(key)) {
                *value = new.clone();
            }
        }
    }

    fn is_billable(&self, identity: usize) -> bool {
        self.rng("billable", identity as u64).u8(..4) > 0
    }

    fn identity(&self, item: &mut Value, number: usize) {
        let organization = self.organization_of(number);
        let (_, email) = values::person(number);
        item["username"] = json!(email);
        item["email"] = json!(email);
        item["billable"] = json!(self.is_billable(number));
        item["tenant"]["id"] = json!(organization + 1);
        item["tenant"]["type"] = json!(if organization % 4 == 3 {
            "google_workspace"
        } else {
            "microsoft_365"
        });
    }

    fn incident_facts(&self, number: usize) -> IncidentFacts {
        let mut rng = self.rng("incident facts", number as u64);
        let agents = self.sizes.agents;
        // Every fourth is one of an identity.
        let agent = (number % 4 != 3 && agents > 0).then(|| rng.usize(..agents));
        let status = match number % 20 {
            0 | 5 | 10 | 15 => "sent",
            3 | 14 => "dismissed",
            8 => "partner_dismissed",
            13 => "auto_remediating",
            18 => "deleting",
            _ => "closed",
        };
        // What is open is not old; and no agent is younger than that.
        let oldest = match agent {
            _ if status == "sent" => 30 * DAY,
            Some(agent) => self.agent_facts(agent).created,
            None => 400 * DAY,
        };
        let sent = rng.i64(2 * HOUR..oldest);
        let settled = if status == "sent" {
            sent
        } else {
            (sent - rng.i64(HOUR..20 * DAY)).max(HOUR)
        };
        IncidentFacts {
            agent,
            status,
            sent,
            settled,
        }
    }

    fn organization_of_incident(&self, number: usize) -> usize {
        match self.incident_facts(number).agent {
            Some(agent) => self.agent_facts(agent).organization,
            None => self.organization_of(number),
        }
    }

    /// Makes an incident report; returns the row number of its organization.
    fn incident(&self, item: &mut Value, number: usize) -> usize {
        let facts = self.incident_facts(number);
        let agent = facts.agent.map(|agent| self.agent_facts(agent));
        item["agent_id"] = json!(facts.agent.map(|agent| self.id(AGENTS, &[], agent)));
        item["status"] = json!(facts.status);
        item["sent_at"] = json!(moment(facts.sent));
        item["status_updated_at"] = json!(moment(facts.settled));
        item["updated_at"] = json!(moment(facts.settled / 2));
        let closed = facts.status == "closed";
        item["closed_at"] = json!(closed.then(|| moment(facts.settled)));
        let (kinds, platform): (&[_], _) = match &agent {
            Some(agent) => (&ON_AGENTS, agent.platform),
            None => {
                let platforms = ["microsoft_365", "google", "email_security", "other"];
                (&ON_IDENTITIES, platforms[number / 4 % platforms.len()])
            }
        };
        let (indicator, _) = kinds[number % kinds.len()];
        item["platform"] = json!(platform);
        item["indicator_types"] = json!([indicator]);
        item["indicator_counts"] = json!({ indicator: number % 3 + 1 });
        let host = agent.map(|agent| agent.hostname());
        tell(item, host.as_deref().unwrap_or("an identity"));
        self.organization_of_incident(number)
    }

    /// An incident report, by its id.
    fn case(&self, id: i64) -> Case {
        let changed = self.changed(INCIDENTS, &[]);
        if let Some(row) = changed.and_then(|rows| rows.get(&id)?.as_ref()) {
            let ago = |key: &str| {
                let at = row[key].as_str()?.parse::<Timestamp>().ok()?;
                Some(values::NOW - at.as_second())
            };
            let agent = row["agent_id"].as_i64();
            let agent = agent.and_then(|id| self.row(AGENTS, &[], id));
            let host = agent.and_then(|agent| Some(agent["hostname"].as_str()?.to_owned()));
            let sent = ago("sent_at").unwrap_or_default();
            return Case {
                host,
                status: row["status"].as_str().unwrap_or_default().to_owned(),
                sent,
                settled: ago("status_updated_at").unwrap_or(sent),
            };
        }
        let facts = self.incident_facts(self.number(INCIDENTS, &[], id).unwrap_or_default());
        let agent = facts.agent.map(|agent| self.agent_facts(agent));
        Case {
            host: agent.map(|agent| agent.hostname()),
            status: facts.status.to_owned(),
            sent: facts.sent,
            settled: facts.settled,
        }
    }

    /// Makes a remediation as far as its incident report has come.
    fn remediation(&self, item: &mut Value, incident: &Case, number: usize) {
        let status = match &*incident.status {
            "sent" => "unapproved",
            "auto_remediating" => "approved",
            "closed" if number % 7 == 6 => "failed",
            "closed" => "completed",
            _ => "cancelled",
        };
        item["status"] = json!(status);
        let approved = ["approved", "completed", "failed"].contains(&status);
        let ended = ["completed", "failed"].contains(&status);
        let step = (incident.sent - incident.settled) / 3;
        item["approved_at"] = json!(approved.then(|| moment(incident.sent - step)));
        item["completed_at"] = json!(ended.then(|| moment(incident.settled + step)));
        item["approved_by"] = json!(approved.then(|| self.user(number % 3)));
        let host = incident.host.clone();
        let place = host.unwrap_or_else(|| values::person(number).1);
        (item["action"], item["parameters"]) = match item["type"].as_str() {
            Some("assisted") => (
                json!("Delete file"),
                json!([{"name": "path", "description": "a made-up path"}]),
            ),
            Some("containment") => (json!("Isolate"), json!(place)),
            _ => (json!("Change the password"), Value::Null),
        };
    }

    /// The beginning of an incident's list of remediations, as the report holds it.
    fn first_remediations(&self, incident: i64) -> Value {
        let first = Scan {
            descending: true,
            ..Scan::oldest(10)
        };
        let items = self.scan(REMEDIATIONS, &[incident], &first, &everything());
        let items = items.into_iter().flatten().map(Row::into_value);
        let total = self.count_of(REMEDIATIONS, &[incident]);
        json!({
            "total_count": total,
            "has_more": total > 10,
            "items": items.collect::<Vec<_>>(),
        })
    }

    fn escalation(&self, item: &mut Value, number: usize) {
        let (kind, subtype, subject) = ESCALATION_KINDS[number % ESCALATION_KINDS.len()];
        let from = sign_in_from(subtype, item["id"].as_i64().unwrap_or_default());
        (item["type"], item["subtype"]) = (json!(kind), json!(subtype));
        item["subject"] = json!(format!("{subject}{}", from.unwrap_or_default()));
        let mut rng = self.rng("escalations", number as u64);
        let patience = patience(item);
        let (status, age) = match number / ESCALATION_KINDS.len() % 4 {
            0 => ("open", rng.i64(HOUR / 2..patience)),
            1 => ("resolved", rng.i64(2 * DAY..300 * DAY)),
            2 => ("sent", patience + rng.i64(HOUR..30 * DAY)),
            _ => ("sent", rng.i64(HOUR / 2..patience)),
        };
        item["status"] = json!(status);
        item["created_at"] = json!(moment(age));
        let resolved = (status == "resolved").then(|| moment(age - rng.i64(HOUR..DAY)));
        item["updated_at"] = json!(resolved.clone().unwrap_or_else(|| moment(age / 2)));
        item["resolved_at"] = json!(resolved);
    }

    /// What an escalation is about: identities that signed in, or a host.
    pub(crate) fn entities(&self, escalation: &Value) -> Vec<Value> {
        if let Some(items) = escalation["entities"]["items"].as_array() {
            return items.clone();
        }
        let Some(organization) = escalation["organizations"][0]["id"].as_i64() else {
            return Vec::new();
        };
        // Identities that signed in, or the host.
        let (list, most) = match escalation["type"].as_str() {
            Some(UNWANTED_ACCESS) => (IDENTITIES, 3),
            _ => (AGENTS, 1),
        };
        let of = Filter {
            agent: |agent: &AgentFacts| self.organization_id(agent) == organization,
            agent_tells_all: false,
            row: |row: &Value| {
                let of = row
                    .get("organization_id")
                    .unwrap_or(&row["organization"]["id"]);
                *of == organization
            },
        };
        let rows = self.scan(list, &[], &Scan::oldest(most), &of);
        let entity = |row: Value| {
            if list == IDENTITIES {
                let details = json!({"username": row["username"]});
                return json!({"id": row["id"], "type": "Identity", "details": details});
            }
            let details = json!({"hostname": row["hostname"], "platform": row["platform"]});
            json!({"id": row["id"], "type": "Agent", "details": details})
        };
        let rows = rows.into_iter().flatten().map(Row::into_value);
        rows.map(entity).collect()
    }

    /// Makes a signal; returns the row number of its organization.
    fn signal(&self, item: &mut Value, number: usize) -> usize {
        let (kind, detector) = match number % 8 {
            1 => ("identity", "Managed ITDR"),
            2 => ("source", "SIEM"),
            4 => ("user_entity", "Managed ITDR"),
            5 => ("mailbox", "Managed ITDR"),
            6 => ("service_principal", "Managed ITDR"),
            // Three of eight, one detector after the other.
            _ => (
                "agent",
                HOST_DETECTORS[number * 3 / 8 % HOST_DETECTORS.len()],
            ),
        };
        item["type"] = json!(detector);
        let mut rng = self.rng("signals", number as u64);
        let (agents, identities) = (self.sizes.agents, self.sizes.identities);
        let (id, name, organization, oldest) = match kind {
            "agent" if agents > 0 => {
                let agent = rng.usize(..agents);
                let facts = self.agent_facts(agent);
                let id = self.id(AGENTS, &[], agent);
                item["details"]["hostname"] = json!(facts.hostname());
                (id, facts.hostname(), facts.organization, facts.created)
            }
            "identity" | "user_entity" | "mailbox" if identities > 0 => {
                let identity = rng.usize(..identities);
                let id = self.id(IDENTITIES, &[], identity);
                let (_, email) = values::person(identity);
                item["details"]["username"] = json!(email);
                (id, email, self.organization_of(identity), 30 * DAY)
            }
            // Neither has a list.
            _ => {
                let name = format!("made-up {} {number}", kind.replace('_', " "));
                (
                    number as i64 + 1,
                    name,
                    self.organization_of(number),
                    300 * DAY,
                )
            }
        };
        item["entity"] = json!({"id": id, "type": kind, "name": name});
        let created = rng.i64(2 * HOUR..oldest);
        item["created_at"] = json!(moment(created));
        item["investigated_at"] = json!(moment(created - HOUR / 2));
        item["updated_at"] = json!(moment(created - HOUR));
        organization
    }

    /// Makes an access rule: of one kind, for one thing, at one level.
    fn rule(&self, rule: &mut Value, number: usize) {
        let logic = match number {
            8 | 18 => "catchall",
            _ if number % 10 == 9 => "catchall_exception",
            _ => "standard",
        };
        let category = if logic == "standard" {
            ["country", "vpn", "ip_address"][number % 3]
        } else {
            ["country", "vpn"][number / 10 % 2]
        };
        let value = match category {
            "country" => COUNTRIES[number / 9 % COUNTRIES.len()].to_owned(),
            "vpn" => VPNS[number / 9 % VPNS.len()].1.to_owned(),
            _ => format!("203.0.113.{}", number % 250 + 1),
        };
        let matches = (logic == "standard").then_some(&*value);
        match_on(rule, category, matches);
        rule["logic"] = json!(logic);
        let expected =
            logic == "catchall_exception" || logic == "standard" && number.is_multiple_of(2);
        rule["type"] = json!(if expected { "expected" } else { "unauthorized" });
        let scope = match logic {
            "catchall" => "account",
            "catchall_exception" => "organization",
            _ => ["account", "organization", "identity"][number / 3 % 3],
        };
        rule["applied_to"] = match scope {
            "organization" if self.sizes.organizations > 0 => {
                let number = self.organization_of(number);
                applied_to(scope, &self.organization(self.account_id(), number))
            }
            "identity" if self.sizes.identities > 0 => {
                let number = number % self.sizes.identities;
                let id = self.id(IDENTITIES, &[], number);
                let name = values::person(number).1;
                applied_to(scope, &json!({"id": id, "name": name}))
            }
            _ => applied_to("account", &self.account(self.account_id())),
        };
        let dates = match number / 2 % 5 {
            _ if !expected || logic != "standard" => (None, None),
            0 => (Some(-30 * DAY), Some(-90 * DAY)),
            1 => (Some(200 * DAY), Some(30 * DAY)),
            2 => (Some(20 * DAY), Some(-60 * DAY)),
            _ => (None, None),
        };
        // Whole days, as they are asked for.
        let midnight = |ago: i64| moment(ago + values::NOW % DAY);
        rule["starts_at"] = json!(dates.0.map(midnight));
        rule["expires_at"] = json!(dates.1.map(midnight));
        rule["created_at"] = json!(moment((number as i64 % 90 + 210) * DAY));
        rule["updated_at"] = json!(moment((number as i64 % 90 + 110) * DAY));
        rule["created_by"] = self.user(number % 3)["name"].clone();
        let now = Timestamp::from_second(values::NOW).unwrap_or_default();
        rule["status"] = json!(standing(rule, now));
    }

    /// Says how much an organization has.
    fn count(&self, row: &mut Value) {
        let id = row["id"].as_i64().unwrap_or_default();
        let counts = self.counts.get_or_init(|| {
            let none = || vec![0; self.sizes.organizations];
            let (mut agents, mut incidents) = (none(), none());
            let (mut identities, mut billable) = (none(), none());
            if self.sizes.organizations > 0 {
                for agent in 0..self.sizes.agents {
                    agents[self.agent_facts(agent).organization] += 1;
                }
                for incident in 0..self.sizes.incident_reports {
                    incidents[self.organization_of_incident(incident)] += 1;
                }
                for identity in 0..self.sizes.identities {
                    let organization = self.organization_of(identity);
                    identities[organization] += 1;
                    billable[organization] += usize::from(self.is_billable(identity));
                }
            }
            Counts {
                agents,
                incidents,
                identities,
                billable,
            }
        });
        let number = self.number(ORGANIZATIONS, &[], id).unwrap_or(usize::MAX);
        let made = |counts: &Vec<usize>| counts.get(number).copied().unwrap_or(0);
        let made_here = number < self.sizes.organizations;
        // What was changed counts as it is, and not as it was made.
        let now = |list: &str, made: usize, was: &dyn Fn(usize) -> bool, is: fn(&Value) -> bool| {
            let size = self.size(list, &[]).unwrap_or_default();
            let changes = self.changed(list, &[]).into_iter().flatten();
            changes.fold(made, |count, (row_id, row)| {
                let number = self
                    .number(list, &[], *row_id)
                    .filter(|number| *number < size);
                let here = |row: &&Value| {
                    let of = row
                        .get("organization_id")
                        .unwrap_or(&row["organization"]["id"]);
                    *of == id && is(row)
                };
                let was = made_here && number.is_some_and(was);
                let is = row.as_ref().filter(here).is_some();
                count + usize::from(is) - usize::from(was)
            })
        };
        let agent = |agent| self.organization_id(&self.agent_facts(agent)) == id;
        let incident = |incident| self.organization_of_incident(incident) == number;
        let identity = |identity| self.organization_of(identity) == number;
        let billable = |one| identity(one) && self.is_billable(one);
        let any = |_: &Value| true;
        let billed = |row: &Value| row["billable"] == true;
        row["agents_count"] = json!(now(AGENTS, made(&counts.agents), &agent, any));
        row["incident_reports_count"] =
            json!(now(INCIDENTS, made(&counts.incidents), &incident, any));
        row["microsoft_365_users_count"] =
            json!(now(IDENTITIES, made(&counts.identities), &identity, any));
        row["billable_identity_count"] =
            json!(now(IDENTITIES, made(&counts.billable), &billable, billed));
    }

    /// The organization of an agent's facts.
    pub(crate) fn organization_id(&self, facts: &AgentFacts) -> i64 {
        self.id(ORGANIZATIONS, &[], facts.organization)
    }
}

/// What happens on hosts, as the document calls it and as a subject says it.
const ON_AGENTS: [(&str, &str); 10] = [
    ("footholds", "Persistent foothold"),
    ("ransomware_canaries", "Ransomware canary tripped"),
    ("process_detections", "Suspicious process"),
    ("antivirus_detections", "Malware found"),
    ("behavioral_detections", "Suspicious behavior"),
    ("monitored_files", "Monitored file changed"),
    ("mde_detections", "Defender alert"),
    ("app_control", "Application not allowed"),
    ("siem_detections", "Suspicious log entries"),
    ("favicon_detections", "Phishing page"),
];
/// What happens to identities.
const ON_IDENTITIES: [(&str, &str); 3] = [
    ("managed_identity", "Stolen session"),
    ("email_security_detections", "Phishing mail"),
    ("ai_misuse", "Misuse of an assistant"),
];
/// What raises signals about hosts.
const HOST_DETECTORS: [&str; 8] = [
    "Antivirus",
    "App Control",
    "Attack Disruptions",
    "Favicon Detections",
    "Footholds",
    "MDE Detections",
    "Process Insights",
    "Ransomware Canaries",
];
/// Type, subtype and subject of escalations and platform actions, a kind for each way in
/// which one can be resolved.
const ESCALATION_KINDS: [(&str, &str, &str); 5] = [
    (UNWANTED_ACCESS, "country", "Sign-in from "),
    (UNWANTED_ACCESS, "vpn", "Sign-in through "),
    ("endpoint", "isolated_host", "Host is isolated"),
    ("endpoint", "portal_only", "Question about an application"),
    ("environment", "defender_disabled", "Defender is disabled"),
];
pub(crate) const UNWANTED_ACCESS: &str = "unwanted_access";

/// A row as others point to it.
pub(crate) fn reference(row: &Value) -> Value {
    let keys = ["id", "name", "status", "subdomain"];
    let known = keys.iter().filter_map(|key| Some((*key, row.get(key)?)));
    known
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

fn key(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

/// Says what an incident report is about, and where it is.
pub(crate) fn tell(item: &mut Value, place: &str) {
    let indicator = item["indicator_types"][0].as_str();
    let mut known = ON_AGENTS.iter().chain(&ON_IDENTITIES);
    let kind = known.find(|(known, _)| Some(*known) == indicator);
    let kind = kind.map_or("Suspicious activity", |(_, kind)| kind);
    let severity = item["severity"].as_str().unwrap_or_default().to_uppercase();
    item["subject"] = json!(format!("{severity} - {kind} on {place}"));
    for text in ["summary", "body"] {
        item[text] = json!(format!("Made up: {kind} on {place}."));
    }
}

/// What an access rule applies to.
pub(crate) fn applied_to(scope: &str, target: &Value) -> Value {
    json!({"type": scope, "id": target["id"], "name": target["name"]})
}

/// Lets an access rule match one value of its category, or all.
pub(crate) fn match_on(rule: &mut Value, category: &str, value: Option<&str>) {
    for (field, of) in [
        ("country_code", "country"),
        ("vpn", "vpn"),
        ("ip_address", "ip_address"),
    ] {
        rule[field] = json!(value.filter(|_| category == of));
    }
    rule["category"] = json!(category);
}

/// The country, or the operator, that an escalated sign-in came from.
pub(crate) fn sign_in_from(subtype: &str, escalation: i64) -> Option<&'static str> {
    let number = escalation.unsigned_abs() as usize;
    match subtype {
        "country" => Some(COUNTRIES[number % COUNTRIES.len()]),
        "vpn" => Some(VPNS[number % VPNS.len()].1),
        _ => None,
    }
}

fn port(item: &mut Value, number: usize) {
    let (port, service, risky, protocol) = [
        (443, "https", false, "TCP"),
        (22, "ssh", false, "TCP"),
        (3389, "rdp", true, "TCP"),
        (53, "dns", false, "UDP"),
        (445, "smb", true, "TCP"),
        (161, "snmp", true, "UDP"),
        (8443, "https", false, "TCP"),
    ][number % 7];
    (item["port"], item["service"]) = (json!(port), json!(service));
    (item["risky_service"], item["protocol"]) = (json!(risky), json!(protocol));
}
