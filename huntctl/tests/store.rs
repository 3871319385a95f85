//! The store, on SQLite always, and on a PostgreSQL with the feature `postgres-tests`.

#[path = "support/databases.rs"]
mod databases;
mod store_suite;

use store_suite::ground::Ground;

/// Makes a test of each of these functions for each database.
macro_rules! on_each_database {
    ($($module:ident: $($test:ident),* $(,)?;)*) => {
        mod sqlite {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    store_suite::$module::$test(Ground::sqlite()).await;
                }
            )*)*
        }

        #[cfg(feature = "postgres-tests")]
        mod postgres {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    store_suite::$module::$test(Ground::postgres().await).await;
                }
            )*)*
        }
    };
}

on_each_database! {
    tables:
        every_list_has_a_table,
        opening_again_changes_nothing,
        many_programs_may_open_an_empty_database_at_once,
        a_table_of_somebody_else_is_refused;
    rows:
        a_row_keeps_when_it_was_seen_and_changed,
        a_row_that_returns_is_gone_no_more,
        only_what_a_walk_did_not_meet_is_missing,
        the_rows_of_one_parent_can_be_missing,
        the_newer_stands,
        of_one_moment_the_later_write_stands,
        in_any_order_the_newest_version_stands,
        two_writers_at_once_leave_the_newer,
        what_does_not_fit_is_null_and_told,
        what_is_too_long_for_an_index_costs_no_record,
        a_record_that_cannot_be_kept_costs_no_other,
        what_no_database_can_hold_costs_its_characters,
        a_record_without_an_id_is_known_by_its_content,
        what_only_the_single_resource_shows_stays,
        a_transaction_that_is_dropped_wrote_nothing;
    nested:
        an_incidents_remediations_have_rows,
        the_list_has_the_rest,
        an_older_incident_says_nothing_of_its_remediations;
    round_trip:
        every_record_comes_back;
    growth:
        a_document_may_change_in_any_way,
        a_new_column_is_filled_in_a_large_table,
        filling_goes_on_where_it_was_interrupted,
        an_id_may_become_text,
        a_view_that_lacks_a_column_is_left_out;
    questions:
        open_incidents_have_organization_and_host,
        agents_are_stale_or_outdated,
        identities_are_at_risk,
        counts_that_disagree_are_shown,
        the_last_pull_of_each_account_is_shown,
        a_day_is_counted,
        a_day_that_is_counted_again_is_replaced,
        what_the_document_lacks_is_not_counted_as_nothing;
    examples:
        a_whole_account_comes_in,
        the_page_names_all_that_there_is;
}
