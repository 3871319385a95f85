//! Lists with little to say of: external ports, summary reports, known VPNs.

use jiff::Span;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::values::VPNS;

/// Makes an external port, with the service that belongs to it.
pub(crate) fn make_port(item: &mut Value, number: usize) {
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

/// Makes a summary report one of a whole month, quarter or year.
pub(crate) fn make_report(item: &mut Value, number: usize) {
    let (kind, months) = match number % 10 {
        9 => ("yearly_summary", 12),
        4 | 7 => ("quarterly_summary", 3),
        _ => ("monthly_summary", 1),
    };
    // Months since the year 0; the world is in June 2026.
    let this_month = 2026 * 12 + 5;
    let end = this_month - this_month % months - number as i64 % 24 / months * months;
    let first_of = |month: i64| {
        let (year, month) = ((month / 12) as i16, (month % 12) as i8 + 1);
        Date::new(year, month, 1).unwrap_or_default()
    };
    let (start, end) = (first_of(end - months), first_of(end));
    let last = end.saturating_sub(Span::new().days(1));
    item["type"] = json!(kind);
    item["period"] = json!(format!("{start}...{last}"));
    for key in ["created_at", "updated_at"] {
        item[key] = json!(format!("{end}T06:00:00Z"));
    }
    for key in [
        "rogue_app_incidents",
        "shadow_workflow_incidents",
        "unwanted_access_incidents",
    ] {
        for incident in item[key].as_array_mut().into_iter().flatten() {
            incident["sent_at"] = json!(format!("{last}T12:00:00Z"));
        }
    }
}

/// Makes a known operator of a VPN.
pub(crate) fn make_vpn(item: &mut Value, number: usize) {
    let (name, slug) = VPNS[number % VPNS.len()];
    (item["name"], item["slug"]) = (json!(name), json!(slug));
}
