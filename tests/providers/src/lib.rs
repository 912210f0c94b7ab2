//! Fakes of vendors: stateful, strict, on loopback only.
//!
//! A fake refuses what its vendor refuses, counts requests as its vendor counts them, and keeps a journal of
//! what it was asked. It owns no credential that works anywhere, calls nobody, and delivers no webhook.
//!
//! Start with [`HubSpot::start`](Fake::start), [`GoogleCalendar`], [`Slack`] or [`Zapier`]. Whatever the vendors
//! have in common is in [`fake`]; a further vendor is one more module that implements [`Vendor`].

// What a fake is made of
pub mod fake;
pub mod vendor;

mod accept;
mod call;
mod clock;
mod echo;
mod faults;
mod ids;
mod journal;
mod limits;
mod reply;
mod tokens;

// The vendors
pub mod google_calendar;
pub mod hubspot;
pub mod slack;
pub mod zapier;

pub use call::{BodyTrouble, Call};
pub use clock::{Clock, ManualClock, SystemClock};
pub use fake::{AnyFake, Fake};
pub use faults::{Fault, Faults};
pub use google_calendar::GoogleCalendar;
pub use hubspot::HubSpot;
pub use ids::Ids;
pub use journal::{Exchange, Journal};
pub use limits::{Limit, Window};
pub use reply::Reply;
pub use slack::Slack;
pub use tokens::{Refusal, Tokens};
pub use vendor::{Settings, Vendor};
pub use zapier::Zapier;
