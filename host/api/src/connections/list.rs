//! `GET /api/connections`

use axum::extract::State;
use axum::response::Json as JsonAnswer;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::ConnectionAnswer;
use crate::auth::{Caller, ConnectionsRead};
use crate::page::Page;
use crate::problem::Problem;
use crate::request::Parameters;
use crate::state::App;

/// A page of connections, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connections {
    /// At most `limit`.
    connections: Vec<ConnectionAnswer>,
    /// `after` of the next page; none: this is the last.
    next: Option<String>,
}

/// List connections
#[utoipa::path(
    get, path = "/api/connections", tag = "connections", operation_id = "listConnections",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100; 50 where nothing is said.", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = Connections)),
    security(("key" = ["connections:read"]))
)]
pub(crate) async fn list(
    caller: Caller<ConnectionsRead>,
    State(app): State<App>,
    mut query: Parameters,
) -> Result<JsonAnswer<Connections>, Problem> {
    let page = Page::take(&mut query, "after")?;
    query.close(&["limit", "after"])?;
    let rows = app.store.connections(&caller.org, page.cursor.as_deref(), page.limit).await?;
    let next = page.next(rows.len(), rows.last().map(|c| c.id.as_str()));
    Ok(JsonAnswer(Connections { connections: rows.into_iter().map(Into::into).collect(), next }))
}
