//! The house's invariants as rules over facts, so that each can be shown to fail on a planted breach.
//!
//! **Owns** the ranks, the sole importers, the bounds on files, the words that never stand in the repository.
//! **Refuses** to fix anything: a rule returns what it found. **Start** at [`crates`] for who may import whom, and at
//! [`sources`] for what is read line by line.

pub mod crates;
pub mod guards;
pub mod sources;

use std::path::PathBuf;

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path.pop();
    path
}
