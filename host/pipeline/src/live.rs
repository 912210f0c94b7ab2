//! The live lane: what somebody waits for. It runs in line, not from the queue.

use model::{ConnectionId, OrgId};
use serde_json::Value;
use store::{ConnectionPatch, ConnectionStatus, StoreError};

use crate::bounds::Bounds;
use crate::error_view::ErrorView;
use crate::{OpenError, Pipeline};

/// A live call had no answer.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// There is no such connection in this organization.
    #[error("there is no such connection")]
    NoConnection,
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The guest was halted.
    #[error(transparent)]
    Halt(#[from] sandbox::Halt),
    /// The provider, or the connector, said no.
    #[error("{message}")]
    Refused {
        /// The contract's error case: `auth_expired`, `forbidden`, …
        code: String,
        /// In words.
        message: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Pipeline {
    /// Retires what is kept warm for a connection that was deleted or changed.
    pub fn forget(&self, connection: &ConnectionId) {
        self.parts.sandbox.forget(connection);
    }

    /// Asks the provider who the credential belongs to, and keeps the answer with the connection.
    ///
    /// # Errors
    /// When the connection cannot be opened, the guest is halted, or the provider refuses.
    pub async fn probe(&self, org: &OrgId, connection: &ConnectionId) -> Result<Value, LiveError> {
        let store = &self.parts.store;
        let connection = store.connection(org, connection).await?.ok_or(LiveError::NoConnection)?;
        let open = self.open(&connection, None).await?;
        let answer = open.connector.probe(open.call(&connection, store)).await;
        let forget = |_: &sandbox::Halt| self.parts.sandbox.forget(&connection.id);
        let answer = match answer {
            Ok(Ok(account)) => Bounds(&open.lane).account(account).inspect_err(forget).map(Ok),
            other => other,
        };
        store.flush_exchanges().await?;
        if let Some(end) = self.call_end(&open, answer.as_ref().err()) {
            store.call_ended(&connection.id, end).await?;
        }
        match answer? {
            Ok(account) => {
                let account = serde_json::json!({
                    "id": account.id,
                    "label": account.label,
                    "routingKeys": account.routing_keys,
                    "endpoints": account.endpoints,
                    "grantedScopes": account.granted_scopes,
                });
                store.set_account(&connection.id, &account).await?;
                if matches!(
                    connection.status,
                    ConnectionStatus::ReconnectRequired | ConnectionStatus::ConsentRequired
                ) {
                    // It works again: what was held for it may go on.
                    let works =
                        ConnectionPatch { status: Some(ConnectionStatus::Active), ..Default::default() };
                    store.update_connection(org, &connection.id, works).await?;
                }
                Ok(account)
            }
            Err(error) => {
                let seen = ErrorView::of(&Bounds(&open.lane).error(error));
                let status = match seen.code {
                    "auth_expired" => Some(ConnectionStatus::ReconnectRequired),
                    "forbidden" => Some(ConnectionStatus::ConsentRequired),
                    _ => None,
                };
                // Its owner's switching off stands above what the provider says.
                if let Some(status) = status.filter(|_| connection.status != ConnectionStatus::Disabled) {
                    store.set_connection_status(&connection.id, status, Some(&seen.message)).await?;
                }
                Err(LiveError::Refused { code: seen.code.to_owned(), message: seen.message })
            }
        }
    }
}
