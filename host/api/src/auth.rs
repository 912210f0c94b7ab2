//! Who asks, and what they may do.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderValue, header};
use model::OrgId;
use store::Key;

use crate::keys;
use crate::problem::{Code, Problem};
use crate::state::App;

/// A scope as a type, so that a handler's signature says what it needs.
pub(crate) trait Scope {
    /// As a key has it.
    const NAME: &'static str;
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        $($(#[$doc])* pub(crate) struct $name;
        impl Scope for $name { const NAME: &'static str = $text; })*

        /// Every scope that a key may have. A key without one has them all.
        pub const SCOPES: &[&str] = &[$($text),*];
    };
}

scopes! {
    /// Post events.
    EventsWrite = "events:write",
    /// Read events and what became of them.
    EventsRead = "events:read",
    /// Make, change, test and delete connections.
    ConnectionsWrite = "connections:write",
    /// Read connections and their exchanges.
    ConnectionsRead = "connections:read",
    /// Read the installed connectors.
    ConnectorsRead = "connectors:read",
}

/// A caller whose key is known and has the scope `S`. It is the first extractor of every handler under `/api`, so that
/// nothing else of a request is looked at before.
pub(crate) struct Caller<S> {
    /// The organization that the key belongs to: the only one whose rows this request sees.
    pub(crate) org: OrgId,
    scope: PhantomData<S>,
}

impl<S: Scope> FromRequestParts<App> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let text = bearer(parts).ok_or_else(|| {
            unauthorized(
                "Send an API key: `Authorization: Bearer jf_…`. `jackfield key create --org ID` makes one.",
                "Bearer realm=\"jackfield\"",
            )
        })?;
        let known = if keys::plausible(text) { known(app, keys::hash(text)).await? } else { None };
        let Some(key) = known else {
            return Err(unauthorized(
                "This is no API key of this host. `jackfield key create --org ID` makes one.",
                "Bearer realm=\"jackfield\", error=\"invalid_token\"",
            ));
        };
        if !key.scopes.is_empty() && !key.scopes.iter().any(|s| s == S::NAME) {
            return Err(forbidden(S::NAME));
        }
        tracing::debug!(org = %key.org, key = %key.id, "authenticated");
        Ok(Self { org: key.org.clone(), scope: PhantomData })
    }
}

/// The key with this hash, looked up at most once a second.
async fn known(app: &App, hash: [u8; 32]) -> Result<Option<Arc<Key>>, Problem> {
    let now = app.clock.now();
    if let Some(key) = app.keys.get(&hash, now) {
        return Ok(Some(key));
    }
    let found = app.store.key_by_hash(&hash).await?;
    Ok(found.map(|key| app.keys.put(hash, now, key)))
}

/// The token of a Bearer header (RFC 6750 §2.1; the scheme's case does not matter, RFC 9110 §11.1).
fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (values.next().is_none() && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
}

fn unauthorized(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(Code::Unauthorized, detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

fn forbidden(scope: &str) -> Problem {
    let problem =
        Problem::new(Code::MissingScope, format!("This key lacks the scope `{scope}`; use one that has it."));
    match HeaderValue::from_str(&format!(
        "Bearer realm=\"jackfield\", error=\"insufficient_scope\", scope=\"{scope}\""
    )) {
        Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}
