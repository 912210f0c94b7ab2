//! Refusals in HubSpot's body.

use crate::limits::whole_seconds;
use crate::{Ids, Reply};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// Why a request, or one row of a batch, was refused.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) status: StatusCode,
    pub(super) category: &'static str,
    pub(super) message: String,
    more: Box<More>,
}

/// What most refusals do without.
#[derive(Debug, Clone)]
struct More {
    context: Value,
    errors: Vec<Value>,
    /// The policy that a request was one too many for, and the seconds to wait.
    policy: Option<(&'static str, u64)>,
}

impl Trouble {
    pub(super) fn new(status: StatusCode, category: &'static str, message: impl Into<String>) -> Self {
        let more = Box::new(More { context: json!({}), errors: vec![], policy: None });
        Self { status, category, message: message.into(), more }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "CONFLICT", message)
    }

    pub(super) fn too_many(policy: &'static str, named: &str, wait: Duration) -> Self {
        let message = format!("You have reached your {named} limit.");
        let mut trouble = Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITS", message);
        trouble.more.policy = Some((policy, whole_seconds(wait)));
        trouble
    }

    pub(super) fn failure(status: StatusCode) -> Self {
        let category =
            if status == StatusCode::SERVICE_UNAVAILABLE { "SERVICE_UNAVAILABLE" } else { "INTERNAL_ERROR" };
        let category = if status.is_client_error() { "VALIDATION_ERROR" } else { category };
        Self::new(status, category, status.canonical_reason().unwrap_or("internal error").to_lowercase())
    }

    /// Adds what one member of the request did wrong.
    pub(super) fn because(mut self, code: &str, message: impl Into<String>, context: Value) -> Self {
        self.more.errors.push(json!({"message": message.into(), "code": code, "context": context}));
        self
    }

    pub(super) fn within(mut self, context: Value) -> Self {
        self.more.context = context;
        self
    }

    /// The refusal of the whole request.
    pub(super) fn reply(self, ids: &mut Ids) -> Reply {
        let mut body = json!({
            "status": "error",
            "message": self.message,
            "correlationId": ids.uuid(),
            "category": self.category,
        });
        if self.more.context.as_object().is_some_and(|context| !context.is_empty()) {
            body["context"] = self.more.context;
        }
        if !self.more.errors.is_empty() {
            body["errors"] = self.more.errors.into();
        }
        let Some((policy, seconds)) = self.more.policy else { return Reply::json(self.status, &body) };
        body["errorType"] = "RATE_LIMIT".into();
        body["policyName"] = policy.into();
        Reply::json(self.status, &body).with("retry-after", seconds)
    }

    /// The refusal of one row of a batch.
    pub(super) fn row(&self, trace: Option<&Value>) -> Value {
        let mut context = self.more.context.clone();
        if let Some(trace) = trace {
            context["objectWriteTraceId"] = json!([trace]);
        }
        json!({
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
            "errors": self.more.errors,
            "links": {},
        })
    }
}
