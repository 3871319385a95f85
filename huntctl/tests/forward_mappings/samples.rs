//! A record of each kind with all that the API's document knows, and what the store adds.

use huntctl::forward::{AccountRef, Kind, OrganizationRef, Told};
use jiff::Timestamp;
use serde_json::{Value, json};

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A record as it is told first.
pub fn told(kind: Kind, record: &Value) -> Told<'_> {
    let account = AccountRef {
        id: 3,
        name: Some("Example Partner"),
        subdomain: Some("example-partner"),
    };
    let id = record["id"].as_i64().unwrap_or(1);
    let mut told = Told::new(kind, id, record, account, time("2026-06-02T09:30:00Z"));
    told.organization = Some(OrganizationRef {
        id: 7,
        name: Some("Example Customer"),
    });
    told.agent_hostname = Some("PC-021");
    told
}

pub fn full(kind: Kind) -> Value {
    match kind {
        Kind::Incident => incident(),
        Kind::Escalation => escalation(),
        Kind::Signal => signal(),
        Kind::Agent => agent(),
        Kind::Identity => identity(),
    }
}

fn incident() -> Value {
    json!({
        "id": 12, "account_id": 3, "organization_id": 7, "agent_id": 21,
        "subject": "CRITICAL - Incident on PC-021", "summary": "A foothold was found.",
        "body": "It starts with the machine.\nIt was written by an attacker.",
        "severity": "critical", "status": "sent", "platform": "windows",
        "indicator_types": ["footholds", "antivirus_detections"],
        "indicator_counts": {"footholds": 2, "antivirus_detections": 1},
        "remediations": {
            "total_count": 11, "has_more": true,
            "items": [{
                "id": 1, "action": "Delete File", "type": "assisted", "status": "unapproved",
                "parameters": [{"name": "path", "description": "C:\\Temp\\bad.exe"}],
                "approved_at": null, "approved_by": null, "completed_at": null,
            }],
        },
        "sent_at": "2026-06-01T12:00:00Z", "status_updated_at": "2026-06-01T12:30:00Z",
        "updated_at": "2026-06-02T09:00:00.25Z", "closed_at": "2026-06-02T08:00:00+02:00",
    })
}

fn escalation() -> Value {
    json!({
        "id": 34, "account": {"id": 3, "name": "Example Partner"},
        "organizations": [{"id": 7, "name": "Example Customer"}, 8],
        "subject": "Defender Disabled", "severity": "high", "status": "open",
        "type": "Environmental Issue", "subtype": "US",
        "entities": {
            "total_count": 2, "has_more": false,
            "items": [
                {"id": 21, "type": "Agent", "details": {
                    "hostname": "PC-021", "platform": "windows", "os": "Windows 11 Pro",
                    "last_callback_at": "2026-06-01T11:00:00Z",
                }},
                {"id": 5, "type": "Identity", "details": {
                    "username": "user@example.com", "email": "mail@example.com",
                }},
            ],
        },
        "created_at": "2026-06-01T10:00:00Z", "updated_at": "2026-06-01T11:00:00Z",
        "resolved_at": "2026-06-01T12:00:00Z",
    })
}

fn signal() -> Value {
    json!({
        "id": 56, "name": "Firewall Disabled via Netsh", "type": "Process Insights",
        "status": "reported", "investigation_context": "Business Accepted Risk",
        "organization": {"id": 7, "name": "Example Customer"},
        "entity": {"id": 21, "type": "agent", "name": "PC-021"},
        "details": {
            "rule_name": "Netsh Firewall", "username": "admin22",
            "process_name": "C:\\Windows\\System32\\netsh.exe",
            "command_line": "netsh advfirewall set allprofiles state off",
            "registry_key": "HKLM\\Software\\Example", "file_path": "C:\\Temp\\bad.exe",
            "file_rename_target": "", "cleartext": "", "hostname": "PC-021.example.com",
        },
        "created_at": "2026-06-01T10:00:00Z", "updated_at": "2026-06-01T11:00:00Z",
        "investigated_at": "2026-06-01T10:30:00Z",
    })
}

fn agent() -> Value {
    json!({
        "id": 21, "account_id": 3, "organization_id": 7,
        "hostname": "PC-021", "platform": "windows", "os": "Windows Server 2022",
        "os_major": 10, "os_minor": 0, "os_patch": 1, "os_build_version": "20348",
        "win_build_number": 20348, "service_pack_major": 1, "service_pack_minor": 0,
        "arch": "x86_64", "domain_name": "WORKGROUP", "ipv4_address": "192.0.2.21",
        "external_ip": "198.51.100.4", "serial_number": "EX-0021",
        "mac_addresses": ["00:00:5e:00:53:21", "00-00-5E-00-53-20"],
        "tags": ["server", "lab"], "version": "0.14.21", "version_number": 917525,
        "edr_version": "0.3.20", "firewall_status": "Pending Isolation",
        "defender_status": "Healthy", "defender_substatus": "Up to date",
        "defender_policy_status": "Compliant",
        "tamper_protection_configured": true, "tamper_protection_actual": false,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-06-01T11:00:00Z",
        "last_callback_at": "2026-06-02T09:00:00Z", "last_survey_at": "2026-06-02T08:00:00Z",
    })
}

fn identity() -> Value {
    json!({
        "id": 5, "account": {"id": 3, "name": "Example Partner"},
        "organization": {"id": 7, "name": "Example Customer"},
        "tenant": {"id": 2, "type": "microsoft_365"},
        "username": "user@example.com", "email": "mail@example.com",
        "enabled": false, "external": true, "billable": true, "mfa_enabled": false,
        "on_premises_sync_enabled": true, "enabled_products": ["itdr", "ispm"],
        "risk_level": "medium", "risk_state": "atRisk", "risk_detail": "none",
        "risk_last_updated_at": "2026-06-01T09:00:00Z",
        "password_last_changed_at": "2026-02-01T09:00:00Z",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-06-01T11:00:00Z",
    })
}
