//! What the pipeline does with a document that means no good, or was written by accident:
//! it makes a document and code that compile, or it says what is wrong and where. It never
//! panics, never runs for ever, and never makes code in which two things have one name.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use quote::ToTokens as _;
use serde_json::{Map, Value, json};
use xtask::fetch::{self, Reduced};
use xtask::generate::{self, Contracts, overlay};
use xtask::json::escape;
use xtask::spec_folder::{self, SpecFolder};
use xtask::{codegen, visible};

/// Every kind of thing that the pipeline has a rule for, as small as it can be.
fn contract() -> Value {
    let to = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let answer = |schema: Value| json!({"200": {"description": "", "schema": schema}});
    let integer = || json!({"type": "integer"});
    let string = || json!({"type": "string"});
    let id = || json!({"in": "path", "name": "id", "required": true, "type": "integer"});
    let body = |name: &str| json!({"in": "body", "name": "body", "schema": to(name)});
    let page = object(json!({
        "things": {"type": "array", "items": to("Thing")}, "pagination": to("Pagination")}));
    let limit = json!({"in": "query", "name": "limit", "type": "integer", "maximum": 500});
    let status = json!({"in": "query", "name": "status", "type": "string", "enum": ["on", "off"]});
    let list = |before: &[Value]| {
        let parameters: Vec<&Value> = before.iter().chain([&limit, &status]).collect();
        json!({"produces": ["application/json"], "parameters": parameters,
            "responses": answer(page.clone())})
    };
    let account = json!({"in": "path", "name": "account_id", "required": true, "type": "integer"});
    let thing = || answer(object(json!({"thing": to("Thing")})));
    json!({
        "swagger": "2.0", "info": {"title": "t", "version": "1"}, "host": "h",
        "produces": ["application/json"], "consumes": ["application/json"],
        "paths": {
            "/v1/things": {"get": list(&[]), "post": {
                "parameters": [body("CreateThing")], "responses": thing()}},
            "/v1/accounts/{account_id}/things": {"get": list(&[account])},
            "/v1/things/{id}": {
                "get": {"parameters": [id()], "responses": thing()},
                "patch": {"parameters": [id(), body("UpdateThing")], "responses": thing()},
                "delete": {"parameters": [id()], "responses": {"204": {"description": ""}}}},
        },
        "definitions": {
            "Thing": object(json!({
                "id": integer(), "name": string(), "thing_id": integer(),
                "status": {"type": "string", "enum": ["on", "off", "broken"]},
                "account": object(json!({"id": integer(), "name": string()})),
                "size": {"type": "Object", "x-example-shape": {"width": "integer"}},
                "parts": {"type": "array", "items": object(json!({"n": integer()}))},
                "tags": {"type": "array", "x-example-shape": ["string"]}})),
            "Pagination": object(json!({"next_page_token": string()})),
            "CreateThing": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "minLength": 1},
                "size": {"type": "integer", "maximum": 9}}},
            "UpdateThing": object(json!({
                "name": string(), "note": {"type": "string", "x-nullable": true},
                "kind": {"type": "string", "enum": ["a", "b"]}})),
        },
    })
}

/// Two events of one shape, and one of its own, in every form that an event has.
fn webhooks() -> Value {
    let nullable = json!({"type": ["string", "null"]});
    let owner = json!({"type": "object", "properties": {"id": {"type": ["integer", "null"]}, "name": nullable}});
    let body = |schema: Value| json!({"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}});
    let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    json!({
        "openapi": "3.1.0",
        "webhooks": {
            "thing.made": body(to("ThingMade")),
            "thing.gone": body(json!({"allOf": [to("ThingPayload"), {"properties": {
                "event_type": {"const": "thing.gone"}, "reason": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}]})),
            "notice.written": body(json!({"type": "object", "properties": {
                "event_type": {"const": "notice.written"}, "text": {"type": "string", "minLength": 1}}})),
        },
        "components": {"schemas": {
            "ThingMade": {"allOf": [to("ThingPayload"), {"type": "object", "properties": {
                "event_type": {"const": "thing.made"}, "by": nullable}}]},
            "ThingPayload": {"type": "object", "required": ["id"], "properties": {
                "id": {"type": "integer"}, "event_type": {"type": "string"}, "owner": owner,
                "made_at": {"type": "string", "format": "date-time"},
                "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
                "parts": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}}}},
        }},
    })
}

/// The code of a contract, by way of its text; or what is said of it.
fn code(text: &str, overlays: &[overlay::Overlay]) -> Result<String, String> {
    code_of(text, &webhooks().to_string(), overlays)
}

/// The same of both contracts.
fn code_of(api: &str, webhooks: &str, overlays: &[overlay::Overlay]) -> Result<String, String> {
    let made = || -> anyhow::Result<String> {
        let contracts = Contracts {
            api: &Reduced::parse(api, "the document", fetch::check_swagger)?.contract,
            webhooks: &Reduced::parse(webhooks, "the document", fetch::check_webhooks)?.contract,
        };
        let generated = generate::openapi(contracts, overlays)?;
        let (document, model) =
            codegen::parse(&generated.document.to_string()).map_err(anyhow::Error::msg)?;
        let code = codegen::code(&document, &model).map_err(anyhow::Error::msg)?;
        code.render().map_err(anyhow::Error::msg)
    };
    made().map_err(|error| visible::error(&error))
}

/// What `make` returns, unless it panics or is still running when nobody would wait for it
/// any longer.
#[track_caller]
fn in_time<T: Send + 'static>(make: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (sender, receiver) = mpsc::channel();
    // As much as a program's main thread has.
    let builder = std::thread::Builder::new().stack_size(8 << 20);
    let thread = builder.spawn(move || sender.send(make()).unwrap()).unwrap();
    match receiver.recv_timeout(Duration::from_secs(120)) {
        Ok(made) => Ok(made),
        Err(mpsc::RecvTimeoutError::Timeout) => Err("it does not end".to_owned()),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(match thread.join() {
            Err(panic) => format!("it panicked: {}", said(&*panic)),
            Ok(()) => "it ended without a result".to_owned(),
        }),
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or_default()
}

/// The names that two things of the code have.
fn doubles(code: &str) -> Vec<String> {
    let file = syn::parse_file(code).unwrap();
    let mut scopes = Scopes::default();
    scopes.items("", &file.items);
    scopes.found
}

#[derive(Default)]
struct Scopes {
    known: BTreeMap<String, BTreeSet<String>>,
    found: Vec<String>,
}

impl Scopes {
    fn add(&mut self, scope: &str, name: impl ToString) {
        let (scope, name) = (scope.to_owned(), name.to_string());
        if !self
            .known
            .entry(scope.clone())
            .or_default()
            .insert(name.clone())
        {
            self.found.push(format!("{scope}::{name}"));
        }
    }

    fn items(&mut self, module: &str, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Mod(inner) => {
                    let path = format!("{module}::{}", inner.ident);
                    self.items(&path, &inner.content.as_ref().unwrap().1);
                }
                syn::Item::Struct(item) => {
                    self.add(module, &item.ident);
                    for field in &item.fields {
                        let name = field.ident.as_ref().unwrap();
                        self.add(&format!("{module}::{} {{}}", item.ident), name);
                    }
                }
                syn::Item::Enum(item) => {
                    self.add(module, &item.ident);
                    for variant in &item.variants {
                        self.add(&format!("{module}::{}", item.ident), &variant.ident);
                    }
                }
                syn::Item::Impl(item) if item.trait_.is_none() => {
                    let ty = item.self_ty.to_token_stream();
                    for inner in &item.items {
                        if let syn::ImplItem::Fn(function) = inner {
                            self.function(&format!("{module}::{ty}"), &function.sig);
                        }
                    }
                }
                syn::Item::Macro(item) => self.declared(module, &item.mac.tokens.to_string()),
                _ => {}
            }
        }
    }

    fn function(&mut self, scope: &str, signature: &syn::Signature) {
        self.add(scope, &signature.ident);
        for argument in &signature.inputs {
            if let syn::FnArg::Typed(argument) = argument {
                let scope = format!("{scope}::{}", signature.ident);
                self.add(&scope, argument.pat.to_token_stream());
            }
        }
    }

    /// `open_enum!` and `id_type!` declare a type, and the former its variants.
    fn declared(&mut self, module: &str, tokens: &str) {
        let Some((_, declared)) = tokens.split_once(" pub ") else {
            return;
        };
        let mut words = declared.split_whitespace();
        let kind = words.next().unwrap();
        let name = words.next().unwrap().to_owned();
        self.add(module, &name);
        if kind == "enum" {
            let words: Vec<&str> = words.collect();
            for pair in words.windows(3).filter(|pair| pair[1] == "=") {
                let variant = pair[0].chars().all(|c| c.is_alphanumeric() || c == '_');
                if variant && pair[2].starts_with('"') && pair[0] != "doc" {
                    self.add(&format!("{module}::{name}"), pair[0]);
                }
            }
        }
    }
}

/// Where two names can meet.
type Place = (&'static str, fn(&mut Value, &[&str]));

fn property(node: &mut Value, names: &[&str]) {
    for name in names {
        node["properties"][*name] = json!({"type": "string", "x-nullable": true});
    }
}

fn parameters(node: &mut Value, place: &str, names: &[&str]) {
    let required = place == "path";
    for name in names {
        let parameter = json!({"in": place, "name": name, "required": required, "type": "string"});
        node["parameters"].as_array_mut().unwrap().push(parameter);
    }
}

const PLACES: [Place; 11] = [
    ("a property that is received", |contract, names| {
        property(&mut contract["definitions"]["Thing"], names);
    }),
    ("a property that is sent", |contract, names| {
        property(&mut contract["definitions"]["UpdateThing"], names);
    }),
    ("a property of an inline object", |contract, names| {
        let account = &mut contract["definitions"]["Thing"]["properties"]["account"];
        property(account, names);
    }),
    ("an inline object", |contract, names| {
        for (name, inner) in names.iter().zip(["one", "two"]) {
            let object = json!({"type": "object", "properties": {inner: {"type": "string"}}});
            contract["definitions"]["Thing"]["properties"][*name] = object;
        }
    }),
    ("an inline enum", |contract, names| {
        for (name, value) in names.iter().zip(["one", "two"]) {
            let values = json!({"type": "string", "enum": [value]});
            contract["definitions"]["Thing"]["properties"][*name] = values;
        }
    }),
    ("a parameter of a query", |contract, names| {
        parameters(
            &mut contract["paths"]["/v1/things/{id}"]["get"],
            "query",
            names,
        );
    }),
    ("a parameter of a path", |contract, names| {
        let mut path = "/v1/others".to_owned();
        path.extend(names.iter().map(|name| format!("/{{{name}}}")));
        contract["paths"][&path] = json!({"get": {"parameters": [], "responses": {
            "204": {"description": ""}}}});
        parameters(&mut contract["paths"][&path]["get"], "path", names);
    }),
    ("a value of a property", |contract, names| {
        contract["definitions"]["Thing"]["properties"]["mood"] =
            json!({"type": "string", "enum": names});
    }),
    ("a value of a parameter", |contract, names| {
        let get = &mut contract["paths"]["/v1/things/{id}"]["get"];
        let parameter = json!({"in": "query", "name": "mood", "type": "string", "enum": names});
        get["parameters"].as_array_mut().unwrap().push(parameter);
    }),
    ("a definition", |contract, names| {
        for (name, inner) in names.iter().zip(["one", "two"]) {
            contract["definitions"][*name] =
                json!({"type": "object", "properties": {inner: {"type": "string"}}});
            let to = json!({"$ref": format!("#/definitions/{}", escape(name))});
            contract["definitions"]["Thing"]["properties"][format!("to_{inner}")] = to;
        }
    }),
    ("an operation", |contract, names| {
        for name in names {
            contract["paths"][format!("/v1/{name}")] =
                json!({"get": {"parameters": [], "responses": {"204": {"description": ""}}}});
        }
    }),
];

/// Names that meet in Rust, or meet what the generated code has by itself.
const PAIRS: [[&str; 2]; 24] = [
    ["accountId", "account_id"],
    ["a b", "a_b"],
    ["a__b", "a_b"],
    ["a-b", "a.b"],
    ["self", "Self"],
    ["type", "type_"],
    ["fn", "Fn"],
    ["gen", "crate"],
    ["id_", "$(id)"],
    ["1a", "x1a"],
    ["-1", "minus1"],
    ["new", "New"],
    ["check", "problems"],
    ["note", "clear_note"],
    ["other", "other_value"],
    ["\\", "\""],
    ["", " "],
    ["x", "x"],
    ["größe", "Größe"],
    ["url", "client"],
    ["call", "request"],
    ["scope", "operation"],
    ["body", "timeout"],
    ["page_size", "limit"],
];

#[test]
fn of_two_names_that_are_one_in_rust_both_are_named_or_both_get_one() {
    let of = |place: &Place, names: &[&str]| {
        let mut contract = contract();
        place.1(&mut contract, names);
        code(&contract.to_string(), &[])
    };
    let mut wrong = Vec::new();
    let mut accepted = 0;
    for place in &PLACES {
        for pair in PAIRS {
            let about = format!("{}: {pair:?}", place.0);
            match of(place, &pair) {
                Ok(code) => {
                    accepted += 1;
                    let doubles = doubles(&code);
                    if !doubles.is_empty() {
                        wrong.push(format!("{about}: there are two of {doubles:?}"));
                    }
                }
                Err(error) => {
                    let alone = pair.iter().all(|name| of(place, &[name]).is_ok());
                    let named = |name: &str| {
                        // The name of a definition is respelled when it is converted.
                        let kept = |c: char| c.is_ascii_alphanumeric() || c == '.';
                        let respelled: Vec<_> = name.split(|c| !kept(c)).collect();
                        let respelled = respelled.join("_").replace("__", "_");
                        let spellings = [
                            format!("{name:?}"),
                            format!("`{name}`"),
                            escape(name),
                            name.to_owned(),
                            format!("{respelled:?}"),
                        ];
                        spellings.iter().any(|name| error.contains(name.as_str()))
                    };
                    let bad = error.contains("progenitor cannot") || error.contains("rustc");
                    if bad || (alone && !pair.iter().all(|name| named(name))) {
                        wrong.push(format!("{about}: {error}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        accepted > 60,
        "{accepted} of {} accepted",
        PLACES.len() * PAIRS.len()
    );
}

/// Every place of a document.
fn pointers(node: &Value, at: String, found: &mut Vec<String>) {
    match node {
        Value::Object(map) => {
            for (key, value) in map {
                pointers(value, format!("{at}/{}", escape(key)), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

const ODD: [&str; 8] = [
    "",
    "a/b~c",
    "\n::x",
    "self",
    "Thing",
    "$ref",
    "Ünïcode",
    "{id}",
];

/// One thing that goes wrong with a document; the numbers choose where and how.
fn mutate(document: &mut Value, (kind, place, choice): (u8, usize, usize)) {
    let mut places = Vec::new();
    pointers(document, String::new(), &mut places);
    let at = places[place % places.len()].clone();
    let other = places[choice % places.len()].clone();
    let definitions: Vec<String> = document["definitions"]
        .as_object()
        .map_or_else(Vec::new, |map| map.keys().cloned().collect());
    let definition = definitions.get(choice % definitions.len().max(1));
    let definition = definition.map_or("Gone", String::as_str);
    let made = match kind {
        // An alias, and often a circle.
        0 => json!({"$ref": format!("#/definitions/{definition}")}),
        1 => json!({"type": definition}),
        2 => json!({"allOf": [{"$ref": format!("#/definitions/{definition}")}]}),
        3 => {
            let odd = [
                json!(null),
                json!(7),
                json!(""),
                json!([]),
                json!({}),
                json!(true),
            ];
            odd[choice % odd.len()].clone()
        }
        4 => {
            let node = document.pointer(&at).cloned().unwrap_or_default();
            (0..40).fold(node, |node, _| match choice % 3 {
                0 => json!({"type": "object", "properties": {"p": node}}),
                1 => json!({"type": "array", "items": node}),
                _ => json!([node]),
            })
        }
        5 => document.pointer(&other).cloned().unwrap_or_default(),
        6 => {
            let theirs = document.pointer(&other).cloned().unwrap_or_default();
            let ours = document.pointer(&at).cloned().unwrap_or_default();
            if let Some(node) = document.pointer_mut(&other) {
                *node = ours;
            }
            theirs
        }
        7 => return rename(document, &at, ODD[choice % ODD.len()]),
        _ => return remove(document, &at),
    };
    if let Some(node) = document.pointer_mut(&at) {
        *node = made;
    }
}

fn parent<'a>(document: &'a mut Value, at: &str) -> Option<(&'a mut Map<String, Value>, String)> {
    let (parent, key) = at.rsplit_once('/')?;
    let map = document.pointer_mut(parent)?.as_object_mut()?;
    Some((map, xtask::json::unescape(key)))
}

fn rename(document: &mut Value, at: &str, name: &str) {
    if let Some((map, key)) = parent(document, at)
        && let Some(value) = map.remove(&key)
    {
        map.insert(name.to_owned(), value);
    }
}

fn remove(document: &mut Value, at: &str) {
    if let Some((map, key)) = parent(document, at) {
        map.remove(&key);
    }
}

/// What is said of mutants must say where: a pointer, a path, or the name of something.
fn says_where(error: &str) -> bool {
    let nothing_to_point_at = [
        "it is JSON, but not an object",
        "info must be an object",
        "it is not Swagger 2.0",
        "it has no paths",
        "it has no webhooks",
        "its paths have no",
    ];
    error.contains('/')
        || error.contains("schema ")
        || error.contains("operation ")
        || error.contains(" column ")
        || error.contains("named ")
        || error.contains("`")
        || error.contains("overlay ")
        || nothing_to_point_at.iter().any(|text| error.contains(text))
}

#[track_caller]
fn survives(contract: &Value, cases: u32, code: fn(&str) -> Result<String, String>) {
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(20_261_126),
        failure_persistence: None,
        ..Config::default()
    };
    let mutations = prop::collection::vec((0..9_u8, any::<usize>(), any::<usize>()), 1..4);
    let nowhere = RefCell::new(BTreeSet::new());
    let outcome = TestRunner::new(config).run(&mutations, |mutations| {
        let mut mutant = contract.clone();
        mutations
            .into_iter()
            .for_each(|mutation| mutate(&mut mutant, mutation));
        let text = mutant.to_string();
        match in_time(move || code(&text)).map_err(TestCaseError::fail)? {
            Ok(code) => {
                let doubles = doubles(&code);
                prop_assert!(doubles.is_empty(), "there are two of {doubles:?}");
            }
            Err(error) if says_where(&error) => {}
            Err(error) => drop(nowhere.borrow_mut().insert(error)),
        }
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(nowhere.into_inner(), BTreeSet::new());
}

#[test]
fn a_mutant_becomes_code_or_an_error_that_says_where() {
    survives(&contract(), 300, |text| code(text, &[]));
    let api = |text: &str| code_of(&contract().to_string(), text, &[]);
    survives(&webhooks(), 300, api);
}

#[test]
fn a_mutant_of_the_real_contract_becomes_code_or_an_error_that_says_where() {
    static OVERLAYS: LazyLock<Vec<overlay::Overlay>> =
        LazyLock::new(|| overlay::read(&SpecFolder::new(xtask::SPEC_DIR)).unwrap());
    fn real(name: &str) -> Value {
        SpecFolder::new(xtask::SPEC_DIR).contract(name).unwrap()
    }
    survives(&real(spec_folder::API), 15, |text| {
        code_of(text, &real(spec_folder::WEBHOOKS).to_string(), &OVERLAYS)
    });
    survives(&real(spec_folder::WEBHOOKS), 15, |text| {
        code_of(&real(spec_folder::API).to_string(), text, &OVERLAYS)
    });
}

#[test]
fn what_leads_back_to_itself_is_named() {
    let to = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    for (circle, expected) in [
        (json!({"A": to("A")}), "/definitions/A leads back to itself"),
        (
            json!({"A": {"type": "B"}, "B": to("A")}),
            "these lead back to themselves:\n  /definitions/A\n  /definitions/B",
        ),
        (
            json!({"A": {"allOf": [to("A"), to("Thing")]}}),
            "these lead back to themselves:\n  /definitions/A\n  /definitions/A/allOf/0",
        ),
    ] {
        let mut contract = contract();
        for (name, schema) in circle.as_object().unwrap() {
            contract["definitions"][name] = schema.clone();
        }
        contract["definitions"]["Thing"]["properties"]["a"] = to("A");
        let text = contract.to_string();
        let error = in_time(move || code(&text, &[])).unwrap().unwrap_err();
        assert_eq!(error, expected);
    }
}

#[test]
fn what_is_long_or_wide_is_worked_with() {
    let wide = |count: usize| {
        let mut contract = contract();
        let thing = &mut contract["definitions"]["Thing"]["properties"];
        for index in 0..count {
            thing[format!("property_{index}")] = json!({"type": "string"});
        }
        contract
    };
    let values = |count: usize| {
        let mut contract = contract();
        let values: Vec<String> = (0..count)
            .rev()
            .map(|value| format!("value_{value}"))
            .collect();
        contract["definitions"]["Thing"]["properties"]["mood"] =
            json!({"type": "string", "enum": values});
        contract
    };
    // Each has the next as a property.
    let chain = |length: usize| {
        let mut contract = contract();
        for index in 0..length {
            let next = json!({"$ref": format!("#/definitions/Link{}", (index + 1) % length)});
            contract["definitions"][format!("Link{index}")] =
                json!({"type": "object", "properties": {"next": next}});
        }
        contract["definitions"]["Thing"]["properties"]["link"] =
            json!({"$ref": "#/definitions/Link0"});
        contract
    };
    for contract in [wide(1_500), values(20_000), chain(2_000)] {
        let text = contract.to_string();
        let code = in_time(move || code(&text, &[])).unwrap().unwrap();
        assert_eq!(doubles(&code), [""; 0]);
    }
    let text = wide(6_000).to_string();
    let error = in_time(move || code(&text, &[])).unwrap().unwrap_err();
    assert!(
        error.starts_with("the generated document has 60"),
        "{error}"
    );
    let mut long = contract();
    long["definitions"]["Thing"]["properties"]["mood"] =
        json!({"type": "string", "enum": ["x".repeat(2 << 20)]});
    for (contract, why) in [
        (values(50_000), "it has more than 50000 values"),
        (long, "its facts are larger than 2 MiB"),
    ] {
        let text = contract.to_string();
        let error = in_time(move || code(&text, &[])).unwrap().unwrap_err();
        let expected = format!("the document cannot be used: {why}");
        assert!(error.starts_with(&expected), "{error}");
    }
}
