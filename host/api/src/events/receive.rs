//! `POST /api/events`

use axum::extract::State;
use axum::response::Json as JsonAnswer;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::form::{self, EventsForm};
use crate::auth::{Caller, EventsWrite};
use crate::fields::Errors;
use crate::problem::Problem;
use crate::request::Json;
use crate::state::App;

/// Bytes of a whole request at most.
pub(crate) const LARGEST_BODY: usize = 8 << 20;

/// What became of each event, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// One for each event sent.
    events: Vec<AcceptedEvent>,
}

/// An event that the host has now, or had already.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedEvent {
    /// The sender's id, or the host's where the sender gave none: `GET /api/events/{id}` takes it.
    id: String,
    /// Whether an event of this id was there already; then this one has no effect.
    duplicate: bool,
}

/// Send events
///
/// One event or a list of 1 to 1,000, taken whole or refused whole. The answer comes once they are stored durably; what
/// they cause in the connected systems happens afterwards and can be read at `/api/events/{id}`. An event with an `id`
/// may be sent again at any time. Bounds: 8 MiB for a request, 1 MiB for one event's data, 64 levels of nesting; no
/// member twice in one object.
#[utoipa::path(
    post, path = "/api/events", tag = "events", operation_id = "sendEvents",
    request_body = EventsForm,
    responses((status = 202, description = "Stored.", body = Accepted)),
    security(("key" = ["events:write"]))
)]
pub(crate) async fn receive(
    caller: Caller<EventsWrite>,
    State(app): State<App>,
    body: Json<LARGEST_BODY>,
) -> Result<(StatusCode, JsonAnswer<Accepted>), Problem> {
    let mut errors = Errors::default();
    let read = form::events(body.value, &mut errors);
    let events = errors.or(read)?;
    let recorded = app.store.record_events(&caller.org, events).await?;
    let events =
        recorded.into_iter().map(|r| AcceptedEvent { id: r.source_id, duplicate: r.duplicate }).collect();
    Ok((StatusCode::ACCEPTED, JsonAnswer(Accepted { events })))
}
