//! The quota, over real HTTP and in real time, with a scaled window.

mod support;

use std::time::{Duration, Instant};

use huntress::{Client, Credentials, RateLimiter};
use support::{KEY, SECRET, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_and_clients_of_one_account_share_the_quota() {
    const LIMIT: usize = 6;
    let window = Duration::from_millis(250);
    let server = Server::start().await;
    let limiter = RateLimiter::new(LIMIT, window);
    let client = || {
        let builder = Client::builder()
            .base_url(server.base_url())
            .rate_limiter(limiter.clone());
        builder
            .credentials(Credentials::new(KEY, SECRET))
            .build()
            .unwrap()
    };
    let start = Instant::now();
    let clients = [client(), client()];
    let calls = (0..3 * LIMIT).map(|index| {
        let client = clients[index % 2].clone();
        // The answer `{}` is not an account; the arrival counts.
        tokio::spawn(async move { drop(client.get_account().send().await) })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let arrivals: Vec<Instant> = server
        .take_requests()
        .iter()
        .map(|request| request.at)
        .collect();
    assert_eq!(arrivals.len(), 3 * LIMIT);
    for first in 0..=2 * LIMIT - 1 {
        let apart = arrivals[first + LIMIT] - arrivals[first];
        assert!(apart >= window, "{} arrivals within {apart:?}", LIMIT + 1);
    }
    assert!(start.elapsed() >= 2 * window);
    assert_eq!(limiter.snapshot().in_flight, 0);
}
