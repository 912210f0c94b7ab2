//! The store at its boundary: a file, a clock and ids that the tests own.

mod commit;
mod connections;
mod inbox;
mod quarantine;
mod queue;
mod support;
