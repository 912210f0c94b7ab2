//! Events acknowledged per second: durable, over HTTP, beside what the store alone takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use model::{OrgId, SystemClock, SystemIds};
use serde_json::json;
use store::{NewEvent, Store};
use tokio::task::JoinSet;

use super::call::runtime;
use super::{Bench, Options};
use crate::client::Client;
use crate::harness::{Chart, Figure, Report, Times, median, ns};
use crate::host::Host;

pub(super) const BENCH: Bench = Bench {
    name: "ingest",
    short: "events acknowledged per second and p99, 64 clients, SQLite",
    about: "64 clients, each with its own socket, post one event per request to the release binary and wait for the 202, \
            which comes after the commit (WAL, `synchronous=FULL`); the clients share the machine's cores with the host. \
            *Tens*: arrays of ten events. *The store alone*: 64 callers of `Store::record_events` in one process, without \
            HTTP. Three rounds of four seconds take turns; rates are the middle ones, times are those of all requests. No \
            connection is there, so events are planned to nothing.",
    takes: None,
    long: false,
    run,
};

const CLIENTS: usize = 64;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);

/// Requests' times and events per second of one round.
struct Round {
    times: Vec<u64>,
    rate: f64,
}

/// Like an event of the guides.
fn event(id: &str) -> serde_json::Value {
    json!({
        "event": "lead.captured", "id": id, "timestamp": "2024-12-06T10:30:00Z",
        "data": { "leadId": id, "name": "John Smith", "phone": "+1234567890", "email": "john@example.com",
                  "reason": "Interested in services" }
    })
}

/// Collects what the clients did since `began`, each request with so many events.
async fn collect(began: Instant, each: usize, mut clients: JoinSet<Result<Vec<u64>>>) -> Result<Round> {
    let mut times = Vec::new();
    while let Some(done) = clients.join_next().await {
        times.extend(done??);
    }
    let rate = (times.len() * each) as f64 / began.elapsed().as_secs_f64();
    Ok(Round { times, rate })
}

/// One round over HTTP; `tag` keeps the events' ids apart from other rounds'.
async fn posted(address: &str, key: &str, tag: &str, each: usize) -> Result<Round> {
    let mut open = Vec::new();
    for _ in 0..CLIENTS {
        open.push(Client::connect(address, key).await?);
    }
    let (began, mut clients) = (Instant::now(), JoinSet::new());
    for (number, mut client) in open.into_iter().enumerate() {
        let tag = tag.to_owned();
        clients.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < ROUND {
                let ids = (0..each).map(|e| event(&format!("{tag}-{number}-{}-{e}", times.len())));
                let events: Vec<_> = ids.collect();
                let body = if each == 1 { events[0].to_string() } else { json!(events).to_string() };
                let sent = Instant::now();
                let status = client.send("POST", "/api/events", &body).await?;
                times.push(ns(sent));
                ensure!(status == 202, "an event was answered with {status}");
            }
            Ok(times)
        });
    }
    collect(began, each, clients).await
}

/// One round straight into a store.
async fn stored(store: &Store, org: &OrgId, tag: &str) -> Result<Round> {
    let (began, mut clients) = (Instant::now(), JoinSet::new());
    for number in 0..CLIENTS {
        let (store, org, tag) = (store.clone(), org.clone(), tag.to_owned());
        clients.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < ROUND {
                let id = format!("{tag}-{number}-{}", times.len());
                let event = NewEvent {
                    data: event(&id)["data"].take(),
                    source_id: Some(id),
                    kind: "lead.captured".to_owned(),
                    occurred_at: None,
                    label: None,
                };
                let sent = Instant::now();
                store.record_events(&org, vec![event]).await?;
                times.push(ns(sent));
            }
            Ok(times)
        });
    }
    collect(began, 1, clients).await
}

fn run(options: &Options) -> Result<Report> {
    let runtime = runtime(2)?;
    let host = Host::new(&options.root, &[], "")?;
    let names = ["one event a request", "tens", "the store alone"];
    let mut made: [Vec<Round>; 3] = Default::default();
    for number in 0..ROUNDS {
        {
            let serving = runtime.block_on(host.serve())?;
            for (at, each) in [(0, 1), (1, 10)] {
                let tag = format!("r{number}-{each}");
                made[at].push(runtime.block_on(posted(&serving.address, &host.key, &tag, each))?);
            }
        }
        made[2].push(runtime.block_on(alone())?);
    }
    let (mut figures, mut bars) = (Vec::new(), Vec::new());
    for (rounds, name) in made.into_iter().zip(names) {
        let rate = median(rounds.iter().map(|r| r.rate).collect());
        let times = Times::new(rounds.into_iter().flat_map(|r| r.times).collect());
        let rated = Figure::shown(format!("{name}: events acknowledged"), rate, "/s");
        let p99 = Figure::shown(format!("{name}: p99"), times.p99() / 1e6, "ms");
        let goal = name == names[0];
        figures.push(if goal { rated.at_least(8_000.0) } else { rated });
        figures.push(if goal { p99.at_most(15.0) } else { p99 });
        figures.push(Figure::shown(format!("{name}: median"), times.median() / 1e6, "ms"));
        bars.push((name.to_owned(), rate));
    }
    let chart = Chart::Bars {
        file: "ingest.svg".to_owned(),
        title: "Durable events acknowledged per second, 64 clients".to_owned(),
        unit: "/s".to_owned(),
        bars,
        goal: Some(8_000.0),
    };
    Ok(Report { figures, charts: vec![chart], notes: Vec::new() })
}

/// A round on a store of its own.
async fn alone() -> Result<Round> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("x.db");
    let store =
        Store::open(store::Options { path, clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) }).await?;
    let org = store.create_org("Bench").await?.id;
    let round = stored(&store, &org, "alone").await?;
    store.close().await?;
    Ok(round)
}
