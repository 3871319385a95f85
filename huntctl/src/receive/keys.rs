//! Whom to ask for a record: the keys of the configuration, and whose they are.

use futures_util::future::join_all;
use huntress::http::Method;
use huntress::{Error, Request};
use tokio::sync::OnceCell;

use super::event::Subject;
use super::plan::{Key, NoWay, Way, ways};
use crate::config::Source;

/// The keys; whose each of them is, is asked once.
#[derive(Debug)]
pub(crate) struct Keys(Vec<(Source, OnceCell<Whose>)>);

#[derive(Clone, Copy, Debug)]
enum Whose {
    Account(i64),
    /// The API does not take the key, which is told.
    Nobodys,
}

/// Why nobody could be asked.
#[derive(Debug)]
pub(crate) enum NotAsked {
    Never(NoWay),
    /// Later it may be possible.
    Now(Error),
}

impl Keys {
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        let keys = sources.into_iter().map(|source| (source, OnceCell::new()));
        Self(keys.collect())
    }

    /// The requests for a record, each with the account it is of, in the order in which they
    /// should be made.
    pub(crate) async fn requests(&self, subject: Subject) -> Result<Vec<(i64, Request)>, NotAsked> {
        let ways = match self.ways(subject) {
            Err(NoWay::NotYet) => {
                self.learn().await.map_err(NotAsked::Now)?;
                self.ways(subject)
            }
            ways => ways,
        };
        let path = subject.kind.path(subject.id);
        let request = |way: &Way| {
            let (Way::Own(number, account_id) | Way::Managed(number, account_id)) = *way;
            let client = &self.0.get(number)?.0.client;
            let request = match way {
                Way::Own(..) => client.request(Method::GET, path.as_str()),
                Way::Managed(..) => {
                    let client = client.for_account(account_id);
                    client.request(Method::GET, path.as_str())
                }
            };
            Some((account_id, request))
        };
        let ways = ways.map_err(NotAsked::Never)?;
        Ok(ways.iter().filter_map(request).collect())
    }

    /// How many requests the clients have made.
    pub(crate) fn requests_made(&self) -> u64 {
        let made = |(source, _): &(Source, _)| source.client.rate_limiter().snapshot().requests;
        self.0.iter().map(made).sum()
    }

    fn ways(&self, subject: Subject) -> Result<Vec<Way>, NoWay> {
        let keys = self.0.iter().enumerate();
        let keys: Vec<Key> = keys
            .filter_map(|(number, (source, whose))| {
                let account_id = match whose.get() {
                    Some(Whose::Nobodys) => return None,
                    Some(Whose::Account(account_id)) => Some(*account_id),
                    None => None,
                };
                Some(Key {
                    number,
                    account_id,
                    reseller: source.reseller,
                })
            })
            .collect();
        ways(subject.account_id, &keys, subject.kind.mirrored)
    }

    /// Asks whose the keys are of which that is not known.
    async fn learn(&self) -> Result<(), Error> {
        let asked = join_all(self.0.iter().map(|(source, whose)| async move {
            whose.get_or_try_init(|| whose_is(source)).await.map(drop)
        }));
        asked.await.into_iter().collect()
    }
}

async fn whose_is(source: &Source) -> Result<Whose, Error> {
    match source.client.get_account().send().await {
        Ok(account) => Ok(Whose::Account(account.id.get())),
        Err(error) if error.is_authentication() => {
            tracing::error!("the key of {:?} fetches nothing: {error}", source.name);
            Ok(Whose::Nobodys)
        }
        Err(error) => Err(error),
    }
}
