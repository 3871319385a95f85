//! Where links lead, and what happens at addresses that nobody links to.

use std::collections::BTreeSet;

use hyper::StatusCode;

use super::fixture::small;
use super::html::Html;
use super::pages::PAGES;
use super::site::Site;
use crate::databases::Place;

/// Follows every link from the overview on; none is dead, and none leads elsewhere but to Huntress.
pub async fn every_link_leads_somewhere(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    let mut open = vec!["/".to_owned()];
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut ids: BTreeSet<(String, String)> = BTreeSet::new();
    let mut fragments: Vec<(String, String)> = Vec::new();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        if !answer.header("content-type").starts_with("text/html") {
            continue;
        }
        let page = Html::read(&path, &answer.body);
        ids.extend(
            page.values("id")
                .into_iter()
                .map(|id| (path.clone(), id.to_owned())),
        );
        for link in page.links() {
            if link.starts_with("https://") {
                assert_eq!(link, "https://north.huntress.io/reports/1", "{path}");
                continue;
            }
            let (to, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let to = if to.is_empty() { &path } else { to };
            assert!(
                to.starts_with('/') && !to.starts_with("//"),
                "{path}: {link}"
            );
            if !fragment.is_empty() {
                fragments.push((to.to_owned(), fragment.to_owned()));
            }
            open.push(to.to_owned());
        }
    }
    for (_, path) in PAGES {
        let path = path.split('?').next().unwrap();
        let found = seen.iter().any(|seen| seen.split('?').next() == Some(path));
        assert!(found, "nothing leads to {path}");
    }
    for fragment in fragments {
        assert!(ids.contains(&fragment), "{fragment:?}");
    }
    assert!(seen.len() > 150, "{}", seen.len());
    place.remove().await;
}

pub async fn what_is_not_there_says_what_to_do(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    for (path, says) in [
        ("/nothing", "The overview leads to all pages"),
        ("/organizations/1/99", "huntctl pull"),
        ("/organizations/2/1", "huntctl pull"),
        ("/organizations/1/99/agents", "huntctl pull"),
        ("/organizations/1/99/agents.csv", "huntctl pull"),
        ("/organizations/1/99/identities.csv", "huntctl pull"),
        ("/organizations/1/99/incidents.csv", "huntctl pull"),
        (
            "/organizations/1/1/nothing",
            "The overview leads to all pages",
        ),
        ("/organizations/a/1", "the number of an account"),
        (
            "/organizations/1/99999999999999999999",
            "the number of an account",
        ),
        ("/organizations/1/%ff", "the number of an account"),
        ("/incidents/1/99", "huntctl pull"),
        ("/incidents/2/1", "huntctl pull"),
        ("/incidents/1/99/remediations.csv", "huntctl pull"),
        ("/agents/1/-1", "huntctl pull"),
        ("/identities/9/1", "huntctl pull"),
        ("/review/1/99", "huntctl pull"),
        ("/assets/0/style.css", "The overview leads to all pages"),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let text = Html::read(path, &answer.body).text();
        assert!(text.contains(says), "{path}: {text}");
    }
    place.remove().await;
}

pub async fn odd_parameters_break_nothing(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    let odd = [
        "page=-1",
        "page=0",
        "page=99999999999999999999",
        "page=x",
        "page=2&page=3",
        "sort=",
        "sort=-",
        "sort=record",
        "sort=--name",
        "sort=name%00",
        "sort=id%20DESC",
        "q=%00",
        "q=%27%22%3C%25_!%5C",
        "q=%F0%9F%A6%80",
        "q=%ff%fe",
        "days=-1",
        "days=99999",
        "days=x",
        "account=x",
        "account=-1",
        "account=9223372036854775808",
        "severity=%27",
        "state=x",
        "show=x",
        "quarter=x",
        "quarter=2025-Q9",
        "quarter=9999-Q1",
        "quarter=2000-Q1",
        "quarter=2199-Q4",
        "&&&==",
        "%",
        "q=%&sort=%zz",
    ];
    for (_, path) in PAGES {
        let path = path.split('?').next().unwrap();
        for odd in odd {
            site.page(&format!("{path}?{odd}")).await;
        }
    }
    for path in [
        "/organizations.csv",
        "/accounts.csv",
        "/incidents.csv",
        "/training.csv",
        "/data.csv",
        "/organizations/1/1/agents.csv",
        "/organizations/1/1/identities.csv",
        "/organizations/1/1/incidents.csv",
        "/incidents/1/1/remediations.csv",
    ] {
        for odd in odd {
            site.file(&format!("{path}?{odd}")).await;
        }
    }
    let long = format!("/?q={}", "%C3%A4".repeat(5_000));
    site.page(&long).await;
    place.remove().await;
}

pub async fn nothing_is_kept_but_the_style(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    let policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                  base-uri 'none'; frame-ancestors 'none'";
    let page = site.page("/").await;
    let style = page
        .links()
        .into_iter()
        .find(|link| link.ends_with("style.css"))
        .unwrap();
    let icon = page
        .links()
        .into_iter()
        .find(|link| link.ends_with("icon.svg"))
        .unwrap();
    for (path, kept) in [
        ("/", "no-store"),
        ("/organizations.csv", "no-store"),
        ("/incidents/1/1", "no-store"),
        ("/nothing", "no-store"),
        ("/organizations/1/99", "no-store"),
        (&style, "public, max-age=31536000, immutable"),
        (&icon, "public, max-age=31536000, immutable"),
    ] {
        let answer = site.get(path).await;
        for (name, value) in [
            ("cache-control", kept),
            ("content-security-policy", policy),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
    }
    let css = site.get(&style).await.body;
    for word in ["@import", "url(", "http"] {
        assert!(!css.contains(word), "{word}");
    }
    place.remove().await;
}
