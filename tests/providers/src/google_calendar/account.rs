//! The state of one user's account.

use super::Config;
use super::channels::Channel;
use super::errors::Trouble;
use super::event::Event;
use super::times::zone;
use crate::{Call, Ids, Refusal, Tokens, Window};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// One user with calendars.
#[derive(Debug)]
pub struct Account {
    /// The tokens that are taken.
    pub tokens: Tokens,
    pub(super) config: Config,
    pub(super) calendars: BTreeMap<String, Calendar>,
    pub(super) channels: Vec<Channel>,
    pub(super) invitations: Vec<Invitation>,
    pub(super) conferences: BTreeMap<String, String>,
    pub(super) ids: Ids,
    pub(super) epoch: u64,
    pub(super) revision: u64,
    per_user: Window,
    per_project: Window,
}

/// One calendar in the user's list.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Its id, which looks like an address.
    pub id: String,
    /// Its title.
    pub summary: String,
    /// Its time zone.
    pub time_zone: String,
    /// What the user may do with it.
    pub access: String,
    /// Whether it is the user's own.
    pub primary: bool,
    /// Its events by id, with the cancelled ones.
    pub events: BTreeMap<String, Event>,
}

/// A mail to a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The event.
    pub event: String,
    /// The guest.
    pub to: String,
    /// `invited`, `updated` or `cancelled`.
    pub about: &'static str,
}

impl Calendar {
    pub(super) fn zone(&self) -> TimeZone {
        zone(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    pub(super) fn is_writable(&self) -> bool {
        self.access == "owner" || self.access == "writer"
    }
}

impl Account {
    pub(super) fn new(config: Config) -> Self {
        let mut account = Self {
            tokens: config.tokens.iter().collect(),
            calendars: BTreeMap::new(),
            channels: Vec::new(),
            invitations: Vec::new(),
            conferences: BTreeMap::new(),
            ids: Ids::new(config.settings.seed),
            epoch: 1,
            revision: 1,
            per_user: Window::new(config.per_user),
            per_project: Window::new(config.per_project),
            config,
        };
        let (user, zone) = (account.config.user.clone(), account.config.time_zone.clone());
        account.add_calendar(&user, &user, &zone, "owner");
        account.add_calendar("holidays@group.v.calendar.google.com", "Holidays", &zone, "reader");
        account
    }

    pub(super) fn add_calendar(&mut self, id: &str, summary: &str, time_zone: &str, access: &str) {
        let calendar = Calendar {
            id: id.to_owned(),
            summary: summary.to_owned(),
            time_zone: time_zone.to_owned(),
            access: access.to_owned(),
            primary: id == self.config.user,
            events: BTreeMap::new(),
        };
        self.calendars.insert(id.to_owned(), calendar);
    }

    pub(super) fn real_id<'a>(&'a self, id: &'a str) -> &'a str {
        if id == "primary" { &self.config.user } else { id }
    }

    pub(super) fn calendar(&self, id: &str) -> Result<&Calendar, Trouble> {
        self.calendars.get(self.real_id(id)).ok_or_else(Trouble::not_found)
    }

    pub(super) fn calendar_to_write(&mut self, id: &str) -> Result<&mut Calendar, Trouble> {
        let id = self.real_id(id).to_owned();
        let calendar = self.calendars.get_mut(&id).ok_or_else(Trouble::not_found)?;
        if calendar.is_writable() { Ok(calendar) } else { Err(Trouble::access("writer")) }
    }

    pub(super) fn live_events(&self, calendar: &str) -> Vec<Event> {
        let Ok(calendar) = self.calendar(calendar) else { return vec![] };
        let zone = calendar.zone();
        let mut events: Vec<Event> =
            calendar.events.values().filter(|event| !event.is_cancelled()).cloned().collect();
        events.sort_by_key(|event| event.span(&zone).map(|span| span.0));
        events
    }

    /// Every change has a number of its own.
    pub(super) fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// Checks the token and counts the request.
    pub(super) fn count(&mut self, call: &Call) -> Result<(), Trouble> {
        self.allowed(call, &[])?;
        self.per_user.take(call.now).map_err(|_| Trouble::too_many("userRateLimitExceeded"))?;
        self.per_project.take(call.now).map_err(|_| Trouble::too_many("rateLimitExceeded"))?;
        Ok(())
    }

    /// Whether the token is good, and for one of these scopes or for all of the calendar.
    pub(super) fn allowed(&self, call: &Call, any_of: &[&str]) -> Result<(), Trouble> {
        const PREFIX: &str = "https://www.googleapis.com/auth/";
        let whole = (!any_of.is_empty()).then_some("calendar");
        let scopes: Vec<String> =
            any_of.iter().copied().chain(whole).map(|scope| format!("{PREFIX}{scope}")).collect();
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        self.tokens.check(call.bearer(), &scopes).map_err(|refusal| match refusal {
            Refusal::Scope { .. } => Trouble::scope(),
            _ => Trouble::unauthorized(),
        })
    }
}
