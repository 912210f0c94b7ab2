//! What goes in and what comes out.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use model::ExchangeId;

/// A request as the guest (or the host itself) asks for it. Nothing in it is trusted.
#[derive(Clone, Default)]
pub struct Request {
    /// Upper case: `GET`.
    pub method: String,
    /// Absolute https URL, or `https://NAME.endpoint.invalid/rest?query`.
    pub url: String,
    /// At most 64, 32 KiB together; credential and hop-by-hop headers are refused.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most the lane's `request_bytes`.
    pub body: Option<Bytes>,
    /// Which of the manifest's bindings to use; none = the one for this destination.
    pub auth: Option<String>,
    /// Put into the manifest's idempotency header, if it names one.
    pub idempotency_key: Option<String>,
    /// Shortens the lane's deadline, never lengthens it.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), ..Self::default() }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &names)
            .field("body", &self.body.as_ref().map(Bytes::len))
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

/// The provider's answer, whatever its status. Injected secrets that the provider echoes are `REDACTED`.
#[derive(Clone)]
pub struct Response {
    /// 100–599.
    pub status: u16,
    /// Names in lower case. Hop-by-hop headers and `set-cookie` are left out.
    pub headers: Vec<(String, Vec<u8>)>,
    /// As sent: nothing is decompressed.
    pub body: Bytes,
    /// Under which id the exchange was recorded.
    pub exchange: ExchangeId,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &self.body.len())
            .field("exchange", &self.exchange)
            .finish()
    }
}

/// Why there is no answer. A value that the guest may read: it holds no secret and no address of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not granted, or malformed. Nothing went out.
    #[error("denied: {reason}")]
    Denied {
        /// Which of the two, and what would be right.
        reason: String,
        /// The manifest lines that would grant it.
        grant: Option<String>,
    },
    /// A budget is used up, and its turn would come after the deadline. Nothing went out.
    #[error("rate limited by the budget `{}`", bucket.as_deref().unwrap_or("?"))]
    RateLimited {
        /// When to come again, in milliseconds from now, at most an hour.
        retry_after_ms: Option<u64>,
        /// The manifest's name for the budget.
        bucket: Option<String>,
    },
    /// There is no credential, or it is known not to work. Nothing went out.
    #[error("there is no working credential: connect again")]
    AuthExpired,
    /// Not one byte of the request went out: it is safe to send it again.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Bytes may have gone out and no whole answer came: a write may or may not have happened.
    #[error("sent, but no whole answer came: {0}")]
    SentNoAnswer(String),
    /// The answer (head or body) is larger than this limit, in bytes. The request was sent.
    #[error(
        "the answer is larger than {0} bytes: ask for less at once, or raise `limits.response-mib` in the manifest \
         (`limits.header-kib` where it is the head)"
    )]
    TooLarge(u64),
}

impl Refusal {
    pub(crate) fn denied(reason: impl Into<String>) -> Self {
        Self::Denied { reason: reason.into(), grant: None }
    }

    /// `denied`, `rate-limited`, `auth-expired`, `not-sent`, `sent-no-answer`, `too-large`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::RateLimited { .. } => "rate-limited",
            Self::AuthExpired => "auth-expired",
            Self::NotSent(_) => "not-sent",
            Self::SentNoAnswer(_) => "sent-no-answer",
            Self::TooLarge(_) => "too-large",
        }
    }
}

/// What the host itself saw on the wire over one lane, so that a guest cannot mask it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// A 401 was answered.
    pub unauthorized: bool,
    /// A 429 was answered; the longest wait asked for.
    pub throttled: Option<Throttled>,
    /// Requests other than GET, HEAD and OPTIONS of which at least one byte may have gone out.
    pub writes_sent: u32,
    /// Every exchange on record, refused ones too, in order.
    pub exchanges: Vec<ExchangeId>,
    /// How long at least one request was under way: for a budget, for an answer, for its body. And how long the call waited
    /// for its place in the sandbox.
    pub waited: Duration,
}

/// A 429.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Throttled {
    /// `Retry-After` in milliseconds, at most an hour; none where the provider did not say.
    pub retry_after_ms: Option<u64>,
    /// The budget that it was charged to.
    pub bucket: Option<String>,
}
