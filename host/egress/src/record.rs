//! **record**: keeps every exchange, refused ones too, without its secrets.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use model::{ConnectionId, ExchangeId, JobId, Millis, OrgId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::column::{Answer, Call, Hop, is_write};
use crate::lane::LaneInner;
use crate::redact::{REDACTED, Redactor};
use crate::wire::Wire;
use crate::{Refusal, Response, headers};

/// How much of a body is kept: more than a provider's usual answer, so that a HAR holds whole JSON.
pub(crate) const MAX_BODY: usize = 128 * 1024;
/// How much of a header's value is kept.
const MAX_VALUE: usize = 4 * 1024;
/// How many headers are kept.
const MAX_HEADERS: usize = 256;

/// Where exchanges go.
pub trait Record: Send + Sync {
    /// Takes one exchange. Must not block: a full buffer drops it and counts the drop.
    fn record(&self, exchange: Exchange);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecord;

impl Record for NoRecord {
    fn record(&self, _: Exchange) {}
}

/// One recorded HTTP exchange, redacted and cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its id.
    pub id: ExchangeId,
    /// Whose it is.
    pub org: OrgId,
    /// Over which connection.
    pub connection: ConnectionId,
    /// For which job, where there is one.
    pub job: Option<JobId>,
    /// When it began.
    pub started_at: Millis,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Upper case.
    pub method: String,
    /// The logical URL, secrets as `REDACTED`.
    pub url: String,
    /// The status, where an answer came.
    pub status: Option<u16>,
    /// Why none came, or why it was refused: a [`crate::Refusal::code`], a colon, and words.
    pub refusal: Option<String>,
    /// As sent, but for secrets.
    pub request: Message,
    /// As received, but for secrets.
    pub response: Option<Message>,
}

/// One half of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Text, or base64 where it is no UTF-8 (`body_encoding`); cut at 128 KiB.
    pub body: Option<String>,
    /// `base64` where the body is.
    pub body_encoding: Option<String>,
    /// The body's whole size in bytes, before it was cut.
    pub body_size: u64,
}

/// One exchange while it goes on. Dropped before it is closed (the call was cut off), it is recorded as far as it came.
pub(crate) struct Open<'a> {
    lane: &'a LaneInner,
    hop: &'a Hop,
    id: ExchangeId,
    started_at: Millis,
    started: Instant,
    call: Option<Call>,
    wire: Option<Arc<Wire>>,
    sent: bool,
    /// Beyond the requests that a call may make: not recorded, or a loop would fill the record.
    silent: bool,
    closed: bool,
}

impl<'a> Open<'a> {
    pub fn begin(lane: &'a LaneInner, hop: &'a Hop) -> Self {
        let options = &lane.egress.options;
        let silent = lane.state().requests > lane.options.limits.requests;
        Self {
            lane,
            hop,
            id: ExchangeId(options.ids.next(&*options.clock)),
            started_at: options.clock.now(),
            started: Instant::now(),
            call: None,
            wire: None,
            sent: false,
            silent,
            closed: false,
        }
    }

    /// The request is complete, credential and all.
    pub fn ready(&mut self, call: &Call) {
        self.call = Some(call.clone());
    }

    /// It goes over this socket.
    pub fn on(&mut self, wire: &Arc<Wire>) {
        self.wire = Some(Arc::clone(wire));
    }

    /// A first try went out and was lost; a second one follows.
    pub fn sent_before(&mut self) {
        self.sent = true;
    }

    /// The whole answer came; the socket is no longer this exchange's.
    pub fn whole(&mut self) {
        self.sent = true;
        self.wire = None;
    }

    pub fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    /// There will be no answer: what to call that depends on whether a byte may have gone out.
    pub fn broken(&mut self, why: &str) -> Refusal {
        if self.settle() { Refusal::SentNoAnswer(why.to_owned()) } else { Refusal::NotSent(why.to_owned()) }
    }

    fn settle(&mut self) -> bool {
        self.sent |= self.wire.take().is_some_and(|wire| wire.settle());
        self.sent
    }

    /// Puts the exchange on record and hands out what the guest may see of it.
    pub fn close(mut self, walked: Result<Answer, Refusal>) -> Result<Response, Refusal> {
        let redactor = self.lane.state().redactor.clone();
        // An encoded answer may echo the credential where nobody can find it.
        let walked = match walked {
            Ok(answer) if headers::encoded(&answer.headers) && !redactor.is_empty() => Err(
                Refusal::SentNoAnswer("the answer is compressed, which it was asked not to be".to_owned()),
            ),
            walked => walked,
        };
        match walked {
            Ok(answer) => {
                let answer = scrubbed(answer, &redactor);
                self.finish(&redactor, Some(&answer), None);
                Ok(self.response(answer))
            }
            Err(refusal) => {
                let refusal = clean(refusal, &redactor);
                self.finish(&redactor, None, Some(&refusal));
                Err(refusal)
            }
        }
    }

    fn response(&self, answer: Answer) -> Response {
        let mut headers: Vec<(String, Vec<u8>)> = Vec::with_capacity(answer.headers.len());
        for (name, value) in headers::answered(&answer.headers) {
            headers.push((name.as_str().to_owned(), value.as_bytes().to_vec()));
        }
        Response { status: answer.status.as_u16(), headers, body: answer.body, exchange: self.id.clone() }
    }

    fn finish(&mut self, redactor: &Redactor, answer: Option<&Answer>, refusal: Option<&Refusal>) {
        self.closed = true;
        let sent = self.settle();
        let mut state = self.lane.state();
        let seen = &mut state.observed;
        // Another origin, where no credential went, says nothing of the credential.
        seen.unauthorized |= self.hop.trusted && answer.is_some_and(|a| a.status == StatusCode::UNAUTHORIZED);
        seen.writes_sent += u32::from(sent && is_write(&self.hop.method));
        if self.silent {
            return;
        }
        seen.exchanges.push(self.id.clone());
        drop(state);
        self.log(refusal);
        let options = &self.lane.options;
        self.lane.egress.options.record.record(Exchange {
            id: self.id.clone(),
            org: options.org.clone(),
            connection: options.connection.clone(),
            job: options.job.clone(),
            started_at: self.started_at,
            ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            method: model::cut(&self.hop.method.escape_default().to_string(), 32).into_owned(),
            url: self.url(redactor),
            status: answer.map(|a| a.status.as_u16()),
            refusal: refusal.map(|r| format!("{}: {r}", r.code())),
            request: self.request(redactor),
            response: answer
                .map(|a| message(shown(&a.headers, &[], redactor), Some(&a.body), &Redactor::default())),
        });
    }

    /// A denial is logged with the very manifest lines that would grant it.
    fn log(&self, refusal: Option<&Refusal>) {
        let options = &self.lane.options;
        let (connector, connection) = (options.connector.as_str(), options.connection.as_str());
        match refusal {
            Some(Refusal::Denied { reason, grant }) => {
                let grant = grant.as_deref().unwrap_or("-");
                tracing::warn!(connector, connection, exchange = %self.id, %reason, %grant, "egress denied a request");
            }
            Some(refusal) => {
                tracing::info!(connector, connection, exchange = %self.id, %refusal, "no answer")
            }
            None => tracing::debug!(connector, connection, exchange = %self.id, "answered"),
        }
    }

    fn url(&self, redactor: &Redactor) -> String {
        let text = match &self.call {
            Some(call) => redactor.text(call.shown_url()),
            None => redactor.text(&self.hop.url),
        };
        model::cut(&without_userinfo(&text), 8 * 1024).into_owned()
    }

    fn request(&self, redactor: &Redactor) -> Message {
        let Some(call) = &self.call else {
            let headers = self.hop.headers.iter().take(MAX_HEADERS);
            let headers = headers.map(|(name, value)| header(name, value, false, &[], redactor)).collect();
            return message(headers, self.hop.body.as_ref(), redactor);
        };
        let mut headers = shown(&call.headers, &self.lane.options.policy.injected_headers, redactor);
        if call.secret_base {
            headers
                .iter_mut()
                .filter(|(name, _)| name == "host")
                .for_each(|(_, value)| *value = call.shown_host().to_owned());
        }
        message(headers, call.body.as_ref(), redactor)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.closed {
            let refusal = self.broken("the call was cut off");
            let redactor = self.lane.state().redactor.clone();
            self.finish(&redactor, None, Some(&refusal));
        }
    }
}

/// The answer without the secrets that the provider echoed.
fn scrubbed(answer: Answer, redactor: &Redactor) -> Answer {
    let mut headers = HeaderMap::with_capacity(answer.headers.len());
    for (name, value) in &answer.headers {
        if redactor.finds_in_name(name.as_str()) {
            continue;
        }
        let clean = redactor.bytes(value.as_bytes());
        headers.append(
            name,
            header::HeaderValue::from_bytes(&clean).unwrap_or(header::HeaderValue::from_static(REDACTED)),
        );
    }
    let body = match redactor.bytes(&answer.body) {
        std::borrow::Cow::Borrowed(_) => answer.body.clone(),
        std::borrow::Cow::Owned(clean) => {
            if headers.contains_key(header::CONTENT_LENGTH) {
                headers.insert(header::CONTENT_LENGTH, clean.len().into());
            }
            Bytes::from(clean)
        }
    };
    Answer { status: answer.status, headers, body }
}

fn clean(refusal: Refusal, redactor: &Redactor) -> Refusal {
    let text = |t: String| redactor.text(&t).into_owned();
    match refusal {
        Refusal::Denied { reason, grant } => Refusal::Denied { reason: text(reason), grant: grant.map(text) },
        Refusal::NotSent(why) => Refusal::NotSent(text(why)),
        Refusal::SentNoAnswer(why) => Refusal::SentNoAnswer(text(why)),
        other => other,
    }
}

fn shown(map: &HeaderMap, injected: &[String], redactor: &Redactor) -> Vec<(String, String)> {
    let one = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        header(name.as_str(), value.as_bytes(), value.is_sensitive(), injected, redactor)
    };
    map.iter().take(MAX_HEADERS).map(one).collect()
}

fn header(
    name: &str,
    value: &[u8],
    sensitive: bool,
    injected: &[String],
    redactor: &Redactor,
) -> (String, String) {
    let lower = name.to_ascii_lowercase();
    let secret = sensitive || headers::is_credential(&lower.replace('_', "-")) || injected.contains(&lower);
    let value = match secret {
        true => REDACTED.to_owned(),
        false => model::cut(&String::from_utf8_lossy(&redactor.bytes(value)), MAX_VALUE).into_owned(),
    };
    (model::cut(&redactor.text(&lower), 128).into_owned(), value)
}

fn message(headers: Vec<(String, String)>, body: Option<&Bytes>, redactor: &Redactor) -> Message {
    let Some(body) = body.filter(|b| !b.is_empty()) else {
        return Message { headers, ..Message::default() };
    };
    // One looks beyond the cut, so that a secret across it is seen whole; what lies beyond is left out again, even where
    // redaction made the text before it shorter.
    let window = &body[..body.len().min(MAX_BODY + redactor.reach())];
    let cut = window.len() < body.len();
    let clean = redactor.bytes(window);
    let end = if cut { clean.len() - redactor.reach().min(clean.len()) } else { clean.len() };
    let kept = &clean[..end.min(MAX_BODY)];
    let whole = kept.len() == clean.len() && !cut;
    let text = match std::str::from_utf8(kept) {
        Ok(text) => Some(text),
        // A character across the cut.
        Err(e) if !whole && e.error_len().is_none() => std::str::from_utf8(&kept[..e.valid_up_to()]).ok(),
        Err(_) => None,
    };
    let (text, encoding) = match text {
        Some(text) => (text.to_owned(), None),
        None => (STANDARD.encode(kept), Some("base64".to_owned())),
    };
    Message { headers, body: Some(text), body_encoding: encoding, body_size: body.len() as u64 }
}

/// A URL that was refused may hold a user name and a password.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("//") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}//{REDACTED}{}", &rest[at..]),
        None => url.to_owned(),
    }
}
