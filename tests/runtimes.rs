//! One client in several runtimes. A connection belongs to the runtime that made it.

mod support;

use std::future::Future;
use std::thread;

use huntress::{Client, Error, RetryPolicy};
use huntress_simulator::Simulator;
use support::raw::KeepAlive;
use support::{builder, predicates, quick_retries, simulated};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs on a thread of its own until the test ends.
fn serve<T: Send + 'static>(start: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            sender.send(start.await).ok();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
}

async fn read(client: &Client) -> Result<usize, Error> {
    let page = client.list_agents().send().await?;
    Ok(page.items.len())
}

#[test]
fn one_after_the_other_they_lose_nothing() {
    let simulator = serve(async { Simulator::start().await.unwrap() });
    // There was not even a retry.
    let client = simulated(&simulator)
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    for _ in 0..4 {
        let runtime = runtime();
        for _ in 0..3 {
            assert_ne!(runtime.block_on(read(&client)).unwrap(), 0);
        }
    }
}

#[test]
fn at_once_they_lose_no_read() {
    let simulator = serve(async { Simulator::start().await.unwrap() });
    // Each end of a runtime may break what another has under way.
    let retry = quick_retries().attempts(20);
    let client = simulated(&simulator).retry(retry).build().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..4 {
                    runtime().block_on(async {
                        assert_ne!(read(&client).await.unwrap(), 0);
                        assert_ne!(read(&client).await.unwrap(), 0);
                    });
                }
            });
        }
    });
}

/// Makes a call on a connection of another runtime, and ends that one while it is under way.
fn interrupted<T>(retry: RetryPolicy, call: impl AsyncFn(&Client) -> T) -> (T, usize) {
    loop {
        let server = serve(KeepAlive::start([1]));
        let builder = builder(server.base_url()).retry(retry.clone());
        let client = builder.build().unwrap();
        let mut first = Builder::new_multi_thread();
        let first = first.worker_threads(1).enable_all().build().unwrap();
        first.block_on(read(&client)).unwrap();
        let mut first = Some(first);
        let end = async {
            support::until(|| server.arrived() == 2).await;
            // It may not have been back in the pool yet; then the call made another one.
            if server.connections() == 1 {
                first.take().unwrap().shutdown_background();
                std::future::pending::<()>().await;
            }
        };
        let result = runtime().block_on(async {
            tokio::select! {
                result = call(&client) => Some(result),
                () = end => None,
            }
        });
        if let Some(result) = result {
            return (result, server.arrived());
        }
    }
}

#[test]
fn a_read_under_way_on_a_connection_of_a_runtime_that_ends_is_sent_again() {
    let (result, arrived) = interrupted(quick_retries(), async |client| read(client).await);
    assert_eq!((result.unwrap(), arrived), (0, 3));
}

#[test]
fn a_write_under_way_on_a_connection_of_a_runtime_that_ends_is_not_repeated() {
    let (result, arrived) = interrupted(quick_retries(), async |client| {
        let call = client.delete_organization(7);
        call.send().await.map(drop)
    });
    let error = result.unwrap_err();
    assert!(!error.is_connect() && error.status().is_none(), "{error}");
    assert_eq!(arrived, 2);
}

#[test]
fn a_connection_of_a_runtime_that_nobody_drives_costs_a_time_out() {
    let simulator = serve(async { Simulator::start().await.unwrap() });
    let client = simulated(&simulator).build().unwrap();
    let idle = runtime();
    idle.block_on(read(&client)).unwrap();
    // Its clock goes on by itself where nothing else happens.
    let mut hasty = Builder::new_current_thread();
    let hasty = hasty.enable_all().start_paused(true).build().unwrap();
    let error = hasty.block_on(read(&client)).unwrap_err();
    assert_eq!(predicates(&error), ["timeout"]);
    // The client gives that connection up.
    runtime().block_on(read(&client)).unwrap();
}

/// What was read ahead ends with its runtime; the next one asks again.
#[test]
fn a_stream_that_reads_ahead_goes_on_in_another_runtime() {
    let simulator = serve(async { Simulator::start().await.unwrap() });
    let client = simulated(&simulator)
        .retry(quick_retries())
        .build()
        .unwrap();
    let mut agents = client.list_agents().page_size(50).stream().read_ahead();
    let mut count = 0;
    let first = runtime();
    for _ in 0..30 {
        count += usize::from(first.block_on(agents.try_next()).unwrap().is_some());
    }
    first.shutdown_background();
    let second = runtime();
    let rest = async {
        while agents.try_next().await.unwrap().is_some() {
            count += 1;
        }
    };
    let limit = std::time::Duration::from_secs(10);
    second
        .block_on(async { tokio::time::timeout(limit, rest).await })
        .expect("it hangs");
    assert!(count > 100, "{count}");
    assert!(agents.is_complete());
}
