//! Everything durable.
//!
//! **Owns** the schema, its migrations, every SQL statement, the writer task with its group commit, and the wake-up of
//! who waits for work. **Refuses** to know what an event means or what a connector is: rows in, rows out.
//! **Start** at [`Store`], then `types` for the rows, then `writer` for how a commit is shared.

// The handle, and what everybody sees.
mod error;
mod store;
mod types;
mod wake;
// How statements reach the disk and rows come back.
mod checkpoint;
mod ids;
mod migrate;
#[cfg(test)]
mod plans;
mod readers;
mod sql;
mod tx;
mod writer;
// One file per noun, its statements beside its functions.
mod cache;
mod connections;
mod connector_events;
mod connectors;
mod exchanges;
mod inbox;
mod links;
mod meta;
mod orgs;
mod quarantine;
mod status;
// The queue: planned in `jobs`, found by `ready`, then `claim`, `leases`, `settle`.
mod claim;
mod earlier;
mod jobs;
mod leases;
mod ready;
mod settle;

pub use connector_events::{ConnectorEvent, ConnectorEventKind, QuarantinedConnection, Quarantines};
pub use error::StoreError;
pub use quarantine::{CallEnd, Quarantine, Released, Strike};
pub use store::{Options, Store};
pub use types::*;
pub use wake::Wake;
