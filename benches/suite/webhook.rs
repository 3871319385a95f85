//! Verifying a delivery and reading its event, and refusing what somebody else has signed,
//! against nothing but HMAC-SHA256 of what is signed, which every receiver has to pay for.

use criterion::Criterion;
use hmac::{Hmac, KeyInit as _, Mac as _};
use huntress::jiff::Timestamp;
use huntress::webhooks::{Event, Verifier, sign};
use serde_json::json;
use sha2::Sha256;

use crate::{Row, paired};

const KEY: &[u8] = &[7; 24];
/// [`KEY`] in base64.
const SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const OTHER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

/// An incident in the API's shape, padded with text to a length.
fn incident(length: usize) -> Vec<u8> {
    let mut payload = json!({
        "event_type": "incident_report.created",
        "id": 720_899,
        "account": {"id": 1, "name": "Example Partner"},
        "account_id": 1,
        "organization": {"id": 1_024, "name": "Example Dental"},
        "organization_id": 1_024,
        "agent_id": 55_123,
        "api_url": "https://api.huntress.io/v1/incident_reports/720899",
        "body": "",
        "closed_at": null,
        "created_at": "2026-01-22T01:05:11Z",
        "indicator_counts": {"footholds": 2, "monitored_files": 0, "ransomware_canaries": 1},
        "platform": "windows",
        "sent_at": "2026-01-22T01:07:08Z",
        "severity": "critical",
        "status": "sent",
        "status_updated_at": "2026-01-22T01:07:08Z",
        "subject": "CRITICAL - Incident on FRONTDESK-01 (Example Dental)",
        "summary": "A scheduled task starts a script that nobody in the office knows.",
        "updated_at": "2026-01-22T01:07:08Z",
    });
    let line = "A file at \\\\FRONTDESK-01\\C$\\Users\\Public was started by \"svchost.exe\".\n";
    while payload.to_string().len() < length {
        // Large steps while much is missing, or it would take quadratic time.
        let lines = (length - payload.to_string().len()) / line.len() / 2 + 1;
        let text = payload["body"].as_str().unwrap().to_owned();
        payload["body"] = json!(text + &line.repeat(lines));
    }
    payload.to_string().into_bytes()
}

pub fn run(criterion: &mut Criterion) -> [Row; 3] {
    let now = Timestamp::from_second(1_769_044_028).unwrap();
    let verifier = Verifier::new([SECRET]).unwrap();
    let mut against_hmac = |name, length, signed_by| {
        let body = incident(length);
        let headers = sign(signed_by, ID, now, &body).unwrap();
        let ours = || {
            let verified = verifier.verify_at(&headers, &body, now);
            assert_eq!(verified.is_ok(), signed_by == SECRET);
            assert!(verified.iter().all(|delivery| is_incident(&delivery.event)));
            verified
        };
        let seconds = now.as_second().to_string();
        let bare = || {
            let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
            for part in [ID.as_bytes(), b".", seconds.as_bytes(), b".", &body] {
                mac.update(part);
            }
            mac.finalize().into_bytes()
        };
        paired::measure(criterion, name, ours, bare)
    };
    [
        (
            "a webhook of 2 kB verified and read, against HMAC-SHA256 of the same bytes",
            against_hmac("webhook: 2 kB", 2_000, SECRET),
        ),
        (
            "a webhook of 350 kB verified and read, against the same",
            against_hmac("webhook: 350 kB", 350_000, SECRET),
        ),
        (
            "a webhook of 350 kB by somebody else refused, against the same",
            against_hmac("webhook: 350 kB by somebody else", 350_000, OTHER_SECRET),
        ),
    ]
}

fn is_incident(event: &Event) -> bool {
    matches!(event, Event::IncidentReportCreated(_))
}
