//! An answer that is not success, and the error that its status stands for.

use serde_json::Value;

use crate::{Conflict, ConflictReason, Error, Fault, FieldError, RateLimit};

/// An answer that was neither 2xx nor accepted. What a connector's explanation looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Whether the request may be sent again without harm.
    pub repeatable: bool,
    /// Where it went.
    pub url: String,
}

impl Refusal {
    /// The first header of this name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        super::header(&self.headers, name)
    }

    /// The body as JSON, `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The text at a JSON Pointer (RFC 6901), empty if there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// `Retry-After` in milliseconds (RFC 9110, 10.2.3). The form with a date is left to the host, which has the clock
    /// and sees the header too.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse::<u64>().ok()?.checked_mul(1_000)
    }

    /// A fault with this answer's status, and with the request id from the usual headers.
    #[must_use]
    pub fn fault(&self, code: &str, message: &str) -> Fault {
        let names = ["x-request-id", "x-correlation-id", "request-id", "x-trace-id"];
        let request_id = names.iter().find_map(|name| self.header(name)).map(str::to_owned);
        Fault { http_status: Some(self.status), request_id, ..crate::fault(code, message) }
    }

    /// "Try again when the bucket has filled", with what `Retry-After` says.
    #[must_use]
    pub fn rate_limited(&self, bucket: Option<String>) -> Error {
        Error::RateLimited(RateLimit { retry_after_ms: self.retry_after_ms(), bucket })
    }

    /// A failure on the provider's side: [`Error::Transient`] where the request may be repeated, else
    /// [`Error::Indeterminate`], for the provider may have applied it before it failed.
    #[must_use]
    pub fn failed(&self, fault: Fault) -> Error {
        if self.repeatable { Error::Transient(fault) } else { Error::Indeterminate(fault) }
    }

    /// What the status alone says (RFC 9110; 423 from RFC 4918, 429 from RFC 6585).
    #[must_use]
    pub fn error(&self) -> Error {
        let message = self.message();
        let fault = self.fault(&format!("http_{}", self.status), &message);
        let conflict =
            |reason| Error::Conflict(Conflict { reason, existing: Vec::new(), message: message.clone() });
        match self.status {
            401 => Error::AuthExpired(fault),
            402 | 403 => Error::Forbidden(vec![message]),
            404 | 410 => Error::NotFound(self.last_segment()),
            409 => conflict(ConflictReason::Duplicate),
            412 => conflict(ConflictReason::StaleVersion),
            423 => conflict(ConflictReason::Locked),
            429 => self.rate_limited(None),
            400 | 422 => Error::InvalidInput(vec![FieldError {
                path: String::new(),
                code: format!("http_{}", self.status),
                message,
            }]),
            // 408 and 425: the request was not processed.
            408 | 425 => Error::Transient(fault),
            500.. => self.failed(fault),
            _ => Error::Permanent(fault),
        }
    }

    /// What the provider says about it, from the usual places of a JSON body, else the status. At most 500 characters.
    #[must_use]
    pub fn message(&self) -> String {
        let body = self.json();
        let places = ["/error/message", "/message", "/error_description", "/detail", "/error", "/title"];
        let told = places.iter().find_map(|place| body.pointer(place).and_then(Value::as_str));
        match told {
            Some(text) => crate::text::cut(text, 500, "…"),
            None => format!("The provider answered with status {}.", self.status),
        }
    }

    fn last_segment(&self) -> String {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        crate::text::decode(path.rsplit('/').next().unwrap_or_default())
    }
}
