//! The tables of the outbox.

use crate::database::Database;
use crate::failure::Failure;

/// Names of types that both databases take; SQLite keeps a moment as text.
const TABLES: &[&str] = &[
    // One row: the last number that was given.
    "CREATE TABLE IF NOT EXISTS forward_numbers (
        one BIGINT PRIMARY KEY,
        last BIGINT NOT NULL)",
    "INSERT INTO forward_numbers (one, last) VALUES (1, 0) ON CONFLICT (one) DO NOTHING",
    // How far the records were numbered that were there before anybody asked.
    "CREATE TABLE IF NOT EXISTS forward_kinds (
        kind TEXT PRIMARY KEY,
        after_account BIGINT NOT NULL,
        after_id BIGINT NOT NULL,
        done BOOLEAN NOT NULL)",
    "CREATE TABLE IF NOT EXISTS forward_records (
        kind TEXT NOT NULL,
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        number BIGINT NOT NULL,
        first_number BIGINT NOT NULL,
        worth TEXT NOT NULL,
        event_id TEXT NOT NULL,
        seen_at TIMESTAMPTZ NOT NULL,
        numbered_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (kind, account_id, id))",
    "CREATE UNIQUE INDEX IF NOT EXISTS forward_records_by_number
        ON forward_records (kind, number)",
    "CREATE TABLE IF NOT EXISTS forward_sinks (
        name TEXT PRIMARY KEY,
        worker TEXT,
        lease_until TIMESTAMPTZ,
        run BIGINT NOT NULL,
        sent BIGINT NOT NULL,
        sent_at TIMESTAMPTZ,
        failures BIGINT NOT NULL,
        error TEXT,
        error_at TIMESTAMPTZ,
        refused_in_a_row BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS forward_positions (
        sink TEXT NOT NULL,
        kind TEXT NOT NULL,
        position BIGINT NOT NULL,
        caught_up BIGINT NOT NULL,
        since TIMESTAMPTZ,
        since_number BIGINT NOT NULL,
        PRIMARY KEY (sink, kind))",
    "CREATE TABLE IF NOT EXISTS forward_refused (
        sink TEXT NOT NULL,
        event_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        account_id BIGINT,
        id BIGINT,
        event TEXT NOT NULL,
        answer TEXT NOT NULL,
        refused_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (sink, event_id))",
    "CREATE TABLE IF NOT EXISTS forward_logs (
        sink TEXT NOT NULL,
        source TEXT NOT NULL,
        query TEXT NOT NULL,
        checkpoint TEXT NOT NULL,
        complete_until TIMESTAMPTZ,
        PRIMARY KEY (sink, source))",
];

/// Makes the tables that are not there.
pub(in crate::forward) async fn create(database: &Database) -> Result<(), Failure> {
    database.make_tables(TABLES).await
}
