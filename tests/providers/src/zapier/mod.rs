//! Zapier's catch hooks: each takes what it is sent and queues a run of its Zap.
//!
//! There is no token: the URL is the secret. A good answer means queued, not run.

mod hooks;

pub use hooks::{Hooks, Run};

use crate::{Call, Fake, Limit, Reply, Settings, Vendor};
use http::StatusCode;
use std::time::Duration;

/// A running fake of Zapier.
pub type Zapier = Fake<Hooks>;

/// What the fake may be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port, time, seed, journal.
    pub settings: Settings,
    /// The hooks that are there: user and hook.
    pub hooks: Vec<(String, String)>,
    /// Requests to one hook.
    pub per_hook: Limit,
    /// Requests to all hooks of a user.
    pub per_user: Limit,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            hooks: vec![("1234567".to_owned(), "abcdefg".to_owned())],
            per_hook: Limit::new(30, Duration::from_secs(1)),
            per_user: Limit::new(10_000, Duration::from_secs(300)),
        }
    }
}

impl Vendor for Hooks {
    type Config = Config;

    const NAME: &'static str = "zapier";
    const ORIGIN: &'static str = "https://hooks.zapier.com";

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
        hooks::throttled(wait)
    }

    fn failure(&mut self, _call: &Call, status: StatusCode) -> Reply {
        hooks::failure(status)
    }
}

/// What tests look at.
impl Fake<Hooks> {
    /// The runs that were queued, oldest first.
    pub fn runs(&self) -> Vec<Run> {
        self.with(|hooks| hooks.runs.clone())
    }

    /// Opens a hook; its path below the fake's URL.
    pub fn add_hook(&self, user: &str, hook: &str) -> String {
        self.with(|hooks| hooks.add(user, hook));
        format!("/hooks/catch/{user}/{hook}/")
    }

    /// Takes a hook away: from now on it answers 410.
    pub fn remove_hook(&self, user: &str, hook: &str) {
        self.with(|hooks| hooks.remove(user, hook));
    }

    /// The full URL of the first hook.
    pub fn hook_url(&self) -> String {
        let (user, hook) = self.with(|hooks| hooks.first());
        format!("{}/hooks/catch/{user}/{hook}/", self.url())
    }
}
