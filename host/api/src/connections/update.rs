//! `PATCH /api/connections/{id}`

use axum::extract::State;
use axum::response::Json as JsonAnswer;
use manifest::Manifest;
use model::ConnectionId;
use serde_json::Value;
use store::ConnectionPatch;

use super::LARGEST_BODY;
use super::answer::ConnectionAnswer;
use super::form::{self, ChangeForm};
use super::mapping;
use crate::auth::{Caller, ConnectionsWrite};
use crate::connectors;
use crate::fields::{Errors, Fields};
use crate::problem::{Code, Problem};
use crate::request::{Id, Json};
use crate::state::App;

/// Change a connection
///
/// Only the members that are given change, each as a whole. A field mapping is checked against what the provider last
/// said of its fields, where it has said anything yet (`unknown_field`).
#[utoipa::path(
    patch, path = "/api/connections/{id}", tag = "connections", operation_id = "updateConnection",
    params(("id" = String, Path, description = "The connection's id.")),
    request_body = ChangeForm,
    responses((status = 200, description = "As it is now.", body = ConnectionAnswer)),
    security(("key" = ["connections:write"]))
)]
pub(crate) async fn update(
    caller: Caller<ConnectionsWrite>,
    State(app): State<App>,
    Id(id): Id,
    body: Json<LARGEST_BODY>,
) -> Result<JsonAnswer<ConnectionAnswer>, Problem> {
    let id = ConnectionId(id);
    let connection = super::find(&app, &caller.org, &id).await?;
    let entry = connectors::find(&app, &connection.connector).await?.ok_or_else(|| {
        Problem::new(
            Code::ConnectorNotInstalled,
            "The connector of this connection is not installed any more.",
        )
    })?;
    let mut errors = Errors::default();
    let patch = read(&app, &id, body.value, &entry.manifest, &mut errors);
    if let Some(Some(mapping)) = patch.as_ref().and_then(|p| p.field_mapping.as_ref()) {
        mapping::check_names(&app, &id, &entry.manifest, mapping, &mut errors).await?;
    }
    let changed = app.store.update_connection(&caller.org, &id, errors.or(patch)?).await?;
    app.live.forget(&id);
    Ok(JsonAnswer(changed.ok_or_else(|| Problem::not_found("connection"))?.into()))
}

fn read(
    app: &App,
    id: &ConnectionId,
    body: Value,
    manifest: &Manifest,
    errors: &mut Errors,
) -> Option<ConnectionPatch> {
    let mut f = Fields::open(body, "", errors)?;
    let parts = form::parts(&mut f, Some(manifest));
    let status = form::status(&mut f);
    if f.raw("connector").is_some() {
        let message = "cannot be changed; make another connection.";
        f.wrong("connector", Code::ImmutableMember, message);
    }
    f.close();
    Some(ConnectionPatch {
        name: parts.name,
        credential: parts.credential.map(|c| (c.kind().as_str().to_owned(), app.vault.seal(id, &c))),
        settings: parts.settings,
        sync_settings: parts.sync_settings,
        field_mapping: parts.field_mapping,
        status,
    })
}
