//! What connections at rest and live instances hold in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::call::runtime;
use super::{Bench, Options};
use crate::client::Client;
use crate::harness::{Chart, Figure, Report};
use crate::host::{Host, Serving};
use crate::machine::resident_mib;
use crate::place::{Place, Provider, Silent, small};

pub(super) const BENCH: Bench = Bench {
    name: "memory",
    short: "resident memory of idle connections up to 10,000, and of live instances",
    about: "*Connections*: `serve` is started on a database with so many connections (to the HubSpot connector, a sealed \
            credential each, a hundred to an organization), lists a page of them and plans one event; its resident memory \
            after two seconds of rest is compared with that of a host without connections. *Instances*: so many calls of the \
            small connector at one time, each waiting for a provider that does not answer, in one process.",
    takes: None,
    long: false,
    run,
};

const STEPS: [usize; 4] = [0, 1_000, 5_000, 10_000];
const OF_AN_ORG: usize = 100;
const INSTANCES: [usize; 6] = [0, 1, 8, 16, 32, 64];

fn run(options: &Options) -> Result<Report> {
    let (connections, mut figures) = (connections(options)?, Vec::new());
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

/// Resident MiB by number of connections. They are made by one `serve`; a fresh one is measured.
fn connections(options: &Options) -> Result<Vec<(usize, f64)>> {
    let runtime = runtime(2)?;
    let host = Host::new(&options.root, &["hubspot"], "")?;
    let (mut found, mut made, mut keys) = (Vec::new(), 0, Vec::new());
    for step in STEPS {
        if step > made {
            while keys.len() < step / OF_AN_ORG {
                keys.push(host.org("Bench")?.1);
            }
            let serving = runtime.block_on(host.serve())?;
            runtime.block_on(make(&serving, &keys[made / OF_AN_ORG..]))?;
            made = step;
        }
        let serving = runtime.block_on(host.serve())?;
        let key = keys.first().unwrap_or(&host.key);
        runtime.block_on(rest(&serving, key))?;
        found.push((step, serving.resident_mib()?));
    }
    Ok(found)
}

/// A hundred connections for each of these keys, eight keys at a time.
async fn make(serving: &Serving, keys: &[String]) -> Result<()> {
    for some in keys.chunks(8) {
        let mut makers = JoinSet::new();
        for key in some {
            let (address, key) = (serving.address.clone(), key.clone());
            makers.spawn(async move {
                let mut client = Client::connect(&address, &key).await?;
                let body =
                    json!({ "connector": "hubspot", "credentials": { "accessToken": "nobody-takes-this" } });
                for _ in 0..OF_AN_ORG {
                    client.json("POST", "/api/connections", &body).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = makers.join_next().await {
            done??;
        }
    }
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
