//! Elastic Common Schema 9.4: what has a field there goes there, all else under `huntress`.

mod own;
mod words;

use serde_json::{Value, json};

use super::{
    field::Field,
    read::{self, distinct},
    table::Listing,
};
use crate::forward::{Change, Kind, Told};

const VERSION: &str = "9.4.0";

pub(super) fn fields(kind: Kind) -> impl Iterator<Item = &'static Field> {
    let (schema, own) = match kind {
        Kind::Incident => (INCIDENT, own::INCIDENT),
        Kind::Escalation => (ESCALATION, own::ESCALATION),
        Kind::Signal => (SIGNAL, own::SIGNAL),
        Kind::Agent => (AGENT, own::AGENT),
        Kind::Identity => (IDENTITY, own::IDENTITY),
    };
    COMMON.iter().chain(schema).chain(own)
}

pub(super) fn tables() -> Vec<Listing> {
    words::listings()
}

const fn keyword(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "keyword", sources, |value| {
        Some(json!(read::text(value)?))
    })
}

const fn keywords(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "keyword[]", sources, |value| {
        some(distinct(read::texts(value)))
    })
}

const fn long(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "long", sources, |value| {
        Some(json!(read::integer(value)?))
    })
}

const fn boolean(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "boolean", sources, |value| {
        Some(json!(read::flag(value)?))
    })
}

const fn date(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::first_of(target, "date", sources, |value| {
        Some(json!(read::time(value)?))
    })
}

/// A list, where there is something in it.
fn some(list: Vec<String>) -> Option<Value> {
    (!list.is_empty()).then(|| json!(list))
}

const COMMON: &[Field] = &[
    Field::from(
        "@timestamp",
        "date",
        &[
            "updated_at",
            "status_updated_at",
            "created_at",
            "sent_at",
            "@seen_at",
        ],
        "the first of these that is a time",
        |told| Some(json!(told.time())),
    ),
    Field::fixed("ecs.version", "keyword", VERSION),
    Field::fixed("event.module", "keyword", "huntress"),
    Field::fixed("event.provider", "keyword", "huntress"),
    Field::from(
        "event.dataset",
        "keyword",
        &["@kind"],
        "`huntress.` and the kind",
        |told| Some(json!(format!("huntress.{}", told.kind.name()))),
    ),
    Field::from(
        "event.kind",
        "keyword",
        &["@kind"],
        "`asset` for agents and identities, `alert` for the others",
        |told| {
            let is_asset = matches!(told.kind, Kind::Agent | Kind::Identity);
            Some(json!(if is_asset { "asset" } else { "alert" }))
        },
    ),
    Field::from("event.id", "keyword", &["*"], "the stable id", |told| {
        Some(json!(told.stable_id()))
    }),
    Field::from(
        "event.action",
        "keyword",
        &["@kind", "@change", "status"],
        "the kind and `-created`, `-updated` or `-closed`",
        |told| {
            let action = match told.change {
                _ if told.is_over() => "closed",
                Change::New => "created",
                Change::Updated => "updated",
            };
            Some(json!(format!("{}-{action}", told.kind.name())))
        },
    ),
    Field::from(
        "event.created",
        "date",
        &["@seen_at"],
        "when the store got this state",
        |told| Some(json!(told.seen_at)),
    ),
    Field::from(
        "event.url",
        "keyword",
        &["@account.subdomain", "@organization.id", "@id"],
        "the page of the portal, or else the address in the API",
        |told| Some(json!(told.url())),
    ),
    Field::from(
        "event.original",
        "keyword",
        &["*"],
        "the record as text",
        |told| {
            let mut record = told.record.clone();
            record.sort_all_objects();
            Some(json!(record.to_string()))
        },
    ),
    Field::from(
        "message",
        "match_only_text",
        &["subject", "name", "hostname", "username", "@id"],
        "the headline, or else kind and name or number",
        |told| Some(json!(told.title())),
    ),
    Field::fixed("observer.vendor", "keyword", "Huntress"),
    Field::fixed("observer.product", "keyword", "Huntress"),
    Field::from(
        "organization.id",
        "keyword",
        &["@organization.id"],
        "",
        |told| Some(json!(told.organization?.id.to_string())),
    ),
    Field::from(
        "organization.name",
        "keyword",
        &["@organization.name"],
        "",
        |told| Some(json!(read::plain(told.organization?.name?)?)),
    ),
    Field::from(
        "labels.huntress_account_id",
        "keyword",
        &["@account.id"],
        "",
        |told| Some(json!(told.account.id.to_string())),
    ),
    Field::from(
        "labels.huntress_account_name",
        "keyword",
        &["@account.name"],
        "",
        |told| Some(json!(read::plain(told.account.name?)?)),
    ),
];

const TYPE_INFO: Field = Field::from("event.type", "keyword[]", &[], "`info`", |_| {
    Some(json!(["info"]))
});

const SEVERITY: Field = Field::from(
    "event.severity",
    "long",
    &["severity"],
    "by the table",
    |told| Some(json!(words::SEVERITY.get(&told.severity()?)?)),
);

const ONE_HOST: &str = "the one host that it is about";

const fn host(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::from(target, "keyword", sources, ONE_HOST, |told| {
        Some(json!(told.host()?))
    })
}

/// The number of the agent is the only id that a host has.
const fn agent(target: &'static str, sources: &'static [&'static str]) -> Field {
    Field::from(
        target,
        "keyword",
        sources,
        "the number of the one agent",
        |told| Some(json!(told.agent_id()?.to_string())),
    )
}

/// Words for all that is there, or nothing.
fn categories<'w>(words: impl IntoIterator<Item = Option<&'w str>>, otherwise: &str) -> Value {
    let known = words.into_iter().flatten().map(str::to_owned);
    let mut known = distinct(known);
    if known.is_empty() {
        known.push(otherwise.to_owned());
    }
    json!(known)
}

const INCIDENT: &[Field] = &[
    Field::from(
        "event.category",
        "keyword[]",
        &["platform", "indicator_types"],
        "by the tables, all that fit; `intrusion_detection` where none does",
        |told| {
            let platform = told.text("platform").unwrap_or_default();
            let indicators = told.at("indicator_types").map(read::texts);
            let by_indicator = |name: &String| words::INDICATOR.get(name).copied();
            let indicators = indicators.unwrap_or_default();
            let words = indicators.iter().map(by_indicator);
            let words = words.chain([words::PLATFORM.get(&platform).copied()]);
            Some(categories(words, "intrusion_detection"))
        },
    ),
    TYPE_INFO,
    SEVERITY,
    keyword("event.reason", &["summary"]),
    date("event.start", &["created_at", "sent_at"]),
    date("event.end", &["closed_at"]),
    agent("agent.id", &["agent_id"]),
    agent("host.id", &["agent_id"]),
    host("host.name", &["@agent_hostname"]),
    host("host.hostname", &["@agent_hostname"]),
    Field::from(
        "related.hosts",
        "keyword[]",
        &["@agent_hostname"],
        "",
        |told| some(told.host().into_iter().collect()),
    ),
];

/// A detail of all things that an escalation is about.
fn of_entities(told: &Told<'_>, keys: &[&str]) -> Option<Value> {
    let entities = told.entities();
    let details = entities.iter().filter_map(|entity| entity.get("details"));
    let texts =
        details.flat_map(|details| keys.iter().filter_map(|key| read::text(details.get(*key)?)));
    some(distinct(texts))
}

const ESCALATION: &[Field] = &[
    Field::from(
        "event.category",
        "keyword[]",
        &["entities"],
        "`host` where an agent is among the entities, `iam` where an identity is",
        |told| {
            let entities = told.entities();
            let category = |entity: &&Value| match &*read::word(entity.get("type"))? {
                "agent" => Some("host".to_owned()),
                "identity" => Some("iam".to_owned()),
                _ => None,
            };
            some(distinct(entities.iter().filter_map(category)))
        },
    ),
    TYPE_INFO,
    SEVERITY,
    date("event.start", &["created_at"]),
    date("event.end", &["resolved_at"]),
    agent("agent.id", &["entities"]),
    agent("host.id", &["entities"]),
    host("host.name", &["entities"]),
    host("host.hostname", &["entities"]),
    Field::from(
        "related.hosts",
        "keyword[]",
        &["entities"],
        "the names of all hosts",
        |told| of_entities(told, &["hostname"]),
    ),
    Field::from(
        "related.user",
        "keyword[]",
        &["entities"],
        "the names of all identities",
        |told| of_entities(told, &["username", "email"]),
    ),
];

/// The name or number of a thing that a signal comes from, where it is of one of these kinds.
fn entity(told: &Told<'_>, kinds: &[&str], key: &str) -> Option<Value> {
    let is_one = kinds.iter().any(|kind| told.is_about(kind));
    Some(json!(told.text(key).filter(|_| is_one)?))
}

const SIGNAL: &[Field] = &[
    Field::from(
        "event.category",
        "keyword[]",
        &["type"],
        "by the table; `intrusion_detection` for other types",
        |told| {
            let kind = told.text("type").unwrap_or_default();
            let word = words::SIGNAL_TYPE.get(&kind).copied();
            Some(categories([word], "intrusion_detection"))
        },
    ),
    TYPE_INFO,
    keyword("event.reason", &["investigation_context"]),
    date("event.start", &["created_at"]),
    keyword("rule.name", &["details.rule_name", "name"]),
    keyword("rule.category", &["type"]),
    agent("agent.id", &["entity"]),
    agent("host.id", &["entity"]),
    host("host.name", &["entity", "details.hostname"]),
    host("host.hostname", &["entity", "details.hostname"]),
    Field::from(
        "user.id",
        "keyword",
        &["entity"],
        "the entity's number, where it is an identity",
        |told| entity(told, &["identity"], "entity.id"),
    ),
    Field::from(
        "user.name",
        "keyword",
        &["details.username", "entity"],
        "the one user that it is about",
        |told| Some(json!(told.user()?)),
    ),
    Field::from(
        "service.id",
        "keyword",
        &["entity"],
        "the entity's number, where it is a service principal",
        |told| entity(told, &["service_principal"], "entity.id"),
    ),
    Field::from(
        "service.name",
        "keyword",
        &["entity"],
        "the entity's name, where it is a service principal",
        |told| entity(told, &["service_principal"], "entity.name"),
    ),
    keyword("process.executable", &["details.process_name"]),
    Field::from(
        "process.name",
        "keyword",
        &["details.process_name"],
        "what follows the last `\\` or `/`",
        |told| {
            let path = told.text("details.process_name")?;
            Some(json!(read::plain(path.rsplit(['\\', '/']).next()?)?))
        },
    ),
    Field::first_of(
        "process.command_line",
        "wildcard",
        &["details.command_line"],
        |value| Some(json!(read::text(value)?)),
    ),
    keyword("registry.path", &["details.registry_key"]),
    keyword("file.path", &["details.file_path"]),
    Field::from(
        "related.hosts",
        "keyword[]",
        &["entity", "details.hostname"],
        ONE_HOST,
        |told| some(told.host().into_iter().collect()),
    ),
    Field::from(
        "related.user",
        "keyword[]",
        &["details.username", "entity"],
        "the one user that it is about",
        |told| some(told.user().into_iter().collect()),
    ),
];

const AGENT: &[Field] = &[
    Field::from("event.category", "keyword[]", &[], "`host`", |_| {
        Some(json!(["host"]))
    }),
    TYPE_INFO,
    Field::fixed("agent.type", "keyword", "huntress"),
    agent("agent.id", &["@id"]),
    keyword("agent.name", &["hostname"]),
    keyword("agent.version", &["version"]),
    agent("host.id", &["@id"]),
    host("host.name", &["hostname"]),
    host("host.hostname", &["hostname"]),
    keyword("host.domain", &["domain_name"]),
    keyword("host.architecture", &["arch"]),
    Field::first_of("host.ip", "ip[]", &["ipv4_address"], |value| {
        some(read::ip(value).into_iter().collect())
    }),
    Field::from(
        "host.mac",
        "keyword[]",
        &["mac_addresses"],
        "in capitals, with `-` between the bytes",
        |told| {
            let addresses = read::texts(told.at("mac_addresses")?).into_iter();
            some(distinct(addresses.filter_map(|text| read::mac(&text, "-"))))
        },
    ),
    keyword("host.os.full", &["os"]),
    keyword("host.os.platform", &["platform"]),
    Field::from(
        "host.os.type",
        "keyword",
        &["platform"],
        "by the table",
        |told| {
            let word = words::OS_TYPE.get(&told.text("platform")?)?;
            word.0.map(|word| json!(word))
        },
    ),
    Field::from(
        "host.os.version",
        "keyword",
        &["os_major", "os_minor", "os_patch"],
        "with `.` between, as far as they are there",
        |told| {
            let parts = ["os_major", "os_minor", "os_patch"].into_iter();
            let parts = parts.map_while(|part| Some(read::integer(told.at(part)?)?.to_string()));
            let parts: Vec<_> = parts.collect();
            (!parts.is_empty()).then(|| json!(parts.join(".")))
        },
    ),
    keyword("device.serial_number", &["serial_number"]),
    keywords("tags", &["tags"]),
    Field::from("related.hosts", "keyword[]", &["hostname"], "", |told| {
        some(told.host().into_iter().collect())
    }),
    Field::from(
        "related.ip",
        "ip[]",
        &["ipv4_address", "external_ip"],
        "those that are addresses",
        |told| {
            let addresses = ["ipv4_address", "external_ip"].into_iter();
            some(distinct(
                addresses.filter_map(|key| read::ip(told.at(key)?)),
            ))
        },
    ),
];

const IDENTITY: &[Field] = &[
    Field::from("event.category", "keyword[]", &[], "`iam`", |_| {
        Some(json!(["iam"]))
    }),
    Field::from("event.type", "keyword[]", &[], "`info`, `user`", |_| {
        Some(json!(["info", "user"]))
    }),
    Field::from("user.id", "keyword", &["@id"], "", |told| {
        Some(json!(told.id.to_string()))
    }),
    Field::from("user.name", "keyword", &["username", "email"], "", |told| {
        Some(json!(told.user()?))
    }),
    keyword("user.email", &["email"]),
    keyword("user.risk.static_level", &["risk_level"]),
    Field::from(
        "related.user",
        "keyword[]",
        &["username", "email"],
        "both",
        |told| {
            let names = ["username", "email"].into_iter();
            some(distinct(names.filter_map(|key| told.text(key))))
        },
    ),
];
