//! The events of the webhooks document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::Comparer;
use super::rename::{self, Telling};
use super::same::alike;
use super::schema::{At, Place};
use super::spec::{Direction, entries};
use crate::json::escape;

impl<'a> Comparer<'a> {
    pub(super) fn webhooks(&mut self) {
        let of = |document: &'a Value| -> BTreeMap<&'a str, &'a Value> {
            entries(document.get("webhooks")).collect()
        };
        let (olds, mut news) = (of(self.base.document), of(self.new.document));
        let mut removed: Vec<(&str, &'a Value)> = Vec::new();
        for (name, old) in olds {
            let at = format!("/webhooks/{}", escape(name));
            match news.remove(name) {
                Some(new) => self.webhook(name, &at, old, &at, new),
                None => removed.push((name, old)),
            }
        }
        let mut added: Vec<(&str, &'a Value)> = news.into_iter().collect();
        let pairs = rename::pairs(
            &removed,
            &added,
            |(name, _)| name.to_owned(),
            |(_, old), (_, new)| self.same(old, new).then_some(Telling::Yes),
        );
        for ((old, _), (new, _)) in pairs {
            removed.retain(|(name, _)| *name != old);
            added.retain(|(name, _)| *name != new);
            let text = format!("the event `{old}` is called `{new}` now");
            let places = [old, new].map(|name| Some(format!("/webhooks/{}", escape(name))));
            let [base, new] = places;
            self.note("webhook-renamed", base, new, text);
        }
        for (name, _) in removed {
            let at = Some(format!("/webhooks/{}", escape(name)));
            self.note(
                "webhook-removed",
                at,
                None,
                format!("the event `{name}` is gone"),
            );
        }
        for (name, _) in added {
            let at = Some(format!("/webhooks/{}", escape(name)));
            self.note(
                "webhook-added",
                None,
                at,
                format!("the event `{name}` is new"),
            );
        }
    }

    fn webhook(&mut self, name: &str, at: &str, old: &'a Value, new_at: &str, new: &'a Value) {
        const SCHEMA: &str = "/post/requestBody/content/application~1json/schema";
        match (old.pointer(SCHEMA), new.pointer(SCHEMA)) {
            (Some(was), Some(is)) => {
                let place = At {
                    place: Place::Root,
                    direction: Direction {
                        sent: false,
                        received: true,
                    },
                    name: format!("the event `{name}`"),
                    base: format!("{at}{SCHEMA}"),
                    new: format!("{new_at}{SCHEMA}"),
                };
                self.schema(&place, was, is);
            }
            (was, is) if was.is_some() != is.is_some() => {
                let text = format!("the body of the event `{name}` is another");
                self.note(
                    "unclassified-change",
                    Some(at.to_owned()),
                    Some(new_at.to_owned()),
                    text,
                );
            }
            _ => {}
        }
        let without = |node: &Value| {
            let mut node = node.clone();
            if let Some(schema) = node.pointer_mut(SCHEMA) {
                *schema = Value::Null;
            }
            node
        };
        if !alike(Some(&without(old)), Some(&without(new))) {
            let text = format!("something about the event `{name}` besides its body is another");
            self.note(
                "unclassified-change",
                Some(at.to_owned()),
                Some(new_at.to_owned()),
                text,
            );
        }
    }
}
