//! The extractor behind a real server, with the simulator as the sender.

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use huntress::jiff::Timestamp;
use huntress::webhooks::{Delivery, DeliveryRejection, Event, Verifier, VerifyError, sign};
use huntress::{Client, OddField};
use huntress_simulator::{DeliveryFault, EventType, Fault, FaultKind, Simulator, Webhook};
use serde_json::{Value, json};
use support::simulated;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A wait of five seconds takes five milliseconds.
const HASTE: f64 = 0.001;
const HOUR: Duration = Duration::from_secs(3_600);

/// A program that hears of events.
#[derive(Clone)]
struct Receiver {
    url: String,
    verifier: Arc<Mutex<Verifier>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    told: Arc<Mutex<Vec<OddField>>>,
    /// What is answered to the next deliveries; 204 after that.
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
}

/// One request: its headers, and what the extractor made of it.
struct Seen {
    headers: HeaderMap,
    taken: Result<Delivery, DeliveryRejection>,
}

impl FromRef<Receiver> for Verifier {
    fn from_ref(receiver: &Receiver) -> Self {
        receiver.verifier.lock().unwrap().clone()
    }
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let told: Arc<Mutex<Vec<OddField>>> = Arc::default();
        let receiver = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            verifier: Arc::new(Mutex::new(verifier(&told, &[SECRET]))),
            seen: Arc::default(),
            told,
            answers: Arc::default(),
        };
        let router = Router::new()
            .route("/", post(receive))
            .route("/plain", post(receive_plainly))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// A simulator that tells of everything here.
    async fn simulator(&self, time_scale: f64) -> Simulator {
        Simulator::builder()
            .no_quota()
            .webhook(Webhook::new(&self.url).secret(SECRET))
            .webhook_time_scale(time_scale)
            .start()
            .await
            .unwrap()
    }

    fn knows(&self, secrets: &[&str]) {
        *self.verifier.lock().unwrap() = verifier(&self.told, secrets);
    }

    fn answer(&self, status: StatusCode) {
        self.answers.lock().unwrap().push_back(status);
    }

    /// The requests since the last call of this.
    fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// The deliveries since the last request was taken, none of which was refused.
    #[track_caller]
    fn take_deliveries(&self) -> Vec<Delivery> {
        let seen = self.take_seen().into_iter();
        seen.map(|seen| seen.taken.unwrap()).collect()
    }

    /// Sends a request as somebody else might; the status and text of the answer.
    async fn post(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
        let length = format!("content-length: {}", body.len());
        self.post_framed(path, headers, &length, body).await
    }

    /// The same with a header that says how long the body is.
    async fn post_framed(
        &self,
        path: &str,
        headers: &HeaderMap,
        framing: &str,
        body: &[u8],
    ) -> (u16, String) {
        let host = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).await.unwrap();
        let mut head =
            format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{framing}\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        let request = [head.as_bytes(), b"\r\n", body].concat();
        stream.write_all(&request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        (
            head["HTTP/1.1 ".len()..][..3].parse().unwrap(),
            text.to_owned(),
        )
    }
}

fn verifier(told: &Arc<Mutex<Vec<OddField>>>, secrets: &[&str]) -> Verifier {
    let told = Arc::clone(told);
    let verifier = Verifier::new(secrets).unwrap();
    verifier.on_odd_field(move |odd| told.lock().unwrap().push(odd.clone()))
}

async fn receive(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    taken: Result<Delivery, DeliveryRejection>,
) -> Response {
    let answer = match &taken {
        Ok(_) => {
            let answer = receiver.answers.lock().unwrap().pop_front();
            answer.unwrap_or(StatusCode::NO_CONTENT).into_response()
        }
        Err(rejection) => rejection.clone().into_response(),
    };
    receiver.seen.lock().unwrap().push(Seen { headers, taken });
    answer
}

/// What a handler is that does not look at refusals.
async fn receive_plainly(_: Delivery) -> StatusCode {
    StatusCode::NO_CONTENT
}

fn signed(body: &[u8]) -> HeaderMap {
    sign(SECRET, "msg_1", Timestamp::now(), body).unwrap()
}

/// What was answered to each attempt at each message.
fn statuses(simulator: &Simulator) -> Vec<Vec<u16>> {
    let deliveries = simulator.deliveries().into_iter();
    let statuses = deliveries.map(|delivery| {
        let attempts = delivery.attempts.into_iter();
        attempts.map(|attempt| attempt.status.unwrap()).collect()
    });
    statuses.collect()
}

/// Lets an incident happen whose delivery goes wrong in some way, and waits for its end. What
/// was answered, and what arrived.
async fn wronged(
    receiver: &Receiver,
    simulator: &Simulator,
    fault: DeliveryFault,
) -> (Vec<u16>, Vec<Seen>) {
    simulator.inject(Fault::new(FaultKind::Delivery(fault)));
    simulator.happen(EventType::IncidentReportCreated);
    simulator.deliveries_settled().await;
    assert_eq!(simulator.faults(), []);
    (statuses(simulator).pop().unwrap(), receiver.take_seen())
}

/// Why a request was refused.
fn refusal(seen: &Seen) -> &VerifyError {
    seen.taken.as_ref().unwrap_err().error().unwrap()
}

/// What of a record both the event and the API show, as JSON.
type Shown = [Value; 4];

macro_rules! shown {
    ($record:expr) => {
        [
            json!($record.id),
            json!($record.status),
            json!($record.severity),
            json!($record.subject),
        ]
    };
}

/// A record as an event shows it, and as the API does; `None` where it has none.
async fn both(client: &Client, event: &Event) -> Option<(Shown, Shown)> {
    Some(match event {
        Event::IncidentReportCreated(incident)
        | Event::IncidentReportCommentAdded(incident)
        | Event::IncidentReportClosed(incident) => {
            let record = client
                .get_incident_report(incident.id)
                .send()
                .await
                .unwrap();
            (shown!(incident), shown!(record))
        }
        Event::EscalationCreated(escalation)
        | Event::EscalationOverdue(escalation)
        | Event::EscalationClosed(escalation) => {
            let record = client.get_escalation(escalation.id).send().await.unwrap();
            (shown!(escalation), shown!(record))
        }
        Event::PlatformActionCreated(action)
        | Event::PlatformActionOverdue(action)
        | Event::PlatformActionClosed(action) => {
            let record = client.get_platform_action(action.id).send().await.unwrap();
            (shown!(action), shown!(record))
        }
        _ => return None,
    })
}

#[tokio::test]
async fn each_event_arrives_as_its_own_variant_and_leads_to_its_record() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(1.0).await;
    let client = simulated(&simulator).build().unwrap();
    let mut records = 0;
    for event in EventType::ALL {
        let happened = simulator.happen(event);
        simulator.deliveries_settled().await;
        let [delivery] = &receiver.take_deliveries()[..] else {
            panic!("{event} does not arrive once");
        };
        assert!(delivery.id.starts_with("msg_"), "{}", delivery.id);
        assert_eq!(delivery.body, happened.to_string().as_bytes());
        assert_eq!(delivery.event.event_type(), event.as_str());
        assert!(!matches!(delivery.event, Event::Unknown { .. }), "{event}");
        if let Some((told, record)) = both(&client, &delivery.event).await {
            assert_eq!(told[0], happened["id"], "{event}");
            assert_eq!(told, record, "{event}");
            assert!(
                told.iter().all(|value| !value.is_null()),
                "{event}: {told:?}"
            );
            records += 1;
        }
    }
    assert_eq!(records, 9);
    assert_eq!(statuses(&simulator), vec![vec![204]; 11]);
    assert_eq!(*receiver.told.lock().unwrap(), []);
}

#[tokio::test]
async fn a_message_of_the_portal_is_unknown_and_taken() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(1.0).await;
    assert!(simulator.send_test(1));
    simulator.deliveries_settled().await;
    let [delivery] = &receiver.take_deliveries()[..] else {
        panic!("it does not arrive once");
    };
    assert!(matches!(&delivery.event, Event::Unknown { event_type, .. } if event_type.is_empty()));
    assert_eq!(statuses(&simulator), [[204]]);
}

#[tokio::test]
async fn what_comes_twice_has_the_same_id_and_the_same_body() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(HASTE).await;
    let (statuses, seen) = wronged(&receiver, &simulator, DeliveryFault::Twice).await;
    assert_eq!(statuses, [204, 204]);
    let [first, second] = &seen[..] else {
        panic!("it does not come twice");
    };
    let (first, second) = (
        first.taken.as_ref().unwrap(),
        second.taken.as_ref().unwrap(),
    );
    assert_eq!((&first.id, &first.body), (&second.id, &second.body));
    assert_eq!(first.event, second.event);
}

#[tokio::test]
async fn what_happened_first_may_arrive_last() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(1.0).await;
    simulator.inject(Fault::new(FaultKind::Delivery(DeliveryFault::OutOfOrder)));
    simulator.happen(EventType::EscalationCreated);
    simulator.happen(EventType::EscalationClosed);
    simulator.deliveries_settled().await;
    let arrived = receiver.take_deliveries();
    let arrived: Vec<_> = arrived
        .iter()
        .map(|delivery| delivery.event.event_type())
        .collect();
    assert_eq!(arrived, ["escalation.closed", "escalation.created"]);
}

#[tokio::test]
async fn what_is_delayed_arrives_no_sooner_and_is_not_too_old() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(HASTE).await;
    let happened = Instant::now();
    let (statuses, seen) = wronged(&receiver, &simulator, DeliveryFault::Delayed(200)).await;
    assert!(happened.elapsed() >= Duration::from_millis(200));
    assert_eq!((statuses, seen.len()), (vec![204], 1));
}

#[tokio::test]
async fn what_is_badly_signed_or_late_is_refused_and_comes_again_with_its_id() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(HASTE).await;
    for fault in [
        DeliveryFault::WrongSignature,
        DeliveryFault::Late(400),
        DeliveryFault::Late(-400),
    ] {
        let (statuses, seen) = wronged(&receiver, &simulator, fault.clone()).await;
        assert_eq!(statuses, [401, 204], "{fault:?}");
        match (&fault, refusal(&seen[0])) {
            (DeliveryFault::Late(400), VerifyError::TooOld { by }) => {
                assert!((400..460).contains(&by.as_secs()), "{by:?}");
            }
            (DeliveryFault::Late(-400), VerifyError::TooNew { by }) => {
                assert!((340..=400).contains(&by.as_secs()), "{by:?}");
            }
            (DeliveryFault::WrongSignature, VerifyError::NoSignatureMatched) => {}
            (_, other) => panic!("{fault:?}: {other:?}"),
        }
        let accepted = seen[1].taken.as_ref().unwrap();
        assert_eq!(seen[0].headers["svix-id"], accepted.id);
    }
    let (statuses, seen) = wronged(&receiver, &simulator, DeliveryFault::Late(100)).await;
    assert_eq!(statuses, [204], "it is late, but not too late");
    let sent_at = seen[0].taken.as_ref().unwrap().sent_at;
    let ago = Timestamp::now().as_second() - sent_at.as_second();
    assert!((100..160).contains(&ago), "{ago}");
}

#[tokio::test]
async fn while_a_secret_is_replaced_either_is_good_and_both_are_better() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(HASTE).await;
    let new = simulator.rotate_secret(1, HOUR).unwrap().secret;
    assert_ne!(new, SECRET);
    for secrets in [&[SECRET][..], &[&new], &[&new, SECRET], &[SECRET, &new]] {
        receiver.knows(secrets);
        simulator.happen(EventType::AccountNotice);
        simulator.deliveries_settled().await;
        assert_eq!(receiver.take_deliveries().len(), 1);
    }
    for (secrets, expected) in [
        (&[SECRET][..], &[204][..]),
        (&[&new], &[401, 204]),
        (&[&new, SECRET], &[204]),
    ] {
        receiver.knows(secrets);
        let (statuses, _) = wronged(&receiver, &simulator, DeliveryFault::OldSecret).await;
        assert_eq!(statuses, expected);
    }
}

#[tokio::test]
async fn what_nobody_knows_is_unknown_with_all_of_it_and_taken() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(HASTE).await;
    for fault in [DeliveryFault::UnknownEvent, DeliveryFault::NotJson] {
        let (statuses, seen) = wronged(&receiver, &simulator, fault.clone()).await;
        assert_eq!(statuses, [204], "{fault:?}");
        let delivery = seen[0].taken.as_ref().unwrap();
        let text = String::from_utf8(delivery.body.clone()).unwrap();
        let (event_type, json) = match fault {
            DeliveryFault::NotJson => ("", Value::String(text)),
            _ => ("identity.resurrected", text.parse().unwrap()),
        };
        let event_type = event_type.to_owned();
        assert_eq!(delivery.event, Event::Unknown { event_type, json });
    }
}

#[tokio::test]
async fn odd_spellings_are_read() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(HASTE).await;
    let (statuses, seen) = wronged(&receiver, &simulator, DeliveryFault::OddFields).await;
    assert_eq!(statuses, [204]);
    let Event::IncidentReportCreated(incident) = &seen[0].taken.as_ref().unwrap().event else {
        panic!("it is no incident");
    };
    let id = simulator.deliveries()[0].record_id.unwrap();
    assert_eq!(incident.id, id);
    assert_eq!(json!(incident.severity), "apocalyptic");
    assert_eq!(incident.account, None);
    assert_eq!(json!(incident.account_id), 1);
    let organization = incident.organization.as_ref().unwrap();
    assert_eq!(
        (organization.id, &organization.name),
        (incident.organization_id, &None)
    );
    assert_eq!(*receiver.told.lock().unwrap(), []);
}

#[tokio::test]
async fn what_fits_no_field_costs_itself_and_is_told() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(1.0).await;
    let mut body = simulator.happen(EventType::EscalationOverdue);
    simulator.deliveries_settled().await;
    let [whole] = &receiver.take_deliveries()[..] else {
        panic!("it does not arrive once");
    };
    let Event::EscalationOverdue(mut expected) = whole.event.clone() else {
        panic!("{whole:?}");
    };
    body["subject"] = json!({"text": "odd"});
    body["organizations"] = json!([{"id": 7, "name": "a name"}, {"name": "no id"}]);
    expected.subject = None;
    expected.organizations = serde_json::from_value(json!([{"id": 7, "name": "a name"}])).unwrap();

    let body = body.to_string();
    let (status, _) = receiver
        .post("", &signed(body.as_bytes()), body.as_bytes())
        .await;
    assert_eq!(status, 204);
    let [delivery] = &receiver.take_deliveries()[..] else {
        panic!("it does not arrive once");
    };
    let id = expected.id.get();
    assert_eq!(delivery.event, Event::EscalationOverdue(expected));
    let told = receiver.told.lock().unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|odd| (odd.operation(), odd.record_id(), odd.path()))
        .collect();
    let event = "escalation.overdue";
    assert_eq!(
        told,
        [
            (event, Some(id), "organizations[1]"),
            (event, Some(id), "subject")
        ]
    );
}

#[tokio::test]
async fn the_headers_may_have_the_names_of_the_standard() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(HASTE).await;
    let (statuses, seen) = wronged(&receiver, &simulator, DeliveryFault::WhiteLabelled).await;
    assert_eq!(statuses, [204]);
    assert!(!seen[0].headers.contains_key("svix-id"));
    assert_eq!(
        seen[0].headers["webhook-id"],
        seen[0].taken.as_ref().unwrap().id
    );
}

#[tokio::test]
async fn what_could_not_be_stored_comes_again() {
    let receiver = Receiver::start().await;
    let simulator = receiver.simulator(HASTE).await;
    receiver.answer(StatusCode::SERVICE_UNAVAILABLE);
    receiver.answer(StatusCode::SERVICE_UNAVAILABLE);
    simulator.happen(EventType::PlatformActionCreated);
    simulator.deliveries_settled().await;
    assert_eq!(statuses(&simulator), [[503, 503, 204]]);
    let deliveries = receiver.take_deliveries();
    assert_eq!(deliveries.len(), 3);
    for again in &deliveries[1..] {
        assert_eq!(again.id, deliveries[0].id);
        assert_eq!(again.body, deliveries[0].body);
    }
}

#[tokio::test]
async fn what_is_no_delivery_is_answered_without_the_handler_and_learns_nothing() {
    const BODY: &[u8] = br#"{"event_type": "incident_report.created", "id": 7}"#;
    let receiver = Receiver::start().await;
    let limited = Verifier::new([SECRET]).unwrap().max_body(100);
    *receiver.verifier.lock().unwrap() = limited;
    let without = |name: &str| {
        let mut headers = signed(BODY);
        headers.remove(name).unwrap();
        headers
    };
    let with = |name: &'static str, value: &str| {
        let mut headers = signed(BODY);
        headers.insert(name, value.parse().unwrap());
        headers
    };
    let long = [b' '; 101];
    let now = Timestamp::now();
    let old = sign(SECRET, "msg_1", now - HOUR, BODY).unwrap();
    let new = sign(SECRET, "msg_1", now + HOUR, BODY).unwrap();
    let (malformed, unsigned, large) = (
        (400, "not a delivery\n"),
        (401, "not a valid signature of this endpoint\n"),
        (413, "too large\n"),
    );
    for (what, headers, body, (status, text)) in [
        ("nothing is wrong", signed(BODY), BODY, (204, "")),
        ("no headers", HeaderMap::new(), BODY, malformed),
        ("no id", without("svix-id"), BODY, malformed),
        ("no timestamp", without("svix-timestamp"), BODY, malformed),
        ("no signature", without("svix-signature"), BODY, malformed),
        ("no time", with("svix-timestamp", "soon"), BODY, malformed),
        (
            "no base64",
            with("svix-signature", "v1,???"),
            BODY,
            unsigned,
        ),
        ("another id", with("svix-id", "msg_2"), BODY, unsigned),
        ("another body", signed(BODY), b"{}", unsigned),
        ("too old", old, BODY, unsigned),
        ("too new", new, BODY, unsigned),
        ("too large", signed(&long), &long, large),
        ("too large, and not signed", HeaderMap::new(), &long, large),
    ] {
        let answer = receiver.post("plain", &headers, body).await;
        assert_eq!(answer, (status, text.to_owned()), "{what}");
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_read_up_to_the_limit_and_no_further() {
    let receiver = Receiver::start().await;
    let limited = Verifier::new([SECRET]).unwrap().max_body(100);
    *receiver.verifier.lock().unwrap() = limited;
    // The second body is too large before it ends, which it never does.
    for (bytes, end, status) in [(50, "0\r\n\r\n", 204), (51, "", 413)] {
        let chunk = " ".repeat(bytes);
        let headers = signed(chunk.repeat(2).as_bytes());
        let body = format!("{bytes:x}\r\n{chunk}\r\n{bytes:x}\r\n{chunk}\r\n{end}");
        let chunked = "transfer-encoding: chunked";
        let answer = receiver.post_framed("plain", &headers, chunked, body.as_bytes());
        let answer = tokio::time::timeout(Duration::from_secs(10), answer).await;
        assert_eq!(answer.expect("an answer").0, status);
    }
}
