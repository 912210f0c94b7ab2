//! HubSpot's CRM: objects, associations, properties, owners, pipelines.
//!
//! Dated paths (`/crm/objects/2026-09/…`) and numbered ones (`/crm/v3/objects/…`) reach the same portal. Search
//! has its own limit and sees new records only after [`Config::search_lag`].

mod account;
mod associations;
mod batch;
mod catalogue;
mod errors;
mod kind;
mod objects;
mod portal;
mod properties;
mod routes;
mod search;
mod values;

pub use account::Owner;
pub use kind::Kind;
pub use portal::{Portal, Record};
pub use properties::Property;

use crate::{Call, Fake, Limit, Reply, Settings, Tokens, Vendor};
use errors::Trouble;
use http::StatusCode;
use std::time::Duration;

/// A running fake of HubSpot.
pub type HubSpot = Fake<Portal>;

/// What the fake may be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port, time, seed, journal.
    pub settings: Settings,
    /// The tokens that are taken for every scope.
    pub tokens: Vec<String>,
    /// The account's number.
    pub portal_id: u64,
    /// Requests other than search. A public app has 110 in ten seconds.
    pub burst: Limit,
    /// Requests in a day; public apps have no such limit.
    pub daily: Option<Limit>,
    /// Searches, counted apart.
    pub search: Limit,
    /// How old a record must be before search finds it.
    pub search_lag: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            tokens: vec!["test-token-hubspot".to_owned()],
            portal_id: 4_242_000,
            burst: Limit::new(110, Duration::from_secs(10)),
            daily: None,
            search: Limit::new(5, Duration::from_secs(1)),
            search_lag: Duration::ZERO,
        }
    }
}

impl Vendor for Portal {
    type Config = Config;

    const NAME: &'static str = "hubspot";
    const ORIGIN: &'static str = "https://api.hubapi.com";

    fn settings(config: &Config) -> &Settings {
        &config.settings
    }

    fn open(config: Config) -> Self {
        Self::new(config)
    }

    fn answer(&mut self, call: &Call) -> Reply {
        let headers = match self.count(call) {
            Ok(headers) => headers,
            Err(trouble) => return self.refuse(trouble),
        };
        let reply = self.route(call).unwrap_or_else(|trouble| self.refuse(trouble));
        headers.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value))
    }

    fn throttled(&mut self, _call: &Call, wait: Duration) -> Reply {
        self.refuse(Trouble::too_many("TEN_SECONDLY_ROLLING", "ten_secondly_rolling", wait))
    }

    fn failure(&mut self, _call: &Call, status: StatusCode) -> Reply {
        self.refuse(Trouble::failure(status))
    }
}

/// What tests look at.
impl Fake<Portal> {
    /// Takes `token` from now on, for every scope.
    pub fn accept_token(&self, token: &str) {
        self.with(|portal| portal.tokens.accept(token));
    }

    /// Changes which tokens are taken, and for what.
    pub fn tokens(&self, change: impl FnOnce(&mut Tokens)) {
        self.with(|portal| change(&mut portal.tokens));
    }

    /// The records of a kind that are not archived, by id.
    pub fn records(&self, kind: Kind) -> Vec<Record> {
        self.with(|portal| portal.live(kind).cloned().collect())
    }

    /// The contacts that are not archived.
    pub fn contacts(&self) -> Vec<Record> {
        self.records(Kind::Contacts)
    }

    /// The notes that are not archived.
    pub fn notes(&self) -> Vec<Record> {
        self.records(Kind::Notes)
    }

    /// The calls that are not archived.
    pub fn calls(&self) -> Vec<Record> {
        self.records(Kind::Calls)
    }

    /// The meetings that are not archived.
    pub fn meetings(&self) -> Vec<Record> {
        self.records(Kind::Meetings)
    }

    /// The contact with this e-mail address.
    pub fn contact_by_email(&self, email: &str) -> Option<Record> {
        let email = email.to_lowercase();
        self.contacts().into_iter().find(|contact| contact.get("email") == Some(&email))
    }

    /// The ids of the records of kind `to` that this record is associated with.
    pub fn associated(&self, from: Kind, id: u64, to: Kind) -> Vec<u64> {
        self.with(|portal| portal.linked(from, id, to).map(|link| link.to_id).collect())
    }

    /// Puts a record in, as if a person had; it must be one that the vendor would take.
    pub fn seed(&self, kind: Kind, properties: &[(&str, &str)]) -> Result<u64, String> {
        let now = self.now();
        let pairs = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let map = pairs.collect();
        self.with(|portal| portal.create(kind, &map, None, now)).map_err(|trouble| trouble.message)
    }
}
