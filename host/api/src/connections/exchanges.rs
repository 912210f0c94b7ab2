//! `GET /api/connections/{id}/exchanges`

use axum::extract::State;
use axum::response::{IntoResponse as _, Json as JsonAnswer, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::exchange_answer::{ExchangeAnswer, for_har};
use crate::auth::{Caller, ConnectionsRead};
use crate::page::Page;
use crate::problem::{Code, Problem};
use crate::request::{Id, Parameters};
use crate::state::App;

/// How many exchanges the store keeps of a connection.
const KEPT: u32 = 1_000;

/// A page of exchanges, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Exchanges {
    /// At most `limit`.
    exchanges: Vec<ExchangeAnswer>,
    /// `before` of the next page; none: this is the last.
    next: Option<String>,
}

/// List exchanges
///
/// Every HTTP exchange over this connection, refused ones too, the newest first; with `format=har` the page as HAR 1.2.
#[utoipa::path(
    get, path = "/api/connections/{id}/exchanges", tag = "connections", operation_id = "listExchanges",
    params(
        ("id" = String, Path, description = "The connection's id."),
        ("limit" = Option<u32>, Query, description = "1 to 1000; where nothing is said 50, and as HAR 1000, which is all that is kept.", minimum = 1, maximum = 1000),
        ("before" = Option<String>, Query, description = "`next` of the page before."),
        ("format" = Option<String>, Query, description = "`json`, or `har` for HAR 1.2."),
    ),
    responses((status = 200, description = "A page.", body = Exchanges)),
    security(("key" = ["connections:read"]))
)]
pub(crate) async fn list(
    caller: Caller<ConnectionsRead>,
    State(app): State<App>,
    Id(id): Id,
    mut query: Parameters,
) -> Result<Response, Problem> {
    let as_har = match query.take("format").as_deref() {
        None | Some("json") => false,
        Some("har") => true,
        Some(_) => return Err(Problem::new(Code::InvalidParameter, "`format` is `json` or `har`.")),
    };
    let page = Page::take_within(&mut query, "before", if as_har { KEPT } else { 50 }, KEPT)?;
    query.close(&["limit", "before", "format"])?;
    let connection = super::find(&app, &caller.org, &id.into()).await?;
    // What was recorded a moment ago may still wait for the next commit.
    app.store.flush_exchanges().await?;
    let rows = app.store.exchanges(&caller.org, &connection.id, page.cursor.as_deref(), page.limit).await?;
    if as_har {
        // In the order of time, as HAR viewers expect it.
        let entries: Vec<_> = rows.into_iter().rev().map(for_har).collect();
        return Ok(JsonAnswer(egress::har(&entries)).into_response());
    }
    let next = page.next(rows.len(), rows.last().map(|e| e.id.as_str()));
    Ok(JsonAnswer(Exchanges { exchanges: rows.into_iter().map(Into::into).collect(), next }).into_response())
}
