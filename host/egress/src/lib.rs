//! The one way out of the process. Every request walks the same column, one file per verb:
//!
//! ```text
//! allow      is this method, host and path granted? are the headers the guest's to set?   (no I/O)
//!  → limit      is there room in the provider's budgets, before the deadline?
//!  → authorise  put the credential where it belongs, for this destination and no other
//!  → resolve    look the name up once; refuse it if any of its addresses is forbidden
//!  → dial       connect to exactly what was vetted; send; read the answer, bounded
//!  → record     keep the exchange, refused ones too, without the secrets
//! ```
//!
//! **Owns** the grants' compiled form ([`Policy`]), rate budgets, the guard against forbidden addresses, sockets and
//! their pools, TLS, redaction, recordings and HAR. **Refuses** to keep a credential (it asks [`Authorise`]), to read a
//! proxy from the environment, to decompress, to follow a redirect that nobody granted, and to let one connection ride
//! on another's socket. **Start** at `column.rs`, which is the column above in code; callers start at [`Egress::lane`]
//! and [`Lane::send`].

// the column
mod column;

mod allow;
mod authorise;
mod dial;
mod limit;
mod record;
mod resolve;

// what `allow` is made of
mod headers;
mod pattern;
mod policy;
mod redirect;
mod target;
// what `limit` is made of
mod announced;
mod window;
// what `authorise` is made of
mod inject;
// what `resolve` is made of
mod forbidden;
// what `dial` is made of
mod pool;
mod wire;
// what `record` is made of
mod har;
mod redact;

mod egress;
mod lane;
mod request;

/// The guard's readers, which are nobody's to call but `tests/fuzz`: through a [`Lane`] each input would cost a socket.
#[doc(hidden)]
pub mod fuzzing;

pub use authorise::{Authorise, AuthoriseError, Destination, Injection};
pub use dial::{Dial, Io, SystemDial};
pub use egress::{Egress, Options, OptionsError};
pub use forbidden::forbidden;
pub use har::har;
pub use lane::{Lane, LaneLimits, LaneOptions};
pub use policy::{Denial, Grant, Policy, PolicyError, Source};
pub use record::{Exchange, Message, NoRecord, Record};
pub use request::{Observed, Refusal, Request, Response, Throttled};
pub use resolve::{Resolve, SystemResolve};
