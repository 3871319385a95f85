//! The statuses of an operation, and the bodies of its answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::{Comparer, was_and_is};
use super::same::{alike, unlike};
use super::schema::{At, Place};
use super::spec::{Direction, Operation, entries};
use crate::contract::SHAPE;
use crate::json::escape;

impl<'a> Comparer<'a> {
    pub(super) fn responses(&mut self, old: Operation<'a>, new: Operation<'a>) {
        let (base_at, new_at) = (
            format!("{}/responses", old.pointer()),
            format!("{}/responses", new.pointer()),
        );
        let (olds, news): (BTreeMap<_, _>, BTreeMap<_, _>) = (
            entries(old.node.get("responses")).collect(),
            entries(new.node.get("responses")).collect(),
        );
        let success = |status: &&&str| status.starts_with('2');
        let gone: Vec<&str> = olds
            .keys()
            .filter(|status| !news.contains_key(**status))
            .copied()
            .collect();
        let come: Vec<&str> = news
            .keys()
            .filter(|status| !olds.contains_key(**status))
            .copied()
            .collect();
        let mut common: Vec<(&str, &str)> = olds
            .keys()
            .filter(|status| news.contains_key(**status))
            .map(|s| (*s, *s))
            .collect();
        let gone_success: Vec<&str> = gone.iter().filter(success).copied().collect();
        let come_success: Vec<&str> = come.iter().filter(success).copied().collect();
        let mut changed = Vec::new();
        if let ([was], [is]) = (gone_success.as_slice(), come_success.as_slice()) {
            let text = format!("success was {was} and is {is}");
            let places = (
                Some(format!("{base_at}/{was}")),
                Some(format!("{new_at}/{is}")),
            );
            self.note("success-status-changed", places.0, places.1, text);
            common.push((was, is));
            changed = vec![*was, *is];
        }
        for status in gone.iter().filter(|status| !changed.contains(status)) {
            let (rule, what) = match status.starts_with('2') {
                true => ("success-status-removed", "success"),
                false => ("error-status-removed", "error"),
            };
            let text = format!("the {what} {status} is no longer documented");
            self.note(rule, Some(format!("{base_at}/{status}")), None, text);
        }
        for status in come.iter().filter(|status| !changed.contains(status)) {
            let (rule, what) = match status.starts_with('2') {
                true => ("success-status-added", "success"),
                false => ("error-status-added", "error"),
            };
            let text = format!("the {what} {status} is documented besides");
            self.note(rule, None, Some(format!("{new_at}/{status}")), text);
        }
        for (was, is) in common {
            self.response(
                is,
                olds[was],
                news[is],
                &format!("{base_at}/{was}"),
                &format!("{new_at}/{is}"),
            );
        }
    }

    fn response(
        &mut self,
        status: &str,
        old: &'a Value,
        new: &'a Value,
        base_at: &str,
        new_at: &str,
    ) {
        let keys = unlike(old, new).into_iter();
        for key in keys.filter(|key| !["schema", SHAPE].contains(key)) {
            let (was, is) = (old.get(key), new.get(key));
            let text = was_and_is(&format!("`{key}` of the answer {status}"), (was, is));
            let base = was.map(|_| format!("{base_at}/{}", escape(key)));
            let new = is.map(|_| format!("{new_at}/{}", escape(key)));
            self.note("unclassified-change", base, new, text);
        }
        let (was, is) = (old.get("schema"), new.get("schema"));
        let places = (
            was.map(|_| format!("{base_at}/schema")),
            is.map(|_| format!("{new_at}/schema")),
        );
        if !status.starts_with('2') {
            let same = match (was, is) {
                (Some(was), Some(is)) => {
                    self.same(was, is) && alike(Some(&beside(was)), Some(&beside(is)))
                }
                (was, is) => was.is_none() && is.is_none(),
            };
            if !same {
                let text = format!("the body of the error {status} is another");
                let here = (Some(base_at.to_owned()), Some(new_at.to_owned()));
                self.note(
                    "error-body-changed",
                    places.0.or(here.0),
                    places.1.or(here.1),
                    text,
                );
            }
            return;
        }
        match (was, is) {
            (None, None) => {}
            (Some(was), None) => {
                let text = format!(
                    "the answer {status} has no body any more; it was {}",
                    self.base.brief(was)
                );
                self.note("response-body-removed", places.0, None, text);
            }
            (None, Some(is)) => {
                let text = format!("the answer {status} has a body: {}", self.new.brief(is));
                self.note("response-body-added", None, places.1, text);
            }
            (Some(was), Some(is)) => {
                let at = At {
                    place: Place::Envelope,
                    direction: Direction {
                        sent: false,
                        received: true,
                    },
                    name: format!("the answer {status}"),
                    base: format!("{base_at}/schema"),
                    new: format!("{new_at}/schema"),
                };
                if was.get("properties").is_some() != is.get("properties").is_some() {
                    let text = format!(
                        "{} was {} and is {}",
                        at.name,
                        self.base.brief(was),
                        self.new.brief(is)
                    );
                    self.note(
                        "response-envelope-changed",
                        Some(at.base),
                        Some(at.new),
                        text,
                    );
                } else {
                    self.schema(&at, was, is);
                }
            }
        }
    }
}

/// What stands beside a reference.
pub(super) fn beside(node: &Value) -> Value {
    let mut node = node.clone();
    if let Some(map) = node.as_object_mut() {
        map.remove("$ref");
    }
    node
}
