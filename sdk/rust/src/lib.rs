//! The SDK for Jackfield connectors in Rust.
//!
//! **Owns** the contract (`wit/`) as Rust types and traits, and the small tools that make a connector read like its
//! provider's documentation. **Refuses** to know any provider, to hold a secret, to wait or to retry: the host does that.
//! **Start** at the example, then [`export!`], [`http::Api`], [`fields!`], [`Error`].
//!
//! # A connector in thirty lines
//!
//! An exported interface is a capability: implement the traits of what the provider can do, and name them in [`export!`].
//!
//! ```no_run
//! use jackfield_connector::automation::{Event, Receipt, Sink};
//! use jackfield_connector::http::{Api, Refusal};
//! use jackfield_connector::{Account, Error, Lifecycle, Result, json};
//!
//! struct Pager;
//! jackfield_connector::export!(Pager: lifecycle, automation::sink);
//!
//! const API: Api = Api::new("https://api.pager.example").explained(explain);
//!
//! impl Lifecycle for Pager {
//!     fn probe() -> Result<Account> {
//!         let me = API.get("/me").send()?.json()?;
//!         Ok(Account::new(&me["id"], &me["name"]))
//!     }
//! }
//!
//! impl Sink for Pager {
//!     fn deliver(events: Vec<Event>) -> Result<Vec<Result<Receipt>>> {
//!         Ok(events.iter().map(page).collect()) // positional: one answer per event
//!     }
//! }
//!
//! fn page(event: &Event) -> Result<Receipt> {
//!     let body = json!({ "key": event.id, "text": event.kind });
//!     let sent = API.post("/pages").json(&body).idempotency_key(&event.id).send()?.json()?;
//!     Ok(Receipt { event_id: event.id.clone(), remote_id: sent["id"].as_str().map(str::to_owned) })
//! }
//!
//! fn explain(refusal: &Refusal) -> Option<Error> {
//!     (refusal.text("/code") == "quota").then(|| refusal.rate_limited(Some("quota".into())))
//! }
//! ```
//!
//! Beside it lie `connector.toml` (who may be reached, and how), `recordings/` (see [`replay!`]) and `BEHAVIOR.md`.
//!
//! # Habits
//!
//! - Each call is a fresh instance, unless the manifest asks for `[reuse]`: no state but the arguments, [`config`], and [`cache`].
//! - Batches are positional. An op that fails is its own `Err`; the outer error means that none was applied.
//! - Choose an [`Error`] by what should happen next. [`http::Request::send`] has chosen already where the status says it.
//! - Ids, e-mail addresses and names are foreign text: [`encode`] them in paths, [`html_escape`] them in HTML.

#[doc(hidden)]
pub mod bindings;
mod error;
mod export;
mod fields;
mod host;
pub mod http;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod text;
mod values;

pub use bindings::base::jackfield::core::types::{
    Conflict, ConflictReason, Error, ExternalKey, Fault, Field, FieldError, PageInfo, Phase, PullOptions,
    RateLimit, Value,
};
pub use bindings::choices::exports::jackfield::core::choices::{Choice, ChoicePage, Guest as Choices};
pub use bindings::lifecycle::exports::jackfield::core::lifecycle::{Account, Guest as Lifecycle};
pub use error::fault;
pub use fields::{FieldOf, Fields, Member, choose};
#[doc(hidden)]
pub use fields::{Slot, first_address};
pub use host::{cache, config, endpoint, log, setting, signing, time_left_ms};
pub use serde;
pub use serde_json::{self, Map, Value as Json, json};
pub use text::{cut, encode, html_escape, html_lines};

/// What nearly every function of a connector answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Customer relationship systems: records, and reading, finding, writing and describing them.
pub mod crm {
    pub use crate::bindings::base::jackfield::crm::types::{
        Activity, ActivityKind, Address, Call, Change, Company, Contact, CustomObject, Deal, DealStatus,
        Direction, Email, Entity, Lead, Link, MatchKey, Meeting, Merge, Meta, Money, Note, ObjectType,
        Person, Phone, Task, TextFormat, Tombstone,
    };
    pub use crate::bindings::crm_lookup::exports::jackfield::crm::lookup::Guest as Lookup;
    pub use crate::bindings::crm_pull::exports::jackfield::crm::pull::{Guest as Pull, Page};
    pub use crate::bindings::crm_schema::exports::jackfield::crm::schema::{
        Deletes, Guest as Schema, ObjectInfo, ObjectSchema, UpsertSupport,
    };
    pub use crate::bindings::crm_write::exports::jackfield::crm::write::{
        Disposition, Guest as Write, LinkChange, OnMatch, Op, Receipt, Target, Upsert,
    };
}

/// Calendars and schedulers.
pub mod calendar {
    pub use crate::bindings::base::jackfield::calendar::types::{
        Attendee, Calendar, Change, Conference, ConferenceRequest, DayRange, Event, EventStatus, Freshness,
        Interval, Rsvp, Span, Tombstone, When,
    };
    pub use crate::bindings::calendar_booking::exports::jackfield::calendar::booking::{
        Booking, EventType, Guest as Bookings, Request, Slot,
    };
    pub use crate::bindings::calendar_free_busy::exports::jackfield::calendar::free_busy::{
        Busy, BusyInterval, Guest as FreeBusy,
    };
    pub use crate::bindings::calendar_read::exports::jackfield::calendar::read::{Guest as Read, Page};
    pub use crate::bindings::calendar_write::exports::jackfield::calendar::write::{
        Cancel, Disposition, Draft, Guest as Write, Notify, Op, Patch, Receipt, SeriesScope,
    };
}

/// Chat and automation: tools that an agent calls, and places where our events go.
pub mod automation {
    pub use crate::bindings::automation_actions::exports::jackfield::automation::actions::{
        Action, ActionPage, Call, Effects, Guest as Actions, Outcome,
    };
    pub use crate::bindings::automation_sink::exports::jackfield::automation::sink::{
        Event, Guest as Sink, Receipt,
    };
}

/// Webhooks that a provider sends: hints, not data.
pub mod webhook {
    pub use crate::bindings::base::jackfield::webhook::types::{Delivery, Notice, Verdict};
    pub use crate::bindings::webhook_receive::exports::jackfield::webhook::receive::Guest as Receive;
    pub use crate::bindings::webhook_subscribe::exports::jackfield::webhook::subscribe::{
        Guest as Subscribe, Request, Subscription,
    };
}
