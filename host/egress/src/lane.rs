//! One call's way out: whose it is, what it may reach, until when.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{ConnectionId, JobId, OrgId};
use tokio::time::Instant;

use crate::redact::Redactor;
use crate::{Authorise, Egress, Observed, Policy, Refusal, Request, Response, column};

/// What a lane is made from.
pub struct LaneOptions {
    /// Whose it is.
    pub org: OrgId,
    /// Over which connection; budgets and sockets are kept by it.
    pub connection: ConnectionId,
    /// The connector's id.
    pub connector: String,
    /// For which job, where there is one.
    pub job: Option<JobId>,
    /// The grants.
    pub policy: Arc<Policy>,
    /// Where the credential comes from.
    pub authorise: Arc<dyn Authorise>,
    /// Base URLs of `settings` and `account` endpoints, by name.
    pub endpoints: BTreeMap<String, String>,
    /// What one call may use.
    pub limits: LaneLimits,
    /// After it, nothing is waited for.
    pub deadline: Instant,
}

/// What one call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// Requests, followed redirects included.
    pub requests: u32,
    /// The largest request body.
    pub request_bytes: u64,
    /// The largest answer body.
    pub response_bytes: u64,
    /// The headers of a request, and the head of an answer; for an answer at least 8 KiB.
    pub header_bytes: u64,
}

impl Default for LaneLimits {
    /// 100 requests, bodies of 8 MiB, headers of 32 KiB.
    fn default() -> Self {
        Self { requests: 100, request_bytes: 8 << 20, response_bytes: 8 << 20, header_bytes: 32 << 10 }
    }
}

/// One call's way out. Clones share everything.
#[derive(Clone)]
pub struct Lane(pub(crate) Arc<LaneInner>);

pub(crate) struct LaneInner {
    pub egress: Arc<Egress>,
    pub options: LaneOptions,
    pub state: Mutex<LaneState>,
}

#[derive(Default)]
pub(crate) struct LaneState {
    pub observed: Observed,
    pub redactor: Redactor,
    pub requests: u32,
    /// How many requests are under way, and since when there has been one.
    sending: u32,
    since: Option<Instant>,
}

impl LaneState {
    fn under_way(&self) -> Duration {
        self.since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

/// A request under way, until it is dropped: also when whoever waits for it stops waiting.
struct UnderWay<'l>(&'l LaneInner);

impl<'l> UnderWay<'l> {
    fn begin(lane: &'l LaneInner) -> Self {
        let mut state = lane.state();
        state.sending += 1;
        state.since.get_or_insert_with(Instant::now);
        Self(lane)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.sending = state.sending.saturating_sub(1);
        if state.sending == 0 {
            let spent = state.under_way();
            state.observed.waited += spent;
            state.since = None;
        }
    }
}

impl Lane {
    pub(crate) fn new(egress: Arc<Egress>, options: LaneOptions) -> Self {
        Self(Arc::new(LaneInner { egress, options, state: Mutex::default() }))
    }

    /// Walks the column once, and once more per redirect that the manifest allows.
    ///
    /// # Errors
    /// A [`Refusal`], which says exactly whether anything may have gone out.
    pub async fn send(&self, request: Request) -> Result<Response, Refusal> {
        let _under_way = UnderWay::begin(&self.0);
        column::send(&self.0, request).await
    }

    /// The call waited so long for the host itself, with no request under way: that is not the guest's time either.
    pub fn waited(&self, spent: Duration) {
        self.0.state().observed.waited += spent;
    }

    /// What the host saw on the wire so far.
    #[must_use]
    pub fn observed(&self) -> Observed {
        let state = self.0.state();
        let mut seen = state.observed.clone();
        seen.waited += state.under_way();
        seen
    }

    /// How many requests were asked for, if that is more than there may be. Those beyond were refused.
    #[must_use]
    pub fn asked_too_often(&self) -> Option<u32> {
        let asked = self.0.state().requests;
        (asked > self.0.options.limits.requests).then_some(asked)
    }

    /// What the call may use.
    #[must_use]
    pub fn limits(&self) -> &LaneLimits {
        &self.0.options.limits
    }

    /// `text` with every secret that was injected so far cut out, in its percent-encoded, base64 and JSON-escaped forms
    /// too.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.0.state().redactor.text(text).into_owned()
    }

    /// The base URL of an endpoint, if it is known. One that comes from the credential is answered as its
    /// `https://NAME.endpoint.invalid` address.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Option<String> {
        let declared = self.0.options.policy.endpoint(name)?;
        if declared.is_secret() {
            return Some(format!("https://{name}{}", crate::target::ENDPOINT_SUFFIX));
        }
        self.0.options.endpoints.get(name).cloned()
    }

    /// The base URLs of `settings` and `account` endpoints, by name: those of which a guest may learn more than the name.
    #[must_use]
    pub fn endpoints(&self) -> &BTreeMap<String, String> {
        &self.0.options.endpoints
    }

    /// When the lane's time is up.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.0.options.deadline
    }
}

impl LaneInner {
    /// The lane's state. Nothing is awaited while it is held, and a panic elsewhere cannot leave it half-written.
    pub fn state(&self) -> std::sync::MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("org", &self.0.options.org)
            .field("connection", &self.0.options.connection)
            .field("connector", &self.0.options.connector)
            .finish_non_exhaustive()
    }
}
