//! Each transport against a strict receiver that goes wrong in each way.

mod receivers;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use cases::{CASES, Case, Receiver};
use huntctl::transport::{Delivered, Event, Report, Severity, Sink};
use receivers::http::{Api, SECRET};
use receivers::stream::{SYSLOG, Tls};
use receivers::tls::Authority;
use receivers::{Fault, Log, stream};
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

#[path = "receivers/cases.rs"]
mod cases;
#[path = "receivers/outbox.rs"]
mod outbox;
#[path = "receivers/round_trips.rs"]
mod round_trips;

#[cfg(feature = "receiver-tests")]
#[path = "receivers/real.rs"]
mod real;

use outbox::{Outbox, deliver};

/// Ten records, each in so many states, one after the other.
fn events(states: usize) -> Vec<Event> {
    let texts = [
        "plain",
        "two\nlines\r\nand \u{0}\u{1b}[31m",
        "<script>\"'&\\ | = ] {{id}} %s ${jndi:x}",
        "Zoë \u{202e}\u{feff}\u{2028}日本 🦀",
        "",
    ];
    let event = |number: usize| {
        let (record, state) = (number % 10, number / 10);
        let text = texts[number % texts.len()];
        let Value::Object(body) = json!({
            "id": record, "status": text, "tags": [text, "x"], "nested": {text: text, "n": 1.5},
            "none": null, "agent_id": number,
        }) else {
            unreachable!()
        };
        Event {
            id: format!("incident:{record}:{state}"),
            record: format!("incident:{record}"),
            kind: "incident".into(),
            time: "2026-06-01T12:00:00.25Z".parse().unwrap(),
            host: format!("PC-{record} {text}"),
            severity: [Severity::Critical, Severity::Info][number % 2],
            summary: text.into(),
            body,
        }
    };
    (0..states * 10).map(event).collect()
}

/// What a fault costs.
struct Cost {
    lost: usize,
    repeated: usize,
    /// What the sink said first, while the fault lasted.
    said: String,
}

async fn cost(case: &Case, fault: Fault) -> Cost {
    let place = format!("{} × {fault:?}", case.name);
    let authority = Authority::new();
    let log = Log::new(Some(fault));
    let mut sink = Sink::open(&case.start(&log, &authority).await).unwrap();
    let events = events(4);
    let mut outbox = Outbox::new(&events);
    let before = outbox.run(&mut sink, 2).await;
    let may_pass = [
        Fault::Closing(3),
        Fault::Restarting,
        Fault::OneOnly,
        Fault::Slow,
    ]
    .contains(&fault);
    let says_little = matches!(case.receiver, Receiver::Datagrams(_))
        || case.settings.contains("confirm = false");
    assert!(may_pass || says_little || !outbox.is_empty(), "{place}");
    // For what is still in buffers.
    tokio::time::sleep(Duration::from_millis(50)).await;
    log.set_fault(None);
    outbox.run(&mut sink, 20).await;
    assert!(outbox.is_empty(), "{place}: {:?}", outbox.said);
    assert!(outbox.refused.is_empty(), "{place}: {:?}", outbox.refused);
    // What was handed over may still be on its way.
    let ids: HashSet<_> = events.iter().map(|event| event.id.clone()).collect();
    let taken = || -> Vec<String> {
        let taken = log.taken().into_iter();
        taken.filter(|id| ids.contains(id)).collect()
    };
    for _ in 0..50 {
        if taken().iter().collect::<HashSet<_>>().len() == ids.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (lost, repeated) = count(&place, &ids, &taken());
    assert_eq!(log.complaints(), [""; 0], "{place}");
    if outbox.delivered == Delivered::Acknowledged {
        assert_eq!(lost, 0, "{place}: lost, though it was acknowledged");
    }
    let said = before.into_iter().find_map(|report| report.later);
    let said = said.map(|later| later.to_string()).unwrap_or_default();
    assert!(!said.contains(SECRET), "{place}: {said}");
    Cost {
        lost,
        repeated,
        said,
    }
}

/// How many are lost and how many repeated, once the order is seen to be right: a receiver that
/// drops what it has seen must have the states of each record one after the other.
fn count(place: &str, ids: &HashSet<String>, taken: &[String]) -> (usize, usize) {
    let mut seen = HashSet::new();
    let mut states: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for id in taken {
        if seen.insert(id) {
            let (record, state) = id.rsplit_once(':').unwrap();
            states
                .entry(record)
                .or_default()
                .push(state.parse().unwrap());
        }
    }
    for (record, states) in states {
        assert!(states.is_sorted(), "{place}: {record} came as {states:?}");
    }
    (ids.len() - seen.len(), taken.len() - seen.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_lose_nothing_that_was_acknowledged() {
    let rows = CASES.iter().map(async |case| {
        let mut row = Vec::new();
        for fault in case.faults() {
            row.push((fault, cost(case, fault).await));
        }
        (case, row)
    });
    println!("| transport | fault | lost | repeated | what the sink said |\n|---|---|---|---|---|");
    for (case, row) in futures_util::future::join_all(rows).await {
        for (fault, cost) in row {
            let Cost {
                lost,
                repeated,
                said,
            } = cost;
            println!(
                "| {} | {fault:?} | {lost} | {repeated} | {said} |",
                case.name
            );
            let elastic = matches!(case.receiver, Receiver::Http(Api::Elastic));
            let unknown = [Fault::Closing(3), Fault::Restarting, Fault::Slow].contains(&fault);
            // That nobody listens is heard after a datagram, and maybe too late.
            let datagrams = matches!(case.receiver, Receiver::Datagrams(_));
            if fault == Fault::Down && !datagrams {
                assert_eq!(lost, 0, "{} × {fault:?}", case.name);
            }
            if elastic || !unknown {
                assert_eq!(repeated, 0, "{} × {fault:?}", case.name);
            }
        }
    }
}

#[tokio::test]
async fn what_is_refused_for_good_does_not_block_the_rest() {
    for case in CASES {
        if !matches!(case.receiver, Receiver::Http(_)) {
            continue;
        }
        let authority = Authority::new();
        let log = Log::new(None);
        let events = events(3);
        let disliked = [&events[0].id, &events[7].id, &events[29].id];
        disliked.iter().for_each(|id| log.dislike(id));
        let mut sink = Sink::open(&case.start(&log, &authority).await).unwrap();
        let outbox = deliver(&mut sink, &events).await;
        let refused: Vec<_> = outbox.refused.iter().map(|(id, _)| id).collect();
        assert_eq!(refused, disliked, "{}", case.name);
        assert!(
            outbox.refused.iter().all(|(_, why)| why.contains("400")),
            "{:?}",
            outbox.refused
        );
        let taken: HashSet<_> = log
            .taken()
            .into_iter()
            .filter(|id| id.starts_with("inc"))
            .collect();
        assert_eq!(taken.len(), 27, "{}", case.name);
        assert_eq!(log.complaints(), [""; 0], "{}", case.name);
    }
}

#[tokio::test]
async fn how_long_to_wait_is_passed_on_and_secrets_are_not() {
    for case in CASES {
        if !matches!(case.receiver, Receiver::Http(_)) {
            continue;
        }
        let authority = Authority::new();
        for (status, after) in [(429, Some(7)), (503, Some(7)), (401, None)] {
            let log = Log::new(Some(Fault::Status(status)));
            let settings = case.start(&log, &authority).await;
            assert!(!format!("{settings:?}").contains(SECRET));
            let mut sink = Sink::open(&settings).unwrap();
            let later = sink.send(&events(1)).await.later.unwrap();
            assert_eq!(
                later.after.map(|after| after.as_secs()),
                after,
                "{}",
                case.name
            );
            assert!(later.why.contains(&status.to_string()), "{}", later.why);
            assert!(later.why.contains("not now; you said"), "{}", later.why);
            assert!(!later.why.contains(SECRET), "{}", later.why);
        }
    }
}

#[tokio::test]
async fn splunk_is_asked_until_it_has_written() {
    let authority = Authority::new();
    for case in &CASES {
        if !matches!(case.receiver, Receiver::Http(Api::SplunkAcknowledging)) {
            continue;
        }
        let log = Log::new(None);
        let mut sink = Sink::open(&case.start(&log, &authority).await).unwrap();
        let report = sink.send(&events(1)).await;
        assert_eq!(
            (report.done, report.delivered),
            (10, Delivered::Acknowledged)
        );
        let asked = log.taken().iter().filter(|id| *id == "asked 10").count();
        assert_eq!(asked, 2, "the first answer was no");
    }
}

#[tokio::test]
async fn a_connection_that_is_kept_is_looked_at_before_it_is_used_again() {
    let authority = Authority::new();
    for case in CASES
        .iter()
        .filter(|case| case.settings.contains("confirm = false"))
    {
        let log = Log::new(Some(Fault::Closing(10)));
        let mut sink = Sink::open(&case.start(&log, &authority).await).unwrap();
        let events = events(5);
        for (number, batch) in events.chunks(10).enumerate() {
            let report = sink.send(batch).await;
            assert_eq!((report.done, report.delivered), (10, Delivered::HandedOver));
            // Until the receiver has closed.
            log.wait(|taken| taken.len() == 10 * (number + 1)).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(log.taken().len(), 50, "{}", case.name);
    }
}

/// Sends to a receiver that treats connections like this until it is noticed that it did not get
/// everything; a busy machine does not end its side in time each time.
async fn is_noticed<F: Future<Output = ()> + Send + 'static>(
    treat: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            tokio::spawn(treat(listener.accept().await.unwrap().0));
        }
    });
    let settings = format!("transport = 'gelf'\nurl = 'tcp://{address}'");
    let mut sink = Sink::open(&toml::from_str(&settings).unwrap()).unwrap();
    // More than the receiver's system takes before the receiver reads, less than ours takes.
    let mut events = events(1);
    for event in &mut events {
        for name in ["a", "b", "c"] {
            event.body.insert(name.into(), "x".repeat(30_000).into());
        }
    }
    for _ in 0..5 {
        if let Some(later) = sink.send(&events).await.later {
            let early = "the receiver has closed the connection before it had everything";
            assert!(later.why.contains(early), "{}", later.why);
            return;
        }
    }
    panic!("never noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_before_ours_confirms_nothing() {
    is_noticed(|mut stream| async move {
        stream.shutdown().await.unwrap();
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_with_a_reset_after_it_confirms_nothing() {
    is_noticed(|mut stream| async move {
        // We have ended by then, and most of what we wrote has still to be sent.
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.shutdown().await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    })
    .await;
}

#[tokio::test]
async fn a_datagram_to_nobody_is_noticed() {
    let authority = Authority::new();
    for case in CASES {
        if !matches!(case.receiver, Receiver::Datagrams(_)) {
            continue;
        }
        let log = Log::new(Some(Fault::Down));
        let mut sink = Sink::open(&case.start(&log, &authority).await).unwrap();
        // The receiver begins by listening.
        for _ in 0..100 {
            if sink.send(&events(1)[..1]).await.later.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..3 {
            let report = sink.send(&events(1)[..1]).await;
            assert_eq!(
                (report.done, report.later.is_some()),
                (0, true),
                "{}",
                case.name
            );
        }
    }
}

#[tokio::test]
async fn a_receiver_may_ask_for_a_certificate() {
    let authority = Authority::new();
    let log = Log::new(None);
    let acceptor = authority.demanding_acceptor("127.0.0.1");
    let tls = Tls {
        right: acceptor.clone(),
        wrong_name: acceptor.clone(),
        self_signed: acceptor,
    };
    let address = stream::messages(SYSLOG, Some(tls), log.clone()).await;
    let ca = authority.file();
    let (certificate, key) = authority.client();
    let open = |rest: String| {
        let settings = format!("transport = 'syslog'\nurl = 'tls://{address}'\ntimeout = 1");
        let settings = format!("{settings}\ntls = {{ca_file = '{}'{rest}}}", ca.display());
        Sink::open(&toml::from_str(&settings).unwrap())
    };
    let stranger = open(String::new()).unwrap().send(&events(1)).await;
    assert_eq!((stranger.done, stranger.later.is_some()), (0, true));
    let files = format!(
        ", certificate_file = '{}', key_file = '{}'",
        certificate.display(),
        key.display()
    );
    assert!(
        deliver(&mut open(files).unwrap(), &events(1))
            .await
            .is_empty()
    );
    assert_eq!(log.taken().len(), 10);
    let half = open(", key_file = 'x'".into()).err().unwrap();
    assert_eq!(
        half.to_string(),
        "`certificate_file` and `key_file` go together"
    );
}

#[tokio::test]
async fn an_event_that_is_too_large_is_shortened_or_comes_in_chunks() {
    let authority = Authority::new();
    for case in CASES {
        let log = Log::new(None);
        let settings = case.start(&log, &authority).await;
        let mut sink = Sink::open(&settings).unwrap();
        let mut events = events(1);
        let noise: String = std::iter::repeat_with(|| fastrand::char('!'..='ÿ'))
            .take(60_000)
            .collect();
        for event in &mut events {
            event.body.insert("body".into(), noise.clone().into());
            event
                .body
                .insert("list".into(), vec![noise.as_str(); 10].into());
        }
        for event in &events {
            let report = sink.send(std::slice::from_ref(event)).await;
            assert_eq!(
                (report.done, report.refused.len()),
                (1, 0),
                "{}: {report:?}",
                case.name
            );
            // Or its chunks fill the receiver's buffer.
            log.wait(|taken| taken.contains(&event.id)).await;
        }
        assert_eq!(log.complaints(), [""; 0], "{}", case.name);
        let taken: HashSet<_> = log
            .taken()
            .into_iter()
            .filter(|id| id.starts_with("inc"))
            .collect();
        assert_eq!(taken.len(), 10, "{}", case.name);
    }
}

#[tokio::test]
async fn a_receiver_that_reads_nothing_is_given_up() {
    let log = Log::new(Some(Fault::Slow));
    let address = stream::messages(SYSLOG, None, log.clone()).await;
    let settings = format!("transport = 'syslog'\nurl = 'tcp://{address}'\ntimeout = 1");
    let settings = format!("{settings}\nmax_bytes = 2000000\nconfirm = false");
    let mut sink = Sink::open(&toml::from_str(&settings).unwrap()).unwrap();
    // More than all buffers on the way hold.
    let mut events = events(4);
    for event in &mut events {
        event
            .body
            .insert("body".into(), "x".repeat(1_000_000).into());
    }
    let report = sink.send(&events).await;
    assert_eq!(report.done, 0);
    let why = report.later.unwrap().why;
    assert!(
        why.ends_with("the receiver has read nothing for 1 s"),
        "{why}"
    );
    log.set_fault(None);
    assert!(deliver(&mut sink, &events[..8]).await.is_empty());
}

#[tokio::test]
async fn a_file_has_every_event_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("events.json");
    let settings = format!(
        "transport = 'file'\npath = '{}'\nmax_bytes = 9000",
        path.display()
    );
    let mut sink = Sink::open(&toml::from_str(&settings).unwrap()).unwrap();
    let events = events(4);
    let mut outbox = Outbox::new(&events);
    outbox.run(&mut sink, 2).await;
    assert_eq!(outbox.said.len(), 2, "the folder is not there");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    outbox.run(&mut sink, 1).await;
    assert!(outbox.is_empty(), "{:?}", outbox.said);
    assert_eq!(outbox.delivered, Delivered::Acknowledged);
    let mut text = String::new();
    for number in (1..9).rev() {
        let earlier = format!("{}.{number}", path.display());
        text.push_str(&std::fs::read_to_string(earlier).unwrap_or_default());
    }
    text.push_str(&std::fs::read_to_string(&path).unwrap());
    let ids: Vec<String> = text
        .lines()
        .map(|line| {
            let line: Map<String, Value> = serde_json::from_str(line).unwrap();
            line["huntress_event_id"].as_str().unwrap().to_owned()
        })
        .collect();
    let sent: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids, sent);
}

#[tokio::test]
async fn nothing_to_send_is_sent_at_once() {
    let authority = Authority::new();
    for case in CASES {
        let log = Log::new(Some(Fault::Down));
        let mut sink = Sink::open(&case.start(&log, &authority).await).unwrap();
        let Report { done, later, .. } = sink.send(&[]).await;
        assert_eq!((done, later), (0, None), "{}", case.name);
    }
}

/// So that a program can send to many sinks at once.
#[test]
fn sending_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    let settings = "transport = 'stdout'";
    let mut sink = Sink::open(&toml::from_str(settings).unwrap()).unwrap();
    is_send(sink.send(&[]));
}
