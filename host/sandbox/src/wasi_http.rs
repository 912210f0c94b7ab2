//! `wasi:http/outgoing-handler@0.2`, through the same column as `jackfield:host/http`.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use egress::{Lane, Refusal, Request};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, mpsc};
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method, OutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, WasiHttpView as _};

use crate::held::{Held, Share, Whole};
use crate::meter::Alarm;
use crate::state::State;
use crate::{Halt, Limits};

/// Requests of one call on the wire at one time; further ones wait.
const AT_ONCE: usize = 4;
/// Bytes of a request's body that wait to be taken over.
const CHUNK: usize = 64 * 1024;
/// The longest method, authority and path that the host keeps for a request which the guest has not sent, in bytes.
const METHOD_MAX: usize = 16;
const AUTHORITY_MAX: usize = 512;
const PATH_MAX: usize = 16 * 1024;

/// The hooks that put a guest's own HTTP client on the paved road.
pub(crate) struct Road {
    lane: Option<Lane>,
    request_bytes: u64,
    /// Requests that have begun. The lane counts too, but only once a body is whole.
    begun: u32,
    requests: u32,
    /// No hook of the library's can end a call.
    alarm: Alarm,
    held: Arc<Held>,
    wire: Arc<Semaphore>,
    /// Each request under way has a clone: see [`Settled`]. None once the call is over.
    alive: Option<mpsc::Sender<()>>,
}

/// Ends when no request of the call is under way any more. One that is broken off tells the lane whether a byte of it went
/// out, and whoever asks the lane after the call must hear it, or a write would be sent again.
pub(crate) struct Settled(mpsc::Receiver<()>);

impl Settled {
    /// Waits, but not for ever: what is broken off has nothing left to wait for. `false` if something goes on.
    pub(crate) async fn wait(mut self) -> bool {
        let settled = tokio::time::timeout(SETTLING, self.0.recv()).await.is_ok();
        if !settled {
            tracing::error!("a request outlived its call by far; what it sent is not known");
        }
        settled
    }
}

/// How long broken-off requests may take to notice.
const SETTLING: Duration = Duration::from_secs(5);

impl Road {
    pub(crate) fn new(lane: Option<Lane>, limits: &Limits, alarm: Alarm) -> (Self, Settled) {
        let (alive, settled) = mpsc::channel(1);
        let road = Self {
            alive: Some(alive),
            lane,
            request_bytes: limits.request_bytes,
            begun: 0,
            requests: limits.http_requests,
            alarm,
            held: Held::new(limits.request_bytes.saturating_add(limits.response_bytes).saturating_mul(2)),
            wire: Arc::new(Semaphore::new(AT_ONCE)),
        };
        (road, Settled(settled))
    }

    /// The call is over: no request begins any more, and nothing of the call is held.
    pub(crate) fn close(&mut self) {
        (self.lane, self.alive) = (None, None);
    }
}

/// Bounds the texts that wasmtime's own functions keep for a request without looking at their length.
pub(crate) fn link_bounded(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Own = Resource<OutgoingRequest>;
    type Set = wasmtime::Result<(Result<(), ()>,)>;
    let fits = |text: Option<&String>, most: usize| text.is_none_or(|t| t.len() <= most);
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        move |mut store, (this, method): (Own, Method)| -> Set {
            let long = matches!(&method, Method::Other(m) if m.len() > METHOD_MAX);
            Ok((if long { Err(()) } else { store.data_mut().http().set_method(this, method)? },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        move |mut store, (this, text): (Own, Option<String>)| -> Set {
            let fits = fits(text.as_ref(), AUTHORITY_MAX);
            Ok((if fits { store.data_mut().http().set_authority(this, text)? } else { Err(()) },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        move |mut store, (this, text): (Own, Option<String>)| -> Set {
            let fits = fits(text.as_ref(), PATH_MAX);
            Ok((if fits { store.data_mut().http().set_path_with_query(this, text)? } else { Err(()) },))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Road {
    // The column sets it, from the vetted URL.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Io,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        self.begun = self.begun.saturating_add(1);
        let over = self.begun > self.requests;
        if over {
            self.alarm.ring(too_many(self.begun, self.requests));
        }
        let lane = self.lane.clone().filter(|_| !over);
        let alarm = self.alarm.clone();
        let (limit, held, wire) = (self.request_bytes, self.held.clone(), self.wire.clone());
        let alive = self.alive.clone();
        Box::new(async move {
            // Dropped last, after the request itself.
            let _alive = alive;
            let lane = lane.ok_or(Error::HttpRequestDenied)?;
            let (parts, body) = request.into_parts();
            let mut share = held.share();
            let body = whole(body, limit, &mut share).await?;
            let headers =
                parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), v.as_bytes().to_vec())).collect();
            let request = Request {
                method: parts.method.as_str().to_owned(),
                url: parts.uri.to_string(),
                headers,
                body: (!body.is_empty()).then_some(body),
                auth: None,
                idempotency_key: None,
                timeout: options.and_then(|o| o.first_byte_timeout),
            };
            let turn = wire.acquire().await.map_err(|_| Error::DestinationUnavailable)?;
            let answer = lane.send(request).await;
            if let Some(asked) = lane.asked_too_often() {
                alarm.ring(too_many(asked, lane.limits().requests));
            }
            let answer = answer.map_err(refused)?;
            drop(share);
            let mut share = held.share();
            if !share.grow(answer.body.len()) {
                return Err(crowded());
            }
            drop(turn);
            let mut response = http::Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(name, value.as_slice());
            }
            let body = Whole::new(answer.body, share).map_err(|never| match never {});
            let response = response.body(body.boxed_unsync()).map_err(|_| Error::HttpProtocolError)?;
            let done: Io = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

/// The whole body, as far as it fits. Where it does not, it is dropped, and the guest's next write fails.
async fn whole(mut body: WasiBody, limit: u64, share: &mut Share) -> Result<Bytes, Error> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if (whole.len() + data.len()) as u64 > limit {
            return Err(Error::HttpRequestBodySize(Some(limit)));
        }
        if !share.grow(data.len()) {
            return Err(crowded());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// More HTTP requests than a call may make, on either road.
pub(crate) fn too_many(asked: u32, most: u32) -> Halt {
    Halt::bound("http-requests", asked.into(), most.into())
}

fn crowded() -> Error {
    Error::InternalError(Some(
        "too much is held for this call: read the answers that are there first".to_owned(),
    ))
}

/// The nearest word that wasi:http has. The exchange's record says more.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Denied { .. } | Refusal::AuthExpired => Error::HttpRequestDenied,
        Refusal::RateLimited { .. } => Error::ConnectionLimitReached,
        Refusal::NotSent(_) => Error::DestinationUnavailable,
        Refusal::SentNoAnswer(_) => Error::HttpResponseIncomplete,
        Refusal::TooLarge(n) => Error::HttpResponseBodySize(Some(n)),
    }
}
