//! The verifier by table: everything that suites of senders and receivers are known to try.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SENT: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn verifier() -> Verifier {
    Verifier::new([SECRET]).unwrap()
}

/// A delivery that is good, unless a test changes it.
struct Request {
    headers: HeaderMap,
    body: Vec<u8>,
    now: i64,
}

fn good() -> Request {
    Request {
        headers: sign(SECRET, ID, moment(SENT), BODY).unwrap(),
        body: BODY.to_vec(),
        now: SENT,
    }
}

impl Request {
    fn set(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.insert(name, value);
        self
    }

    fn append(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name).unwrap();
        self
    }

    fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    /// The three headers under other names.
    fn named(mut self, family: &str) -> Self {
        for part in ["id", "timestamp", "signature"] {
            let value = self.headers.remove(format!("svix-{part}")).unwrap();
            let name: http::HeaderName = format!("{family}-{part}").parse().unwrap();
            self.headers.insert(name, value);
        }
        self
    }

    fn verified_by(&self, verifier: &Verifier) -> Result<Delivery, VerifyError> {
        verifier.verify_at(&self.headers, &self.body, moment(self.now))
    }
}

#[test]
fn the_public_vectors_are_signed_and_verified() {
    let vectors = [
        (SECRET, ID, SENT, BODY, SIGNATURE),
        (
            OTHER_SECRET,
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            br#"{"email":"test@example.com","username":"test_user"}"#.as_slice(),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ];
    for (secret, id, sent, body, signature) in vectors {
        let headers = sign(secret, id, moment(sent), body).unwrap();
        assert_eq!(headers["svix-signature"], signature);
        let verifier = Verifier::new([secret]).unwrap();
        let delivery = verifier.verify_at(&headers, body, moment(sent)).unwrap();
        assert_eq!((&*delivery.id, delivery.sent_at), (id, moment(sent)));
        assert_eq!(delivery.body, body);
    }
}

#[test]
fn what_is_good_is_taken_and_nothing_else() {
    use VerifyError::*;
    let missing = |name| Err(MissingHeader { name });
    let malformed = |name, why| Err(MalformedHeader { name, why });
    let not_seconds = |name| malformed(name, "is not a number of seconds");
    let by = Duration::from_secs(301);
    let twice = format!("v1,{} {SIGNATURE} v1a,AAAA", "A".repeat(43) + "=");
    let first_bytes = &SIGNATURE[..SIGNATURE.len() - 12];
    let unmatched = Err(NoSignatureMatched);
    let table: Vec<(&str, Request, Result<(), VerifyError>)> = vec![
        ("as it came", good(), Ok(())),
        ("no id", good().without("svix-id"), missing("svix-id")),
        (
            "no timestamp",
            good().without("svix-timestamp"),
            missing("svix-timestamp"),
        ),
        (
            "no signature",
            good().without("svix-signature"),
            missing("svix-signature"),
        ),
        (
            "no header",
            good()
                .without("svix-id")
                .without("svix-timestamp")
                .without("svix-signature"),
            missing("svix-id"),
        ),
        (
            "an empty id",
            good().set("svix-id", ""),
            malformed("svix-id", "is empty"),
        ),
        (
            "a long id",
            good().set("svix-id", "x".repeat(257)),
            malformed("svix-id", "is too long"),
        ),
        (
            "an id of other bytes",
            good().set("svix-id", b"\xff"),
            malformed("svix-id", "is not text"),
        ),
        (
            "another id",
            good().set("svix-id", "msg_x"),
            unmatched.clone(),
        ),
        (
            "words for a timestamp",
            good().set("svix-timestamp", "soon"),
            not_seconds("svix-timestamp"),
        ),
        (
            "a negative timestamp",
            good().set("svix-timestamp", "-1"),
            not_seconds("svix-timestamp"),
        ),
        (
            "a sign",
            good().set("svix-timestamp", "+1614265330"),
            not_seconds("svix-timestamp"),
        ),
        (
            "a fraction",
            good().set("svix-timestamp", "1614265330.0"),
            not_seconds("svix-timestamp"),
        ),
        (
            "no year has it",
            good().set("svix-timestamp", "9".repeat(19)),
            not_seconds("svix-timestamp"),
        ),
        (
            "the next second",
            good().set("svix-timestamp", "1614265331"),
            unmatched.clone(),
        ),
        (
            "a zero before it",
            good().set("svix-timestamp", "01614265330"),
            unmatched.clone(),
        ),
        ("just not too old", good().at(SENT + 300), Ok(())),
        ("too old", good().at(SENT + 301), Err(TooOld { by })),
        ("just not too new", good().at(SENT - 300), Ok(())),
        ("too new", good().at(SENT - 301), Err(TooNew { by })),
        (
            "old and by somebody else",
            good().at(SENT + 301).body(b"{}"),
            unmatched.clone(),
        ),
        ("another body", good().body(b"{}"), unmatched.clone()),
        (
            "one more space",
            good().body(br#"{"test":  2432232314}"#),
            unmatched.clone(),
        ),
        ("no body", good().body(b""), unmatched.clone()),
        (
            "a wrong signature",
            good().set("svix-signature", "v1,AAAA"),
            unmatched.clone(),
        ),
        (
            "nothing after the version",
            good().set("svix-signature", "v1,"),
            unmatched.clone(),
        ),
        (
            "no version",
            good().set("svix-signature", &SIGNATURE[3..]),
            unmatched.clone(),
        ),
        (
            "no comma",
            good().set("svix-signature", SIGNATURE.replace(',', "")),
            unmatched.clone(),
        ),
        (
            "its first bytes",
            good().set("svix-signature", first_bytes),
            unmatched.clone(),
        ),
        (
            "not base64",
            good().set("svix-signature", "v1,????"),
            unmatched.clone(),
        ),
        (
            "another version",
            good().set("svix-signature", SIGNATURE.replace("v1", "v2")),
            unmatched.clone(),
        ),
        (
            "v1a alone",
            good().set("svix-signature", SIGNATURE.replace("v1", "v1a")),
            unmatched.clone(),
        ),
        (
            "several, it among them",
            good().set("svix-signature", &twice),
            Ok(()),
        ),
        (
            "several, none it",
            good().set("svix-signature", "v1,AAAA v1,BBBB v2,CCCC"),
            unmatched.clone(),
        ),
        (
            "64 kB",
            good().set("svix-signature", "v1,A ".repeat(13_000)),
            malformed("svix-signature", "is too long"),
        ),
        (
            "an id twice",
            good().append("svix-id", ID),
            malformed("svix-id", "comes more than once"),
        ),
        (
            "a signature twice",
            good().append("svix-signature", SIGNATURE),
            malformed("svix-signature", "comes more than once"),
        ),
        ("by another name", good().named("webhook"), Ok(())),
        (
            "by another name, one missing",
            good().named("webhook").without("webhook-timestamp"),
            missing("webhook-timestamp"),
        ),
        (
            "a whole family and a part of the other",
            good().named("webhook").set("svix-id", "msg_x"),
            Ok(()),
        ),
        (
            "two halves",
            good()
                .named("webhook")
                .without("webhook-id")
                .set("svix-id", ID),
            missing("webhook-id"),
        ),
        (
            "both families, the first wrong",
            good()
                .named("webhook")
                .set("svix-id", ID)
                .set("svix-timestamp", "1614265330")
                .set("svix-signature", "v1,AAAA"),
            unmatched.clone(),
        ),
    ];
    for (name, request, expected) in table {
        let verified = request.verified_by(&verifier()).map(drop);
        assert_eq!(verified, expected, "{name}");
    }
}

#[test]
fn a_body_need_not_be_text() {
    let body = b"{\"event_type\": \"new.event\", \"\xff\": 1}";
    let request = Request {
        headers: sign(SECRET, ID, moment(SENT), body).unwrap(),
        ..good().body(body)
    };
    let delivery = request.verified_by(&verifier()).unwrap();
    assert_eq!(delivery.event.event_type(), "new.event");
    assert_eq!(delivery.body, body);
}

#[test]
fn each_secret_of_several_is_good_and_no_other() {
    let both = Verifier::new([OTHER_SECRET, &SECRET["whsec_".len()..]]).unwrap();
    good().verified_by(&both).unwrap();
    let other = Verifier::new([OTHER_SECRET]).unwrap();
    let refused = good().verified_by(&other);
    assert_eq!(refused, Err(VerifyError::NoSignatureMatched));
}

#[test]
fn a_body_over_the_limit_is_refused_before_anything_else() {
    let verifier = verifier().max_body(BODY.len());
    good().verified_by(&verifier).unwrap();
    let mut long = good().without("svix-id");
    long.body.push(b' ');
    let limit = BODY.len();
    assert_eq!(
        long.verified_by(&verifier),
        Err(VerifyError::TooLarge { limit })
    );
}

#[test]
fn the_tolerance_can_be_chosen() {
    let verifier = verifier().tolerance(Duration::from_secs(86_400));
    good().at(SENT + 86_400).verified_by(&verifier).unwrap();
    good().at(SENT + 86_401).verified_by(&verifier).unwrap_err();
}

#[test]
fn what_is_no_secret_says_so() {
    let error = |secret: &str| Verifier::new([secret]).unwrap_err().to_string();
    for (secret, expected) in [
        ("", "webhooks: the secret is empty"),
        ("whsec_", "webhooks: the secret is empty"),
        (
            "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "webhooks: the secret is a key of an asymmetric signature (`whsk_`, `whpk_`); give the \
             one that begins with `whsec_`",
        ),
        (
            "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
            "webhooks: the secret is not base64; copy it whole, without quotes",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZI",
            "webhooks: the secret has 18 bytes, and not 24 to 64; copy it whole, without quotes",
        ),
    ] {
        assert_eq!(error(secret), expected);
    }
    let none: [&str; 0] = [];
    let error = Verifier::new(none).unwrap_err();
    assert_eq!(
        error.to_string(),
        "webhooks: no secret is given; the portal shows it (`whsec_…`)"
    );
    for id in ["", "a b", "ä", &"x".repeat(257)] {
        let error = sign(SECRET, id, moment(SENT), BODY).unwrap_err();
        assert_eq!(error, SetupError::Id, "{id}");
    }
}

#[test]
fn errors_tell_what_to_answer_and_what_to_look_at() {
    let by = Duration::from_secs(301);
    let why = "is empty";
    let name = "svix-id";
    for (error, status, text) in [
        (
            VerifyError::MissingHeader { name },
            400,
            "webhook: the header `svix-id` is missing",
        ),
        (
            VerifyError::MalformedHeader { name, why },
            400,
            "webhook: the header `svix-id` is empty",
        ),
        (
            VerifyError::NoSignatureMatched,
            401,
            "webhook: no signature matches; check that the secret is the one that the portal shows \
             for this endpoint, and that nothing changes the body on its way",
        ),
        (
            VerifyError::TooOld { by },
            401,
            "webhook: it was sent 301 s ago, which is too long; check the clock of this machine",
        ),
        (
            VerifyError::TooNew { by },
            401,
            "webhook: it was sent 301 s in the future; check the clock of this machine",
        ),
        (
            VerifyError::TooLarge { limit: 7 },
            413,
            "webhook: the body is over 7 bytes",
        ),
    ] {
        assert_eq!(error.status(), status);
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn no_text_shows_a_secret_and_a_body_only_as_its_event() {
    let verifier = verifier();
    let delivery = good().verified_by(&verifier).unwrap();
    let shown = format!("{verifier:?} {delivery:?}");
    for hidden in [&SECRET[6..20], &SIGNATURE[3..20], &format!("{BODY:?}")] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(shown.contains("body: 20 bytes"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Whatever is signed is verified, and with any one bit changed it is not.
    #[test]
    fn every_bit_counts(
        key in prop::collection::vec(any::<u8>(), 24..=64),
        id in "[!-~]{1,40}",
        sent in 0..4_000_000_000_i64,
        body in prop::collection::vec(any::<u8>(), 0..200),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        use base64::Engine as _;
        let secret = base64::engine::general_purpose::STANDARD.encode(key);
        let verifier = Verifier::new([&secret]).unwrap();
        let headers = sign(&secret, &id, moment(sent), &body).unwrap();
        let request = Request { headers, body, now: sent };
        let delivery = request.verified_by(&verifier).unwrap();
        prop_assert_eq!(&delivery.body, &request.body);

        let mut changed = request.body.clone();
        if !changed.is_empty() {
            changed[place.index(request.body.len())] ^= 1 << bit;
            let headers = request.headers.clone();
            let changed = Request { headers, body: changed, now: sent };
            prop_assert_eq!(changed.verified_by(&verifier), Err(VerifyError::NoSignatureMatched));
        }
        for name in ["svix-id", "svix-timestamp", "svix-signature"] {
            let mut value = request.headers[name].as_bytes().to_vec();
            let at = place.index(value.len());
            value[at] ^= 1 << bit;
            let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
            let mut headers = request.headers.clone();
            headers.insert(name, value);
            let changed = Request { headers, body: request.body.clone(), now: sent };
            prop_assert!(changed.verified_by(&verifier).is_err(), "{}", name);
        }
    }
}
