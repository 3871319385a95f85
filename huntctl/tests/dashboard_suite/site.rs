//! The pages as a browser asks for them, without a network.

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt as _;
use huntctl::dashboard::router_at;
use huntctl::store::Store;
use hyper::header::HeaderMap;
use hyper::service::Service as _;
use hyper::{Request, StatusCode};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;

use super::html::Html;

/// The moment at which all tests look at the pages.
pub const NOW: &str = "2025-06-15T12:00:00Z";

pub fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub struct Site(TowerToHyperService<Router>);

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Site {
    pub fn new(store: &Store) -> Self {
        Self(TowerToHyperService::new(router_at(store.clone(), now)))
    }

    pub async fn get(&self, path: &str) -> Answer {
        let path = path.split('#').next().unwrap().to_owned();
        let request = Request::get(&path).body(Body::empty());
        let request = request.unwrap_or_else(|problem| panic!("{path}: {problem}"));
        let response = self.0.call(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer {
            status,
            headers,
            body,
        }
    }

    /// A page that is there, read strictly.
    pub async fn page(&self, path: &str) -> Html {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        Html::read(path, &answer.body)
    }

    /// The lines of a file, the heading first.
    pub async fn file(&self, path: &str) -> Vec<Vec<String>> {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(answer.body.as_bytes());
        let records = reader.records().map(Result::unwrap);
        records
            .map(|record| record.iter().map(str::to_owned).collect())
            .collect()
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}
