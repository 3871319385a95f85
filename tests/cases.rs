//! Answers that people who integrate with this API have met, or that other clients broke on,
//! with made-up values (`cases.jsonl`): one of each kind.

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use huntress::types::{RemediationParameters, ResolveEscalation};
use huntress::{Client, Outcome, RateLimiter};
use serde_json::{Value, json};
use support::{Server, builder, predicates, quick_retries};

struct Case {
    server: Server,
    client: Client,
    told: Arc<Mutex<Vec<String>>>,
}

impl Case {
    /// A server that answers this case, and a client that keeps what is odd.
    async fn start(name: &str) -> Self {
        let cases = std::fs::read_to_string("tests/cases.jsonl").unwrap();
        let mut cases = cases
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let case = cases.find(|case| case["case"] == name);
        let case = case.unwrap_or_else(|| panic!("no case {name}"));
        let server = Server::start().await;
        let body = match &case["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        let headers: BTreeMap<String, String> =
            serde_json::from_value(case["headers"].clone()).unwrap();
        let headers: Vec<(&'static str, &str)> = headers
            .iter()
            .map(|(name, value)| (&*name.clone().leak(), value.as_str()))
            .collect();
        let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
        server.answer_with(status, &headers, body);
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let tell = Arc::clone(&told);
        let builder = server.builder().retry(quick_retries());
        let builder =
            builder.on_odd_field(move |odd| tell.lock().unwrap().push(odd.path().to_owned()));
        Self {
            client: builder.build().unwrap(),
            server,
            told,
        }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// The only incident of the answer.
    async fn incident(&self) -> huntress::types::IncidentReport {
        let all = self
            .client
            .list_incident_reports()
            .stream()
            .collect_all()
            .await
            .unwrap();
        assert_eq!((all.items.len(), all.odd.len()), (1, 0));
        all.items.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn parameters_list_of_text() {
    let case = Case::start("parameters-list-of-text").await;
    let items = case.incident().await.remediations.unwrap().items.unwrap();
    let parameters = items[0].parameters.as_ref().unwrap();
    assert_eq!(
        serde_json::to_value(parameters).unwrap(),
        json!(["C:\\x\\a.exe"])
    );
    assert!(!matches!(parameters, RemediationParameters::Map(_)));
    assert_eq!(case.told(), [""; 0]);
}

#[tokio::test]
async fn approved_by_text() {
    let case = Case::start("approved-by-text").await;
    let items = case.incident().await.remediations.unwrap().items.unwrap();
    assert_eq!((items[0].id.get(), &items[0].approved_by), (5, &None));
    assert_eq!(
        case.told(),
        ["incident_reports[0].remediations.items[0].approved_by"]
    );
}

#[tokio::test]
async fn counts_as_empty_list() {
    let case = Case::start("counts-as-empty-list").await;
    assert_eq!(case.incident().await.severity.unwrap().as_str(), "high");
    assert_eq!(case.told(), ["incident_reports[0].indicator_counts"]);
}

#[tokio::test]
async fn count_null() {
    let case = Case::start("count-null").await;
    let counts = case.incident().await.indicator_counts.unwrap();
    assert_eq!(counts, BTreeMap::from([("siem_detections".to_owned(), 2)]));
    assert_eq!(case.told(), [""; 0]);
}

#[tokio::test]
async fn version_number_text() {
    let case = Case::start("version-number-text").await;
    let page = case.client.list_agents().send().await.unwrap();
    assert_eq!(page.items[0].version_number, Some(720_899));
    assert_eq!(case.told(), [""; 0], "nothing is lost");
}

#[tokio::test]
async fn next_page_without_token() {
    let case = Case::start("next-page-without-token").await;
    let mut organizations = case.client.list_organizations().stream();
    assert_eq!(organizations.try_next().await.unwrap().unwrap().id, 7);
    let error = organizations.try_next().await.unwrap_err();
    assert!(error.to_string().contains("the list goes on"), "{error}");
    assert!(!organizations.is_complete());
}

#[tokio::test]
async fn token_only_in_the_url() {
    let case = Case::start("token-only-in-the-url").await;
    let mut agents = case.client.list_agents().stream();
    assert_eq!(agents.try_next().await.unwrap().unwrap().id, 1);
    agents.try_next().await.unwrap();
    let requests = case.server.take_requests();
    assert_eq!(requests[1].uri.query(), Some("limit=500&page_token=QUJD"));
}

#[tokio::test]
async fn writes_whose_answer_is_lost() {
    let deleted = Case::start("delete-answers-nothing").await;
    let resolved = Case::start("created-but-wrapped-oddly").await;
    let escalation = ResolveEscalation::new();
    for error in [
        deleted
            .client
            .delete_organization(7)
            .send()
            .await
            .unwrap_err(),
        resolved
            .client
            .resolve_escalation(7, escalation)
            .send()
            .await
            .unwrap_err(),
    ] {
        assert_eq!((error.outcome(), error.attempts()), (Outcome::Done, 1));
        assert!(
            error.to_string().contains("the write took effect"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn cloudflare_522() {
    let case = Case::start("cloudflare-522").await;
    let error = case.client.get_agent(1).send().await.unwrap_err();
    assert_eq!((error.attempts(), case.server.count()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn remaining_always_0() {
    let case = Case::start("remaining-always-0").await;
    let window = Duration::from_secs(60);
    let builder = builder(case.server.base_url()).timeout(Duration::from_secs(86_400));
    let client = builder
        .rate_limiter(RateLimiter::new(60, window))
        .build()
        .unwrap();
    let start = tokio::time::Instant::now();
    for _ in 0..10 {
        client.get_agent(1).send().await.unwrap();
    }
    assert!(start.elapsed() < 2 * window, "{:?}", start.elapsed());
}

#[tokio::test]
async fn forbidden_read() {
    let case = Case::start("forbidden-read").await;
    let error = case
        .client
        .list_memberships()
        .stream()
        .collect_all()
        .await
        .unwrap_err();
    assert_eq!(
        (predicates(&error), case.server.count()),
        (vec!["permission"], 1)
    );
    assert!(
        error.to_string().contains("the key may not read this"),
        "{error}"
    );
    assert!(!error.to_string().contains("only read"), "{error}");
}
