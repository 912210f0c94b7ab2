//! The demo's world: fakes, a host, an organization with four connections.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use providers::{AnyFake, GoogleCalendar, HubSpot, Slack, Zapier};
use serde_json::{Value, json};

use super::client::Client;
use super::connection;
use super::connectors::components;
use super::report::Report;
use crate::commands::serve::{self, Running};
use crate::config::{Config, Egress, Mode};

/// Tokens of the fakes: they open nothing else.
const TOKENS: [(&str, &str); 3] = [
    ("hubspot", "demo-token-hubspot"),
    ("google-calendar", "demo-token-google"),
    ("slack", "demo-token-slack"),
];

pub(crate) struct World {
    pub(crate) hubspot: HubSpot,
    pub(crate) google: GoogleCalendar,
    pub(crate) slack: Slack,
    pub(crate) zapier: Zapier,
    pub(crate) running: Running,
    pub(crate) key: String,
    /// Connector → connection.
    pub(crate) connections: BTreeMap<String, String>,
    folder: tempfile::TempDir,
}

impl World {
    /// Starts everything and connects the four providers.
    pub(crate) async fn start(report: &mut Report) -> Result<Self> {
        report.title();
        let hubspot = HubSpot::start(Default::default()).await.context("the fake of HubSpot")?;
        let google =
            GoogleCalendar::start(Default::default()).await.context("the fake of Google Calendar")?;
        let slack = Slack::start(Default::default()).await.context("the fake of Slack")?;
        let zapier = Zapier::start(Default::default()).await.context("the fake of Zapier")?;
        hubspot.accept_token(TOKENS[0].1);
        google.accept_token(TOKENS[1].1);
        slack.accept_token(TOKENS[2].1);
        report.fakes(&[&hubspot, &google, &slack, &zapier]);

        let components = components(report.json).await?;
        let folder = tempfile::Builder::new().prefix("jackfield-demo-").tempdir()?;
        let config = config(folder.path(), &[&hubspot, &google, &slack, &zapier])?;
        let started = Instant::now();
        let running = serve::start(&config).await?;
        let took = started.elapsed();
        let org = running.host.store.create_org("Demo").await?;
        let new = api::keys::mint(&*running.host.ids);
        running.host.store.create_key(&org.id, new.hash, &new.hint, &[]).await?;
        let key = new.text.expose().to_owned();
        report.host(&running.url, &key, folder.path(), took);
        for component in components {
            let began = Instant::now();
            let size = component.bytes.len();
            let installed = running.host.catalog.install(component.bytes).await?;
            report.installed(
                component.id,
                &installed.entry.connector.version,
                size,
                &component.how,
                began.elapsed(),
            );
        }
        let mut world =
            Self { hubspot, google, slack, zapier, running, key, connections: BTreeMap::new(), folder };
        world.connect(report).await?;
        Ok(world)
    }

    pub(crate) fn client(&self) -> Client {
        Client { address: self.running.address, key: self.key.clone() }
    }

    /// Four connections, over the API as any user would make them, each tested.
    async fn connect(&mut self, report: &mut Report) -> Result<()> {
        let channel = self.slack.add_channel("sales", false, true);
        let hook = self.zapier.add_hook("1234567", "demohook");
        let token = |i: usize| json!({ "accessToken": TOKENS[i].1 });
        let mut hubspot = connection("hubspot", token(0), json!({}));
        hubspot["fieldMapping"] = json!({
            "callerName": "firstname,lastname", "callerPhone": "phone", "callerEmail": "email", "reason": "description"
        });
        let wanted = [
            hubspot,
            connection("google-calendar", token(1), json!({})),
            connection("slack", token(2), json!({ "channel": channel })),
            connection(
                "zapier",
                json!({ "webhookUrl": format!("https://hooks.zapier.com{hook}") }),
                json!({}),
            ),
        ];
        for body in wanted {
            self.connect_one(&body, report).await?;
        }
        Ok(())
    }

    async fn connect_one(&mut self, body: &Value, report: &mut Report) -> Result<()> {
        let client = self.client();
        let connector = body["connector"].as_str().unwrap_or_default().to_owned();
        let (status, made) = client.call("POST", "/api/connections", Some(body)).await?;
        if status != 201 {
            bail!("connecting {connector} was answered {status}: {made}");
        }
        let id = made["id"].as_str().unwrap_or_default().to_owned();
        let began = Instant::now();
        let (status, tested) =
            client.call("POST", &format!("/api/connections/{id}/test"), Some(&json!({}))).await?;
        if status != 200 || tested["ok"] != json!(true) {
            bail!("testing the connection to {connector} was answered {status}: {tested}");
        }
        report.connected(&connector, &id, &tested["account"], began.elapsed());
        self.connections.insert(connector, id);
        Ok(())
    }

    /// Stops the host and the fakes, and takes the temporary folder away.
    pub(crate) async fn stop(self) -> Result<()> {
        self.running.stop().await?;
        self.hubspot.shutdown().await;
        self.google.shutdown().await;
        self.slack.shutdown().await;
        self.zapier.shutdown().await;
        self.folder.close()?;
        Ok(())
    }
}

/// A host of its own: a temporary folder, any free port, each provider's origin sent to its fake.
fn config(folder: &std::path::Path, fakes: &[&dyn AnyFake]) -> Result<Config> {
    let overrides = fakes.iter().map(|f| (f.origin().to_owned(), f.url())).collect();
    Ok(Config {
        mode: Mode::Development,
        listen: "127.0.0.1:0".parse()?,
        public_url: None,
        database: folder.join("jackfield.db"),
        data_dir: folder.join("data"),
        key_file: folder.join("data").join("master.key"),
        egress: Egress { overrides, ..Egress::default() },
        limits: Default::default(),
        reuse: Default::default(),
        quarantine: Default::default(),
        file: None,
    })
}
