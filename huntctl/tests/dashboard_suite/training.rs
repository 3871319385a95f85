//! Figures of the training, from a file to the pages.

use huntctl::store::Store;
use huntctl::training;

use super::fixture::{small, write};
use super::site::{Site, now};
use crate::databases::Place;

async fn import(store: &Store, file: &str, account: Option<i64>) -> Result<usize, String> {
    let imported = training::import(store, file.as_bytes(), account, now()).await;
    imported
        .map(|imported| imported.months)
        .map_err(|failure| failure.to_string())
}

async fn rows(store: &Store) -> i64 {
    let rows = store
        .database()
        .query("SELECT count(*) FROM training_monthly", &[])
        .await
        .unwrap();
    rows[0].integer(0).unwrap()
}

pub async fn figures_are_imported_and_shown(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let site = Site::new(&store);
    let advice = "huntctl training import";
    assert!(site.page("/").await.text().contains(advice));
    let file = "\u{feff}Organization;Month;Sent;Compromised;Clicked;Reported\r\n\
        Acme & Sons;2025-05;200;10;15;40\r\n3;2025-05-31;100;5;;\r\nAcme & Sons;2025-04;50;50;;\r\n";
    assert_eq!(import(&store, file, None).await, Ok(3));
    let page = site.page("/").await;
    assert!(!page.text().contains(advice));
    assert!(
        page.text().contains("5.0 % in May 2025: 15 of 300"),
        "{}",
        page.text()
    );
    let text = site.page("/organizations/1/1").await.text();
    assert!(text.contains("5.0 % in May 2025: 10 of 200"), "{text}");
    assert!(
        site.page("/review/1/1?quarter=2025-Q2")
            .await
            .text()
            .contains("24.0 %")
    );
    let file = site.file("/training.csv?sort=-rate").await;
    assert_eq!(file[0][0], "name");
    assert_eq!(
        file[1],
        [
            "Acme & Sons",
            "North MSP",
            "2025-04",
            "50",
            "",
            "50",
            "",
            "100.0"
        ]
    );
    // Of the same organization and month the later file counts.
    let again = "organization,month,sent,compromised\n1,2025-05,100,0\n";
    assert_eq!(import(&store, again, None).await, Ok(1));
    assert_eq!(rows(&store).await, 3);
    assert!(
        site.page("/")
            .await
            .text()
            .contains("2.5 % in May 2025: 5 of 200")
    );
    // Another account has none of it.
    assert!(site.page("/?account=2").await.text().contains(advice));
    place.remove().await;
}

pub async fn a_wrong_line_imports_nothing(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let file = "organization,month,sent,compromised\nAcme & Sons,2025-05,10,1\nacme & sons,2025-05,10,1\n\
        3,2025-05,x,1\n3,2025-06,1,1\n3,2025-06,1,1\n";
    let told = import(&store, file, None).await.unwrap_err();
    assert_eq!(
        told,
        "nothing was imported, since 3 lines are wrong:\n  \
         line 3: the store has no organization \"acme & sons\"; give its id or its exact name\n  \
         line 4: `sent` is \"x\", which is no count\n  \
         line 6: its organization and month stand in a line before"
    );
    assert_eq!(rows(&store).await, 0);
    let many = format!(
        "organization,month,sent,compromised\n{}",
        "9,2025-05,1,1\n".repeat(30)
    );
    let told = import(&store, &many, None).await.unwrap_err();
    assert!(told.ends_with("and 10 more"), "{told}");
    place.remove().await;
}

pub async fn organizations_are_found_by_id_or_exact_name(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let twin = serde_json::json!({"id": 8, "name": "Acme & Sons"});
    write(&store, 2, "organizations", &[twin]).await;
    let file = "organization,month,sent,compromised\nAcme & Sons,2025-05,10,1\n";
    let told = import(&store, file, None).await.unwrap_err();
    assert!(told.contains("1 of account 1, 8 of account 2"), "{told}");
    assert_eq!(import(&store, file, Some(2)).await, Ok(1));
    let by_id = "organization_id,month,sent,compromised\n1,2025-05,10,1\n";
    assert_eq!(import(&store, by_id, None).await, Ok(1));
    assert!(import(&store, by_id, Some(2)).await.is_err());
    assert_eq!(rows(&store).await, 2);
    place.remove().await;
}

pub async fn the_verb_imports_a_file(place: Place) {
    let store = place.store().await;
    small(&store).await;
    let folder = tempfile::tempdir().unwrap();
    let run = |file: &str| {
        let path = folder.path().join("training.csv");
        std::fs::write(&path, file).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_huntctl"))
            .args(["--json", "training", "import", "training.csv"])
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .env("HUNTCTL_STORE", &place.url)
            // By which a PostgreSQL of the tests is known.
            .envs(std::env::var_os("SSL_CERT_FILE").map(|file| ("SSL_CERT_FILE", file)))
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), text)
    };
    let heading = "organization,month,sent,compromised\n";
    let (status, [out, error]) = run(&format!("{heading}Dune,2025-05,7,1\n3,2025-05,7,1\n"));
    assert_eq!(status, Some(0), "{error}");
    assert_eq!(out, "{\"months\":2,\"organizations\":2}\n");
    let (status, [_, error]) = run(&format!("{heading}Nobody,2025-05,7,1\n"));
    assert_eq!(status, Some(2));
    assert!(
        error.contains("training.csv") && error.contains("line 2"),
        "{error}"
    );
    assert_eq!(rows(&store).await, 2);
    place.remove().await;
}
