//! Slack's Web API: messages, conversations, people; and incoming webhooks.
//!
//! Refusals are `200` with `ok: false`; only throttling and outages have other statuses.

mod args;
mod blocks;
mod chat;
mod conversations;
mod errors;
mod methods;
mod people;
mod workspace;

pub use workspace::{Channel, Message, User, Workspace};

use crate::{Call, Fake, Limit, Reply, Settings, Tokens, Vendor};
use errors::Trouble;
use http::StatusCode;
use std::time::Duration;

/// A running fake of Slack.
pub type Slack = Fake<Workspace>;

/// What the fake may be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port, time, seed, journal.
    pub settings: Settings,
    /// The tokens that are taken for every scope.
    pub tokens: Vec<String>,
    /// The workspace's name.
    pub team: String,
    /// Messages to one channel.
    pub per_channel: Limit,
    /// Calls to one method of tiers 1 to 4.
    pub tiers: [Limit; 4],
}

impl Default for Config {
    fn default() -> Self {
        let a_minute = |requests| Limit::new(requests, Duration::from_secs(60));
        Self {
            settings: Settings::default(),
            tokens: vec!["test-token-slack".to_owned()],
            team: "Marsh and Ortiz".to_owned(),
            per_channel: Limit::new(1, Duration::from_secs(1)),
            tiers: [a_minute(1), a_minute(20), a_minute(50), a_minute(100)],
        }
    }
}

impl Vendor for Workspace {
    type Config = Config;

    const NAME: &'static str = "slack";
    const ORIGIN: &'static str = "https://slack.com";
    const BODY_LIMIT: usize = 1024 * 1024;

    fn settings(config: &Config) -> &Settings {
        &config.settings
    }

    fn open(config: Config) -> Self {
        Self::new(config)
    }

    fn answer(&mut self, call: &Call) -> Reply {
        self.route(call)
    }

    fn throttled(&mut self, _call: &Call, wait: Duration) -> Reply {
        Trouble::throttled(wait).reply()
    }

    fn failure(&mut self, _call: &Call, status: StatusCode) -> Reply {
        Trouble::failure(status).reply()
    }
}

/// What tests look at.
impl Fake<Workspace> {
    /// Takes `token` from now on, for every scope but `chat:write.public`, which must be given by name.
    pub fn accept_token(&self, token: &str) {
        self.with(|workspace| workspace.tokens.accept(token));
    }

    /// Changes which tokens are taken, and for what.
    pub fn tokens(&self, change: impl FnOnce(&mut Tokens)) {
        self.with(|workspace| change(&mut workspace.tokens));
    }

    /// The channels.
    pub fn channels(&self) -> Vec<Channel> {
        self.with(|workspace| workspace.channels.values().cloned().collect())
    }

    /// Every message of a channel (by id or name), oldest first.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        self.with(|workspace| {
            let found =
                workspace.channel_named(channel).map(|channel| channel.messages.values().cloned().collect());
            found.unwrap_or_default()
        })
    }

    /// Adds a public or private channel, of which the bot is a member or not; its id.
    pub fn add_channel(&self, name: &str, private: bool, member: bool) -> String {
        self.with(|workspace| workspace.add_channel(name, private, member))
    }

    /// Archives a channel.
    pub fn archive_channel(&self, id: &str) {
        self.with(|workspace| {
            if let Some(channel) = workspace.channels.get_mut(id) {
                channel.archived = true;
            }
        });
    }

    /// Adds a person; the id.
    pub fn add_user(&self, name: &str, email: &str) -> String {
        self.with(|workspace| workspace.add_user(name, email))
    }

    /// Opens an incoming webhook to a channel; its path below the fake's URL.
    pub fn add_webhook(&self, channel: &str) -> String {
        self.with(|workspace| workspace.add_webhook(channel))
    }
}
