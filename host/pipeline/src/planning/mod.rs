//! The pure half: what an event means for each connection, and what a planned operation says to a connector.
//!
//! **Owns** the rules, the field mapping, the typed values of a call and the retry policy. **Refuses** I/O, clocks and
//! randomness: the same input gives the same output. **Start** at [`rules::plan`], then [`operation`] (what is kept
//! between planning and performing), [`compose::compose`] (what is said to the connector) and [`retry::decide`] (what
//! follows from its answer).

pub(crate) mod appointment_view;
pub(crate) mod compose;
pub(crate) mod event_view;
pub(crate) mod mapping;
pub(crate) mod operation;
pub(crate) mod placement;
pub(crate) mod retry;
pub(crate) mod rules;
pub(crate) mod schema;
pub(crate) mod text;

#[cfg(test)]
pub(crate) mod samples;
