//! Whatever a request is, verifying it does not panic, and what is taken was really signed;
//! what was really signed, and not long ago, is taken.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use huntress::http::{HeaderMap, HeaderName, HeaderValue};
use huntress::jiff::Timestamp;
use huntress::webhooks::{Delivery, Verifier, sign};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 6] = [
    "svix-id",
    "svix-timestamp",
    "svix-signature",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];
/// Seconds that the time of sending may be off by default.
const TOLERANCE: u64 = 300;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    secrets: Vec<Secret<'a>>,
    signed: Option<Signed>,
    changes: Vec<Change<'a>>,
    body: &'a [u8],
    now: i64,
}

#[derive(Arbitrary, Debug)]
enum Secret<'a> {
    Text(&'a str),
    Key([u8; 24]),
}

/// The headers as `sign` makes them.
#[derive(Arbitrary, Debug)]
struct Signed {
    /// Which of the secrets.
    by: u8,
    id: u64,
    /// Seconds before now.
    ago: i16,
    /// Under the names that Standard Webhooks has.
    white_labelled: bool,
}

/// What becomes of the headers on their way.
#[derive(Arbitrary, Debug)]
enum Change<'a> {
    Set(u8, &'a [u8]),
    Append(u8, &'a [u8]),
    Remove(u8),
}

fuzz_target!(|input: Input| {
    let secrets: Vec<String> = input.secrets.iter().map(Secret::text).collect();
    let Ok(verifier) = Verifier::new(&secrets) else {
        return;
    };
    let seconds = input.now % Timestamp::MAX.as_second();
    let now = Timestamp::from_second(seconds).unwrap();
    let signed = input.signed.as_ref();
    let signed = signed.and_then(|signed| signed.headers(&secrets, seconds, input.body));
    let mut headers = signed.clone().unwrap_or_default();
    for change in &input.changes {
        change.apply(&mut headers);
    }
    match verifier.verify_at(&headers, input.body, now) {
        Ok(delivery) => {
            assert_eq!(delivery.body, input.body);
            let ago = seconds.abs_diff(delivery.sent_at.as_second());
            assert!(ago <= TOLERANCE, "{ago} s ago");
            assert_signed(&secrets, &headers, &delivery);
        }
        Err(error) => {
            let ago = input.signed.map_or(0, |signed| signed.ago);
            let late = u64::from(ago.unsigned_abs()) > TOLERANCE;
            assert!(late || signed != Some(headers), "{error}");
        }
    }
});

/// Somebody who has one of the secrets has signed this very delivery.
fn assert_signed(secrets: &[String], headers: &HeaderMap, delivery: &Delivery) {
    let is_by = |secret: &String| {
        let signed = sign(secret, &delivery.id, delivery.sent_at, &delivery.body);
        let signature = signed.unwrap().remove("svix-signature").unwrap();
        let came = ["svix-signature", "webhook-signature"];
        let came = came.iter().flat_map(|name| headers.get_all(*name));
        let mut entries = came.flat_map(|value| value.as_bytes().split(|byte| *byte == b' '));
        entries.any(|entry| signature == entry)
    };
    assert!(secrets.iter().any(is_by), "{headers:?}");
}

impl Secret<'_> {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Key(key) => format!("whsec_{}", STANDARD.encode(key)),
        }
    }
}

impl Signed {
    fn headers(&self, secrets: &[String], now: i64, body: &[u8]) -> Option<HeaderMap> {
        let secret = &secrets[usize::from(self.by) % secrets.len()];
        // A time before 1970 is no time of sending.
        let sent_at = now.checked_sub(self.ago.into()).filter(|sent| *sent >= 0)?;
        let sent_at = Timestamp::from_second(sent_at).ok()?;
        let headers = sign(secret, &format!("msg_{}", self.id), sent_at, body).ok()?;
        if !self.white_labelled {
            return Some(headers);
        }
        let renamed = NAMES[..3].iter().zip(&NAMES[3..]);
        let renamed =
            renamed.map(|(from, to)| (HeaderName::from_static(to), headers[*from].clone()));
        Some(renamed.collect())
    }
}

impl Change<'_> {
    fn apply(&self, headers: &mut HeaderMap) {
        let (Self::Set(name, _) | Self::Append(name, _) | Self::Remove(name)) = self;
        let name = NAMES[usize::from(*name) % NAMES.len()];
        match self {
            Self::Remove(_) => drop(headers.remove(name)),
            Self::Set(_, value) | Self::Append(_, value) => {
                let Ok(value) = HeaderValue::from_bytes(value) else {
                    return;
                };
                match self {
                    Self::Set(..) => drop(headers.insert(name, value)),
                    _ => drop(headers.append(name, value)),
                }
            }
        }
    }
}
