//! GELF 1.1, as Graylog takes it.
//!
//! A message is a JSON object whose own fields begin with `_` and hold text or a number, so a
//! body is flattened. By UDP a message is one datagram or up to 128 chunks; by TCP a NUL ends
//! it; by HTTP each is a request of its own, and the only one of them that is acknowledged.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::batch::{Answer, Requests};
use super::connection::Connection;
use super::datagrams::Datagrams;
use super::fit::{cut, fit};
use super::flatten::flatten;
use super::http::{Http, Meaning, meaning};
use super::{Endpoint, Event, Later, Report, TOO_LARGE, TlsSettings, framed};
use crate::failure::{Exit, Failure};

const PORT: u16 = 12201;
/// What a chunk has before its data.
const CHUNK_HEADER: usize = 12;
const CHUNKS: usize = 128;
/// The longest text of a field; Graylog's index refuses a message with one of 32,767 bytes.
const LONGEST_TEXT: usize = 32_000;

/// A Graylog.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GelfSettings {
    /// `udp://`, `tcp://`, `tls://` (port 12201), or `http://`, `https://` (path `/gelf`).
    pub url: Endpoint,
    /// For `tls` and `https`.
    #[serde(default)]
    pub tls: TlsSettings,
    /// UDP: messages are compressed.
    #[serde(default)]
    pub gzip: bool,
    /// UDP: the largest datagram. 8,192 unless told otherwise; 1,420 passes most networks in
    /// one piece.
    #[serde(default = "datagram")]
    pub datagram_bytes: usize,
    /// The largest message, before it is compressed. 1,000,000 unless told otherwise.
    #[serde(default = "largest")]
    pub max_bytes: usize,
    /// TCP and TLS: end the stream after each batch and wait for the receiver's end, the sign
    /// that it has read everything. On unless told otherwise.
    #[serde(default = "super::yes")]
    pub confirm: bool,
    /// Seconds that the receiver may be silent or read nothing. 30 unless told otherwise.
    #[serde(default = "super::patience")]
    pub timeout: u64,
}

fn datagram() -> usize {
    8192
}

fn largest() -> usize {
    1_000_000
}

pub(super) struct Gelf {
    max_bytes: usize,
    way: Way,
}

enum Way {
    Udp {
        socket: Datagrams,
        gzip: bool,
        datagram_bytes: usize,
    },
    Stream(Connection),
    Http(Http, reqwest::Url),
}

impl Gelf {
    pub(super) fn open(settings: &GelfSettings) -> Result<Self, Failure> {
        let url = &settings.url;
        url.expect("GELF", &["udp", "tcp", "tls", "http", "https"])?;
        if !(CHUNK_HEADER * 2..=65_507).contains(&settings.datagram_bytes) {
            let text = "GELF: `datagram_bytes` must be from 24 to 65507";
            return Err(Failure::new(Exit::Usage, text));
        }
        let patience = Duration::from_secs(settings.timeout);
        let stream = |tls| Connection::open(url, PORT, tls, settings.confirm, patience);
        let way = match url.scheme() {
            "udp" => Way::Udp {
                socket: Datagrams::open(url, PORT),
                gzip: settings.gzip,
                datagram_bytes: settings.datagram_bytes,
            },
            "tcp" => Way::Stream(stream(None)?),
            "tls" => Way::Stream(stream(Some(&settings.tls))?),
            _ => {
                let http = Http::open(url, &settings.tls, patience, HeaderMap::new())?;
                Way::Http(http, url.url_with("/gelf"))
            }
        };
        let max_bytes = settings.max_bytes;
        Ok(Self { max_bytes, way })
    }

    pub(super) async fn send(&mut self, events: &[Event]) -> Report {
        match &mut self.way {
            Way::Udp {
                socket,
                gzip,
                datagram_bytes,
            } => {
                let (gzip, datagram) = (*gzip, *datagram_bytes);
                let in_chunks = |event: &Event| chunked(event, self.max_bytes, gzip, datagram);
                let (datagrams, refused) = framed(events, in_chunks);
                Report::whole(events, socket.send(&datagrams).await, refused)
            }
            Way::Stream(connection) => {
                let (messages, refused) = framed(events, |event| {
                    let mut message = fit(event, self.max_bytes, message)?;
                    message.push(0);
                    Some(vec![message])
                });
                Report::whole(events, connection.send(&messages.concat()).await, refused)
            }
            Way::Http(http, url) => {
                let mut requests = Requests::of_one(events);
                while let Some(range) = requests.next() {
                    let event = &events[range.start];
                    let answer = post(http, url, event, self.max_bytes).await;
                    requests.answered(range, answer);
                }
                requests.report()
            }
        }
    }
}

async fn post(
    http: &Http,
    url: &reqwest::Url,
    event: &Event,
    max_bytes: usize,
) -> Result<Answer, Later> {
    let Some(message) = fit(event, max_bytes, message) else {
        return Ok(Answer::Refused(TOO_LARGE.to_owned()));
    };
    let request = http.post(url.clone()).body(message);
    let request = request.header(CONTENT_TYPE, "application/json");
    let answered = http.answer(request).await?;
    match meaning(answered.status) {
        // Graylog says 202. Others that take GELF may say another good status, but whoever says
        // something with it is a proxy with a page of its own.
        Meaning::Good if answered.status == 202 || answered.body.is_empty() => Ok(Answer::Taken),
        Meaning::Content => Ok(Answer::Refused(http.told(&answered))),
        Meaning::Good | Meaning::Other => Err(http.later(&answered)),
    }
}

/// One event as a message.
fn message(event: &Event, full: Option<usize>) -> Vec<u8> {
    let mut body = event.body.clone();
    let mut first = vec![
        ("huntress_event_id", event.id.as_str().into()),
        ("huntress_kind", event.kind.as_str().into()),
    ];
    // `_id` is forbidden.
    if let Some(id) = body.remove("id") {
        first.push(("huntress_id", id));
    }
    let mut truncated = full.is_some();
    let mut message = Map::new();
    for (name, mut value) in flatten(first, &body) {
        if let Value::String(text) = &mut value {
            truncated |= text.len() > LONGEST_TEXT;
            cut(text, LONGEST_TEXT);
        }
        message.insert(format!("_{name}"), value);
    }
    if truncated {
        message.insert("_huntress_truncated".into(), "true".into());
    }
    let or_dash = |text: &str| if text.trim().is_empty() { "-" } else { text }.to_owned();
    message.insert("version".into(), "1.1".into());
    message.insert("host".into(), or_dash(&event.host).into());
    message.insert("short_message".into(), or_dash(&event.summary).into());
    let seconds = event.time.as_microsecond() as f64 / 1e6;
    message.insert("timestamp".into(), seconds.into());
    message.insert("level".into(), event.severity.syslog().into());
    Value::from(message).to_string().into_bytes()
}

/// One event as datagrams.
fn chunked(event: &Event, largest: usize, gzip: bool, datagram: usize) -> Option<Vec<Vec<u8>>> {
    // Where the message does not fit into as many chunks as there may be, even compressed, a
    // shorter one does. What gzip adds to what it cannot compress is less than a kilobyte.
    let room = (datagram - CHUNK_HEADER) * CHUNKS;
    let room = room.saturating_sub(if gzip { 1000 } else { 0 });
    [largest, room.min(largest)].into_iter().find_map(|limit| {
        let message = fit(event, limit, message)?;
        let message = if gzip { compressed(message) } else { message };
        chunks(&message, datagram, fastrand::u64(..))
    })
}

fn compressed(message: Vec<u8>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let written = encoder.write_all(&message);
    written.and_then(|()| encoder.finish()).unwrap_or(message)
}

/// The message as it is where it fits into one datagram, else in chunks; `None` where there
/// would be too many.
fn chunks(message: &[u8], datagram: usize, id: u64) -> Option<Vec<Vec<u8>>> {
    if message.len() <= datagram {
        return Some(vec![message.to_vec()]);
    }
    let pieces: Vec<_> = message.chunks(datagram - CHUNK_HEADER).collect();
    let count = u8::try_from(pieces.len()).ok();
    let count = count.filter(|count| usize::from(*count) <= CHUNKS)?;
    let chunk = |(index, piece): (u8, &&[u8])| {
        let mut chunk = vec![0x1e, 0x0f];
        chunk.extend_from_slice(&id.to_be_bytes());
        chunk.extend_from_slice(&[index, count]);
        chunk.extend_from_slice(piece);
        chunk
    };
    Some((0..count).zip(&pieces).map(chunk).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::flatten::tests::event;
    use serde_json::json;

    #[test]
    fn a_message_has_what_graylog_asks() {
        let body = json!({
            "id": 7, "integration": "huntress", "status": null, "list": ["a", "b"],
            "huntress": {"event_id": "not ours", "kind": true}
        });
        let message: Value = serde_json::from_slice(&message(&event(body), None)).unwrap();
        assert_eq!(
            message,
            json!({
                "version": "1.1", "host": "PC-1", "short_message": "A foothold",
                "timestamp": 1780315200.25, "level": 3,
                "_huntress_id": 7, "_huntress_event_id": "incident:7:1",
                "_huntress_kind": "incident", "_huntress_event_id_2": "not ours",
                "_huntress_kind_2": "true", "_integration": "huntress", "_list": "a, b"
            })
        );
    }

    #[test]
    fn nothing_is_empty_that_must_not_be_and_nothing_too_long() {
        let mut event = event(json!({"body": "x".repeat(40_000)}));
        event.host = String::new();
        event.summary = " \n".into();
        let message: Value = serde_json::from_slice(&message(&event, None)).unwrap();
        assert_eq!(
            (&message["host"], &message["short_message"]),
            (&json!("-"), &json!("-"))
        );
        assert_eq!(message["_body"].as_str().unwrap().len(), LONGEST_TEXT);
        assert_eq!(message["_huntress_truncated"], "true");
    }

    #[test]
    fn chunks_have_a_header_and_an_end() {
        assert_eq!(chunks(&[7; 100], 100, 1), Some(vec![vec![7; 100]]));
        let two = chunks(&[7; 101], 100, 0x0102).unwrap();
        assert_eq!(two[0][..12], [0x1e, 0x0f, 0, 0, 0, 0, 0, 0, 1, 2, 0, 2]);
        assert_eq!((two[0].len(), two[1].len()), (100, 12 + 13));
        assert_eq!(
            chunks(&[7; 88 * 128], 100, 1).map(|chunks| chunks.len()),
            Some(128)
        );
        assert_eq!(chunks(&[7; 88 * 128 + 1], 100, 1), None);
    }

    #[test]
    fn what_does_not_fit_into_128_chunks_is_shortened() {
        let mut random = fastrand::Rng::with_seed(7);
        let noise: String = (0..30_000).map(|_| random.alphanumeric()).collect();
        let event = event(json!({"a": noise, "b": noise}));
        for gzip in [false, true] {
            let chunks = chunked(&event, 1_000_000, gzip, 100).unwrap();
            assert!(
                chunks.len() > 10 && chunks.len() <= CHUNKS,
                "{}",
                chunks.len()
            );
        }
    }
}
