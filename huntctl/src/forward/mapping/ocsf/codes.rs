//! What OCSF says for the values of the API's enums: a number, and its caption beside it. For a
//! value without a number of its own it is 99, and the value itself is the caption.

use std::fmt;

use crate::forward::{
    Told,
    mapping::table::{Listing, Table},
};

/// A number of OCSF and its caption.
pub(super) struct Code(pub(super) i64, pub(super) &'static str);

const UNKNOWN: i64 = 0;
const OTHER: i64 = 99;

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(OTHER, _) => f.write_str("99 and the value itself"),
            Self(id, caption) => write!(f, "{id} {caption}"),
        }
    }
}

/// The number and the caption for the text at a path of a record.
pub(super) fn code(table: &Table<Code>, told: &Told<'_>, path: &str) -> (i64, String) {
    let Some(value) = told.text(path) else {
        return (UNKNOWN, "Unknown".to_owned());
    };
    match table.get(&value) {
        None | Some(Code(OTHER, _)) => (OTHER, value),
        Some(Code(id, caption)) => (*id, (*caption).to_owned()),
    }
}

pub(super) fn listings() -> Vec<Listing> {
    vec![
        SEVERITY.listing(),
        INCIDENT_STATUS.listing(),
        VERDICT.listing(),
        ESCALATION_STATUS.listing(),
        SIGNAL_STATUS.listing(),
        OS_TYPE.listing(),
        RISK_LEVEL.listing(),
        ACCOUNT_TYPE.listing(),
    ]
}

const OTHERWISE: &str = "99 and the value itself; 0 Unknown where there is none";

pub(super) const SEVERITY: Table<Code> = Table {
    title: "severity_id and severity of incidents and escalations",
    schema: "Severity",
    rows: &[
        ("critical", Code(5, "Critical")),
        ("high", Code(4, "High")),
        ("low", Code(2, "Low")),
    ],
    other: OTHERWISE,
};

pub(super) const INCIDENT_STATUS: Table<Code> = Table {
    title: "status_id and status of incidents",
    schema: "IncidentReportStatus",
    rows: &[
        ("auto_remediating", Code(2, "In Progress")),
        ("closed", Code(5, "Closed")),
        ("deleting", Code(99, "")),
        ("dismissed", Code(5, "Closed")),
        ("draft", Code(99, "")),
        ("partner_dismissed", Code(5, "Closed")),
        ("sent", Code(1, "New")),
    ],
    other: OTHERWISE,
};

/// An incident report is a threat that an analyst has confirmed, unless it was dismissed.
pub(super) const VERDICT: Table<Code> = Table {
    title: "verdict_id and verdict of incidents",
    schema: "IncidentReportStatus",
    rows: &[
        ("auto_remediating", Code(2, "True Positive")),
        ("closed", Code(2, "True Positive")),
        ("deleting", Code(0, "Unknown")),
        ("dismissed", Code(3, "Disregard")),
        ("draft", Code(0, "Unknown")),
        ("partner_dismissed", Code(5, "Benign")),
        ("sent", Code(2, "True Positive")),
    ],
    other: "0 Unknown",
};

pub(super) const ESCALATION_STATUS: Table<Code> = Table {
    title: "status_id and status of escalations",
    schema: "EscalationStatus",
    rows: &[
        ("open", Code(1, "New")),
        ("overdue", Code(1, "New")),
        ("resolved", Code(4, "Resolved")),
        ("sent", Code(1, "New")),
    ],
    other: OTHERWISE,
};

/// What was reported has become an incident, where the work goes on.
pub(super) const SIGNAL_STATUS: Table<Code> = Table {
    title: "status_id and status of signals",
    schema: "SignalStatus",
    rows: &[
        ("closed", Code(3, "Suppressed")),
        ("reported", Code(2, "In Progress")),
    ],
    other: OTHERWISE,
};

pub(super) const OS_TYPE: Table<Code> = Table {
    title: "device.os.type_id and device.os.type",
    schema: "Platform",
    rows: &[
        ("darwin", Code(300, "macOS")),
        ("email_security", Code(99, "")),
        ("google", Code(99, "")),
        ("linux", Code(200, "Linux")),
        ("microsoft_365", Code(99, "")),
        ("other", Code(99, "")),
        ("windows", Code(100, "Windows")),
    ],
    other: OTHERWISE,
};

pub(super) const RISK_LEVEL: Table<Code> = Table {
    title: "user.risk_level_id and user.risk_level",
    schema: "RiskLevel",
    rows: &[
        ("high", Code(3, "High")),
        ("low", Code(1, "Low")),
        ("medium", Code(2, "Medium")),
        ("none", Code(0, "Info")),
    ],
    other: "99 and the value itself; left out where there is none",
};

pub(super) const ACCOUNT_TYPE: Table<Code> = Table {
    title: "user.account.type_id and user.account.type",
    schema: "TenantType",
    rows: &[
        ("google_workspace", Code(15, "Google Workspace")),
        ("microsoft_365", Code(6, "Azure AD Account")),
    ],
    other: OTHERWISE,
};
