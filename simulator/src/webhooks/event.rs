//! The things that can happen and that webhooks tell of, and which of them a changed row
//! means.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::{ESCALATIONS, INCIDENTS, PLATFORM_ACTIONS};

/// The statuses of an incident report that nobody has to look at any more.
const OVER: [&str; 4] = ["closed", "dismissed", "partner_dismissed", "deleting"];

/// What an endpoint can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// `incident_report.*`
    IncidentReports,
    /// `escalation.*`
    Escalations,
    /// `platform_action.*`
    PlatformActions,
    /// `account_notice.*`
    AccountNotices,
}

impl Category {
    pub(crate) const ALL: [Self; 4] = [
        Self::IncidentReports,
        Self::Escalations,
        Self::PlatformActions,
        Self::AccountNotices,
    ];
}

/// What a webhook tells of, as its `event_type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// `incident_report.created`
    #[serde(rename = "incident_report.created")]
    IncidentReportCreated,
    /// `incident_report.comment_added`
    #[serde(rename = "incident_report.comment_added")]
    IncidentReportCommentAdded,
    /// `incident_report.closed`: it is closed, dismissed or about to be deleted.
    #[serde(rename = "incident_report.closed")]
    IncidentReportClosed,
    /// `escalation.created`
    #[serde(rename = "escalation.created")]
    EscalationCreated,
    /// `escalation.overdue`
    #[serde(rename = "escalation.overdue")]
    EscalationOverdue,
    /// `escalation.closed`: it is resolved.
    #[serde(rename = "escalation.closed")]
    EscalationClosed,
    /// `platform_action.created`
    #[serde(rename = "platform_action.created")]
    PlatformActionCreated,
    /// `platform_action.overdue`
    #[serde(rename = "platform_action.overdue")]
    PlatformActionOverdue,
    /// `platform_action.closed`: it is resolved.
    #[serde(rename = "platform_action.closed")]
    PlatformActionClosed,
    /// `platform_action.notification`
    #[serde(rename = "platform_action.notification")]
    PlatformActionNotification,
    /// `account_notice.notification`
    #[serde(rename = "account_notice.notification")]
    AccountNotice,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::IncidentReportCreated,
        Self::IncidentReportCommentAdded,
        Self::IncidentReportClosed,
        Self::EscalationCreated,
        Self::EscalationOverdue,
        Self::EscalationClosed,
        Self::PlatformActionCreated,
        Self::PlatformActionOverdue,
        Self::PlatformActionClosed,
        Self::PlatformActionNotification,
        Self::AccountNotice,
    ];

    /// As `event_type` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IncidentReportCreated => "incident_report.created",
            Self::IncidentReportCommentAdded => "incident_report.comment_added",
            Self::IncidentReportClosed => "incident_report.closed",
            Self::EscalationCreated => "escalation.created",
            Self::EscalationOverdue => "escalation.overdue",
            Self::EscalationClosed => "escalation.closed",
            Self::PlatformActionCreated => "platform_action.created",
            Self::PlatformActionOverdue => "platform_action.overdue",
            Self::PlatformActionClosed => "platform_action.closed",
            Self::PlatformActionNotification => "platform_action.notification",
            Self::AccountNotice => "account_notice.notification",
        }
    }

    /// What an endpoint must be subscribed to in order to hear of it.
    pub fn category(self) -> Category {
        match self {
            Self::IncidentReportCreated
            | Self::IncidentReportCommentAdded
            | Self::IncidentReportClosed => Category::IncidentReports,
            Self::EscalationCreated | Self::EscalationOverdue | Self::EscalationClosed => {
                Category::Escalations
            }
            Self::PlatformActionCreated
            | Self::PlatformActionOverdue
            | Self::PlatformActionClosed
            | Self::PlatformActionNotification => Category::PlatformActions,
            Self::AccountNotice => Category::AccountNotices,
        }
    }

    /// The list that has the record; a notice is in none.
    pub(crate) fn list(self) -> Option<&'static str> {
        match self {
            Self::PlatformActionNotification | Self::AccountNotice => None,
            _ => match self.category() {
                Category::IncidentReports => Some(INCIDENTS),
                Category::Escalations => Some(ESCALATIONS),
                Category::PlatformActions => Some(PLATFORM_ACTIONS),
                Category::AccountNotices => None,
            },
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// From `incident_report.created` and so on; the error names all that there are.
impl FromStr for EventType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|event| event.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("there is no event {text:?}; there are {known}")
        })
    }
}

/// Whether a status of a row of a list is a last one.
pub(crate) fn is_over(list: &str, status: &Value) -> bool {
    if list == INCIDENTS {
        OVER.iter().any(|over| status == over)
    } else {
        status == "resolved"
    }
}

/// What it means that a row has a status now, and had another one, or was not there, before.
pub(crate) fn meant(list: &str, before: Option<&Value>, after: &Value) -> Vec<EventType> {
    let (created, closed) = match list {
        INCIDENTS => (
            EventType::IncidentReportCreated,
            EventType::IncidentReportClosed,
        ),
        ESCALATIONS => (EventType::EscalationCreated, EventType::EscalationClosed),
        PLATFORM_ACTIONS => (
            EventType::PlatformActionCreated,
            EventType::PlatformActionClosed,
        ),
        _ => return Vec::new(),
    };
    let mut events = Vec::new();
    if before.is_none() {
        events.push(created);
    }
    if is_over(list, after) && !before.is_some_and(|before| is_over(list, before)) {
        events.push(closed);
    }
    events
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_status_means_what_it_says() {
        use EventType as E;
        for (list, before, after, expected) in [
            (INCIDENTS, None, "sent", vec![E::IncidentReportCreated]),
            (
                INCIDENTS,
                None,
                "closed",
                vec![E::IncidentReportCreated, E::IncidentReportClosed],
            ),
            (INCIDENTS, Some("sent"), "sent", vec![]),
            (INCIDENTS, Some("sent"), "auto_remediating", vec![]),
            (
                INCIDENTS,
                Some("sent"),
                "partner_dismissed",
                vec![E::IncidentReportClosed],
            ),
            (INCIDENTS, Some("dismissed"), "closed", vec![]),
            (INCIDENTS, Some("closed"), "sent", vec![]),
            (
                ESCALATIONS,
                Some("open"),
                "resolved",
                vec![E::EscalationClosed],
            ),
            (ESCALATIONS, Some("open"), "sent", vec![]),
            (
                PLATFORM_ACTIONS,
                None,
                "open",
                vec![E::PlatformActionCreated],
            ),
            (
                PLATFORM_ACTIONS,
                Some("sent"),
                "resolved",
                vec![E::PlatformActionClosed],
            ),
            ("/v1/agents", None, "closed", vec![]),
        ] {
            let status = before.map(|before| json!(before));
            let meant = meant(list, status.as_ref(), &json!(after));
            assert_eq!(meant, expected, "{list}: {before:?} to {after}");
        }
    }

    #[test]
    fn each_event_is_read_and_written_alike() {
        for event in EventType::ALL {
            assert_eq!(event.as_str().parse(), Ok(event));
            assert_eq!(json!(event), event.as_str());
        }
        let why = "incident_report.lost".parse::<EventType>().unwrap_err();
        assert!(why.contains("account_notice.notification"), "{why}");
    }
}
