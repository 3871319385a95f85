//! What lists have, compared with another way to find it: all rows, sorted and chosen here.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use huntctl::database::{Dialect, Row};
use huntctl::store::Store;
use jiff::ToSpan as _;
use serde_json::json;

use super::fixture::{count, many, say, small, today, write};
use super::site::{Site, now};
use crate::databases::Place;

async fn query(store: &Store, sql: &str) -> Vec<Row> {
    let rows = store.database().query(sql, &[]).await;
    rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The ids that all pages of a list link to, in their order.
async fn listed(site: &Site, path: &str, query: &str, prefix: &str) -> Vec<i64> {
    let mut ids = Vec::new();
    for page in 1.. {
        let html = site.page(&format!("{path}?{query}&page={page}")).await;
        let links = html.values("href").into_iter();
        let found = links.filter_map(|link| link.strip_prefix(prefix)?.parse::<i64>().ok());
        let found: Vec<_> = found.collect();
        assert!(found.len() <= 50, "{}", found.len());
        let more = html.values("rel").contains(&"next");
        ids.extend(found);
        if !more {
            break;
        }
    }
    ids
}

/// Rows in the order of a list: what is not known is the last, whichever way.
fn sorted<K: Ord>(mut rows: Vec<(i64, Option<K>)>, descending: bool) -> Vec<i64> {
    rows.sort_by(|(a, x), (b, y)| {
        let by_key = match (x, y) {
            (Some(x), Some(y)) => x.cmp(y),
            (None, None) => Ordering::Equal,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
        };
        let order = by_key.then(a.cmp(b));
        if descending { order.reverse() } else { order }
    });
    rows.into_iter().map(|(id, _)| id).collect()
}

pub async fn agents_sort_filter_and_have_pages(place: Place) {
    let store = place.store().await;
    many(&store, 1).await;
    let site = Site::new(&store);
    let sql = "SELECT id, hostname, platform, version_number, firewall_status, last_callback_at, \
               organization_id FROM agents";
    let rows = query(&store, sql).await;
    let mut votes: BTreeMap<(&str, i64), i64> = BTreeMap::new();
    for row in &rows {
        *votes
            .entry((row.text(2).unwrap(), row.integer(3).unwrap()))
            .or_default() += 1;
    }
    let usual = |platform: &str| {
        let of = votes.iter().filter(|((of, _), _)| *of == platform);
        of.max_by_key(|((_, version), votes)| (**votes, *version))
            .unwrap()
            .0
            .1
    };
    let stale = now() - (14 * 24).hours();
    let mut seen = 0;
    for show in ["", "stale", "isolated", "outdated"] {
        for text in ["", "host1", "HOST2", "%"] {
            let chosen = |row: &&Row| {
                row.integer(6) == Some(1)
                    && match show {
                        "stale" => row.time(5).unwrap() < stale,
                        "isolated" => {
                            ["Isolated", "Pending Release"].contains(&row.text(4).unwrap())
                        }
                        "outdated" => row.integer(3).unwrap() < usual(row.text(2).unwrap()),
                        _ => true,
                    }
                    && (text.is_empty()
                        || row
                            .text(1)
                            .is_some_and(|name| name.contains(&text.to_lowercase())))
            };
            for (sort, column) in [
                ("hostname", 1),
                ("platform", 2),
                ("firewall", 4),
                ("seen", 5),
                ("version", 3),
            ] {
                for descending in [false, true] {
                    let key = |row: &Row| match column {
                        3 => row.integer(3).map(|version| version.to_string()),
                        5 => row.time(5).map(|time| time.to_string()),
                        column => row.text(column).map(str::to_owned),
                    };
                    let keyed = rows
                        .iter()
                        .filter(chosen)
                        .map(|row| (row.integer(0).unwrap(), key(row)));
                    let expected = sorted(keyed.collect(), descending);
                    let minus = if descending { "-" } else { "" };
                    let text = text.replace('%', "%25").replace(' ', "+");
                    let asked = format!("sort={minus}{sort}&show={show}&q={text}");
                    let path = "/organizations/1/1/agents";
                    assert_eq!(
                        listed(&site, path, &asked, "/agents/1/").await,
                        expected,
                        "{asked}"
                    );
                    seen += expected.len();
                }
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
    place.remove().await;
}

pub async fn identities_sort_and_filter(place: Place) {
    let store = place.store().await;
    many(&store, 2).await;
    let site = Site::new(&store);
    let sql = "SELECT id, username, email, enabled, mfa_enabled, risk_level, organization_id FROM identities";
    let rows = query(&store, sql).await;
    let ranks = ["none", "low", "medium", "high"];
    let rank = |row: &Row| ranks.iter().position(|level| row.text(5) == Some(level));
    for (levels, without_mfa) in [("high", true), ("medium,low", false)] {
        let sql = "UPDATE store_settings SET risk_levels = ?1, without_mfa = ?2";
        say(&store, sql, &[levels.into(), without_mfa.into()]).await;
        for show in ["", "at_risk", "no_mfa", "disabled"] {
            for text in ["", "USER1", "e1"] {
                let chosen = |row: &&Row| {
                    let (enabled, mfa) = (row.bool(3), row.bool(4));
                    let risky = levels.split(',').any(|level| row.text(5) == Some(level));
                    let small = text.to_lowercase();
                    row.integer(6) == Some(1)
                        && match show {
                            "at_risk" => {
                                enabled == Some(true)
                                    && (risky || (without_mfa && mfa == Some(false)))
                            }
                            "no_mfa" => mfa == Some(false),
                            "disabled" => enabled == Some(false),
                            _ => true,
                        }
                        && (row.text(1).unwrap().contains(&small)
                            || row.text(2).unwrap().contains(&small))
                };
                for sort in ["username", "-username", "risk", "-risk", "mfa", "-mfa"] {
                    let key = |row: &Row| match sort.trim_start_matches('-') {
                        "username" => row.text(1).map(str::to_owned),
                        "risk" => rank(row).map(|rank| rank.to_string()),
                        _ => row.bool(4).map(|mfa| u8::from(mfa).to_string()),
                    };
                    let keyed = rows
                        .iter()
                        .filter(chosen)
                        .map(|row| (row.integer(0).unwrap(), key(row)));
                    let expected = sorted(keyed.collect(), sort.starts_with('-'));
                    let asked = format!("sort={sort}&show={show}&q={text}");
                    let path = "/organizations/1/1/identities";
                    assert_eq!(
                        listed(&site, path, &asked, "/identities/1/").await,
                        expected,
                        "{asked}"
                    );
                }
            }
        }
    }
    place.remove().await;
}

pub async fn incidents_sort_and_filter(place: Place) {
    let store = place.store().await;
    many(&store, 3).await;
    let site = Site::new(&store);
    let sql =
        "SELECT id, subject, severity, status, sent_at, organization_id FROM incident_reports";
    let rows = query(&store, sql).await;
    let rank = |row: &Row| {
        ["low", "high", "critical"]
            .iter()
            .position(|it| row.text(2) == Some(it))
    };
    let mut seen = 0;
    for (path, organization) in [
        ("/incidents", None),
        ("/organizations/1/1/incidents", Some(1)),
    ] {
        for severity in ["", "critical"] {
            for state in ["", "open"] {
                for text in ["", "SUBJECT 1", "100%", "% _", "_%", "!"] {
                    let chosen = |row: &&Row| {
                        let open = row.text(3) != Some("closed");
                        (organization.is_none() || row.integer(5) == organization)
                            && (severity.is_empty() || row.text(2) == Some(severity))
                            && (open || (organization.is_some() && state.is_empty()))
                            && row.text(1).unwrap().contains(&text.to_lowercase())
                    };
                    for sort in ["-severity", "severity", "subject", "-sent"] {
                        let key = |row: &Row| match sort.trim_start_matches('-') {
                            "severity" => rank(row).map(|rank| rank.to_string()),
                            "subject" => row.text(1).map(str::to_owned),
                            _ => row.time(4).map(|time| time.to_string()),
                        };
                        let keyed = rows
                            .iter()
                            .filter(chosen)
                            .map(|row| (row.integer(0).unwrap(), key(row)));
                        let expected = sorted(keyed.collect(), sort.starts_with('-'));
                        let text = text.replace('%', "%25").replace(' ', "+");
                        let asked =
                            format!("sort={sort}&severity={severity}&state={state}&q={text}");
                        let found = listed(&site, path, &asked, "/incidents/1/").await;
                        assert_eq!(found, expected, "{path}?{asked}");
                        seen += found.len();
                    }
                }
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
    place.remove().await;
}

pub async fn organizations_sort_filter_and_have_pages(place: Place) {
    let store = place.store().await;
    let mut random = fastrand::Rng::with_seed(4);
    let names: Vec<_> = (1..=130_i64)
        .map(|id| format!("Org {:03} {}", random.u16(..999), id % 7))
        .collect();
    let records = (1..)
        .zip(&names)
        .map(|(id, name): (i64, _)| json!({"id": id, "name": name}));
    write(&store, 1, "organizations", &records.collect::<Vec<_>>()).await;
    count(&store, 1, today()).await;
    let mut agents = BTreeMap::new();
    for id in 1..=130_i64 {
        let count = (random.u8(..5) > 0).then(|| random.i64(0..40));
        let sql = "UPDATE organizations_daily SET agents = ?1 WHERE organization_id = ?2";
        say(&store, sql, &[count.into(), id.into()]).await;
        agents.insert(id, count);
    }
    let site = Site::new(&store);
    for text in ["", "org 1"] {
        // Rows that are alike stay in the order of their ids, whichever way.
        let order = |key: &dyn Fn(i64) -> Option<String>, descending: bool| {
            let mut ids: Vec<i64> = (1..=130).collect();
            ids.retain(|id| names[*id as usize - 1].to_lowercase().contains(text));
            ids.sort_by(|a, b| match (key(*a), key(*b)) {
                (Some(x), Some(y)) if descending => y.cmp(&x),
                (Some(x), Some(y)) => x.cmp(&y),
                (x, y) => x.is_none().cmp(&y.is_none()),
            });
            ids
        };
        let name = |id: i64| Some(names[id as usize - 1].to_lowercase());
        let agents = |id: i64| agents[&id].map(|count| format!("{count:05}"));
        for (sort, expected) in [
            ("name", order(&name, false)),
            ("-name", order(&name, true)),
            ("agents", order(&agents, false)),
            ("-agents", order(&agents, true)),
        ] {
            let asked = format!("sort={sort}&q={}", text.replace(' ', "+"));
            let found = listed(&site, "/", &asked, "/organizations/1/").await;
            assert_eq!(found, expected, "{asked}");
        }
    }
    place.remove().await;
}

pub async fn a_file_has_what_the_table_has(place: Place) {
    let store = place.store().await;
    many(&store, 5).await;
    let site = Site::new(&store);
    for (path, file, id) in [
        (
            "/organizations/1/1/agents?sort=-seen&show=stale",
            "/organizations/1/1/agents.csv?sort=-seen&show=stale",
            "agents",
        ),
        (
            "/organizations/1/1/identities?sort=risk",
            "/organizations/1/1/identities.csv?sort=risk",
            "identities",
        ),
        (
            "/organizations/1/1/incidents?q=1&severity=low",
            "/organizations/1/1/incidents.csv?q=1&severity=low",
            "incidents",
        ),
        (
            "/?sort=name",
            "/organizations.csv?sort=name",
            "organizations",
        ),
        (
            "/incidents?sort=subject",
            "/incidents.csv?sort=subject",
            "incidents",
        ),
        ("/accounts?", "/accounts.csv", "accounts"),
    ] {
        let mut rows = Vec::new();
        for page in 1.. {
            let html = site.page(&format!("{path}&page={page}")).await;
            if page == 1 {
                let csv = html
                    .links()
                    .into_iter()
                    .find(|link| link.contains(".csv"))
                    .unwrap();
                let parts = |text: &str| {
                    let (path, query) = text.split_once('?').unwrap_or((text, ""));
                    let mut query: Vec<_> = query.split('&').map(str::to_owned).collect();
                    query.sort();
                    (path.to_owned(), query)
                };
                assert_eq!(parts(&csv), parts(file), "{path}");
            }
            rows.extend(html.rows(id));
            if !html.values("rel").contains(&"next") {
                break;
            }
        }
        let lines = site.file(file).await;
        assert!(rows.len() > 20 || path.len() < 20, "{path}: {}", rows.len());
        assert_eq!(rows.len(), lines.len() - 1, "{path}");
        for (row, line) in rows.iter().zip(&lines[1..]) {
            assert_eq!(row[0], line[0], "{path}");
            assert_eq!(row.len(), line.len(), "{path}");
            let expected = if line[1].is_empty() {
                "not known".to_owned()
            } else {
                line[1].replace(", ", " ")
            };
            assert_eq!(row[1].replace(", ", " "), expected, "{path}");
        }
    }
    place.remove().await;
}

pub async fn accounts_are_the_sums_of_their_organizations(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    let sums = |file: &[Vec<String>], name: &str| {
        let at = |wanted: &str| file[0].iter().position(|key| key == wanted).unwrap();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for line in &file[1..] {
            *sums.entry(line[at(name)].clone()).or_default() += 1_000_000;
            for (weight, key) in [
                "critical",
                "high",
                "low",
                "agents",
                "stale",
                "isolated",
                "outdated",
                "identities",
                "at_risk",
                "learners",
            ]
            .into_iter()
            .enumerate()
            {
                let value: i64 = line[at(key)].parse().unwrap();
                *sums.get_mut(&line[at(name)]).unwrap() += value << weight;
            }
        }
        sums
    };
    let of_organizations = sums(&site.file("/organizations.csv").await, "account");
    let accounts = site.file("/accounts.csv").await;
    let mut of_accounts = sums(&accounts, "name");
    for line in &accounts[1..] {
        let organizations: i64 = line[1].parse().unwrap();
        *of_accounts.get_mut(&line[0]).unwrap() += (organizations - 1) * 1_000_000;
    }
    assert_eq!(of_accounts, of_organizations);
    place.remove().await;
}

/// SQLite says how it would read a list; PostgreSQL decides by what it has counted.
pub async fn lists_are_read_from_their_index(place: Place) {
    let store = place.store().await;
    for (table, sort) in [
        ("agents", "hostname"),
        ("identities", "username"),
        ("incident_reports", "sent_at"),
    ] {
        let index = format!("{table}_of_organization");
        let (sql, says) = match store.database().dialect() {
            Dialect::Sqlite => (
                format!(
                    "EXPLAIN QUERY PLAN SELECT t.account_id, t.id FROM {table} AS t WHERE t.gone_at IS NULL \
                     AND t.account_id = 1 AND t.organization_id = 1 ORDER BY t.{sort}, t.id LIMIT 50"
                ),
                format!("USING COVERING INDEX {index} "),
            ),
            Dialect::Postgres => (
                format!(
                    "SELECT '', '', '', indexdef FROM pg_indexes WHERE schemaname = current_schema() AND indexname = '{index}'"
                ),
                "organization_id, gone_at, ".to_owned(),
            ),
        };
        let rows = query(&store, &sql).await;
        let plan = rows.first().and_then(|row| row.text(3)).unwrap_or_default();
        assert!(plan.contains(&says), "{plan}");
    }
    place.remove().await;
}
