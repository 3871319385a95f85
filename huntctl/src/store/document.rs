//! Tables from an OpenAPI document: one for each of its lists.
//!
//! No list and no field is named here. What a list is, whose it is, and what its records have is
//! read from the document, so that the next release of the document needs no line of code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::column::{Kind, Source, Wanted};
use crate::failure::{Exit, Failure};

/// The operation that lists a table's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOperation {
    /// Its name: `list_agents`.
    pub operation: String,
    /// Its path, which may hold the id of the parent: `/v1/incident_reports/{id}/remediations`.
    pub path: String,
    /// The key of the records in the answer: `agents`.
    pub key: String,
    /// Whether it can be asked for a managed account.
    pub account_scope: bool,
    /// The table whose ids fill the path.
    pub parent: Option<String>,
    /// Whether it has pages.
    pub paged: bool,
}

/// A table as the document wants it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WantedTable {
    pub(super) name: String,
    pub(super) list: ListOperation,
    pub(super) columns: Vec<Wanted>,
    /// Fields that only the single resource has, not its list.
    pub(super) detail: BTreeSet<String>,
    /// Whether its records have an id of their own.
    pub(super) has_id: bool,
    /// Whether that is a number.
    pub(super) numbered: bool,
    pub(super) shows_changes: bool,
    /// The column that holds the parent's id.
    pub(super) parent_column: Option<String>,
    /// The field of a parent's record that holds some of these records.
    pub(super) nested_in: Option<String>,
}

impl WantedTable {
    /// Whether its records say which account they are of.
    pub(super) fn names_account(&self) -> bool {
        let source = Source::Field("account_id".to_owned());
        let mut columns = self.columns.iter();
        columns.any(|column| column.source == source && column.kind == Kind::Integer)
    }
}

/// The tables in an order in which they can be pulled: organizations, which the others point
/// to, then the lists of the account, then those that belong to a record of another list.
pub(super) fn tables(document: &str) -> Result<Vec<WantedTable>, Failure> {
    let document: Value = serde_json::from_str(document).map_err(|error| {
        let text = format!("the OpenAPI document cannot be read: {error}");
        Failure::new(Exit::Failed, text)
    })?;
    let document = Document(&document);
    let mut tables: Vec<_> = document.lists().collect();
    set_parents(&document, &mut tables);
    tables.retain(|table| table.list.path.contains('{') == table.list.parent.is_some());
    tables.sort_by_key(|table| {
        let of_parent = table.list.parent.is_some();
        (of_parent, table.name != "organizations", table.name.clone())
    });
    Ok(tables)
}

#[derive(Clone, Copy)]
struct Document<'a>(&'a Value);

impl<'a> Document<'a> {
    fn paths(self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        paths.filter_map(|(path, operations)| Some((path, operations.get("get")?)))
    }

    /// A schema that may be a reference, or a reference with words of its own (`allOf`).
    fn resolved(self, mut schema: &'a Value) -> &'a Value {
        // A schema that refers to itself ends here.
        for _ in 0..16 {
            let next = match (schema["$ref"].as_str(), schema["allOf"].as_array()) {
                (Some(reference), _) => self.0.pointer(reference.trim_start_matches('#')),
                (None, Some(parts)) if parts.len() == 1 && schema["properties"].is_null() => {
                    parts.first()
                }
                _ => return schema,
            };
            let Some(next) = next else { return schema };
            schema = next;
        }
        schema
    }

    /// All properties of an object, those of its parts (`allOf`, `oneOf`, `anyOf`) included.
    fn properties(self, schema: &'a Value) -> BTreeMap<&'a str, &'a Value> {
        let mut properties = BTreeMap::new();
        let mut open = vec![(schema, 0)];
        while let Some((schema, depth)) = open.pop() {
            let schema = self.resolved(schema);
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                properties.entry(name.as_str()).or_insert(property);
            }
            let parts = ["allOf", "oneOf", "anyOf"].map(|key| schema[key].as_array());
            let parts = parts.into_iter().flatten().flatten();
            if depth < 8 {
                open.extend(parts.map(|part| (part, depth + 1)));
            }
        }
        properties
    }

    fn answer(self, operation: &'a Value) -> &'a Value {
        let content = &operation["responses"]["200"]["content"];
        self.resolved(&content["application/json"]["schema"])
    }

    fn lists(self) -> impl Iterator<Item = WantedTable> {
        self.paths().filter_map(move |(path, operation)| {
            let answer = self.answer(operation);
            let envelope = &answer["x-huntress-envelope"];
            let key = envelope["items"].as_str()?;
            if operation["deprecated"] == true {
                return None;
            }
            let name = operation["operationId"].as_str()?;
            let list = ListOperation {
                operation: name.to_owned(),
                path: path.clone(),
                key: key.to_owned(),
                account_scope: operation["x-huntress-account-scope"] == true,
                parent: None,
                paged: envelope["kind"] == "page",
            };
            let item = &answer["properties"][key]["items"];
            Some(self.table(list, item, operation))
        })
    }

    fn table(self, list: ListOperation, item: &'a Value, operation: &'a Value) -> WantedTable {
        let listed = self.properties(item);
        let mut properties = listed.clone();
        let single = self.single(&list.path);
        let more = single.map_or_else(BTreeMap::new, |single| self.properties(single));
        let mut detail = BTreeSet::new();
        for (name, property) in more {
            properties.entry(name).or_insert_with(|| {
                detail.insert(name.to_owned());
                property
            });
        }
        let name = list.operation.trim_start_matches("list_").to_owned();
        WantedTable {
            name,
            has_id: listed.contains_key("id"),
            numbered: listed
                .get("id")
                .is_some_and(|id| self.kind(id) == Kind::Integer),
            shows_changes: listed
                .get("updated_at")
                .is_some_and(|property| self.kind(property) == Kind::Moment)
                && self.can_be_sorted_by_change(operation),
            columns: self.columns(&properties),
            detail,
            list,
            parent_column: None,
            nested_in: None,
        }
    }

    /// The schema of a list's single resource: that of the path with one id more.
    fn single(self, list: &str) -> Option<&'a Value> {
        let is_one = |path: &str| {
            let id = path.strip_prefix(list).and_then(|id| id.strip_prefix("/{"));
            id.and_then(|id| id.strip_suffix('}'))
                .is_some_and(|id| !id.contains('/'))
        };
        let (_, operation) = self.paths().find(|(path, _)| is_one(path))?;
        let answer = self.answer(operation);
        let key = answer["x-huntress-envelope"]["key"].as_str()?;
        answer["properties"].get(key)
    }

    fn can_be_sorted_by_change(self, operation: &'a Value) -> bool {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let mut parameters = parameters.map(|parameter| self.resolved(parameter));
        parameters.any(|parameter| {
            let schema = &parameter["schema"];
            let narrowed = schema["x-huntress-values"].as_array();
            let values = narrowed.or_else(|| self.resolved(schema)["enum"].as_array());
            let mut values = values.into_iter().flatten();
            parameter["name"] == "sort_field" && values.any(|value| value == "updated_at")
        })
    }

    fn columns(self, properties: &BTreeMap<&'a str, &'a Value>) -> Vec<Wanted> {
        let mut columns = Vec::new();
        for (name, property) in properties {
            let kind = self.kind(property);
            let decode = property["x-huntress-decode"].as_str().map(str::to_owned);
            let source = Source::Field((*name).to_owned());
            columns.push(Wanted {
                source,
                kind,
                decode,
            });
            if kind == Kind::Json && self.is_reference(property) {
                let source = Source::IdOf((*name).to_owned());
                let kind = Kind::Integer;
                columns.push(Wanted {
                    source,
                    kind,
                    decode: None,
                });
            }
        }
        columns
    }

    fn kind(self, property: &'a Value) -> Kind {
        let schema = self.resolved(property);
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("integer"), _) => Kind::Integer,
            (Some("number"), _) => Kind::Real,
            (Some("boolean"), _) => Kind::Boolean,
            (Some("string"), Some("date-time")) => Kind::Moment,
            (Some("string"), Some("date")) => Kind::Date,
            (Some("string"), _) => Kind::Text,
            _ => Kind::Json,
        }
    }

    /// Whether it is another record in short: an object that has an `id`.
    fn is_reference(self, property: &'a Value) -> bool {
        let id = &self.resolved(property)["properties"]["id"];
        !id.is_null() && self.kind(id) == Kind::Integer
    }

    /// The name of the schema of a list's records.
    fn item_name(self, list: &ListOperation) -> Option<&'a str> {
        let answer = self.answer(&self.0["paths"][&list.path]["get"]);
        answer["properties"][&list.key]["items"]["$ref"].as_str()
    }
}

fn set_parents(document: &Document<'_>, tables: &mut [WantedTable]) {
    let parents: BTreeMap<_, _> = tables
        .iter()
        .filter(|table| !table.list.path.contains('{'))
        .map(|table| (table.list.path.clone(), table.name.clone()))
        .collect();
    for table in tables {
        let Some((before, rest)) = table.list.path.split_once("/{") else {
            continue;
        };
        let (Some(parent), Some((parameter, rest))) = (parents.get(before), rest.split_once('}'))
        else {
            continue;
        };
        if rest.contains('{') {
            continue;
        }
        table.nested_in = nested_in(*document, before, &table.list);
        table.parent_column = Some(match parameter {
            "id" => format!("{}_id", parent.strip_suffix('s').unwrap_or(parent)),
            named => named.to_owned(),
        });
        table.list.parent = Some(parent.clone());
    }
}

/// The field of a parent's record that holds records of this list: of the list's key, and a list
/// of the same schema, or an object with such a list as its `items`.
fn nested_in(document: Document<'_>, parent: &str, list: &ListOperation) -> Option<String> {
    let answer = document.answer(&document.0["paths"][parent]["get"]);
    let key = answer["x-huntress-envelope"]["items"].as_str()?;
    let record = document.properties(&answer["properties"][key]["items"]);
    let property = document.resolved(record.get(list.key.as_str())?);
    let item = |list: &Value| list["items"]["$ref"].as_str().map(str::to_owned);
    let held = item(property).or_else(|| item(document.resolved(&property["properties"]["items"])));
    (held?.as_str() == document.item_name(list)?).then(|| list.key.clone())
}
