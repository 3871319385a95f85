//! The pages of the dashboard, on SQLite always, and on a PostgreSQL with the feature
//! `postgres-tests`.

mod dashboard_suite;
#[path = "support/databases.rs"]
mod databases;

use databases::Place;

/// Makes a test of each of these functions for each database.
macro_rules! on_each_database {
    ($($module:ident: $($test:ident),* $(,)?;)*) => {
        mod sqlite {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    dashboard_suite::$module::$test(Place::sqlite()).await;
                }
            )*)*
        }

        #[cfg(feature = "postgres-tests")]
        mod postgres {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    dashboard_suite::$module::$test(Place::postgres().await).await;
                }
            )*)*
        }
    };
}

on_each_database! {
    pages:
        each_page_shows_what_the_store_has,
        an_empty_store_says_what_fills_it,
        what_is_gone_is_told_and_in_no_list,
        what_the_document_lacks_is_not_known,
        the_age_of_the_data_is_on_each_page;
    links:
        every_link_leads_somewhere,
        what_is_not_there_says_what_to_do,
        odd_parameters_break_nothing,
        nothing_is_kept_but_the_style;
    lists:
        organizations_sort_filter_and_have_pages,
        agents_sort_filter_and_have_pages,
        identities_sort_and_filter,
        incidents_sort_and_filter,
        a_file_has_what_the_table_has,
        accounts_are_the_sums_of_their_organizations,
        lists_are_read_from_their_index;
    hostile:
        no_text_of_others_is_obeyed,
        only_addresses_of_huntress_are_links,
        no_cell_of_a_file_is_computed;
    training:
        figures_are_imported_and_shown,
        a_wrong_line_imports_nothing,
        organizations_are_found_by_id_or_exact_name,
        the_verb_imports_a_file;
    review:
        a_quarter_has_its_incidents_and_changes;
}
