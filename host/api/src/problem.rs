//! Errors as problem documents (RFC 9457), each with a code that stays the same from release to release.

use axum::response::{IntoResponse, Response};
use catalog::CatalogError;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

/// How many errors one problem lists; more add nothing for a reader.
const MOST_ERRORS: usize = 20;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident),* $(,)?) => {
        /// What went wrong, for programs. A code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// The HTTP status that a problem with this code has.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }
        }
    };
}

codes! {
    /// The body is no JSON.
    MalformedJson = BAD_REQUEST,
    /// There is no body.
    EmptyBody = BAD_REQUEST,
    /// The body ended before it was whole.
    IncompleteBody = BAD_REQUEST,
    /// The body is not UTF-8.
    InvalidUtf8 = BAD_REQUEST,
    /// The body's arrays and objects are nested too deep.
    TooDeep = BAD_REQUEST,
    /// An object has the same member twice.
    DuplicateMember = BAD_REQUEST,
    /// A query parameter that this route does not have.
    UnknownParameter = BAD_REQUEST,
    /// A query parameter's value is out of bounds or of the wrong type.
    InvalidParameter = BAD_REQUEST,
    /// No key, or not one of ours.
    Unauthorized = UNAUTHORIZED,
    /// The key lacks the scope that this route needs.
    MissingScope = FORBIDDEN,
    /// No such route, or no such thing in this organization.
    NotFound = NOT_FOUND,
    /// The route exists, for another method.
    MethodNotAllowed = METHOD_NOT_ALLOWED,
    /// The body did not arrive in time.
    RequestTimeout = REQUEST_TIMEOUT,
    /// The connection's connector is no longer installed.
    ConnectorNotInstalled = CONFLICT,
    /// The connection's connector, or the connection, is in quarantine: an operator's `jackfield release` lifts it.
    ConnectorQuarantined = CONFLICT,
    /// The organization has 1,000 connections, the most there can be.
    TooManyConnections = CONFLICT,
    /// Someone else changed the same thing at the same time: read it again.
    Conflict = CONFLICT,
    /// The body is larger than this route takes.
    BodyTooLarge = PAYLOAD_TOO_LARGE,
    /// The body is not declared as JSON, or is compressed.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE,
    /// A text has a character that cannot be kept (U+0000).
    InvalidText = UNPROCESSABLE_ENTITY,
    /// A value has another type than this member takes.
    WrongType = UNPROCESSABLE_ENTITY,
    /// A required member is missing.
    MissingMember = UNPROCESSABLE_ENTITY,
    /// A member that this object does not have.
    UnknownMember = UNPROCESSABLE_ENTITY,
    /// A member that cannot be changed any more.
    ImmutableMember = UNPROCESSABLE_ENTITY,
    /// A value is out of bounds.
    InvalidValue = UNPROCESSABLE_ENTITY,
    /// A list of events without one.
    EmptyBatch = UNPROCESSABLE_ENTITY,
    /// More than 1,000 events in one request.
    BatchTooLarge = UNPROCESSABLE_ENTITY,
    /// The event's name is not `[a-z0-9._-]{1,100}`.
    InvalidEventName = UNPROCESSABLE_ENTITY,
    /// The event's id is not 1 to 128 characters without control characters.
    InvalidEventId = UNPROCESSABLE_ENTITY,
    /// The timestamp is not RFC 3339 with an offset.
    InvalidTimestamp = UNPROCESSABLE_ENTITY,
    /// One event's data are larger than 1 MiB.
    DataTooLarge = UNPROCESSABLE_ENTITY,
    /// No connector of this name is installed.
    UnknownConnector = UNPROCESSABLE_ENTITY,
    /// The credentials do not fit what the connector asks for.
    InvalidCredentials = UNPROCESSABLE_ENTITY,
    /// The settings do not fit the connector's manifest.
    InvalidSettings = UNPROCESSABLE_ENTITY,
    /// The field mapping's left side is neither an alias nor a path, or its right side names no field.
    InvalidMapping = UNPROCESSABLE_ENTITY,
    /// The provider has no field of this name.
    UnknownField = UNPROCESSABLE_ENTITY,
    /// A fault of the host. The log says more, under the request's id.
    Internal = INTERNAL_SERVER_ERROR,
    /// The host did not get it done in time.
    Timeout = SERVICE_UNAVAILABLE,
    /// The host has too much to do at once: come again.
    Overloaded = SERVICE_UNAVAILABLE,
    /// The store cannot take a write now: come again.
    StoreUnavailable = SERVICE_UNAVAILABLE,
    /// The store's disk is full.
    StorageFull = SERVICE_UNAVAILABLE,
    /// The host does not serve yet, or no longer.
    NotReady = SERVICE_UNAVAILABLE,
}

/// One thing wrong with a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where in the body: `[3].event`, `settings.region`; empty for the body as a whole.
    pub path: String,
    /// What, for programs.
    pub code: Code,
    /// What, for people, and what would be right.
    pub message: String,
}

/// An error as RFC 9457 has it, `application/problem+json`, with a stable `code`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the problem is told by its `code`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened, and what to do next.
    detail: String,
    /// For programs. Where several things are wrong, that of the first.
    pub code: Code,
    /// What is wrong with the body, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    #[serde(skip)]
    #[schema(ignore)]
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    /// A problem with this code; `detail` is read by people and holds nothing secret.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            errors: Vec::new(),
            header: None,
        }
    }

    /// A body that is JSON but not what the route takes. The first error gives the code.
    #[must_use]
    pub fn invalid(mut errors: Vec<FieldError>) -> Self {
        let (count, first) = (errors.len(), errors.first());
        let (code, detail) = match first {
            None => (Code::InvalidValue, String::from("The body is not what this route takes.")),
            Some(e) => {
                let at = if e.path.is_empty() { String::new() } else { format!("{}: ", e.path) };
                let more =
                    if count > 1 { format!(" ({} more in `errors`)", count - 1) } else { String::new() };
                (e.code, format!("{at}{}{more}", e.message))
            }
        };
        errors.truncate(MOST_ERRORS);
        Self { errors, ..Self::new(code, detail) }
    }

    /// A problem of one place in the body.
    #[must_use]
    pub fn at(path: impl Into<String>, code: Code, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { path: path.into(), code, message: message.into() }])
    }

    /// 404 for a thing of this organization.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what} in this key's organization."))
    }

    /// 500 without details; they go to the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Code::Internal, "The host failed; its log says more under this answer's x-request-id.")
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    pub(crate) fn retry_after(self, seconds: u16) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(header) = self.header {
            response.headers_mut().insert(header.0, header.1);
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Full(_) => {
                tracing::error!(error = %e, "the store is full");
                Self::new(Code::StorageFull, "The host's disk is full. Nothing of this request was kept.")
                    .retry_after(30)
            }
            StoreError::Busy(_) | StoreError::Stopped => {
                tracing::warn!(error = %e, "the store is not available");
                Self::new(
                    Code::StoreUnavailable,
                    "The store takes no work now. Nothing of this request was kept.",
                )
                .retry_after(1)
            }
            StoreError::Conflict(_) | StoreError::InUse(_) => Self::new(Code::Conflict, e.to_string()),
            StoreError::Missing(_) => Self::new(Code::NotFound, e.to_string()),
            StoreError::Invalid(_) => Self::new(Code::InvalidValue, e.to_string()),
            _ => {
                tracing::error!(error = %e, "the store failed");
                Self::internal()
            }
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(e: CatalogError) -> Self {
        match e {
            CatalogError::Store(e) => e.into(),
            other => {
                tracing::error!(error = %other, "the catalog failed");
                Self::internal()
            }
        }
    }
}
