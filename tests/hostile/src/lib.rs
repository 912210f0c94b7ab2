//! Where guests attack: a real sandbox and a real column, with a recorder in the dialler's place and a resolver of the
//! test's own, so that no packet leaves the process, not even with a guard taken out.
//!
//! **Start** at [`Arena`]; a test that needs a connection of its own, other limits or more settings goes on at
//! [`Arena::seat`], and tells the [`Recorder`] what to answer. The attacks themselves are in `guests/rogue`; [`attacks`] lists
//! them.

mod arena;
pub mod attacks;
pub mod logs;
mod recorder;
mod seat;

pub use arena::{Arena, Names, UPSTREAM};
pub use recorder::{Act, Recorder, Script};
pub use seat::Seat;

/// The credential that no guest may learn.
pub const TOKEN: &str = "the-token-that-no-guest-may-see";
