//! The state of one account.

use super::account::{self, Owner};
use super::associations::Link;
use super::errors::Trouble;
use super::kind::Kind;
use super::properties::Property;
use super::{Config, catalogue};
use crate::{Call, Ids, Refusal, Reply, Tokens, Window};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One account with everything in it.
#[derive(Debug)]
pub struct Portal {
    /// The tokens that are taken.
    pub tokens: Tokens,
    pub(super) config: Config,
    pub(super) records: BTreeMap<(Kind, u64), Record>,
    pub(super) links: BTreeSet<Link>,
    pub(super) properties: BTreeMap<(Kind, String), Property>,
    pub(super) owners: Vec<Owner>,
    pub(super) ids: Ids,
    pub(super) emails: BTreeMap<String, u64>,
    next_id: u64,
    burst: Window,
    search: Window,
    daily: Option<Window>,
}

/// One object.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number.
    pub id: u64,
    /// Its kind.
    pub kind: Kind,
    /// Its properties that have a value.
    pub properties: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived, if it is.
    pub archived_at: Option<Timestamp>,
}

impl Record {
    /// A property's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// The record with the named properties, or with those its kind shows.
    pub(super) fn render(&self, asked: &[String], known: impl Fn(&str) -> bool) -> Value {
        let mut shown = Map::new();
        for name in ["hs_object_id", self.kind.created(), self.kind.modified()] {
            shown.insert(name.to_owned(), self.get(name).into());
        }
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let asked = if asked.is_empty() { self.kind.shown() } else { &asked };
        for name in asked.iter().filter(|name| known(name)) {
            shown.insert((*name).to_owned(), self.get(name).into());
        }
        self.envelope(shown)
    }

    /// The record with every property that has a value.
    pub(super) fn render_all(&self) -> Value {
        self.envelope(self.properties.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
    }

    fn envelope(&self, properties: Map<String, Value>) -> Value {
        let mut body = json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": stamp(self.created_at),
            "updatedAt": stamp(self.updated_at),
            "archived": self.archived_at.is_some(),
        });
        if let Some(archived) = self.archived_at {
            body["archivedAt"] = stamp(archived).into();
        }
        body
    }
}

/// The vendor's way to write an instant: to the millisecond, in UTC.
pub(super) fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Portal {
    pub(super) fn new(config: Config) -> Self {
        let start = config.settings.clock.now();
        Self {
            tokens: config.tokens.iter().collect(),
            records: BTreeMap::new(),
            links: BTreeSet::new(),
            properties: catalogue::standard(),
            owners: account::standard_owners(start),
            ids: Ids::new(config.settings.seed),
            emails: BTreeMap::new(),
            next_id: 501,
            burst: Window::new(config.burst),
            search: Window::new(config.search),
            daily: config.daily.map(Window::new),
            config,
        }
    }

    pub(super) fn draw_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn refuse(&mut self, trouble: Trouble) -> Reply {
        trouble.reply(&mut self.ids)
    }

    /// The records of a kind that are not archived.
    pub(super) fn live(&self, kind: Kind) -> impl Iterator<Item = &Record> {
        let all = self.records.range((kind, 0)..=(kind, u64::MAX)).map(|(_, record)| record);
        all.filter(|record| record.archived_at.is_none())
    }

    /// The record with this number, unless it is archived.
    pub(super) fn find(&self, kind: Kind, id: &str) -> Option<&Record> {
        let record = self.records.get(&(kind, id.parse().ok()?))?;
        record.archived_at.is_none().then_some(record)
    }

    /// Renders a record with the properties that were asked for.
    pub(super) fn render(&self, record: &Record, asked: &[String]) -> Value {
        record.render(asked, |name| self.properties.contains_key(&(record.kind, name.to_owned())))
    }

    /// Checks the token and counts the request; gives the headers that tell what is left.
    pub(super) fn count(&mut self, call: &Call) -> Result<Vec<(&'static str, String)>, Trouble> {
        self.allowed(call, &[])?;
        if call.segments.last().is_some_and(|last| last == "search") {
            self.search.take(call.now).map_err(|wait| Trouble::too_many("SECONDLY", "secondly", wait))?;
            return Ok(vec![]);
        }
        let limit = self.burst.limit();
        let taken = self.burst.take(call.now);
        let left =
            taken.map_err(|wait| Trouble::too_many("TEN_SECONDLY_ROLLING", "ten_secondly_rolling", wait))?;
        let mut headers = vec![
            ("x-hubspot-ratelimit-max", limit.requests.to_string()),
            ("x-hubspot-ratelimit-remaining", left.to_string()),
            ("x-hubspot-ratelimit-interval-milliseconds", limit.per.as_millis().to_string()),
        ];
        if let Some(daily) = &mut self.daily {
            let taken = daily.take(call.now);
            let left = taken.map_err(|wait| Trouble::too_many("DAILY", "daily", wait))?;
            headers.push(("x-hubspot-ratelimit-daily", daily.limit().requests.to_string()));
            headers.push(("x-hubspot-ratelimit-daily-remaining", left.to_string()));
        }
        Ok(headers)
    }

    /// Whether the token is good, and for one of these scopes.
    pub(super) fn allowed(&self, call: &Call, any_of: &[&str]) -> Result<(), Trouble> {
        self.tokens.check(call.bearer(), any_of).map_err(|refusal| match refusal {
            Refusal::Scope { needed, .. } => {
                let message = "This token lacks a scope that this call needs.";
                Trouble::new(StatusCode::FORBIDDEN, "MISSING_SCOPES", message).because(
                    "MISSING_SCOPES",
                    "One of these scopes is required.",
                    json!({"requiredGranularScopes": needed}),
                )
            }
            Refusal::Expired => {
                let message = "The OAuth token used to make this call expired.";
                Trouble::new(StatusCode::UNAUTHORIZED, "EXPIRED_AUTHENTICATION", message)
            }
            Refusal::Missing | Refusal::Unknown | Refusal::Revoked => {
                let message = "Authentication credentials not found.";
                Trouble::new(StatusCode::UNAUTHORIZED, "INVALID_AUTHENTICATION", message)
            }
        })
    }
}
