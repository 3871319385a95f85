//! Which fields of a record are shown, and what a cell has of them.

use serde_json::{Map, Value};

use crate::contract::{Kind, Schema};

/// A field of a record, or of what is nested in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The names from the record to the field.
    path: Vec<String>,
}

impl Column {
    /// The field of a name such as `hostname` or `organization.name`.
    pub fn new(name: &str) -> Self {
        let path = name.split('.').map(str::to_owned).collect();
        Self { path }
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.path.join(".")
    }

    /// The value of a record; null where there is none. Within a list, a number is a place,
    /// and a name is that of a field of all its items.
    pub fn of(&self, record: &Value) -> Value {
        below(record, &self.path)
    }

    /// Whether the document knows it. What is nested may be anything where the document says
    /// no more.
    pub fn is_known(&self, fields: &[(String, Schema)]) -> bool {
        let Some((first, rest)) = self.path.split_first() else {
            return false;
        };
        let field = fields.iter().find(|(name, _)| name == first);
        field.is_some_and(|(_, schema)| match &schema.kind {
            Kind::Object(object) if !rest.is_empty() => {
                let path = rest.to_vec();
                Self { path }.is_known(&object.fields)
            }
            Kind::Object(_) | Kind::List { .. } | Kind::Any => true,
            _ => rest.is_empty(),
        })
    }
}

fn below(value: &Value, path: &[String]) -> Value {
    let Some((first, rest)) = path.split_first() else {
        return value.clone();
    };
    match value {
        // A name may have dots in it, as those of log lines do.
        Value::Object(fields) => (1..=path.len())
            .rev()
            .find_map(|count| Some((fields.get(&path[..count].join("."))?, count)))
            .map_or(Value::Null, |(inner, count)| below(inner, &path[count..])),
        Value::Array(items) => match first.parse::<usize>() {
            Ok(place) => items.get(place).map_or(Value::Null, |it| below(it, rest)),
            Err(_) => items.iter().map(|item| below(item, path)).collect(),
        },
        _ => Value::Null,
    }
}

/// A record with some columns alone.
pub fn select(columns: &[Column], record: &Value) -> Value {
    let fields = columns
        .iter()
        .map(|column| (column.name(), column.of(record)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// A value in a cell for a person: texts as they are, a list of single values with commas.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(is_single) => {
            let cells: Vec<String> = items.iter().map(cell).collect();
            cells.join(", ")
        }
        other => other.to_string(),
    }
}

fn is_single(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// What a person looks for first, by the names that fields of an API usually have. The first
/// of a group that a record has is shown.
const GROUPS: [&[&str]; 8] = [
    &["id"],
    &[
        "hostname",
        "name",
        "subject",
        "username",
        "slug",
        "ip_address",
        "action",
        "user.email",
    ],
    &[
        "severity",
        "risk_level",
        "permissions",
        "port",
        "key",
        "email",
        "plan",
    ],
    &["status", "firewall_status", "protocol", "state"],
    &["platform", "type", "product", "category", "period"],
    &[
        "organization.name",
        "organization_id",
        "account.name",
        "account_id",
        "amount",
    ],
    &[
        "version",
        "agent_id",
        "subdomain",
        "quantity",
        "usage",
        "minimum_usage",
    ],
    &[
        "last_callback_at",
        "sent_at",
        "updated_at",
        "created_at",
        "period_end",
        "renewal_date",
    ],
];

/// The columns of a table where nobody chose any. A record of other names shows its first
/// single values.
pub fn of_a_table(fields: &[(String, Schema)]) -> Vec<Column> {
    let known = |name: &&&str| {
        let column = Column::new(name);
        column.is_known(fields)
    };
    let mut columns: Vec<Column> = GROUPS
        .iter()
        .filter_map(|group| group.iter().find(known))
        .map(|name| Column::new(name))
        .collect();
    let scalars = fields.iter().filter(|(_, schema)| schema.is_scalar());
    for (name, _) in scalars {
        let column = Column::new(name);
        if columns.len() < 4 && !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

/// All columns, for a file.
pub fn of_a_file(fields: &[(String, Schema)]) -> Vec<Column> {
    fields.iter().map(|(name, _)| Column::new(name)).collect()
}

/// The columns of records that the document says nothing of: every name in them.
pub fn of_records<'a>(records: impl IntoIterator<Item = &'a Value>) -> Vec<Column> {
    let mut columns = Vec::new();
    for name in records
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
    {
        let column = Column {
            path: vec![name.clone()],
        };
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Contract;
    use serde_json::json;

    #[test]
    fn a_column_reaches_what_is_nested() {
        let record = json!({"a": {"b": [{"c": 1}, {"c": 2}]}, "d": null, "e.f": {"g.h": 3}});
        for (name, value) in [
            ("a.b.c", json!([1, 2])),
            ("a.b.1.c", json!(2)),
            ("a.b.7.c", json!(null)),
            ("d.e", json!(null)),
            ("e.f.g.h", json!(3)),
            ("e.g", json!(null)),
            ("x", json!(null)),
        ] {
            assert_eq!(Column::new(name).of(&record), value, "{name}");
        }
        let chosen = [Column::new("d"), Column::new("a.b.0.c")];
        assert_eq!(select(&chosen, &record), json!({"d": null, "a.b.0.c": 1}));
    }

    #[test]
    fn every_list_has_columns_that_it_knows() {
        let contract = Contract::committed().unwrap();
        let lists = contract.operations().iter();
        for operation in lists.filter(|operation| operation.id.starts_with("list_")) {
            let fields = contract.fields(operation);
            let columns = of_a_table(&fields);
            assert!((2..=8).contains(&columns.len()), "{}", operation.id);
            assert!(
                columns.iter().all(|it| it.is_known(&fields)),
                "{}",
                operation.id
            );
        }
        let agents = contract.fields(contract.operation("list_agents").unwrap());
        let names: Vec<String> = of_a_table(&agents).iter().map(Column::name).collect();
        let expected = [
            "id",
            "hostname",
            "firewall_status",
            "platform",
            "organization_id",
            "version",
            "last_callback_at",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn the_document_knows_its_fields_and_no_others() {
        let contract = Contract::committed().unwrap();
        let fields = contract.fields(contract.operation("list_signals").unwrap());
        for (name, known) in [
            ("name", true),
            ("organization.name", true),
            ("organization.nmae", false),
            ("details.anything", true),
            ("nmae", false),
            ("name.x", false),
        ] {
            assert_eq!(Column::new(name).is_known(&fields), known, "{name}");
        }
    }
}
