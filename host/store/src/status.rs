//! A connection's status, and what follows from it for its jobs.

use model::{ConnectionId, Millis};

use crate::sql::values;
use crate::tx::Tx;
use crate::{ConnectionStatus, StoreError, ready};

const NOW: &str = "SELECT status, credential_at FROM connection WHERE id = $1";
const SET: &str = "UPDATE connection SET status = $2, status_reason = $3, updated_at = $4 WHERE id = $1";
const RELEASE: &str = "UPDATE job SET state = 'queued', run_at = $2
    WHERE connection_id = $1 AND state = 'held' AND finished_at IS NULL AND uncertain <= $3";
const WAIT: &str = "UPDATE connection SET wait_until = $2 WHERE id = $1 AND wait_until < $2";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[NOW, RELEASE, WAIT];

pub(crate) fn name(status: ConnectionStatus) -> &'static str {
    match status {
        ConnectionStatus::Active => "active",
        ConnectionStatus::ReconnectRequired => "reconnect-required",
        ConnectionStatus::ConsentRequired => "consent-required",
        ConnectionStatus::Disabled => "disabled",
    }
}

pub(crate) fn parse(name: &str) -> Result<ConnectionStatus, StoreError> {
    Ok(match name {
        "active" => ConnectionStatus::Active,
        "reconnect-required" => ConnectionStatus::ReconnectRequired,
        "consent-required" => ConnectionStatus::ConsentRequired,
        "disabled" => ConnectionStatus::Disabled,
        other => return Err(StoreError::Corrupt(format!("a connection has the status `{other}`"))),
    })
}

/// Sets the status. When it becomes active, or a new credential was given (`renewed`), held jobs go back into the queue, but
/// those that may have been applied already: these only when the connection's owner switches it on again. While it is not active, its queued jobs stay where they are and nobody finds them.
pub(crate) async fn set(
    tx: &mut Tx,
    id: &ConnectionId,
    to: ConnectionStatus,
    reason: Option<&str>,
    renewed: bool,
) -> Result<(), StoreError> {
    let Some(row) = tx.fetch_one(NOW, values![id]).await? else { return Ok(()) };
    let from = parse(&row.read().text()?)?;
    let now = tx.now();
    tx.execute(SET, values![id, name(to), reason, now]).await?;
    if from == to && !renewed {
        return Ok(());
    }
    if to == ConnectionStatus::Active {
        let uncertain_too = from == ConnectionStatus::Disabled;
        tx.execute(RELEASE, values![id, now, uncertain_too]).await?;
    }
    ready::find(tx, id).await
}

/// What a call that began at `began` says about the connection's status. It is no news when a new credential has been
/// given since, and its owner's switching off stands above it. Returns whether it was news.
pub(crate) async fn observed(
    tx: &mut Tx,
    id: &ConnectionId,
    to: ConnectionStatus,
    reason: &str,
    began: Millis,
) -> Result<bool, StoreError> {
    let Some(row) = tx.fetch_one(NOW, values![id]).await? else { return Ok(false) };
    let mut c = row.read();
    let (from, credential_at) = (parse(&c.text()?)?, c.millis()?);
    if credential_at > began {
        return Ok(false);
    }
    if from != ConnectionStatus::Disabled && from != to {
        set(tx, id, to, Some(reason).filter(|_| to != ConnectionStatus::Active), false).await?;
    }
    Ok(true)
}

/// No job of the connection starts before `until`.
pub(crate) async fn wait(tx: &mut Tx, id: &ConnectionId, until: Millis) -> Result<(), StoreError> {
    tx.execute(WAIT, values![id, until]).await?;
    ready::wait(tx, id, until).await
}
