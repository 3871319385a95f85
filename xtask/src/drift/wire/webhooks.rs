//! The events of the webhooks document.

use serde_json::Value;

use super::comparer::Comparer;
use super::contract::Direction;
use super::join::{Joined, join};
use super::pair::Pair;
use super::place::{At, Place};
use super::rename::{self, Telling};
use super::{same, schema};
use crate::drift::rules::rule;
use crate::json;

pub fn compare<'a>(c: &mut Comparer<'a>, webhooks: &Pair<'a>) {
    let Joined {
        common,
        mut removed,
        mut added,
    } = join(webhooks.base.entries(), webhooks.new.entries());
    for (name, ..) in common {
        webhook(c, name, &webhooks.key(name));
    }
    let pairs = rename::take_pairs(
        &c.effort,
        &mut removed,
        &mut added,
        |(name, _)| (*name).to_owned(),
        |(_, base), (_, new)| same::same(c, base, new).then_some(Telling::Yes),
    );
    for ((base, _), (new, _)) in pairs {
        let text = format!("the event `{base}` is called `{new}` now");
        c.note(rule!("webhook-renamed"), &webhooks.keys(base, new), text);
    }
    for (name, _) in removed {
        let text = format!("the event `{name}` is gone");
        c.note(rule!("webhook-removed"), &webhooks.key(name), text);
    }
    for (name, _) in added {
        let text = format!("the event `{name}` is new");
        c.note(rule!("webhook-added"), &webhooks.key(name), text);
    }
}

/// Where an event has its schema.
pub const SCHEMA: [&str; 5] = [
    "post",
    "requestBody",
    "content",
    "application/json",
    "schema",
];

fn webhook<'a>(c: &mut Comparer<'a>, name: &str, pair: &Pair<'a>) {
    let body = SCHEMA.iter().fold(pair.clone(), |pair, key| pair.key(key));
    match (body.base.node(), body.new.node()) {
        (Some(_), Some(_)) => {
            let name = format!("the event `{name}`");
            let at = At::new(Place::Root, Direction::RECEIVED, name, body);
            schema::compare(c, &at);
        }
        (None, None) => {}
        _ => {
            let text = format!("the body of the event `{name}` is another");
            c.note(rule!("unclassified-change"), pair, text);
        }
    }
    let (base, new) = pair.values();
    if !json::alike(&without_schema(base), &without_schema(new)) {
        let text = format!("something about the event `{name}` besides its body is another");
        c.note(rule!("unclassified-change"), pair, text);
    }
}

fn without_schema(webhook: &Value) -> Value {
    let mut webhook = webhook.clone();
    let node = SCHEMA
        .iter()
        .try_fold(&mut webhook, |node, key| node.get_mut(key));
    if let Some(schema) = node {
        *schema = Value::Null;
    }
    webhook
}
