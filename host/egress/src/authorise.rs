//! **authorise**: asks who keeps the credentials what belongs to this destination, and puts it there.

use std::fmt;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use model::Secret;

use crate::column::{Call, Hop};
use crate::lane::LaneInner;
use crate::{Refusal, allow, headers, inject};

/// The longest idempotency key.
const MAX_KEY: usize = 256;

/// Completes the request: the credential for this destination, the idempotency key, and what every request has.
pub(crate) async fn complete(lane: &LaneInner, hop: &Hop, call: &mut Call) -> Result<(), Refusal> {
    // A redirect to another origin goes without: the credential is bound to where the guest addressed it.
    if hop.trusted {
        let to = Destination {
            scheme: "https".to_owned(),
            host: call.target.host().to_owned(),
            port: 443,
            path: call.asked.path().to_owned(),
            binding: hop.auth.clone(),
        };
        let injections = lane.options.authorise.authorise(&to).await.map_err(allow::refused)?;
        for injection in &injections {
            // Known to the redactor before it is anywhere else.
            inject::remember(&mut lane.state().redactor, injection);
            inject::apply(injection, call, hop.number > 0).map_err(Refusal::denied)?;
        }
        if let (Some(key), Some(header)) = (&hop.idempotency_key, &lane.options.policy.idempotency) {
            let name = HeaderName::try_from(header)
                .map_err(|_| Refusal::denied("the manifest's idempotency header is no header name"))?;
            let value = HeaderValue::try_from(key).ok().filter(|_| key.len() <= MAX_KEY);
            let value = value.ok_or_else(|| {
                Refusal::denied("the idempotency key is too long or holds a control character")
            })?;
            call.headers.insert(name, value);
        }
    }
    headers::complete(&mut call.headers, call.target.host()).map_err(Refusal::denied)
}

/// Who keeps the credentials. Implemented by the vault for one connection; egress keeps none.
#[async_trait]
pub trait Authorise: Send + Sync {
    /// Injections for this destination; empty = none is bound to it.
    async fn authorise(&self, to: &Destination) -> Result<Vec<Injection>, AuthoriseError>;
    /// The secret base URL of an endpoint with `from = "credential"`; none where the connection has no credential.
    async fn endpoint(&self, name: &str) -> Result<Option<Secret>, AuthoriseError>;
}

/// Where a request goes, logically: before an override, and with placeholders still in the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `https`.
    pub scheme: String,
    /// Lower case, IDNA-encoded.
    pub host: String,
    /// 443.
    pub port: u16,
    /// As the guest wrote it; the guest's part alone where the base is secret.
    pub path: String,
    /// The binding that the guest asked for.
    pub binding: Option<String>,
}

/// One piece of a credential and its place.
#[derive(Clone)]
pub enum Injection {
    /// Into a header.
    Header {
        /// The header's name.
        name: String,
        /// The whole value: `Bearer …`.
        value: Secret,
        /// The part to cut out of recordings and answers.
        secret: Secret,
    },
    /// Into a query parameter.
    Query {
        /// The parameter's name.
        name: String,
        /// Not encoded.
        value: Secret,
    },
    /// In place of a placeholder that the guest wrote into the path.
    Path {
        /// `{token}`
        placeholder: String,
        /// Not encoded. It stays within its segment.
        value: Secret,
    },
    /// Into a member of a JSON body (a JSON Pointer, RFC 6901) or a field of a form body (its name).
    Body {
        /// The pointer (it starts with `/`) or the field's name.
        field: String,
        /// Not encoded.
        value: Secret,
    },
}

impl fmt::Debug for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, .. } => write!(f, "Header({name}: REDACTED)"),
            Self::Query { name, .. } => write!(f, "Query({name}=REDACTED)"),
            Self::Path { placeholder, .. } => write!(f, "Path({placeholder}=REDACTED)"),
            Self::Body { field, .. } => write!(f, "Body({field}=REDACTED)"),
        }
    }
}

/// Why there is no credential. The texts are shown to the guest and recorded: they must hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthoriseError {
    /// The connection has no credential: a person must connect again.
    #[error("the connection has no credential: connect again")]
    Missing,
    /// The credential is known not to work any more: a person must connect again.
    #[error("the credential has expired or was revoked: connect again")]
    Expired,
    /// The credential must not go there, or there is no such binding; the text says which.
    #[error("{0}")]
    Refused(String),
    /// The credential could not be read just now; the text says why.
    #[error("the credential could not be read: {0}")]
    Unavailable(String),
}
