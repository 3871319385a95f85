//! What `huntctl` works with: accounts, the store, and where the quota is kept.
//!
//! It is read from `huntctl.toml`, or, where there is no such file, taken from the
//! environment. See `config/huntctl.toml` for all that can be said there.

mod dashboard;
mod environment;
mod file;
mod limits;
mod sinks;

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use huntress::{Client, RateLimiter};

use crate::failure::{Exit, Failure};
use crate::forward::SinkSettings;
use crate::secret::Secret;
use crate::simulated::Simulated;

pub use dashboard::{Dashboard, Origin, Portal, Serving};
pub use environment::Environment;
pub use file::receive::Receive;

/// The file that is looked for, here and in the user's folder of configurations.
pub const FILE: &str = "huntctl.toml";
/// What `huntctl init` writes.
const TEMPLATE: &str = include_str!("config/huntctl.toml");
/// The store where nothing says otherwise.
const STORE: &str = "sqlite:huntress.db";
/// Replaces the store of the file.
const STORE_VARIABLE: &str = "HUNTCTL_STORE";

/// What `huntctl` works with.
#[derive(Clone, Debug)]
pub struct Config {
    accounts: Vec<Account>,
    store: Store,
    quota: Quota,
    receive: Receive,
    sinks: Vec<SinkSettings>,
    dashboard: Dashboard,
    portal: Portal,
    environment: Environment,
    simulated: Option<Arc<Simulated>>,
}

/// A key of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the user calls it.
    pub name: String,
    /// The key.
    pub key: Secret,
    /// Its secret.
    pub secret: Secret,
    /// Where the API is, unless it is where it always is.
    pub base_url: Option<String>,
    /// The key is a reseller's: `pull` takes all of its accounts.
    pub reseller: bool,
    /// Keys of one account share their quota by this name.
    pub quota: Option<String>,
}

/// Where the data goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Store {
    /// Nobody has said.
    Default,
    /// A URL without a secret in it.
    Url(String),
    /// A URL that may have one.
    Kept(Secret),
}

/// Where the quota of an account is kept, for all programs that use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quota {
    /// In the user's folder of states.
    Default,
    /// In this folder, a file an account.
    Folder(PathBuf),
    /// In a Redis, whose URL this is.
    Redis(Secret),
}

/// An account that can be called.
#[derive(Clone, Debug)]
pub struct Source {
    /// What the user calls it.
    pub name: String,
    /// Its client, with the quota that it shares.
    pub client: Client,
    /// Its key is a reseller's.
    pub reseller: bool,
}

impl Config {
    /// Reads the file at a path; or the first of `huntctl.toml` here and
    /// `huntctl/huntctl.toml` in the user's folder of configurations; or, where there is
    /// none, the environment.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, or says something that cannot be: with its line.
    pub fn load(path: Option<&Path>, environment: Environment) -> Result<Self, Failure> {
        let path = match path {
            Some(path) => Some(path.to_owned()),
            None => found(&environment),
        };
        let Some(path) = path else {
            return Ok(Self::without_file(environment));
        };
        let text = fs::read_to_string(&path).map_err(|problem| {
            let text = format!("{} cannot be read: {problem}", path.display());
            Failure::new(Exit::Usage, text)
        })?;
        file::read(&path, &text, environment)
    }

    /// What there is without a file.
    pub fn without_file(environment: Environment) -> Self {
        Self {
            accounts: Vec::new(),
            store: Store::Default,
            quota: Quota::Default,
            receive: Receive::default(),
            sinks: Vec::new(),
            dashboard: Dashboard::default(),
            portal: Portal::default(),
            environment,
            simulated: None,
        }
    }

    /// The same, with a simulator in place of all accounts. Its data is kept away from those
    /// of the file's store.
    #[must_use]
    pub fn with_simulator(mut self, simulated: Simulated) -> Self {
        self.store = Store::Default;
        self.simulated = Some(Arc::new(simulated));
        self
    }

    /// The accounts, each with a client. Without any in the file it is the one of the
    /// environment: `HUNTRESS_API_KEY`, `HUNTRESS_API_SECRET` and `HUNTRESS_BASE_URL`.
    ///
    /// # Errors
    ///
    /// Where there is no account, a secret cannot be had, or the file of a quota cannot be
    /// used.
    pub fn sources(&self) -> Result<Vec<Source>, Failure> {
        if let Some(simulated) = &self.simulated {
            return Ok(vec![simulated.source()?]);
        }
        if self.accounts.is_empty() {
            return Ok(vec![self.source_of(&self.environment.account()?)?]);
        }
        let sources = self.accounts.iter();
        sources.map(|account| self.source_of(account)).collect()
    }

    /// The receivers of `huntctl forward`.
    pub fn sinks(&self) -> &[SinkSettings] {
        &self.sinks
    }

    /// One of the accounts: that of a name, or the only one.
    ///
    /// # Errors
    ///
    /// As [`sources`](Self::sources), and where there are several and none is named.
    pub fn source(&self, name: Option<&str>) -> Result<Source, Failure> {
        if self.simulated.is_some() || (self.accounts.is_empty() && name.is_none()) {
            return self.sources().map(|mut sources| sources.remove(0));
        }
        let names: Vec<&str> = self.accounts.iter().map(|it| &*it.name).collect();
        let names = names.join(", ");
        let account = match (name, self.accounts.as_slice()) {
            (None, [only]) => only,
            (None, _) => {
                let text = format!("there are several accounts: choose one by --profile: {names}");
                return Err(Failure::new(Exit::Usage, text));
            }
            (Some(name), accounts) => accounts.iter().find(|it| it.name == name).ok_or_else(|| {
                let text = match names.is_empty() {
                    true => format!("there is no account {name:?}, since there is no {FILE}: `huntctl init` writes one"),
                    false => format!("there is no account {name:?}; there is {names}"),
                };
                Failure::new(Exit::Usage, text)
            })?,
        };
        self.source_of(account)
    }

    fn source_of(&self, account: &Account) -> Result<Source, Failure> {
        let made = self.client_of(account);
        let client =
            made.map_err(|failure| failure.at(format_args!("account {:?}", account.name)))?;
        Ok(Source {
            name: account.name.clone(),
            client,
            reseller: account.reseller,
        })
    }

    fn client_of(&self, account: &Account) -> Result<Client, Failure> {
        let key = account.key.reveal(&self.environment)?;
        let secret = account.secret.reveal(&self.environment)?;
        let limiter = self.limiter_of(account, &key)?;
        let mut builder = Client::builder()
            .credentials((key, secret))
            .rate_limiter(limiter)
            .user_agent(concat!("huntctl/", env!("CARGO_PKG_VERSION")));
        if let Some(base_url) = &account.base_url {
            builder = builder.base_url(base_url);
        }
        Ok(builder.build()?)
    }

    fn limiter_of(&self, account: &Account, key: &str) -> Result<RateLimiter, Failure> {
        let folder = match &self.quota {
            Quota::Folder(folder) => folder.clone(),
            Quota::Default => match self.environment.state_folder() {
                Some(folder) => folder.join("quota"),
                None => {
                    tracing::warn!(
                        "there is no folder to keep the quota in, so other programs cannot share it: set XDG_STATE_HOME"
                    );
                    return Ok(RateLimiter::default());
                }
            },
            Quota::Redis(url) => {
                let url = url.reveal(&self.environment)?;
                return limits::in_redis(url, &limits::name(account, key));
            }
        };
        limits::in_folder(&folder, &limits::name(account, key))
    }

    /// How webhooks are received.
    pub fn receive(&self) -> &Receive {
        &self.receive
    }

    /// Where the dashboard is served, and who may see it.
    pub fn dashboard(&self) -> &Dashboard {
        &self.dashboard
    }

    /// The same at another address.
    #[must_use]
    pub fn with_listen(mut self, listen: SocketAddr) -> Self {
        self.dashboard.serving.listen = listen;
        self
    }

    /// Where the portal is served, and by which keys its links are signed.
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// Whether the simulator stands in place of all accounts.
    pub fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    /// A secret that the configuration names.
    ///
    /// # Errors
    ///
    /// As [`Secret::reveal`].
    pub fn reveal(&self, secret: &Secret) -> Result<String, Failure> {
        secret.reveal(&self.environment)
    }

    /// The URL of the store. A path in it that is not absolute is taken from the folder of
    /// the file that says it, or else from here.
    ///
    /// # Errors
    ///
    /// Where it is a secret that cannot be had.
    pub fn store_url(&self) -> Result<String, Failure> {
        if let Some(url) = self.environment.get(STORE_VARIABLE) {
            return Ok(url);
        }
        match (&self.store, &self.simulated) {
            (Store::Url(url), _) => Ok(url.clone()),
            (Store::Kept(secret), _) => secret.reveal(&self.environment),
            (Store::Default, None) => Ok(STORE.to_owned()),
            (Store::Default, Some(_)) => Simulated::store_url(&self.environment),
        }
    }
}

/// Writes a commented configuration, and returns where.
///
/// # Errors
///
/// Where there is one already, or it cannot be written.
pub fn init(path: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = path.unwrap_or(Path::new(FILE));
    let at = |problem: std::io::Error| {
        let text = match problem.kind() {
            std::io::ErrorKind::AlreadyExists => {
                format!("{} exists; nothing was written", path.display())
            }
            _ => format!("{} cannot be written: {problem}", path.display()),
        };
        Failure::new(Exit::Usage, text)
    };
    let mut file = fs::File::create_new(path).map_err(at)?;
    file.write_all(TEMPLATE.as_bytes()).map_err(at)?;
    Ok(path.to_owned())
}

/// The file that nobody has named.
fn found(environment: &Environment) -> Option<PathBuf> {
    let of_the_user = environment.config_folder().map(|folder| folder.join(FILE));
    let candidates = [Some(PathBuf::from(FILE)), of_the_user];
    candidates.into_iter().flatten().find(|path| path.exists())
}
