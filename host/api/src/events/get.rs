//! `GET /api/events/{id}`

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Json as JsonAnswer;
use model::ConnectionId;
use serde::Serialize;
use serde_json::{Value, json};
use store::{Attempt, Connection, ConnectionStatus, Event, Job, JobState};
use utoipa::ToSchema;

use crate::auth::{Caller, EventsRead};
use crate::problem::Problem;
use crate::request::Id;
use crate::state::App;

/// An event, and every operation, attempt and receipt that it caused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub(crate) struct EventAnswer {
    /// The sender's id, or the host's where the sender gave none.
    id: String,
    /// What happened.
    event: String,
    /// When it happened.
    #[schema(format = DateTime)]
    timestamp: String,
    /// The product's own label.
    organization_id: Option<String>,
    /// What is known of it, the flat form's members included.
    #[schema(value_type = Object)]
    data: Value,
    /// When the host had it.
    #[schema(format = DateTime)]
    received_at: String,
    /// Where it stands as a whole.
    state: EventState,
    /// What it caused.
    operations: Vec<Operation>,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EventState {
    /// Stored; what it causes is not planned yet.
    Received,
    /// Some operation is queued or running.
    Running,
    /// Some operation waits for a person, and none is open.
    Held,
    /// Some operation was given up, and none is open or held.
    Failed,
    /// Every operation is done. An event that causes none is done at once.
    Done,
}

/// One operation for one connection.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    /// Its id.
    id: String,
    /// What is done: `crm/write.upsert contact`.
    operation: String,
    /// The connector's id; none where the connection was deleted.
    connector: Option<String>,
    /// The connection's id.
    connection: String,
    /// Where it stands.
    #[schema(value_type = OperationState)]
    state: JobState,
    /// Every try, the oldest first.
    attempts: Vec<AttemptAnswer>,
    /// What the provider said it did, once it is done.
    #[schema(value_type = Option<Object>)]
    receipt: Option<Value>,
    /// The last error, `{code, message}`.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    /// When it was planned.
    #[schema(format = DateTime)]
    created_at: String,
    /// It is not tried before then.
    #[schema(format = DateTime)]
    run_at: String,
    /// When it was done or given up.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

/// Where an operation stands: `queued` (waits for its time, another operation or a worker), `running`, `done`, `failed`
/// (given up), `held` (waits for a person).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "the store's own enum is what is sent; this is its description")]
pub(crate) enum OperationState {
    Queued,
    Running,
    Done,
    Failed,
    Held,
}

/// One try of an operation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attempt)]
pub(crate) struct AttemptAnswer {
    /// 1, 2, …
    number: u32,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// How long it took, in milliseconds.
    ms: u64,
    /// `done`, `error`, `halt` (the connector was stopped) or `crashed` (the host was).
    outcome: String,
    /// What the host decided, and why.
    decision: String,
    /// The error, `{code, message}`.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    /// The HTTP exchanges it made: `/api/connections/{id}/exchanges/{exchange}`.
    exchanges: Vec<String>,
}

/// Read an event
///
/// The id is the sender's, or the one that the host gave.
#[utoipa::path(
    get, path = "/api/events/{id}", tag = "events", operation_id = "getEvent",
    params(("id" = String, Path, description = "The event's id.")),
    responses((status = 200, description = "The event.", body = EventAnswer)),
    security(("key" = ["events:read"]))
)]
pub(crate) async fn get(
    caller: Caller<EventsRead>,
    State(app): State<App>,
    Id(id): Id,
) -> Result<JsonAnswer<EventAnswer>, Problem> {
    let event = app.store.event(&caller.org, &id).await?.ok_or_else(|| Problem::not_found("event"))?;
    let jobs = app.store.jobs_of_event(&caller.org, &event.id).await?;
    let mut connections: BTreeMap<ConnectionId, Option<Connection>> = BTreeMap::new();
    for (job, _) in &jobs {
        if !connections.contains_key(&job.connection) {
            let connection = app.store.connection(&caller.org, &job.connection).await?;
            connections.insert(job.connection.clone(), connection);
        }
    }
    let held: BTreeSet<ConnectionId> =
        jobs.iter().filter(|(j, _)| j.state == JobState::Held).map(|(j, _)| j.connection.clone()).collect();
    let operations: Vec<Operation> = jobs
        .into_iter()
        .map(|(mut job, attempts)| {
            let connection = connections.get(&job.connection).and_then(Option::as_ref);
            if waits_for_a_person(&job, connection, &held) {
                job.state = JobState::Held;
                if let Some((c, q)) = connection.and_then(|c| Some((c, c.quarantine.as_ref()?))) {
                    let message = q.sentence(&c.connector);
                    job.error = Some(json!({ "code": "connector_quarantined", "message": message }));
                }
            }
            operation(job, attempts, connection.map(|c| c.connector.clone()))
        })
        .collect();
    Ok(JsonAnswer(answer(event, operations)))
}

/// Whether a queued job cannot start before a person acts: its connection does not work or is in quarantine, or it needs what a held job of
/// the same connection was to make.
fn waits_for_a_person(job: &Job, connection: Option<&Connection>, held: &BTreeSet<ConnectionId>) -> bool {
    let stopped = connection.is_some_and(|c| c.status != ConnectionStatus::Active || c.quarantine.is_some());
    job.state == JobState::Queued && (stopped || (!job.needs.is_empty() && held.contains(&job.connection)))
}

fn answer(event: Event, operations: Vec<Operation>) -> EventAnswer {
    EventAnswer {
        state: state(event.planned, &operations),
        id: event.source_id,
        event: event.kind,
        timestamp: event.occurred_at.rfc3339(),
        organization_id: event.label,
        data: event.data,
        received_at: event.received_at.rfc3339(),
        operations,
    }
}

fn state(planned: bool, operations: &[Operation]) -> EventState {
    let any = |wanted: &[JobState]| operations.iter().any(|o| wanted.contains(&o.state));
    if !planned {
        EventState::Received
    } else if any(&[JobState::Queued, JobState::Running]) {
        EventState::Running
    } else if any(&[JobState::Held]) {
        EventState::Held
    } else if any(&[JobState::Failed]) {
        EventState::Failed
    } else {
        EventState::Done
    }
}

fn operation(job: Job, attempts: Vec<Attempt>, connector: Option<String>) -> Operation {
    Operation {
        id: job.id.0,
        operation: job.operation,
        connector,
        connection: job.connection.0,
        state: job.state,
        attempts: attempts.into_iter().map(attempt).collect(),
        receipt: job.receipt,
        error: job.error,
        created_at: job.created_at.rfc3339(),
        run_at: job.run_at.rfc3339(),
        finished_at: job.finished_at.map(model::Millis::rfc3339),
    }
}

fn attempt(a: Attempt) -> AttemptAnswer {
    AttemptAnswer {
        number: a.number,
        started_at: a.started_at.rfc3339(),
        ms: a.ms,
        outcome: a.outcome,
        decision: a.decision,
        error: a.error,
        exchanges: a.exchanges.into_iter().map(|e| e.0).collect(),
    }
}
