//! `huntctl forward`, from the store to receivers that go wrong: on SQLite, and on PostgreSQL with
//! the feature `postgres-tests`.

mod receivers;

#[path = "receivers/cases.rs"]
mod cases;
#[path = "support/databases.rs"]
mod databases;
mod forward_suite {
    mod faults;
    mod killed;
    mod logs;
    #[cfg(feature = "receiver-tests")]
    mod real;
    mod refusals;
    mod simulator;
    mod sinks;
    pub mod support;
    mod verb;
    mod writers;
}

#[test]
#[ignore = "a program that other tests start, to kill it"]
fn the_process_of_a_forwarder() {
    forward_suite::support::child();
}
