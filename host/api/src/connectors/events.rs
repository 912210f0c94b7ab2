//! `GET /api/connectors/{id}/events`

use axum::extract::State;
use axum::response::Json as JsonAnswer;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, ConnectorsRead};
use crate::page::Page;
use crate::problem::{Code, Problem};
use crate::request::{Id, Parameters};
use crate::state::App;

/// A page of what happened to a connector, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectorEvents {
    /// At most `limit`.
    events: Vec<ConnectorEventAnswer>,
    /// `before` of the next page; none: this is the last.
    next: Option<String>,
}

/// Something that happened to a connector.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorEvent)]
pub(crate) struct ConnectorEventAnswer {
    /// Its id.
    id: String,
    /// `quarantined` (not started any more) or `released`.
    kind: &'static str,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Why, in words.
    reason: String,
    /// Which connection of this organization; none where it concerns the whole version.
    connection: Option<String>,
    /// Which version.
    version: String,
    /// That version's component.
    digest: String,
}

/// List what happened to a connector
///
/// What concerns a whole version, and the connections of the key's organization.
#[utoipa::path(
    get, path = "/api/connectors/{id}/events", tag = "connectors", operation_id = "listConnectorEvents",
    params(
        ("id" = String, Path, description = "The connector's id."),
        ("limit" = Option<u32>, Query, description = "1 to 100; 50 where nothing is said.", minimum = 1, maximum = 100),
        ("before" = Option<String>, Query, description = "`next` of the page before."),
    ),
    responses((status = 200, description = "A page.", body = ConnectorEvents)),
    security(("key" = ["connectors:read"]))
)]
pub(crate) async fn list(
    caller: Caller<ConnectorsRead>,
    State(app): State<App>,
    Id(id): Id,
    mut query: Parameters,
) -> Result<JsonAnswer<ConnectorEvents>, Problem> {
    let page = Page::take(&mut query, "before")?;
    query.close(&["limit", "before"])?;
    if super::find(&app, &id).await?.is_none() {
        return Err(Problem::new(Code::NotFound, "No connector of this id is installed."));
    }
    let rows = app.store.connector_events(&id, Some(&caller.org), page.cursor.as_deref(), page.limit).await?;
    let next = page.next(rows.len(), rows.last().map(|e| e.id.as_str()));
    let events = rows.into_iter().map(|e| ConnectorEventAnswer {
        id: e.id,
        kind: e.kind.as_str(),
        at: e.at.rfc3339(),
        reason: e.reason,
        connection: e.connection.map(|(_, connection)| connection.0),
        version: e.version,
        digest: e.digest,
    });
    Ok(JsonAnswer(ConnectorEvents { events: events.collect(), next }))
}
