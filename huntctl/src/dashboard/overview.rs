//! The page that leadership opens: three numbers over all accounts, each with its rule and its
//! trend, and a row for each organization.

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::asked::Asked;
use super::chart::{Series, Trend};
use super::organizations::{self, KNOWN, Open};
use super::page::{Page, Wrong, shown};
use super::settings::Settings;
use super::table::{Chosen, Extent, Table};
use super::trends::{self, Days, Whose};
use super::{App, file, text, training};

/// The days that trends can show.
pub const RANGES: [&str; 3] = ["90", "30", "365"];

#[derive(Template)]
#[template(path = "dashboard/overview.html")]
struct Overview {
    page: Page,
    ranges: Vec<Chosen>,
    tiles: Vec<Tile>,
    table: Table,
    rules: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "dashboard/empty.html")]
struct Empty {
    page: Page,
}

/// One number, its rule, and its trend.
#[derive(Clone, Debug)]
pub struct Tile {
    /// What it is.
    pub title: &'static str,
    /// The number.
    pub value: String,
    /// How it has changed.
    pub change: String,
    /// How it is counted.
    pub rule: String,
    /// Where what is counted can be seen.
    pub href: Option<String>,
    /// What the link says.
    pub link: &'static str,
    /// Its trend; none where there is nothing to draw.
    pub trend: Option<Trend>,
    /// What to do, where there is no number.
    pub advice: Option<String>,
}

/// `GET /`
pub async fn page(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let asked = Asked::new("/", uri.query(), &KNOWN).with_file("/organizations.csv");
    let account = asked.number("account");
    let mut page = Page::of(&app, "Security overview", "/", account).await?;
    let all = organizations::read(&app, account).await?;
    if all.is_empty() && nothing_counted(&app).await? {
        page.title = "The store is empty".to_owned();
        return shown(&Empty { page });
    }
    let settings = Settings::read(app.store.database()).await?;
    let name = account.map(|id| page.account(id));
    if let Some(name) = &name {
        page = page.below("All accounts", "/");
        page.title = format!("Security overview of {name}");
    }
    let tiles = tiles(&app, &settings, account, &asked).await?;
    let listing = organizations::listing(&all, &page, asked.clone(), Extent::Page);
    shown(&Overview {
        ranges: ranges(&asked),
        tiles,
        table: listing.table(),
        rules: rules(&settings),
        page,
    })
}

/// `GET /organizations.csv`
pub async fn csv(State(app): State<App>, uri: Uri) -> Result<Response, Wrong> {
    let asked = Asked::new("/", uri.query(), &KNOWN).with_file("/organizations.csv");
    let account = asked.number("account");
    let page = Page::of(&app, "", "/", account).await?;
    let all = organizations::read(&app, account).await?;
    file::answer(&organizations::listing(&all, &page, asked, Extent::All))
}

async fn nothing_counted(app: &App) -> Result<bool, Wrong> {
    let sql = "SELECT 1 FROM accounts_daily LIMIT 1";
    Ok(app.store.database().query(sql, &[]).await?.is_empty())
}

/// Links that choose how many days trends have.
pub fn ranges(asked: &Asked) -> Vec<Chosen> {
    let days = asked.one_of("days", &RANGES);
    let link = |range: &'static str| Chosen {
        label: format!("{range} days"),
        href: asked.with("days", (range != RANGES[0]).then_some(range)),
        here: range == days,
    };
    ["30", "90", "365"].map(link).into()
}

/// How many days.
pub fn days(asked: &Asked) -> i64 {
    asked.one_of("days", &RANGES).parse().unwrap_or(90)
}

/// What the words of the table mean.
pub fn rules(settings: &Settings) -> Vec<(&'static str, String)> {
    vec![
        (
            "Open incidents",
            "status sent or auto-remediating, at this moment".to_owned(),
        ),
        ("Stale", format!("agents {}", settings.stale())),
        (
            "Isolated",
            "agents cut off from the network, or about to be released".to_owned(),
        ),
        (
            "Outdated",
            "agents with a lower version than most of their platform in the account".to_owned(),
        ),
        ("At risk", format!("identities: {}", settings.at_risk())),
        ("Learners", "people in the awareness training".to_owned()),
    ]
}

async fn tiles(
    app: &App,
    settings: &Settings,
    account: Option<i64>,
    asked: &Asked,
) -> Result<Vec<Tile>, Wrong> {
    let database = app.store.database();
    let range = days(asked);
    let whose = account.map_or(Whose::All, Whose::Account);
    let columns = ["incidents_open_critical", "identities_at_risk"];
    let days = Days::up_to(app.today(), range);
    let mut series = trends::read(database, whose, &columns, days)
        .await?
        .into_iter();
    let (mut critical, at_risk) = (
        series.next().unwrap_or_default(),
        series.next().unwrap_or_default(),
    );
    let open = organizations::open_incidents(app, account).await?;
    let mut now = Open::none(&app.fields);
    for open in open.into_values() {
        now.join(open);
    }
    // The last day is this moment, as the number is.
    if let Some(last) = critical.last_mut() {
        last.1 = now.critical;
    }
    let href = match account {
        Some(id) => format!("/incidents?severity=critical&account={id}"),
        None => "/incidents?severity=critical".to_owned(),
    };
    let critical = Tile {
        href: Some(href),
        link: "See them",
        ..tile(
            "critical",
            "Open critical incidents",
            "critical",
            &critical,
            "Incident reports of severity critical that are sent or auto-remediating, at this \
             moment; the days before as counted by the last pull of each."
                .to_owned(),
        )
    };
    let at_risk = Tile {
        href: Some(format!(
            "{}#organizations",
            asked.with("sort", Some("-at_risk"))
        )),
        link: "By organization",
        ..tile(
            "at-risk",
            "Identities at risk",
            "high",
            &at_risk,
            format!(
                "Identities that are {}. The API has no assessment of identities; the rule is set \
                 in store_settings.",
                settings.at_risk()
            ),
        )
    };
    let training = training::tile(app, whose).await?;
    Ok(vec![critical, at_risk, training])
}

/// A tile of a count of each day.
pub fn tile(
    id: &str,
    title: &'static str,
    tone: &'static str,
    series: &Series,
    rule: String,
) -> Tile {
    let (last, change) = trends::last_and_change(series);
    Tile {
        title,
        value: text::count_or_unknown(last),
        change: match change {
            Some((change, day)) => format!("{} since {day}", text::change(change)),
            None => String::new(),
        },
        rule,
        href: None,
        link: "",
        trend: last.map(|_| Trend::new(id, title, tone, series)),
        advice: None,
    }
}
