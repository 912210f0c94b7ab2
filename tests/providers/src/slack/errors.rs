//! Refusals in Slack's body.

use crate::limits::whole_seconds;
use crate::{Refusal, Reply};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// Why a call was refused.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    status: StatusCode,
    body: Value,
    wait: Option<u64>,
}

impl Trouble {
    /// A refusal of the usual kind.
    pub(super) fn new(error: &str) -> Self {
        Self { status: StatusCode::OK, body: json!({"ok": false, "error": error}), wait: None }
    }

    /// A refusal with a line of explanation.
    pub(super) fn explained(error: &str, why: &str) -> Self {
        let mut trouble = Self::new(error);
        trouble.body["response_metadata"] = json!({"messages": [format!("[ERROR] {why}")]});
        trouble
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing => Self::new("not_authed"),
            Refusal::Unknown => Self::new("invalid_auth"),
            Refusal::Expired => Self::new("token_expired"),
            Refusal::Revoked => Self::new("token_revoked"),
            Refusal::Scope { needed, provided } => {
                let mut trouble = Self::new("missing_scope");
                trouble.body["needed"] = needed.join(",").into();
                trouble.body["provided"] = provided.join(",").into();
                trouble
            }
        }
    }

    pub(super) fn throttled(wait: Duration) -> Self {
        let mut trouble = Self::new("ratelimited");
        trouble.status = StatusCode::TOO_MANY_REQUESTS;
        trouble.wait = Some(whole_seconds(wait));
        trouble
    }

    pub(super) fn failure(status: StatusCode) -> Self {
        let mut trouble = Self::new(match status.as_u16() {
            503 => "service_unavailable",
            500..=599 => "internal_error",
            _ => "fatal_error",
        });
        trouble.status = status;
        trouble
    }

    pub(super) fn reply(self) -> Reply {
        let reply = answer(self.status, &self.body);
        match self.wait {
            Some(seconds) => reply.with("retry-after", seconds),
            None => reply,
        }
    }
}

/// An answer in the vendor's media type.
pub(super) fn answer(status: StatusCode, body: &Value) -> Reply {
    Reply::text(status, "application/json; charset=utf-8", body.to_string())
}
