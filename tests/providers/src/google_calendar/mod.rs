//! Google Calendar, version 3: calendars, events, free/busy, channels.
//!
//! A Meet link is made after the answer: its request is `pending` until a later read
//! ([`Config::meet_after_reads`]). Recurring events are expanded for the rules that meetings use (see
//! `recurrence`).

mod account;
mod calendars;
mod channels;
mod check;
mod conference;
mod errors;
mod event;
mod events;
mod free_busy;
mod listing;
mod recurrence;
mod routes;
mod times;
mod tokens;

pub use account::{Account, Calendar, Invitation};
pub use channels::Channel;
pub use event::Event;

use crate::{Call, Fake, Limit, Reply, Settings, Tokens, Vendor};
use errors::Trouble;
use http::StatusCode;
use std::time::Duration;

/// A running fake of Google Calendar.
pub type GoogleCalendar = Fake<Account>;

/// What the fake may be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port, time, seed, journal.
    pub settings: Settings,
    /// The tokens that are taken for every scope.
    pub tokens: Vec<String>,
    /// The user, who owns the primary calendar.
    pub user: String,
    /// The time zone of the user's calendars.
    pub time_zone: String,
    /// Requests of the user.
    pub per_user: Limit,
    /// Requests of the whole project.
    pub per_project: Limit,
    /// The read that is first to see a Meet link that was asked for; 0 is the answer to the asking itself.
    pub meet_after_reads: u32,
    /// The longest span that free/busy covers.
    pub free_busy_span: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            tokens: vec!["test-token-google".to_owned()],
            user: "ada.marsh@example.com".to_owned(),
            time_zone: "America/New_York".to_owned(),
            per_user: Limit::new(600, Duration::from_secs(60)),
            per_project: Limit::new(10_000, Duration::from_secs(60)),
            meet_after_reads: 1,
            free_busy_span: Duration::from_secs(93 * 24 * 3600),
        }
    }
}

impl Vendor for Account {
    type Config = Config;

    const NAME: &'static str = "google";
    const ORIGIN: &'static str = "https://www.googleapis.com";

    fn settings(config: &Config) -> &Settings {
        &config.settings
    }

    fn open(config: Config) -> Self {
        Self::new(config)
    }

    fn answer(&mut self, call: &Call) -> Reply {
        self.count(call).and_then(|()| self.route(call)).unwrap_or_else(|trouble| trouble.reply())
    }

    fn throttled(&mut self, _call: &Call, _wait: Duration) -> Reply {
        Trouble::too_many("rateLimitExceeded").reply()
    }

    fn failure(&mut self, _call: &Call, status: StatusCode) -> Reply {
        Trouble::failure(status).reply()
    }
}

/// What tests look at.
impl Fake<Account> {
    /// Takes `token` from now on, for every scope.
    pub fn accept_token(&self, token: &str) {
        self.with(|account| account.tokens.accept(token));
    }

    /// Changes which tokens are taken, and for what.
    pub fn tokens(&self, change: impl FnOnce(&mut Tokens)) {
        self.with(|account| change(&mut account.tokens));
    }

    /// The events of a calendar that are not cancelled, by start.
    pub fn events(&self, calendar: &str) -> Vec<Event> {
        self.with(|account| account.live_events(calendar))
    }

    /// One event, cancelled or not.
    pub fn event(&self, calendar: &str, id: &str) -> Option<Event> {
        self.with(|account| account.calendar(calendar).ok()?.events.get(id).cloned())
    }

    /// The mails that were sent to guests.
    pub fn invitations(&self) -> Vec<Invitation> {
        self.with(|account| account.invitations.clone())
    }

    /// The channels that are open.
    pub fn channels(&self) -> Vec<Channel> {
        self.with(|account| account.channels.clone())
    }

    /// Adds a calendar to the user's list. `access` is `owner`, `writer`, `reader` or `freeBusyReader`.
    pub fn add_calendar(&self, id: &str, summary: &str, time_zone: &str, access: &str) {
        self.with(|account| account.add_calendar(id, summary, time_zone, access));
    }

    /// Puts an event in, as if a person had; it must be one that the vendor would take.
    pub fn seed_event(&self, calendar: &str, body: serde_json::Value) -> Result<String, String> {
        let now = self.now();
        self.with(|account| account.seed(calendar, body, now)).map_err(|trouble| trouble.message)
    }

    /// Answers every sync token given so far with 410 from now on.
    pub fn expire_sync_tokens(&self) {
        self.with(|account| account.epoch += 1);
    }
}
