//! The listening side: connections within bounds, and an orderly end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, Sleep};

/// Connections open at once; more wait in the kernel's backlog.
const MOST_CONNECTIONS: usize = 4_096;
/// How long a connection may lie idle, and how long a request may take from its first byte to the first of its answer.
/// A request's own limits are shorter, so what this cuts off is a head or a body that trickles in, or an answer that
/// nobody takes.
const PATIENCE: Duration = Duration::from_secs(65);
/// What a peer still sends when its connection ends is read and thrown away up to here, so that it gets to see the answer
/// that refused it: closing on unread bytes resets the connection, and the answer may be lost (RFC 9112 §9.6).
const MOST_LINGERING: usize = 64 << 20;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(5);
/// How long requests in flight may take to end once the host shuts down.
const GRACE: Duration = Duration::from_secs(35);

/// Serves until `shutdown` resolves, then takes no more connections, lets the requests in flight end (35 s at most) and
/// returns.
///
/// # Errors
/// When the listener fails.
pub async fn serve<F>(listener: TcpListener, router: Router, shutdown: F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let gate = Gate { listener, places: Arc::new(Semaphore::new(MOST_CONNECTIONS)) };
    let (ended, end) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // Nobody listens any more only if serving has ended already.
        let _ = ended.send(());
    };
    let serving = axum::serve(gate, router).with_graceful_shutdown(signal).into_future();
    let give_up = async {
        match end.await {
            Ok(()) => tokio::time::sleep(GRACE).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = serving => served,
        () = give_up => {
            tracing::warn!(seconds = GRACE.as_secs(), "requests in flight did not end in time and are cut off");
            Ok(())
        }
    }
}

/// A listener that lets in so many connections at once.
struct Gate {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Gate {
    type Io = Patient<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Patient<TcpStream>, SocketAddr) {
        let place = self.places.clone().acquire_owned().await.ok();
        // Errors of single connections are retried within.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Small answers go out at once; a connection without the option works all the same.
        let _ = stream.set_nodelay(true);
        (Patient::new(stream, place), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A stream that fails once its peer has used up its time, and that lingers when it is closed.
struct Patient<S> {
    stream: S,
    until: Pin<Box<Sleep>>,
    /// Whether something was read since the last write.
    asked: bool,
    /// What was thrown away since our side was closed; none: it is open.
    lingered: Option<usize>,
    _place: Option<OwnedSemaphorePermit>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Patient<S> {
    fn new(stream: S, place: Option<OwnedSemaphorePermit>) -> Self {
        let until = Box::pin(tokio::time::sleep(PATIENCE));
        Self { stream, until, asked: false, lingered: None, _place: place }
    }

    fn renew(&mut self, patience: Duration) {
        self.until.as_mut().reset(Instant::now() + patience);
    }

    /// What to say while the stream is not ready.
    fn waiting<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.until.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn written(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Pending => self.waiting(cx),
            Poll::Ready(result) => {
                self.asked = false;
                self.renew(PATIENCE);
                Poll::Ready(result)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.waiting(cx),
            Poll::Ready(result) => {
                if !self.asked {
                    self.asked = true;
                    self.renew(PATIENCE);
                }
                // A byte now and then does not buy more time.
                if self.until.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Ready(result)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut thrown_away = match self.lingered {
            Some(so_far) => so_far,
            None => {
                ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                self.renew(LINGER);
                0
            }
        };
        let mut scratch = [0; 16 << 10];
        while thrown_away < MOST_LINGERING && self.until.as_mut().poll(cx).is_pending() {
            self.lingered = Some(thrown_away);
            let mut buf = ReadBuf::new(&mut scratch);
            // Whatever ends the reading ends the connection: there is nobody to tell.
            if ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)).is_err() || buf.filled().is_empty()
            {
                break;
            }
            thrown_away += buf.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test(start_paused = true)]
    async fn a_request_that_trickles_in_is_cut_off() {
        let (mut peer, ours) = duplex(64);
        let mut ours = Patient::new(ours, None);
        let began = Instant::now();
        tokio::spawn(async move {
            while peer.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let error = loop {
            if let Err(e) = ours.read_u8().await {
                break e;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_asks_and_is_answered_stays_open() {
        let (mut peer, ours) = duplex(64);
        let mut ours = Patient::new(ours, None);
        for _ in 0..10 {
            tokio::time::sleep(PATIENCE / 2).await;
            peer.write_all(b"x").await.unwrap();
            ours.read_u8().await.unwrap();
            tokio::time::sleep(PATIENCE / 2).await;
            ours.write_all(b"y").await.unwrap();
            peer.read_u8().await.unwrap();
        }
        assert_eq!(ours.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_ends_is_not_waited_for() {
        let (peer, ours) = duplex(64);
        let began = Instant::now();
        Patient::new(ours, None).shutdown().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), LINGER.as_secs());
        drop(peer);
    }
}
