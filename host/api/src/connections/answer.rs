//! A connection as it is shown: all of it but its credential.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use store::{Connection, ConnectionStatus};
use utoipa::ToSchema;

use crate::connectors::standing::QuarantineAnswer;

/// An organization's account at one provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Connection)]
pub(crate) struct ConnectionAnswer {
    /// Its id.
    pub(super) id: String,
    /// The connector's id.
    connector: String,
    /// What its owner calls it.
    name: String,
    /// Whether it works.
    status: Status,
    /// Why it does not, in words.
    status_reason: Option<String>,
    /// Why nothing of it is started, whatever else its status is.
    quarantine: Option<QuarantineAnswer>,
    /// Calls in a row that its connector was halted in; its operations wait longer after each.
    strikes: u32,
    /// The kind of its credential: `bearer`, `api-key`, `basic`, `webhook-url`. The credential is never shown.
    credential_kind: Option<String>,
    /// Its settings, as the connector's manifest describes them.
    #[schema(value_type = Object)]
    settings: Value,
    /// Which of our nouns are synchronised; a missing one is.
    sync_settings: BTreeMap<String, bool>,
    /// Ours on the left, the provider's fields on the right; none: the connector's own default.
    field_mapping: Option<BTreeMap<String, String>>,
    /// What the provider last said of the account.
    #[schema(value_type = Option<Object>)]
    account: Option<Value>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Whether a connection works: `active` (or nobody has tried yet), `reconnect-required` (the provider refuses the
/// credential: PATCH a new one), `consent-required` (permissions are missing at the provider), `disabled` (by its owner),
/// `quarantined` (active, but its connector was halted again and again: an operator has to release it).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    Active,
    ReconnectRequired,
    ConsentRequired,
    Disabled,
    Quarantined,
}

impl From<Connection> for ConnectionAnswer {
    fn from(c: Connection) -> Self {
        let (status, said) = match (c.status, &c.quarantine) {
            (ConnectionStatus::Active, Some(q)) => (Status::Quarantined, Some(q.sentence(&c.connector))),
            (ConnectionStatus::Active, None) => (Status::Active, None),
            (ConnectionStatus::ReconnectRequired, _) => (Status::ReconnectRequired, None),
            (ConnectionStatus::ConsentRequired, _) => (Status::ConsentRequired, None),
            (ConnectionStatus::Disabled, _) => (Status::Disabled, None),
        };
        Self {
            id: c.id.0,
            connector: c.connector,
            name: c.name,
            status,
            status_reason: said.or(c.status_reason),
            quarantine: c.quarantine.as_ref().map(Into::into),
            strikes: c.strikes,
            credential_kind: c.credential_kind,
            settings: c.settings,
            sync_settings: c.sync_settings,
            field_mapping: c.field_mapping,
            account: c.account,
            created_at: c.created_at.rfc3339(),
            updated_at: c.updated_at.rfc3339(),
        }
    }
}
