//! `DELETE /api/connections/{id}`

use axum::extract::State;
use http::StatusCode;

use crate::auth::{Caller, ConnectionsWrite};
use crate::problem::Problem;
use crate::request::Id;
use crate::state::App;

/// Delete a connection
///
/// Its credential, exchanges and links go with it; operations that are open end as failed. What the provider has, stays.
#[utoipa::path(
    delete, path = "/api/connections/{id}", tag = "connections", operation_id = "deleteConnection",
    params(("id" = String, Path, description = "The connection's id.")),
    responses((status = 204, description = "Gone.")),
    security(("key" = ["connections:write"]))
)]
pub(crate) async fn delete(
    caller: Caller<ConnectionsWrite>,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let id = id.into();
    if app.store.delete_connection(&caller.org, &id).await? {
        app.live.forget(&id);
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("connection"))
    }
}
