//! `GET /api/connections/{id}`

use axum::extract::State;
use axum::response::Json as JsonAnswer;

use super::answer::ConnectionAnswer;
use crate::auth::{Caller, ConnectionsRead};
use crate::problem::Problem;
use crate::request::Id;
use crate::state::App;

/// Read a connection
#[utoipa::path(
    get, path = "/api/connections/{id}", tag = "connections", operation_id = "getConnection",
    params(("id" = String, Path, description = "The connection's id.")),
    responses((status = 200, description = "The connection.", body = ConnectionAnswer)),
    security(("key" = ["connections:read"]))
)]
pub(crate) async fn get(
    caller: Caller<ConnectionsRead>,
    State(app): State<App>,
    Id(id): Id,
) -> Result<JsonAnswer<ConnectionAnswer>, Problem> {
    let connection = super::find(&app, &caller.org, &id.into()).await?;
    Ok(JsonAnswer(connection.into()))
}
