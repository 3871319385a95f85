//! What this crate costs, each against a baseline in the same run. `cargo bench`
//!
//! Prints the tables of the README at its end.

mod call;
mod decode;
mod limiter;
mod paired;
mod quota;
mod webhook;

use std::time::Duration;

use criterion::Criterion;
use paired::Paired;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut rows = Vec::new();
    rows.extend(call::run(&mut criterion));
    rows.extend(decode::run(&mut criterion));
    rows.extend(limiter::run(&mut criterion));
    rows.extend(webhook::run(&mut criterion));
    criterion.final_summary();
    // `cargo test --benches` runs this too, and measures nothing.
    if std::env::args().any(|argument| argument == "--bench") {
        table(&rows);
        quota::table();
    }
}

/// What was measured, and against what.
type Row = (&'static str, Option<Paired>);

fn table(rows: &[Row]) {
    println!("\n| what | ours | baseline | ratio |\n|---|--:|--:|--:|");
    for (what, paired) in rows {
        let Some(Paired { ours, baseline }) = *paired else {
            continue;
        };
        let ratio = ours.div_duration_f64(baseline);
        let (ours, baseline) = (time(ours), time(baseline));
        println!("| {what} | {ours} | {baseline} | {ratio:.2} |");
    }
}

fn time(time: Duration) -> String {
    match time.as_nanos() as f64 {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.1} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}
