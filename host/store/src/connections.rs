//! Connections: made, read, changed, deleted. Their credentials are sealed; nothing here can open them.

use futures::FutureExt as _;
use model::{ConnectionId, OrgId};
use serde_json::Value;

use crate::sql::{Columns, to_json, values};
use crate::{
    Connection, ConnectionPatch, ConnectionStatus, NewConnection, Quarantine, Store, StoreError, quarantine,
    status,
};

macro_rules! columns {
    () => {
        "c.id, c.org_id, c.connector_id, c.name, c.status, c.status_reason, c.credential_kind, c.settings,
        c.sync_settings, c.field_mapping, c.account, c.created_at, c.updated_at"
    };
}

/// Most connections of a page, and most that one event is planned for.
const PAGE: u32 = 1_000;

const CREATE: &str =
    "INSERT INTO connection (id, org_id, connector_id, name, status, credential_kind, credential, credential_at, settings,
        sync_settings, field_mapping, created_at, updated_at)
    VALUES ($1, $2, $3, $4, 'active', $5, $6, $10, $7, $8, $9, $10, $10)";
const CONNECTOR: &str = "SELECT 1 FROM connector WHERE id = $1";

/// Connections, each with its strikes and with the quarantine of its version.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", s.n, s.quarantined_at, s.reason, q.since, q.strikes, q.reason FROM connection c
    LEFT JOIN strike s ON s.connection_id = c.id LEFT JOIN quarantine q ON q.connector_id = c.connector_id ",
            $which
        )
    };
}
const ONE: &str = select!("WHERE c.org_id = $1 AND c.id = $2");
const FOR_JOB: &str = select!("WHERE c.id = $1");
const PAGE_AFTER: &str = select!("WHERE c.org_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3");
const UPDATE: &str = "UPDATE connection SET name = COALESCE($3, name), settings = COALESCE($4, settings),
    sync_settings = COALESCE($5, sync_settings),
    field_mapping = CASE WHEN $6 = 1 THEN $7 ELSE field_mapping END, updated_at = $8
    WHERE org_id = $1 AND id = $2";
const NEW_CREDENTIAL: &str =
    "UPDATE connection SET credential_kind = $2, credential = $3, credential_at = $4, wait_until = 0
    WHERE id = $1";
const CREDENTIAL: &str = "SELECT credential_kind, credential FROM connection WHERE id = $1";
const SET_ACCOUNT: &str = "UPDATE connection SET account = $2 WHERE id = $1";
const DELETE: &str = "DELETE FROM connection WHERE org_id = $1 AND id = $2";

const FAIL_JOBS: &str =
    "UPDATE job SET state = 'failed', error = $2, finished_at = $3, owner = NULL, lease_until = NULL
    WHERE connection_id = $1 AND finished_at IS NULL";
const FREE_JOBS: &str = "DELETE FROM job_after
    WHERE job_id IN (SELECT id FROM job WHERE connection_id = $1 AND finished_at IS NULL)";
const UNBLOCK_JOBS: &str = "UPDATE job SET blockers = 0
    WHERE connection_id = $1 AND finished_at IS NULL AND blockers > 0";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[ONE, FOR_JOB, PAGE_AFTER, FAIL_JOBS, FREE_JOBS, UNBLOCK_JOBS, DELETE];

impl Store {
    /// Makes a connection; it is active.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without the connector or the organization.
    pub async fn create_connection(&self, new: NewConnection) -> Result<Connection, StoreError> {
        self.write(move |tx| {
            async move {
                if tx.fetch_one(CONNECTOR, values![&new.connector]).await?.is_none() {
                    return Err(StoreError::Missing(format!(
                        "the connector `{}` is not installed",
                        model::cut(&new.connector, 64)
                    )));
                }
                let row = values![
                    &new.id,
                    &new.org,
                    &new.connector,
                    &new.name,
                    new.credential_kind,
                    new.credential,
                    &new.settings,
                    to_json(&new.sync_settings)?,
                    new.field_mapping.as_ref().map(to_json).transpose()?,
                    tx.now(),
                ];
                tx.execute(CREATE, row).await?;
                quarantine::joined(tx, &new.connector).await?;
                let row = tx.fetch_one(ONE, values![&new.org, &new.id]).await?;
                connection(row.ok_or(StoreError::Stopped)?.read())
            }
            .boxed()
        })
        .await
    }

    /// An organization's connection.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn connection(&self, org: &OrgId, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let row = self.read().await?.fetch_one(ONE, values![org, id]).await?;
        row.map(|row| connection(row.read())).transpose()
    }

    /// The connection of a claimed job. Requests come through [`Store::connection`], which asks whose it is.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn connection_for_job(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let row = self.read().await?.fetch_one(FOR_JOB, values![id]).await?;
        row.map(|row| connection(row.read())).transpose()
    }

    /// A page of an organization's connections, oldest first: those after the id `after`, 1 to 1,000 of them.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn connections(
        &self,
        org: &OrgId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        let page = values![org, after.unwrap_or_default(), limit.clamp(1, PAGE)];
        let rows = self.read().await?.fetch(PAGE_AFTER, page).await?;
        rows.iter().map(|row| connection(row.read())).collect()
    }

    /// The connections that an event of the organization is planned for: its first 1,000.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn connections_of(&self, org: &OrgId) -> Result<Vec<Connection>, StoreError> {
        self.connections(org, None, PAGE).await
    }

    /// Changes a connection and returns it as it is then. A new credential makes it active (unless the patch says
    /// otherwise), ends its waiting, and releases its held jobs; so does a status that becomes active.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn update_connection(
        &self,
        org: &OrgId,
        id: &ConnectionId,
        patch: ConnectionPatch,
    ) -> Result<Option<Connection>, StoreError> {
        let (org, id) = (org.clone(), id.clone());
        self.write(move |tx| {
            async move {
                let now = tx.now();
                let mapping = patch.field_mapping.is_some();
                let row = values![
                    &org,
                    &id,
                    patch.name,
                    patch.settings.as_ref(),
                    patch.sync_settings.as_ref().map(to_json).transpose()?,
                    mapping,
                    patch.field_mapping.flatten().as_ref().map(to_json).transpose()?,
                    now,
                ];
                if tx.execute(UPDATE, row).await? == 0 {
                    return Ok(None);
                }
                let renewed = patch.credential.is_some();
                if let Some((kind, sealed)) = patch.credential {
                    tx.execute(NEW_CREDENTIAL, values![&id, kind, sealed, now]).await?;
                }
                let status = patch.status.or(renewed.then_some(ConnectionStatus::Active));
                if let Some(to) = status {
                    status::set(tx, &id, to, None, renewed).await?;
                }
                let row = tx.fetch_one(ONE, values![&org, &id]).await?;
                row.map(|row| connection(row.read())).transpose()
            }
            .boxed()
        })
        .await
    }

    /// Deletes a connection with its links, exchanges and cache. Its open jobs fail with the code `connection_deleted`;
    /// what a worker still has to say about them is discarded. `false` if the organization has none such.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn delete_connection(&self, org: &OrgId, id: &ConnectionId) -> Result<bool, StoreError> {
        let (org, id) = (org.clone(), id.clone());
        self.write(move |tx| {
            async move {
                if tx.execute(DELETE, values![&org, &id]).await? == 0 {
                    return Ok(false);
                }
                // Jobs wait only for jobs of their own connection, so no other job waits for these.
                tx.execute(FREE_JOBS, values![&id]).await?;
                tx.execute(UNBLOCK_JOBS, values![&id]).await?;
                let fail = values![&id, &deleted(), tx.now()];
                let failed = tx.execute(FAIL_JOBS, fail).await?;
                crate::jobs::tally(tx, "failed", failed).await?;
                Ok(true)
            }
            .boxed()
        })
        .await
    }

    /// Sets a connection's status, with the reason in words. One that becomes active releases its held jobs.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn set_connection_status(
        &self,
        id: &ConnectionId,
        status: ConnectionStatus,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let (id, reason) = (id.clone(), reason.map(str::to_owned));
        self.write(move |tx| {
            async move { status::set(tx, &id, status, reason.as_deref(), false).await }.boxed()
        })
        .await
    }

    /// Keeps what `lifecycle.probe` said of the account.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn set_account(&self, id: &ConnectionId, account: &Value) -> Result<(), StoreError> {
        let row = values![id, account];
        self.write(move |tx| async move { tx.execute(SET_ACCOUNT, row).await.map(|_| ()) }.boxed()).await
    }

    /// The kind of a connection's credential, and the credential as the vault sealed it.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn sealed_credential(
        &self,
        id: &ConnectionId,
    ) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        let Some(row) = self.read().await?.fetch_one(CREDENTIAL, values![id]).await? else { return Ok(None) };
        let mut c = row.read();
        let (kind, sealed) = (c.opt_text()?, c.opt_blob()?);
        Ok(kind.zip(sealed))
    }
}

/// The error of a job whose connection is gone.
pub(crate) fn deleted() -> Value {
    serde_json::json!({ "code": "connection_deleted", "message": "the connection was deleted before this was done" })
}

fn connection(mut c: Columns<'_>) -> Result<Connection, StoreError> {
    let connection = Connection {
        id: c.text()?.into(),
        org: c.text()?.into(),
        connector: c.text()?,
        name: c.text()?,
        status: status::parse(&c.text()?)?,
        status_reason: c.opt_text()?,
        credential_kind: c.opt_text()?,
        settings: c.json()?,
        sync_settings: c.json()?,
        field_mapping: c.opt_json()?,
        account: c.opt_json()?,
        created_at: c.millis()?,
        updated_at: c.millis()?,
        strikes: 0,
        quarantine: None,
    };
    let small = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let strikes = small(c.opt_i64()?);
    let (since, reason) = (c.opt_millis()?, c.opt_text()?);
    let own =
        since.zip(reason).map(|(since, reason)| Quarantine { whole_version: false, since, strikes, reason });
    let (since, struck, reason) = (c.opt_millis()?, small(c.opt_i64()?), c.opt_text()?);
    let whole = since.zip(reason).map(|(since, reason)| Quarantine {
        whole_version: true,
        since,
        strikes: struck,
        reason,
    });
    Ok(Connection { strikes, quarantine: whole.or(own), ..connection })
}
