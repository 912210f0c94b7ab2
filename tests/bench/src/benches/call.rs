//! What the sandbox adds to a call: the small connector through the sandbox, and on bare wasmtime.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::runtime::Runtime;

use super::{Bench, Options};
use crate::bare::Bare;
use crate::harness::{Chart, Figure, Report, Times, ns, rounds};
use crate::place::{INPUT, OUTPUT_HAS, Place, Provider, small};

pub(super) const BENCH: Bench = Bench {
    name: "call",
    short: "an isolated and a warm call ÷ bare wasmtime",
    about: "The small connector (`tests/bench/guests/small`: reads a small JSON, computes, answers JSON), called from one \
            thread. *Isolated*: a fresh instance for each call, with its lane, limits, deadline and meter. *Bare*: the same \
            component under the same engine settings, with epochs and WASI linked, and nothing else. *Warm*: an instance of \
            the same connection is used again, as `[reuse]` asks for; bare, the same instance all the time. 30 rounds take \
            turns; the ratio is the middle of the rounds' ratios of medians.",
    takes: None,
    long: false,
    run,
};

const ROUNDS: usize = 30;
const CALLS: usize = 400;

/// As `serve` makes its own, with so many threads.
pub(super) fn runtime(threads: usize) -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    // `serve` looks for work four times a second. A runtime with nothing to wait for is woken for each new deadline instead,
    // through a system call, on both sides of a comparison.
    runtime.spawn(async {
        let mut look = tokio::time::interval(Duration::from_millis(250));
        loop {
            look.tick().await;
        }
    });
    Ok(runtime)
}

/// So many calls, one after the other, each on a fresh instance.
pub(super) async fn fresh(place: &Place, calls: usize) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let began = Instant::now();
        let answer = place.work(place.call("connection"), INPUT).await?;
        times.push(ns(began));
        ensure!(answer.contains(OUTPUT_HAS), "{answer}");
    }
    Ok(times)
}

async fn warm(place: &Place, calls: usize) -> Result<Vec<u64>> {
    let Some(reuse) = place.manifest.reuse.clone() else { anyhow::bail!("the connector asks for no reuse") };
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let began = Instant::now();
        let call = place.call("connection").warm(&reuse, "1".to_owned());
        let answer = place.work(call, INPUT).await?;
        times.push(ns(began));
        ensure!(answer.contains(OUTPUT_HAS), "{answer}");
    }
    Ok(times)
}

async fn bare_fresh(bare: &Bare, calls: usize) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let began = Instant::now();
        let mut on = bare.instance().await?;
        let answer = bare.call(&mut on, INPUT).await?;
        drop(on);
        times.push(ns(began));
        ensure!(answer.contains(OUTPUT_HAS), "{answer}");
    }
    Ok(times)
}

async fn bare_warm(bare: &Bare, calls: usize) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(calls);
    let mut on = bare.instance().await?;
    bare.call(&mut on, INPUT).await?;
    for _ in 0..calls {
        let began = Instant::now();
        let answer = bare.call(&mut on, INPUT).await?;
        times.push(ns(began));
        ensure!(answer.contains(OUTPUT_HAS), "{answer}");
    }
    Ok(times)
}

fn run(options: &Options) -> Result<Report> {
    let runtime = runtime(2)?;
    let place = runtime.block_on(Place::new(&small(&options.root), Provider::none()))?;
    let bare = Bare::new(&place.component, sandbox::MAX_IDLE)?;
    let mut sides: [&mut dyn FnMut(usize) -> Result<Vec<u64>>; 4] = [
        &mut |n| runtime.block_on(fresh(&place, n)),
        &mut |n| runtime.block_on(bare_fresh(&bare, n)),
        &mut |n| runtime.block_on(warm(&place, n)),
        &mut |n| runtime.block_on(bare_warm(&bare, n)),
    ];
    let made = rounds(ROUNDS, CALLS, &mut sides)?;
    let names = ["isolated call", "bare wasmtime, fresh", "warm call", "bare wasmtime, warm"];
    let mut figures = vec![
        Figure::shown("isolated call ÷ bare wasmtime", made.ratio(0, 1), "×").at_most(1.2),
        Figure::shown("warm call ÷ bare wasmtime, warm", made.ratio(2, 3), "×"),
        Figure::shown("warm call ÷ bare wasmtime, fresh", made.ratio(2, 1), "×"),
    ];
    figures.extend(made.all.iter().zip(names).flat_map(|(times, name)| three(name, times)));
    let bars = made.all.iter().zip(names).map(|(t, name)| (name.to_owned(), t.median() / 1e3)).collect();
    let chart = Chart::Bars {
        file: "call.svg".to_owned(),
        title: "One call, median".to_owned(),
        unit: "µs".to_owned(),
        bars,
        goal: None,
    };
    Ok(Report { figures, charts: vec![chart], notes: Vec::new() })
}

/// Median, p95 and p99 in microseconds.
pub(super) fn three(name: &str, times: &Times) -> Vec<Figure> {
    let at = |what: &str, ns: f64| Figure::shown(format!("{name}: {what}"), ns / 1e3, "µs");
    vec![at("median", times.median()), at("p95", times.percentile(0.95)), at("p99", times.p99())]
}
