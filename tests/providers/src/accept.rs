//! The socket side of a fake: accept, read in full, answer, or fail as ordered.

use crate::fake::{Core, Outcome};
use crate::{Reply, Vendor};
use bytes::{Bytes, BytesMut};
use futures::stream;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

/// At most so many connections are open; the next one waits in the listener's queue.
const CONNECTIONS: usize = 1024;
/// A body that is too long is still read up to this length, so that its sender lives to read the refusal.
const BODY_READ: usize = 64 * 1024 * 1024;

type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;

/// Serves until `stop` fires or is dropped; then every connection ends.
pub(crate) async fn serve<V: Vendor>(
    listener: TcpListener,
    core: Arc<Core<V>>,
    mut stop: oneshot::Receiver<()>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        tokio::select! {
            _ = &mut stop => return,
            _ = connections.join_next(), if !connections.is_empty() => {}
            accepted = next => match accepted {
                Ok((stream, place)) => {
                    let core = Arc::clone(&core);
                    connections.spawn(async move {
                        connection(stream, core).await;
                        drop(place);
                    });
                }
                // out of descriptors, most likely: others will close
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

async fn connection<V: Vendor>(stream: TcpStream, core: Arc<Core<V>>) {
    // An answer in two segments must not wait for the peer's acknowledgement.
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request| exchange(Arc::clone(&core), request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    // A peer that goes away, or a fault that closes, ends here as an error: nothing to do about either.
    http.serve_connection(TokioIo::new(stream), service).await.ok();
}

/// An error closes the connection without a word: that is how faults hang up.
async fn exchange<V: Vendor>(
    core: Arc<Core<V>>,
    request: Request<Incoming>,
) -> io::Result<Response<AnswerBody>> {
    let (parts, body) = request.into_parts();
    let body = read(body, V::BODY_LIMIT).await?;
    match core.exchange(&parts, body) {
        Outcome::Answer(reply) => response(&reply, whole(reply.body.clone())),
        Outcome::AnswerAfter(reply, delay) => {
            tokio::time::sleep(delay).await;
            response(&reply, whole(reply.body.clone()))
        }
        Outcome::AnswerInDrops { reply, bytes, first, every } => {
            response(&reply, drops(reply.body.clone(), bytes, first, every))
        }
        Outcome::AnswerInPart(reply) => response(&reply, half(&reply.body)),
        Outcome::HangUp(delay) => {
            tokio::time::sleep(delay).await;
            Err(io::Error::other("hung up as ordered"))
        }
    }
}

/// The body, or `None` if it is longer than `limit`.
async fn read(mut body: Incoming, limit: usize) -> io::Result<Option<Bytes>> {
    let mut kept = BytesMut::with_capacity(body.size_hint().lower().min(limit as u64) as usize);
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(io::Error::other)?.into_data() else { continue };
        seen += data.len();
        if seen > BODY_READ {
            return Err(io::Error::other("a body without end"));
        }
        if seen <= limit {
            kept.extend_from_slice(&data);
        }
    }
    Ok((seen <= limit).then(|| kept.freeze()))
}

fn response(reply: &Reply, body: AnswerBody) -> io::Result<Response<AnswerBody>> {
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    for (name, value) in &reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        let value = HeaderValue::from_str(value).map_err(io::Error::other)?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn whole(body: Bytes) -> AnswerBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn drops(body: Bytes, bytes: usize, first: Duration, every: Duration) -> AnswerBody {
    let stream = stream::unfold((body, first), move |(mut rest, pause)| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let drop = rest.split_to(bytes.clamp(1, rest.len()));
        Some((Ok(Frame::data(drop)), (rest, every)))
    });
    StreamBody::new(stream).boxed_unsync()
}

fn half(body: &Bytes) -> AnswerBody {
    let start = Ok(Frame::data(body.slice(..body.len() / 2)));
    let end = Err(io::Error::other("cut off as ordered"));
    StreamBody::new(stream::iter([start, end])).boxed_unsync()
}
