//! The column: allow → limit → authorise → resolve → dial → record. Read [`walk`] first.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::{Instant, timeout_at};

use crate::lane::LaneInner;
use crate::record::Open;
use crate::target::Target;
use crate::{Refusal, Request, Response, allow, authorise, dial, limit, redirect, resolve};

/// What is asked for on one hop: by the guest on the first, by a redirect on those after it.
pub(crate) struct Hop {
    /// 0 for the guest's own request.
    pub number: u8,
    /// How many redirects may be followed from here, on hops after the first.
    pub left: u8,
    /// Whether this is still the origin that the guest addressed, with no other in between: only then credentials go
    /// along.
    pub trusted: bool,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Bytes>,
    pub auth: Option<String>,
    pub idempotency_key: Option<String>,
}

/// A request that was let through, on its way down the column.
#[derive(Clone)]
pub(crate) struct Call {
    pub method: Method,
    /// As the guest wrote it; this is what is shown where the base is secret.
    pub asked: Target,
    /// Where it goes.
    pub target: Target,
    /// Whether `target` is secret as a whole.
    pub secret_base: bool,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
    /// How many redirects may be followed.
    pub redirects: u8,
}

/// A whole answer, not yet scrubbed.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// One hop, step by step.
async fn walk(
    lane: &LaneInner,
    hop: &Hop,
    open: &mut Open<'_>,
    deadline: Instant,
) -> Result<Answer, Refusal> {
    let mut call = allow::admit(lane, hop).await?;
    let charge = limit::wait(lane, call.method.as_str(), call.target.path(), deadline).await?;
    authorise::complete(lane, hop, &mut call).await?;
    open.ready(&call);
    let route = resolve::vet(&lane.egress, &call).await?;
    let answer = dial::exchange(lane, &call, &route, open).await?;
    limit::learn(lane, &charge, answer.status, &answer.headers);
    Ok(answer)
}

/// The guest's request and the redirects that its rule allows, each hop through the whole column, each on record.
pub(crate) async fn send(lane: &LaneInner, request: Request) -> Result<Response, Refusal> {
    let deadline = match request.timeout.and_then(|t| Instant::now().checked_add(t)) {
        Some(sooner) => sooner.min(lane.options.deadline),
        None => lane.options.deadline,
    };
    let mut hop = Hop::first(request);
    let mut before: Option<Response> = None;
    let write = is_write(&hop.method);
    loop {
        let mut open = Open::begin(lane, &hop);
        let walked = timeout_at(deadline, walk(lane, &hop, &mut open, deadline)).await;
        let walked = walked.unwrap_or_else(|_| Err(open.broken("the deadline passed")));
        let next = walked.as_ref().ok().and_then(|answer| redirect::next(lane, &hop, open.call(), answer));
        match (open.close(walked), next) {
            (Ok(response), Some(next)) => (before, hop) = (Some(response), next),
            (Ok(response), None) => return Ok(response),
            (Err(refusal), _) => return redirect::broken(before, refusal, write),
        }
    }
}

impl Hop {
    fn first(request: Request) -> Self {
        Self {
            number: 0,
            left: 0,
            trusted: true,
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            auth: request.auth,
            idempotency_key: request.idempotency_key,
        }
    }
}

impl Call {
    /// The host as it may be shown.
    pub fn shown_host(&self) -> &str {
        if self.secret_base { self.asked.host() } else { self.target.host() }
    }

    /// The URL as it may be shown, once its secrets are cut out.
    pub fn shown_url(&self) -> &str {
        if self.secret_base { self.asked.url().as_str() } else { self.target.url().as_str() }
    }
}

/// Whether a request may change something at the provider (RFC 9110 §9.2.1).
pub(crate) fn is_write(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS")
}
