//! Redirects: followed only where a rule allows them, and never with a credential to another origin.

use http::{StatusCode, header};

use crate::column::{Answer, Call, Hop};
use crate::lane::LaneInner;
use crate::{Refusal, Response};

/// The hop that the answer asks for, if it may be followed. If not, the 3xx is the answer.
pub(crate) fn next(lane: &LaneInner, hop: &Hop, call: Option<&Call>, answer: &Answer) -> Option<Hop> {
    let call = call?;
    // How many may be followed is for the rule of the guest's own request to say: no hop widens or narrows it.
    let allowed = if hop.number == 0 { call.redirects } else { hop.left };
    if allowed == 0 || call.secret_base {
        return None;
    }
    let (method, body) = match answer.status {
        // RFC 9110 §15.4: what every client does with a POST; 303 says so for every method but HEAD.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if hop.method == "POST" => ("GET", None),
        StatusCode::SEE_OTHER if hop.method != "HEAD" => ("GET", None),
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => (hop.method.as_str(), hop.body.clone()),
        _ => return None,
    };
    let location = answer.headers.get(header::LOCATION)?.to_str().ok()?;
    let mut url = call.target.url().join(location).ok()?;
    url.set_fragment(None);
    let same_origin = url.origin() == call.target.url().origin();
    if !same_origin && lane.state().redactor.finds(url.as_str().as_bytes()) {
        return None;
    }
    let mut headers: Vec<(String, Vec<u8>)> = hop
        .headers
        .iter()
        .filter(|(name, _)| {
            same_origin || matches!(name.to_ascii_lowercase().as_str(), "accept" | "content-type")
        })
        .cloned()
        .collect();
    if body.is_none() {
        headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    Some(Hop {
        number: hop.number + 1,
        left: allowed - 1,
        trusted: hop.trusted && same_origin,
        method: method.to_owned(),
        url: url.into(),
        headers,
        body,
        auth: hop.auth.clone(),
        idempotency_key: hop.idempotency_key.clone(),
    })
}

/// A hop failed. If a redirect led to it, the guest's own request did go out, and that is what counts: a hop that is
/// not granted leaves the 3xx as the answer, and a write is never called unsent.
pub(crate) fn broken(before: Option<Response>, refusal: Refusal, write: bool) -> Result<Response, Refusal> {
    match (before, refusal) {
        (Some(answer), Refusal::Denied { .. }) => Ok(answer),
        (Some(_), Refusal::NotSent(why)) if write => {
            Err(Refusal::SentNoAnswer(format!("a redirect could not be followed: {why}")))
        }
        (Some(answer), Refusal::RateLimited { .. } | Refusal::AuthExpired) if write => Ok(answer),
        (_, refusal) => Err(refusal),
    }
}
