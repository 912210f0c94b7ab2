//! The schema, in numbered steps.

use model::Clock;

use crate::StoreError;
use crate::sql::{Conn, values};

/// The steps, in order; step n makes schema n. A released step never changes.
const STEPS: &[(&str, &str)] = &[
    ("start", include_str!("../migrations/0001_start.sql")),
    ("quarantine", include_str!("../migrations/0002_quarantine.sql")),
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (
    version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)";
const VERSION: &str = "SELECT version FROM migration ORDER BY version DESC LIMIT 1";
const APPLIED: &str = "INSERT INTO migration (version, name, applied_at) VALUES ($1, $2, $3)";

/// Brings the schema to the newest version, in one transaction: two processes that start together do it once, and a
/// step that fails leaves nothing behind.
///
/// # Errors
/// [`StoreError::Newer`] when the file has a schema that this program does not know.
pub(crate) async fn migrate(conn: &mut Conn, clock: &dyn Clock) -> Result<(), StoreError> {
    let known = STEPS.len() as i64;
    crate::tx::begin(conn).await?;
    let end = steps(conn, clock, known).await;
    match end {
        Ok(()) => conn.execute("COMMIT", Vec::new()).await.map(|_| ()),
        Err(e) => {
            // The first error is the one to tell; if the rollback fails too, the connection goes anyway.
            let _ = conn.execute("ROLLBACK", Vec::new()).await;
            Err(e)
        }
    }
}

async fn steps(conn: &mut Conn, clock: &dyn Clock, known: i64) -> Result<(), StoreError> {
    conn.execute(TABLE, Vec::new()).await?;
    let found = match conn.fetch_one(VERSION, Vec::new()).await? {
        Some(row) => row.read().i64()?,
        None => 0,
    };
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let blob = conn.dialect().blob;
    for (at, (name, text)) in (1..).zip(STEPS).filter(|(at, _)| *at > found) {
        conn.script(text.replace("{blob}", blob)).await?;
        conn.execute(APPLIED, values![at, *name, clock.now()]).await?;
        tracing::info!(version = at, name, "schema brought up to date");
    }
    Ok(())
}
