//! The webhooks contract becomes a part of the document.
//!
//! It is OpenAPI 3.1, of which the rest of the pipeline knows nothing, and it has no envelope:
//! an event is the record it tells of with one key more, `event_type`. So each event becomes an
//! entry of `x-webhooks`, as 3.1's `webhooks` is spelt in a 3.0 document, that names the
//! component of its payload:
//!
//! - What 3.1 says in its own words is said in those of 3.0: `type: [string, "null"]` is a
//!   string that may be null, `const` is an enum of one value, and references and `allOf` are
//!   resolved. What has no words there is dropped: what is received is tolerated anyway.
//! - An event that is `allOf` a shape and what it adds has the payload of that shape. What only
//!   some events of a shape add (`comment`) is an optional property of it, so that all of them
//!   have one type.
//! - A shape that is named after a thing of the API (`EscalationPayload`) is about the id of
//!   that thing. Where events of other things have the same shape, as `platform_action.created`
//!   has, each thing has a payload of its own, so that its `id` is one of that thing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::walk;
use crate::codegen::model::WEBHOOKS;
use crate::codegen::syntax::pascal;
use crate::json::escape;
use crate::references;

/// What the name of a payload ends in.
pub const PAYLOAD: &str = "Payload";
/// The key that says which event it is.
const EVENT_TYPE: &str = "event_type";
const SCHEMA: &str = "/post/requestBody/content/application~1json/schema";
const COMPONENTS: &str = "#/components/schemas/";

/// What is the same in 3.0, and means something for what is received.
const KEPT: [&str; 3] = ["deprecated", "format", "enum"];

/// Adds the events and their payloads; does nothing where there is no such contract.
pub fn add(document: &mut Value, webhooks: &Value) -> Result<()> {
    references::check(webhooks)?;
    let vendor = Vendor(webhooks);
    let mut payloads: BTreeMap<String, Value> = BTreeMap::new();
    let mut events = Map::new();
    for (event, item) in webhooks["webhooks"].as_object().into_iter().flatten() {
        let pointer = format!("/webhooks/{}", escape(event));
        let Some(schema) = item.pointer(SCHEMA) else {
            bail!("{pointer} sends no JSON by POST");
        };
        let payload = vendor.payload(event, schema, document);
        let lowered = vendor.lowered(schema, &pointer, &mut Vec::new())?;
        add_up(payloads.entry(payload.clone()).or_default(), lowered)
            .with_context(|| format!("{pointer}: its payload {payload} is that of other events"))?;
        let content = json!({"application/json": {"schema": walk::reference(&payload)}});
        let entry = json!({"post": {"requestBody": {"content": content}}});
        events.insert(event.clone(), entry);
    }
    let components = walk::components(document);
    for (name, mut payload) in payloads {
        if let Some(properties) = payload["properties"].as_object_mut() {
            properties.shift_remove(EVENT_TYPE);
        }
        if components.insert(name.clone(), payload).is_some() {
            bail!("the webhooks have a payload {name}, and the API a definition of that name");
        }
    }
    if !events.is_empty() {
        document[WEBHOOKS] = events.into();
    }
    Ok(())
}

/// Adds what one more event of a shape has.
fn add_up(payload: &mut Value, event: Value) -> Result<()> {
    let Value::Object(theirs) = &event["properties"] else {
        bail!("it is not an object");
    };
    if payload.is_null() {
        *payload = json!({"type": "object", "properties": {}});
    }
    for (name, theirs) in theirs.iter().filter(|(name, _)| *name != EVENT_TYPE) {
        let ours = &mut payload["properties"][name];
        match &ours["type"] {
            Value::Null => *ours = theirs.clone(),
            ty if *ty == theirs["type"] => {}
            ty => bail!("{name} is {} here and {ty} there", theirs["type"]),
        }
    }
    Ok(())
}

/// The vendor's contract.
struct Vendor<'a>(&'a Value);

impl<'a> Vendor<'a> {
    /// The name of the component that an event's payload becomes.
    fn payload(&self, event: &str, schema: &'a Value, document: &Value) -> String {
        let named = reference(schema);
        let own = named.map_or(schema, |name| self.component(name));
        let parts = own["allOf"].as_array().into_iter().flatten();
        let mut shapes = parts.filter_map(reference);
        let shape = match (shapes.next(), shapes.next()) {
            (Some(shape), None) => Some(shape),
            _ => named,
        };
        let of_thing = |thing: &str| {
            let is_thing = document["components"]["schemas"].get(thing).is_some();
            is_thing.then(|| format!("{thing}{PAYLOAD}"))
        };
        let (thing, _) = event.split_once('.').unwrap_or((event, ""));
        match shape {
            None => format!("{}{PAYLOAD}", pascal(event)),
            Some(shape) => {
                let shared = shape.strip_suffix(PAYLOAD).and_then(of_thing);
                let own = shared.and_then(|_| of_thing(&pascal(thing)));
                own.unwrap_or_else(|| shape.to_owned())
            }
        }
    }

    fn component(&self, name: &str) -> &'a Value {
        &self.0["components"]["schemas"][name]
    }

    /// A schema in the words of 3.0, without references. `within` are the components that it
    /// stands in.
    fn lowered(
        &self,
        schema: &'a Value,
        pointer: &str,
        within: &mut Vec<&'a str>,
    ) -> Result<Value> {
        if let Some(name) = reference(schema) {
            if within.contains(&name) {
                bail!("{pointer}: {name} is within itself");
            }
            within.push(name);
            let lowered = self.lowered(self.component(name), pointer, within);
            within.pop();
            return lowered;
        }
        let mut lowered = Map::new();
        for part in list(schema, "allOf") {
            merge(&mut lowered, self.lowered(part, pointer, within)?);
        }
        let (ty, null) = one_type(schema)
            .with_context(|| format!("{pointer}: it is of several types, {}", schema["type"]))?;
        lowered.extend(ty.map(|ty| ("type".to_owned(), ty.clone())));
        for key in KEPT {
            if let Some(value) = schema.get(key) {
                lowered.insert(key.to_owned(), value.clone());
            }
        }
        if let Some(value) = schema.get("const") {
            lowered.entry("type").or_insert_with(|| json!("string"));
            lowered.insert("enum".to_owned(), json!([value]));
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(key).filter(|inner| inner.is_object()) {
                let inner = self.lowered(inner, &format!("{pointer}/{key}"), within)?;
                lowered.insert(key.to_owned(), inner);
            }
        }
        if let Some(Value::Object(properties)) = schema.get("properties") {
            let mut all = Map::new();
            for (name, property) in properties {
                let pointer = format!("{pointer}/properties/{}", escape(name));
                all.insert(name.clone(), self.lowered(property, &pointer, within)?);
            }
            merge(&mut lowered, json!({"properties": all}));
        }
        let (mut forms, no_form) = self.forms(schema, pointer, within)?;
        match forms.len() {
            0 => {}
            1 => merge(&mut lowered, forms.remove(0)),
            _ => drop(lowered.insert("oneOf".to_owned(), forms.into())),
        }
        if null || no_form {
            lowered.insert("nullable".to_owned(), json!(true));
        }
        Ok(lowered.into())
    }

    /// Each of the forms that something can have, and whether it may be null.
    fn forms(
        &self,
        schema: &'a Value,
        pointer: &str,
        within: &mut Vec<&'a str>,
    ) -> Result<(Vec<Value>, bool)> {
        let forms = list(schema, "oneOf").chain(list(schema, "anyOf"));
        let (nulls, forms): (Vec<_>, Vec<_>) = forms.partition(|form| form["type"] == "null");
        let forms = forms.into_iter();
        let forms = forms.map(|form| self.lowered(form, pointer, within));
        Ok((forms.collect::<Result<_>>()?, !nulls.is_empty()))
    }
}

/// The one type that something has beside null, if it says, and whether it may be null; `None`
/// where it has several.
fn one_type(schema: &Value) -> Option<(Option<&Value>, bool)> {
    let types = match &schema["type"] {
        Value::Array(types) => types.as_slice(),
        Value::Null => &[],
        ty => std::slice::from_ref(ty),
    };
    let (nulls, types): (Vec<_>, Vec<_>) = types.iter().partition(|ty| *ty == "null");
    match types.as_slice() {
        [] => Some((None, !nulls.is_empty())),
        [ty] => Some((Some(ty), !nulls.is_empty())),
        _ => None,
    }
}

/// The component that a schema is a reference to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(COMPONENTS)
}

fn list<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    schema[key].as_array().into_iter().flatten()
}

/// Adds what a part of an `allOf` says; what is said later counts.
fn merge(whole: &mut Map<String, Value>, part: Value) {
    let Value::Object(part) = part else { return };
    for (key, value) in part {
        match (whole.get_mut(&key), value) {
            (Some(Value::Object(whole)), Value::Object(part)) if key == "properties" => {
                whole.extend(part);
            }
            (_, value) => drop(whole.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(events: Value, schemas: Value) -> Value {
        let events = events.as_object().unwrap().iter().map(|(event, schema)| {
            let content = json!({"application/json": {"schema": schema}});
            (
                event.clone(),
                json!({"post": {"requestBody": {"content": content}}}),
            )
        });
        let events: Map<String, Value> = events.collect();
        json!({"openapi": "3.1.0", "webhooks": events, "components": {"schemas": schemas}})
    }

    /// What becomes of the events, in an API that knows of tickets and tasks.
    fn added(events: Value, schemas: Value) -> Result<Value> {
        let object = json!({"type": "object"});
        let things = json!({"Ticket": object, "Task": object});
        let mut document = json!({"paths": {}, "components": {"schemas": things}});
        add(&mut document, &contract(events, schemas))?;
        Ok(document)
    }

    fn to(name: &str) -> Value {
        walk::reference(name)
    }

    fn event(shape: &str, event: &str, more: Value) -> Value {
        let mut properties = more;
        properties[EVENT_TYPE] = json!({"const": event});
        json!({"allOf": [to(shape), {"type": "object", "properties": properties}]})
    }

    #[test]
    fn events_of_one_shape_have_one_payload_with_what_any_of_them_adds() {
        let text = json!({"type": "string"});
        let integer = json!({"type": "integer"});
        let shape = json!({"type": "object", "properties": {EVENT_TYPE: text, "id": integer}});
        let document = added(
            json!({
                "ticket.opened": to("TicketOpened"),
                "ticket.noted": event("TicketPayload", "ticket.noted", json!({"note": text})),
            }),
            json!({
                "TicketPayload": shape,
                "TicketOpened": event("TicketPayload", "ticket.opened", json!({})),
            }),
        );
        let document = document.unwrap();
        let payload = &document["components"]["schemas"]["TicketPayload"];
        assert_eq!(payload["properties"], json!({"id": integer, "note": text}));
        for event in ["ticket.opened", "ticket.noted"] {
            let schema = document[WEBHOOKS][event].pointer(SCHEMA).unwrap();
            assert_eq!(*schema, to("TicketPayload"), "{event}");
        }
    }

    #[test]
    fn each_thing_has_a_payload_of_its_own_where_a_shape_is_named_after_one() {
        let shape = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
        let shapes = json!({"TicketPayload": shape, "NotePayload": shape});
        let document = added(
            json!({
                "ticket.opened": event("TicketPayload", "ticket.opened", json!({})),
                "task.opened": event("TicketPayload", "task.opened", json!({})),
                "nothing.opened": event("TicketPayload", "nothing.opened", json!({})),
                "task.note": event("NotePayload", "task.note", json!({})),
                "other": {"type": "object", "properties": {}},
            }),
            shapes,
        );
        let document = document.unwrap();
        let payload = |event: &str| {
            let schema = document[WEBHOOKS][event].pointer(SCHEMA).unwrap();
            reference(schema).unwrap().to_owned()
        };
        assert_eq!(payload("ticket.opened"), "TicketPayload");
        assert_eq!(payload("task.opened"), "TaskPayload");
        assert_eq!(payload("nothing.opened"), "TicketPayload");
        assert_eq!(payload("task.note"), "NotePayload");
        assert_eq!(payload("other"), "OtherPayload");
    }

    #[test]
    fn what_3_1_says_in_its_own_words_is_said_in_those_of_3_0() {
        let lowered = |schema: Value| {
            let properties = json!({"x": schema});
            let shape = json!({"type": "object", "properties": properties});
            let named = json!({"Named": {"type": "string", "format": "uuid"}});
            let document = added(json!({"a": shape}), named).unwrap();
            document["components"]["schemas"]["APayload"]["properties"]["x"].clone()
        };
        let nullable = json!({"type": "string", "nullable": true});
        assert_eq!(lowered(json!({"type": ["string", "null"]})), nullable);
        assert_eq!(
            lowered(json!({"anyOf": [{"type": "string"}, {"type": "null"}]})),
            nullable
        );
        assert_eq!(
            lowered(json!({"const": "a"})),
            json!({"type": "string", "enum": ["a"]})
        );
        assert_eq!(
            lowered(to("Named")),
            json!({"type": "string", "format": "uuid"})
        );
        assert_eq!(
            lowered(json!({"type": "string", "minLength": 1, "$comment": "x", "if": {}})),
            json!({"type": "string"})
        );
        assert_eq!(
            lowered(json!({"type": "array", "items": {"type": ["integer", "null"]}})),
            json!({"type": "array", "items": {"type": "integer", "nullable": true}})
        );
    }

    #[test]
    fn what_cannot_be_a_payload_says_where() {
        #[track_caller]
        fn stops(events: Value, schemas: Value, why: &str) {
            let error = added(events, schemas).unwrap_err();
            assert_eq!(format!("{error:#}"), why);
        }
        let object = |ty: &str| json!({"type": "object", "properties": {"x": {"type": ty}}});
        let mut of_another_type = event("S", "a.b", json!({"y": {"type": "integer"}}));
        let one = event("S", "a.a", json!({"y": {"type": "string"}}));
        stops(
            json!({"a.a": one, "a.b": of_another_type}),
            json!({"S": object("string")}),
            "/webhooks/a.b: its payload S is that of other events: y is \"integer\" here and \
             \"string\" there",
        );
        of_another_type =
            json!({"type": "object", "properties": {"x": {"type": ["string", "integer"]}}});
        stops(
            json!({"a": of_another_type}),
            json!({}),
            "/webhooks/a/properties/x: it is of several types, [\"string\",\"integer\"]",
        );
        stops(
            json!({"a": {"type": "string"}}),
            json!({}),
            "/webhooks/a: its payload APayload is that of other events: it is not an object",
        );
        stops(
            json!({"a": to("Ticket")}),
            json!({"Ticket": object("string")}),
            "the webhooks have a payload Ticket, and the API a definition of that name",
        );
        let tree = json!({"type": "object", "properties": {"inner": to("Tree")}});
        stops(
            json!({"a": to("Tree")}),
            json!({"Tree": tree}),
            "/webhooks/a/properties/inner: Tree is within itself",
        );
        let mut document = json!({"paths": {}});
        let error = add(&mut document, &json!({"webhooks": {"a": {"get": {}}}})).unwrap_err();
        assert_eq!(error.to_string(), "/webhooks/a sends no JSON by POST");
    }
}
