//! `GET /healthz`

use axum::response::Json as JsonAnswer;
use serde::Serialize;
use utoipa::ToSchema;

/// A short answer for a probe.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`
    pub(super) status: &'static str,
}

/// Is the process up?
#[utoipa::path(
    get, path = "/healthz", tag = "operation", operation_id = "getHealth",
    responses((status = 200, description = "It is.", body = Health))
)]
pub(crate) async fn healthz() -> JsonAnswer<Health> {
    JsonAnswer(Health { status: "ok" })
}
