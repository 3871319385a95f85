//! What ECS says for the values of the API's enums.

use std::fmt;

use crate::forward::mapping::table::{Listing, Table};

/// A word, or none where there is none that fits.
pub(super) struct Word(pub(super) Option<&'static str>);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.unwrap_or("left out"))
    }
}

pub(super) fn listings() -> Vec<Listing> {
    vec![
        SEVERITY.listing(),
        PLATFORM.listing(),
        INDICATOR.listing(),
        SIGNAL_TYPE.listing(),
        OS_TYPE.listing(),
    ]
}

/// The numbers that Elastic's own rules give to these words.
pub(super) const SEVERITY: Table<i64> = Table {
    title: "event.severity",
    schema: "Severity",
    rows: &[("critical", 99), ("high", 73), ("low", 21)],
    other: "left out",
};

pub(super) const PLATFORM: Table<&str> = Table {
    title: "event.category of an incident, by its platform",
    schema: "Platform",
    rows: &[
        ("darwin", "intrusion_detection"),
        ("email_security", "email"),
        ("google", "iam"),
        ("linux", "intrusion_detection"),
        ("microsoft_365", "iam"),
        ("other", "intrusion_detection"),
        ("windows", "intrusion_detection"),
    ],
    other: "nothing",
};

pub(super) const INDICATOR: Table<&str> = Table {
    title: "event.category of an incident, by its indicators",
    schema: "IndicatorType",
    rows: &[
        ("ai_misuse", "intrusion_detection"),
        ("antivirus_detections", "malware"),
        ("app_control", "intrusion_detection"),
        ("behavioral_detections", "intrusion_detection"),
        ("email_security_detections", "email"),
        ("favicon_detections", "intrusion_detection"),
        ("footholds", "intrusion_detection"),
        ("managed_identity", "iam"),
        ("mde_detections", "intrusion_detection"),
        ("monitored_files", "file"),
        ("process_detections", "process"),
        ("ransomware_canaries", "malware"),
        ("siem_detections", "intrusion_detection"),
    ],
    other: "nothing",
};

pub(super) const SIGNAL_TYPE: Table<&str> = Table {
    title: "event.category of a signal",
    schema: "SignalType",
    rows: &[
        ("Antivirus", "malware"),
        ("App Control", "intrusion_detection"),
        ("Attack Disruptions", "intrusion_detection"),
        ("Favicon Detections", "intrusion_detection"),
        ("Footholds", "intrusion_detection"),
        ("MDE Detections", "intrusion_detection"),
        ("Managed ITDR", "iam"),
        ("Process Insights", "process"),
        ("Ransomware Canaries", "malware"),
        ("SIEM", "intrusion_detection"),
    ],
    other: "intrusion_detection",
};

pub(super) const OS_TYPE: Table<Word> = Table {
    title: "host.os.type",
    schema: "Platform",
    rows: &[
        ("darwin", Word(Some("macos"))),
        ("email_security", Word(None)),
        ("google", Word(None)),
        ("linux", Word(Some("linux"))),
        ("microsoft_365", Word(None)),
        ("other", Word(None)),
        ("windows", Word(Some("windows"))),
    ],
    other: "left out",
};
