//! The quarter of an organization.

use serde_json::json;

use super::fixture::{small, write};
use super::site::Site;
use crate::databases::Place;

pub async fn a_quarter_has_its_incidents_and_changes(place: Place) {
    let store = place.store().await;
    small(&store).await;
    // Sent in one quarter, closed in the next.
    let over = json!({"id": 8, "organization_id": 1, "severity": "low", "status": "closed",
        "subject": "Incident 8", "sent_at": "2025-03-31T23:59:59Z", "closed_at": "2025-04-02T23:59:59Z"});
    write(&store, 1, "incident_reports", &[over]).await;
    let site = Site::new(&store);
    // Without a quarter it is the last that is over: that before 2025-06-15.
    let text = site.page("/review/1/1").await.text();
    assert!(text.contains("from 2025-01-01 to 2025-03-31"), "{text}");
    // Incidents 1, 2 and 3 were sent in it; 3 was closed within it after 30 hours, 8 after 48.
    let page = site.page("/review/1/1?quarter=2025-Q2").await;
    let text = page.text();
    for says in [
        "New incidents 3",
        "1 critical, 1 high, 1 low",
        "Closed incidents 2",
        "Time to close 2 days",
        "The quarter is not over.",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let subjects: Vec<_> = page
        .rows("worst")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    let expected = [1, 3, 2].map(|id| format!("Incident {id} on HOST-01"));
    assert_eq!(subjects, expected);
    // The first day that was counted had (39 % 5) open incidents more than this one.
    let changes = page.rows("changes");
    assert_eq!(changes[0], ["Open incidents", "6", "2", "−4"]);
    assert_eq!(changes[2], ["Agents", "3", "3", "no change"]);
    let before = site.page("/review/1/1?quarter=2025-Q1").await;
    let text = before.text();
    assert!(
        text.contains("New incidents 2") && text.contains("Closed incidents 1"),
        "{text}"
    );
    assert_eq!(
        before.rows("changes")[0],
        ["Open incidents", "not known", "not known", "not known"]
    );
    place.remove().await;
}
