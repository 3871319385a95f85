//! Every mutation of the corpus is reported as a reviewer would judge it, whole; any
//! several of them together are all reported, and nothing else.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use json_patch::Patch;
use proptest::prelude::*;
use proptest::sample;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde::Deserialize;
use serde_json::{Value, json};
use xtask::drift::Change;
use xtask::drift::judge::{self, Base, Made};
use xtask::drift::rules::{self, RULES};
use xtask::fetch::{self, Reduced};
use xtask::generate::Contracts;
use xtask::generate::overlay::{self, Overlay};
use xtask::json;
use xtask::spec_folder::SpecFolder;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    name: String,
    #[serde(default)]
    document: Of,
    /// The operation that the paths start at: `GET /v1/agents`.
    #[serde(rename = "in")]
    operation: Option<String>,
    #[serde(default = "yes")]
    mirror: bool,
    /// What makes the real contract one in which the change is possible.
    #[serde(default)]
    base: Vec<Value>,
    /// An overlay besides ours.
    overlay: Option<String>,
    patch: Vec<Value>,
    expect: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Of {
    #[default]
    Api,
    Webhooks,
}

impl Of {
    /// One of the real contracts with another in the place of this.
    fn contracts(self, new: &Value) -> Contracts<'_> {
        match self {
            Self::Api => Contracts { api: new, ..real() },
            Self::Webhooks => Contracts {
                webhooks: new,
                ..real()
            },
        }
    }
}

fn real() -> Contracts<'static> {
    Contracts {
        api: &API,
        webhooks: &WEBHOOKS,
    }
}

fn yes() -> bool {
    true
}

static CORPUS: LazyLock<Vec<Mutation>> =
    LazyLock::new(|| serde_yaml_ng::from_str(include_str!("drift/corpus.yaml")).unwrap());

static OVERLAYS: LazyLock<Vec<Overlay>> =
    LazyLock::new(|| overlay::read(&SpecFolder::new(xtask::SPEC_DIR)).unwrap());

static API: LazyLock<Value> = LazyLock::new(|| contract("swagger_doc.json"));
static WEBHOOKS: LazyLock<Value> = LazyLock::new(|| contract("webhooks_doc.json"));

/// What the pipeline makes of the real contract, made once.
static BASE: LazyLock<Base<'static>> = LazyLock::new(|| Base::new(real(), &OVERLAYS).unwrap());

fn contract(name: &str) -> Value {
    json::read(&std::path::Path::new(xtask::SPEC_DIR).join(name)).unwrap()
}

const MIRROR: &str = "/v1/accounts/{account_id}/";

impl Mutation {
    fn original(&self) -> Value {
        let mut document = match self.document {
            Of::Api => API.clone(),
            Of::Webhooks => WEBHOOKS.clone(),
        };
        self.apply(&self.base, "", &mut document);
        document
    }

    /// Returns the places that it has patched.
    fn mutate(&self, document: &mut Value) -> Vec<String> {
        let Some(operation) = &self.operation else {
            return self.apply(&self.patch, "", document);
        };
        let mut patched = Vec::new();
        let (method, path) = operation.split_once(' ').unwrap();
        let mirrored = path.replacen("/v1/", MIRROR, 1);
        for path in [path, &mirrored] {
            let at = format!("/paths/{}/{}", json::escape(path), method.to_lowercase());
            let wanted = path == mirrored && !self.mirror;
            if document.pointer(&at).is_some() && !wanted {
                patched.extend(self.apply(&self.patch, &at, document));
            }
        }
        patched
    }

    /// Applies the operations one by one: a position is the one it has by then.
    fn apply(&self, patch: &[Value], at: &str, document: &mut Value) -> Vec<String> {
        let mut patched = Vec::new();
        for operation in patch {
            let mut operation = operation.clone();
            for key in ["path", "from"] {
                if let Some(path) = operation[key].as_str() {
                    let path = by_position(&format!("{at}{path}"), document);
                    patched.push(path.clone());
                    operation[key] = json!(path);
                }
            }
            let patch: Patch = serde_json::from_value(json!([operation])).unwrap();
            json_patch::patch(document, &patch)
                .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        }
        patched
    }

    /// Everything that is reported, worst first. It must be at a place that was patched.
    fn changes(&self) -> Vec<Change> {
        let original = self.original();
        let mut new = original.clone();
        let patched = self.mutate(&mut new);
        assert_ne!(new, original, "{}", self.name);
        let changes = self.judge(&original, &new);
        for Change { rule, pointer, .. } in &changes {
            let has_no_place = [
                "generation-failed",
                "name-taken",
                "overlay-action-unmatched",
                "surface-changed",
            ];
            assert!(
                has_no_place.contains(&rule.id) || patched.iter().any(|at| near(at, pointer)),
                "{}: {pointer} is not at {patched:?}",
                self.name
            );
        }
        changes
    }

    fn judge(&self, original: &Value, new: &Value) -> Vec<Change> {
        if self.base.is_empty() {
            return judged(self.document.contracts(new));
        }
        let mut overlays = overlay::read(&SpecFolder::new(xtask::SPEC_DIR)).unwrap();
        let more = self.overlay.iter();
        overlays.extend(more.map(|yaml| Overlay::parse("more.yaml", yaml).unwrap()));
        let base = Base::new(self.document.contracts(original), &overlays).unwrap();
        judged_from(&base, self.document.contracts(new), &overlays)
    }

    /// What it touches: an operation with its mirror, a definition, or a part of the head.
    fn grounds(&self) -> BTreeSet<String> {
        let ground = |path: &str| {
            let path = path.replacen(&json::escape(MIRROR), "~1v1~1", 1);
            path.split('/').take(3).collect::<Vec<_>>().join("/")
        };
        if let Some((_, path)) = self.operation.as_ref().and_then(|o| o.split_once(' ')) {
            return BTreeSet::from([format!("/paths/{}", json::escape(path))]);
        }
        let paths = self.patch.iter().flat_map(|patch| {
            let paths = [&patch["path"], &patch["from"]];
            paths
                .into_iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
        });
        paths.map(ground).collect()
    }
}

/// The judgement of two contracts.
fn judged(new: Contracts) -> Vec<Change> {
    judged_from(&BASE, new, &OVERLAYS)
}

/// The same against another base. The snapshots must show what is said of the surface, and
/// nothing may show there that is not said.
fn judged_from(base: &Base, new: Contracts, overlays: &[Overlay]) -> Vec<Change> {
    let made = Made::of(new, overlays);
    let surface = made.as_ref().map(Made::surface).ok();
    let changes = base.judge(new, made).changes;
    if let Some(surface) = surface {
        let reported: BTreeSet<&String> = changes.iter().flat_map(|c| &c.surface).collect();
        assert_eq!(
            surface != base.made().surface(),
            !reported.is_empty(),
            "{}",
            shown(&changes)
        );
    }
    changes
}

/// `/parameters/[limit]/maximum` with the position of the parameter for its name.
fn by_position(path: &str, document: &Value) -> String {
    let Some((before, rest)) = path.split_once("/[") else {
        return path.to_owned();
    };
    let (name, after) = match rest.rsplit_once("]/") {
        Some((name, after)) => (name, format!("/{after}")),
        None => (rest.strip_suffix(']').unwrap(), String::new()),
    };
    let list = document.pointer(before).and_then(Value::as_array).unwrap();
    let index = list.iter().position(|item| item["name"] == name);
    let index = index.unwrap_or_else(|| panic!("{before} has no {name}"));
    format!("{before}/{index}{after}")
}

/// Whether what is reported is where something was patched. A list is patched as a whole; a
/// list of names concerns what it names.
fn near(patched: &str, pointer: &str) -> bool {
    let patched = patched.trim_end_matches("/-").trim_end_matches("/required");
    !pointer.is_empty() && (pointer.starts_with(patched) || patched.starts_with(pointer))
}

/// Of each mutation in the order of the corpus, made on all cores.
fn all_changes() -> Vec<Vec<Change>> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let share = CORPUS.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let shares: Vec<_> = CORPUS
            .chunks(share)
            .map(|share| scope.spawn(|| share.iter().map(Mutation::changes).collect::<Vec<_>>()))
            .collect();
        shares
            .into_iter()
            .flat_map(|share| share.join().unwrap())
            .collect()
    })
}

fn shown(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let Change {
            rule,
            level,
            wire,
            sdk,
            pointer,
            text: what,
            action,
            surface,
            repair,
            ..
        } = change;
        text += &format!(
            "{level} {} (wire {wire}, sdk {sdk})\n  {pointer}\n  {what}\n  > {action}\n",
            rule.id
        );
        let only = change.method.as_deref().zip(change.path.as_deref());
        let only = only.map(|(method, path)| format!("{method} {path}: "));
        text += &format!(
            "  @ {}{}\n",
            only.unwrap_or_default(),
            change.operations.join(" ")
        );
        surface
            .iter()
            .for_each(|line| text += &format!("  {line}\n"));
        repair
            .iter()
            .for_each(|line| text += &format!("  ! {line}\n"));
    }
    text
}

#[test]
fn every_mutation_is_judged_as_a_reviewer_would() {
    let mut wrong = String::new();
    let mut whole = String::new();
    for (mutation, changes) in CORPUS.iter().zip(all_changes()) {
        let found: Vec<String> = changes
            .iter()
            .map(|c| format!("{} {}", c.level, c.rule.id))
            .collect();
        if found != mutation.expect {
            wrong += &format!(
                "{}: expected {:?}, found\n{}\n",
                mutation.name,
                mutation.expect,
                shown(&changes)
            );
        }
        whole += &format!("# {}\n{}\n", mutation.name, shown(&changes));
    }
    assert!(wrong.is_empty(), "{wrong}");
    insta::assert_snapshot!("corpus", whole);
}

#[test]
fn every_rule_has_a_mutation() {
    let covered: BTreeSet<&str> = CORPUS
        .iter()
        .flat_map(|mutation| &mutation.expect)
        .map(|expected| expected.split_once(' ').unwrap().1)
        .collect();
    let unknown: Vec<_> = covered
        .iter()
        .filter(|id| rules::find(id).is_none())
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let missing: Vec<_> = RULES
        .iter()
        .map(|rule| rule.id)
        .filter(|id| !covered.contains(id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What a change says of the contract. What it does to the crate may depend on others.
fn facts(changes: &[Change]) -> Vec<(&str, &str, &str)> {
    let mut facts: Vec<_> = changes
        .iter()
        .map(|change| {
            (
                change.rule.id,
                change.pointer.as_str(),
                change.text.as_str(),
            )
        })
        .collect();
    facts.sort_unstable();
    facts
}

fn run<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2026),
        ..Config::default()
    };
    if let Err(problem) = TestRunner::new(config).run(&strategy, test) {
        panic!("{problem}");
    }
}

#[test]
fn every_one_of_several_mutations_is_reported_and_nothing_else() {
    let simple = |mutation: &&Mutation| {
        mutation.document == Of::Api
            && mutation.base.is_empty()
            && mutation.overlay.is_none()
            && !mutation
                .expect
                .iter()
                .any(|expected| expected.ends_with("generation-failed"))
    };
    let candidates: Vec<&'static Mutation> = CORPUS.iter().filter(simple).collect();
    assert!(candidates.len() > 80);
    let several = sample::subsequence(candidates, 2..=9).prop_shuffle();
    run(24, several, |mutations| {
        let mut new = API.clone();
        let mut grounds = BTreeSet::new();
        let mut alone = Vec::new();
        for mutation in mutations {
            // Two that touch one thing may undo each other or be one change together.
            let own = mutation.grounds();
            if grounds.is_disjoint(&own) {
                grounds.extend(own);
                mutation.mutate(&mut new);
                alone.extend(mutation.changes());
            }
        }
        let together = judged(Of::Api.contracts(&new));
        prop_assert_eq!(facts(&together), facts(&alone));
        Ok(())
    });
}

#[test]
fn a_document_in_another_order_and_layout_is_the_same() {
    run(8, any::<u64>(), |seed| {
        let mut random = Random(seed | 1);
        let mut read = |document: &Value, check| {
            let mut shuffled = document.clone();
            shuffle(&mut shuffled, "", &mut random);
            let text = serde_json::to_string(&shuffled).unwrap();
            assert_ne!(text, serde_json::to_string(document).unwrap());
            Reduced::parse(&text, "shuffled", check).unwrap().contract
        };
        // The snapshots show the order, which is nobody's business.
        let new = Contracts {
            api: &read(&API, fetch::check_swagger),
            webhooks: &read(&WEBHOOKS, fetch::check_webhooks),
        };
        let changes = BASE.judge(new, Made::of(new, &OVERLAYS)).changes;
        prop_assert!(changes.is_empty(), "{}", shown(&changes));
        Ok(())
    });
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

/// Puts the keys of objects, and lists that have no order, into another one.
fn shuffle(node: &mut Value, key: &str, random: &mut Random) {
    match node {
        Value::Object(map) => {
            let mut entries: Vec<_> = std::mem::take(map).into_iter().collect();
            random.shuffle(&mut entries);
            for (key, mut value) in entries {
                shuffle(&mut value, &key, random);
                map.insert(key, value);
            }
        }
        Value::Array(items) => {
            if ["enum", "parameters", "produces", "required", "tags"].contains(&key) {
                random.shuffle(items);
            }
            items.iter_mut().for_each(|item| shuffle(item, "", random));
        }
        _ => {}
    }
}

/// One edit somewhere: a key gone or new, another value, an item gone or new.
#[derive(Clone, Debug)]
struct Edit {
    /// Which of the document's nodes.
    node: sample::Index,
    /// Which of its keys or items.
    inner: sample::Index,
    kind: u8,
}

impl Edit {
    fn any() -> impl Strategy<Value = Self> {
        (any::<sample::Index>(), any::<sample::Index>(), 0..3_u8)
            .prop_map(|(node, inner, kind)| Self { node, inner, kind })
    }

    /// Returns where it was made.
    fn apply(&self, document: &mut Value) -> String {
        let mut pointers = Vec::new();
        containers(document, String::new(), &mut pointers);
        let at = self.node.get(&pointers).clone();
        match document.pointer_mut(&at).unwrap() {
            Value::Object(map) if self.kind == 0 || map.is_empty() => {
                map.insert("x-new".to_owned(), json!({"type": "string"}));
            }
            Value::Object(map) => {
                let keys: Vec<String> = map.keys().cloned().collect();
                let key = self.inner.get(&keys);
                match other(&map[key]).filter(|_| self.kind == 1) {
                    Some(value) => map[key] = value,
                    None => drop(map.remove(key)),
                }
            }
            Value::Array(items) if self.kind == 0 || items.is_empty() => {
                items.push(json!("new"));
            }
            Value::Array(items) => {
                let index = self.inner.index(items.len());
                match other(&items[index]).filter(|_| self.kind == 1) {
                    Some(value) => items[index] = value,
                    None => drop(items.remove(index)),
                }
            }
            _ => unreachable!(),
        }
        at
    }
}

fn containers(node: &Value, at: String, found: &mut Vec<String>) {
    match node {
        Value::Object(map) => {
            for (key, inner) in map {
                containers(inner, format!("{at}/{}", json::escape(key)), found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                containers(inner, format!("{at}/{index}"), found);
            }
        }
        _ => return,
    }
    found.push(at);
}

fn other(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(value) => Some(json!(!value)),
        Value::Number(value) => Some(json!(value.as_i64()? + 1)),
        Value::String(value) => Some(json!(format!("{value}x"))),
        _ => None,
    }
}

/// Of any edit something is said, wherever it is, even where no rule was written for it.
#[test]
fn nothing_changes_in_silence() {
    // Only the comparison, without the pipeline: the rules are the same for both documents.
    for document in [&*WEBHOOKS, &*API] {
        run(1_000, Edit::any(), |edit| {
            let mut new = document.clone();
            let at = edit.apply(&mut new);
            prop_assert_ne!(&new, document);
            let changes = judge::on_the_wire(document, &new).changes;
            let said = changes.iter().any(|change| near(&at, &change.pointer));
            prop_assert!(said, "of {at} is said only:\n{}", shown(&changes));
            Ok(())
        });
    }
}

/// Whatever the vendor writes, a report is made, with what stops the pipeline in it.
#[test]
fn no_edit_stops_the_report() {
    run(24, Edit::any(), |edit| {
        let mut new = API.clone();
        let at = edit.apply(&mut new);
        let changes = judged(Of::Api.contracts(&new));
        let said = changes.iter().any(|change| near(&at, &change.pointer));
        prop_assert!(said, "of {at} is said only:\n{}", shown(&changes));
        Ok(())
    });
}
