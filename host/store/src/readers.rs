//! A few connections that only read; a commit never makes them wait, and they never see half of one.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::StoreError;
use crate::sql::{Conn, Row, Sql, Value};

/// How many.
const READERS: usize = 4;

pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Conn>>,
    permits: Semaphore,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::with_capacity(READERS)), permits: Semaphore::new(READERS) }
    }

    /// A connection, as soon as one is free; it is opened if there is none yet.
    pub(crate) async fn get(&self) -> Result<Reader<'_>, StoreError> {
        let permit = self.permits.acquire().await.map_err(|_| StoreError::Stopped)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => {
                let mut conn = Conn::open(&self.path).await?;
                conn.only_read().await?;
                conn
            }
        };
        Ok(Reader { of: self, conn: Some(conn), _permit: permit })
    }

    /// Lets nobody read any more and closes the connections.
    pub(crate) async fn close(&self) {
        let all = self.permits.acquire_many(READERS as u32).await;
        self.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for conn in idle {
            if let Err(error) = conn.close().await {
                tracing::debug!(%error, "a reader was not closed cleanly");
            }
        }
    }
}

/// A borrowed connection; it goes back when this is dropped, unless it has failed.
pub(crate) struct Reader<'r> {
    of: &'r Readers,
    conn: Option<Conn>,
    _permit: SemaphorePermit<'r>,
}

impl Reader<'_> {
    pub(crate) async fn fetch(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let conn = self.conn.as_mut().ok_or(StoreError::Stopped)?;
        let rows = conn.fetch(sql, values).await;
        if rows.as_ref().is_err_and(StoreError::ends_the_commit) {
            self.conn = None;
        }
        rows
    }

    pub(crate) async fn fetch_one(
        &mut self,
        sql: impl Into<Sql>,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.of.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
    }
}
