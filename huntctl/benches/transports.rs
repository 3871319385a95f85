//! Events a second of each transport to a receiver on loopback that reads and drops, against
//! writing the same bytes without making them: to a socket, or to a file.
//!
//! `cargo bench --package huntctl --bench transports`; the table at the end is what the docs
//! show.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use huntctl::transport::{Event, Severity, Sink};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const BATCH: usize = 500;

/// The name, and the settings with `STREAM`, `DATAGRAMS`, `HTTP` and `FOLDER` to be filled in.
const CASES: [(&str, &str); 12] = [
    ("GELF UDP", "transport = 'gelf'\nurl = 'udp://DATAGRAMS'"),
    (
        "GELF UDP, gzip",
        "transport = 'gelf'\nurl = 'udp://DATAGRAMS'\ngzip = true",
    ),
    ("GELF TCP", "transport = 'gelf'\nurl = 'tcp://STREAM'"),
    (
        "GELF TCP, no confirm",
        "transport = 'gelf'\nurl = 'tcp://STREAM'\nconfirm = false",
    ),
    ("GELF HTTP", "transport = 'gelf'\nurl = 'http://HTTP'"),
    ("syslog TCP", "transport = 'syslog'\nurl = 'tcp://STREAM'"),
    (
        "CEF TCP",
        "transport = 'syslog'\nformat = 'cef'\nurl = 'tcp://STREAM'",
    ),
    ("file", "transport = 'file'\npath = 'FOLDER/a'\nkeep = 1"),
    (
        "file, no fsync",
        "transport = 'file'\npath = 'FOLDER/b'\nkeep = 1\nfsync = 'never'",
    ),
    ("Elastic", "transport = 'elastic'\nurl = 'http://HTTP'"),
    (
        "Splunk",
        "transport = 'splunk'\nurl = 'http://HTTP'\ntoken = 'env:PATH'",
    ),
    (
        "Loki",
        "transport = 'loki'\nurl = 'http://HTTP/loki/api/v1/push'",
    ),
];

/// As large as an incident usually is.
fn event(number: usize) -> Event {
    let Value::Object(body) = json!({
        "id": number, "status": "sent", "severity": "high", "platform": "windows",
        "organization_id": 7, "agent_id": number, "subject": "HIGH - Incident on PC-1",
        "summary": "A foothold was found", "body": "Lorem ipsum, \"quoted\"\n".repeat(50),
        "indicator_types": ["footholds"], "indicator_counts": {"footholds": 1},
        "remediations": [{"type": "uninstall", "status": "pending"}],
    }) else {
        unreachable!()
    };
    Event {
        id: format!("incident:{number}:1"),
        record: format!("incident:{number}"),
        kind: "incident".into(),
        time: "2026-06-01T12:00:00.25Z".parse().unwrap(),
        host: "PC-1".into(),
        severity: Severity::High,
        summary: "A foothold was found".into(),
        body,
    }
}

/// Reads each connection to its end and drops what it reads; counts the bytes.
fn stream(bytes: Arc<AtomicUsize>) -> SocketAddr {
    serve(move |mut stream| {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            bytes.fetch_add(length, Ordering::Relaxed);
        }
    })
}

/// Answers each request as all of the receivers do at once.
fn http(bytes: Arc<AtomicUsize>) -> SocketAddr {
    serve(move |stream| {
        let mut reader = BufReader::new(stream);
        loop {
            let (mut first, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if !matches!(reader.read_line(&mut line), Ok(1..)) {
                    return;
                }
                if line == "\r\n" {
                    break;
                }
                let lower = line.to_lowercase();
                if let Some(text) = lower.strip_prefix("content-length: ") {
                    length = text.trim().parse().unwrap();
                }
                first = if first.is_empty() { line } else { first };
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            bytes.fetch_add(length, Ordering::Relaxed);
            let (status, body) = match first.as_str() {
                path if path.contains("/gelf") => (202, String::new()),
                path if path.contains("/loki") => (204, String::new()),
                path if path.contains("/services") => (200, "{\"code\":0}".to_owned()),
                _ => {
                    let events = body.iter().filter(|byte| **byte == b'\n').count() / 2;
                    let items = vec![r#"{"create":{"status":201}}"#; events].join(",");
                    (200, format!("{{\"errors\":false,\"items\":[{items}]}}"))
                }
            };
            let length = body.len();
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
            reader.get_mut().write_all(text.as_bytes()).unwrap();
        }
    })
}

fn serve(handle: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let handle = handle.clone();
            std::thread::spawn(move || handle(stream.unwrap()));
        }
    });
    address
}

fn datagrams(bytes: Arc<AtomicUsize>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length) = socket.recv(&mut buffer) {
            bytes.fetch_add(length, Ordering::Relaxed);
        }
    });
    address
}

/// Writes so many bytes as a batch has, in the way of the transport.
fn raw(name: &str, bytes: &[u8], addresses: [SocketAddr; 2], file: &std::path::Path) {
    let [stream, datagrams] = addresses;
    if name.starts_with("file") {
        let mut file = std::fs::File::create(file).unwrap();
        file.write_all(bytes).unwrap();
        if name == "file" {
            file.sync_data().unwrap();
        }
    } else if name.contains("UDP") {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for piece in bytes.chunks(bytes.len() / BATCH) {
            socket.send_to(piece, datagrams).unwrap();
        }
    } else {
        let mut stream = TcpStream::connect(stream).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}

/// Seconds that a run takes, on average over all that criterion does.
fn measure(criterion: &mut Criterion, name: &str, what: &str, mut run: impl FnMut()) -> f64 {
    let (seconds, runs) = (Cell::new(0.0), Cell::new(0));
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(what, |bencher| {
        bencher.iter_custom(|count| {
            let begun = Instant::now();
            (0..count).for_each(|_| run());
            let elapsed = begun.elapsed();
            seconds.set(seconds.get() + elapsed.as_secs_f64());
            runs.set(runs.get() + count);
            elapsed
        });
    });
    seconds.get() / runs.get() as f64
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let runtime = Runtime::new().unwrap();
    let bytes = Arc::new(AtomicUsize::new(0));
    let [stream, datagrams, http] = [
        stream(Arc::clone(&bytes)),
        datagrams(Arc::clone(&bytes)),
        http(Arc::clone(&bytes)),
    ];
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<_> = (0..BATCH).map(event).collect();
    let mut table = String::new();
    for (name, settings) in CASES {
        let settings = settings
            .replace("STREAM", &stream.to_string())
            .replace("DATAGRAMS", &datagrams.to_string())
            .replace("HTTP", &http.to_string())
            .replace("FOLDER", folder.path().to_str().unwrap());
        let mut sink = Sink::open(&toml::from_str(&settings).unwrap()).unwrap();
        bytes.store(0, Ordering::Relaxed);
        let mut send = || {
            let report = runtime.block_on(sink.send(&events));
            assert_eq!(report.done, BATCH, "{name}: {:?}", report.later);
        };
        send();
        // Until the receiver has read the last of it.
        std::thread::sleep(Duration::from_millis(100));
        let mut size = bytes.load(Ordering::Relaxed);
        if name.starts_with("file") {
            let file = folder.path().join(if name == "file" { "a" } else { "b" });
            size = file.metadata().unwrap().len() as usize;
        }
        let own = measure(&mut criterion, name, "huntctl", send);
        let payload = vec![b'x'; size.max(BATCH)];
        let file = folder.path().join("raw");
        let raw = measure(&mut criterion, name, "raw", || {
            raw(name, &payload, [stream, datagrams], &file);
        });
        let rate = |seconds: f64| (BATCH as f64 / seconds).round();
        table += &format!(
            "| {name} | {} | {} | {} | {:.1} |\n",
            size / BATCH,
            rate(own),
            rate(raw),
            own / raw
        );
    }
    println!("| transport | bytes an event | events/s | the same bytes raw | times slower |");
    println!("|---|---|---|---|---|\n{table}");
}
