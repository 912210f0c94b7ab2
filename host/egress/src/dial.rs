//! **dial**: connects to exactly what was vetted, sends, and reads the answer within its bounds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::rustls;

use crate::column::{Answer, Call, is_write};
use crate::lane::{LaneInner, LaneLimits};
use crate::pool::{Conn, Key};
use crate::record::Open;
use crate::resolve::Route;
use crate::wire::{Marked, Wire};
use crate::{Egress, Refusal};

/// The most headers an answer may have.
const MOST_HEADERS: usize = 256;
/// hyper's own least buffer.
const LEAST_HEAD: usize = 8 * 1024;
/// How long an idle socket may take to say that it is ready for another request.
const READY: Duration = Duration::from_millis(50);

/// A byte stream.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What opens sockets.
#[async_trait]
pub trait Dial: Send + Sync {
    /// Connects to exactly this address. TLS comes on top of it, by egress.
    async fn dial(&self, addr: SocketAddr) -> io::Result<Box<dyn Io>>;
}

/// TCP, without a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDial;

#[async_trait]
impl Dial for SystemDial {
    async fn dial(&self, addr: SocketAddr) -> io::Result<Box<dyn Io>> {
        let stream = tokio::net::TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// How one try on one socket failed.
enum Failed {
    /// The socket had closed before anything was put on it.
    Closed,
    /// The answer is too large.
    TooLarge(u64),
    /// Anything else.
    Lost(String),
}

/// Sends the request over an idle socket or a fresh one and reads the whole answer.
pub(crate) async fn exchange(
    lane: &LaneInner,
    call: &Call,
    route: &Route,
    open: &mut Open<'_>,
) -> Result<Answer, Refusal> {
    let egress = &lane.egress;
    let _slot =
        egress.slots.acquire().await.map_err(|_| Refusal::NotSent("the host is closing down".into()))?;
    let write = is_write(call.method.as_str());
    let key = Key {
        connection: lane.options.connection.clone(),
        policy: lane.options.policy.digest(),
        origin: call.target.origin(),
        tls: route.tls.as_ref().map(|name| name.to_str().into_owned()),
    };
    if let Some(mut conn) = idle(lane, &key, route, write).await {
        open.on(&conn.wire);
        match attempt(&mut conn, call, &lane.options.limits).await {
            Ok(answer) => return Ok(keep(egress, key, conn, open, answer)),
            Err(Failed::Closed) => {}
            // The server closed an idle socket just as we wrote: only what cannot change anything is sent again.
            Err(Failed::Lost(_)) if !write && !conn.wire.answered() => open.sent_before(),
            Err(failed) => return Err(refusal(failed, open)),
        }
    }
    let mut conn =
        connect(egress, call, route, &lane.options.limits).await.map_err(|why| open.broken(&why))?;
    open.on(&conn.wire);
    match attempt(&mut conn, call, &lane.options.limits).await {
        Ok(answer) => Ok(keep(egress, key, conn, open, answer)),
        Err(failed) => Err(refusal(failed, open)),
    }
}

fn refusal(failed: Failed, open: &mut Open<'_>) -> Refusal {
    match failed {
        Failed::TooLarge(limit) => Refusal::TooLarge(limit),
        Failed::Closed => open.broken("the connection was closed"),
        Failed::Lost(why) => open.broken(&why),
    }
}

async fn idle(lane: &LaneInner, key: &Key, route: &Route, write: bool) -> Option<Conn> {
    loop {
        let mut conn = lane.egress.pools.take(key, &route.addresses, write)?;
        if matches!(timeout(READY, conn.sender.ready()).await, Ok(Ok(()))) {
            conn.wire.renew(most(&lane.options.limits));
            return Some(conn);
        }
    }
}

/// The answer is whole: the socket may serve this connection again, unless the server said that it will close it.
fn keep(egress: &Egress, key: Key, conn: Conn, open: &mut Open<'_>, answer: Answer) -> Answer {
    open.whole();
    let closing = answer
        .headers
        .get_all(CONNECTION)
        .iter()
        .any(|v| v.as_bytes().to_ascii_lowercase().windows(5).any(|w| w == b"close"));
    if !closing {
        egress.pools.put(key, conn);
    }
    answer
}

/// Tries the vetted addresses in order. Nothing of the request is on the wire yet, but the TLS handshake.
async fn connect(egress: &Egress, call: &Call, route: &Route, limits: &LaneLimits) -> Result<Conn, String> {
    let mut last = String::new();
    for address in &route.addresses {
        match timeout(egress.options.connect_timeout, open_socket(egress, *address, route, limits)).await {
            Ok(Ok(conn)) => return Ok(conn),
            Ok(Err(why)) => last = why,
            Err(_) => last = "it took too long".to_owned(),
        }
    }
    Err(format!("{} could not be reached: {last}", call.shown_host()))
}

async fn open_socket(
    egress: &Egress,
    address: SocketAddr,
    route: &Route,
    limits: &LaneLimits,
) -> Result<Conn, String> {
    // The error's kind alone: its text may name the address.
    let socket = egress.options.dialler.dial(address).await.map_err(|e| e.kind().to_string())?;
    let socket: Box<dyn Io> = match &route.tls {
        None => socket,
        Some(name) => {
            let tls = egress.tls.connect(name.clone(), socket).await;
            Box::new(tls.map_err(|e| handshake_words(&e).to_owned())?)
        }
    };
    let wire = Arc::new(Wire::new(most(limits)));
    let head = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX).max(LEAST_HEAD);
    let io = TokioIo::new(Marked { io: socket, wire: Arc::clone(&wire) });
    let mut builder = http1::Builder::new();
    builder.max_headers(MOST_HEADERS).max_header_size(head).max_buf_size(head);
    let (sender, driver) = builder.handshake(io).await.map_err(|_| "the connection was closed".to_owned())?;
    let driver = tokio::spawn(async move {
        // Its errors come out at the request that waits for an answer.
        let _ = driver.await;
    });
    Ok(Conn { sender, wire, address, driver: driver.abort_handle() })
}

/// The most bytes of an answer, framing, interim answers and trailers included: chunks smaller than their own framing are
/// nobody's honest way to fill a body up to its limit.
fn most(limits: &LaneLimits) -> u64 {
    limits.response_bytes.saturating_add(limits.header_bytes.max(LEAST_HEAD as u64)).saturating_mul(2)
}

async fn attempt(conn: &mut Conn, call: &Call, limits: &LaneLimits) -> Result<Answer, Failed> {
    match answered(conn, call, limits).await {
        Err(Failed::Lost(_)) if conn.wire.overrun() => Err(Failed::TooLarge(limits.response_bytes)),
        answered => answered,
    }
}

async fn answered(conn: &mut Conn, call: &Call, limits: &LaneLimits) -> Result<Answer, Failed> {
    let request = request(call)?;
    let response = conn.sender.try_send_request(request).await.map_err(|error| {
        if error.message().is_some() {
            return Failed::Closed;
        }
        let error = error.into_error();
        if error.is_parse_too_large() {
            Failed::TooLarge(limits.header_bytes)
        } else {
            Failed::Lost(words(&error))
        }
    })?;
    let (head, mut body) = response.into_parts();
    let bodiless = call.method == Method::HEAD
        || head.status == StatusCode::NO_CONTENT
        || head.status == StatusCode::NOT_MODIFIED;
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if !bodiless && announced.is_some_and(|n| n > limits.response_bytes) {
        return Err(Failed::TooLarge(limits.response_bytes));
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Failed::Lost(words(&e)))?;
        let Some(data) = frame.data_ref() else { continue };
        if (whole.len() + data.len()) as u64 > limits.response_bytes {
            return Err(Failed::TooLarge(limits.response_bytes));
        }
        whole.extend_from_slice(data);
    }
    Ok(Answer { status: head.status, headers: head.headers, body: whole.freeze() })
}

fn request(call: &Call) -> Result<http::Request<Full<Bytes>>, Failed> {
    let body = call.body.clone().unwrap_or_default();
    let mut request = http::Request::new(Full::new(body.clone()));
    *request.method_mut() = call.method.clone();
    *request.uri_mut() =
        call.target.path_and_query().parse().map_err(|_| Failed::Lost("the URL cannot be sent".into()))?;
    *request.headers_mut() = call.headers.clone();
    // Many servers want a length on a write without a body (RFC 9110 §8.6).
    if call.body.is_some() || matches!(call.method.as_str(), "POST" | "PUT" | "PATCH") {
        request.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    }
    Ok(request)
}

/// What went wrong in a handshake. The error's own text may name the host, which may be secret.
fn handshake_words(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            "the TLS certificate is expired, not trusted, or another host's"
        }
        _ => "the TLS handshake failed",
    }
}

/// What hyper says, without the chain of causes: a cause may name an address.
fn words(error: &hyper::Error) -> String {
    if error.is_incomplete_message() {
        "the connection was closed in the middle of the answer".to_owned()
    } else if error.is_parse() {
        "the answer is not HTTP/1.1".to_owned()
    } else {
        "the connection broke".to_owned()
    }
}
