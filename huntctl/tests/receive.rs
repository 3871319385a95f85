//! `receive`, over HTTP on loopback, against simulators: into SQLite, and into PostgreSQL with
//! the feature `postgres-tests`.

mod receive_suite {
    mod answers;
    mod fetches;
    mod forwards;
    mod killed;
    mod monitor;
    mod verb;
    mod workers;
}
#[path = "support/databases.rs"]
mod databases;
#[path = "receive_suite/support.rs"]
mod support;
