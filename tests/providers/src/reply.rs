//! What a fake answers.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

/// One answer: status, headers, body.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status line's number.
    pub status: StatusCode,
    /// The headers, without `content-length` and `date`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// An answer in JSON.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/json;charset=utf-8", body.to_string())
    }

    /// An answer in any media type.
    pub fn text(status: StatusCode, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self::empty(status).with("content-type", media_type).holding(body)
    }

    /// The same with one more header.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    fn holding(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}
