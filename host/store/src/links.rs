//! Links: what a record that we know is called at the provider, and which job makes it so.

use model::{ConnectionId, JobId};

use crate::sql::{Columns, values};
use crate::tx::Tx;
use crate::{Link, LocalKey, Store, StoreError};

const ONE: &str = "SELECT role, local_key, object, remote_id, version, job_id FROM link
    WHERE connection_id = $1 AND role = $2 AND local_key = $3";
const OPEN_PROVIDER: &str = "SELECT j.id FROM link l JOIN job j ON j.id = l.job_id
    WHERE l.connection_id = $1 AND l.role = $2 AND l.local_key = $3 AND j.finished_at IS NULL";
const TAKE_OVER: &str =
    "INSERT INTO link (connection_id, role, local_key, object, job_id) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (connection_id, role, local_key) DO UPDATE SET job_id = excluded.job_id";
const FILL: &str = "INSERT INTO link (connection_id, role, local_key, object, remote_id, version, job_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (connection_id, role, local_key) DO UPDATE SET
    object = excluded.object, remote_id = excluded.remote_id, version = excluded.version";
const DROP_EMPTY: &str = "DELETE FROM link
    WHERE connection_id = $1 AND role = $2 AND local_key = $3 AND job_id = $4 AND remote_id IS NULL";
const FORGET: &str = "UPDATE link SET remote_id = NULL, version = NULL
    WHERE connection_id = $1 AND role = $2 AND local_key = $3";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[ONE, OPEN_PROVIDER, TAKE_OVER, FILL, DROP_EMPTY];

impl Store {
    /// What is known under a name.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn link(
        &self,
        connection: &ConnectionId,
        local: &LocalKey,
    ) -> Result<Option<Link>, StoreError> {
        let row = self.read().await?.fetch_one(ONE, values![connection, &local.role, &local.key]).await?;
        row.map(|row| link(row.read())).transpose()
    }

    /// What is known under these names, in their order; a name under which nothing is known is left out.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn links(
        &self,
        connection: &ConnectionId,
        locals: &[LocalKey],
    ) -> Result<Vec<Link>, StoreError> {
        let mut reader = self.read().await?;
        let mut found = Vec::with_capacity(locals.len());
        for local in locals {
            let row = reader.fetch_one(ONE, values![connection, &local.role, &local.key]).await?;
            if let Some(row) = row {
                found.push(link(row.read())?);
            }
        }
        Ok(found)
    }
}

/// The open job that provides a name.
pub(crate) async fn open_provider(
    tx: &mut Tx,
    connection: &ConnectionId,
    local: &LocalKey,
) -> Result<Option<JobId>, StoreError> {
    let row = tx.fetch_one(OPEN_PROVIDER, values![connection, &local.role, &local.key]).await?;
    row.map(|row| Ok(JobId(row.read().text()?))).transpose()
}

/// Makes `job` the one that provides a name, and returns the open job that did so far. What is known under the name stays.
pub(crate) async fn take_over(
    tx: &mut Tx,
    connection: &ConnectionId,
    local: &LocalKey,
    object: &str,
    job: &JobId,
) -> Result<Option<JobId>, StoreError> {
    let before = open_provider(tx, connection, local).await?;
    tx.execute(TAKE_OVER, values![connection, &local.role, &local.key, object, job]).await?;
    Ok(before)
}

/// What a job that is done has made. Whoever waits for the name now still provides it next.
pub(crate) struct Made<'m> {
    pub object: &'m str,
    pub remote_id: &'m str,
    pub version: Option<&'m str>,
    pub job: &'m JobId,
}

/// Keeps what a job has made under a name that it provides.
pub(crate) async fn fill(
    tx: &mut Tx,
    connection: &ConnectionId,
    local: &LocalKey,
    made: &Made<'_>,
) -> Result<(), StoreError> {
    let row = values![
        connection,
        &local.role,
        &local.key,
        made.object,
        made.remote_id,
        made.version.map(str::to_owned),
        made.job
    ];
    tx.execute(FILL, row).await.map(|_| ())
}

/// `job` will not make what it was to make: nothing is known under the name, unless another job provides it by now.
pub(crate) async fn drop_empty(
    tx: &mut Tx,
    connection: &ConnectionId,
    local: &LocalKey,
    job: &JobId,
) -> Result<(), StoreError> {
    tx.execute(DROP_EMPTY, values![connection, &local.role, &local.key, job]).await.map(|_| ())
}

fn link(mut c: Columns<'_>) -> Result<Link, StoreError> {
    Ok(Link {
        local: LocalKey { role: c.text()?, key: c.text()? },
        object: c.text()?,
        remote_id: c.opt_text()?,
        version: c.opt_text()?,
        job: c.text()?.into(),
    })
}

/// The record that was known under a name is gone.
pub(crate) async fn forget(
    tx: &mut Tx,
    connection: &ConnectionId,
    local: &LocalKey,
) -> Result<(), StoreError> {
    tx.execute(FORGET, values![connection, &local.role, &local.key]).await.map(|_| ())
}
