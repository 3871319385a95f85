//! `huntctl dashboard`: pages over the store, for people who decide and people who look closer.
//!
//! ```text
//! overview.rs, organizations.rs     three numbers and a row for each organization
//! accounts.rs                       a row for each account
//! organization.rs                   one organization; incidents.rs, agents.rs, identities.rs
//! review.rs                         the quarter of an organization on one sheet of paper
//! training.rs, data.rs              what was imported, and how old the data is
//! list.rs, record.rs                a page that is one list, or one record
//! asked.rs                          what a URL asks; table.rs, cell.rs, file.rs tables and files
//! select.rs, trends.rs              what is read of the store, fields.rs of which columns
//! chart.rs, text.rs                 how it is drawn and written
//! page.rs, security.rs, assets.rs   what all pages have
//! ```
//!
//! No page counts what it can read counted: numbers come from the tables of days, lists from
//! indexes that have all that is asked for, so a page takes as long over 100,000 agents as over
//! 100. Whatever others have written is shown by [`text`] and escaped by the templates.

pub mod accounts;
pub mod age;
pub mod agents;
pub mod asked;
pub mod assets;
pub mod cell;
pub mod chart;
pub mod data;
pub mod fields;
pub mod file;
pub mod identities;
pub mod incident;
pub mod incidents;
pub mod list;
pub mod names;
pub mod organization;
pub mod organizations;
pub mod overview;
pub mod page;
pub mod path;
pub mod quarter;
pub mod record;
pub mod review;
pub mod security;
pub mod select;
pub mod settings;
pub mod table;
pub mod text;
pub mod training;
pub mod trends;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::store::Store;
use fields::Fields;
use page::Wrong;

/// What the pages work with; cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    store: Store,
    fields: std::sync::Arc<Fields>,
    clock: fn() -> Timestamp,
}

impl App {
    /// This moment.
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// This day in UTC.
    fn today(&self) -> Date {
        self.now().to_zoned(TimeZone::UTC).date()
    }
}

/// The pages over a store. They ask nobody who he is.
pub fn router(store: Store) -> Router {
    router_at(store, Timestamp::now)
}

/// The same by another clock.
pub fn router_at(store: Store, clock: fn() -> Timestamp) -> Router {
    let app = App {
        fields: Fields::of(&store).into(),
        store,
        clock,
    };
    Router::new()
        .route("/", get(overview::page))
        .route("/organizations.csv", get(overview::csv))
        .route("/accounts", get(accounts::page))
        .route("/accounts.csv", get(accounts::csv))
        .route("/training", get(training::page))
        .route("/training.csv", get(training::csv))
        .route("/data", get(data::page))
        .route("/data.csv", get(data::csv))
        .route("/incidents", get(incidents::all))
        .route("/incidents.csv", get(incidents::all_csv))
        .route("/incidents/{account}/{id}", get(incident::page))
        .route(
            "/incidents/{account}/{id}/remediations.csv",
            get(incident::csv),
        )
        .route("/agents/{account}/{id}", get(agents::page))
        .route("/identities/{account}/{id}", get(identities::page))
        .route("/review/{account}/{id}", get(review::page))
        .nest("/organizations/{account}/{id}", of_organization())
        .merge(assets::router())
        .fallback(missing)
        .layer(from_fn(security::headers))
        .with_state(app)
}

fn of_organization() -> Router<App> {
    Router::new()
        .route("/", get(organization::page))
        .route("/incidents", get(incidents::of_organization))
        .route("/incidents.csv", get(incidents::of_organization_csv))
        .route("/agents", get(agents::of_organization))
        .route("/agents.csv", get(agents::of_organization_csv))
        .route("/identities", get(identities::of_organization))
        .route("/identities.csv", get(identities::of_organization_csv))
}

async fn missing() -> Wrong {
    Wrong::Missing("Nothing is at this address. The overview leads to all pages.".to_owned())
}
