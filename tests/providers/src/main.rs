//! The fakes as one process, on loopback.
//!
//! `providers [--hubspot PORT] [--google PORT] [--slack PORT] [--zapier PORT]` prints one line of JSON for each
//! fake. Without arguments all four start, on ports of the machine's choice. It ends with Ctrl-C or with its
//! standard input.

use providers::{AnyFake, Fake, GoogleCalendar, HubSpot, Settings, Slack, Zapier};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use tokio::sync::oneshot;

const USAGE: &str = "usage: providers [--hubspot PORT] [--google PORT] [--slack PORT] [--zapier PORT]";
const NAMES: [&str; 4] = ["hubspot", "google", "slack", "zapier"];

#[tokio::main]
async fn main() -> ExitCode {
    let Some(ports) = ports(std::env::args().skip(1)) else {
        return failed(2, USAGE);
    };
    match run(&ports).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(1, &format!("providers: {error}")),
    }
}

async fn run(ports: &BTreeMap<String, u16>) -> io::Result<()> {
    let mut fakes: Vec<Box<dyn AnyFake>> = Vec::new();
    for (name, port) in ports {
        let settings = Settings { port: *port, ..Settings::default() };
        fakes.push(match name.as_str() {
            "hubspot" => {
                boxed(HubSpot::start(providers::hubspot::Config { settings, ..Default::default() }).await?)
            }
            "google" => {
                let config = providers::google_calendar::Config { settings, ..Default::default() };
                boxed(GoogleCalendar::start(config).await?)
            }
            "slack" => {
                boxed(Slack::start(providers::slack::Config { settings, ..Default::default() }).await?)
            }
            _ => boxed(Zapier::start(providers::zapier::Config { settings, ..Default::default() }).await?),
        });
    }
    let mut out = io::stdout().lock();
    for fake in &fakes {
        writeln!(out, "{}", serde_json::json!({"provider": fake.name(), "url": fake.url()}))?;
    }
    out.flush()?;
    drop(out);
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped,
        () = end_of_input() => Ok(()),
    }
}

fn boxed<V: providers::Vendor>(fake: Fake<V>) -> Box<dyn AnyFake> {
    Box::new(fake)
}

/// Reads standard input to its end, so that fakes do not outlive whoever started them. The thread is left to
/// itself: a read from a terminal cannot be broken off.
async fn end_of_input() {
    let (ended, end) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink()).ok();
        drop(ended);
    });
    end.await.ok();
}

/// The ports by name; `None` if the command line makes no sense.
fn ports(mut arguments: impl Iterator<Item = String>) -> Option<BTreeMap<String, u16>> {
    let mut ports = BTreeMap::new();
    while let Some(argument) = arguments.next() {
        let name = argument.strip_prefix("--").filter(|name| NAMES.contains(name))?;
        ports.insert(name.to_owned(), arguments.next()?.parse().ok()?);
    }
    if ports.is_empty() {
        ports.extend(NAMES.map(|name| (name.to_owned(), 0)));
    }
    Some(ports)
}

fn failed(code: u8, what: &str) -> ExitCode {
    writeln!(io::stderr(), "{what}").ok();
    ExitCode::from(code)
}
