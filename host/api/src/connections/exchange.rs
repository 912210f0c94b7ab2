//! `GET /api/connections/{id}/exchanges/{exchange}`

use axum::extract::State;
use axum::response::Json as JsonAnswer;

use super::exchange_answer::ExchangeAnswer;
use crate::auth::{Caller, ConnectionsRead};
use crate::problem::Problem;
use crate::request::IdPair;
use crate::state::App;

/// Read an exchange
#[utoipa::path(
    get, path = "/api/connections/{id}/exchanges/{exchange}", tag = "connections", operation_id = "getExchange",
    params(
        ("id" = String, Path, description = "The connection's id."),
        ("exchange" = String, Path, description = "The exchange's id."),
    ),
    responses((status = 200, description = "The exchange.", body = ExchangeAnswer)),
    security(("key" = ["connections:read"]))
)]
pub(crate) async fn get(
    caller: Caller<ConnectionsRead>,
    State(app): State<App>,
    IdPair(id, exchange): IdPair,
) -> Result<JsonAnswer<ExchangeAnswer>, Problem> {
    let connection = super::find(&app, &caller.org, &id.into()).await?;
    app.store.flush_exchanges().await?;
    let found = app.store.exchange(&caller.org, &exchange.into()).await?;
    let found = found.filter(|e| e.connection == connection.id);
    Ok(JsonAnswer(found.ok_or_else(|| Problem::not_found("exchange"))?.into()))
}
