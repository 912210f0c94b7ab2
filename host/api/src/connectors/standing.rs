//! Whether a connector is started, and why not.

use serde::Serialize;
use store::{Quarantine, Quarantines};
use utoipa::ToSchema;

/// Whether a connector is started: `active`, or `quarantined` (its calls were halted again and again; an operator's
/// `jackfield release` or another version lifts it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConnectorStatus {
    Active,
    Quarantined,
}

/// Since when nothing is started, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Quarantine)]
pub(crate) struct QuarantineAnswer {
    /// Whether the version is kept from every connection, or from this one alone.
    whole_version: bool,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// How many calls in a row were halted.
    strikes: u32,
    /// Why, in words.
    reason: String,
}

/// A connection of this organization that is in quarantine for itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct QuarantinedConnection {
    /// Its id.
    connection: String,
    /// Since when, and why.
    #[serde(flatten)]
    quarantine: QuarantineAnswer,
}

/// Where a connector stands, as far as one organization may know.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(super) status: ConnectorStatus,
    pub(super) quarantine: Option<QuarantineAnswer>,
    pub(super) connections: Vec<QuarantinedConnection>,
}

impl Standing {
    /// Where `connector` stands; `found` is what the asking organization may see.
    pub(super) fn of(connector: &str, found: &Quarantines) -> Self {
        let version = found.versions.iter().find(|(id, _)| id == connector);
        let own = found.connections.iter().filter(|q| q.connector == connector);
        Self {
            status: version.map_or(ConnectorStatus::Active, |_| ConnectorStatus::Quarantined),
            quarantine: version.map(|(_, quarantine)| quarantine.into()),
            connections: own
                .map(|q| QuarantinedConnection {
                    connection: q.connection.to_string(),
                    quarantine: (&q.quarantine).into(),
                })
                .collect(),
        }
    }
}

impl From<&Quarantine> for QuarantineAnswer {
    fn from(q: &Quarantine) -> Self {
        let Quarantine { whole_version, since, strikes, reason } = q;
        Self {
            whole_version: *whole_version,
            since: since.rfc3339(),
            strikes: *strikes,
            reason: reason.clone(),
        }
    }
}
