//! `POST /api/connections/{id}/test`

use axum::extract::State;
use axum::response::Json as JsonAnswer;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::auth::{Caller, ConnectionsWrite};
use crate::problem::{Code, Problem};
use crate::request::{Id, Nothing};
use crate::state::{App, LiveError};

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionTest)]
pub(crate) struct Outcome {
    /// Whether the account can be reached with this credential.
    ok: bool,
    /// What the provider says of the account, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    account: Option<Value>,
    /// Why not, if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OutcomeError>,
}

/// Why an account cannot be reached.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionTestError)]
pub(crate) struct OutcomeError {
    /// Stable: `auth_expired`, `permission_missing`, `rate_limited`, `denied`, `halted`, `timeout`, `unsupported`, …
    code: String,
    /// For people.
    message: String,
}

impl Outcome {
    fn refused(code: impl Into<String>, message: impl Into<String>) -> Self {
        let error = OutcomeError { code: code.into(), message: message.into() };
        Self { ok: false, account: None, error: Some(error) }
    }
}

/// Test a connection
///
/// Asks the provider who the account is. That the provider refuses is an answer, too: 200 with `ok: false`. Of a
/// connector in quarantine nothing is started: 409 `connector_quarantined`.
#[utoipa::path(
    post, path = "/api/connections/{id}/test", tag = "connections", operation_id = "testConnection",
    params(("id" = String, Path, description = "The connection's id.")),
    responses((status = 200, description = "It was asked.", body = Outcome)),
    security(("key" = ["connections:write"]))
)]
pub(crate) async fn test(
    caller: Caller<ConnectionsWrite>,
    State(app): State<App>,
    Id(id): Id,
    _: Nothing,
) -> Result<JsonAnswer<Outcome>, Problem> {
    let connection = super::find(&app, &caller.org, &id.into()).await?;
    let probe = app.live.probe(&caller.org, &connection.id);
    let Ok(probed) = tokio::time::timeout(app.limits.live, probe).await else {
        return Ok(JsonAnswer(Outcome::refused("timeout", "There was no answer in time.")));
    };
    match probed {
        Ok(account) => Ok(JsonAnswer(Outcome { ok: true, account: Some(account), error: None })),
        Err(LiveError::Refused { code, message }) => Ok(JsonAnswer(Outcome::refused(code, message))),
        Err(e @ LiveError::Unsupported) => Ok(JsonAnswer(Outcome::refused("unsupported", e.to_string()))),
        Err(LiveError::Quarantined(why)) => Err(Problem::new(Code::ConnectorQuarantined, why)),
        Err(LiveError::Busy) => {
            Err(Problem::new(Code::Overloaded, "Too many tests and look-ups at once; come again.")
                .retry_after(1))
        }
        Err(LiveError::Failed(error)) => {
            tracing::error!(connection = %connection.id, error, "a connection's test failed in the host");
            Err(Problem::internal())
        }
    }
}
