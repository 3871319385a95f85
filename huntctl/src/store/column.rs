//! Columns: their types in both databases, and the names they get.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::Dialect;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A whole number of 64 bits.
    Integer,
    /// True or false; SQLite has 1 and 0.
    Boolean,
    /// A floating point number of 64 bits.
    Real,
    /// Text.
    Text,
    /// A moment; in SQLite text in UTC, which sorts as time does.
    Moment,
    /// A date, without a time.
    Date,
    /// A nested value.
    Json,
}

/// Every kind, with its name in a suffix, in SQLite, in PostgreSQL, and in PostgreSQL's own
/// description of a table.
const KINDS: [(Kind, &str, &str, &str, &str); 7] = [
    (Kind::Integer, "integer", "BIGINT", "bigint", "bigint"),
    (Kind::Boolean, "boolean", "BOOLEAN", "boolean", "boolean"),
    (
        Kind::Real,
        "real",
        "DOUBLE",
        "double precision",
        "double precision",
    ),
    (Kind::Text, "text", "TEXT", "text", "text"),
    (
        Kind::Moment,
        "time",
        "TIMESTAMP",
        "timestamptz",
        "timestamp with time zone",
    ),
    (Kind::Date, "date", "DATE", "date", "date"),
    // The second word keeps SQLite from making a number of what looks like one.
    (Kind::Json, "json", "JSON TEXT", "jsonb", "jsonb"),
];

impl Kind {
    fn row(self) -> (&'static str, &'static str, &'static str) {
        let row = KINDS.iter().find(|row| row.0 == self);
        row.map_or(("", "", ""), |row| (row.1, row.2, row.3))
    }

    fn suffix(self) -> &'static str {
        self.row().0
    }

    /// The type's name in SQL.
    pub fn sql(self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.row().1,
            Dialect::Postgres => self.row().2,
        }
    }

    /// The kind of a column that the database describes so; text where it is none of ours.
    pub(super) fn described(dialect: Dialect, description: &str) -> Self {
        let of = |row: &&(Kind, &str, &str, &str, &str)| match dialect {
            Dialect::Sqlite => row.2 == description,
            Dialect::Postgres => row.4 == description,
        };
        KINDS.iter().find(of).map_or(Self::Text, |row| row.0)
    }
}

/// Where in the record a column's value stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The field of this name.
    Field(String),
    /// The `id` within the field of this name, which holds a reference.
    IdOf(String),
}

impl Source {
    /// The field of the record.
    pub fn field(&self) -> &str {
        match self {
            Self::Field(field) | Self::IdOf(field) => field,
        }
    }
}

/// What the document says of a column, before it has a name in a database.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) source: Source,
    pub(super) kind: Kind,
    /// The function that brings several shapes into one (`x-huntress-decode`).
    pub(super) decode: Option<String>,
}

/// A column of a table that comes from the record.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name in the database.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Where its value comes from.
    pub source: Source,
    pub(super) decode: Option<String>,
    /// Whether the document has it. One that it has no more is filled as long as records
    /// have the field, and nothing is told where it does not fit.
    pub current: bool,
}

impl Column {
    /// The most bytes that its text may have, where an index holds it.
    pub(super) fn longest(&self) -> Option<usize> {
        let mut groups = INDEXED.into_iter().chain(FOR_PAGES.map(|(_, group)| group));
        let indexed = groups.any(|group| group.contains(&self.name.as_str()));
        indexed.then_some(LONGEST_INDEXED)
    }

    /// Whether it says when the API changed the record.
    pub(super) fn is_updated_at(&self) -> bool {
        self.current && self.kind == Kind::Moment && self.source.field() == "updated_at"
    }
}

/// Columns of every table that are not of the record, but for [`SHARED`]. `record` is the last,
/// so that the others can be read without passing over it.
pub(super) const OURS: [(&str, Kind); 8] = [
    ("account_id", Kind::Integer),
    ("id", Kind::Integer),
    ("first_seen_at", Kind::Moment),
    ("last_seen_at", Kind::Moment),
    ("changed_at", Kind::Moment),
    ("gone_at", Kind::Moment),
    ("record_digest", Kind::Integer),
    ("record", Kind::Json),
];

/// Columns by which people and the program's own pages look for rows; an index of each group,
/// as far as a table has its columns.
pub(super) const INDEXED: [&[&str]; 4] = [
    &["organization_id"],
    &["status", "severity"],
    &["updated_at"],
    &["hostname"],
];

/// An index for each table that the pages of the dashboard list by organization. It has all that
/// rows are chosen and sorted by, so that no record is read which a page does not show.
pub(super) const FOR_PAGES: [(&str, &[&str]); 3] = [
    (
        "agents",
        &[
            "organization_id",
            "gone_at",
            "hostname",
            "account_id",
            "id",
            "platform",
            "firewall_status",
            "last_callback_at",
            "created_at",
            "version_number",
        ],
    ),
    (
        "identities",
        &[
            "organization_id",
            "gone_at",
            "username",
            "account_id",
            "id",
            "email",
            "enabled",
            "mfa_enabled",
            "risk_level",
        ],
    ),
    (
        "incident_reports",
        &[
            "organization_id",
            "gone_at",
            "sent_at",
            "account_id",
            "id",
            "status",
            "severity",
            "platform",
            "closed_at",
            "agent_id",
        ],
    ),
];

/// PostgreSQL refuses a row of which an index would hold more than 2,704 bytes, and no index has
/// more than three texts.
const LONGEST_INDEXED: usize = 800;

/// Those of ours that mean the same where a record has a field of that name and kind.
const SHARED: [&str; 2] = ["account_id", "id"];

/// Names are cut to this, so that each has room for a suffix within the 63 bytes of PostgreSQL.
const LONGEST: usize = 48;

/// Gives each column its name. It is the field's own wherever that can be; a column that exists
/// with another type stays as it is, and the field gets one with the type as its suffix.
/// Columns that exist and that nobody wants come last.
pub(super) fn named(
    wanted: &[Wanted],
    parent: Option<&str>,
    existing: &BTreeMap<String, Kind>,
) -> Vec<Column> {
    let ours: BTreeSet<&str> = OURS.iter().map(|(name, _)| *name).chain(parent).collect();
    let shared = |name: &str| SHARED.contains(&name) || parent == Some(name);
    let mut taken: BTreeSet<String> = ours.iter().map(|&name| name.to_owned()).collect();
    let mut columns = Vec::new();
    for want in in_order_of_claim(wanted) {
        let base = base(&want.source);
        // A reference may be to another: the lists of a reseller name the accounts it manages.
        let is_field = matches!(want.source, Source::Field(_));
        if is_field && shared(&base) && want.kind == Kind::Integer {
            continue;
        }
        let base = if ours.contains(base.as_str()) {
            format!("record_{base}")
        } else if !is_field && taken.contains(&base) {
            // The record says it itself.
            continue;
        } else {
            base
        };
        let free = |name: &String| {
            !taken.contains(name) && existing.get(name).is_none_or(|kind| *kind == want.kind)
        };
        let Some(name) = candidates(&base, want.kind).find(free) else {
            continue;
        };
        taken.insert(name.clone());
        columns.push(Column {
            name,
            kind: want.kind,
            source: want.source.clone(),
            decode: want.decode.clone(),
            current: true,
        });
    }
    let left = existing.iter().filter(|(name, _)| !taken.contains(*name));
    let left: Vec<_> = left
        .map(|(name, kind)| left_over(name, *kind, &columns, existing))
        .collect();
    columns.extend(left);
    columns
}

/// Fields whose names can be kept first, then those that must be changed, then references.
fn in_order_of_claim(wanted: &[Wanted]) -> Vec<&Wanted> {
    let mut order: Vec<_> = wanted.iter().collect();
    order.sort_by_key(|want| match &want.source {
        Source::Field(field) => u8::from(sql_name(field) != *field),
        Source::IdOf(_) => 2,
    });
    order
}

fn base(source: &Source) -> String {
    match source {
        Source::Field(field) => sql_name(field),
        Source::IdOf(field) => sql_name(&format!("{field}_id")),
    }
}

/// A column of the database that the document does not have, or has with another type.
fn left_over(
    name: &str,
    kind: Kind,
    columns: &[Column],
    existing: &BTreeMap<String, Kind>,
) -> Column {
    let base = name.strip_suffix(kind.suffix());
    let base = base.and_then(|base| base.strip_suffix('_'));
    let retyped = base.filter(|base| {
        let mut columns = columns.iter();
        existing.contains_key(*base) || columns.any(|column| column.source.field() == *base)
    });
    Column {
        name: name.to_owned(),
        kind,
        source: Source::Field(retyped.unwrap_or(name).to_owned()),
        decode: None,
        current: false,
    }
}

fn candidates(base: &str, kind: Kind) -> impl Iterator<Item = String> {
    let typed = format!("{base}_{}", kind.suffix());
    let numbered = {
        let typed = typed.clone();
        (2..100).map(move |number| format!("{typed}_{number}"))
    };
    [base.to_owned(), typed].into_iter().chain(numbered)
}

/// A field's name as a column's: both databases compare names of these characters alike.
fn sql_name(field: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let mut name: String = field.chars().map(plain).take(LONGEST).collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// A name as it stands in SQL, whatever word it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: Kind) -> Wanted {
        let source = Source::Field(name.to_owned());
        Wanted {
            source,
            kind,
            decode: None,
        }
    }

    fn id_of(name: &str) -> Wanted {
        let source = Source::IdOf(name.to_owned());
        Wanted {
            source,
            kind: Kind::Integer,
            decode: None,
        }
    }

    /// The columns as `name=field`, with a star for those that the document has no more.
    fn names(wanted: &[Wanted], parent: Option<&str>, existing: &[(&str, Kind)]) -> String {
        let existing = existing
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), *kind));
        let columns = named(wanted, parent, &existing.collect());
        let text = |column: &Column| {
            let star = if column.current { "" } else { "*" };
            format!("{}{star}={}", column.name, column.source.field())
        };
        columns.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_name_is_the_fields_own_wherever_it_can_be() {
        use Kind::{Integer, Json, Text};
        for (wanted, expected) in [
            (vec![field("order", Text)], "order=order"),
            (
                vec![field("Name", Text), field("name", Text)],
                "name=name name_text=Name",
            ),
            (
                vec![field("a-b", Text), field("a b", Text)],
                "a_b=a-b a_b_text=a b",
            ),
            (
                vec![
                    field("a-b", Text),
                    field("a_b_text", Text),
                    field("a_b", Text),
                ],
                "a_b_text=a_b_text a_b=a_b a_b_text_2=a-b",
            ),
            (vec![field("7", Text), field("", Text)], "_7=7 _="),
            (vec![field("id", Integer), field("account_id", Integer)], ""),
            (
                vec![field("id", Text), field("account_id", Text)],
                "record_id=id record_account_id=account_id",
            ),
            (
                vec![field("record", Json), field("gone_at", Kind::Moment)],
                "record_record=record record_gone_at=gone_at",
            ),
            (
                vec![id_of("account"), id_of("user")],
                "record_account_id=account user_id=user",
            ),
            (
                vec![id_of("user"), field("user_id", Text)],
                "user_id=user_id",
            ),
        ] {
            assert_eq!(names(&wanted, None, &[]), expected);
        }
        let wanted = [field("incident_id", Integer), field("x", Text)];
        assert_eq!(names(&wanted, Some("incident_id"), &[]), "x=x");
    }

    #[test]
    fn a_column_that_exists_keeps_its_type() {
        use Kind::{Integer, Text};
        let wanted = [field("port", Text)];
        for (existing, expected) in [
            (&[("port", Text)][..], "port=port"),
            (&[("port", Integer)], "port_text=port port*=port"),
            (
                &[("port", Integer), ("port_text", Text)],
                "port_text=port port*=port",
            ),
            (
                &[("port", Text), ("port_integer", Integer)],
                "port=port port_integer*=port",
            ),
            (&[("left_text", Text)], "port=port left_text*=left_text"),
        ] {
            assert_eq!(names(&wanted, None, existing), expected);
        }
    }

    #[test]
    fn names_have_room_in_postgres() {
        let long = "x".repeat(200);
        let columns = named(&[field(&long, Kind::Moment)], None, &BTreeMap::new());
        assert!(columns[0].name.len() + "_boolean_99".len() <= 63);
    }
}
