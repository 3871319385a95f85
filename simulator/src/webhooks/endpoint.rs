//! Who listens: where, to what, with which secrets, and whether they still answer.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use hyper::Uri;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::event::Category;
use super::signature::Secret;
use crate::keys::HOME;

/// How many endpoints an account may have.
pub(crate) const MOST: usize = 5;
/// How long an old secret goes on signing, unless something else is asked for.
pub(crate) const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// How many old secrets may go on signing.
const OLD_SECRETS: usize = 10;
/// How long an endpoint may fail without a success in between.
const PATIENCE: Duration = Duration::from_secs(5 * 24 * 60 * 60);

/// An endpoint that events are to be sent to.
///
/// ```
/// use huntress_simulator::{Category, Webhook};
///
/// let webhook = Webhook::new("http://127.0.0.1:9000/huntress")
///     .secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
///     .categories([Category::IncidentReports]);
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    url: String,
    #[serde(default, deserialize_with = "hidden")]
    secret: Option<Given>,
    #[serde(default)]
    categories: Option<BTreeSet<Category>>,
    #[serde(default)]
    account_id: Option<i64>,
}

/// A secret that was given, right or wrong, and that is not shown.
#[derive(Clone)]
struct Given(String);

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

fn hidden<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Given>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Given))
}

impl Webhook {
    /// Every event of the first account, sent to this `http` URL with a secret that is made
    /// up: [`Simulator::webhooks`](crate::Simulator::webhooks) tells it.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            secret: None,
            categories: None,
            account_id: None,
        }
    }

    /// What to sign with: base64 of 24 to 64 bytes, with `whsec_` before it or without.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(Given(secret.into()));
        self
    }

    /// What to tell of; everything by default.
    #[must_use]
    pub fn categories(mut self, categories: impl IntoIterator<Item = Category>) -> Self {
        self.categories = Some(categories.into_iter().collect());
        self
    }

    /// The account whose events to tell of; the first by default.
    #[must_use]
    pub fn account(mut self, id: i64) -> Self {
        self.account_id = Some(id);
        self
    }

    pub(crate) fn account_id(&self) -> i64 {
        self.account_id.unwrap_or(HOME)
    }

    /// Why this can be no endpoint of one of so many accounts.
    pub(crate) fn check(&self, accounts: usize) -> Result<(), String> {
        target(&self.url)?;
        if let Some(Given(secret)) = &self.secret {
            Secret::read(secret)?;
        }
        if self.categories.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err("an endpoint without categories would hear of nothing".to_owned());
        }
        let id = self.account_id();
        let known = usize::try_from(id).is_ok_and(|id| (1..=accounts).contains(&id));
        if known {
            Ok(())
        } else {
            Err(format!("there is no account {id}"))
        }
    }
}

/// Refuses endpoints of which one cannot be, or which are too many for an account.
pub(crate) fn check_all<'w>(
    webhooks: impl IntoIterator<Item = &'w Webhook>,
    accounts: usize,
) -> Result<(), String> {
    let mut counts = std::collections::BTreeMap::new();
    for webhook in webhooks {
        webhook.check(accounts)?;
        let count = counts.entry(webhook.account_id()).or_insert(0);
        *count += 1;
        if *count > MOST {
            return Err(too_many(webhook.account_id()));
        }
    }
    Ok(())
}

pub(crate) fn too_many(account: i64) -> String {
    format!("account {account} has {MOST} endpoints already, the most that there may be")
}

/// Where a URL leads to, or why the simulator cannot send anything there.
pub(crate) fn target(url: &str) -> Result<Uri, String> {
    let uri: Uri = url
        .parse()
        .map_err(|error| format!("{url:?} is not a URL: {error}"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err(format!(
                "{url:?}: the simulator speaks no TLS; give it the http URL of your receiver"
            ));
        }
        _ => return Err(format!("{url:?} is not an http URL")),
    }
    if uri.authority().is_some_and(|at| at.as_str().contains('@')) {
        return Err("a URL with a name and a password in it is not supported".to_owned());
    }
    Ok(uri)
}

/// An endpoint as it is now; its secret is among that.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Endpoint {
    /// Which one it is, from 1 on.
    pub id: u64,
    /// Where it listens.
    pub url: String,
    /// The account whose events it hears of.
    pub account_id: i64,
    /// What it hears of.
    pub categories: BTreeSet<Category>,
    /// What its messages are signed with, with `whsec_` before it.
    pub secret: String,
    /// How many secrets from before sign, too.
    pub old_secrets: usize,
    /// Whether it has failed for too long, or has asked for it.
    pub disabled: bool,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("url", &self.url)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// An endpoint with what is on its way to it.
pub(crate) struct Listener {
    pub(crate) id: u64,
    pub(crate) account: i64,
    pub(crate) url: String,
    pub(crate) uri: Uri,
    pub(crate) categories: BTreeSet<Category>,
    pub(crate) secret: Secret,
    /// Secrets from before, the newest first, and until when they sign.
    old: VecDeque<(Secret, Instant)>,
    pub(crate) health: Health,
    /// Attempts that wait, by when they are due.
    pub(crate) queue: BTreeSet<(Instant, u64)>,
    /// Attempts that are being made.
    pub(crate) busy: usize,
    /// Deliveries that wait for another one to be accepted.
    pub(crate) held: Vec<u64>,
}

impl Listener {
    /// Of a webhook that was checked.
    pub(crate) fn new(
        id: u64,
        webhook: &Webhook,
        random: &mut fastrand::Rng,
    ) -> Result<Self, String> {
        let secret = match &webhook.secret {
            Some(Given(secret)) => Secret::read(secret)?,
            None => Secret::made_up(random),
        };
        let all = || Category::ALL.into_iter().collect();
        Ok(Self {
            id,
            account: webhook.account_id(),
            url: webhook.url.clone(),
            uri: target(&webhook.url)?,
            categories: webhook.categories.clone().unwrap_or_else(all),
            secret,
            old: VecDeque::new(),
            health: Health::default(),
            queue: BTreeSet::new(),
            busy: 0,
            held: Vec::new(),
        })
    }

    /// Gives it a new secret; the one it has goes on signing until some moment.
    pub(crate) fn rotate(&mut self, secret: Secret, until: Instant) {
        let old = std::mem::replace(&mut self.secret, secret);
        self.old.push_front((old, until));
        self.old.truncate(OLD_SECRETS);
    }

    /// The secrets from before that still sign, the newest first.
    pub(crate) fn old(&self, now: Instant) -> impl Iterator<Item = &Secret> {
        let signing = self.old.iter().filter(move |(_, until)| now < *until);
        signing.map(|(secret, _)| secret)
    }

    /// As others may see it.
    pub(crate) fn endpoint(&self, now: Instant) -> Endpoint {
        Endpoint {
            id: self.id,
            url: self.url.clone(),
            account_id: self.account,
            categories: self.categories.clone(),
            secret: self.secret.as_str().to_owned(),
            old_secrets: self.old(now).count(),
            disabled: self.health.disabled,
        }
    }
}

/// Whether an endpoint answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Health {
    failing_since: Option<Instant>,
    pub(crate) disabled: bool,
}

impl Health {
    pub(crate) fn succeeded(&mut self) {
        self.failing_since = None;
    }

    /// Counts a failure; the endpoint is disabled when it has failed for too long, of which
    /// `scale` is the share that counts.
    pub(crate) fn failed(&mut self, now: Instant, scale: f64) {
        let since = *self.failing_since.get_or_insert(now);
        if now.duration_since(since) >= PATIENCE.mul_f64(scale) {
            self.disabled = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_endpoint_is_refused() {
        let at = |url: &str| Webhook::new(url);
        let here = || at("http://127.0.0.1:1/hook");
        for (webhook, why) in [
            (at("https://example.com/hook"), "speaks no TLS"),
            (at("127.0.0.1:1"), "is not an http URL"),
            (at("/hook"), "is not an http URL"),
            (at("http://"), "is not a URL"),
            (at("ftp://example.com"), "is not an http URL"),
            (at("http://name:word@example.com"), "a name and a password"),
            (here().secret("short"), "not base64"),
            (here().secret("whsec_c2hvcnQ="), "5 bytes"),
            (here().categories([]), "without categories"),
            (here().account(4), "no account 4"),
            (here().account(-1), "no account -1"),
        ] {
            let error = webhook.check(3).unwrap_err();
            assert!(error.contains(why), "{webhook:?}: {error}");
        }
        assert_eq!(here().account(3).check(3), Ok(()));
        let six = vec![here(); 6];
        assert!(check_all(&six, 3).unwrap_err().contains("has 5 endpoints"));
        assert_eq!(check_all(&six[..5], 3), Ok(()));
        let of_two = [&six[..5], &[here().account(2)]].concat();
        assert_eq!(check_all(&of_two, 3), Ok(()));
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", Webhook::new("http://x").secret("whsec_verysecret"));
        assert!(!shown.contains("verysecret"), "{shown}");
    }

    #[test]
    fn an_endpoint_is_disabled_after_five_days_without_a_success() {
        let day = Duration::from_secs(24 * 60 * 60);
        let start = Instant::now();
        let mut health = Health::default();
        for (days, success, disabled) in [
            (0.0, false, false),
            (4.9, false, false),
            (5.0, true, false),
            (5.1, false, false),
            (10.0, false, false),
            (10.2, false, true),
        ] {
            if success {
                health.succeeded();
            } else {
                health.failed(start + day.mul_f64(days), 1.0);
            }
            assert_eq!(health.disabled, disabled, "day {days}");
        }
        let mut hasty = Health::default();
        hasty.failed(start, 0.001);
        hasty.failed(start + Duration::from_secs(432), 0.001);
        assert!(hasty.disabled);
    }

    #[test]
    fn old_secrets_sign_as_long_as_they_may() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut endpoint = Listener::new(1, &Webhook::new("http://x"), &mut random).unwrap();
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let first = endpoint.secret.clone();
        endpoint.rotate(Secret::made_up(&mut random), later(20));
        let second = endpoint.secret.clone();
        endpoint.rotate(Secret::made_up(&mut random), later(10));
        let signing = |at| endpoint.old(later(at)).cloned().collect::<Vec<_>>();
        assert_eq!(signing(0), [second, first.clone()]);
        assert_eq!(signing(10), [first]);
        assert_eq!(signing(20), []);
        for _ in 0..20 {
            endpoint.rotate(Secret::made_up(&mut random), later(10));
        }
        assert_eq!(endpoint.old(now).count(), 10);
    }
}
