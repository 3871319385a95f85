//! `pull`, against simulators: into SQLite, and into PostgreSQL with the feature
//! `postgres-tests`.

mod pull_suite {
    mod content;
    mod faults;
    mod guards;
    mod killed;
    mod runs;
    mod scale;
    mod workers;
}
#[path = "support/databases.rs"]
mod databases;
#[path = "pull_suite/support.rs"]
mod support;

#[test]
#[ignore = "a program that other tests start, to kill it"]
fn the_process_of_a_pull() {
    support::child();
}
