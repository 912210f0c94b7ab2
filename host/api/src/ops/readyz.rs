//! `GET /readyz`

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::response::Json as JsonAnswer;

use super::healthz::Health;
use crate::problem::{Code, Problem};
use crate::state::App;

/// A store that takes longer for one small read is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// Does the host serve?
///
/// It does once its boot epoch stands and its store answers, until it begins to shut down.
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "getReadiness",
    responses(
        (status = 200, description = "It does.", body = Health),
        (status = 503, description = "Not yet, or no longer.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn readyz(State(app): State<App>) -> Result<JsonAnswer<Health>, Problem> {
    let not = |why: &str| Problem::new(Code::NotReady, why).retry_after(1);
    if !app.serving.load(Ordering::SeqCst) {
        return Err(not("The host does not serve: it is starting or shutting down."));
    }
    match tokio::time::timeout(PATIENCE, app.store.meta("ready")).await {
        Ok(Ok(_)) => Ok(JsonAnswer(Health { status: "ok" })),
        Ok(Err(e)) => {
            tracing::error!(error = %e, "not ready: the store failed");
            Err(not("The store does not answer; the log says why."))
        }
        Err(_) => Err(not("The store does not answer in time.")),
    }
}
