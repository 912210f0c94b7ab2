//! Recorded exchanges. Recording never makes anybody wait: what does not fit into the buffer is dropped, counted and
//! logged.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt as _;
use model::{ConnectionId, ExchangeId, OrgId};

use crate::sql::{to_json, values};
use crate::tx::Tx;
use crate::{Exchange, Store, StoreError};

/// Exchanges that wait for the next commit.
pub(crate) const BUFFER: usize = 4_096;
/// Bytes of them.
const BUFFER_BYTES: u64 = 64 * 1024 * 1024;
/// So many are kept per connection, the newest.
const KEEP: i64 = 1_000;
/// The surplus is deleted after so many new ones, at most twice as many at once.
const TRIM_EVERY: u32 = 32;
/// Connections whose new exchanges are counted at once; beyond, counting starts anew.
const COUNTED: usize = 10_000;
/// Most exchanges of a page.
const PAGE: u32 = 1_000;

const INSERT: &str = "INSERT INTO exchange (id, org_id, connection_id, content)
    SELECT $1, $2, $3, $4 FROM connection WHERE id = $3 AND org_id = $2 ON CONFLICT (id) DO NOTHING";
const TRIM: &str = "DELETE FROM exchange WHERE id IN
    (SELECT id FROM exchange WHERE connection_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3)";
const BEFORE: &str = "SELECT content FROM exchange
    WHERE connection_id = $1 AND org_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4";
const NEWEST: &str = "SELECT content FROM exchange
    WHERE connection_id = $1 AND org_id = $2 ORDER BY id DESC LIMIT $3";
const ONE: &str = "SELECT content FROM exchange WHERE org_id = $1 AND id = $2";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[INSERT, TRIM, BEFORE, NEWEST, ONE];

/// An exchange on its way to the writer.
pub(crate) struct Kept {
    id: ExchangeId,
    org: OrgId,
    connection: ConnectionId,
    content: String,
    buffered: Arc<AtomicU64>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.buffered.fetch_sub(self.content.len() as u64, Ordering::Relaxed);
    }
}

/// New exchanges per connection since its surplus was last deleted.
#[derive(Default)]
pub(crate) struct Trims(HashMap<ConnectionId, u32>);

impl Store {
    /// Hands an exchange to the next commit, and returns at once. When more than 4,096 of them or 64 MiB wait, it is dropped.
    pub fn record_exchange(&self, exchange: Exchange) {
        let Ok(content) = to_json(&exchange) else { return };
        let buffered = Arc::clone(&self.inner.buffered);
        let bytes = content.len() as u64;
        let fits = buffered.fetch_add(bytes, Ordering::Relaxed) + bytes <= BUFFER_BYTES;
        let Exchange { id, org, connection, .. } = exchange;
        let kept = Kept { id, org, connection, content, buffered };
        if !fits || self.inner.exchanges.try_send(kept).is_err() {
            let dropped = self.inner.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            if dropped.is_power_of_two() {
                tracing::warn!(dropped, "exchanges were not recorded: the database does not keep up");
            }
        }
    }

    /// How many exchanges were dropped since the store was opened.
    #[must_use]
    pub fn exchanges_dropped(&self) -> u64 {
        self.inner.dropped.load(Ordering::Relaxed)
    }

    /// Returns when every exchange recorded before is on the disk.
    ///
    /// # Errors
    /// When they could not be written.
    pub async fn flush_exchanges(&self) -> Result<(), StoreError> {
        // The writer takes what is in the buffer after it has taken this.
        self.write(|_| async { Ok(()) }.boxed()).await
    }

    /// A page of a connection's exchanges, newest first: those before the id `before`, 1 to 1,000 of them. The newest 1,000
    /// and a few are kept.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn exchanges(
        &self,
        org: &OrgId,
        connection: &ConnectionId,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Exchange>, StoreError> {
        let limit = limit.clamp(1, PAGE);
        let mut reader = self.read().await?;
        let rows = match before {
            Some(before) => reader.fetch(BEFORE, values![connection, org, before, limit]).await?,
            None => reader.fetch(NEWEST, values![connection, org, limit]).await?,
        };
        rows.iter().map(|row| row.read().json()).collect()
    }

    /// An organization's exchange.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn exchange(&self, org: &OrgId, id: &ExchangeId) -> Result<Option<Exchange>, StoreError> {
        let row = self.read().await?.fetch_one(ONE, values![org, id]).await?;
        row.map(|row| row.read().json()).transpose()
    }
}

/// Writes exchanges; those of a connection that is gone are left out.
pub(crate) async fn insert(tx: &mut Tx, exchanges: &[Kept]) -> Result<(), StoreError> {
    let mut surplus = Vec::new();
    for kept in exchanges {
        tx.execute(INSERT, values![&kept.id, &kept.org, &kept.connection, &kept.content]).await?;
        if tx.trims.0.len() >= COUNTED {
            tx.trims.0.clear();
        }
        let new = tx.trims.0.entry(kept.connection.clone()).or_default();
        *new += 1;
        if *new >= TRIM_EVERY {
            *new = 0;
            surplus.push(&kept.connection);
        }
    }
    for connection in surplus {
        tx.execute(TRIM, values![connection, 2 * TRIM_EVERY, KEEP]).await?;
    }
    Ok(())
}
