//! A store with rows, and a portal over it.

use std::net::SocketAddr;

use huntctl::access::{Ground as Guard, guard};
use huntctl::config::{Origin, Portal as Settings, Serving};
use huntctl::database::Value;
use huntctl::http::{Limits, Listener, serve};
use huntctl::portal::{Key, Keys, Link, Portal, router};
use huntctl::secret::Secret;
use huntctl::stop::{Stop, Stopper};
use huntctl::store::Store;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;

use crate::databases::Place;

/// The moment at which links are looked at.
pub const NOW: Timestamp = Timestamp::constant(1_790_000_000, 0);
pub const FRIEND: &str = "https://friend.example";

pub struct Ground {
    pub store: Store,
    pub keys: Keys,
    address: SocketAddr,
    client: reqwest::Client,
    _place: Place,
    _stopper: Stopper,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

pub fn keys(text: &str) -> Keys {
    let key = Key::new(&text.repeat(32), &Secret::Variable("K".to_owned()));
    Keys::new(vec![key.unwrap()]).unwrap()
}

pub fn link(account_id: i64, organization_id: i64) -> Link {
    Link {
        account_id,
        organization_id,
        expires: NOW + SignedDuration::from_hours(1),
    }
}

impl Ground {
    pub async fn sqlite() -> Self {
        Self::of(Place::sqlite(), &[]).await
    }

    #[cfg(feature = "postgres-tests")]
    pub async fn postgres() -> Self {
        Self::of(Place::postgres().await, &[]).await
    }

    /// The same for pages of this origin, too.
    pub async fn embedded_in(self, origin: &str) -> Self {
        let origin = Origin::parse(origin).unwrap();
        Self::of(self._place, &[origin]).await
    }

    async fn of(place: Place, embed: &[Origin]) -> Self {
        let store = place.store().await;
        let keys = keys("k");
        let portal = Portal::new(store.clone(), keys.clone(), embed, || NOW)
            .await
            .unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        assert_eq!(Settings::default().serving, None);
        let ground = Guard::of_portal(&Serving::at(any)).unwrap();
        let listener = Listener::bind(any, None).await.unwrap();
        let address = listener.address();
        let (_stopper, stop) = Stop::by_hand();
        let pages = guard(router(portal), ground);
        tokio::spawn(serve(listener, pages, Limits::default(), stop));
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            store,
            keys,
            address,
            client: reqwest::Client::new(),
            _place: place,
            _stopper,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_from(path, None).await
    }

    /// As a script of a page of this origin.
    pub async fn get_from(&self, path: &str, origin: Option<&str>) -> Answer {
        let mut request = self.client.get(format!("http://{}{path}", self.address));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub async fn json(&self, link: &Link) -> serde_json::Value {
        let path = json_of(&self.keys.sign(link));
        let answer = self.get(&path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Writes a row with these columns.
    pub async fn row(&self, table: &str, columns: &[(&str, Value)]) {
        let names: Vec<_> = columns
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let places: Vec<_> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let sql = format!(
            "INSERT INTO \"{table}\" ({}) VALUES ({})",
            names.join(", "),
            places.join(", ")
        );
        let values: Vec<_> = columns.iter().map(|(_, value)| value.clone()).collect();
        let written = self.store.database().execute(&sql, &values).await;
        written.unwrap_or_else(|failure| panic!("{sql}: {failure}"));
    }

    /// The same for a table of the API, whose rows have more that must be there.
    pub async fn record(&self, table: &str, account: i64, id: i64, columns: &[(&str, Value)]) {
        let seen = Value::from(Timestamp::now());
        let own = [
            ("account_id", account.into()),
            ("id", id.into()),
            ("first_seen_at", seen.clone()),
            ("last_seen_at", seen.clone()),
            ("changed_at", seen),
            ("record", Value::Json("{}".to_owned())),
            ("record_digest", 0.into()),
        ];
        let given = |name: &str| columns.iter().any(|(column, _)| *column == name);
        let own = own.into_iter().filter(|(name, _)| !given(name));
        let all: Vec<_> = own.chain(columns.iter().cloned()).collect();
        self.row(table, &all).await;
    }
}

/// The path of the same as JSON.
pub fn json_of(path: &str) -> String {
    path.replacen('?', ".json?", 1)
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }
}

/// So many days before now, by the clock that the database has.
pub fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}
