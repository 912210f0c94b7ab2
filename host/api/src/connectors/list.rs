//! `GET /api/connectors`

use axum::extract::State;
use axum::response::Json as JsonAnswer;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::ConnectorAnswer;
use crate::auth::{Caller, ConnectorsRead};
use crate::problem::Problem;
use crate::request::Parameters;
use crate::state::App;

/// Every installed connector.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connectors {
    /// By id.
    connectors: Vec<ConnectorAnswer>,
}

/// List connectors
#[utoipa::path(
    get, path = "/api/connectors", tag = "connectors", operation_id = "listConnectors",
    responses((status = 200, description = "All that are installed.", body = Connectors)),
    security(("key" = ["connectors:read"]))
)]
pub(crate) async fn list(
    caller: Caller<ConnectorsRead>,
    State(app): State<App>,
    query: Parameters,
) -> Result<JsonAnswer<Connectors>, Problem> {
    query.close(&[])?;
    let entries = app.catalog.list().await?;
    let found = app.store.quarantines(None, Some(&caller.org)).await?;
    let connectors = entries.iter().map(|e| ConnectorAnswer::new(e, &found)).collect();
    Ok(JsonAnswer(Connectors { connectors }))
}
