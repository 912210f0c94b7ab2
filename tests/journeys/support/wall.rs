//! The four fakes, and what a connection to each needs.

use providers::{AnyFake, GoogleCalendar, HubSpot, Limit, Slack, Zapier};
use serde_json::{Value, json};

/// Tokens that the fakes take.
fn tokens(connector: &str) -> &'static str {
    match connector {
        "hubspot" => "journey-token-hubspot",
        "google-calendar" => "journey-token-google",
        "slack" => "journey-token-slack",
        _ => "journeyhook",
    }
}

pub(crate) struct Wall {
    pub(crate) hubspot: HubSpot,
    pub(crate) google: GoogleCalendar,
    pub(crate) slack: Slack,
    pub(crate) zapier: Zapier,
}

impl Wall {
    /// Starts the fakes; Slack takes more than one message a second, so that a journey is quick.
    pub(crate) async fn start() -> Self {
        let slack = providers::slack::Config { per_channel: Limit::none(), ..Default::default() };
        let wall = Self {
            hubspot: HubSpot::start(Default::default()).await.unwrap(),
            google: GoogleCalendar::start(Default::default()).await.unwrap(),
            slack: Slack::start(slack).await.unwrap(),
            zapier: Zapier::start(Default::default()).await.unwrap(),
        };
        wall.hubspot.accept_token(tokens("hubspot"));
        wall.google.accept_token(tokens("google-calendar"));
        wall.slack.accept_token(tokens("slack"));
        wall.zapier.add_hook("1234567", tokens("zapier"));
        wall
    }

    pub(crate) fn fakes(&self) -> [(&'static str, &dyn AnyFake); 4] {
        [
            ("hubspot", &self.hubspot),
            ("google-calendar", &self.google),
            ("slack", &self.slack),
            ("zapier", &self.zapier),
        ]
    }

    /// For the host's configuration.
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        self.fakes().iter().map(|(_, f)| (f.origin().to_owned(), f.url())).collect()
    }

    /// The body that connects `connector`; `more` adds or replaces members.
    pub(crate) fn connection(&self, connector: &str, more: &Value) -> Value {
        let token = tokens(connector);
        let mut body = match connector {
            "zapier" => json!({ "credentials": {
                "webhookUrl": format!("https://hooks.zapier.com/hooks/catch/1234567/{token}/")
            } }),
            "slack" => {
                let channel = self.slack.channels().iter().find(|c| c.name == "calls").unwrap().id.clone();
                json!({ "credentials": { "accessToken": token }, "settings": { "channel": channel } })
            }
            _ => json!({ "credentials": { "accessToken": token } }),
        };
        body["connector"] = json!(connector);
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }

    /// `METHOD /path status` of each request that a fake got, long ids shortened.
    pub(crate) fn requests(&self, connector: &str) -> Vec<String> {
        let (_, fake) = self.fakes().into_iter().find(|(name, _)| *name == connector).unwrap();
        fake.journal()
            .exchanges()
            .iter()
            .map(|e| format!("{} {} {}", e.method, shorten(&e.path), e.status.unwrap_or(0)))
            .collect()
    }
}

/// Ids that differ from run to run: the calendar event's, made from the op-key.
fn shorten(path: &str) -> String {
    path.split('/').map(|s| if s.len() > 48 { "{id}" } else { s }).collect::<Vec<_>>().join("/")
}
