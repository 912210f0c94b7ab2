//! Contract 0.1: bindings generated from `wit/`, what the host does for a guest, and one method per exported function.
//!
//! The types are the contract's own, with `serde` beside them: records have snake_case members, variants are tagged by
//! their CamelCase name. Enforcement lies below this module, in the lane and the meter, so that a later version's module
//! cannot forget a check.

mod exports;
mod imports;

pub(crate) use exports::Exports;
pub(crate) use imports::link;

#[expect(missing_docs, reason = "generated; the documentation is in wit/")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "jackfield:connector/everything",
        imports: { default: async | trappable },
        exports: { default: async },
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
    });
}

/// What every capability shares.
pub mod core {
    pub use super::bindings::exports::jackfield::core::choices::{Choice, ChoicePage};
    pub use super::bindings::exports::jackfield::core::lifecycle::Account;
    pub use super::bindings::jackfield::core::types::{
        Conflict, ConflictReason, Error, ExternalKey, Fault, Field, FieldError, PageInfo, Phase, PullOptions,
        RateLimit, Value,
    };
}

/// Customer relationship systems.
pub mod crm {
    pub use super::bindings::exports::jackfield::crm::pull::Page;
    pub use super::bindings::exports::jackfield::crm::schema::{
        Deletes, ObjectInfo, ObjectSchema, UpsertSupport,
    };
    pub use super::bindings::exports::jackfield::crm::write::{
        Disposition, LinkChange, OnMatch, Op, Receipt, Target, Upsert,
    };
    pub use super::bindings::jackfield::crm::types::{
        Activity, ActivityKind, Address, Call, Change, Company, Contact, CustomObject, Deal, DealStatus,
        Direction, Email, Entity, Lead, Link, MatchKey, Meeting, Merge, Meta, Money, Note, ObjectType,
        Person, Phone, Task, TextFormat, Tombstone,
    };
    pub use super::core::{ExternalKey, Field, Value};
}

/// Calendars.
pub mod calendar {
    pub use super::bindings::exports::jackfield::calendar::booking::{
        Booking, EventType, Request as BookingRequest, Slot,
    };
    pub use super::bindings::exports::jackfield::calendar::booking_pull::Page as BookingPage;
    pub use super::bindings::exports::jackfield::calendar::free_busy::{Busy, BusyInterval};
    pub use super::bindings::exports::jackfield::calendar::read::Page;
    pub use super::bindings::exports::jackfield::calendar::write::{
        Cancel, Disposition, Draft, Notify, Op, Patch, Receipt, SeriesScope,
    };
    pub use super::bindings::jackfield::calendar::types::{
        Attendee, Calendar, Change, Conference, ConferenceRequest, DayRange, Event, EventStatus, Freshness,
        Interval, Rsvp, Span, Tombstone, When,
    };
}

/// Tools for agents.
pub mod actions {
    pub use super::bindings::exports::jackfield::automation::actions::{
        Action, ActionPage, Call, Effects, Outcome,
    };
}

/// Where our events go.
pub mod sink {
    pub use super::bindings::exports::jackfield::automation::sink::{Event, Receipt};
}

/// Webhooks.
pub mod webhook {
    pub use super::bindings::exports::jackfield::webhook::subscribe::{Request, Subscription};
    pub use super::bindings::jackfield::webhook::types::{Delivery, Notice, Verdict};
}
