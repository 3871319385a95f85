//! A reseller's subscriptions, the lines of its invoices, and the billing cycles of an
//! account.

use jiff::Span;
use serde_json::{Value, json};

use crate::dates::{self, DAY, YEAR, ago};
use crate::made::owners;
use crate::world::World;

/// Gives a subscription and its schedules the dates and sizes of one that began at a second.
pub(crate) fn set_terms(subscription: &mut Value, began: i64, now: i64) {
    let at = |second: i64| json!(dates::second(second));
    let years = (now - began) / YEAR + 1;
    subscription["effective_date"] = at(began);
    subscription["renewal_date"] = at(began + years * YEAR);
    let minimum = subscription["minimum_usage"].as_i64().unwrap_or_default();
    subscription["terminal_minimum_usage"] = json!(minimum);
    let schedules = subscription["schedules"].as_array_mut();
    for (schedule, begin) in schedules
        .into_iter()
        .flatten()
        .zip((began..).step_by(YEAR as usize))
    {
        let status = match begin {
            begin if begin > now => "pending",
            begin if begin + YEAR <= now => "completed",
            _ => "active",
        };
        schedule["status"] = json!(status);
        (schedule["starts_at"], schedule["ends_at"]) = (at(begin), at(begin + YEAR));
        schedule["months"] = json!(12);
        schedule["minimum"] = json!(minimum);
        schedule["maximum"] = json!(minimum.saturating_mul(5));
    }
}

/// Lets a billing cycle end where the one after it begins.
pub(crate) fn end_before(next: &Value, cycle: &mut Value) {
    let Some(begins) = dates::read(next) else {
        return;
    };
    let began = begins.saturating_sub(Span::new().hours(30 * 24));
    cycle["service_period_start"] = dates::written(began.unwrap_or(begins));
    cycle["service_period_end"] = next.clone();
}

/// Makes a line of an invoice.
pub(crate) fn make_line(world: &World, item: &mut Value, invoice: i64, number: usize) {
    let account = owners::managed_account(world, number);
    owners::assign(world, item, account);
    if item["organization"].is_object() && world.sizes.organizations > 0 {
        let accounts = world.sizes.accounts.max(1);
        let organization = owners::organization_of(world, number / accounts);
        item["organization"] = owners::organization_ref(world, account, organization);
    }
    let months = world.rng("ages", invoice.unsigned_abs()).i64(1..12);
    let (start, end) = ((months + 1) * 30 * DAY, months * 30 * DAY);
    item["period_start"] = json!(ago(start));
    item["period_end"] = json!(ago(end));
    if item["subscription"].is_object() {
        item["subscription"]["start_date"] = json!(ago(start + 60 * DAY));
        item["subscription"]["end_date"] = json!(ago(start + 60 * DAY - YEAR));
        let count = |value: &Value| value.as_i64().unwrap_or_default();
        let actual = count(&item["usage"]["actual"]);
        let billable = actual.max(count(&item["subscription"]["minimum"]));
        item["usage"]["billable"] = json!(billable);
        item["usage"]["non_billable"] = json!(0);
    }
}
