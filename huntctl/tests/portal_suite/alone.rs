//! Nothing of others. Every column of every row of other organizations has a text or a number that
//! stands nowhere else, and no answer may have one, whatever is asked for.

use std::collections::BTreeSet;

use huntctl::database::Value;
use huntctl::portal::Link;
use huntctl::store::{Kind, Table};
use jiff::{SignedDuration, Timestamp};

use super::ground::{Ground, NOW, days_ago, json_of, keys, link};

/// Whose rows there are: an account and an organization of it. The second and third are like the
/// first in one of the two numbers.
const OWN: (i64, i64) = (1, 7);
const OTHERS: [(i64, i64); 4] = [(1, 8), (2, 7), (2, 9), (7, 1)];

/// Marks of the rows of one organization.
struct Marks {
    account: i64,
    organization: i64,
    made: BTreeSet<String>,
    number: i64,
}

impl Marks {
    fn of((account, organization): (i64, i64)) -> Self {
        Self {
            account,
            organization,
            made: BTreeSet::new(),
            // No two are alike, and none is a count of what is there.
            number: 700_000_000_000 + account * 1_000_000_000 + organization * 1_000_000,
        }
    }

    fn text(&mut self) -> String {
        self.number += 1;
        let text = format!("mark{}", self.number);
        self.made.insert(text.clone());
        text
    }

    fn number(&mut self) -> i64 {
        self.number += 1;
        self.made.insert(self.number.to_string());
        self.number
    }

    fn value(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Integer => self.number().into(),
            Kind::Real => (self.number() as f64).into(),
            Kind::Boolean => true.into(),
            Kind::Text => self.text().into(),
            // Long ago, so that no clock says the same.
            Kind::Moment => Value::Time(Timestamp::from_second(self.number % 99_999_999).unwrap()),
            Kind::Date => "1971-02-03".into(),
            Kind::Json => Value::Json(format!("{{\"a\":\"{}\"}}", self.text())),
        }
    }

    /// A row with a mark in every column.
    async fn row(&mut self, ground: &Ground, table: &Table) {
        let id = match &*table.name {
            "organizations" => self.organization,
            _ => self.number(),
        };
        let mut columns = Vec::new();
        for column in &table.columns {
            let value = match &*column.name {
                "organization_id" => self.organization.into(),
                _ => self.value(column.kind),
            };
            columns.push((&*column.name, value));
        }
        let record = Value::Json(format!("{{\"a\":\"{}\"}}", self.text()));
        columns.push(("record", record));
        ground.record(&table.name, self.account, id, &columns).await;
    }

    /// The counts of two days.
    async fn days(&mut self, ground: &Ground) {
        let (account, organization) = (self.account.into(), self.organization.into());
        let key = [("account_id", account), ("organization_id", organization)];
        for back in [0, 1] {
            let day = days_ago(back).to_string()[..10].into();
            let counts = ["incidents_open", "agents", "identities_at_risk"];
            let counts = counts.map(|name| (name, self.number().into()));
            let columns = [&key[..], &[("day", day)], &counts].concat();
            ground.row("organizations_daily", &columns).await;
            let columns = [&key[..1], &columns[2..3], &counts].concat();
            let sql = "SELECT 1 FROM accounts_daily WHERE account_id = ?1 AND day = ?2";
            let values = [columns[0].1.clone(), columns[1].1.clone()];
            if ground
                .store
                .database()
                .query(sql, &values)
                .await
                .unwrap()
                .is_empty()
            {
                ground.row("accounts_daily", &columns).await;
            }
        }
    }
}

/// Rows as they really are: open, critical, stale, isolated, of this month.
async fn plausible(ground: &Ground, (account, organization): (i64, i64), first: i64) {
    let of = ("organization_id", Value::from(organization));
    let sent = Value::from(Timestamp::now());
    let table = |name: &str| ground.store.table(name).unwrap().clone();
    assert!(
        table("incident_reports")
            .columns
            .iter()
            .any(|it| it.name == "severity")
    );
    for (id, severity) in (first..).zip(["critical", "high", "low", "odd"]) {
        let columns = [
            of.clone(),
            ("severity", severity.into()),
            ("status", "sent".into()),
            ("sent_at", sent.clone()),
        ];
        ground
            .record("incident_reports", account, id, &columns)
            .await;
    }
    for (id, (firewall, days)) in (first..).zip([("Isolated", 1), ("Enabled", 99), ("Enabled", 1)])
    {
        let columns = [
            of.clone(),
            ("platform", "windows".into()),
            ("version_number", 9.into()),
            ("firewall_status", firewall.into()),
            ("last_callback_at", days_ago(days).into()),
        ];
        ground.record("agents", account, id, &columns).await;
    }
    let day = days_ago(0).to_string()[..10].into();
    let key = [("account_id", account.into()), of, ("day", day)];
    let columns = [
        &key[..],
        &[("incidents_open", first.into()), ("agents", 3.into())],
    ]
    .concat();
    ground.row("organizations_daily", &columns).await;
}

async fn own(ground: &Ground) {
    let name = [("name", "Blue Door".into()), ("agents_count", 3.into())];
    ground.record("organizations", OWN.0, OWN.1, &name).await;
    plausible(ground, OWN, 10).await;
}

async fn others(ground: &Ground) -> BTreeSet<String> {
    let mut marks = BTreeSet::new();
    for other in OTHERS {
        let mut of_one = Marks::of(other);
        for table in ground.store.tables() {
            of_one.row(ground, table).await;
        }
        of_one.days(ground).await;
        marks.append(&mut of_one.made);
    }
    marks
}

/// Links that somebody might make of their own: parts of links that they have, put together.
fn attempts(ground: &Ground) -> Vec<String> {
    let own = link(OWN.0, OWN.1);
    let late = Link {
        expires: own.expires + SignedDuration::from_secs(1),
        ..own
    };
    let over = Link {
        expires: NOW,
        ..own
    };
    let mut made = vec![ground.keys.sign(&own), ground.keys.sign(&over)];
    // Keys that are not ours, and signatures of other links of ours.
    let mut signatures = vec![keys("x").sign(&own), ground.keys.sign(&late)];
    for (account, organization) in OTHERS {
        made.push(keys("x").sign(&link(account, organization)));
        signatures.push(keys("x").sign(&link(account, organization)));
    }
    let parts = |path: &str| {
        let (path, query) = path.split_once('?').unwrap();
        let values = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap().1.to_owned());
        (
            path.rsplit('/').next().unwrap().to_owned(),
            values.collect::<Vec<_>>(),
        )
    };
    let (_, good) = parts(&made[0]);
    let signatures: Vec<_> = signatures
        .iter()
        .map(|path| parts(path).1[3].clone())
        .collect();
    let all = [&[OWN][..], &OTHERS].concat();
    for (_, organization) in &all {
        for (account, _) in &all {
            let owners = [
                format!("{organization}"),
                format!("{organization}%00"),
                format!("0{organization}"),
            ];
            for organization in owners {
                let expires = &good[1];
                let key = &good[2];
                let cut =
                    [good[3].len() - 1, good[3].len() / 2, 0].map(|at| good[3][..at].to_owned());
                for signature in signatures.iter().chain(&good[3..]).chain(&cut) {
                    made.push(format!(
                        "/portal/{organization}?account={account}&expires={expires}&key={key}&signature={signature}"
                    ));
                }
                // Parameters twice, swapped, or in other clothes.
                let signature = &good[3];
                for query in [
                    format!("account={}&account={account}&expires={expires}", OWN.0),
                    format!("account={account}&account={}&expires={expires}", OWN.0),
                    format!("account[]={account}&expires={expires}"),
                    format!("account={account} OR 1=1&expires={expires}"),
                    format!("account={account}&expires={expires}&organization={organization}"),
                    format!("account={expires}&expires={account}"),
                    format!("expires={expires}"),
                ] {
                    made.push(format!(
                        "/portal/{organization}?{query}&key={key}&signature={signature}"
                    ));
                }
            }
        }
    }
    for path in [
        "/portal/",
        "/portal/..",
        "/portal/7.json.json",
        "/portal/%2e%2e/7",
        "/portal/7/8",
        "/",
    ] {
        made.push(format!("{path}?{}", made[0].split_once('?').unwrap().1));
    }
    made
}

pub async fn nothing_of_others_is_in_any_answer(ground: Ground) {
    own(&ground).await;
    let marks = others(&ground).await;
    assert!(marks.len() > 500, "{}", marks.len());
    // The marks are such that they would be seen.
    for (account, organization) in OTHERS {
        let told = ground.json(&link(account, organization)).await.to_string();
        assert!(
            marks.iter().filter(|mark| told.contains(*mark)).count() >= 5,
            "{told}"
        );
    }
    let right = ground.keys.sign(&link(OWN.0, OWN.1));
    let mut opened = 0;
    let attempts = attempts(&ground);
    assert!(attempts.len() > 1_000, "{}", attempts.len());
    for path in attempts {
        for path in [json_of(&path), path.clone()] {
            let answer = ground.get(&path).await;
            let said = format!("{:?}{}", answer.headers, answer.body);
            let mark = marks.iter().find(|mark| said.contains(*mark));
            assert_eq!(mark, None, "{path}: {said}");
            // What is not refused is the page of the one right link.
            let same = path == right || path == json_of(&right);
            let begins = right.split("&key").next().unwrap();
            let begins = [begins.to_owned(), json_of(begins)];
            let with_more =
                begins.iter().any(|it| path.starts_with(it)) && path.contains("&organization=");
            match answer.status {
                200 => {
                    assert!(same || with_more, "{path}");
                    opened += 1;
                }
                status => assert!([403, 404, 400].contains(&status), "{path}: {status}"),
            }
        }
    }
    assert!(opened >= 2);
}

pub async fn others_change_nothing(ground: Ground) {
    own(&ground).await;
    let link = link(OWN.0, OWN.1);
    let before = ground.json(&link).await;
    assert_eq!(before["incidents"]["open"]["critical"], 1);
    assert_eq!(before["agents"]["total"], 3);
    for (number, other) in (2..).zip(OTHERS) {
        let name = [("name", "Other".into()), ("agents_count", 999.into())];
        ground
            .record("organizations", other.0, other.1, &name)
            .await;
        plausible(&ground, other, number * 100).await;
    }
    // Records of no organization, too.
    let of_none = [("severity", "critical".into()), ("status", "sent".into())];
    ground
        .record("incident_reports", OWN.0, 5_000, &of_none)
        .await;
    assert_eq!(ground.json(&link).await, before);
    let path = ground.keys.sign(&link);
    assert!(!ground.get(&path).await.body.contains("Other</h1>"));
}
