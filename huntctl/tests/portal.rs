//! What a link of the portal shows: the counts of one organization, and nothing of any other.

#[path = "support/databases.rs"]
mod databases;
mod portal_suite;
mod support;

use portal_suite::ground::Ground;

/// Makes a test of each of these functions for each database.
macro_rules! on_each_database {
    ($($module:ident: $($test:ident),* $(,)?;)*) => {
        mod sqlite {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    portal_suite::$module::$test(Ground::sqlite().await).await;
                }
            )*)*
        }

        #[cfg(feature = "postgres-tests")]
        mod postgres {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    portal_suite::$module::$test(Ground::postgres().await).await;
                }
            )*)*
        }
    };
}

on_each_database! {
    shown:
        an_organization_sees_its_counts,
        what_is_not_there_is_not_shown,
        texts_of_others_are_texts,
        answers_keep_to_themselves;
    alone:
        nothing_of_others_is_in_any_answer,
        others_change_nothing;
    made_up:
        the_simulators_store_has_months_and_others_have_not;
}
