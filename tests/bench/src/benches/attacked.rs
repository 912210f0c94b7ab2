//! Whether one connection's calls keep their pace while another connection's guest attacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hostile::attacks::{ATTACKS, provider};
use hostile::{Act, Arena};
use tokio::task::JoinSet;

use super::call::runtime;
use super::{Bench, Options};
use crate::harness::{Chart, Figure, Report, Times, ns};

pub(super) const BENCH: Bench = Bench {
    name: "attacked",
    short: "p99 of other connections' calls while each attack runs ÷ quiet",
    about: "Thirty-two connections do a job over and over: a call on a fresh instance with one request to a provider that takes \
            50 ms (on a pipe). Meanwhile two other connections attack without a pause, each as in `tests/hostile`, under the \
            limits that a connector has by default; what halts an attack ends it, and it begins anew (no quarantine stops it \
            here). Two quiet spells of two seconds and two attacked ones take turns; the figure is the p99 of all jobs of \
            the attacked ones, some 2,400, ÷ that of the quiet ones.",
    takes: Some("ATTACK"),
    long: false,
    run,
};

const WORKERS: usize = 32;
const ATTACKERS: usize = 2;
const SPELLS: usize = 2;
const SPELL: Duration = Duration::from_secs(2);
const PROVIDER: Duration = Duration::from_millis(50);
const SLOW: &str = "https://api.example.com/v1/slow";

fn run(options: &Options) -> Result<Report> {
    let runtime = runtime(2)?;
    let attacks: Vec<_> = ATTACKS
        .iter()
        .filter(|(name, _)| options.word.as_deref().is_none_or(|w| name.contains(w)))
        .copied()
        .collect();
    ensure!(
        !attacks.is_empty(),
        "no attack has `{}` in its name",
        options.word.as_deref().unwrap_or_default()
    );
    let (mut figures, mut bars, mut worst) = (Vec::new(), Vec::new(), 0.0f64);
    let mut quiet_all = Vec::new();
    for (attack, url) in attacks {
        // A new one for each: it keeps what it recorded.
        let arena = runtime.block_on(arena());
        let (mut quiet, mut during) = (Vec::new(), Vec::new());
        for _ in 0..SPELLS {
            quiet.extend(runtime.block_on(spell(&arena, None))?);
            during.extend(runtime.block_on(spell(&arena, Some((attack, url))))?);
        }
        let (quiet, during) = (Times::new(quiet), Times::new(during));
        let ratio = during.p99() / quiet.p99();
        worst = worst.max(ratio);
        let name = match url.rsplit('/').next() {
            Some("") | Some("x") | None => attack.to_owned(),
            Some(answers) => format!("{attack}, {answers}"),
        };
        figures.push(Figure::shown(format!("{name}: p99 ÷ quiet"), ratio, "×").at_most(2.0));
        bars.push((name, ratio));
        quiet_all.push(quiet.p99() / 1e6);
    }
    figures.insert(0, Figure::shown("worst attack: p99 ÷ quiet", worst, "×").at_most(2.0));
    figures.push(Figure::shown("quiet p99", crate::harness::median(quiet_all), "ms"));
    let chart = Chart::Bars {
        file: "attacked.svg".to_owned(),
        title: "p99 of other connections' jobs while it attacks ÷ quiet".to_owned(),
        unit: "×".to_owned(),
        bars,
        goal: Some(2.0),
    };
    Ok(Report { figures, charts: vec![chart], notes: Vec::new() })
}

/// The place of one attack, with a provider that is slow where it is asked to be.
async fn arena() -> Arc<Arena> {
    let arena = Arena::new().await;
    arena.recorder.script(|request| {
        if !request.lines().next().is_some_and(|line| line.contains("/v1/slow")) {
            return provider(request);
        }
        // The first byte comes late, the rest with it.
        let (late, rest) = b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}".split_at(1);
        vec![Act::Drip(late.to_vec(), PROVIDER), Act::Send(rest.to_vec())]
    });
    Arc::new(arena)
}

/// The jobs' times while the attack runs, if there is one.
async fn spell(arena: &Arc<Arena>, attack: Option<(&'static str, &'static str)>) -> Result<Vec<u64>> {
    let over = Arc::new(AtomicBool::new(false));
    let mut attackers = JoinSet::new();
    if let Some((name, url)) = attack {
        for number in 0..ATTACKERS {
            let (arena, over) = (arena.clone(), over.clone());
            attackers.spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    // A halt is its end; what it learned is no matter here.
                    let seat = arena.seat(&format!("attacker-{number}")).by_default();
                    let _ = seat.attack(name, url).await;
                    tokio::task::yield_now().await;
                }
            });
        }
    }
    let (began, mut workers) = (Instant::now(), JoinSet::new());
    for number in 0..WORKERS {
        let arena = arena.clone();
        workers.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < SPELL {
                let job = Instant::now();
                let answer = arena.seat(&format!("worker-{number}")).attack("http", SLOW).await;
                times.push(ns(job));
                ensure!(
                    matches!(&answer, Ok(Ok(a)) if a.label.starts_with("200")),
                    "a job failed: {answer:?}"
                );
            }
            Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = workers.join_next().await {
        times.extend(done??);
    }
    over.store(true, Ordering::Relaxed);
    while attackers.join_next().await.is_some() {}
    Ok(times)
}
