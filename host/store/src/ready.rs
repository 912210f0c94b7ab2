//! Where there are due jobs: one small row per connection and lane, so that a claim looks only where it finds something,
//! however long the queue is and however many of its jobs belong to connections that are switched off or in quarantine.

use model::{ConnectionId, JobId, Millis};

use crate::StoreError;
use crate::quarantine::free;
use crate::sql::values;
use crate::tx::Tx;

/// Not earlier than the connection's own wait, and only while it is active and not in quarantine.
const DUE: &str = concat!(
    "INSERT INTO ready (connection_id, lane, org_id, due_at)
    SELECT c.id, $2, c.org_id, CASE WHEN c.wait_until > $3 THEN c.wait_until ELSE $3 END
    FROM connection c WHERE c.id = $1 AND c.status = 'active' AND ",
    free!(),
    " ON CONFLICT (connection_id, lane) DO UPDATE SET due_at = excluded.due_at WHERE excluded.due_at < ready.due_at"
);
const FORGET: &str = "DELETE FROM ready WHERE connection_id = $1";
const FORGET_ALL: &str = "DELETE FROM ready";
const FORGET_OF: &str =
    "DELETE FROM ready WHERE connection_id IN (SELECT id FROM connection WHERE connector_id = $1)";

/// Finds queued jobs of the connections that `$which` names.
macro_rules! find {
    ($which:literal) => {
        concat!(
            "INSERT INTO ready (connection_id, lane, org_id, due_at)
    SELECT c.id, j.lane, c.org_id,
           CASE WHEN c.wait_until > min(j.run_at) THEN c.wait_until ELSE min(j.run_at) END
    FROM job j JOIN connection c ON c.id = j.connection_id
    WHERE ",
            $which,
            "j.state = 'queued' AND j.blockers = 0 AND c.status = 'active' AND ",
            free!(),
            " GROUP BY c.id, j.lane, c.org_id, c.wait_until"
        )
    };
}
const FIND: &str = find!("j.connection_id = $1 AND ");
const FIND_OF: &str = find!("c.connector_id = $1 AND ");
const FIND_ALL: &str = find!("");
const WAIT: &str = "UPDATE ready SET due_at = $2 WHERE connection_id = $1 AND due_at < $2";
const SERVED: &str = "UPDATE ready SET due_at = COALESCE(
        (SELECT CASE WHEN run_at > $3 THEN run_at ELSE $3 END FROM job
         WHERE connection_id = $1 AND lane = $2 AND state = 'queued' AND blockers = 0 ORDER BY run_at LIMIT 1), -1)
    WHERE connection_id = $1 AND lane = $2";
const FORGET_EMPTY: &str = "DELETE FROM ready WHERE lane = $1 AND due_at = -1";

const TAKE_DEPENDANTS: &str = "DELETE FROM job_after WHERE after_id = $1 RETURNING job_id";
const UNBLOCK: &str = "UPDATE job SET blockers = blockers - 1 WHERE id = $1
    RETURNING connection_id, lane, run_at, blockers, state";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] =
    &[DUE, FIND, FIND_OF, FIND_ALL, WAIT, SERVED, FORGET_EMPTY, TAKE_DEPENDANTS, UNBLOCK];

/// A queued job that waits for nothing but its time.
pub(crate) async fn due(
    tx: &mut Tx,
    connection: &ConnectionId,
    lane: i64,
    at: Millis,
) -> Result<(), StoreError> {
    tx.new_jobs = true;
    tx.execute(DUE, values![connection, lane, at]).await.map(|_| ())
}

/// Looks for all queued jobs of a connection anew: its status or its wait has changed, or many of its jobs.
pub(crate) async fn find(tx: &mut Tx, connection: &ConnectionId) -> Result<(), StoreError> {
    tx.new_jobs = true;
    tx.execute(FORGET, values![connection]).await?;
    tx.execute(FIND, values![connection]).await.map(|_| ())
}

/// Nobody finds the queued jobs of this connection any more, until [`find`].
pub(crate) async fn forget(tx: &mut Tx, connection: &ConnectionId) -> Result<(), StoreError> {
    tx.execute(FORGET, values![connection]).await.map(|_| ())
}

/// As [`forget`], for every connection of a connector.
pub(crate) async fn forget_of(tx: &mut Tx, connector: &str) -> Result<(), StoreError> {
    tx.execute(FORGET_OF, values![connector]).await.map(|_| ())
}

/// As [`find`], for every connection of a connector.
pub(crate) async fn find_of(tx: &mut Tx, connector: &str) -> Result<(), StoreError> {
    tx.new_jobs = true;
    forget_of(tx, connector).await?;
    tx.execute(FIND_OF, values![connector]).await.map(|_| ())
}

/// Looks for all queued jobs anew.
pub(crate) async fn find_all(tx: &mut Tx) -> Result<(), StoreError> {
    tx.new_jobs = true;
    tx.execute(FORGET_ALL, values![]).await?;
    tx.execute(FIND_ALL, values![]).await.map(|_| ())
}

/// The connection waits until then.
pub(crate) async fn wait(tx: &mut Tx, connection: &ConnectionId, until: Millis) -> Result<(), StoreError> {
    tx.execute(WAIT, values![connection, until]).await.map(|_| ())
}

/// After a claim: when this lane of these connections is due next. What is due already goes to the end of those who are.
pub(crate) async fn served(
    tx: &mut Tx,
    connections: &[ConnectionId],
    lane: i64,
    now: Millis,
) -> Result<(), StoreError> {
    for connection in connections {
        tx.execute(SERVED, values![connection, lane, now]).await?;
    }
    if !connections.is_empty() {
        tx.execute(FORGET_EMPTY, values![lane]).await?;
    }
    Ok(())
}

/// `job` is done or failed: who waited for it alone may run.
pub(crate) async fn unblock(tx: &mut Tx, job: &JobId) -> Result<(), StoreError> {
    for row in tx.fetch(TAKE_DEPENDANTS, values![job]).await? {
        let dependant = row.read().text()?;
        let Some(row) = tx.fetch_one(UNBLOCK, values![dependant]).await? else { continue };
        let mut c = row.read();
        let (connection, lane, run_at) = (c.text()?.into(), c.i64()?, c.millis()?);
        if c.i64()? == 0 && c.text()? == "queued" {
            due(tx, &connection, lane, run_at).await?;
        }
    }
    Ok(())
}
