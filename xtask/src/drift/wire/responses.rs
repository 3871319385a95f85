//! The statuses of an operation, and the bodies of its answers.

use super::comparer::Comparer;
use super::contract::Direction;
use super::join::{Joined, join};
use super::pair::Pair;
use super::place::{At, Place};
use super::{same, schema};
use crate::contract::SHAPE;
use crate::drift::rules::{Rule, rule};
use crate::json;

pub fn compare<'a>(c: &mut Comparer<'a>, responses: &Pair<'a>) {
    let Joined {
        common,
        removed,
        added,
    } = join(responses.base.entries(), responses.new.entries());
    let mut common: Vec<_> = common
        .iter()
        .map(|(status, ..)| (*status, *status))
        .collect();
    let statuses = |only: Vec<(&'a str, _)>| -> Vec<&'a str> {
        only.into_iter().map(|(status, _)| status).collect()
    };
    let (mut removed, mut added) = (statuses(removed), statuses(added));
    if let (Some(base), Some(new)) = (only_success(&removed), only_success(&added)) {
        let text = format!("success was {base} and is {new}");
        c.note(
            rule!("success-status-changed"),
            &responses.keys(base, new),
            text,
        );
        removed.retain(|status| *status != base);
        added.retain(|status| *status != new);
        common.push((base, new));
    }
    let rules = [
        rule!("success-status-removed"),
        rule!("error-status-removed"),
    ];
    one_sided(c, responses, &removed, rules, "is no longer documented");
    let rules = [rule!("success-status-added"), rule!("error-status-added")];
    one_sided(c, responses, &added, rules, "is documented besides");
    for (base, new) in common {
        response(c, new, &responses.keys(base, new));
    }
}

/// Statuses that are gone or new, with the rules for a success and for an error.
fn one_sided(
    c: &mut Comparer,
    responses: &Pair,
    statuses: &[&str],
    [success, error]: [&'static Rule; 2],
    how: &str,
) {
    for status in statuses {
        let (rule, what) = if is_success(status) {
            (success, "success")
        } else {
            (error, "error")
        };
        let text = format!("the {what} {status} {how}");
        c.note(rule, &responses.key(status), text);
    }
}

fn is_success(status: &str) -> bool {
    status.starts_with('2')
}

/// The success among the statuses, where there is but one.
fn only_success<'a>(statuses: &[&'a str]) -> Option<&'a str> {
    let mut successes = statuses.iter().filter(|status| is_success(status));
    let first = successes.next()?;
    successes.next().is_none().then_some(first)
}

fn response<'a>(c: &mut Comparer<'a>, status: &str, pair: &Pair<'a>) {
    for key in pair.unlike(|key| ["schema", SHAPE].contains(&key)) {
        let pair = pair.key(key);
        let text = pair.was_and_is(&format!("`{key}` of the answer {status}"));
        c.note(rule!("unclassified-change"), &pair, text);
    }
    let schema = pair.key("schema");
    if is_success(status) {
        success(c, status, schema);
    } else if !same_error(c, &schema) {
        let text = format!("the body of the error {status} is another");
        c.note(rule!("error-body-changed"), &schema.or(pair), text);
    }
}

fn same_error<'a>(c: &Comparer<'a>, schema: &Pair<'a>) -> bool {
    match (schema.base.node(), schema.new.node()) {
        (Some(base), Some(new)) => {
            let [base_beside, new_beside] = [base, new].map(|node| {
                let mut node = node.clone();
                if let Some(map) = node.as_object_mut() {
                    map.remove("$ref");
                }
                node
            });
            same::same(c, base, new) && json::alike(&base_beside, &new_beside)
        }
        (base, new) => base.is_none() && new.is_none(),
    }
}

fn success<'a>(c: &mut Comparer<'a>, status: &str, schema: Pair<'a>) {
    let name = format!("the answer {status}");
    match (schema.base.node(), schema.new.node()) {
        (None, None) => {}
        (Some(base), None) => {
            let brief = c.base.brief(base);
            let text = format!("{name} has no body any more; it was {brief}");
            c.note(rule!("response-body-removed"), &schema, text);
        }
        (None, Some(new)) => {
            let text = format!("{name} has a body: {}", c.new.brief(new));
            c.note(rule!("response-body-added"), &schema, text);
        }
        (Some(base), Some(new))
            if base.get("properties").is_some() != new.get("properties").is_some() =>
        {
            let text = c.was_and_is(&name, &schema);
            c.note(rule!("response-envelope-changed"), &schema, text);
        }
        (Some(_), Some(_)) => {
            let at = At::new(Place::Envelope, Direction::RECEIVED, name, schema);
            schema::compare(c, &at);
        }
    }
}
