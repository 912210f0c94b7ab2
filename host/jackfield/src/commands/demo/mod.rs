//! `demo`: the whole line at work, on this machine alone. Fakes of four providers, a host on a temporary SQLite file, the
//! four connectors built and installed, five events posted, and what happened where.

mod client;
mod connectors;
mod events;
mod report;
mod world;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use client::Client;
use report::{Report, Step};
use world::World;

/// How long an event may take to be through. Slack takes one message per second and channel.
const PATIENCE: Duration = Duration::from_secs(60);

/// `jackfield demo`.
pub(crate) async fn run(once: bool, json: bool) -> Result<()> {
    let mut report = Report::new(json);
    let world = World::start(&mut report).await?;
    let outcome = show(&world, &mut report).await;
    report.end(&world, once);
    if outcome.is_ok() && !once {
        super::serve::signal().await;
    }
    // What went wrong first is what is told.
    let stopped = world.stop().await;
    outcome?;
    stopped?;
    report.verdict()
}

/// Posts the events one after another and follows each to its end.
async fn show(world: &World, report: &mut Report) -> Result<()> {
    for event in events::events() {
        let client = world.client();
        let posted = Instant::now();
        let (status, answer) = client.call("POST", "/api/events", Some(&event)).await?;
        let acknowledged = posted.elapsed();
        if status != 202 {
            bail!("posting {} was answered {status}: {answer}", event["event"]);
        }
        let id = answer["events"][0]["id"].as_str().unwrap_or_default().to_owned();
        report.event(&event, acknowledged);
        let seen = follow(&client, &id, posted).await?;
        for operation in seen["operations"].as_array().into_iter().flatten() {
            let step = Step::of(event["event"].as_str().unwrap_or_default(), operation);
            let wire = wire(&client, operation).await;
            report.step(&step, &wire);
        }
    }
    Ok(())
}

/// Waits until every operation of an event has come to rest.
async fn follow(client: &Client, id: &str, since: Instant) -> Result<Value> {
    loop {
        let (status, event) = client.call("GET", &format!("/api/events/{id}"), None).await?;
        if status != 200 {
            bail!("event {id} was answered {status}: {event}");
        }
        if !matches!(event["state"].as_str(), Some("received" | "running")) {
            return Ok(event);
        }
        if since.elapsed() > PATIENCE {
            bail!("event {id} is still {} after {} s: {event}", event["state"], PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What an operation's exchanges were, in short: `GET 404, POST 201`.
async fn wire(client: &Client, operation: &Value) -> String {
    let connection = operation["connection"].as_str().unwrap_or_default();
    let mut seen = Vec::new();
    for attempt in operation["attempts"].as_array().into_iter().flatten() {
        for exchange in attempt["exchanges"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let path = format!("/api/connections/{connection}/exchanges/{exchange}");
            if let Ok((200, e)) = client.call("GET", &path, None).await {
                let url = e["url"].as_str().unwrap_or_default();
                let path = url.splitn(4, '/').nth(3).unwrap_or_default();
                let path = path.split('?').next().unwrap_or_default();
                let status = e["status"].as_u64().map_or_else(|| "no answer".to_owned(), |s| s.to_string());
                seen.push(format!("{} /{path} {status}", e["method"].as_str().unwrap_or("?")));
            }
        }
    }
    seen.join("\n")
}

/// A connection to make: the connector and the body for `POST /api/connections`.
pub(crate) fn connection(connector: &str, credentials: Value, settings: Value) -> Value {
    json!({ "connector": connector, "name": format!("demo {connector}"), "credentials": credentials, "settings": settings })
}
