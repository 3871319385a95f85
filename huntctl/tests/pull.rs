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
#[path = "pull_suite/support.rs"]
mod support;

/// Not a test: what a test starts as a process of its own, to kill it.
#[test]
fn the_process_of_a_pull() {
    support::child();
}
