//! What a person sees, or with `--json` what a program reads: one object per line and step.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use providers::AnyFake;
use serde_json::{Value, json};

use super::connectors::IDS;
use super::world::World;

/// One operation of one event.
pub(crate) struct Step {
    event: String,
    connector: String,
    connection: String,
    operation: String,
    status: String,
    ms: u64,
    exchange: Option<String>,
    said: String,
}

impl Step {
    /// From an operation of `GET /api/events/{id}`.
    pub(crate) fn of(event: &str, operation: &Value) -> Self {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let attempts = operation["attempts"].as_array().cloned().unwrap_or_default();
        let exchange = attempts
            .iter()
            .rev()
            .find_map(|a| a["exchanges"].as_array()?.last()?.as_str().map(str::to_owned));
        let receipt = &operation["receipt"];
        let said = match operation["error"]["message"].as_str() {
            Some(error) => error.to_owned(),
            None => [&receipt["disposition"], &receipt["id"]]
                .iter()
                .filter_map(|v| v.as_str())
                .collect::<Vec<_>>()
                .join(" "),
        };
        Self {
            event: event.to_owned(),
            connector: text(&operation["connector"]),
            connection: text(&operation["connection"]),
            operation: text(&operation["operation"]),
            status: text(&operation["state"]),
            ms: attempts.iter().filter_map(|a| a["ms"].as_u64()).sum(),
            exchange,
            said,
        }
    }
}

/// Counts steps, shows them, and knows in the end whether all happened.
pub(crate) struct Report {
    pub(crate) json: bool,
    steps: u32,
    wrong: u32,
    reached: BTreeSet<String>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, steps: 0, wrong: 0, reached: BTreeSet::new() }
    }

    fn line(&self, text: &str) {
        if !self.json {
            say!("{text}");
        }
    }

    /// One JSON object; every one has the same seven members, some have more.
    fn object(&mut self, mut object: Value, more: Value) {
        self.steps += 1;
        if !self.json {
            return;
        }
        for name in ["event", "connector", "operation", "status", "ms", "exchange"] {
            if object.get(name).is_none() {
                object[name] = Value::Null;
            }
        }
        object["step"] = json!(self.steps);
        if let (Value::Object(all), Value::Object(more)) = (&mut object, more) {
            all.extend(more);
        }
        say!("{object}");
    }

    pub(crate) fn title(&self) {
        self.line(
            "Jackfield demo: five events through four sandboxed connectors. Nothing leaves this machine.\n",
        );
    }

    pub(crate) fn fakes(&self, fakes: &[&dyn AnyFake]) {
        for fake in fakes {
            self.line(&format!(
                "  fake       {:<16} {} stands for {}",
                fake.name(),
                fake.url(),
                fake.origin()
            ));
        }
    }

    /// The key opens this host alone, which is gone with the demo; a program needs it to read exchanges meanwhile.
    pub(crate) fn host(&mut self, url: &str, key: &str, folder: &Path, took: Duration) {
        self.line(&format!("  host       {url} up in {} (store in {})", time(took), folder.display()));
        self.object(
            json!({ "operation": "serve", "status": "done", "ms": millis(took) }),
            json!({ "url": url, "key": key }),
        );
    }

    pub(crate) fn installed(&mut self, id: &str, version: &str, bytes: usize, how: &str, took: Duration) {
        let size = format!("{} KiB", bytes.div_ceil(1024));
        self.line(&format!("  installed  {id:<16} {version}  {size:>8}  {how}, compiled in {}", time(took)));
        self.object(
            json!({ "connector": id, "operation": "install", "status": "done", "ms": millis(took) }),
            json!({ "version": version, "bytes": bytes }),
        );
    }

    pub(crate) fn connected(&mut self, connector: &str, id: &str, account: &Value, took: Duration) {
        let label = account["label"].as_str().unwrap_or("?");
        self.line(&format!("  connected  {connector:<16} as {label} in {}", time(took)));
        self.object(
            json!({ "connector": connector, "operation": "connect", "status": "done", "ms": millis(took) }),
            json!({ "connection": id, "account": label }),
        );
    }

    pub(crate) fn event(&mut self, event: &Value, took: Duration) {
        let kind = event["event"].as_str().unwrap_or_default();
        self.line(&format!("\n{kind}  stored and acknowledged in {}", time(took)));
        self.object(
            json!({ "event": kind, "operation": "record", "status": "done", "ms": millis(took) }),
            json!({}),
        );
    }

    pub(crate) fn step(&mut self, step: &Step, wire: &str) {
        let done = step.status == "done";
        if done {
            self.reached.insert(step.connector.clone());
        } else {
            self.wrong += 1;
        }
        let mark = if done { "✓" } else { "✗" };
        self.line(&format!(
            "  {mark} {:<16} {:<34} {:>6}  {}",
            step.connector,
            step.operation,
            format!("{} ms", step.ms),
            step.said
        ));
        for exchange in wire.lines() {
            self.line(&format!("      {exchange}"));
        }
        self.object(
            json!({
                "event": step.event, "connector": step.connector, "operation": step.operation,
                "status": step.status, "ms": step.ms, "exchange": step.exchange,
            }),
            json!({ "connection": step.connection, "detail": step.said }),
        );
    }

    /// What the providers have now, and how to look further.
    pub(crate) fn end(&self, world: &World, once: bool) {
        self.line("\nWhat the providers have now:");
        for contact in world.hubspot.contacts() {
            let value = |name: &str| contact.properties.get(name).cloned().unwrap_or_default();
            self.line(&format!(
                "  HubSpot          contact {} {}, {}, {}; {} calls, {} notes, {} meetings",
                value("firstname"),
                value("lastname"),
                value("email"),
                value("phone"),
                world.hubspot.calls().len(),
                world.hubspot.notes().len(),
                world.hubspot.meetings().len()
            ));
        }
        self.line(&format!("  Google Calendar  {} event(s)", world.google.events("primary").len()));
        for message in world.slack.messages("sales") {
            self.line(&format!("  Slack #sales     {}", message.text.lines().next().unwrap_or_default()));
        }
        self.line(&format!("  Zapier           {} run(s) queued", world.zapier.runs().len()));
        if !once {
            self.line(&format!("\nThe host goes on at {}. Look around, Ctrl-C ends it:", world.running.url));
            for path in
                ["/api/connections", "/api/events/EVENT_ID", "/api/connections/ID/exchanges?format=har"]
            {
                self.line(&format!(
                    "  curl -H 'Authorization: Bearer {}' {}{path}",
                    world.key, world.running.url
                ));
            }
        }
        if self.json && !once {
            say!(
                "{}",
                json!({
                    "step": self.steps + 1, "event": null, "connector": null, "operation": "ready", "status": "done",
                    "ms": 0, "exchange": null, "url": world.running.url, "key": world.key,
                    "connections": world.connections,
                })
            );
        }
    }

    /// Fails if a step did not happen.
    pub(crate) fn verdict(&self) -> Result<()> {
        let missing: Vec<&str> = IDS.iter().copied().filter(|id| !self.reached.contains(*id)).collect();
        if self.wrong > 0 {
            bail!("{} of the steps above did not happen", self.wrong);
        }
        if !missing.is_empty() {
            bail!("no event reached {}", missing.join(", "));
        }
        self.line(&format!("\nAll {} steps happened.", self.steps));
        Ok(())
    }
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

fn time(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}
