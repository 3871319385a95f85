//! A field of an event: what it is called, and what it is made from. A mapping is a list of
//! them, from which both its events and its page come.

use serde_json::{Map, Value, json};

use super::read;
use crate::forward::Told;

/// A field of an event.
pub struct Field {
    /// Its path in the event. `[]` after a key is the first item of a list.
    pub target: &'static str,
    /// Its type, as the format calls it.
    pub form: &'static str,
    /// Paths in the record that it is made from; with `@` before them, what else is known of
    /// the record. `*` is the whole record. None where it is always the same.
    pub sources: &'static [&'static str],
    /// How it is made, in words; empty where the first source that can be read is taken over.
    pub how: &'static str,
    make: Make,
    is_whole: bool,
}

#[derive(Clone, Copy)]
enum Make {
    Fixed(&'static str),
    FirstOf(fn(&Value) -> Option<Value>),
    From(fn(&Told<'_>) -> Option<Value>),
}

impl Field {
    /// Always this text.
    pub(super) const fn fixed(
        target: &'static str,
        form: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            target,
            form,
            sources: &[],
            how: text,
            make: Make::Fixed(text),
            is_whole: false,
        }
    }

    /// The first of the sources that can be read.
    pub(super) const fn first_of(
        target: &'static str,
        form: &'static str,
        sources: &'static [&'static str],
        read: fn(&Value) -> Option<Value>,
    ) -> Self {
        Self {
            target,
            form,
            sources,
            how: "",
            make: Make::FirstOf(read),
            is_whole: true,
        }
    }

    /// Whatever is made of the sources, as the words say.
    pub(super) const fn from(
        target: &'static str,
        form: &'static str,
        sources: &'static [&'static str],
        how: &'static str,
        make: fn(&Told<'_>) -> Option<Value>,
    ) -> Self {
        Self {
            target,
            form,
            sources,
            how,
            make: Make::From(make),
            is_whole: false,
        }
    }

    /// The same, of which one can say that it carries the texts that it is made from, so that
    /// they need not stand elsewhere.
    pub(super) const fn whole(mut self) -> Self {
        self.is_whole = true;
        self
    }

    /// What it has for a record; none leaves it out.
    pub fn value(&self, told: &Told<'_>) -> Option<Value> {
        match self.make {
            Make::Fixed(text) => Some(json!(text)),
            Make::FirstOf(read) => {
                let mut sources = self.sources.iter();
                sources.find_map(|path| read(told.at(path)?))
            }
            Make::From(make) => make(told),
        }
    }

    /// The paths in the record of which nothing is lost with this field.
    fn carried(&self, told: &Told<'_>) -> Vec<&'static str> {
        let read: fn(&Value) -> Option<Value> = match self.make {
            _ if !self.is_whole => return Vec::new(),
            Make::FirstOf(read) => read,
            Make::Fixed(_) | Make::From(_) => |value| Some(json!(read::text(value)?)),
        };
        let is_read = |path: &&str| {
            let value = told.at(path).filter(|value| is_shallow(value));
            value.and_then(read).is_some()
        };
        let sources = self.sources.iter().copied().filter(is_read);
        match self.make {
            // The others are not looked at.
            Make::FirstOf(_) => sources.take(1).collect(),
            Make::Fixed(_) | Make::From(_) => sources.collect(),
        }
    }
}

/// Whether it is no object and has none in it.
fn is_shallow(value: &Value) -> bool {
    let is_flat = |value: &Value| !value.is_object() && !value.is_array();
    is_flat(value)
        || value
            .as_array()
            .is_some_and(|list| list.iter().all(is_flat))
}

/// The event that these fields make.
pub(super) fn event<'f>(fields: impl IntoIterator<Item = &'f Field>, told: &Told<'_>) -> Value {
    let mut event = json!({});
    for field in fields {
        if let Some(value) = field.value(told) {
            put(&mut event, field.target, value);
        }
    }
    event
}

/// Puts a value at a path, and makes what is missing on the way.
fn put(event: &mut Value, path: &str, value: Value) {
    let mut at = event;
    for key in path.split('.') {
        at = match key.strip_suffix("[]") {
            None => entry(at, key),
            Some(key) => first(entry(at, key)),
        };
    }
    *at = value;
}

fn entry<'v>(value: &'v mut Value, key: &str) -> &'v mut Value {
    if !value.is_object() {
        *value = Map::new().into();
    }
    // An object by now, where a key that is not there comes into being.
    &mut value[key]
}

fn first(value: &mut Value) -> &mut Value {
    if !value.is_array() {
        *value = json!([null]);
    }
    &mut value[0]
}

/// The record without what these fields carry and what else is known of it; none where nothing
/// is left.
pub(super) fn rest<'f>(
    fields: impl IntoIterator<Item = &'f Field>,
    told: &Told<'_>,
) -> Option<Value> {
    if !told.record.is_object() {
        return (!told.record.is_null()).then(|| json!({ "record": told.record }));
    }
    let mut rest = told.record.clone();
    let owners: &[&str] = match told.organization {
        Some(_) => &[
            "id",
            "account_id",
            "account",
            "organization_id",
            "organization",
        ],
        None => &["id", "account_id", "account"],
    };
    owners.iter().for_each(|key| remove(&mut rest, key));
    for field in fields {
        for path in field.carried(told) {
            remove(&mut rest, path);
        }
    }
    if let Some(map) = rest.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    (!is_empty(&rest)).then_some(rest)
}

/// Takes away what stands at a path, and the object around it where it was the last in it.
fn remove(value: &mut Value, path: &str) {
    let Some(map) = value.as_object_mut() else {
        return;
    };
    match path.split_once('.') {
        None => {
            map.remove(path);
        }
        Some((key, path)) => {
            if let Some(inner) = map.get_mut(key) {
                remove(inner, path);
                if is_empty(inner) {
                    map.remove(key);
                }
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}
