//! One account's made-up data: rows that are made when they are asked for, and what has
//! been changed since.
//!
//! A row is a function of the seed, its list and its number, so a million of them cost
//! nothing until somebody reads them. Changed, added and deleted rows are kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::document::{Document, Operation};
use crate::lives::in_order;
use crate::relations::{Counts, reference};
use crate::scan::{Filter, Key, Order, Row, Scan, Walk, everything};
use crate::values::{self, Values};

pub(crate) const AGENTS: &str = "/v1/agents";
pub(crate) const INCIDENTS: &str = "/v1/incident_reports";
pub(crate) const ORGANIZATIONS: &str = "/v1/organizations";
pub(crate) const ACCOUNTS: &str = "/v1/accounts";
pub(crate) const IDENTITIES: &str = "/v1/identities";
pub(crate) const MEMBERSHIPS: &str = "/v1/memberships";
pub(crate) const ESCALATIONS: &str = "/v1/escalations";
pub(crate) const PLATFORM_ACTIONS: &str = "/v1/platform_actions";
pub(crate) const SIGNALS: &str = "/v1/signals";
pub(crate) const RULES: &str = "/v1/unwanted_access_rules";
pub(crate) const SUBSCRIPTIONS: &str = "/v1/reseller/subscriptions";
pub(crate) const REMEDIATIONS: &str = "/v1/incident_reports/{incident_report_id}/remediations";
/// How many ids each list has to itself.
pub(crate) const IDS: i64 = 10_000_000;

/// How many rows the lists of an account have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) organizations: usize,
    pub(crate) agents: usize,
    pub(crate) identities: usize,
    pub(crate) incident_reports: usize,
    pub(crate) signals: usize,
    /// Accounts that the reseller manages, the first one the key's own.
    pub(crate) accounts: usize,
    /// Every other list.
    pub(crate) others: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            organizations: 14,
            agents: 168,
            identities: 40,
            incident_reports: 40,
            signals: 40,
            accounts: 3,
            others: 40,
        }
    }
}

/// The data of one account.
pub(crate) struct World {
    document: Arc<Document>,
    account_id: i64,
    seed: u64,
    pub(crate) sizes: Sizes,
    /// By the path of the list, nested ones with their parents' ids: what is not as it was
    /// made, and `None` for what was deleted.
    changes: HashMap<String, BTreeMap<i64, Option<Value>>>,
    /// What the firewall of an agent will say, and when.
    later: HashMap<i64, (Timestamp, &'static str)>,
    pub(crate) counts: OnceLock<Counts>,
    /// Rows as made in the order of a field, by list and field.
    orders: Mutex<HashMap<(String, String), Order>>,
}

/// What is known of an agent without making it.
pub(crate) struct AgentFacts {
    pub(crate) organization: usize,
    pub(crate) platform: &'static str,
    pub(crate) os: &'static str,
    number: usize,
    prefix: &'static str,
    build: u8,
    /// In seconds before the newest time of the world.
    pub(crate) created: i64,
    updated: i64,
}

impl AgentFacts {
    pub(crate) fn hostname(&self) -> String {
        format!("{}-{:03}", self.prefix, self.number)
    }

    pub(crate) fn version(&self) -> String {
        format!("0.14.{}", self.build)
    }
}

impl World {
    /// The same seed and account give the same world.
    pub(crate) fn new(document: Arc<Document>, account_id: i64, seed: u64, sizes: Sizes) -> Self {
        Self {
            document,
            account_id,
            seed,
            sizes,
            changes: HashMap::new(),
            later: HashMap::new(),
            counts: OnceLock::new(),
            orders: Mutex::default(),
        }
    }

    pub(crate) fn account_id(&self) -> i64 {
        self.account_id
    }

    /// Lets an agent's firewall say something else from a moment on.
    pub(crate) fn later(&mut self, agent: i64, at: Timestamp, status: &'static str) {
        self.later.insert(agent, (at, status));
    }

    /// Lets happen what was to happen by now.
    pub(crate) fn settle(&mut self) {
        let now = Timestamp::now();
        let due = self.later.extract_if(|_, (at, _)| *at <= now);
        for (agent, (at, status)) in due.collect::<Vec<_>>() {
            if let Some(mut row) = self.row(AGENTS, &[], agent) {
                row["firewall_status"] = json!(status);
                row["updated_at"] = values::at(at);
                self.put(AGENTS, &[], row);
            }
        }
    }

    /// One row, as it is now.
    pub(crate) fn row(&self, list: &str, parents: &[i64], id: i64) -> Option<Value> {
        if !self.has(list, parents, id)? {
            return None;
        }
        let changed = self.changed(list, parents).and_then(|rows| rows.get(&id));
        let row = match changed {
            Some(changed) => changed.clone()?,
            None => self.made(list, parents, self.number(list, parents, id)?),
        };
        Some(self.joined(list, row))
    }

    /// Whether a list has a row; `None` where there is no such list.
    fn has(&self, list: &str, parents: &[i64], id: i64) -> Option<bool> {
        let size = self.size(list, parents)?;
        let changed = self.changed(list, parents).and_then(|rows| rows.get(&id));
        let made = || {
            self.number(list, parents, id)
                .is_some_and(|number| number < size)
        };
        Some(changed.map_or_else(made, Option::is_some))
    }

    /// Replaces a row.
    pub(crate) fn put(&mut self, list: &str, parents: &[i64], row: Value) {
        let id = row["id"].as_i64().unwrap_or_default();
        let rows = self.changes.entry(address(list, parents)).or_default();
        rows.insert(id, Some(row));
    }

    /// Takes over what another world has changed in a list.
    pub(crate) fn know(&mut self, list: &str, changes: BTreeMap<i64, Option<Value>>) {
        self.changes.insert(list.to_owned(), changes);
    }

    pub(crate) fn delete(&mut self, list: &str, parents: &[i64], id: i64) {
        let rows = self.changes.entry(address(list, parents)).or_default();
        rows.insert(id, None);
    }

    /// An id that no row of a list has or had.
    pub(crate) fn next_id(&self, list: &str, parents: &[i64]) -> i64 {
        let size = self.size(list, parents).unwrap_or_default();
        let changed = self.changed(list, parents);
        let last = changed.and_then(|rows| rows.keys().last());
        self.id(list, parents, size)
            .max(last.map_or(0, |last| last + 1))
    }

    /// How many rows a list has.
    pub(crate) fn count_of(&self, list: &str, parents: &[i64]) -> usize {
        let size = self.size(list, parents).unwrap_or_default();
        let changes = self.changed(list, parents).into_iter().flatten();
        changes.fold(size, |count, (id, row)| {
            let number = self.number(list, parents, *id);
            let made = number.is_some_and(|number| number < size);
            count + usize::from(row.is_some()) - usize::from(made)
        })
    }

    /// A new object of a component, with plausible values.
    pub(crate) fn new_object(&self, component: &str, id: i64) -> Value {
        let seed = self.seed ^ id.unsigned_abs();
        let mut object = Values::new(&self.document.plans, seed).object(component);
        if object.get("id").is_some() {
            object["id"] = json!(id);
        }
        self.own(&mut object, self.account_id);
        in_order(&mut object);
        object
    }

    /// Rows in order, as many as asked for, of those that are wanted; `None` where the
    /// thing that they belong to does not exist.
    pub(crate) fn scan(
        &self,
        list: &str,
        parents: &[i64],
        scan: &Scan,
        filter: &Filter<impl Fn(&AgentFacts) -> bool, impl Fn(&Value) -> bool>,
    ) -> Option<Vec<Row>> {
        let size = self.size(list, parents)?;
        let no_changes = BTreeMap::new();
        let changes = self.changed(list, parents).unwrap_or(&no_changes);
        let mut changed: Vec<(Key, i64)> = changes
            .iter()
            .filter_map(|(id, row)| Some((Key::of(row.as_ref()?, scan.sort_field), *id)))
            .collect();
        changed.sort();
        let order = self.order(list, parents, scan.sort_field, size);
        let id_of = |number| self.id(list, parents, number);
        let key_at = |place: usize| match &order {
            Some(order) => (order[place].0.clone(), id_of(order[place].1)),
            None => (Key::Number(id_of(place)), id_of(place)),
        };
        let number_at = |place: usize| order.as_ref().map_or(place, |order| order[place].1);
        let mut made = Walk::new(size, scan, key_at);
        let mut altered = Walk::new(changed.len(), scan, |place| changed[place].clone());
        let mut rows = Vec::new();
        while rows.len() < scan.limit {
            let made_first = match (made.peek(), altered.peek()) {
                (None, None) => break,
                (Some(made), Some(altered)) if scan.descending => made > altered,
                (Some(made), Some(altered)) => made < altered,
                (made, _) => made.is_some(),
            };
            let row = if made_first {
                let (place, (_, id)) = made.next();
                let number = number_at(place);
                if changes.contains_key(&id) {
                    continue;
                }
                if list == AGENTS {
                    let facts = self.agent_facts(number);
                    if !(filter.agent)(&facts) {
                        continue;
                    }
                    let text = self.agent_text(number, &facts);
                    if filter.agent_tells_all {
                        rows.push(Row::Text(text));
                        continue;
                    }
                    Row::Text(text).into_value()
                } else {
                    self.made(list, parents, number)
                }
            } else {
                let (_, (_, id)) = altered.next();
                changes.get(&id).cloned().flatten()?
            };
            if (filter.row)(&row) {
                let mut row = self.joined(list, row);
                if let (Some(more), Some(fields)) =
                    (self.document.more.get(list), row.as_object_mut())
                {
                    fields.retain(|field, _| !more.contains(field));
                }
                rows.push(Row::Value(row));
            }
        }
        Some(rows)
    }

    /// All rows of a list, the oldest first.
    pub(crate) fn all(&self, list: &str, parents: &[i64]) -> Option<Vec<Value>> {
        let rows = self.scan(list, parents, &Scan::oldest(usize::MAX), &everything())?;
        Some(rows.into_iter().map(Row::into_value).collect())
    }

    /// Whether a list has such a row.
    pub(crate) fn any(&self, list: &str, such: impl Fn(&Value) -> bool) -> bool {
        let filter = Filter {
            agent: |_: &AgentFacts| true,
            agent_tells_all: false,
            row: such,
        };
        let rows = self.scan(list, &[], &Scan::oldest(1), &filter);
        rows.is_some_and(|rows| !rows.is_empty())
    }

    pub(crate) fn changed(
        &self,
        list: &str,
        parents: &[i64],
    ) -> Option<&BTreeMap<i64, Option<Value>>> {
        self.changes.get(&address(list, parents))
    }

    /// The rows of a list as made, in the order of a field; `None` where that is the order
    /// in which they are made.
    fn order(&self, list: &str, parents: &[i64], field: &str, size: usize) -> Option<Order> {
        if field == "id" {
            return None;
        }
        let address = (address(list, parents), field.to_owned());
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let order = orders.entry(address).or_insert_with(|| {
            let key = |number| match (list, field) {
                (AGENTS, "created_at") => {
                    Key::Number((values::NOW - self.agent_facts(number).created) * 1_000)
                }
                (AGENTS, "updated_at") => {
                    Key::Number((values::NOW - self.agent_facts(number).updated) * 1_000)
                }
                _ => Key::of(&self.made(list, parents, number), field),
            };
            let mut order: Vec<_> = (0..size).map(|number| (key(number), number)).collect();
            order.sort();
            Arc::new(order)
        });
        Some(Arc::clone(order))
    }

    /// How many rows a list is made with.
    pub(crate) fn size(&self, list: &str, parents: &[i64]) -> Option<usize> {
        if let Some(&parent) = parents.first() {
            // `/v1/incident_reports/{incident_report_id}/remediations`
            let (parents_list, _) = list.split_once("/{")?;
            self.has(parents_list, &[], parent).filter(|has| *has)?;
            return Some(self.rng(list, parent.unsigned_abs()).usize(1..25));
        }
        self.document
            .lists
            .contains_key(list)
            .then_some(match list {
                ORGANIZATIONS => self.sizes.organizations,
                AGENTS => self.sizes.agents,
                INCIDENTS => self.sizes.incident_reports,
                ACCOUNTS => self.sizes.accounts,
                IDENTITIES => self.sizes.identities,
                SIGNALS => self.sizes.signals,
                "/v1/known_vpns" => values::VPNS.len(),
                _ => self.sizes.others,
            })
    }

    pub(crate) fn id(&self, list: &str, parents: &[i64], number: usize) -> i64 {
        let number = number as i64;
        if let Some(parent) = parents.first() {
            return parent.saturating_mul(100).saturating_add(number);
        }
        if list == ACCOUNTS {
            return number + 1;
        }
        self.id_in(self.account_id, list) + number
    }

    /// The id of the first row of a list in an account.
    pub(crate) fn id_in(&self, account: i64, list: &str) -> i64 {
        let place = self.document.lists.keys().position(|path| path == list);
        let place = place.unwrap_or_default() as i64;
        (account * 100 + place) * IDS + 1
    }

    /// The number of the row that was made with an id.
    pub(crate) fn number(&self, list: &str, parents: &[i64], id: i64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.id(list, parents, 0))?).ok()
    }

    pub(crate) fn rng(&self, list: &str, number: u64) -> Rng {
        // The accounts are the same whoever asks.
        let account = if list == ACCOUNTS { 0 } else { self.account_id };
        // Any mixing does: neighbours must not look alike.
        let mut mixed = self.seed ^ account.unsigned_abs().rotate_left(32);
        for byte in list.bytes() {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Rng::with_seed(mixed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A row as it was made.
    fn made(&self, list: &str, parents: &[i64], number: usize) -> Value {
        self.made_as(list, parents, number, self.id(list, parents, number))
    }

    /// A row as it is made of a number, with an id.
    pub(crate) fn made_as(&self, list: &str, parents: &[i64], number: usize, id: i64) -> Value {
        let component = match self.document.lists.get(list) {
            Some(component) => component,
            None => return self.made_below(list, parents, number, id),
        };
        if list == AGENTS {
            let text = self.agent_text(number, &self.agent_facts(number));
            let mut agent = Row::Text(text).into_value();
            agent["id"] = json!(id);
            return agent;
        }
        let seed = self.rng(list, number as u64).u64(..);
        let mut values = Values::new(&self.document.plans, seed);
        let mut item = values.object(component);
        if item.get("id").is_some() {
            item["id"] = json!(id);
        }
        self.relate(&mut item, list, number);
        item
    }

    /// The JSON of an agent as it was made.
    fn agent_text(&self, number: usize, facts: &AgentFacts) -> String {
        let seed = self.rng(AGENTS, number as u64).u64(..);
        let mut values = Values::new(&self.document.plans, seed);
        let firewall = if values.below(12) == 0 {
            "Disabled"
        } else {
            "Enabled"
        };
        let windows = facts.platform == "windows";
        let arch = if facts.platform == "darwin" {
            "arm64"
        } else {
            "x86_64"
        };
        let text = |text: &str| Cow::from(["\"", text, "\""].concat());
        let number_of = |number: i64| Cow::from(number.to_string());
        let on_windows = |json: &'static str| Cow::from(if windows { json } else { "null" });
        let given = [
            ("id", number_of(self.id(AGENTS, &[], number))),
            ("account_id", number_of(self.account_id)),
            ("organization_id", number_of(self.organization_id(facts))),
            ("platform", text(facts.platform)),
            ("os", text(facts.os)),
            ("arch", text(arch)),
            ("hostname", text(&facts.hostname())),
            ("version", text(&facts.version())),
            ("firewall_status", text(firewall)),
            ("created_at", text(&values::moment(facts.created))),
            ("updated_at", text(&values::moment(facts.updated))),
            ("defender_status", on_windows(r#""Healthy""#)),
            ("defender_substatus", on_windows(r#""Up to date""#)),
            ("defender_policy_status", on_windows(r#""Compliant""#)),
            ("service_pack_major", on_windows("0")),
            ("service_pack_minor", on_windows("0")),
            ("win_build_number", on_windows("0")),
        ];
        let component = self.document.lists.get(AGENTS);
        let mut out = String::with_capacity(1_200);
        values.write_object(component.map_or("", String::as_str), &given, &mut out);
        out
    }

    fn made_below(&self, list: &str, parents: &[i64], number: usize, id: i64) -> Value {
        let operations = self.document.operations.iter();
        let mut listing = operations.filter(|operation| operation.path == list);
        let component = listing.find_map(|operation| operation.answer.component());
        let mut item = self.new_object(component.unwrap_or_default(), id);
        let parent = parents.first().copied().unwrap_or_default();
        self.relate_below(&mut item, list, parent, number);
        item
    }

    /// What can be said of an agent at little cost.
    pub(crate) fn agent_facts(&self, number: usize) -> AgentFacts {
        let mut rng = self.rng("agent facts", number as u64);
        let size = self.sizes.organizations.max(1);
        // A few large customers and many small ones; none without an agent.
        let organization = if number < size {
            number
        } else {
            rng.usize(..size).min(rng.usize(..size))
        };
        let (platform, systems, prefix): (_, &[&str], _) = match rng.u8(..20) {
            0..=13 => (
                "windows",
                &["Windows 11 Pro", "Windows 10 Pro", "Windows Server 2022"],
                "PC",
            ),
            14..=17 => ("darwin", &["macOS 15", "macOS 14"], "MAC"),
            _ => ("linux", &["Ubuntu 24.04", "Debian 12"], "SRV"),
        };
        // Before anything else that is known of it.
        let created = rng.i64(30 * values::DAY..900 * values::DAY);
        AgentFacts {
            created,
            updated: rng.i64(0..30 * values::DAY),
            organization,
            platform,
            os: systems[rng.usize(..systems.len())],
            number,
            prefix,
            build: rng.u8(..90),
        }
    }

    /// One resource by its ids; a richer component than the list's keeps the list's fields.
    pub(crate) fn resource(&self, operation: &Operation, ids: &[i64]) -> Option<Value> {
        let component = operation.answer.component()?;
        let Some((id, parents)) = ids.split_last() else {
            let account = self.row(ACCOUNTS, &[], self.account_id)?;
            let mut only = self.enriched(component, &account);
            if let Some(own) = only.get_mut("account").filter(|own| own.is_object()) {
                *own = reference(&account);
            }
            if only["user"].is_object() {
                only["user"] = self.user(0);
            }
            return Some(only);
        };
        let row = self.row(operation.collection(), parents, *id)?;
        Some(self.enriched(component, &row))
    }

    /// A row as its richer component.
    pub(crate) fn enriched(&self, component: &str, row: &Value) -> Value {
        let mut whole = self.new_object(component, row["id"].as_i64().unwrap_or_default());
        for (key, value) in row.as_object().into_iter().flatten() {
            if whole.get(key).is_some() {
                whole[key] = value.clone();
            }
        }
        self.detail(&mut whole, row);
        whole
    }
}

fn address(list: &str, parents: &[i64]) -> String {
    match parents.first() {
        Some(parent) => format!("{list} of {parent}"),
        None => list.to_owned(),
    }
}
