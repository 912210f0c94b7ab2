//! Copying the write-ahead log back into the file, beside the commits instead of in the middle of one.
//!
//! A second connection copies what was committed (PASSIVE: it waits for nobody and nobody waits for it). The log can only
//! start anew once all of it is copied, which under steady writing that connection never sees; so when the log has grown
//! long, the writer itself copies the short rest between two commits.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::StoreError;
use crate::sql::Conn;

/// Rows written between two copies: about as many pages, 4 KiB each.
const EVERY: usize = 1_000;
/// Rows written before the writer copies the rest itself.
const LONG: usize = 8_000;

/// The writer's side.
pub(crate) struct Checkpoint {
    shared: Arc<Shared>,
    since: usize,
    since_whole: usize,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    go: Notify,
    copied: AtomicBool,
    failed: OnceLock<StoreError>,
}

impl Checkpoint {
    /// Starts the copying task; it opens its connection when it is first needed.
    pub(crate) fn start(path: PathBuf) -> Self {
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(copy(path, Arc::clone(&shared)));
        Self { shared, since: 0, since_whole: 0, task }
    }

    /// Why the log could not be copied, when the disk is at fault: a later commit would rest on it.
    pub(crate) fn failed(&self) -> Option<StoreError> {
        self.shared.failed.get().cloned()
    }

    /// Between two commits: `writes` rows more.
    pub(crate) async fn after_commit(&mut self, writes: usize, conn: &mut Conn) {
        self.since += writes;
        self.since_whole += writes;
        if self.since >= EVERY {
            self.since = 0;
            self.shared.go.notify_one();
        }
        // Only right after the other connection has copied nearly everything is the rest short.
        if self.since_whole >= LONG && self.shared.copied.swap(false, Ordering::AcqRel) {
            match conn.checkpoint(false).await {
                Ok(0) => self.since_whole = 0,
                // A reader is in the way: again after the next copy.
                Ok(_) | Err(StoreError::Busy(_)) => {}
                Err(e) => self.shared.fail(e),
            }
        }
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn fail(&self, error: StoreError) {
        tracing::error!(%error, "the log could not be copied into the database");
        if error.is_final() {
            let _ = self.failed.set(error);
        }
    }
}

async fn copy(path: PathBuf, shared: Arc<Shared>) {
    let mut conn: Option<Conn> = None;
    loop {
        shared.go.notified().await;
        let open = match conn.take() {
            Some(open) => Ok(open),
            None => Conn::open(&path).await,
        };
        match open {
            Ok(mut open) => {
                match open.checkpoint(false).await {
                    Ok(_) => shared.copied.store(true, Ordering::Release),
                    Err(StoreError::Busy(_)) => {}
                    Err(e) => shared.fail(e),
                }
                conn = Some(open);
            }
            Err(e) => shared.fail(e),
        }
    }
}
