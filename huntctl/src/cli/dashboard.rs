//! The verb `dashboard`: serves the dashboard and the portal until it is asked to stop.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::{Args, Command, FromArgMatches as _};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use super::{Context, Ended, wait_for};
use crate::access::{Access, Ground, guard, protect};
use crate::config::{Config, Serving};
use crate::dashboard;
use crate::failure::{Exit, Failure};
use crate::http::{Certificate, Limits, Listener, serve};
use crate::output::unwritten;
use crate::portal::{self, Key, Keys, Link, Portal};
use crate::pull;
use crate::simulated::history;
use crate::stop::Stop;
use crate::store::Store;

/// What is said where links are wanted and nothing signs them.
pub(super) const NO_KEYS: &str = "links need a key to be signed by: write `keys = \
     [\"env:HUNTCTL_PORTAL_KEY\"]` under [portal] in huntctl.toml, and make one by `openssl rand -hex 32`";

/// For how long the simulator's link can be used.
const DEMO: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Dashboard")]
struct Wish {
    /// Listen here [default: `listen` of [dashboard] in huntctl.toml, else 127.0.0.1:8090]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// The verb.
pub(super) fn command() -> Command {
    let command = Command::new("dashboard")
        .about("Serves pages over the store: all accounts for you, single organizations for them")
        .long_about(
            "Serves pages over the store, which `huntctl pull` fills: all accounts for you, and, by \
             links of `huntctl portal link`, single organizations for themselves. It listens on \
             loopback, where it needs no login; elsewhere it takes a token or a proxy that people \
             log in at, and TLS, as [dashboard] in huntctl.toml says. With --simulator it pulls \
             made-up data first, with made-up trends.",
        );
    Wish::augment_args(command)
}

/// Serves.
pub(super) fn run(context: &Context, matches: &clap::ArgMatches) -> Result<Ended, Failure> {
    let wish = Wish::from_arg_matches(matches)
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    wait_for(async {
        let mut config = context.config().await?;
        if let Some(listen) = wish.listen {
            config = config.with_listen(listen);
        }
        let places = Places::of(&config)?;
        let served = Served::bind(&config, &places).await?;
        let store = Store::open(&config.store_url()?).await?;
        if context.globals.simulator {
            context.note("pulling from the simulator, and making up its trends");
            fill(&config, &store).await?;
        }
        let stop = Stop::listen("stopping; requests that are under way come to their end")?;
        served.say(context)?;
        if let Some(link) = places.demo_link(context, &store).await? {
            let url = served.portal_url();
            context.note(format_args!("a page of the portal: {url}{link}"));
        }
        served
            .serve(places.pages(store, &config).await?, stop)
            .await;
        Ok(Ended::Done)
    })
}

/// Who may see what, decided before anything is opened.
struct Places {
    access: Access,
    ground: Ground,
    keys: Option<Keys>,
    /// That of a portal with a listener of its own.
    portal_ground: Option<Ground>,
}

/// What each listener serves.
struct Pages {
    dashboard: Router,
    portal: Option<Router>,
}

/// What is listened on.
struct Served {
    dashboard: Listener,
    portal: Option<Listener>,
}

impl Places {
    fn of(config: &Config) -> Result<Self, Failure> {
        let (dashboard, portal) = (config.dashboard(), config.portal());
        let keys = match keys(config)? {
            None if config.is_simulated() => Keys::new(vec![Key::random()?]),
            None if portal.serving.is_some() => return Err(Failure::new(Exit::Usage, NO_KEYS)),
            keys => keys,
        };
        let portal_ground = portal.serving.as_ref().map(Ground::of_portal);
        Ok(Self {
            ground: Ground::of_dashboard(dashboard, portal)?,
            access: Access::of(config)?,
            keys,
            portal_ground: portal_ground.transpose()?,
        })
    }

    /// The pages, each behind what it needs. Those of the portal are outside of the login, since
    /// their links are theirs.
    async fn pages(self, store: Store, config: &Config) -> Result<Pages, Failure> {
        let dashboard = protect(dashboard::router(store.clone()), self.access);
        let portal = match self.keys {
            None => None,
            Some(keys) => {
                let embed = &config.portal().embed;
                let portal = Portal::new(store, keys, embed, Timestamp::now).await?;
                Some(portal::router(portal))
            }
        };
        let (dashboard, portal) = match (portal, self.portal_ground) {
            (Some(portal), Some(ground)) => (dashboard, Some(guard(portal, ground))),
            (Some(portal), None) => (dashboard.merge(portal), None),
            (None, _) => (dashboard, None),
        };
        Ok(Pages {
            dashboard: guard(dashboard, self.ground),
            portal,
        })
    }

    /// A link to look at, for whoever tries the simulator.
    async fn demo_link(&self, context: &Context, store: &Store) -> Result<Option<String>, Failure> {
        let (true, Some(keys)) = (context.globals.simulator, &self.keys) else {
            return Ok(None);
        };
        let sql = "SELECT account_id, id FROM organizations WHERE gone_at IS NULL
            ORDER BY account_id, id LIMIT 1";
        let rows = store.database().query(sql, &[]).await?;
        let link = rows.first().and_then(|row| {
            Some(Link {
                account_id: row.integer(0)?,
                organization_id: row.integer(1)?,
                expires: Timestamp::now().checked_add(DEMO).ok()?,
            })
        });
        Ok(link.map(|link| keys.sign(&link)))
    }
}

impl Served {
    async fn bind(config: &Config, places: &Places) -> Result<Self, Failure> {
        let dashboard = bind(&config.dashboard().serving).await?;
        let portal = match (&config.portal().serving, &places.portal_ground) {
            (Some(serving), Some(_)) => Some(bind(serving).await?),
            _ => None,
        };
        Ok(Self { dashboard, portal })
    }

    fn portal_url(&self) -> String {
        self.portal.as_ref().unwrap_or(&self.dashboard).url()
    }

    /// Says where it is, once it can be reached.
    fn say(&self, context: &Context) -> Result<(), Failure> {
        let (dashboard, portal) = (
            self.dashboard.url(),
            self.portal.as_ref().map(Listener::url),
        );
        if context.globals.json {
            return say(&json!({"dashboard": dashboard, "portal": portal}));
        }
        say(&format_args!("dashboard: {dashboard}"))?;
        portal.map_or(Ok(()), |portal| say(&format_args!("portal: {portal}")))
    }

    async fn serve(self, pages: Pages, stop: Stop) {
        let limits = Limits::default();
        let dashboard = serve(self.dashboard, pages.dashboard, limits, stop.clone());
        match (self.portal, pages.portal) {
            (Some(listener), Some(pages)) => {
                tokio::join!(dashboard, serve(listener, pages, limits, stop));
            }
            _ => dashboard.await,
        }
    }
}

async fn bind(serving: &Serving) -> Result<Listener, Failure> {
    let certificate = serving.certificate.as_ref();
    let certificate = certificate.map(|(chain, key)| Certificate::read(chain, key));
    Listener::bind(serving.listen, certificate.transpose()?).await
}

/// Pulls all that the simulator has, and makes up what it was before.
async fn fill(config: &Config, store: &Store) -> Result<(), Failure> {
    let (_never, stop) = watch::channel(false);
    let options = pull::Options::default();
    let sources = config.sources()?;
    let report = pull::run(store.clone(), sources, options, Arc::new(|_| ()), stop).await?;
    if let Some(exit) = report.exit() {
        let text = "the simulator could not be pulled; `huntctl --simulator pull` says why";
        return Err(Failure::new(exit, text));
    }
    history::fill(store).await
}

/// The keys of the portal; none where there are none.
pub(super) fn keys(config: &Config) -> Result<Option<Keys>, Failure> {
    let keys = config.portal().keys.iter();
    let keys = keys.map(|place| Key::new(&config.reveal(place)?, place));
    Ok(Keys::new(keys.collect::<Result<_, _>>()?))
}

/// What links to the portal begin with.
pub(super) fn portal_url(config: &Config) -> String {
    let (dashboard, portal) = (&config.dashboard().serving, config.portal());
    let serving = portal.serving.as_ref().unwrap_or(dashboard);
    if let Some(url) = portal.url.as_ref().or(serving.url.as_ref()) {
        return url.text();
    }
    let scheme = match serving.certificate {
        Some(_) => "https",
        None => "http",
    };
    format!("{scheme}://{}", serving.listen)
}

/// A line on the standard output.
pub(super) fn say(text: &impl std::fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.map_err(unwritten)
}
