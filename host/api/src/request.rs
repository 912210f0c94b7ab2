//! The parts of a request, each read within bounds and refused with a problem document.

use axum::body::Body;
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroize as _;

use crate::fields::{Errors, Fields};
use crate::json;
use crate::problem::{Code, Problem};
use crate::state::App;

/// A body up to this size is read without waiting for one of the places for large bodies.
const SMALL: usize = 256 << 10;
/// Characters of an id in a path; ours have 36, a sender's 128 at most.
const LONGEST_ID: usize = 128;

/// A JSON body of at most `LIMIT` bytes. It keeps its place among the large bodies as long as it lives.
pub(crate) struct Json<const LIMIT: usize> {
    /// What it says.
    pub(crate) value: Value,
    _place: Option<OwnedSemaphorePermit>,
}

/// The body of a route that takes none: nothing, or an object without members.
pub(crate) struct Nothing;

impl FromRequest<App> for Nothing {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return Ok(Self);
        }
        let mut errors = Errors::default();
        let body = Json::<SMALL>::from_request(request, app).await?;
        let read = Fields::open(body.value, "", &mut errors).map(Fields::close);
        errors.or(read).map(|()| Self)
    }
}

impl<const LIMIT: usize> FromRequest<App> for Json<LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_type(&parts.headers)?;
        let announced = length(&parts.headers);
        let read = async {
            let large = announced.is_none_or(|n| n > SMALL);
            let place = if large { app.large_bodies.clone().acquire_owned().await.ok() } else { None };
            read(body, announced, LIMIT).await.map(|bytes| (bytes, place))
        };
        let (mut bytes, place) = tokio::time::timeout(app.limits.body, read).await.map_err(|_| {
            Problem::new(Code::RequestTimeout, "The body did not arrive in time.").retry_after(1)
        })??;
        let value = json::parse(&bytes);
        // The routes of connections are given credentials; those that take more are given events.
        if LIMIT <= SMALL {
            bytes.zeroize();
        }
        Ok(Self { value: value?, _place: place })
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        let detail = "Send JSON, and say so: `Content-Type: application/json`.";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let detail = "Send the body uncompressed, without `Content-Encoding`.";
            Err(Problem::new(Code::UnsupportedMediaType, detail))
        }
        _ => Ok(()),
    }
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(mut body: Body, announced: Option<usize>, limit: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        let shown =
            if limit >= 1 << 20 { format!("{} MiB", limit >> 20) } else { format!("{} KiB", limit >> 10) };
        Problem::new(
            Code::BodyTooLarge,
            format!("The body is larger than {shown}, the most this route takes."),
        )
    };
    // The rest of a refused body is thrown away where the connection ends, in `serve`.
    if announced.is_some_and(|n| n > limit) {
        return Err(too_large());
    }
    let mut kept = Vec::with_capacity(announced.unwrap_or(0).min(SMALL));
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Problem::new(Code::IncompleteBody, "The body ended before it was whole."))?;
        let Ok(data) = frame.into_data() else { continue };
        if kept.len() + data.len() > limit {
            return Err(too_large());
        }
        kept.extend_from_slice(&data);
    }
    Ok(kept)
}

/// The id in a path. One that is too long to be any is already not found.
pub(crate) struct Id(pub(crate) String);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let [id] = ids(parts, app).await?;
        Ok(Self(id))
    }
}

/// The two ids in a path, in its order.
pub(crate) struct IdPair(pub(crate) String, pub(crate) String);

impl FromRequestParts<App> for IdPair {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let [outer, inner] = ids(parts, app).await?;
        Ok(Self(outer, inner))
    }
}

async fn ids<const N: usize>(parts: &mut Parts, app: &App) -> Result<[String; N], Problem> {
    let none = || Problem::new(Code::NotFound, "There is nothing under this path.");
    let read = Path::<Vec<(String, String)>>::from_request_parts(parts, app).await;
    let Path(ids) = read.map_err(|_| none())?;
    if ids.iter().any(|(_, id)| id.is_empty() || id.chars().count() > LONGEST_ID || id.contains('\0')) {
        return Err(none());
    }
    let ids: Vec<String> = ids.into_iter().map(|(_, id)| id).collect();
    ids.try_into().map_err(|_| none())
}

/// The query, as pairs; a handler takes what it knows, and the rest is an error.
pub(crate) struct Parameters(Vec<(String, String)>);

impl FromRequestParts<App> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, app).await;
        pairs
            .map(|Query(pairs)| Self(pairs))
            .map_err(|_| Problem::new(Code::InvalidParameter, "The query is not `name=value&…` in UTF-8."))
    }
}

impl Parameters {
    /// Takes a parameter out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Ends the reading; `known` are the names that this route has.
    pub(crate) fn close(self, known: &[&str]) -> Result<(), Problem> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        if known.contains(&name.as_str()) {
            return Err(Problem::new(Code::InvalidParameter, format!("The query has `{name}` twice.")));
        }
        let detail = if known.is_empty() {
            String::from("This route has no query parameters.")
        } else {
            format!(
                "{}: {}",
                crate::fields::shown(name),
                crate::fields::unknown(name, "query parameter", known)
            )
        };
        Err(Problem::new(Code::UnknownParameter, detail))
    }
}
