//! The parameters of an operation; the body is one of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::Comparer;
use super::rename;
use super::schema::{At, Place};
use super::spec::{Direction, Operation};

impl<'a> Comparer<'a> {
    pub(super) fn parameters(&mut self, old: Operation<'a>, new: Operation<'a>) {
        let in_path: BTreeMap<&str, &str> =
            std::iter::zip(old.path_parameters(), new.path_parameters()).collect();
        let key = |node: &Value, renamed: bool| {
            let name = node["name"].as_str().unwrap_or_default();
            let name = match node["in"].as_str() {
                Some("body") => "",
                Some("path") if renamed => in_path.get(name).copied().unwrap_or(name),
                _ => name,
            };
            (
                node["in"].as_str().unwrap_or_default().to_owned(),
                name.to_owned(),
            )
        };
        let (olds, mut news) = (old.parameters(), new.parameters());
        let mut removed = Vec::new();
        for (at, node) in &olds {
            let found = news
                .iter()
                .position(|(_, other)| key(other, false) == key(node, true));
            match found.map(|index| news.remove(index)) {
                Some((new_at, other)) => self.parameter(at, node, &new_at, other),
                None => removed.push((at.as_str(), *node)),
            }
        }
        let mut added: Vec<(&str, &'a Value)> =
            news.iter().map(|(at, node)| (at.as_str(), *node)).collect();

        // In another place of the request.
        removed.retain(|(at, node)| {
            let found = added.iter().position(|(_, other)| {
                other["name"] == node["name"] && self.same_parameter(node, other).is_some()
            });
            let Some((new_at, other)) = found.map(|index| added.remove(index)) else {
                return true;
            };
            let text = format!(
                "the parameter `{}` was in the {} and is in the {}",
                text_of(node, "name"),
                text_of(node, "in"),
                text_of(other, "in")
            );
            self.note(
                "request-parameter-moved",
                Some((*at).to_owned()),
                Some(new_at.to_owned()),
                text,
            );
            false
        });
        let pairs = rename::pairs(
            &removed,
            &added,
            |(_, node): (&str, &Value)| text_of(node, "name"),
            |(_, old), (_, new)| (old["in"] == new["in"]).then(|| self.same_parameter(old, new))?,
        );
        for ((at, node), (new_at, other)) in pairs {
            removed.retain(|(other, _)| *other != at);
            added.retain(|(other, _)| *other != new_at);
            let text = format!(
                "the {} is called `{}` now",
                parameter_name(node),
                text_of(other, "name")
            );
            self.note(
                "request-parameter-renamed",
                Some(at.to_owned()),
                Some(new_at.to_owned()),
                text,
            );
            self.required(node, other, at, new_at);
        }
        for (at, node) in removed {
            let at = Some(at.to_owned());
            if node["in"] == "body" {
                self.note(
                    "request-body-removed",
                    at,
                    None,
                    "it takes no body any more".to_owned(),
                );
            } else {
                let text = format!(
                    "the {} ({}) is gone",
                    parameter_name(node),
                    self.base.brief(node)
                );
                self.note("request-parameter-removed", at, None, text);
            }
        }
        for (at, node) in added {
            let at = Some(at.to_owned());
            let brief = self.new.brief(node);
            match (node["in"] == "body", node["required"] == true) {
                (true, true) => {
                    let text = format!("it needs a body now ({})", self.new.brief(&node["schema"]));
                    self.note("request-body-added-required", None, at, text);
                }
                (true, false) => {
                    let text = format!("it takes a body now ({})", self.new.brief(&node["schema"]));
                    self.note("request-body-added", None, at, text);
                }
                (false, true) => {
                    let text =
                        format!("the {} ({brief}) is new and required", parameter_name(node));
                    self.note("request-parameter-added-required", None, at, text);
                }
                (false, false) => {
                    let text = format!("the {} ({brief}) is new", parameter_name(node));
                    self.note("request-parameter-added", None, at, text);
                }
            }
        }
    }

    pub(super) fn required(&mut self, old: &Value, new: &Value, at: &str, new_at: &str) {
        let what = if old["in"] == "body" {
            "body"
        } else {
            "parameter"
        };
        let name = parameter_name(old);
        let (rule, text) = match (old["required"] == true, new["required"] == true) {
            (false, true) => ("became-required", format!("the {name} is required now")),
            (true, false) => (
                "became-optional",
                format!("the {name} is no longer required"),
            ),
            _ if old.get("required") == new.get("required") => return,
            _ => {
                let text = format!("whether the {name} is required is spelled differently");
                let (at, new_at) = (Some(at.to_owned()), Some(new_at.to_owned()));
                return self.note("schema-respelled", at, new_at, text);
            }
        };
        let rule = format!("request-{what}-{rule}");
        self.note(&rule, Some(at.to_owned()), Some(new_at.to_owned()), text);
    }

    fn parameter(&mut self, at: &str, old: &'a Value, new_at: &str, new: &'a Value) {
        self.required(old, new, at, new_at);
        let places = || (Some(at.to_owned()), Some(new_at.to_owned()));
        if old["name"] != new["name"] {
            let (rule, what) = match old["in"] == "body" {
                true => ("request-body-renamed", "the body".to_owned()),
                false => (
                    "path-parameter-renamed",
                    format!("the {}", parameter_name(old)),
                ),
            };
            let text = match old["in"] == "body" {
                true => format!(
                    "{what} was called `{}` and is called `{}`",
                    text_of(old, "name"),
                    text_of(new, "name")
                ),
                false => format!("{what} is called `{}` now", text_of(new, "name")),
            };
            self.note(rule, places().0, places().1, text);
        }
        if old["collectionFormat"] != new["collectionFormat"] {
            let style = |node: &Value| match node["collectionFormat"].as_str() {
                Some(style) => format!("`{style}`"),
                None => "`csv`, the default".to_owned(),
            };
            let text = format!(
                "the {} was written as {} and is written as {}",
                parameter_name(old),
                style(old),
                style(new)
            );
            self.note(
                "request-parameter-style-changed",
                places().0,
                places().1,
                text,
            );
        }
        let sent = Direction {
            sent: true,
            received: false,
        };
        if old["in"] == "body" {
            let whole = At {
                place: Place::Root,
                direction: sent,
                name: "the body".to_owned(),
                base: at.to_owned(),
                new: new_at.to_owned(),
            };
            self.others(&whole, old, new);
            let at = At {
                base: format!("{at}/schema"),
                new: format!("{new_at}/schema"),
                ..whole
            };
            self.schema(&at, &old["schema"], &new["schema"]);
        } else {
            let at = At {
                place: Place::Parameter,
                direction: sent,
                name: format!("the {}", parameter_name(old)),
                base: at.to_owned(),
                new: new_at.to_owned(),
            };
            self.schema(&at, old, new);
        }
    }
}

fn parameter_name(node: &Value) -> String {
    match node["in"] == "body" {
        true => "body".to_owned(),
        false => format!(
            "{} parameter `{}`",
            text_of(node, "in"),
            text_of(node, "name")
        ),
    }
}

fn text_of(node: &Value, key: &str) -> String {
    node[key].as_str().unwrap_or_default().to_owned()
}
