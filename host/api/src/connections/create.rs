//! `POST /api/connections`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json as JsonAnswer;
use catalog::Entry;
use http::{HeaderName, StatusCode, header};
use model::ConnectionId;
use serde_json::Value;
use store::NewConnection;

use super::LARGEST_BODY;
use super::answer::ConnectionAnswer;
use super::form::{self, NewForm};
use crate::auth::{Caller, ConnectionsWrite};
use crate::connectors;
use crate::fields::{Errors, Fields};
use crate::problem::{Code, Problem};
use crate::request::Json;
use crate::state::App;

/// Connections of an organization at most: every event is planned for all of them.
const MOST_CONNECTIONS: usize = 1_000;

/// Connect an account
///
/// The credential is sealed at once and never comes out again. Whether the provider takes it, `…/test` tells.
#[utoipa::path(
    post, path = "/api/connections", tag = "connections", operation_id = "createConnection",
    request_body = NewForm,
    responses((status = 201, description = "Made; `Location` says where.", body = ConnectionAnswer)),
    security(("key" = ["connections:write"]))
)]
pub(crate) async fn create(
    caller: Caller<ConnectionsWrite>,
    State(app): State<App>,
    body: Json<LARGEST_BODY>,
) -> Result<(StatusCode, [(HeaderName, String); 1], JsonAnswer<ConnectionAnswer>), Problem> {
    let entry = match body.value.get("connector") {
        Some(Value::String(id)) => connectors::find(&app, id).await?,
        _ => None,
    };
    let mut errors = Errors::default();
    let id = ConnectionId(app.ids.next(app.clock.as_ref()));
    let new = read(&app, caller, id, body.value, entry.as_deref(), &mut errors).await?;
    let new = errors.or(new)?;
    if app.store.connections_of(&new.org).await?.len() >= MOST_CONNECTIONS {
        let detail = "This organization has 1,000 connections, the most there can be; delete one first.";
        return Err(Problem::new(Code::TooManyConnections, detail));
    }
    let made: ConnectionAnswer = app.store.create_connection(new).await?.into();
    let location = format!("/api/connections/{}", made.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], JsonAnswer(made)))
}

async fn read(
    app: &App,
    caller: Caller<ConnectionsWrite>,
    id: ConnectionId,
    body: Value,
    entry: Option<&Entry>,
    errors: &mut Errors,
) -> Result<Option<NewConnection>, Problem> {
    let Some(mut f) = Fields::open(body, "", errors) else { return Ok(None) };
    let connector = f.required_text("connector");
    if let (Some(name), None) = (&connector, entry) {
        let message = connectors::unknown_connector(app, name).await?;
        f.wrong("connector", Code::UnknownConnector, message);
    }
    let manifest = entry.map(|e| Arc::clone(&e.manifest));
    let (has_credentials, has_settings) = (f.has("credentials"), f.has("settings"));
    let parts = form::parts(&mut f, manifest.as_deref());
    if let Some(manifest) = &manifest {
        if !has_credentials && !manifest.auth.is_empty() {
            f.wrong("credentials", Code::MissingMember, "is required: this connector needs a credential.");
        }
        if !has_settings {
            form::check_settings(&mut f, Some(manifest), &form::no_settings());
        }
    }
    f.close();
    let Some(manifest) = manifest else { return Ok(None) };
    Ok(Some(NewConnection {
        org: caller.org,
        connector: manifest.id.clone(),
        name: parts.name.unwrap_or_else(|| manifest.name.clone()),
        credential_kind: parts.credential.as_ref().map(|c| c.kind().as_str().to_owned()),
        credential: parts.credential.as_ref().map(|c| app.vault.seal(&id, c)),
        settings: parts.settings.unwrap_or_else(form::no_settings),
        sync_settings: parts.sync_settings.unwrap_or_default(),
        field_mapping: parts.field_mapping.flatten(),
        id,
    }))
}
