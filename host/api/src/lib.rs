//! HTTP in: the REST surface of the host, under `/api`, and what an operator asks of it.
//!
//! **Owns** the routes, their authentication and scopes, the reading of foreign JSON, the bounds on requests, the problem
//! documents (RFC 9457) and `/openapi.json`, which is made from the handlers' own types. One file per endpoint.
//! **Refuses** to run a connector in line: an event is answered once the store holds it. The one road to a connector is
//! [`Live`], which `jackfield` wires to the pipeline. It refuses, too, every row of another organization than the key's:
//! such an id answers 404, as an id does that never was.
//! **Start** at [`router`], then `events/receive.rs`.

mod auth;
mod connections;
mod connectors;
mod events;
mod fields;
mod json;
pub mod keys;
mod known;
mod ops;
mod page;
mod problem;
mod request;
mod router;
mod serve;
mod state;

/// The reader of events without the route around it, which would cost each input a store: for `tests/fuzz` alone.
#[doc(hidden)]
pub mod fuzzing;

pub use auth::SCOPES;
pub use problem::{Code, FieldError, Problem};
pub use router::router;
pub use serve::serve;
pub use state::{Api, Limits, Live, LiveError};
