//! What reads foreign bytes and is not public, for `tests/fuzz` alone: no promise is made of it.

use http::{HeaderMap, HeaderName, HeaderValue};
use model::Millis;

use crate::announced;
use crate::redact::Redactor;
use crate::target::Target;

/// A URL as the guard reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Lower case, IDNA-encoded.
    pub host: String,
    /// As it will be sent.
    pub path: String,
    /// Path and query: what the request line holds.
    pub line: String,
}

/// The URL guard.
///
/// # Errors
/// What is wrong with the URL.
pub fn url(text: &str) -> Result<Read, &'static str> {
    let target = Target::parse(text)?;
    Ok(Read {
        host: target.host().to_owned(),
        path: target.path().to_owned(),
        line: target.path_and_query().to_owned(),
    })
}

/// `input` with `secret` cut out.
#[must_use]
pub fn redact(secret: &str, input: &[u8]) -> Vec<u8> {
    let mut redactor = Redactor::default();
    redactor.add(secret);
    redactor.bytes(input).into_owned()
}

/// What an announcement is read as: `Retry-After` (ms), a count, seconds (ms).
#[must_use]
pub fn announced(value: &[u8], now: Millis) -> [Option<u64>; 3] {
    let Ok(value) = HeaderValue::from_bytes(value) else { return [None; 3] };
    let map: HeaderMap = [(http::header::RETRY_AFTER, value)].into_iter().collect::<HeaderMap<_>>();
    let name: &str = HeaderName::as_str(&http::header::RETRY_AFTER);
    [announced::retry_after(&map, now), announced::count(&map, name), announced::seconds(&map, name)]
}
