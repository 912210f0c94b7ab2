//! What connections at rest and live instances hold in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use providers::{HubSpot, Limit, Settings};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::call::runtime;
use super::{Bench, Options};
use crate::client::Client;
use crate::harness::{Chart, Figure, Report};
use crate::host::{Host, Serving};
use crate::machine::resident_mib;
use crate::place::{Place, Provider, Silent, TOKEN, small};

pub(super) const BENCH: Bench = Bench {
    name: "memory",
    short: "resident memory of idle connections up to 10,000, and of live instances",
    about: "*Connections*: `serve` is started on a database with so many connections (to the HubSpot connector, a sealed \
            credential each, a hundred to an organization), lists a page of them and plans one event; its resident memory \
            after two seconds of rest is compared with that of a host without connections; and once more after each connection \
            has asked its provider (a fake) who it is, and the sockets are closed. *Instances*: so many calls of the \
            small connector at one time, each waiting for a provider that does not answer, in one process.",
    takes: None,
    long: false,
    run,
};

const STEPS: [usize; 4] = [0, 1_000, 5_000, 10_000];
/// An idle socket is kept for 30 s.
const SOCKETS_CLOSE: Duration = Duration::from_secs(35);
const OF_AN_ORG: usize = 100;
const INSTANCES: [usize; 6] = [0, 1, 8, 16, 32, 64];

fn run(options: &Options) -> Result<Report> {
    let ((connections, used), mut figures) = (connections(options)?, Vec::new());
    let empty = connections[0].1;
    let beyond: Vec<(f64, f64)> = connections.iter().map(|(n, mib)| (*n as f64, mib - empty)).collect();
    figures.push(Figure::shown("empty host", empty, "MiB"));
    for (n, mib) in &beyond[1..] {
        let figure = Figure::shown(
            format!("{} connections at rest, beyond it", crate::harness::amount(*n, "")),
            *mib,
            "MiB",
        );
        figures.push(if *n >= 10_000.0 { figure.at_most(100.0) } else { figure });
    }
    figures
        .push(Figure::shown("10,000 after one call each, at rest again", used - empty, "MiB").at_most(100.0));
    let instances = instances(options)?;
    let none = instances[0].1;
    let held: Vec<(f64, f64)> = instances.iter().map(|(n, mib)| (*n as f64, mib - none)).collect();
    for (n, mib) in &held[1..] {
        figures.push(Figure::shown(format!("{n} live instances, each"), mib * 1024.0 / n, "KiB"));
    }
    let line = |file: &str, title: &str, x: &str, points| Chart::Lines {
        file: file.to_owned(),
        title: title.to_owned(),
        x: x.to_owned(),
        y: "MiB".to_owned(),
        lines: vec![("resident".to_owned(), points)],
    };
    let charts = vec![
        line("memory-connections.svg", "Memory beyond the empty host", "connections at rest", beyond),
        line("memory-instances.svg", "Memory of live instances", "instances", held),
    ];
    Ok(Report { figures, charts, notes: Vec::new() })
}

/// Resident MiB by number of connections, and with all of them after each was used once. They are made by one `serve`; a
/// fresh one is measured.
fn connections(options: &Options) -> Result<(Vec<(usize, f64)>, f64)> {
    let (runtime, theirs) = (runtime(2)?, runtime(1)?);
    let fake = providers::hubspot::Config {
        settings: Settings { journal: 0, ..Settings::default() },
        tokens: vec![TOKEN.to_owned()],
        burst: Limit::none(),
        ..Default::default()
    };
    let fake = theirs.block_on(HubSpot::start(fake))?;
    let config = format!("[egress.overrides]\n{:?} = {:?}\n", fake.origin(), fake.url());
    let host = Host::new(&options.root, &["hubspot"], &config)?;
    let (mut found, mut keys, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for step in STEPS {
        let first = keys.len();
        while keys.len() < step / OF_AN_ORG {
            keys.push(host.org("Bench")?.1);
        }
        if keys.len() > first {
            let serving = runtime.block_on(host.serve())?;
            made.extend(runtime.block_on(make(&serving, &keys[first..]))?);
        }
        let serving = runtime.block_on(host.serve())?;
        let key = keys.first().unwrap_or(&host.key);
        runtime.block_on(rest(&serving, key))?;
        found.push((step, serving.resident_mib()?));
    }
    let serving = runtime.block_on(host.serve())?;
    runtime.block_on(used(&serving, made))?;
    Ok((found, serving.resident_mib()?))
}

/// A key and its connections.
type Connections = (String, Vec<String>);

/// Lets eight clients at a time do this for each of `all`.
async fn each<T, R, F>(
    serving: &Serving,
    all: Vec<T>,
    key: fn(&T) -> &str,
    what: fn(Client, T) -> F,
) -> Result<Vec<R>>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Future<Output = Result<R>> + Send + 'static,
{
    let (mut done, mut running) = (Vec::new(), JoinSet::new());
    for one in all {
        if running.len() >= 8
            && let Some(ended) = running.join_next().await
        {
            done.push(ended??);
        }
        let client = Client::connect(&serving.address, key(&one)).await?;
        running.spawn(what(client, one));
    }
    while let Some(ended) = running.join_next().await {
        done.push(ended??);
    }
    Ok(done)
}

/// A hundred connections for each of these keys.
async fn make(serving: &Serving, keys: &[String]) -> Result<Vec<Connections>> {
    each(
        serving,
        keys.to_vec(),
        |key| key,
        |mut client, key| async move {
            let body = json!({ "connector": "hubspot", "credentials": { "accessToken": TOKEN } });
            let mut ids = Vec::new();
            for _ in 0..OF_AN_ORG {
                let made = client.json("POST", "/api/connections", &body).await?;
                ids.push(made["id"].as_str().unwrap_or_default().to_owned());
            }
            Ok((key, ids))
        },
    )
    .await
}

/// Has each connection ask its provider who it is, then waits until the host has closed the sockets.
async fn used(serving: &Serving, connections: Vec<Connections>) -> Result<()> {
    each(
        serving,
        connections,
        |c| &c.0,
        |mut client, (_, ids)| async move {
            for id in ids {
                let answer =
                    client.json("POST", &format!("/api/connections/{id}/test"), &Value::Null).await?;
                ensure!(answer["ok"] == true, "a connection's test: {answer}");
            }
            Ok(())
        },
    )
    .await?;
    tokio::time::sleep(SOCKETS_CLOSE).await;
    Ok(())
}

/// Has the host look at its connections once, then leaves it alone. The event is of a kind that no connector takes.
async fn rest(serving: &Serving, key: &str) -> Result<()> {
    let mut client = Client::connect(&serving.address, key).await?;
    client.json("GET", "/api/connections?limit=100", &Value::Null).await?;
    let event = json!({ "event": "bench.nothing", "timestamp": "2024-12-06T10:30:00Z", "data": {} });
    client.json("POST", "/api/events", &event).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

/// Resident MiB of this process by number of instances that wait.
fn instances(options: &Options) -> Result<Vec<(usize, f64)>> {
    let runtime = runtime(2)?;
    let silent = Silent::default();
    let overrides = [("https://api.example.com".to_owned(), "http://127.0.0.1:9".to_owned())].into();
    let provider = Provider { overrides, dialler: Some(Arc::new(silent.clone())) };
    let place = Arc::new(runtime.block_on(Place::new(&small(&options.root), provider))?);
    // The first call touches what every later one shares.
    runtime.block_on(place.work(place.call("first"), crate::place::INPUT))?;
    let (mut found, mut calls) = (Vec::new(), JoinSet::new());
    for step in INSTANCES {
        let _inside = runtime.enter();
        for number in calls.len()..step {
            let place = place.clone();
            calls.spawn(async move {
                let call = place.call(&format!("connection-{number}"));
                place.connector.probe(call).await
            });
        }
        let began = Instant::now();
        while silent.waiting.load(Ordering::SeqCst) < step {
            ensure!(began.elapsed() < Duration::from_secs(20), "an instance does not wait");
            std::thread::sleep(Duration::from_millis(20));
        }
        found.push((step, resident_mib("self")?));
    }
    calls.abort_all();
    Ok(found)
}
