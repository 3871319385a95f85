//! One value that does not fit costs its field and nothing else.
//!
//! Made from `spec/openapi.json` for every operation: each property of its result, nested
//! ones and elements of lists too, is replaced by each of a dozen JSON values in turn, and
//! the result must be the one of an answer without it (or with what it was converted to).
//! `support/fitted.rs` says what that is.

mod support;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use huntress::OddField;
use serde_json::{Value, json};
use support::Server;
use support::calls::{Calls, calls};
use support::fitted::{fitted, places, pool};
use support::payload::{Fill, component, document, payload};

/// What an operation answers: the records, and how a record stands in the body.
struct Answer {
    schema: Value,
    kind: String,
    key: String,
}

impl Answer {
    fn of(document: &Value, operation: &Value) -> Option<Self> {
        let responses = operation["responses"].as_object().unwrap();
        let (_, success) = responses
            .iter()
            .find(|(status, _)| status.starts_with('2'))?;
        let schema = success.pointer("/content/application~1json/schema")?;
        let (_, body) = component(document, schema).unwrap();
        let envelope = &body["x-huntress-envelope"];
        let key = envelope["items"].as_str().or(envelope["key"].as_str());
        let schema = match key {
            Some(key) => &body["properties"][key],
            None => body,
        };
        let kind = envelope["kind"].as_str().unwrap_or("bare").to_owned();
        let schema = match &*kind {
            "page" => &schema["items"],
            _ => schema,
        };
        Some(Self {
            schema: schema.clone(),
            kind,
            key: key.unwrap_or_default().to_owned(),
        })
    }

    /// A body with this record, in a page between two others.
    fn body(&self, record: &Value, good: &Value) -> Value {
        match &*self.kind {
            "bare" => record.clone(),
            "page" => json!({&self.key: [good, record, good], "pagination": {}}),
            _ => json!({&self.key: record}),
        }
    }

    /// What the paths within the record begin with.
    fn path(&self) -> String {
        match &*self.kind {
            "bare" => String::new(),
            "page" => format!("{}[1]", self.key),
            _ => self.key.clone(),
        }
    }
}

/// Calls of one operation, lenient and strict, and what was told.
struct Tried<'a> {
    server: &'a Server,
    document: &'a Value,
    lenient: Calls,
    strict: Calls,
    told: Arc<Mutex<Vec<OddField>>>,
}

/// What became of the records with an odd value.
#[derive(Default)]
struct Tally {
    survived: usize,
    lost: Vec<String>,
}

impl Tried<'_> {
    async fn result(&self, place: &str, body: &Value) -> Result<String, String> {
        self.server.answer(200, body.to_string());
        let result = self.lenient[place]().await;
        result.map_err(|error| error.to_string())
    }

    /// Whether a strict client gives out something else than a fault.
    async fn is_taken_strictly(&self, place: &str, body: &Value) -> bool {
        self.server.answer(200, body.to_string());
        match self.strict[place]().await {
            Ok(result) => !result.contains("OddRecord"),
            Err(error) => {
                assert!(error.is_decode(), "{error}");
                false
            }
        }
    }

    /// The paths that were told since the last call of this.
    fn take_told(&self) -> Vec<String> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        told.iter().map(|odd| odd.path().to_owned()).collect()
    }

    /// Puts every odd value into every place of an answer.
    async fn all(&self, place: &str, answer: &Answer, tally: &mut Tally) {
        let good = payload(self.document, &answer.schema, Fill::All);
        let mut found = Vec::new();
        places(&good, "", &mut found);
        let mut known = BTreeMap::new();
        for at in found {
            for odd in pool() {
                let mut record = good.clone();
                *record.pointer_mut(&at).unwrap() = odd.clone();
                let case = format!("{place} {at} = {odd}");
                let (fits, paths) = fitted(self.document, &answer.schema, &record, &answer.path());
                let Some(fits) = fits else {
                    // A record without its id is none.
                    assert!(at == "/id", "{case}");
                    continue;
                };
                if fits == record {
                    continue;
                }
                let expected = answer.body(&fits, &good);
                // Of most odd values it is the same: the one of an absent field.
                let known = match known.entry(fits.to_string()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(vacant) => {
                        let result = self.result(place, &expected).await;
                        assert_eq!(self.take_told().len(), 0, "{case}");
                        vacant.insert(result.unwrap())
                    }
                };
                let odd = answer.body(&record, &good);
                match self.result(place, &odd).await {
                    Ok(result) if result == *known => tally.survived += 1,
                    result => tally.lost.push(format!("{case}: {result:?}")),
                }
                let told = self.take_told();
                let paths = paths.iter().map(|path| path.trim_start_matches('.'));
                assert_eq!(told, paths.collect::<Vec<_>>(), "{case}");
                let strict = self.is_taken_strictly(place, &odd).await;
                assert_eq!(strict, told.is_empty(), "strictly: {case}");
            }
        }
    }
}

#[tokio::test]
async fn every_property_of_every_answer_times_every_odd_value() {
    let (document, server) = (document(), Server::start().await);
    let told: Arc<Mutex<Vec<OddField>>> = Arc::default();
    let tell = {
        let told = told.clone();
        move |field: &OddField| told.lock().unwrap().push(field.clone())
    };
    let tried = Tried {
        server: &server,
        document: &document,
        lenient: calls(&server.builder().on_odd_field(tell).build().unwrap()),
        strict: calls(&server.builder().strict().build().unwrap()),
        told,
    };
    let mut tally = Tally::default();
    let mut seen = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(answer) = Answer::of(&document, operation) else {
                continue;
            };
            // Several operations answer the same in the same envelope.
            if seen.insert(format!("{} {}", answer.kind, answer.schema)) {
                let place = format!("{} {path}", method.to_uppercase());
                tried.all(&place, &answer, &mut tally).await;
            }
        }
    }
    let Tally { survived, lost } = tally;
    println!("{survived} records survived, {} were lost", lost.len());
    assert!(
        lost.is_empty(),
        "{} of {survived}: {:#?}",
        lost.len(),
        &lost[..lost.len().min(20)]
    );
    assert!(survived > 10_000, "{survived}");
}
