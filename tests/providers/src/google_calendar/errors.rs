//! Refusals in Google's body.

use crate::Reply;
use http::StatusCode;
use serde_json::{Value, json};

/// Why a request was refused.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) status: StatusCode,
    pub(super) message: String,
    domain: &'static str,
    reason: String,
    location: Option<Box<(&'static str, String)>>,
    canonical: Option<&'static str>,
    details: Option<Box<Value>>,
}

impl Trouble {
    pub(super) fn new(status: StatusCode, reason: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            domain: "global",
            reason: reason.to_owned(),
            location: None,
            canonical: None,
            details: None,
        }
    }

    pub(super) fn bad(reason: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::bad("invalid", message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", "Not Found")
    }

    pub(super) fn gone(reason: &str, message: &str) -> Self {
        Self::new(StatusCode::GONE, reason, message)
    }

    pub(super) fn unauthorized() -> Self {
        let trouble = Self::new(StatusCode::UNAUTHORIZED, "authError", "Invalid Credentials");
        trouble.at("header", "Authorization").named("UNAUTHENTICATED")
    }

    pub(super) fn scope() -> Self {
        let message = "Request had insufficient authentication scopes.";
        let mut trouble = Self::new(StatusCode::FORBIDDEN, "insufficientPermissions", message);
        trouble.details = Some(Box::new(json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
        }])));
        trouble.named("PERMISSION_DENIED")
    }

    pub(super) fn access(level: &str) -> Self {
        let message = format!("You need to have {level} access to this calendar.");
        let mut trouble = Self::new(StatusCode::FORBIDDEN, "requiredAccessLevel", message);
        trouble.domain = "calendar";
        trouble
    }

    pub(super) fn too_many(reason: &str) -> Self {
        let mut trouble = Self::new(StatusCode::FORBIDDEN, reason, "Rate Limit Exceeded");
        trouble.domain = "usageLimits";
        trouble
    }

    pub(super) fn failure(status: StatusCode) -> Self {
        let reason = match status.as_u16() {
            400..=499 => "badRequest",
            _ => "backendError",
        };
        Self::new(status, reason, status.canonical_reason().unwrap_or("Backend Error"))
    }

    pub(super) fn at(mut self, kind: &'static str, name: &str) -> Self {
        self.location = Some(Box::new((kind, name.to_owned())));
        self
    }

    fn named(mut self, canonical: &'static str) -> Self {
        self.canonical = Some(canonical);
        self
    }

    pub(super) fn reply(self) -> Reply {
        let mut one = json!({"domain": self.domain, "reason": self.reason, "message": self.message});
        if let Some(location) = self.location {
            one["locationType"] = location.0.into();
            one["location"] = location.1.into();
        }
        let mut error = json!({"errors": [one], "code": self.status.as_u16(), "message": self.message});
        if let Some(canonical) = self.canonical {
            error["status"] = canonical.into();
        }
        if let Some(details) = self.details {
            error["details"] = *details;
        }
        Reply::text(self.status, MEDIA_TYPE, json!({"error": error}).to_string())
    }
}

pub(super) const MEDIA_TYPE: &str = "application/json; charset=UTF-8";

/// A good answer.
pub(super) fn good(body: &Value) -> Reply {
    Reply::text(StatusCode::OK, MEDIA_TYPE, body.to_string())
}
