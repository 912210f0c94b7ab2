//! How the contract's errors and halts look in the API: `{code, message, …}`, stable codes, no secret.

use sandbox::Halt;
use sandbox::v0_1::core::{ConflictReason, Error, Fault};
use serde_json::{Value, json};

/// An error, as it is kept and shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ErrorView {
    /// Stable.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) message: String,
    /// The rest.
    details: Value,
}

/// Messages come from connectors; a longer one is cut.
const MESSAGE_MAX: usize = 4096;

impl ErrorView {
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::AuthExpired(f) => {
                fault("auth_expired", "the provider refuses the credential: connect again", f)
            }
            Error::Forbidden(missing) => Self::new(
                "forbidden",
                format!("the account or its consent lacks: {}", missing.join(", ")),
                json!({ "missing": missing }),
            ),
            Error::RateLimited(limit) => Self::new(
                "rate_limited",
                format!("the provider's rate limit is reached{}", bucket(limit.bucket.as_deref())),
                json!({ "retryAfterMs": limit.retry_after_ms, "bucket": limit.bucket }),
            ),
            Error::NotFound(id) => Self::new(
                "not_found",
                format!("the provider has no record `{}`", model::cut(id, 128)),
                json!({ "id": model::cut(id, 512) }),
            ),
            Error::Conflict(c) => Self::new(
                match c.reason {
                    ConflictReason::Duplicate => "conflict_duplicate",
                    ConflictReason::StaleVersion => "conflict_stale_version",
                    ConflictReason::SlotTaken => "conflict_slot_taken",
                    ConflictReason::Locked => "conflict_locked",
                },
                c.message.clone(),
                json!({ "existing": c.existing }),
            ),
            Error::InvalidInput(fields) => Self::new(
                "invalid_input",
                fields.iter().map(named).collect::<Vec<_>>().join("; "),
                json!({ "fields": fields.iter().map(|f| json!({
                    "path": f.path, "code": f.code, "message": model::cut(&f.message, MESSAGE_MAX),
                })).collect::<Vec<_>>() }),
            ),
            Error::CursorExpired => {
                Self::new("cursor_expired", "the provider no longer knows the cursor".to_owned(), json!({}))
            }
            Error::Unsupported(what) => Self::new("unsupported", what.clone(), json!({})),
            Error::Transient(f) => fault("transient", "the provider did not take it", f),
            Error::Indeterminate(f) => {
                fault("indeterminate", "sent, and no answer came: it may have been applied", f)
            }
            Error::Permanent(f) => fault("permanent", "the provider refuses it", f),
        }
    }

    pub(crate) fn halt(halt: &Halt) -> Self {
        Self::new(halt.code(), halt.to_string(), json!({}))
    }

    /// An error of the host's own.
    pub(crate) fn own(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, message.into(), json!({}))
    }

    fn new(code: &'static str, message: String, details: Value) -> Self {
        Self { code, message: model::cut(&message, MESSAGE_MAX).into_owned(), details }
    }

    /// More members for the JSON form.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(members) = &mut self.details {
            members.insert(name.to_owned(), value.into());
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        let mut json = self.details.clone();
        if let Value::Object(members) = &mut json {
            members.retain(|_, v| !v.is_null());
            members.insert("code".to_owned(), self.code.into());
            members.insert("message".to_owned(), self.message.clone().into());
        }
        json
    }
}

fn fault(code: &'static str, otherwise: &str, fault: &Fault) -> ErrorView {
    let message = if fault.message.is_empty() { otherwise.to_owned() } else { fault.message.clone() };
    ErrorView::new(
        code,
        message,
        json!({ "providerCode": fault.code, "httpStatus": fault.http_status, "requestId": fault.request_id }),
    )
}

fn bucket(name: Option<&str>) -> String {
    name.map(|n| format!(" ({})", model::cut(n, 100))).unwrap_or_default()
}

/// A field's error with its name, where it has one.
fn named(f: &sandbox::v0_1::core::FieldError) -> String {
    if f.path.is_empty() { f.message.clone() } else { format!("{}: {}", f.path, f.message) }
}
