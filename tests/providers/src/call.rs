//! One request, read in full, in the forms in which vendors look at it.

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// One request to a fake.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path as it was sent.
    pub path: String,
    /// The parts of the path between slashes, decoded; one trailing slash is dropped.
    pub segments: Vec<String>,
    /// The query as it was sent.
    pub raw_query: String,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty if it was longer than the vendor takes.
    pub body: Bytes,
    /// When it came, by the fake's clock.
    pub now: Timestamp,
}

/// Why a body is no JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyTrouble {
    /// It says it is something else.
    MediaType(String),
    /// It does not parse.
    Syntax(String),
}

impl Call {
    /// A request from its parts.
    pub fn new(parts: &http::request::Parts, body: Bytes, now: Timestamp) -> Self {
        let path = parts.uri.path().to_owned();
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let inner = path.strip_prefix('/').unwrap_or(&path);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        Self {
            segments: inner.split('/').map(decode).collect(),
            query: url::form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect(),
            method: parts.method.clone(),
            headers: parts.headers.clone(),
            path,
            raw_query,
            body,
            now,
        }
    }

    /// The path's segments, to match on.
    pub fn route(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a query parameter that may be repeated.
    pub fn query_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a query parameter that may be repeated or hold a list with commas.
    pub fn query_list(&self, name: &str) -> Vec<String> {
        let values = self.query_all(name).flat_map(|value| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// The media type without its parameters, in lower case.
    pub fn media_type(&self) -> Option<String> {
        let full = self.header("content-type")?;
        Some(full.split(';').next().unwrap_or(full).trim().to_ascii_lowercase())
    }

    /// The body as JSON, which it must say it is.
    pub fn json(&self) -> Result<Value, BodyTrouble> {
        let media_type = self.media_type().unwrap_or_default();
        if media_type != "application/json" {
            return Err(BodyTrouble::MediaType(media_type));
        }
        serde_json::from_slice(&self.body).map_err(|error| BodyTrouble::Syntax(error.to_string()))
    }

    /// The body as a form.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}
