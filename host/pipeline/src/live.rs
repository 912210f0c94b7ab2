//! The live lane: what somebody waits for. It runs at once, not from the queue, and to its end: who stops waiting does not
//! take back what the guest did.

use std::sync::Arc;
use std::time::Duration;

use model::{ConnectionId, OrgId};
use sandbox::Halt;
use serde_json::Value;
use store::{ConnectionPatch, ConnectionStatus, StoreError};
use tokio::sync::{Semaphore, watch};

use crate::bounds::Bounds;
use crate::error_view::ErrorView;
use crate::open::Open;
use crate::strikes::blames_guest;
use crate::{OpenError, Pipeline};

/// Live calls at one time: half of the sandbox's places, so that whoever tests connections does not stop deliveries.
pub(crate) const AT_ONCE: usize = 32;
/// The longest live call: less than the API waits, so that it is known how it ended, and a guest that sleeps is halted.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

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
    Halt(#[from] Halt),
    /// The provider, or the connector, said no.
    #[error("{message}")]
    Refused {
        /// The contract's error case: `auth_expired`, `forbidden`, …
        code: String,
        /// In words.
        message: String,
    },
    /// As many live calls as there may be are under way.
    #[error("too many live calls at once")]
    Busy,
    /// A fault in the host, or it is being stopped.
    #[error("{0}")]
    Broken(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs `call` in a task of its own, if there is a place for it: its end is accounted for also when nobody waits for it any
/// more. A shutdown that waits no longer breaks it off.
async fn run<T: Send + 'static>(
    places: &Arc<Semaphore>,
    mut cut: watch::Receiver<bool>,
    call: impl Future<Output = Result<T, LiveError>> + Send + 'static,
) -> Result<T, LiveError> {
    let place = places.clone().try_acquire_owned().map_err(|_| LiveError::Busy)?;
    let task = tokio::spawn(async move {
        let _place = place;
        tokio::select! {
            answer = call => answer,
            _ = cut.wait_for(|cut| *cut) => Err(LiveError::Broken("the host was stopped meanwhile".to_owned())),
        }
    });
    task.await.unwrap_or_else(|e| Err(LiveError::Broken(format!("a live call's task ended badly: {e}"))))
}

/// What a halt is called where somebody waits. A deadline that went to the provider is the provider's, and the connector
/// cannot have more time than a live call gets.
fn halted(halt: Halt, blamed: bool) -> LiveError {
    let refused = |code: &str, message: String| LiveError::Refused { code: code.to_owned(), message };
    match halt {
        Halt::Deadline { .. } if !blamed => {
            refused("timeout", "The provider did not answer in time.".to_owned())
        }
        Halt::Deadline { limit_ms } if u128::from(limit_ms) >= DEADLINE.as_millis() => refused(
            halt.code(),
            format!("The connector was not done in the {limit_ms} ms that a live call has."),
        ),
        halt => halt.into(),
    }
}

/// The halt of an opened connection's call.
fn seen(open: &Open, halt: Halt) -> LiveError {
    let blamed = blames_guest(&halt, &open.lane.observed(), open.called().unwrap_or_default());
    halted(halt, blamed)
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
    pub async fn probe(self: &Arc<Self>, org: &OrgId, connection: &ConnectionId) -> Result<Value, LiveError> {
        let (this, org, connection) = (self.clone(), org.clone(), connection.clone());
        run(&self.live, self.cut.subscribe(), async move { this.probed(&org, &connection).await }).await
    }

    async fn probed(&self, org: &OrgId, connection: &ConnectionId) -> Result<Value, LiveError> {
        let store = &self.parts.store;
        let connection = store.connection(org, connection).await?.ok_or(LiveError::NoConnection)?;
        let open = self.open(&connection, None).await?;
        let answer = open.connector.probe(open.call(&connection, store)).await;
        let forget = |_: &Halt| self.parts.sandbox.forget(&connection.id);
        let answer = match answer {
            Ok(Ok(account)) => Bounds(&open.lane).account(account).inspect_err(forget).map(Ok),
            other => other,
        };
        store.flush_exchanges().await?;
        if let Some(end) = self.call_end(&open, answer.as_ref().err()) {
            store.call_ended(&connection.id, end).await?;
        }
        match answer.map_err(|halt| seen(&open, halt))? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_live_call_that_nobody_waits_for_any_more_goes_on_to_its_end() {
        let (places, (cut, _)) = (Arc::new(Semaphore::new(1)), watch::channel(false));
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let (done, ended) = tokio::sync::oneshot::channel();
        let call = async move {
            let _ = wait.await;
            let _ = done.send("accounted for");
            Ok(())
        };
        let waiting = tokio::time::timeout(Duration::from_millis(20), run(&places, cut.subscribe(), call));
        assert!(waiting.await.is_err());
        // It keeps its place.
        let another = run(&places, cut.subscribe(), async { Ok(()) }).await;
        assert!(matches!(another, Err(LiveError::Busy)), "{another:?}");
        go.send(()).unwrap();
        assert_eq!(ended.await, Ok("accounted for"));
        let _free = places.acquire().await.unwrap();
    }

    #[tokio::test]
    async fn a_shutdown_that_waits_no_longer_breaks_live_calls_off_and_a_panic_is_no_answer() {
        let (places, (cut, _)) = (Arc::new(Semaphore::new(1)), watch::channel(false));
        let panics = run::<()>(&places, cut.subscribe(), async { panic!("a fault") }).await;
        assert!(matches!(panics, Err(LiveError::Broken(_))), "{panics:?}");
        let forever = run::<()>(&places, cut.subscribe(), std::future::pending());
        let (ended, _) = tokio::join!(forever, async { cut.send_replace(true) });
        assert!(matches!(ended, Err(LiveError::Broken(_))), "{ended:?}");
    }

    #[test]
    fn who_waits_is_told_whether_the_provider_or_the_connector_took_too_long() {
        let code = |halt: Halt, blamed| match halted(halt, blamed) {
            LiveError::Refused { code, message } => (code, message.contains("raise")),
            other => ("as it is".to_owned(), other.to_string().contains("raise")),
        };
        let late = |limit_ms| Halt::Deadline { limit_ms };
        assert_eq!(code(late(20_000), false), ("timeout".to_owned(), false));
        assert_eq!(code(late(20_000), true), ("halt_deadline".to_owned(), false));
        assert_eq!(code(late(5_000), true), ("as it is".to_owned(), true));
        assert_eq!(code(Halt::Cpu { used_ms: 2, limit_ms: 1 }, true), ("as it is".to_owned(), true));
    }
}
