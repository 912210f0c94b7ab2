//! Who waits for work is woken here, after the commit that brought it.

use tokio::sync::Notify;

/// One bell per kind of work. A bell keeps one ring while nobody listens, so that no work is overlooked; several pieces
/// of work may share one ring: look until there is none.
#[derive(Debug, Default)]
pub struct Wake {
    /// There are events whose operations are not planned.
    pub events: Notify,
    /// There are jobs that may be due earlier than was known.
    pub jobs: Notify,
}
