//! Journeys: through the real binary, against fakes of the providers, from what a user gives to what a provider gets.
//!
//! **Start** at `cases.rs`, which runs every folder below `cases/`; the other files are journeys with a story of their own.
#![expect(clippy::unwrap_used, reason = "a journey stops where something is missing, and says where")]

mod bad_input;
mod cases;
mod command_line;
mod core_files;
mod crash;
mod judge;
mod links;
mod memory;
mod own_server;
mod quarantine;
mod races;
mod rebooking;
mod secrets;
mod stopping;
mod support;
mod walls;
