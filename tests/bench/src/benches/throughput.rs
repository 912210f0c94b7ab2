//! Isolated calls per second, with one thread and with two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::call::{fresh, runtime};
use super::{Bench, Options};
use crate::harness::{Chart, Figure, Report, median};
use crate::place::{Place, Provider, small};

pub(super) const BENCH: Bench = Bench {
    name: "throughput",
    short: "isolated calls per second at 1 and 2 threads",
    about: "The small connector, a fresh instance for each call, as many calls as there is time for: eight callers on a \
            runtime of one thread and of two. Five rounds of one second each take turns; the middle one counts.",
    takes: None,
    long: false,
    run,
};

const CALLERS: usize = 8;
const ROUND: Duration = Duration::from_secs(1);

fn run(options: &Options) -> Result<Report> {
    let first = runtime(2)?;
    let place = Arc::new(first.block_on(Place::new(&small(&options.root), Provider::none()))?);
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..5 {
        for threads in [1, 2] {
            let (runtime, began) = (runtime(threads)?, Instant::now());
            let callers = (0..CALLERS).map(|_| {
                let place = place.clone();
                runtime.spawn(async move {
                    let mut made = 0;
                    while began.elapsed() < ROUND {
                        made += fresh(&place, 20).await?.len();
                    }
                    anyhow::Ok(made)
                })
            });
            let callers: Vec<_> = callers.collect();
            let mut made = 0;
            for caller in callers {
                made += runtime.block_on(caller)??;
            }
            rates[threads - 1].push(made as f64 / began.elapsed().as_secs_f64());
        }
    }
    let [one, two] = rates.map(median);
    let figures = vec![
        Figure::shown("one thread", one, "calls/s"),
        Figure::shown("two threads", two, "calls/s"),
        Figure::shown("two threads ÷ one", two / one, "×"),
    ];
    let chart = Chart::Bars {
        file: "throughput.svg".to_owned(),
        title: "Isolated calls per second".to_owned(),
        unit: "/s".to_owned(),
        bars: vec![("one thread".to_owned(), one), ("two threads".to_owned(), two)],
        goal: None,
    };
    Ok(Report { figures, charts: vec![chart], notes: Vec::new() })
}
