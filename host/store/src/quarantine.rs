//! Strikes and quarantine: a connector that is halted again and again is not started any more.
//!
//! A connection's halts in a row are counted here, in the transaction that settles the job, so that a crash loses none and
//! counts none twice; calls that ran beside each other count once. At the threshold the connection goes into quarantine; the version goes for everybody once that is so
//! for [`QUORUM`] organizations, or for all that have a connection of it, while it worked for nobody since.

use futures::FutureExt as _;
use model::{ConnectionId, Millis, OrgId};

use crate::connector_events::{self, Happened};
use crate::sql::values;
use crate::tx::Tx;
use crate::{ConnectorEventKind, Store, StoreError, ready, status};

/// For so many organizations a version must fail before it is taken from the others too. One organization alone can feed
/// a connector data that it falls over.
const QUORUM: u64 = 3;

/// What must hold of the connection `c` for its jobs to be started: neither it nor its version is in quarantine.
macro_rules! free {
    () => {
        "NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.connector_id = c.connector_id)
        AND NOT EXISTS (SELECT 1 FROM strike s WHERE s.connection_id = c.id AND s.quarantined_at IS NOT NULL)"
    };
}
pub(crate) use free;

/// How a guest's call ended, as far as it says something about the guest.
#[derive(Clone, Debug, PartialEq)]
pub struct CallEnd {
    /// The digest of the version that was called. What an older one did is no news.
    pub digest: String,
    /// When it began. Of calls that ran beside each other one strike counts: the others could not know of it.
    pub began: Millis,
    /// None: it ended without a halt, whatever it answered.
    pub strike: Option<Strike>,
}

/// A halt that the connector is to blame for.
#[derive(Clone, Debug, PartialEq)]
pub struct Strike {
    /// The halt's stable word, `halt_cpu`. It may be shown to every organization.
    pub code: String,
    /// Its sentence, without secrets; shown to the connection's own organization and to the operator.
    pub reason: String,
    /// How long the connection's jobs wait after the first, the second … strike in a row, in milliseconds; after more
    /// strikes than there are waits, the last.
    pub waits_ms: Vec<u64>,
    /// With so many in a row the connection goes into quarantine; 0: never.
    pub most: u32,
}

/// Since when nothing is started, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// For every connection of the version, or for the one connection alone.
    pub whole_version: bool,
    /// Since when.
    pub since: Millis,
    /// How many calls in a row were halted.
    pub strikes: u32,
    /// Why, in words. For a whole version nothing of any organization stands in it.
    pub reason: String,
}

impl Quarantine {
    /// What whoever waits for it is told, and what lifts it.
    #[must_use]
    pub fn sentence(&self, connector: &str) -> String {
        let what = if self.whole_version { "its version" } else { "this connection" };
        let Self { since, reason, .. } = self;
        format!(
            "the connector `{connector}` is not started: {what} is in quarantine since {since} ({reason}); run \
             `jackfield release {connector}` or install another version, and it goes on"
        )
    }
}

/// What [`Store::release_connector`] lifted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// The installed version.
    pub version: String,
    /// Whether that version was in quarantine for everybody.
    pub whole_version: bool,
    /// Connections that were in quarantine for themselves.
    pub connections: Vec<ConnectionId>,
    /// Connections that were backing off.
    pub backing_off: u64,
}

impl Released {
    /// Whether there was nothing to lift.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.whole_version && self.connections.is_empty() && self.backing_off == 0
    }
}

const ANY: &str = "SELECT 1 FROM strike LIMIT 1";
const FORGIVE: &str = "DELETE FROM strike WHERE connection_id = $1 AND digest = $2 AND quarantined_at IS NULL RETURNING wait_until";
const WAIT_IS_OVER: &str = "UPDATE connection SET wait_until = 0 WHERE id = $1 AND wait_until = $2";
const BEAR_WITNESS: &str = "UPDATE strike SET witness = 1
    WHERE connector_id = (SELECT connector_id FROM connection WHERE id = $1) AND digest = $2
      AND connection_id <> $1 AND witness = 0";
const WHOSE: &str = "SELECT c.org_id, k.id, k.version, k.digest FROM connection c
    JOIN connector k ON k.id = c.connector_id WHERE c.id = $1";
const COUNT: &str = "INSERT INTO strike
        (connection_id, org_id, connector_id, digest, n, first_at, last_at, code, reason)
    VALUES ($1, $2, $3, $4, 1, $5, $5, $6, $7)
    ON CONFLICT (connection_id) DO UPDATE SET
        n = CASE WHEN strike.digest = excluded.digest THEN strike.n + 1 ELSE 1 END,
        first_at = CASE WHEN strike.digest = excluded.digest THEN strike.first_at ELSE excluded.first_at END,
        witness = CASE WHEN strike.digest = excluded.digest THEN strike.witness ELSE 0 END,
        wait_until = CASE WHEN strike.digest = excluded.digest THEN strike.wait_until ELSE 0 END,
        digest = excluded.digest, last_at = excluded.last_at, code = excluded.code, reason = excluded.reason
    WHERE strike.quarantined_at IS NULL AND (strike.digest <> excluded.digest OR $8 >= strike.last_at
        OR excluded.last_at < strike.last_at)
    RETURNING n";
const RETELL: &str =
    "UPDATE strike SET code = $2, reason = $3 WHERE connection_id = $1 AND quarantined_at IS NULL";
const KEEP_WAIT: &str = "UPDATE strike SET wait_until = $2 WHERE connection_id = $1 AND wait_until < $2";
const APART: &str = "UPDATE strike SET quarantined_at = $2 WHERE connection_id = $1";
const FAILING: &str = "SELECT count(*) FROM (SELECT DISTINCT org_id FROM strike
    WHERE connector_id = $1 AND digest = $2 AND quarantined_at IS NOT NULL AND witness = 0) failing";
const USERS: &str = "SELECT count(*) FROM (SELECT DISTINCT org_id FROM connection
    WHERE connector_id = $1 LIMIT $2) users";
const CLOSE: &str = "INSERT INTO quarantine (connector_id, digest, strikes, since, reason)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (connector_id) DO NOTHING";
const CLOSED: &str = "SELECT 1 FROM quarantine WHERE connector_id = $1";

const INSTALLED: &str = "SELECT version, digest FROM connector WHERE id = $1";
const STRUCK: &str = "SELECT connection_id, org_id, quarantined_at FROM strike WHERE connector_id = $1
    ORDER BY connection_id";
const WAIT_NO_MORE: &str = "UPDATE connection SET wait_until = 0
    WHERE id IN (SELECT connection_id FROM strike WHERE connector_id = $1)
      AND wait_until = (SELECT s.wait_until FROM strike s WHERE s.connection_id = connection.id)";
const CLEAR: &str = "DELETE FROM strike WHERE connector_id = $1";
const OPEN: &str = "DELETE FROM quarantine WHERE connector_id = $1";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] =
    &[ANY, FORGIVE, BEAR_WITNESS, WHOSE, COUNT, RETELL, APART, FAILING, USERS, CLOSED, STRUCK, WAIT_NO_MORE];
#[cfg(test)]
pub(crate) const WITNESS: &str = BEAR_WITNESS;

impl Store {
    /// How a call outside the queue ended. Jobs say it with their settlement.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn call_ended(&self, connection: &ConnectionId, end: CallEnd) -> Result<(), StoreError> {
        // Nearly always there is nothing to forgive; a look costs no commit.
        if end.strike.is_none() && self.read().await?.fetch_one(ANY, values![]).await?.is_none() {
            return Ok(());
        }
        let connection = connection.clone();
        self.write(move |tx| async move { ended(tx, &connection, end).await }.boxed()).await
    }

    /// Lifts the quarantines of a connector, of its version and of its connections, and forgets their strikes and the
    /// waits that came of them: their jobs go on at once, in order. None if it is not installed.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn release_connector(&self, connector: &str) -> Result<Option<Released>, StoreError> {
        let connector = connector.to_owned();
        self.write(move |tx| {
            async move {
                let Some(row) = tx.fetch_one(INSTALLED, values![&connector]).await? else { return Ok(None) };
                let mut c = row.read();
                let version = Version { connector, version: c.text()?, digest: c.text()? };
                lift(tx, &version, "an operator released it").await.map(Some)
            }
            .boxed()
        })
        .await
    }
}

/// Whether there are strikes at all, so that the many calls that end well cost nothing.
pub(crate) async fn any(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(tx.fetch_one(ANY, values![]).await?.is_some())
}

/// Counts a strike, or forgives.
pub(crate) async fn ended(tx: &mut Tx, connection: &ConnectionId, end: CallEnd) -> Result<(), StoreError> {
    match end.strike {
        Some(strike) => count(tx, connection, (&end.digest, end.began), strike).await,
        None => {
            forgive(tx, connection, &end.digest).await?;
            tx.execute(BEAR_WITNESS, values![connection, &end.digest]).await.map(|_| ())
        }
    }
}

/// Forgets the strikes, and ends the wait that came of them: a provider's, which is longer, stays.
async fn forgive(tx: &mut Tx, connection: &ConnectionId, digest: &str) -> Result<(), StoreError> {
    let Some(row) = tx.fetch_one(FORGIVE, values![connection, digest]).await? else { return Ok(()) };
    if tx.execute(WAIT_IS_OVER, values![connection, row.read().millis()?]).await? > 0 {
        ready::find(tx, connection).await?;
    }
    Ok(())
}

/// An installed version.
struct Version {
    connector: String,
    version: String,
    digest: String,
}

async fn count(
    tx: &mut Tx,
    connection: &ConnectionId,
    (digest, began): (&str, Millis),
    strike: Strike,
) -> Result<(), StoreError> {
    let Some(row) = tx.fetch_one(WHOSE, values![connection]).await? else { return Ok(()) };
    let mut c = row.read();
    let org = OrgId(c.text()?);
    let version = Version { connector: c.text()?, version: c.text()?, digest: c.text()? };
    if version.digest != digest {
        return Ok(());
    }
    let now = tx.now();
    let row = values![connection, &org, &version.connector, digest, now, &strike.code, &strike.reason, began];
    let Some(row) = tx.fetch_one(COUNT, row).await? else {
        // A call that was under way at the last strike, or when the connection went into quarantine, adds none.
        return tx.execute(RETELL, values![connection, &strike.code, &strike.reason]).await.map(|_| ());
    };
    let n = row.read().u32()?;
    if strike.most > 0 && n >= strike.most {
        return put_apart(tx, connection, &org, &version, n, &strike).await;
    }
    let at = (n as usize).min(strike.waits_ms.len()).saturating_sub(1);
    match strike.waits_ms.get(at) {
        Some(ms) => {
            let until = now.plus(i64::try_from(*ms).unwrap_or(i64::MAX));
            tx.execute(KEEP_WAIT, values![connection, until]).await?;
            status::wait(tx, connection, until).await
        }
        None => Ok(()),
    }
}

/// Puts the connection into quarantine, and the version where it fails for enough.
async fn put_apart(
    tx: &mut Tx,
    connection: &ConnectionId,
    org: &OrgId,
    version: &Version,
    n: u32,
    strike: &Strike,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(APART, values![connection, now]).await?;
    ready::forget(tx, connection).await?;
    let happened = happened(version, ConnectorEventKind::Quarantined, &strike.reason);
    connector_events::record(tx, happened, Some((org, connection))).await?;
    let (id, digest) = (&version.connector, &version.digest);
    let (failing, users) = votes(tx, version).await?;
    if failing < users {
        return Ok(());
    }
    let reason = version_reason(n, failing, strike);
    if tx.execute(CLOSE, values![id, digest, n, now, &reason]).await? > 0 {
        ready::forget_of(tx, id).await?;
        let whole = Happened { reason: &reason, ..happened };
        connector_events::record(tx, whole, None).await?;
    }
    Ok(())
}

/// For how many organizations the version fails, and for how many it must before it is taken from all of them.
async fn votes(tx: &mut Tx, version: &Version) -> Result<(u64, u64), StoreError> {
    let id = &version.connector;
    let failing = number(tx, FAILING, values![id, &version.digest]).await?;
    Ok((failing, number(tx, USERS, values![id, QUORUM]).await?))
}

/// A connection was made. Where too few of those who use the connector now are failing, its version is nobody's to take
/// away any more: it is lifted, and what failed stays in quarantine for itself.
pub(crate) async fn joined(tx: &mut Tx, connector: &str) -> Result<(), StoreError> {
    if tx.fetch_one(CLOSED, values![connector]).await?.is_none() {
        return Ok(());
    }
    let Some((version, digest)) = installed(tx, connector).await? else { return Ok(()) };
    let version = Version { connector: connector.to_owned(), version, digest };
    let (failing, users) = votes(tx, &version).await?;
    if failing >= users {
        return Ok(());
    }
    tx.execute(OPEN, values![connector]).await?;
    let why = "a connection was made, and it fails for too few of those who use it now";
    connector_events::record(tx, happened(&version, ConnectorEventKind::Released, why), None).await?;
    ready::find_of(tx, connector).await
}

/// Every organization reads it: numbers and the host's own words only.
fn version_reason(n: u32, failing: u64, strike: &Strike) -> String {
    let whom = match failing {
        1 => "the only organization that uses it".to_owned(),
        more => format!("{more} organizations"),
    };
    format!(
        "{n} calls in a row were halted for {whom}, the last one with `{}`, and it worked for nobody since",
        strike.code
    )
}

async fn number(tx: &mut Tx, sql: &'static str, row: Vec<crate::sql::Value>) -> Result<u64, StoreError> {
    match tx.fetch_one(sql, row).await? {
        Some(row) => row.read().count(),
        None => Ok(0),
    }
}

/// Another version has taken the place of this one: whatever was held against the old one is void.
pub(crate) async fn replaced(
    tx: &mut Tx,
    connector: &str,
    before: (String, String),
) -> Result<(), StoreError> {
    let (version, digest) = before;
    let before = Version { connector: connector.to_owned(), version, digest };
    lift(tx, &before, "another version was installed").await.map(|_| ())
}

/// Version and digest of what is installed.
pub(crate) async fn installed(tx: &mut Tx, connector: &str) -> Result<Option<(String, String)>, StoreError> {
    let Some(row) = tx.fetch_one(INSTALLED, values![connector]).await? else { return Ok(None) };
    let mut c = row.read();
    Ok(Some((c.text()?, c.text()?)))
}

async fn lift(tx: &mut Tx, version: &Version, why: &str) -> Result<Released, StoreError> {
    let id = &version.connector;
    let struck = tx.fetch(STRUCK, values![id]).await?;
    let mut released = Released { version: version.version.clone(), ..Released::default() };
    released.whole_version = tx.execute(OPEN, values![id]).await? > 0;
    let happened = happened(version, ConnectorEventKind::Released, why);
    for row in struck {
        let mut c = row.read();
        let (connection, org) = (ConnectionId(c.text()?), OrgId(c.text()?));
        if c.opt_millis()?.is_none() {
            released.backing_off += 1;
            continue;
        }
        connector_events::record(tx, happened, Some((&org, &connection))).await?;
        released.connections.push(connection);
    }
    if released.whole_version {
        connector_events::record(tx, happened, None).await?;
    }
    if !released.is_nothing() {
        // A provider's own wait, which is longer, stays.
        tx.execute(WAIT_NO_MORE, values![id]).await?;
        tx.execute(CLEAR, values![id]).await?;
        ready::find_of(tx, id).await?;
    }
    Ok(released)
}

fn happened<'v>(version: &'v Version, kind: ConnectorEventKind, reason: &'v str) -> Happened<'v> {
    let Version { connector, version, digest } = version;
    Happened { connector, version, digest, kind, reason }
}
