//! What the handlers work with.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use catalog::Catalog;
use model::{Clock, ConnectionId, Ids, OrgId};
use serde_json::Value;
use store::Store;
use tokio::sync::Semaphore;
use vault::Vault;

use crate::known::KnownKeys;

/// Everything the surface needs; `jackfield` fills it in.
#[derive(Clone)]
pub struct Api {
    /// Everything durable.
    pub store: Store,
    /// Seals credentials.
    pub vault: Arc<Vault>,
    /// The installed connectors.
    pub catalog: Arc<Catalog>,
    /// The road to a connector in the middle of a request.
    pub live: Arc<dyn Live>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of connections and requests.
    pub ids: Arc<dyn Ids>,
    /// Whether the host serves: set once its boot epoch stands, cleared when it shuts down. `/readyz` shows it.
    pub serving: Arc<AtomicBool>,
    /// Bounds on requests.
    pub limits: Limits,
}

/// Bounds on requests that a test or an operator may set otherwise.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests under `/api` that are worked on at once; one more is answered 503 `overloaded`. Default 512.
    pub in_flight: usize,
    /// Bodies above 256 KiB, or of unknown length, that are held in memory at once; others wait. Default 16.
    pub large_bodies: usize,
    /// How long a body may take to arrive, waiting for room included. Default 20 s.
    pub body: Duration,
    /// How long a live call may take; less than the request may. Default 25 s.
    pub live: Duration,
    /// How long a request may take altogether. Default 30 s.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 512,
            large_bodies: 16,
            body: Duration::from_secs(20),
            live: Duration::from_secs(25),
            request: Duration::from_secs(30),
        }
    }
}

/// The live lane: what a request handler may ask of a connector while the caller waits.
#[async_trait]
pub trait Live: Send + Sync {
    /// Runs `lifecycle.probe` over a connection, keeps what it says of the account and returns it, an object. The
    /// connection's status follows from the outcome as it does from any call.
    ///
    /// # Errors
    /// When the provider or the connector refuses, or the host could not ask.
    async fn probe(&self, org: &OrgId, connection: &ConnectionId) -> Result<Value, LiveError>;

    /// The connection was deleted or changed: nothing that was kept of it between calls is of use any more.
    fn forget(&self, _connection: &ConnectionId) {}
}

/// Why a live call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The provider or the connector says no; an answer in its own right, and no fault of the host.
    #[error("{code}: {message}")]
    Refused {
        /// Stable: `auth_expired`, `permission_missing`, `rate_limited`, `denied`, `halted`, …
        code: String,
        /// For people, without secrets.
        message: String,
    },
    /// The connector has nothing to probe with.
    #[error("this connector cannot be tested: it does not export jackfield:core/lifecycle")]
    Unsupported,
    /// The connector or the connection is in quarantine: no guest was started. The text says what lifts it.
    #[error("{0}")]
    Quarantined(String),
    /// Every place for a live call is taken.
    #[error("too many live calls at once")]
    Busy,
    /// The host failed. The text goes to the log, not to the caller.
    #[error("{0}")]
    Failed(String),
}

/// [`Api`] and what the router itself holds; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

pub(crate) struct Inner {
    api: Api,
    pub(crate) in_flight: Semaphore,
    pub(crate) large_bodies: Arc<Semaphore>,
    pub(crate) openapi: Bytes,
    pub(crate) keys: KnownKeys,
}

impl App {
    pub(crate) fn new(api: Api, openapi: Bytes) -> Self {
        Self(Arc::new(Inner {
            in_flight: Semaphore::new(api.limits.in_flight),
            large_bodies: Arc::new(Semaphore::new(api.limits.large_bodies)),
            api,
            openapi,
            keys: KnownKeys::default(),
        }))
    }
}

impl Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Deref for Inner {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}
