//! Webhooks: who hears of what, how it is signed, when it comes again, and what goes wrong.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Empty};
use huntress_simulator::{
    Category, Delivery, DeliveryFault, EventType, Fault, FaultKind, Simulator, SimulatorBuilder,
    Webhook,
};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::support::{Api, id};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// 28 hours in a second, and five days in more than four.
const FAST: f64 = 0.000_01;

/// A message as it arrived.
#[derive(Clone)]
struct Got {
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    #[track_caller]
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.expect(name).to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn event(&self) -> String {
        self.json()["event_type"].as_str().unwrap().to_owned()
    }

    /// The entries of its signature.
    fn signatures(&self) -> Vec<&str> {
        self.header("svix-signature").split(' ').collect()
    }

    /// What a secret makes of it.
    fn signed_by(&self, secret: &str) -> String {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let (id, at) = (self.header("svix-id"), self.header("svix-timestamp"));
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(&self.body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// Whether a receiver with this secret would take it.
    fn is_signed_by(&self, secret: &str) -> bool {
        self.signatures().contains(&&*self.signed_by(secret))
    }

    /// How many seconds ago it says it was signed.
    fn age(&self) -> i64 {
        let at: i64 = self.header("svix-timestamp").parse().unwrap();
        jiff::Timestamp::now().as_second() - at
    }
}

/// What a receiver answers: a status, and a header.
type Answer = (u16, Option<(&'static str, &'static str)>);

/// A receiver that takes messages on loopback.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    /// One that accepts everything.
    async fn start() -> Self {
        Self::answering(|_, _| (204, None)).await
    }

    /// One that answers by how many messages came before.
    async fn answering(answer: impl Fn(usize, &Got) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/hook?from=huntress",
            listener.local_addr().unwrap()
        );
        let got = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&got), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                    async move {
                        assert_eq!(request.method(), "POST");
                        assert_eq!(request.uri(), "/hook?from=huntress");
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let got = Got {
                            headers: head.headers,
                            body,
                        };
                        let (status, header) = {
                            let mut kept = kept.lock().unwrap();
                            let answer = answer(kept.len(), &got);
                            kept.push(got);
                            answer
                        };
                        let mut response = Response::builder().status(status);
                        if let Some((name, value)) = header {
                            response = response.header(name, value);
                        }
                        Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap())
                    }
                });
                let connection = http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, got }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    fn events(&self) -> Vec<String> {
        self.got().iter().map(Got::event).collect()
    }

    fn webhook(&self) -> Webhook {
        Webhook::new(&self.url).secret(SECRET)
    }

    /// A simulator that sends to it, and does not wait long.
    async fn simulator(&self) -> Simulator {
        start(Simulator::builder().webhook(self.webhook())).await
    }
}

async fn start(builder: SimulatorBuilder) -> Simulator {
    let builder = builder.no_quota().webhook_time_scale(FAST);
    builder.start().await.unwrap()
}

fn inject(simulator: &Simulator, fault: DeliveryFault) {
    simulator.inject(Fault::new(FaultKind::Delivery(fault)));
}

/// The statuses that a delivery was answered with.
fn statuses(delivery: &Delivery) -> Vec<u16> {
    let attempts = delivery.attempts.iter();
    attempts.filter_map(|attempt| attempt.status).collect()
}

/// The contract of an event, as a schema of its own.
fn contract(event: EventType) -> jsonschema::Validator {
    let text = std::fs::read_to_string("spec/webhooks_doc.json").unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let pointer =
        format!("/webhooks/{event}/post/requestBody/content/application~1json/schema/$ref");
    let reference = document.pointer(&pointer).unwrap();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": reference,
        "components": document["components"],
    });
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).unwrap()
}

#[tokio::test]
async fn every_payload_fits_the_contract_whatever_the_seed() {
    let contracts = EventType::ALL.map(|event| (event, contract(event)));
    for seed in 0..16 {
        // Also where there is little that something could happen to.
        let few = (seed % 4) as usize;
        let builder = Simulator::builder().seed(seed).others(few * 20);
        let builder = builder.incident_reports(few * 20).agents(few * 10);
        let simulator = start(builder).await;
        for _ in 0..2 {
            for (event, contract) in &contracts {
                let told = simulator.happen(*event);
                assert_eq!(told["event_type"], event.as_str());
                if let Err(error) = contract.validate(&told) {
                    panic!(
                        "{event}, seed {seed}, at {}: {error}: {told}",
                        error.instance_path()
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_told_is_what_the_api_answers() {
    let api = Api::start().await;
    for event in EventType::ALL {
        let told = api.simulator.happen(event);
        let Some(url) = told["api_url"].as_str() else {
            let notice = [
                "platform_action.notification",
                "account_notice.notification",
            ];
            assert!(notice.contains(&event.as_str()), "{event}");
            continue;
        };
        let path = url.strip_prefix(&api.simulator.base_url()).unwrap();
        let (list, of_id) = path.rsplit_once('/').unwrap();
        assert_eq!(of_id, id(&told).to_string());
        let row = match api.get(path).await {
            Value::Object(mut body) if body.len() == 1 => {
                body.remove(&list["/v1/".len()..list.len() - 1])
            }
            body => Some(body),
        };
        let row = row.unwrap();
        let shared = told.as_object().unwrap().iter();
        let shared = shared.filter(|(key, _)| row.get(*key).is_some_and(|_| *key != "account"));
        let mut compared = 0;
        for (key, value) in shared {
            assert_eq!(row[key], *value, "{event}: {key}");
            compared += 1;
        }
        assert!(compared >= 9, "{event}: {compared}");
        let account = api.only("/v1/account").await;
        assert_eq!(told["account"]["id"], account["id"]);
        assert_eq!(told["account"]["name"], account["name"]);
        if let Some(organization) = told["organization"]["id"].as_i64() {
            let organization = api.only(&format!("/v1/organizations/{organization}")).await;
            assert_eq!(told["organization"]["name"], organization["name"]);
        }
        // Whoever polls finds it first.
        let newest = format!("{list}?sort_field=updated_at&sort_direction=desc&limit=1");
        assert_eq!(api.only(&newest).await[0]["id"], told["id"], "{event}");
        if event.as_str().ends_with("overdue") {
            let overdue = api.rows(&format!("{list}?status=overdue")).await;
            assert!(overdue.iter().any(|row| row["id"] == told["id"]), "{event}");
        }
    }
}

#[tokio::test]
async fn writes_and_rows_are_told() {
    let receiver = Receiver::start().await;
    let builder = Simulator::builder().webhook(receiver.webhook());
    let api = Api::of(builder).await;
    let simulator = &api.simulator;
    let incident = simulator
        .put(
            "incident_reports",
            json!({"status": "sent", "severity": "high"}),
        )
        .unwrap();
    let incident = id(&incident);
    simulator
        .change("incident_reports", incident, json!({"severity": "low"}))
        .unwrap();
    let path = format!("/v1/incident_reports/{incident}");
    let approved = api
        .post(&format!("{path}/remediations/bulk_approval"), json!({}))
        .await;
    assert!(approved.0 < 300, "{approved:?}");
    let resolved = api.post(&format!("{path}/resolution"), json!({})).await;
    assert!(resolved.0 < 300, "{resolved:?}");
    let open = api.rows("/v1/escalations?status=open").await;
    let direct = open
        .iter()
        .find(|row| row["type"] == "environment")
        .unwrap();
    let path = format!("/v1/escalations/{}/resolution", id(direct));
    assert!(api.post(&path, json!({})).await.0 < 300);
    let action = id(&api.rows("/v1/platform_actions?status=open").await[0]);
    simulator
        .change("platform_actions", action, json!({"status": "resolved"}))
        .unwrap();
    simulator.remove("platform_actions", action).unwrap();
    // Nobody listens to another account.
    simulator.put("accounts/2/escalations", json!({})).unwrap();
    simulator.deliveries_settled().await;
    let mut events = receiver.events();
    events.sort();
    assert_eq!(
        events,
        [
            "escalation.closed",
            "incident_report.closed",
            "incident_report.created",
            "platform_action.closed",
        ]
    );
}

#[tokio::test]
async fn a_message_is_signed_and_says_who_sends_it() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator().await;
    let told = simulator.happen(EventType::IncidentReportCreated);
    simulator.deliveries_settled().await;
    let [got] = &receiver.got()[..] else {
        panic!("not one message");
    };
    assert_eq!(got.json(), told);
    assert_eq!(got.header("content-type"), "application/json");
    assert!(got.header("user-agent").starts_with("Svix-Webhooks/"));
    assert!(got.header("svix-id").starts_with("msg_"));
    assert!((0..=60).contains(&got.age()), "{}", got.age());
    assert_eq!(got.signatures(), [got.signed_by(SECRET)]);
    let [delivery] = &simulator.deliveries()[..] else {
        panic!("not one delivery");
    };
    assert_eq!(delivery.id, got.header("svix-id"));
    assert_eq!(delivery.body.as_bytes(), got.body);
    assert_eq!(delivery.event_type, Some(EventType::IncidentReportCreated));
    assert_eq!(delivery.record_id, Some(id(&told)));
    assert_eq!(statuses(delivery), [204]);
    assert!(delivery.accepted && delivery.next_attempt.is_none());
}

#[tokio::test]
async fn the_same_seed_makes_the_same_messages() {
    let ids = async |seed| {
        let receiver = Receiver::start().await;
        let builder = Simulator::builder().webhook(Webhook::new(&receiver.url));
        let simulator = start(builder.seed(seed)).await;
        for event in EventType::ALL {
            simulator.happen(event);
        }
        let deliveries = simulator.deliveries().into_iter();
        let ids: Vec<_> = deliveries.map(|to| (to.id, to.record_id)).collect();
        (simulator.webhooks()[0].secret.clone(), ids)
    };
    assert_eq!(ids(3).await, ids(3).await);
    assert_ne!(ids(3).await, ids(4).await);
}

#[tokio::test]
async fn what_is_no_success_is_tried_again_under_the_same_id() {
    let answers = [302, 404, 410, 500, 429, 101 + 300, 200];
    let receiver = Receiver::answering(move |before, _| (answers[before], None)).await;
    let simulator = receiver.simulator().await;
    // So that it is seen that an attempt is signed anew.
    inject(&simulator, DeliveryFault::Late(1_000));
    simulator.happen(EventType::EscalationCreated);
    simulator.deliveries_settled().await;
    let got = receiver.got();
    let ids: BTreeSet<_> = got.iter().map(|got| got.header("svix-id")).collect();
    assert_eq!((got.len(), ids.len()), (7, 1));
    assert!(got.iter().all(|got| got.is_signed_by(SECRET)));
    assert!(got[0].age() >= 1_000 && got[1].age() <= 60);
    assert_ne!(got[0].signatures(), got[1].signatures());
    assert!(got.iter().all(|again| again.body == got[0].body));
    let delivery = &simulator.deliveries()[0];
    assert_eq!(statuses(delivery), answers);
    assert!(delivery.accepted);
}

#[tokio::test]
async fn nothing_is_lost_while_nobody_is_there() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let webhook = Webhook::new(format!("http://{address}/hook"));
    let simulator = start(Simulator::builder().webhook(webhook)).await;
    simulator.happen(EventType::AccountNotice);
    simulator.deliveries_settled().await;
    let delivery = &simulator.deliveries()[0];
    assert_eq!(delivery.attempts.len(), 8);
    let error = delivery.attempts[7].error.as_deref().unwrap();
    assert!(error.contains("refused"), "{error}");
    assert_eq!(delivery.given_up.as_deref(), Some("all attempts failed"));
    assert!(!simulator.resend("msg_none"));
    assert!(simulator.resend(&delivery.id));
    simulator.deliveries_settled().await;
    assert_eq!(simulator.deliveries()[0].attempts.len(), 9);
}

#[tokio::test]
async fn a_message_waits_as_long_as_the_schedule_says() {
    let receiver = Receiver::answering(|_, _| (503, None)).await;
    let builder = Simulator::builder().webhook(receiver.webhook());
    let simulator = builder.start().await.unwrap();
    simulator.happen(EventType::AccountNotice);
    while simulator.deliveries()[0].attempts.is_empty() {
        tokio::task::yield_now().await;
    }
    let delivery = &simulator.deliveries()[0];
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let began = at(&delivery.attempts[0].at);
    let next = at(delivery.next_attempt.as_deref().unwrap());
    let wait = next.duration_since(began).as_secs_f64();
    assert!((4.0..16.0).contains(&wait), "{wait}");
    simulator.reset();
    assert_eq!(simulator.deliveries(), []);
    assert_eq!(simulator.webhooks().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_answer_is_given_up_in_the_end() {
    // It accepts connections, and no more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = Webhook::new(format!("http://{}/hook", listener.local_addr().unwrap()));
    let builder = Simulator::builder().webhook(webhook);
    let simulator = builder.start().await.unwrap();
    simulator.happen(EventType::AccountNotice);
    let start = tokio::time::Instant::now();
    simulator.deliveries_settled().await;
    let hours = start.elapsed().as_secs() / 3_600;
    assert!((20..36).contains(&hours), "{hours}");
    let attempts = &simulator.deliveries()[0].attempts;
    let late = attempts
        .iter()
        .all(|attempt| attempt.error.as_deref() == Some("no answer in time"));
    assert!(late && attempts.len() == 8, "{attempts:?}");
    // A few more days, and it is switched off.
    for _ in 0..7 {
        simulator.happen(EventType::AccountNotice);
        simulator.deliveries_settled().await;
    }
    assert!(simulator.webhooks()[0].disabled);
    simulator.happen(EventType::AccountNotice);
    let last = simulator.deliveries().pop().unwrap();
    assert_eq!(last.given_up.as_deref(), Some("the endpoint is disabled"));
    assert!(last.attempts.is_empty());
}

#[tokio::test]
async fn a_receiver_can_ask_for_no_more() {
    for (wish, attempts, disabled) in [
        ("abort-message", 1, false),
        ("disable", 1, true),
        ("whatever", 8, false),
    ] {
        let answer = move |_, _: &Got| (500, Some(("webhook-delivery", wish)));
        let receiver = Receiver::answering(answer).await;
        let simulator = receiver.simulator().await;
        simulator.happen(EventType::AccountNotice);
        simulator.deliveries_settled().await;
        let delivery = &simulator.deliveries()[0];
        assert_eq!(delivery.attempts.len(), attempts, "{wish}");
        assert!(delivery.given_up.is_some());
        assert_eq!(simulator.webhooks()[0].disabled, disabled, "{wish}");
    }
}

#[tokio::test]
async fn an_endpoint_hears_of_its_categories_and_account() {
    let all = Receiver::start().await;
    let some = Receiver::start().await;
    let other = Receiver::start().await;
    let categories = [Category::Escalations, Category::AccountNotices];
    let builder = Simulator::builder()
        .webhook(all.webhook())
        .webhook(some.webhook().categories(categories))
        .webhook(other.webhook().account(2));
    let simulator = start(builder).await;
    for event in EventType::ALL {
        simulator.happen(event);
    }
    simulator
        .put("accounts/2/incident_reports", json!({"status": "sent"}))
        .unwrap();
    simulator.deliveries_settled().await;
    let heard = |receiver: &Receiver| receiver.events().into_iter().collect::<BTreeSet<_>>();
    assert_eq!(heard(&all).len(), 11);
    let expected = [
        "account_notice.notification",
        "escalation.closed",
        "escalation.created",
        "escalation.overdue",
    ];
    assert!(heard(&some).into_iter().eq(expected));
    assert_eq!(other.events(), ["incident_report.created"]);
    assert_eq!(other.got()[0].json()["account"]["id"], 2);
    // The same message has the same id at both.
    let ids = |receiver: &Receiver| {
        let got = receiver.got().into_iter();
        got.map(|got| got.header("svix-id").to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert!(ids(&some).is_subset(&ids(&all)));
}

#[tokio::test]
async fn there_are_five_endpoints_at_most_and_none_with_tls() {
    let six = (0..6).map(|_| Webhook::new("http://127.0.0.1:9/"));
    let builder = six.fold(Simulator::builder(), SimulatorBuilder::webhook);
    let refused = builder.start().await.unwrap_err().to_string();
    assert!(
        refused.contains("account 1 has 5 endpoints already"),
        "{refused}"
    );
    let api = Api::start().await;
    for _ in 0..5 {
        api.simulator
            .add_webhook(Webhook::new("http://127.0.0.1:9/"));
    }
    let sixth = json!({"url": "http://127.0.0.1:9/"});
    let (status, why) = api.post("/_simulator/webhooks", sixth.clone()).await;
    assert_eq!(status, 400, "{why}");
    assert!(api.simulator.remove_webhook(3));
    assert_eq!(api.post("/_simulator/webhooks", sixth).await.0, 201);
    let tls = json!({"url": "https://example.com/"});
    let (status, why) = api.post("/_simulator/webhooks", tls).await;
    assert_eq!(status, 400);
    assert!(why["message"].as_str().unwrap().contains("no TLS"), "{why}");
}

#[tokio::test]
async fn an_old_secret_signs_during_its_grace_time() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator().await;
    inject(&simulator, DeliveryFault::OldSecret);
    simulator.happen(EventType::AccountNotice);
    simulator.deliveries_settled().await;
    // There is no old one yet: the fault waits.
    assert_eq!(simulator.faults().len(), 1);
    let rotated = simulator
        .rotate_secret(1, Duration::from_secs(600))
        .unwrap();
    for _ in 0..2 {
        simulator.happen(EventType::AccountNotice);
        simulator.deliveries_settled().await;
    }
    let got = receiver.got();
    assert_eq!(got[0].signatures(), [got[0].signed_by(SECRET)]);
    assert_eq!(got[1].signatures(), [got[1].signed_by(SECRET)]);
    let both = [got[2].signed_by(&rotated.secret), got[2].signed_by(SECRET)];
    assert_eq!(got[2].signatures(), both);
    assert!(simulator.faults().is_empty());
    let rotated = simulator.rotate_secret(1, Duration::ZERO).unwrap();
    assert_eq!(rotated.old_secrets, 1);
    assert!(simulator.rotate_secret(9, Duration::ZERO).is_none());
}

/// What arrives of one event with a fault.
async fn with_fault(fault: DeliveryFault, event: EventType) -> Vec<Got> {
    // A receiver that checks, as far as this file does.
    let checks = |_, got: &Got| {
        let svix = got.headers.contains_key("svix-id");
        let refused = svix && (!got.is_signed_by(SECRET) || got.age().abs() > 300);
        (if refused { 401 } else { 200 }, None)
    };
    let receiver = Receiver::answering(checks).await;
    let simulator = receiver.simulator().await;
    inject(&simulator, fault.clone());
    simulator.happen(event);
    simulator.deliveries_settled().await;
    let delivery = &simulator.deliveries()[0];
    assert!(delivery.accepted, "{delivery:?}");
    assert_eq!(delivery.fault, Some(fault));
    receiver.got()
}

#[tokio::test]
async fn a_fault_is_seen_and_the_message_arrives_all_the_same() {
    let event = EventType::IncidentReportCreated;
    let twice = with_fault(DeliveryFault::Twice, event).await;
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0].header("svix-id"), twice[1].header("svix-id"));
    let delayed = with_fault(DeliveryFault::Delayed(1), event).await;
    assert_eq!(delayed.len(), 1);
    let late = with_fault(DeliveryFault::Late(301), event).await;
    assert_eq!(late.len(), 2);
    let early = with_fault(DeliveryFault::Late(-400), event).await;
    assert_eq!(early.len(), 2);
    let wrong = with_fault(DeliveryFault::WrongSignature, event).await;
    assert_eq!(wrong.len(), 2);
    let unknown = with_fault(DeliveryFault::UnknownEvent, event).await;
    assert!(unknown[0].event().parse::<EventType>().is_err());
    let not_json = with_fault(DeliveryFault::NotJson, event).await;
    assert!(serde_json::from_slice::<Value>(&not_json[0].body).is_err());
    let labelled = with_fault(DeliveryFault::WhiteLabelled, event).await;
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        labelled[0].header(name);
    }
    assert!(!labelled[0].headers.contains_key("svix-id"));
}

#[tokio::test]
async fn odd_fields_break_the_contract_in_known_ways() {
    for event in EventType::ALL {
        let got = with_fault(DeliveryFault::OddFields, event).await;
        let odd = got[0].json();
        assert!(contract(event).validate(&odd).is_err(), "{event}");
        assert!(
            odd["id"].as_str().unwrap().parse::<i64>().is_ok(),
            "{event}"
        );
        assert_eq!(odd["account_id"], 1, "{event}");
        assert!(odd.get("account").is_none(), "{event}");
    }
    let got = with_fault(DeliveryFault::OddFields, EventType::IncidentReportCreated).await;
    let odd = got[0].json();
    assert_eq!(odd["organization"]["name"], Value::Null);
    assert_eq!(odd["severity"], "apocalyptic");
}

#[tokio::test]
async fn a_message_can_be_overtaken() {
    let receiver = Receiver::start().await;
    // The real time, so that only the other message can let it go.
    let builder = Simulator::builder().webhook(receiver.webhook());
    let simulator = builder.start().await.unwrap();
    let fault = Fault::new(FaultKind::Delivery(DeliveryFault::OutOfOrder));
    simulator.inject(fault.on("incident_report.created"));
    simulator.happen(EventType::EscalationCreated);
    let incident = json!({"status": "sent"});
    let incident = simulator.put("incident_reports", incident).unwrap();
    // One from before does not overtake it.
    while !simulator.deliveries()[0].accepted {
        tokio::task::yield_now().await;
    }
    let closed = json!({"status": "closed"});
    simulator
        .change("incident_reports", id(&incident), closed)
        .unwrap();
    simulator.deliveries_settled().await;
    let mut events = receiver.events();
    assert_eq!(events.pop().unwrap(), "incident_report.created");
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn a_message_that_nothing_overtakes_is_not_held_for_ever() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator().await;
    inject(&simulator, DeliveryFault::OutOfOrder);
    simulator.happen(EventType::AccountNotice);
    simulator.deliveries_settled().await;
    assert_eq!(receiver.events(), ["account_notice.notification"]);
}

#[tokio::test]
async fn a_fault_is_at_an_event_that_there_is() {
    for (json, why) in [
        (
            r#"{"kind":{"delivery":"twice"},"operations":["list_agents"]}"#,
            "no event \"list_agents\"",
        ),
        (
            r#"{"kind":"drift","operations":["escalation.closed"]}"#,
            "no operation",
        ),
        (r#"{"kind":{"delivery":"thrice"}}"#, "unknown variant"),
    ] {
        let error = json.parse::<Fault>().unwrap_err().to_string();
        assert!(error.contains(why), "{json}: {error}");
    }
    let late = r#"{"kind":{"delivery":{"late":400}},"operations":["escalation.closed"]}"#;
    let fault = Fault::new(FaultKind::Delivery(DeliveryFault::Late(400)));
    assert_eq!(
        late.parse::<Fault>().unwrap(),
        fault.on("escalation.closed")
    );
}

#[tokio::test]
async fn many_messages_all_arrive() {
    let receiver = Receiver::answering(|before, _| (if before % 3 == 0 { 500 } else { 200 }, None));
    let receiver = receiver.await;
    let simulator = receiver.simulator().await;
    for _ in 0..300 {
        simulator.happen(EventType::AccountNotice);
    }
    simulator.deliveries_settled().await;
    let deliveries = simulator.deliveries();
    assert_eq!(deliveries.len(), 300);
    assert!(deliveries.iter().all(|delivery| delivery.accepted));
}

#[tokio::test(start_paused = true)]
async fn time_lets_everything_happen() {
    let simulator = Simulator::builder()
        .live(60.0)
        .webhook(Webhook::new("http://127.0.0.1:9/"))
        .start()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let deliveries = simulator.deliveries();
    let happened: BTreeSet<_> = deliveries.iter().filter_map(|to| to.event_type).collect();
    assert_eq!(happened.len(), 11, "{happened:?}");
    assert!((40..80).contains(&deliveries.len()), "{}", deliveries.len());
}

#[tokio::test]
async fn webhooks_are_controlled_without_a_key() {
    let receiver = Receiver::start().await;
    let api = Api::start().await;
    let webhook = json!({"url": receiver.url, "categories": ["account_notices"], "account_id": 1});
    let (status, endpoint) = api.post("/_simulator/webhooks", webhook).await;
    assert_eq!(status, 201, "{endpoint}");
    assert!(endpoint["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(api.get("/_simulator/webhooks").await, json!([endpoint]));
    let notice = json!({"event_type": "account_notice.notification"});
    let (status, told) = api.post("/_simulator/events", notice).await;
    assert_eq!((status, &told["account"]["id"]), (201, &json!(1)));
    assert_eq!(
        api.post("/_simulator/webhooks/1/test", json!({})).await.0,
        204
    );
    api.simulator.deliveries_settled().await;
    let deliveries = api.get("/_simulator/deliveries").await;
    assert_eq!(deliveries[0]["event_type"], "account_notice.notification");
    assert_eq!(deliveries[0]["accepted"], true);
    assert_eq!(deliveries[1]["event_type"], Value::Null);
    let test = receiver.got().pop().unwrap();
    assert!(test.json().get("event_type").is_none());
    assert!(test.is_signed_by(endpoint["secret"].as_str().unwrap()));
    let again = deliveries[0]["id"].as_str().unwrap();
    let again = format!("/_simulator/deliveries/{again}/resend");
    assert_eq!(api.post(&again, json!({})).await.0, 204);
    api.simulator.deliveries_settled().await;
    assert_eq!(receiver.got().len(), 3);
    let rotation = json!({"secret": SECRET, "grace_seconds": 0});
    let (status, rotated) = api.post("/_simulator/webhooks/1/secret", rotation).await;
    assert_eq!((status, &rotated["secret"]), (200, &json!(SECRET)));
    for (line, body, status) in [
        ("POST /_simulator/webhooks/9/test", json!({}), 404),
        ("POST /_simulator/webhooks/9/secret", json!({}), 404),
        (
            "POST /_simulator/webhooks/1/secret",
            json!({"secret": "short"}),
            400,
        ),
        (
            "POST /_simulator/webhooks/1/secret",
            json!({"grace_seconds": -1}),
            400,
        ),
        (
            "POST /_simulator/events",
            json!({"event_type": "never"}),
            400,
        ),
        ("POST /_simulator/webhooks", json!({"uri": "http://x"}), 400),
        ("DELETE /_simulator/webhooks/1", json!({}), 204),
        ("DELETE /_simulator/webhooks/1", json!({}), 404),
        ("DELETE /_simulator/webhooks", json!({}), 204),
        ("GET /_simulator/webhooks/1", json!({}), 404),
    ] {
        assert_eq!(api.send(line, body).await.0, status, "{line}");
    }
    assert_eq!(api.get("/_simulator/webhooks").await, json!([]));
}
