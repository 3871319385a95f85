//! Two things measured in turns, so that whatever else the machine does hits both alike.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use criterion::Criterion;

/// The median times of both.
#[derive(Clone, Copy)]
pub struct Paired {
    pub ours: Duration,
    pub baseline: Duration,
}

/// Lets criterion measure `ours`, with a run of `baseline` before each; `None` where
/// nothing is measured.
pub fn measure<A, B>(
    criterion: &mut Criterion,
    name: &str,
    mut ours: impl FnMut() -> A,
    mut baseline: impl FnMut() -> B,
) -> Option<Paired> {
    let times = RefCell::new((Vec::new(), Vec::new()));
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let (mut ours_took, mut baseline_took) = (Vec::new(), Vec::new());
            for _ in 0..count {
                baseline_took.push(timed(&mut baseline));
                ours_took.push(timed(&mut ours));
            }
            let total = ours_took.iter().sum();
            let mut times = times.borrow_mut();
            times.0.extend(ours_took);
            times.1.extend(baseline_took);
            total
        });
    });
    let (ours, baseline) = times.into_inner();
    Some(Paired {
        ours: median(ours)?,
        baseline: median(baseline)?,
    })
}

fn timed<T>(run: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    let result = std::hint::black_box(run());
    let took = start.elapsed();
    drop(result);
    took
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}
