//! `huntctl portal link`, and the page that its link opens.

use huntctl::store::Store;
use serde_json::Value;

use crate::support::Huntctl;

const KEY: &str = "a key of thirty-two bytes or more";

/// The program in a folder with a store of two accounts and this configuration.
async fn huntctl(portal: &str) -> Huntctl {
    let huntctl = Huntctl::new().variable("K", KEY);
    let folder = huntctl.folder.path();
    std::fs::write(folder.join("huntctl.toml"), portal).unwrap();
    let url = format!("sqlite:{}", folder.join("huntress.db").display());
    let store = Store::open(&url).await.unwrap();
    for (account, id, name) in [(1, 7, "Blue Door"), (2, 7, "Red\u{1b}[2J"), (2, 9, "Green")] {
        let sql = "INSERT INTO organizations
                (account_id, id, name, first_seen_at, last_seen_at, changed_at, record, record_digest)
            VALUES (?1, ?2, ?3, ?4, ?4, ?4, '{}', 0)";
        let now = jiff::Timestamp::now();
        let values = [
            account.into(),
            i64::from(id).into(),
            name.into(),
            now.into(),
        ];
        let values = values.map(|value: huntctl::database::Value| value);
        store.database().execute(sql, &values).await.unwrap();
    }
    huntctl
}

#[tokio::test]
async fn a_link_is_made_for_one_organization() {
    let huntctl = huntctl("[portal]\nkeys = [\"env:K\"]\nurl = \"https://portal.example\"").await;
    let output = huntctl
        .run(&["portal", "link", "9"])
        .ok()
        .says("for Green (account 2), until ");
    assert!(
        output
            .stdout
            .starts_with("https://portal.example/portal/9?account=2&expires=")
    );
    assert!(!output.stdout.contains(KEY) && !output.stderr.contains(KEY));
    huntctl
        .run(&["portal", "link", "7"])
        .fails(2)
        .says("by --account: 1, 2");
    huntctl
        .run(&["portal", "link", "8"])
        .fails(2)
        .says("there is no organization 8");
    let other = huntctl
        .run(&["portal", "link", "9", "--account", "1"])
        .fails(2);
    other.says("not in that account, but in 2");
    // A name obeys nothing of a terminal.
    let output = huntctl.run(&["portal", "link", "7", "--account", "2"]).ok();
    assert!(!output.stderr.contains('\u{1b}'), "{}", output.stderr);
    let output = huntctl
        .run(&[
            "--json",
            "portal",
            "link",
            "7",
            "--account",
            "1",
            "--days",
            "1",
        ])
        .ok();
    let told: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(told["organization"], "Blue Door");
    assert_eq!(
        (&told["account_id"], &told["organization_id"]),
        (&1.into(), &7.into())
    );
    let expires: jiff::Timestamp = told["expires_at"].as_str().unwrap().parse().unwrap();
    let left = expires.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((86_000..=86_400).contains(&left), "{left}");
    assert!(
        told["url"]
            .as_str()
            .unwrap()
            .contains(&format!("expires={}", expires.as_second()))
    );
    huntctl
        .run(&["portal", "link", "9", "--days", "400"])
        .fails(2);
}

#[tokio::test]
async fn links_begin_where_the_portal_is() {
    for (lines, begins) in [
        ("", "http://127.0.0.1:8090/portal/9?"),
        ("listen = \"127.0.0.1:99\"", "http://127.0.0.1:99/portal/9?"),
        (
            "[dashboard]\nurl = \"https://hunt.example\"\ntoken = \"env:K\"",
            "https://hunt.example/portal/9?",
        ),
    ] {
        let huntctl = huntctl(&format!("[portal]\nkeys = [\"env:K\"]\n{lines}")).await;
        let output = huntctl.run(&["portal", "link", "9"]).ok();
        assert!(output.stdout.starts_with(begins), "{}", output.stdout);
    }
    let none = huntctl("").await;
    none.run(&["portal", "link", "9"])
        .fails(2)
        .says("write `keys = ");
}
