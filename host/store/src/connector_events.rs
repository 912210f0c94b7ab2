//! What happened to a connector: quarantined, released. And what is in quarantine now, for whoever shows it.

use model::{ConnectionId, Millis, OrgId};

use crate::sql::{Columns, values};
use crate::tx::Tx;
use crate::{Quarantine, Store, StoreError};

/// So many events are kept per connector and organization, and as many that concern a whole version.
const KEPT: i64 = 200;
/// Most events of a page.
const PAGE: u32 = 1_000;

macro_rules! columns {
    () => {
        "id, connector_id, version, digest, org_id, connection_id, kind, at, reason"
    };
}

const RECORD: &str =
    concat!("INSERT INTO connector_event (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
const TRIM: &str = "DELETE FROM connector_event WHERE connector_id = $1 AND org_id = $2 AND id <=
    (SELECT id FROM connector_event WHERE connector_id = $1 AND org_id = $2 ORDER BY id DESC LIMIT 1 OFFSET $3)";
const OF_ORG: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM connector_event WHERE connector_id = $1 AND org_id IN ('', $2) AND ($3 = '' OR id < $3)
    ORDER BY id DESC LIMIT $4"
);
const OF_ALL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM connector_event WHERE connector_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"
);
const AFTER: &str =
    concat!("SELECT ", columns!(), " FROM connector_event WHERE id > $1 ORDER BY id LIMIT $2");
const LAST: &str = "SELECT id FROM connector_event ORDER BY id DESC LIMIT 1";

const VERSIONS: &str = "SELECT connector_id, since, strikes, reason FROM quarantine LIMIT 10000";
const VERSION: &str = "SELECT connector_id, since, strikes, reason FROM quarantine WHERE connector_id = $1";

/// Connections in quarantine of the organization `$1`, or of all where it is empty.
macro_rules! connections {
    ($which:literal) => {
        concat!(
            "SELECT connector_id, connection_id, org_id, quarantined_at, n, reason FROM strike
    WHERE quarantined_at IS NOT NULL AND ($1 = '' OR org_id = $1)",
            $which,
            " ORDER BY connection_id LIMIT 10000"
        )
    };
}
const CONNECTIONS: &str = connections!("");
const CONNECTIONS_OF: &str = connections!(" AND connector_id = $2");

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] =
    &[RECORD, TRIM, OF_ORG, OF_ALL, AFTER, LAST, VERSIONS, VERSION, CONNECTIONS, CONNECTIONS_OF];

/// Something that happened to a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorEvent {
    /// Its id; later ones are greater.
    pub id: String,
    /// The connector.
    pub connector: String,
    /// Which version of it.
    pub version: String,
    /// That version's digest.
    pub digest: String,
    /// Whose connection, and which; none where it concerns the whole version.
    pub connection: Option<(OrgId, ConnectionId)>,
    /// What.
    pub kind: ConnectorEventKind,
    /// When.
    pub at: Millis,
    /// Why, in words.
    pub reason: String,
}

/// What happened to a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorEventKind {
    /// It is not started any more.
    Quarantined,
    /// It is started again.
    Released,
}

impl ConnectorEventKind {
    /// `quarantined`, `released`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Released => "released",
        }
    }

    fn parse(name: &str) -> Result<Self, StoreError> {
        match name {
            "quarantined" => Ok(Self::Quarantined),
            "released" => Ok(Self::Released),
            other => Err(StoreError::Corrupt(format!("a connector's event is of the kind `{other}`"))),
        }
    }
}

/// What is in quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantines {
    /// Connectors whose installed version is, the first 10,000.
    pub versions: Vec<(String, Quarantine)>,
    /// Connections that are for themselves, the first 10,000.
    pub connections: Vec<QuarantinedConnection>,
}

/// A connection that is in quarantine for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedConnection {
    /// Of which connector.
    pub connector: String,
    /// Which.
    pub connection: ConnectionId,
    /// Whose.
    pub org: OrgId,
    /// Since when, and why.
    pub quarantine: Quarantine,
}

impl Store {
    /// What is in quarantine, of `connector` or of every one: versions, and the connections of `org`, or of every
    /// organization for an operator.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn quarantines(
        &self,
        connector: Option<&str>,
        org: Option<&OrgId>,
    ) -> Result<Quarantines, StoreError> {
        let mut reader = self.read().await?;
        let mut found = Quarantines::default();
        let org = org.map_or("", OrgId::as_str);
        let (versions, connections) = match connector {
            Some(id) => (
                reader.fetch(VERSION, values![id]).await?,
                reader.fetch(CONNECTIONS_OF, values![org, id]).await?,
            ),
            None => {
                (reader.fetch(VERSIONS, values![]).await?, reader.fetch(CONNECTIONS, values![org]).await?)
            }
        };
        for row in versions {
            let mut c = row.read();
            let connector = c.text()?;
            found.versions.push((connector, quarantine(&mut c, true)?));
        }
        for row in connections {
            let mut c = row.read();
            found.connections.push(QuarantinedConnection {
                connector: c.text()?,
                connection: c.text()?.into(),
                org: c.text()?.into(),
                quarantine: quarantine(&mut c, false)?,
            });
        }
        Ok(found)
    }

    /// What happened to a connector, the latest first, before the id `before`, 1 to 1,000 of it: what concerns whole
    /// versions and the connections of `org`, or everything for an operator.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn connector_events(
        &self,
        connector: &str,
        org: Option<&OrgId>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectorEvent>, StoreError> {
        let (before, limit) = (before.unwrap_or_default(), limit.clamp(1, PAGE));
        let mut reader = self.read().await?;
        let rows = match org {
            Some(org) => reader.fetch(OF_ORG, values![connector, org, before, limit]).await?,
            None => reader.fetch(OF_ALL, values![connector, before, limit]).await?,
        };
        rows.iter().map(|row| event(row.read())).collect()
    }

    /// What happened to any connector after the event with this id, the earliest first, 1 to 1,000 of it.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn connector_events_after(
        &self,
        id: &str,
        limit: u32,
    ) -> Result<Vec<ConnectorEvent>, StoreError> {
        let rows = self.read().await?.fetch(AFTER, values![id, limit.clamp(1, PAGE)]).await?;
        rows.iter().map(|row| event(row.read())).collect()
    }

    /// The id of the latest event of any connector; empty where there was none.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn last_connector_event(&self) -> Result<String, StoreError> {
        let row = self.read().await?.fetch_one(LAST, values![]).await?;
        row.map_or(Ok(String::new()), |row| row.read().text())
    }
}

/// An event to record.
#[derive(Clone, Copy)]
pub(crate) struct Happened<'v> {
    pub connector: &'v str,
    pub version: &'v str,
    pub digest: &'v str,
    pub kind: ConnectorEventKind,
    pub reason: &'v str,
}

/// Records what happened to a version, or to one connection with it.
pub(crate) async fn record(
    tx: &mut Tx,
    what: Happened<'_>,
    of: Option<(&OrgId, &ConnectionId)>,
) -> Result<(), StoreError> {
    let (id, now) = (tx.new_id(), tx.now());
    let (org, connection) = of.map_or(("", ""), |(org, connection)| (org.as_str(), connection.as_str()));
    let Happened { connector, version, digest, kind, reason } = what;
    let row = values![id, connector, version, digest, org, connection, kind.as_str(), now, reason];
    tx.execute(RECORD, row).await?;
    tx.execute(TRIM, values![connector, org, KEPT]).await.map(|_| ())
}

/// Reads since, strikes and reason.
fn quarantine(c: &mut Columns<'_>, whole_version: bool) -> Result<Quarantine, StoreError> {
    Ok(Quarantine { whole_version, since: c.millis()?, strikes: c.u32()?, reason: c.text()? })
}

fn event(mut c: Columns<'_>) -> Result<ConnectorEvent, StoreError> {
    let (id, connector, version, digest) = (c.text()?, c.text()?, c.text()?, c.text()?);
    let (org, connection) = (OrgId(c.text()?), ConnectionId(c.text()?));
    Ok(ConnectorEvent {
        id,
        connector,
        version,
        digest,
        connection: (!connection.as_str().is_empty()).then_some((org, connection)),
        kind: ConnectorEventKind::parse(&c.text()?)?,
        at: c.millis()?,
        reason: c.text()?,
    })
}
