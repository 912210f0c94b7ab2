//! `GET /api/connectors/{id}`

use axum::extract::State;
use axum::response::Json as JsonAnswer;

use super::answer::ConnectorAnswer;
use crate::auth::{Caller, ConnectorsRead};
use crate::problem::{Code, Problem};
use crate::request::Id;
use crate::state::App;

/// Read a connector
#[utoipa::path(
    get, path = "/api/connectors/{id}", tag = "connectors", operation_id = "getConnector",
    params(("id" = String, Path, description = "The connector's id.")),
    responses((status = 200, description = "The connector.", body = ConnectorAnswer)),
    security(("key" = ["connectors:read"]))
)]
pub(crate) async fn get(
    caller: Caller<ConnectorsRead>,
    State(app): State<App>,
    Id(id): Id,
) -> Result<JsonAnswer<ConnectorAnswer>, Problem> {
    let entry = super::find(&app, &id).await?;
    let entry = entry.ok_or_else(|| Problem::new(Code::NotFound, "No connector of this id is installed."))?;
    let found = app.store.quarantines(Some(&id), Some(&caller.org)).await?;
    Ok(JsonAnswer(ConnectorAnswer::new(&entry, &found)))
}
