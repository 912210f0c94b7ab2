//! What connectors keep between calls, and what `schema.describe` said: both can be fetched anew at any time.

use futures::FutureExt as _;
use model::ConnectionId;

use crate::sql::values;
use crate::{Described, Store, StoreError};

/// Most keys of a connection.
const KEYS: i64 = 1_000;
/// Longest key and value, in bytes.
const KEY: usize = 256;
const VALUE: usize = 64 * 1024;
/// Most surplus keys deleted at once.
const SURPLUS: i64 = 64;

const GET: &str = "SELECT value FROM cache WHERE connection_id = $1 AND name = $2 AND expires_at > $3";
const PUT: &str = "INSERT INTO cache (connection_id, name, value, expires_at)
    SELECT $1, $2, $3, $4 FROM connection WHERE id = $1
    ON CONFLICT (connection_id, name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
const EXPIRE: &str = "DELETE FROM cache WHERE connection_id = $1 AND expires_at <= $2";
const SHRINK: &str = "DELETE FROM cache WHERE connection_id = $1 AND name <> $2 AND name IN
    (SELECT name FROM cache WHERE connection_id = $1 ORDER BY expires_at DESC, name LIMIT $3 OFFSET $4)";
const COUNT: &str = "SELECT count(*) FROM cache WHERE connection_id = $1";
const DROP: &str = "DELETE FROM cache WHERE connection_id = $1 AND name = $2";
const DESCRIBED: &str =
    "SELECT content, described_at FROM described WHERE connection_id = $1 AND object = $2";
const PUT_DESCRIBED: &str = "INSERT INTO described (connection_id, object, content, described_at)
    SELECT $1, $2, $3, $4 FROM connection WHERE id = $1
    ON CONFLICT (connection_id, object) DO UPDATE SET
    content = excluded.content, described_at = excluded.described_at";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[GET, PUT, EXPIRE, SHRINK, COUNT];

impl Store {
    /// A connection's cached value, unless it has expired.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn cache_get(
        &self,
        connection: &ConnectionId,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.read().await?.fetch_one(GET, values![connection, key, self.now()]).await?;
        row.map(|row| row.read().blob()).transpose()
    }

    /// Caches a value for `ttl_ms` milliseconds; not more than 0 removes it. A connection keeps 1,000 keys: beyond, those go
    /// that would expire first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a key above 256 bytes or a value above 64 KiB.
    pub async fn cache_put(
        &self,
        connection: &ConnectionId,
        key: &str,
        value: Vec<u8>,
        ttl_ms: i64,
    ) -> Result<(), StoreError> {
        if key.len() > KEY || value.len() > VALUE {
            return Err(StoreError::Invalid(format!(
                "a cache key has {KEY} bytes and its value {VALUE} at most, these have {} and {}",
                key.len(),
                value.len()
            )));
        }
        let (connection, key) = (connection.clone(), key.to_owned());
        self.write(move |tx| {
            async move {
                let now = tx.now();
                if ttl_ms <= 0 {
                    return tx.execute(DROP, values![&connection, &key]).await.map(|_| ());
                }
                tx.execute(PUT, values![&connection, &key, value, now.plus(ttl_ms)]).await?;
                tx.execute(EXPIRE, values![&connection, now]).await?;
                if let Some(row) = tx.fetch_one(COUNT, values![&connection]).await?
                    && row.read().i64()? > KEYS
                {
                    // One less than the bound, so that the new key has its place even if it would expire first.
                    tx.execute(SHRINK, values![&connection, &key, SURPLUS, KEYS - 1]).await?;
                }
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// What `schema.describe` last said of an object.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn described(
        &self,
        connection: &ConnectionId,
        object: &str,
    ) -> Result<Option<Described>, StoreError> {
        let row = self.read().await?.fetch_one(DESCRIBED, values![connection, object]).await?;
        row.map(|row| {
            let mut c = row.read();
            Ok(Described { object: object.to_owned(), schema: c.json()?, at: c.millis()? })
        })
        .transpose()
    }

    /// Keeps what `schema.describe` said of an object.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn put_described(
        &self,
        connection: &ConnectionId,
        described: &Described,
    ) -> Result<(), StoreError> {
        let row = values![connection, &described.object, &described.schema, described.at];
        self.write(move |tx| async move { tx.execute(PUT_DESCRIBED, row).await.map(|_| ()) }.boxed()).await
    }
}
