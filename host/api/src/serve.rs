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
    type Io = Patient;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Patient, SocketAddr) {
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

/// A stream that fails once its peer has used up its time.
struct Patient {
    stream: TcpStream,
    until: Pin<Box<Sleep>>,
    /// Whether something was read since the last write.
    asked: bool,
    _place: Option<OwnedSemaphorePermit>,
}

impl Patient {
    fn new(stream: TcpStream, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { stream, until: Box::pin(tokio::time::sleep(PATIENCE)), asked: false, _place: place }
    }

    fn renew(&mut self) {
        self.until.as_mut().reset(Instant::now() + PATIENCE);
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
                self.renew();
                Poll::Ready(result)
            }
        }
    }
}

impl AsyncRead for Patient {
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
                    self.renew();
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

impl AsyncWrite for Patient {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
