//! Tables from an OpenAPI document: one for each of its lists.
//!
//! No list and no field is named here. What a list is, whose it is, and what its records have is
//! read from the document, so that the next release of the document needs no line of code.

use std::collections::{BTreeMap, BTreeSet};

use huntress::http::Method;
use serde_json::Value;

use super::column::{Kind, Source, Wanted};
use crate::contract::{Contract, Envelope, Kind as Shape, Operation, Schema};
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
    let contract = Contract::read(document);
    let lists = contract.operations().iter();
    let mut tables: Vec<_> = lists.filter_map(|list| table(&contract, list)).collect();
    set_parents(&contract, &mut tables);
    tables.retain(|table| table.list.path.contains('{') == table.list.parent.is_some());
    tables.sort_by_key(|table| {
        let of_parent = table.list.parent.is_some();
        (of_parent, table.name != "organizations", table.name.clone())
    });
    Ok(tables)
}

/// The table of an operation that lists records.
fn table(contract: &Contract, operation: &Operation) -> Option<WantedTable> {
    let (key, paged) = match &operation.answer.envelope {
        Envelope::Page(key) => (key, true),
        Envelope::List(key) => (key, false),
        Envelope::Record(_) | Envelope::Bare | Envelope::Nothing => return None,
    };
    if operation.deprecated || operation.method != Method::GET {
        return None;
    }
    let listed = properties(contract, operation);
    let mut all = listed.clone();
    let mut detail = BTreeSet::new();
    let single = single(contract, &operation.path);
    for (name, property) in single.map_or_else(BTreeMap::new, |it| properties(contract, it)) {
        all.entry(name.clone()).or_insert_with(|| {
            detail.insert(name);
            property
        });
    }
    let is = |name: &str, wanted| listed.get(name).is_some_and(|it| kind(it) == wanted);
    Some(WantedTable {
        name: operation.id.trim_start_matches("list_").to_owned(),
        has_id: listed.contains_key("id"),
        numbered: is("id", Kind::Integer),
        shows_changes: is("updated_at", Kind::Moment) && can_be_sorted_by_change(operation),
        columns: columns(&all),
        detail,
        list: ListOperation {
            operation: operation.id.clone(),
            path: operation.path.clone(),
            key: key.clone(),
            account_scope: operation.scoped,
            parent: None,
            paged,
        },
        parent_column: None,
        nested_in: None,
    })
}

fn properties(contract: &Contract, operation: &Operation) -> BTreeMap<String, Schema> {
    contract.fields(operation).into_iter().collect()
}

/// A list's single resource: that of the path with one id more.
fn single<'a>(contract: &'a Contract, list: &str) -> Option<&'a Operation> {
    let is_one = |operation: &&Operation| {
        let id = operation.path.strip_prefix(list);
        let id = id.and_then(|id| id.strip_prefix("/{")?.strip_suffix('}'));
        operation.method == Method::GET && id.is_some_and(|id| !id.contains('/'))
    };
    contract.operations().iter().find(is_one)
}

fn can_be_sorted_by_change(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter();
    parameters.any(|parameter| match &parameter.schema.kind {
        Shape::OneOf(choices) if parameter.name == "sort_field" => {
            choices.iter().any(|choice| choice.value == "updated_at")
        }
        _ => false,
    })
}

fn columns(properties: &BTreeMap<String, Schema>) -> Vec<Wanted> {
    let mut columns = Vec::new();
    for (name, property) in properties {
        columns.push(Wanted {
            source: Source::Field(name.clone()),
            kind: kind(property),
            decode: property.decode.clone(),
        });
        if is_reference(property) {
            columns.push(Wanted {
                source: Source::IdOf(name.clone()),
                kind: Kind::Integer,
                decode: None,
            });
        }
    }
    columns
}

fn kind(schema: &Schema) -> Kind {
    match &schema.kind {
        Shape::Integer { .. } => Kind::Integer,
        Shape::Number => Kind::Real,
        Shape::Boolean => Kind::Boolean,
        Shape::Moment => Kind::Moment,
        Shape::Date => Kind::Date,
        Shape::Text { .. } | Shape::OneOf(_) => Kind::Text,
        Shape::List { .. } | Shape::Object(_) | Shape::Any => Kind::Json,
    }
}

/// Whether it is another record in short: an object that has an `id`.
fn is_reference(property: &Schema) -> bool {
    let id = match &property.kind {
        Shape::Object(object) => object.field("id"),
        _ => None,
    };
    id.is_some_and(|id| kind(id) == Kind::Integer)
}

fn set_parents(contract: &Contract, tables: &mut [WantedTable]) {
    let parents: BTreeMap<_, _> = tables
        .iter()
        .filter(|table| !table.list.path.contains('{'))
        .map(|table| (table.list.path.clone(), table.list.operation.clone()))
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
        let name = parent.trim_start_matches("list_");
        table.nested_in = nested_in(contract, parent, &table.list);
        table.parent_column = Some(match parameter {
            "id" => format!("{}_id", name.strip_suffix('s').unwrap_or(name)),
            named => named.to_owned(),
        });
        table.list.parent = Some(name.to_owned());
    }
}

/// The field of a parent's record that holds records of this list: it is called as the list's
/// key, and is a list of such records, or an object with such a list as its `items`.
fn nested_in(contract: &Contract, parent: &str, list: &ListOperation) -> Option<String> {
    let of = |operation| {
        contract
            .operation(operation)
            .map(|it| properties(contract, it))
    };
    let field = of(parent)?.remove(&list.key)?;
    let record = of(&list.operation)?;
    let is_such = |items: &Schema| match &items.kind {
        Shape::Object(object) => {
            let names: BTreeSet<_> = object.fields.iter().map(|(name, _)| name).collect();
            names.into_iter().eq(record.keys())
        }
        _ => false,
    };
    let held = match &field.kind {
        Shape::List { items, .. } => is_such(items),
        Shape::Object(object) => match object.field("items").map(|it| &it.kind) {
            Some(Shape::List { items, .. }) => is_such(items),
            _ => false,
        },
        _ => false,
    };
    held.then(|| list.key.clone())
}
