//! The outbox: which states of records a sink has not been told yet.
//!
//! ```text
//! tables.rs    what the outbox keeps
//! number.rs    gives numbers to what has changed
//! read.rs      the states after a number, as events
//! books.rs     who sends to a sink, how far it is, and what it has refused
//! ```
//!
//! **Numbers.** Each state of a record that is worth telling has a number, and a sink has a
//! position for each kind of record: it has been told all up to there. A position moves in one
//! transaction with whatever else became of the batch, and only after the receiver's word.
//!
//! **Why nothing is lost.** Several programs write records at once, on machines whose clocks
//! differ, and a transaction that began first may be committed last. So neither a time nor a
//! sequence says what is new. Instead:
//!
//! 1. Who writes a record notes that in the same transaction (`store/changes.rs`). A note is
//!    visible exactly when the state is.
//! 2. Numbers are given in transactions of their own, one after the other: each first locks
//!    the row of the last number, and keeps it until it is committed. So the numbers of a
//!    transaction are all greater than those of the ones that were committed before it, and
//!    who sees a number sees all smaller ones. A position can therefore not pass one that
//!    appears later.
//! 3. Such a transaction takes notes away and, in a later statement, reads the records they
//!    are about. What it reads is the noted state or a later one. A note that is not committed
//!    yet, or that a writer just renews, is left (`SKIP LOCKED`), so it never waits for a
//!    writer; it is taken another time. A writer that comes to a note which is being taken
//!    waits for that transaction, and then makes another note.
//! 4. Hence each committed state is either read in a transaction that gives it a number (or
//!    finds it not worth one), or is followed by a later state with a note of its own.
//!
//! None of this looks at a clock, at the order of commits or at how long a transaction takes.
//! SQLite has one writer at a time, which makes the second and third trivially true. A dump
//! that is restored elsewhere has notes, numbers and positions together.
//!
//! Records that were there before anybody asked are numbered once, page by page, before the
//! first position of their kind is chosen; what is written meanwhile has notes.
//!
//! **What is told.** A sink that was away is told the last state of each record, not all that
//! came in between. States of one record are told in their order, since a sink has one sender
//! at a time. A record that has changed since it was numbered is passed over: its later state
//! has a note, gets a greater number, and is told then.

pub(super) mod books;
pub(super) mod number;
pub(super) mod read;
pub(super) mod tables;

use crate::database::Dialect;

/// A SQL list of the integers in a JSON list that is this parameter.
pub(super) fn integers(dialect: Dialect, parameter: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!("SELECT value FROM json_each(?{parameter})"),
        Dialect::Postgres => {
            format!("SELECT value::bigint FROM json_array_elements_text(?{parameter}::json) AS ids")
        }
    }
}

/// A JSON list, for [`integers`].
pub(super) fn list(ids: impl Iterator<Item = i64>) -> crate::database::Value {
    let ids: Vec<_> = ids.map(|id| id.to_string()).collect();
    crate::database::Value::Json(format!("[{}]", ids.join(",")))
}
