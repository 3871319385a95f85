#![doc = include_str!("../README.md")]

mod body;
mod broken;
mod connection;
mod control;
mod counts;
mod dates;
mod document;
mod fault_effects;
mod faults;
mod filters;
mod keys;
mod lists;
mod made;
mod oddities;
mod options;
mod order;
mod quota;
mod reading;
mod record;
mod refusal;
mod resources;
mod rows;
mod schema;
mod server;
mod siem;
mod state;
mod token;
mod values;
mod webhooks;
mod world;
mod writing;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The OpenAPI document that this release serves, as JSON: what the library `huntress` is
/// generated from.
pub use document::DOCUMENT as OPENAPI;
pub use faults::{Fault, FaultKind, LastPage};
pub use keys::Credentials;
use keys::Key;
use options::Options;
pub use options::RetryAfter;
pub use order::Ties;
pub use quota::Arrivals;
use quota::Limit;
pub use record::{Answered, Write};
pub use rows::RowError;
use state::State;
pub use webhooks::delivery::{Attempt, Delivery};
pub use webhooks::endpoint::{Endpoint, Webhook};
pub use webhooks::event::{Category, EventType};
pub use webhooks::fault::DeliveryFault;
use webhooks::{live, sender};

/// A running simulator; it stops when dropped, its connections included.
pub struct Simulator {
    address: SocketAddr,
    state: Arc<State>,
    /// The server, and what sends webhooks.
    tasks: Vec<JoinHandle<()>>,
}

/// Configures a [`Simulator`]; see [`Simulator::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct SimulatorBuilder {
    address: SocketAddr,
    options: Options,
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

    /// Configures one that is to be started.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            options: Options::default(),
        }
    }

    /// The URL to use instead of the API's own, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A key that may do everything, as a reseller.
    pub fn credentials(&self) -> &Credentials {
        self.state.keys.of(Key::Reseller)
    }

    /// A key of the same account that may do everything in it, and nothing as a reseller.
    pub fn account_credentials(&self) -> &Credentials {
        self.state.keys.of(Key::Account)
    }

    /// A key of the same account that may only read it.
    pub fn read_only_credentials(&self) -> &Credentials {
        self.state.keys.of(Key::ReadOnly)
    }

    /// A key that may do everything in another account, the second of those that the
    /// reseller manages; it is unknown where there is no second one.
    pub fn other_credentials(&self) -> &Credentials {
        self.state.keys.of(Key::Other)
    }

    /// How many requests have arrived so far.
    pub fn arrivals(&self) -> Arrivals {
        self.state.quota.arrivals()
    }

    /// What each operation has answered so far.
    pub fn answered(&self) -> Answered {
        self.state.record.answered()
    }

    /// The writes that have arrived so far, in order.
    pub fn writes(&self) -> Vec<Write> {
        self.state.record.writes()
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
        self.state.faults.add(fault);
    }

    /// The faults that may still happen, with how often they may.
    pub fn faults(&self) -> Vec<Fault> {
        self.state.faults.waiting()
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Puts a row into a list: a new one, or one in place of that with the same `id`. Only
    /// what matters need be given; the rest is made up so that it agrees with that, and what
    /// the row points to gives it names and places: an incident on an agent is in the agent's
    /// organization. Lists, filters, orders, counts and single reads see it at once. It is not
    /// among the [`Self::writes`].
    ///
    /// The list is named as the API does, without `/v1/`: `agents`,
    /// `incident_reports/7/remediations`, and `accounts/2/agents` for another account than
    /// the first. Without an `id` the row gets the next one that is free. `updated_at` is now
    /// unless it is given. The [endpoints](Self::webhooks) hear of a row that is new, or that
    /// has come to its end.
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
    /// When there is no such list, account or parent; when the row has no such field; when a
    /// value is not what the document says; or when it could not be kept: what is counted, such
    /// as the agents of an organization, follows from the rows that are counted.
    pub fn put(&self, list: &str, row: Value) -> Result<Value, RowError> {
        self.state
            .with_list(list, |list, world| list.put(world, None, &row))
    }

    /// Changes some fields of a row, which keeps the others; see [`Self::put`].
    ///
    /// Returns the row as it can be read.
    ///
    /// # Errors
    ///
    /// As [`Self::put`], and when there is no such row.
    pub fn change(&self, list: &str, id: i64, fields: Value) -> Result<Value, RowError> {
        self.state
            .with_list(list, |list, world| list.change(world, id, &fields))
    }

    /// Removes a row, whatever points to it; see [`Self::put`].
    ///
    /// # Errors
    ///
    /// When there is no such list, or no such row.
    pub fn remove(&self, list: &str, id: i64) -> Result<(), RowError> {
        self.state
            .with_list(list, |list, world| list.remove(world, id))
    }

    /// Sets the time that it is for the log of the SIEM, which goes up to then: the lines of
    /// later moments, and those that are late then, cannot be found. It stays at that moment
    /// until the next call; without one it is the real time.
    pub fn set_log_time(&self, now: SystemTime) {
        self.state.set_log_time(now);
    }

    /// Makes everything as it was at the start: the data, the faults, the quota, what was
    /// recorded, the endpoints of webhooks and what was sent to them.
    pub fn reset(&self) {
        self.state.reset();
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

    /// What the made-up data is made from; the same seed gives the same data; 1 by default.
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

    /// Whether and how a 429 says when to come again; by default it does not.
    pub fn retry_after(mut self, form: RetryAfter) -> Self {
        self.options.retry_after = form;
        self
    }

    /// The body of a 429, as plain text; a JSON error by default.
    pub fn quota_body(mut self, body: impl Into<String>) -> Self {
        self.options.quota_body = Some(body.into());
        self
    }

    /// Whether the headers of an answer have the quota and what remains of it; by default they
    /// do not.
    pub fn quota_headers(mut self, headers: bool) -> Self {
        self.options.quota_headers = headers;
        self
    }

    /// Whether the account has SIEM queries; by default it has.
    pub fn siem(mut self, available: bool) -> Self {
        self.options.siem.available = available;
        self
    }

    /// The share of log lines, from 0.0 to 1.0, that can be found only some time after the
    /// moment they are of, and by how much at most; evenly in between. The same lines for the
    /// same seed. By default none is late.
    pub fn siem_late(mut self, rate: f64, most: Duration) -> Self {
        (self.options.siem.late, self.options.siem.delay) = (rate, most);
        self
    }

    /// The longest range that a SIEM query may have; a longer one is answered by 408, as one
    /// that took too long. By default any.
    pub fn siem_longest(mut self, range: Duration) -> Self {
        self.options.siem.longest = Some(range);
        self
    }

    /// The most log lines that the range of a SIEM query may have; one with more is answered
    /// by 413, as one that needs too much memory. By default any number.
    pub fn siem_most(mut self, lines: usize) -> Self {
        self.options.siem.most = Some(lines);
        self
    }

    /// The share of records, from 0.0 to 1.0, that come in odd shapes the API is known to
    /// send: dates in other spellings, lists as maps, ids as text, values that no document
    /// has, absent keys. 0 by default.
    pub fn odd_shapes(mut self, rate: f64) -> Self {
        self.options.odd_shapes = rate;
        self
    }

    /// What page tokens do with rows of one second, in lists in the order of `created_at` or
    /// `updated_at`; by default each row is on one page.
    pub fn ties(mut self, ties: Ties) -> Self {
        self.options.ties = ties;
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

    /// An endpoint that hears of what happens; can be given five times for each account.
    pub fn webhook(mut self, webhook: Webhook) -> Self {
        self.options.webhooks.push(webhook);
        self
    }

    /// The share of every wait between attempts to deliver a webhook, and of every other time
    /// that is counted for them, that is really waited, above 0.0 and at most 1.0; 1 by
    /// default, which takes 28 hours until a message is given up. With 0.00001 it takes a
    /// second. A receiver has 15 seconds to answer in any case.
    pub fn webhook_time_scale(mut self, share: f64) -> Self {
        self.options.webhook_time_scale = share;
        self
    }

    /// Lets incidents, escalations, platform actions and notices happen in the first account,
    /// so many events a minute, from 0.01 to 60,000; by default nothing happens by itself.
    pub fn live(mut self, rate: f64) -> Self {
        self.options.live = Some(rate);
        self
    }

    /// Whether every request is logged to the standard error; by default none is.
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
        let live = self.options.live;
        let base_url = format!("http://{address}");
        let state = Arc::new(State::new(self.options, base_url));
        let mut tasks = vec![
            tokio::spawn(connection::serve(listener, Arc::clone(&state))),
            tokio::spawn(sender::run(Arc::clone(&state.outbox))),
        ];
        let live = live.map(|rate| tokio::spawn(live::run(Arc::clone(&state), rate)));
        tasks.extend(live);
        Ok(Simulator {
            address,
            state,
            tasks,
        })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
