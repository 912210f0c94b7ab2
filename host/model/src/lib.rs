//! The nouns that every other crate of the host speaks: ids, time, secrets, pages of text to show.
//!
//! **Owns** what has no I/O. **Refuses** I/O, async, and every heavy library: it has rank 0 and imports nothing of ours.
//! **Start** at [`Clock`] (where time comes from) and [`Secret`] (how a secret travels without showing itself).

mod clock;
mod id;
mod secret;
mod text;

pub use clock::{Clock, Millis, ParseTimeError, SystemClock, TestClock};
pub use id::{ConnectionId, EventId, ExchangeId, Ids, JobId, KeyId, OrgId, SeededIds, SystemIds};
pub use secret::Secret;
pub use text::{Nearest, cut, nearest};
