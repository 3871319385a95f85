//! What faults make of an answer.

use std::io::Write as _;
use std::mem;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::{self, Body};
use crate::broken::Broken;
use crate::document::{Answer, Operation};
use crate::faults::{FaultKind, Faults, LastPage};
use crate::refusal::Refusal;
use crate::token;

/// Stands for half a character, which JSON values cannot have: a character that nobody uses.
const HALF: char = '\u{e000}';

/// Marks an answer of which only half is sent.
#[derive(Clone, Copy)]
pub(crate) struct Truncated;

/// Whether a fault only keeps the answer back.
pub(crate) fn delays(fault: &FaultKind) -> bool {
    matches!(fault, FaultKind::Latency { .. } | FaultKind::LongTail(_))
}

/// The answer of a fault that lets nothing be carried out.
pub(crate) fn instead(fault: &FaultKind) -> Option<Result<Response<Body>, Broken>> {
    Some(match fault {
        FaultKind::CloseBefore => Err(Broken::Reset),
        FaultKind::Status(status) => {
            let status = StatusCode::from_u16(*status).ok()?;
            Ok(Refusal::new(status, "as the fault says").into_response())
        }
        FaultKind::HtmlPage(status) => {
            let status = StatusCode::from_u16(*status).ok()?;
            let page = "<html><head><title>Bad Gateway</title></head><body></body></html>";
            Ok(body::typed(status, "text/html", page))
        }
        FaultKind::Redirect(url) => {
            let mut response = body::empty(StatusCode::FOUND);
            let url = HeaderValue::from_str(url).ok()?;
            response.headers_mut().insert(LOCATION, url);
            Ok(response)
        }
        _ => return None,
    })
}

/// A success, with what the faults that wait for it make of it. A fault that would not be seen
/// beside another one goes on waiting.
pub(crate) fn success(
    faults: &Faults,
    operation: &Operation,
    status: StatusCode,
    body: Option<String>,
) -> Result<Response<Body>, Broken> {
    let strike_one = |of: fn(&FaultKind) -> bool| faults.strike_one(&operation.id, of);
    if strike_one(|kind| matches!(kind, FaultKind::CloseAfter)).is_some() {
        return Err(Broken::Reset);
    }
    let Some(mut body) = body else {
        return Ok(body::empty(status));
    };
    let of_bytes = strike_one(|kind| {
        matches!(
            kind,
            FaultKind::EmptyBody
                | FaultKind::InvalidJson
                | FaultKind::TruncatedBody
                | FaultKind::Trickle(_)
                | FaultKind::GzipBomb(_)
        )
    });
    let readable = !matches!(
        of_bytes,
        Some(FaultKind::EmptyBody | FaultKind::InvalidJson | FaultKind::TruncatedBody)
    );
    let mut content_type = "application/json";
    if readable {
        spoil(faults, operation, &mut body, &mut content_type);
    }
    Ok(sent(status, content_type, body, of_bytes))
}

/// Lets the faults strike that change what a body says, or what it is said to be.
fn spoil(
    faults: &Faults,
    operation: &Operation,
    body: &mut String,
    content_type: &mut &'static str,
) {
    let mut paginated = false;
    faults.strike(&operation.id, |kind| match kind {
        FaultKind::WrongContentType => mem::replace(content_type, "text/plain") != "text/plain",
        FaultKind::Drift => edit(body, drift),
        FaultKind::LoneSurrogate => edit(body, mark_message),
        FaultKind::MalformedItem
        | FaultKind::EndlessToken
        | FaultKind::ForeignNextPageUrl
        | FaultKind::OddLastPage(_) => {
            let Answer::Page { key, .. } = &operation.answer else {
                return false;
            };
            edit(body, |page| match kind {
                FaultKind::MalformedItem => malform(page, key),
                _ if paginated => false,
                _ => {
                    paginated = paginate(page, kind);
                    paginated
                }
            })
        }
        _ => false,
    });
    if body.contains(HALF) {
        *body = body.replace(HALF, "\\ud83d");
    }
}

/// An answer whose bytes a fault may change on their way.
fn sent(
    status: StatusCode,
    content_type: &'static str,
    body: String,
    fault: Option<FaultKind>,
) -> Response<Body> {
    let mut response = body::empty(status);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let body = match fault {
        Some(FaultKind::EmptyBody) => Body::Whole(Bytes::new()),
        Some(FaultKind::InvalidJson) => Body::Whole(format!("{{{body}").into()),
        Some(FaultKind::GzipBomb(size)) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Body::Whole(gzip(body.as_bytes(), size).into())
        }
        Some(FaultKind::Trickle(pause)) => Body::trickle(body, Duration::from_millis(pause)),
        Some(FaultKind::TruncatedBody) => {
            response.extensions_mut().insert(Truncated);
            Body::Whole(body.into())
        }
        _ => Body::Whole(body.into()),
    };
    *response.body_mut() = body;
    response
}

/// Changes JSON, and says whether it did.
fn edit(body: &mut String, change: impl FnOnce(&mut Value) -> bool) -> bool {
    let mut json: Value = serde_json::from_str(body).expect("our own JSON");
    let changed = change(&mut json);
    if changed {
        *body = json.to_string();
    }
    changed
}

/// Turns the first id that is a number into text.
fn malform(page: &mut Value, items: &str) -> bool {
    let mut items = page[items].as_array_mut().into_iter().flatten();
    let item = items.find(|item| item["id"].is_number());
    item.map(|item| item["id"] = json!("not a number"))
        .is_some()
}

/// Marks where half a character is to stand, in the first message that has none.
fn mark_message(page: &mut Value) -> bool {
    let rows = page["logs"].as_array_mut().into_iter().flatten();
    let mut messages = rows.filter_map(|row| match row.get_mut("message") {
        Some(Value::String(message)) if !message.contains(HALF) => Some(message),
        _ => None,
    });
    messages.next().map(|message| message.push(HALF)).is_some()
}

/// Changes what a page says of the next one.
fn paginate(page: &mut Value, fault: &FaultKind) -> bool {
    let pagination = &page["pagination"];
    let token = pagination["next_page_token"].as_str().unwrap_or_default();
    let stated = match fault {
        FaultKind::EndlessToken => json!({"next_page_token": token::ENDLESS}),
        FaultKind::ForeignNextPageUrl => {
            let mut stated = pagination.clone();
            stated["next_page_url"] = json!("https://elsewhere.example/v1/agents");
            stated
        }
        FaultKind::OddLastPage(how) if token.is_empty() => match how {
            LastPage::NoToken => json!({}),
            LastPage::NullToken => json!({"next_page_token": null}),
            LastPage::EmptyToken => json!({"next_page_token": ""}),
            LastPage::NullPagination => Value::Null,
            LastPage::NoPagination => {
                return page
                    .as_object_mut()
                    .is_some_and(|page| page.remove("pagination").is_some());
            }
        },
        _ => return false,
    };
    page["pagination"] = stated;
    true
}

/// A new field in every record, one gone, and new values where a status or a platform was.
fn drift(value: &mut Value) -> bool {
    match value {
        // All of them, not up to the first.
        Value::Array(items) => items.iter_mut().fold(false, |any, item| drift(item) | any),
        Value::Object(fields) => {
            let mut drifted = false;
            for (key, value) in fields.iter_mut() {
                if ["status", "platform", "severity"].contains(&key.as_str()) && value.is_string() {
                    *value = json!("never_seen_before");
                    drifted = true;
                }
                drifted |= drift(value);
            }
            if fields.contains_key("id") {
                fields.remove("updated_at");
                fields.insert("added_by_drift".to_owned(), json!({"deep": [1, null]}));
                drifted = true;
            }
            drifted
        }
        _ => false,
    }
}

fn gzip(body: &[u8], padding: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let spaces = [b' '; 4096];
    let mut left = padding;
    let mut write = |bytes: &[u8]| encoder.write_all(bytes).expect("a Vec takes all");
    while left > 0 {
        let piece = left.min(spaces.len());
        write(&spaces[..piece]);
        left -= piece;
    }
    write(body);
    encoder.finish().expect("a Vec takes all")
}
