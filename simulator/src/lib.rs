#![doc = include_str!("../README.md")]

mod body;
mod connection;
mod control;
mod document;
mod faults;
mod keys;
mod lives;
mod oddities;
mod quota;
mod reading;
mod refusal;
mod relations;
mod rows;
mod scan;
mod schema;
mod server;
mod siem;
mod spoil;
mod values;
mod world;
mod writing;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use faults::{Fault, FaultKind, LastPage};
pub use keys::Credentials;
use keys::Key;
pub use quota::Arrivals;
use quota::Limit;
pub use rows::RowError;
use server::Api;
use world::{IDS, Sizes};

/// A running simulator; it stops when dropped, its connections included.
pub struct Simulator {
    address: SocketAddr,
    api: Arc<Api>,
    server: JoinHandle<()>,
}

/// Configures a [`Simulator`]; see [`Simulator::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct SimulatorBuilder {
    address: SocketAddr,
    options: Options,
}

/// What can be chosen, but for the address.
#[derive(Clone, Debug)]
struct Options {
    seed: u64,
    sizes: Sizes,
    limit: Option<Limit>,
    retry_after: RetryAfter,
    quota_headers: bool,
    quota_body: Option<String>,
    siem: bool,
    odd_shapes: f64,
    reaction: Duration,
    strict_parameters: bool,
    faults: Vec<Fault>,
    verbose: bool,
}

impl Options {
    /// Why they cannot be.
    fn check(&self) -> Result<(), String> {
        let sizes = &self.sizes;
        for (name, size) in [
            ("organizations", sizes.organizations),
            ("agents", sizes.agents),
            ("identities", sizes.identities),
            ("incident reports", sizes.incident_reports),
            ("signals", sizes.signals),
            ("accounts", sizes.accounts),
            ("others", sizes.others),
        ] {
            if i64::try_from(size).is_ok_and(|size| size < IDS) {
                continue;
            }
            return Err(format!("{size} {name} are too many, {} may be", IDS - 1));
        }
        if sizes.accounts == 0 {
            return Err("there must be an account".to_owned());
        }
        if !(0.0..=1.0).contains(&self.odd_shapes) {
            let rate = self.odd_shapes;
            return Err(format!(
                "the rate of odd shapes {rate} is not from 0.0 to 1.0"
            ));
        }
        self.faults.iter().try_for_each(Fault::check)
    }
}

/// Whether and how a 429 says when to come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryAfter {
    /// It does not, as the API.
    #[default]
    None,
    /// In seconds.
    Seconds,
    /// As an HTTP date.
    Date,
}

/// How often each operation answered with which status, by method and path as in the
/// document, such as `GET /v1/accounts/{account_id}/agents`.
pub type Answered = BTreeMap<String, BTreeMap<u16, usize>>;

/// A write that arrived with the right key, within the quota and with a sound body.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Write {
    /// The operation, such as `isolate_agent`.
    pub operation: String,
    /// The account it was for.
    pub account_id: i64,
    /// The ids of its path, without the account's.
    pub ids: Vec<i64>,
    /// Its body; null where it has none.
    pub body: Value,
    /// The status that was answered. From 200 to 299 it changed something.
    pub status: u16,
}

impl Simulator {
    /// Starts one on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts to configure one.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            options: Options {
                seed: 1,
                sizes: Sizes::default(),
                limit: Some(Limit::default()),
                retry_after: RetryAfter::None,
                quota_headers: false,
                quota_body: None,
                siem: true,
                odd_shapes: 0.0,
                reaction: Duration::from_secs(2),
                strict_parameters: false,
                faults: Vec::new(),
                verbose: false,
            },
        }
    }

    /// The URL to use instead of the API's own, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A key that may do everything, as a reseller.
    pub fn credentials(&self) -> &Credentials {
        self.api.keys().of(Key::Reseller)
    }

    /// A key of the same account that may do everything in it, and nothing as a reseller.
    pub fn account_credentials(&self) -> &Credentials {
        self.api.keys().of(Key::Account)
    }

    /// A key of the same account that may only read it.
    pub fn read_only_credentials(&self) -> &Credentials {
        self.api.keys().of(Key::ReadOnly)
    }

    /// A key that may do everything in another account, the second of those that the
    /// reseller manages; it is unknown where there is no second one.
    pub fn other_credentials(&self) -> &Credentials {
        self.api.keys().of(Key::Other)
    }

    /// How many requests have arrived so far.
    pub fn arrivals(&self) -> Arrivals {
        self.api.quota.arrivals()
    }

    /// What each operation has answered so far.
    pub fn answered(&self) -> Answered {
        self.api.answered()
    }

    /// The writes that have arrived so far, in order.
    pub fn writes(&self) -> Vec<Write> {
        self.api.writes()
    }

    /// Lets something go wrong from now on.
    ///
    /// # Panics
    ///
    /// When it never could: at an operation that does not exist, by a rate above 1.0, with
    /// a status of 42.
    #[track_caller]
    pub fn inject(&self, fault: Fault) {
        if let Err(why) = fault.check() {
            panic!("not a fault: {why}");
        }
        self.api.faults.add(fault);
    }

    /// The faults that may still happen, with how often they may.
    pub fn faults(&self) -> Vec<Fault> {
        self.api.faults.waiting()
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.api.faults.clear();
    }

    /// Puts a row into a list: a new one, or one in place of that with the same `id`. Only
    /// what matters need be given; the rest is made up so that it agrees with that, and what
    /// the row points to gives it names and places: an incident on an agent is in the agent's
    /// organization. Lists, filters, orders, counts and single reads see it at once, and
    /// [`Self::writes`] does not tell it.
    ///
    /// The list is named as the API does, without `/v1/`: `agents`,
    /// `incident_reports/7/remediations`, and `accounts/2/agents` for another account than
    /// the first. Without an `id` the row gets the next one that is free. `updated_at` is now
    /// unless it is given.
    ///
    /// Returns the row as it can be read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use huntress_simulator::Simulator;
    /// use serde_json::json;
    ///
    /// let simulator = Simulator::start().await?;
    /// let agent = simulator.put("agents", json!({"hostname": "DC-01"}))?;
    /// let incident = json!({"agent_id": agent["id"], "severity": "critical", "status": "sent"});
    /// let incident = simulator.put("incident_reports", incident)?;
    /// assert_eq!(incident["organization_id"], agent["organization_id"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no such list, account or parent, a field is none that the row has, a
    /// value is not what the document says, or one would not be kept: what is counted, such
    /// as the agents of an organization, follows from the rows that are counted.
    pub fn put(&self, list: &str, row: Value) -> Result<Value, RowError> {
        self.api
            .rows(list, |list, world| list.put(world, None, &row))
    }

    /// Changes some fields of a row, which keeps the others; see [`Self::put`].
    ///
    /// Returns the row as it can be read.
    ///
    /// # Errors
    ///
    /// As [`Self::put`], and when there is no such row.
    pub fn change(&self, list: &str, id: i64, fields: Value) -> Result<Value, RowError> {
        self.api
            .rows(list, |list, world| list.change(world, id, &fields))
    }

    /// Removes a row, whatever points to it; see [`Self::put`].
    ///
    /// # Errors
    ///
    /// When there is no such list, or no such row.
    pub fn remove(&self, list: &str, id: i64) -> Result<(), RowError> {
        self.api.rows(list, |list, world| list.remove(world, id))
    }

    /// Makes everything as it was at the start: the data, the faults, the quota, and what
    /// was recorded.
    pub fn reset(&self) {
        self.api.reset();
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl SimulatorBuilder {
    /// The address to listen on; a free port of the loopback interface by default.
    /// Anybody who reaches it can use the simulator.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// What the made-up data is made from; the same seed gives the same data. 1 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Organizations of each account; 14 by default.
    pub fn organizations(mut self, count: usize) -> Self {
        self.options.sizes.organizations = count;
        self
    }

    /// Agents of each account; 168 by default. A million cost no more: they are made when
    /// they are asked for.
    pub fn agents(mut self, count: usize) -> Self {
        self.options.sizes.agents = count;
        self
    }

    /// Identities of each account; 40 by default.
    pub fn identities(mut self, count: usize) -> Self {
        self.options.sizes.identities = count;
        self
    }

    /// Incident reports of each account; 40 by default.
    pub fn incident_reports(mut self, count: usize) -> Self {
        self.options.sizes.incident_reports = count;
        self
    }

    /// Signals of each account; 40 by default.
    pub fn signals(mut self, count: usize) -> Self {
        self.options.sizes.signals = count;
        self
    }

    /// Accounts that the reseller manages, its own included; 3 by default, at least 1.
    pub fn accounts(mut self, count: usize) -> Self {
        self.options.sizes.accounts = count;
        self
    }

    /// Records of each list that has no size of its own; 40 by default.
    pub fn others(mut self, count: usize) -> Self {
        self.options.sizes.others = count;
        self
    }

    /// How many requests may be made in any window; 60 in 60 seconds by default.
    pub fn quota(mut self, requests: usize, window: Duration) -> Self {
        self.options.limit = Some(Limit { requests, window });
        self
    }

    /// Lets any number of requests be made, for tests of something else. The client's own
    /// limiter is not touched by this.
    pub fn no_quota(mut self) -> Self {
        self.options.limit = None;
        self
    }

    /// Whether query parameters that the operation does not have are refused with 400. They
    /// are ignored by default, as the API does, so that a filter with a typing error answers
    /// everything: let your tests be strict.
    pub fn strict_parameters(mut self, strict: bool) -> Self {
        self.options.strict_parameters = strict;
        self
    }

    /// Whether and how a 429 says when to come again; not by default.
    pub fn retry_after(mut self, form: RetryAfter) -> Self {
        self.options.retry_after = form;
        self
    }

    /// The body of a 429, as plain text; a JSON error by default.
    pub fn quota_body(mut self, body: impl Into<String>) -> Self {
        self.options.quota_body = Some(body.into());
        self
    }

    /// Whether answers tell the quota and what remains of it; not by default.
    pub fn quota_headers(mut self, told: bool) -> Self {
        self.options.quota_headers = told;
        self
    }

    /// Whether the account has SIEM queries; it has by default.
    pub fn siem(mut self, available: bool) -> Self {
        self.options.siem = available;
        self
    }

    /// The share of records, from 0.0 to 1.0, that come in odd shapes the API is known to
    /// send: dates in other spellings, lists as maps, ids as text, values that no document
    /// has, absent keys. 0 by default.
    pub fn odd_shapes(mut self, rate: f64) -> Self {
        self.options.odd_shapes = rate;
        self
    }

    /// How long a host takes to be isolated or released; 2 seconds by default.
    pub fn reaction(mut self, after: Duration) -> Self {
        self.options.reaction = after;
        self
    }

    /// Something that goes wrong; can be given more than once.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.options.faults.push(fault);
        self
    }

    /// Whether every request is told on the standard error; not by default.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.options.verbose = verbose;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, or, as [`io::ErrorKind::InvalidInput`], when
    /// something was chosen that cannot be.
    pub async fn start(self) -> io::Result<Simulator> {
        let checked = self.options.check();
        checked.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
        let listener = TcpListener::bind(self.address).await?;
        let address = listener.local_addr()?;
        let api = Arc::new(Api::new(self.options));
        let server = tokio::spawn(connection::serve(listener, Arc::clone(&api)));
        Ok(Simulator {
            address,
            api,
            server,
        })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
