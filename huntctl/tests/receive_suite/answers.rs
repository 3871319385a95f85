//! What the endpoint answers, and that it stores what it answers by 200 and nothing else.

use std::time::Duration;

use huntctl::http::Limits;
use huntress::http::{HeaderMap, HeaderValue};
use huntress::webhooks::sign;
use huntress_simulator::{EventType, Simulator};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{
    NOBODYS, OTHER_SECRET, Place, Running, SECRET, client, count, deliver_by, incident, options,
    own, signed, small,
};

const ID: &str = "msg_1";

/// A request that may be good.
struct Sent {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn good() -> Self {
        let body = notice(1);
        Self {
            headers: signed(SECRET, ID, &body),
            body,
        }
    }

    fn at(seconds: i64) -> Self {
        let moment = Timestamp::now() + SignedDuration::from_secs(seconds);
        let body = notice(1);
        Self {
            headers: sign(SECRET, ID, moment, &body).unwrap(),
            body,
        }
    }

    fn by(secret: &str) -> Self {
        let headers = signed(secret, ID, &notice(1));
        let body = notice(1);
        Self { headers, body }
    }

    fn set(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.insert(name, value);
        self
    }

    fn twice(mut self, name: &'static str) -> Self {
        let value = self.headers[name].clone();
        self.headers.append(name, value);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name).unwrap();
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn signature(&self) -> String {
        self.headers["svix-signature"].to_str().unwrap().to_owned()
    }

    /// With its signature changed in some way.
    fn resigned(self, change: impl Fn(&str) -> String) -> Self {
        let signature = change(&self.signature());
        self.set("svix-signature", signature)
    }

    fn white_labelled(mut self) -> Self {
        for (old, new) in [
            ("svix-id", "webhook-id"),
            ("svix-timestamp", "webhook-timestamp"),
            ("svix-signature", "webhook-signature"),
        ] {
            let value = self.headers.remove(old).unwrap();
            self.headers.insert(new, value);
        }
        self
    }

    async fn to(self, running: &Running) -> u16 {
        let request = client().post(&running.url);
        let request = request.headers(self.headers).body(self.body);
        request.send().await.unwrap().status().as_u16()
    }
}

fn notice(id: i64) -> Vec<u8> {
    let notice = json!({"event_type": "account_notice.notification", "id": id});
    notice.to_string().into_bytes()
}

fn table() -> Vec<(&'static str, Sent, u16)> {
    let good = Sent::good;
    let no_bytes = b"{\"event_type\": \"\xff\"}".to_vec();
    let not_text = Sent {
        headers: signed(SECRET, ID, &no_bytes),
        body: no_bytes,
    };
    let others = format!("v1,{}= v2,AAAA", "A".repeat(43));
    let middle = move |good: &str| format!("{others} {good} v1a,AAAA");
    vec![
        ("as it comes", good(), 200),
        ("no id", good().without("svix-id"), 400),
        ("no timestamp", good().without("svix-timestamp"), 400),
        ("no signature", good().without("svix-signature"), 400),
        ("an empty id", good().set("svix-id", ""), 400),
        ("an id of other bytes", good().set("svix-id", b"\xff"), 400),
        ("another id", good().set("svix-id", "msg_2"), 401),
        (
            "words for a time",
            good().set("svix-timestamp", "soon"),
            400,
        ),
        ("a negative time", good().set("svix-timestamp", "-1"), 400),
        (
            "another time",
            good().set("svix-timestamp", "1614265331"),
            401,
        ),
        ("almost too old", Sent::at(-290), 200),
        ("too old", Sent::at(-310), 401),
        ("almost too new", Sent::at(290), 200),
        ("too new", Sent::at(310), 401),
        (
            "a wrong signature",
            good().set("svix-signature", "v1,AAAA"),
            401,
        ),
        ("an empty one", good().set("svix-signature", "v1,"), 401),
        (
            "its first bytes",
            good().resigned(|it| it[..30].to_owned()),
            401,
        ),
        ("no version", good().resigned(|it| it[3..].to_owned()), 401),
        ("in the middle of several", good().resigned(middle), 200),
        (
            "another version",
            good().resigned(|it| it.replace("v1", "v2")),
            401,
        ),
        (
            "v1a alone",
            good().resigned(|it| it.replace("v1", "v1a")),
            401,
        ),
        (
            "the secret of another endpoint",
            Sent::by(OTHER_SECRET),
            200,
        ),
        ("the secret of nobody", Sent::by(NOBODYS), 401),
        ("another body", good().body("{}"), 401),
        (
            "one more space",
            good().body([&notice(1)[..], b" "].concat()),
            401,
        ),
        ("no body", good().body(""), 401),
        ("not text", not_text, 200),
        ("other names of headers", good().white_labelled(), 200),
        (
            "half of the names",
            good().white_labelled().without("webhook-id"),
            400,
        ),
        (
            "a long signature",
            good().set("svix-signature", "v1,A ".repeat(2_000)),
            400,
        ),
        ("an id twice", good().twice("svix-id"), 400),
        ("a signature twice", good().twice("svix-signature"), 400),
        ("no content type", good(), 200),
        (
            "another content type",
            good().set("content-type", "image/png"),
            200,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_is_stored_and_nothing_else() {
    for place in Place::each().await {
        let store = place.store().await;
        let running = Running::start(&store, Vec::new()).await;
        for (name, sent, expected) in table() {
            let status = sent.to(&running).await;
            assert_eq!(status, expected, "{name}");
            let stored = count(&store, "SELECT count(*) FROM deliveries").await;
            assert_eq!(stored, i64::from(status == 200), "{name}");
            for table in ["deliveries", "delivered_events"] {
                let sql = format!("DELETE FROM {table}");
                store.database().execute(&sql, &[]).await.unwrap();
            }
        }
        running.stop().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_again_is_stored_once_and_one_with_another_body_is_refused() {
    for place in Place::each().await {
        let store = place.store().await;
        let running = Running::start(&store, Vec::new()).await;
        assert_eq!(running.deliver(ID, notice(1)).await, 200);
        assert_eq!(running.deliver(ID, notice(1)).await, 200);
        assert_eq!(running.deliver(ID, notice(2)).await, 409);
        assert_eq!(running.deliver(ID, notice(1)).await, 200);
        // Svix signs anew each time, and may do so by another secret meanwhile.
        assert_eq!(Sent::by(OTHER_SECRET).to(&running).await, 200);
        assert_eq!(running.told.lock().unwrap().len(), 1);
        for (outcome, expected) in [("stored", 1.0), ("repeated", 3.0), ("conflict", 1.0)] {
            let name = format!("huntctl_receive_deliveries_total{{outcome=\"{outcome}\"}}");
            assert_eq!(running.measured(&name).await, expected, "{outcome}");
        }
        let sql = "SELECT body FROM delivered_events";
        let rows = store.database().query(sql, &[]).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].text(0).unwrap().as_bytes(), notice(1));
        running.stop().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_under_one_id_are_stored_once() {
    for place in Place::each().await {
        let store = place.store().await;
        let running = Running::start(&store, Vec::new()).await;
        let client = client();
        let all = (0..40).map(|number| {
            let (client, url) = (client.clone(), running.url.clone());
            let body = notice(number % 2);
            tokio::spawn(async move {
                (
                    body[body.len() - 2],
                    deliver_by(&client, &url, ID, &body).await,
                )
            })
        });
        let mut statuses = std::collections::BTreeMap::new();
        for one in all.collect::<Vec<_>>() {
            *statuses.entry(one.await.unwrap()).or_insert(0) += 1;
        }
        // All of the body that came first, and none of the other.
        let counts: Vec<_> = statuses.values().collect();
        assert_eq!(counts, [&20, &20], "{statuses:?}");
        let kinds: Vec<_> = statuses.keys().map(|(_, status)| *status).collect();
        assert!(kinds == [200, 409] || kinds == [409, 200], "{statuses:?}");
        assert_eq!(count(&store, "SELECT count(*) FROM deliveries").await, 1);
        assert_eq!(running.told.lock().unwrap().len(), 1);
        running.stop().await;
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_one_mebibyte_is_the_largest() {
    let place = Place::sqlite();
    let store = place.store().await;
    let running = Running::start(&store, Vec::new()).await;
    let most = 1 << 20;
    let long = |bytes: usize| {
        let mut body = notice(1);
        body.resize(bytes, b' ');
        body
    };
    assert_eq!(running.deliver(ID, long(most)).await, 200);
    assert_eq!(running.deliver("msg_2", long(most + 1)).await, 413);
    // Without a word of how long it will be, and nobody waits for the rest.
    let body = long(most + 1);
    let headers = signed(SECRET, "msg_3", &body);
    let chunks = futures_util::stream::iter(
        body.chunks(1 << 16)
            .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
            .collect::<Vec<_>>(),
    );
    let stream = axum::body::Body::from_stream(chunks);
    let status = send_stream(&running, headers, stream).await;
    assert_eq!(status, 413);
    assert_eq!(count(&store, "SELECT count(*) FROM deliveries").await, 1);
    running.stop().await;
}

/// Sends a body in chunks that has no end, by hand: the client of the tests cannot.
async fn send_stream(running: &Running, headers: HeaderMap, body: axum::body::Body) -> u16 {
    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = running.url.trim_start_matches("http://");
    let address = address.trim_end_matches("/webhooks");
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut head =
        "POST /webhooks HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n".to_owned();
    for (name, value) in &headers {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    head += "\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut body = body;
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.into_data().unwrap();
        let size = format!("{:x}\r\n", data.len());
        let chunk = [size.as_bytes(), &data, b"\r\n"].concat();
        if socket.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()[9..].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_paths_lead_nowhere() {
    let place = Place::sqlite();
    let store = place.store().await;
    let running = Running::start(&store, Vec::new()).await;
    let client = client();
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = client.request(method.clone(), &running.url).send().await;
        let response = response.unwrap();
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()["allow"], "POST");
    }
    let body = notice(1);
    for path in [
        "/",
        "/webhooks/",
        "/webhooks/x",
        "/metrics",
        "/healthz",
        "//webhooks",
    ] {
        let url = running.url.replace("/webhooks", path);
        let request = client.post(url).headers(signed(SECRET, ID, &body));
        let response = request.body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
    let wrong = "huntctl_receive_deliveries_total{outcome=\"wrong_path\"}";
    assert_eq!(running.measured(wrong).await, 6.0);
    assert_eq!(count(&store, "SELECT count(*) FROM deliveries").await, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_is_cut_off_and_counted() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let place = Place::sqlite();
    let store = place.store().await;
    let limits = Limits {
        request: Duration::from_millis(200),
        ..Limits::default()
    };
    let running = Running::with(&store, Vec::new(), options(), limits).await;
    let address = running.url.trim_start_matches("http://");
    let address = address.trim_end_matches("/webhooks");
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /webhooks HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nsome";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let cut = "huntctl_receive_deliveries_total{outcome=\"cut\"}";
    assert_eq!(running.measured(cut).await, 1.0);
    running.stop().await;
}

/// Every event, and every field of it as something that it should not be.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_signed_is_taken() {
    let place = Place::sqlite();
    let store = place.store().await;
    let simulator = small().start().await.unwrap();
    // Nothing is fetched meanwhile, so that it takes no longer.
    let options = huntctl::receive::Options {
        at_once: 0,
        ..options()
    };
    let running = Running::with(&store, own(&simulator), options, Limits::default()).await;
    let mut bodies: Vec<Vec<u8>> = [
        &b""[..],
        b" ",
        b"null",
        b"7",
        b"[]",
        b"{}",
        b"\"\\ud800\"",
        b"{\"event_type\": 7}",
        b"{\"event_type\": \"incident_report.created\"}",
        b"{\"event_type\": \"incident_report.created\", \"id\": 9223372036854775807}",
        b"{\"event_type\": \"incident_report.created\", \"id\": 1e300}",
        b"{\"event_type\": \"incident_report.created\", \"id\": 7, \"id\": 8}",
        b"{\"event_type\": \"\\u0000\", \"id\": \"\\u0000\"}",
        b"{\"event_type\": \"identity.resurrected\", \"id\": 7}",
        b"\0\0\0",
        b"\xff\xfe",
        b"this is not JSON {",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    bodies.push("[".repeat(100_000).into_bytes());
    bodies.push(
        json!({"event_type": "x".repeat(100_000)})
            .to_string()
            .into(),
    );
    bodies.extend(odd_events(&simulator));
    for (number, body) in bodies.iter().enumerate() {
        let status = running.deliver(&format!("msg_{number}"), body).await;
        let shown: String = String::from_utf8_lossy(body).chars().take(300).collect();
        assert_eq!(status, 200, "{shown}");
    }
    let all = i64::try_from(bodies.len()).unwrap();
    assert!(all > 500, "{all}");
    for table in ["deliveries", "delivered_events"] {
        let sql = format!("SELECT count(*) FROM {table}");
        assert_eq!(count(&store, &sql).await, all);
    }
    running.stop().await;
}

fn odd_events(simulator: &Simulator) -> Vec<Vec<u8>> {
    let pool = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!("7"),
        json!("x".repeat(2_000)),
        json!([]),
        json!({"id": {"id": 7}}),
    ];
    let mut bodies = Vec::new();
    for event in EventType::ALL {
        let whole = simulator.happen(event);
        bodies.push(whole.clone());
        for key in whole.as_object().unwrap().keys() {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(key);
            bodies.push(without);
            bodies.extend(pool.iter().map(|value| {
                let mut odd: Value = whole.clone();
                odd[key] = value.clone();
                odd
            }));
        }
    }
    let bodies = bodies.iter().map(|body| body.to_string().into_bytes());
    bodies.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_is_refused_and_taken_once_it_can() {
    for place in Place::each().await {
        let store = place.store().await;
        let simulator = small().start().await.unwrap();
        let running = Running::start(&store, own(&simulator)).await;
        assert_eq!(running.monitor("/healthz").await, (200, "ok\n".to_owned()));
        let say = async |sql: &str| store.database().execute(sql, &[]).await.unwrap();
        say("ALTER TABLE deliveries RENAME TO away").await;
        let told = simulator
            .happen(EventType::IncidentReportCreated)
            .to_string();
        assert_eq!(running.deliver(ID, &told).await, 503);
        assert_eq!(running.deliver(ID, &told).await, 503);
        let (status, text) = running.monitor("/healthz").await;
        assert_eq!(status, 503);
        assert!(text.starts_with("the database cannot be had"), "{text}");
        assert_eq!(running.monitor("/metrics").await.0, 200);
        say("ALTER TABLE away RENAME TO deliveries").await;
        // Nothing of what was refused has stayed.
        for table in ["deliveries", "delivered_events", "delivery_fetches"] {
            assert_eq!(
                count(&store, &format!("SELECT count(*) FROM {table}")).await,
                0
            );
        }
        assert_eq!(running.deliver(ID, &told).await, 200);
        running.done(ID).await;
        assert_eq!(running.monitor("/healthz").await.0, 200);
        let not_stored = "huntctl_receive_deliveries_total{outcome=\"not_stored\"}";
        assert_eq!(running.measured(not_stored).await, 2.0);
        running.stop().await;
        place.remove().await;
    }
}

/// The event and the wish to fetch its record are stored with the id or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_not_kept_without_its_event() {
    for place in Place::each().await {
        for table in ["delivered_events", "delivery_fetches"] {
            let store = place.store().await;
            let running = Running::start(&store, Vec::new()).await;
            let say = async |sql: String| store.database().execute(&sql, &[]).await.unwrap();
            say(format!("ALTER TABLE {table} RENAME TO away")).await;
            assert_eq!(
                running.deliver(ID, incident(7, "created")).await,
                503,
                "{table}"
            );
            assert_eq!(
                count(&store, "SELECT count(*) FROM deliveries").await,
                0,
                "{table}"
            );
            say(format!("ALTER TABLE away RENAME TO {table}")).await;
            running.stop().await;
        }
        place.remove().await;
    }
}

/// A PostgreSQL behind a relay that is cut and comes back.
#[cfg(feature = "postgres-tests")]
mod relayed {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::copy_bidirectional;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Leads connections on, as long as it is open.
    async fn relay(to: String, open: Arc<AtomicBool>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (to, open) = (to.clone(), Arc::clone(&open));
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(to).await else {
                        return;
                    };
                    let cut = async {
                        while open.load(Ordering::Relaxed) {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut socket, &mut server) => {}
                        () = cut => {}
                    }
                });
            }
        });
        port
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_database_that_goes_and_comes_back() {
        let place = Place::postgres().await;
        let simulator = small().start().await.unwrap();
        let (scheme, rest) = place.url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let (user, server) = authority.split_once('@').unwrap();
        let open = Arc::new(AtomicBool::new(true));
        let port = relay(server.to_owned(), Arc::clone(&open)).await;
        let host = server.split(':').next().unwrap();
        let url = format!("{scheme}://{user}@{host}:{port}/{path}");
        let store = huntctl::store::Store::open(&url).await.unwrap();
        let running = Running::start(&store, own(&simulator)).await;
        for round in 0..3 {
            open.store(false, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
            let told = simulator
                .happen(EventType::IncidentReportCreated)
                .to_string();
            let id = format!("msg_{round}");
            assert_eq!(running.deliver(&id, &told).await, 503, "{round}");
            assert_eq!(running.monitor("/healthz").await.0, 503, "{round}");
            open.store(true, Ordering::Relaxed);
            let mut attempts = 0;
            while running.deliver(&id, &told).await != 200 {
                attempts += 1;
                assert!(attempts < 50, "it stays away");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            running.done(&id).await;
            assert_eq!(running.monitor("/healthz").await.0, 200, "{round}");
        }
        assert_eq!(running.told.lock().unwrap().len(), 3);
        running.stop().await;
        place.remove().await;
    }
}
