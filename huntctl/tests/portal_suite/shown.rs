//! What an organization sees.

use huntctl::database::Value;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

use super::ground::{FRIEND, Ground, NOW, days_ago, json_of, keys, link};

/// An incident of this organization.
async fn incident(ground: &Ground, id: i64, severity: Option<&str>, status: &str, sent: Timestamp) {
    let columns = [
        ("organization_id", 7.into()),
        ("severity", severity.into()),
        ("status", status.into()),
        ("sent_at", sent.into()),
    ];
    ground.record("incident_reports", 1, id, &columns).await;
}

async fn agent(ground: &Ground, id: i64, version: i64, firewall: Option<&str>, called: i64) {
    let columns = [
        ("organization_id", 7.into()),
        ("platform", "windows".into()),
        ("version_number", version.into()),
        ("firewall_status", firewall.into()),
        ("last_callback_at", days_ago(called).into()),
    ];
    ground.record("agents", 1, id, &columns).await;
}

async fn organization(ground: &Ground, name: &str) {
    let columns = [
        ("name", name.into()),
        ("agents_count", 5.into()),
        ("billable_identity_count", 31.into()),
        ("sat_learner_count", 0.into()),
    ];
    ground.record("organizations", 1, 7, &columns).await;
}

pub async fn an_organization_sees_its_counts(ground: Ground) {
    organization(&ground, "Blue Door").await;
    let now = Timestamp::now();
    let month = |back: i64| {
        let day = now.to_zoned(TimeZone::UTC).date().first_of_month();
        let day = day.saturating_sub(back.months());
        (
            day.to_zoned(TimeZone::UTC).unwrap().timestamp(),
            day.strftime("%Y-%m").to_string(),
        )
    };
    let (this, last, first, before) = (month(0), month(1), month(11), month(12));
    incident(&ground, 1, Some("critical"), "sent", this.0).await;
    incident(&ground, 2, Some("low"), "auto_remediating", last.0).await;
    incident(&ground, 3, Some("low"), "closed", last.0).await;
    incident(&ground, 4, Some("high"), "dismissed", first.0).await;
    incident(&ground, 5, Some("severe"), "sent", before.0).await;
    incident(&ground, 6, None, "sent", first.0).await;
    agent(&ground, 1, 9, None, 1).await;
    agent(&ground, 2, 9, Some("Enabled"), 1).await;
    agent(&ground, 3, 9, Some("Isolated"), 99).await;
    agent(&ground, 4, 8, Some("Pending Release"), 1).await;
    agent(&ground, 5, 9, None, 15).await;
    ground
        .record(
            "agents",
            1,
            6,
            &[("organization_id", 7.into()), ("gone_at", now.into())],
        )
        .await;
    let usual = [
        ("account_id", 1.into()),
        ("platform", "windows".into()),
        ("version_number", 9.into()),
    ];
    ground.row("usual_versions", &usual).await;
    let read = |hours: i64| Value::from(NOW - jiff::SignedDuration::from_hours(hours));
    for (list, hours) in [("organizations", 2), ("agents", 3), ("identities", 9)] {
        let columns = [
            ("account_id", 1.into()),
            ("list", list.into()),
            ("read_at", read(hours)),
        ];
        ground.row("pull_lists", &columns).await;
    }
    let today = now.to_zoned(TimeZone::UTC).date();
    for (back, open) in [(1, 4), (0, 3), (90, 1)] {
        let columns = [
            ("account_id", 1.into()),
            ("organization_id", 7.into()),
            ("day", today.saturating_sub(back.days()).to_string().into()),
            ("incidents_open", i64::from(open).into()),
            ("agents", 5.into()),
        ];
        ground.row("organizations_daily", &columns).await;
    }

    let told = ground.json(&link(1, 7)).await;
    let severities = |critical, high, low, other| json!({"critical": critical, "high": high, "low": low, "other": other});
    assert_eq!(told["organization"], json!({"id": 7, "name": "Blue Door"}));
    assert_eq!(told["incidents"]["open"], severities(1, 0, 1, 2));
    let months = told["incidents"]["months"].as_array().unwrap();
    assert_eq!(months.len(), 12);
    let counted = |at: usize, month: &str, expected: serde_json::Value| {
        let mut expected = expected;
        expected["month"] = month.into();
        assert_eq!(months[at], expected);
    };
    counted(0, &this.1, severities(1, 0, 0, 0));
    counted(1, &last.1, severities(0, 0, 2, 0));
    counted(2, &month(2).1, severities(0, 0, 0, 0));
    counted(11, &first.1, severities(0, 1, 0, 1));
    assert_eq!(
        told["agents"],
        json!({"total": 5, "healthy": 2, "stale": 2, "isolated": 2, "outdated": 1})
    );
    assert_eq!(
        told["billable"],
        json!({"endpoints": 5, "identities": 31, "log_sources": null, "learners": 0})
    );
    let days = [(1, 4), (0, 3)].map(|(back, open)| {
        let day = today.saturating_sub(back.days()).to_string();
        json!({"day": day, "incidents_open": open, "agents": 5})
    });
    assert_eq!(told["trend"], json!(days));
    let as_of = NOW - jiff::SignedDuration::from_hours(3);
    assert_eq!(told["data_as_of"], as_of.to_string());
    assert_eq!(told["expires_at"], link(1, 7).expires.to_string());

    let page = ground.get(&ground.keys.sign(&link(1, 7))).await;
    assert_eq!(page.status, 200);
    for text in [
        "<h1>Blue Door</h1>",
        "Data as of 2026-09-21 11:13 UTC.",
        "<dt>Isolated</dt><dd>2</dd>",
        "<dt>Identities</dt><dd>31</dd>",
        "<dt>Sources of logs</dt><dd>–</dd>",
        "can be used until 2026-09-21 15:13 UTC",
        "<title>From 4 on ",
        "<figcaption>Open incidents by day. From 4 on ",
    ] {
        assert!(page.body.contains(text), "{text} is not in {}", page.body);
    }
}

pub async fn what_is_not_there_is_not_shown(ground: Ground) {
    let path = ground.keys.sign(&link(1, 7));
    let gone = ground.get(&path).await;
    assert_eq!(gone.status, 404);
    assert!(gone.body.contains("There is nothing to show any more."));
    organization(&ground, "Blue Door").await;
    let page = ground.get(&path).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("It is not known how old this data is."));
    assert!(page.body.contains("There is no trend yet"));
    let sql = "UPDATE organizations SET gone_at = ?1 WHERE id = 7";
    ground
        .store
        .database()
        .execute(sql, &[NOW.into()])
        .await
        .unwrap();
    for path in [path.clone(), json_of(&path)] {
        assert_eq!(ground.get(&path).await.status, 404);
    }
}

pub async fn texts_of_others_are_texts(ground: Ground) {
    let name = "<script>alert(1)</script>\" onload=\"x' {{ name }} &amp;";
    organization(&ground, name).await;
    let page = ground.get(&ground.keys.sign(&link(1, 7))).await;
    assert!(!page.body.contains("<script") && !page.body.contains("\" onload"));
    assert!(
        page.body.contains("&#60;script&#62;alert(1)"),
        "{}",
        page.body
    );
    assert_eq!(ground.json(&link(1, 7)).await["organization"]["name"], name);
}

pub async fn answers_keep_to_themselves(ground: Ground) {
    organization(&ground, "Blue Door").await;
    let path = ground.keys.sign(&link(1, 7));
    let forged = keys("x").sign(&link(1, 7));
    let paths = [
        json_of(&path),
        path.clone(),
        forged,
        "/portal/style.css".to_owned(),
    ];
    for origin in [None, Some(FRIEND), Some("https://evil.example")] {
        for path in &paths {
            let answer = ground.get_from(path, origin).await;
            for (name, value) in [
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
                ("x-robots-tag", "noindex, nofollow"),
                ("x-content-type-options", "nosniff"),
                ("access-control-allow-origin", ""),
                ("set-cookie", ""),
            ] {
                assert_eq!(answer.header(name), value, "{name} of {path}");
            }
            let policy = answer.header("content-security-policy");
            assert!(policy.ends_with("; frame-ancestors 'none'"), "{policy}");
        }
    }
    let ground = ground.embedded_in(FRIEND).await;
    for path in &paths {
        let policy = ground.get(path).await;
        let policy = policy.header("content-security-policy");
        assert!(
            policy.ends_with(&format!("; frame-ancestors {FRIEND}")),
            "{policy}"
        );
        for (origin, allowed) in [
            (FRIEND, FRIEND),
            ("https://evil.example", ""),
            ("https://friend.example.evil.example", ""),
            ("http://friend.example", ""),
            ("null", ""),
        ] {
            let answer = ground.get_from(path, Some(origin)).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                allowed,
                "{origin}"
            );
            assert_eq!(answer.header("vary"), "origin");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        }
    }
}
