//! Knows, for every socket, whether a byte of the present request may have gone out, and how much came back.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const FRESH: u8 = 0;
const SENT: u8 = 1;
const CUT: u8 = 2;

/// The state of one request on one socket.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    state: AtomicU8,
    answered: AtomicBool,
    /// Bytes that the present answer may still have, framing and all.
    left: AtomicU64,
    /// Whether it had more.
    overrun: AtomicBool,
}

impl Wire {
    /// Whether a byte may have gone out. If none has, none will: the socket refuses to write from here on, so the answer
    /// stays true.
    pub fn settle(&self) -> bool {
        self.state.compare_exchange(FRESH, CUT, Ordering::SeqCst, Ordering::SeqCst) == Err(SENT)
    }

    /// Whether a byte of the answer came.
    pub fn answered(&self) -> bool {
        self.answered.load(Ordering::SeqCst)
    }

    /// For a new socket, whose first answer may have this many bytes.
    pub fn new(most: u64) -> Self {
        Self { left: AtomicU64::new(most), ..Self::default() }
    }

    /// Before the next request on the same socket; `most` bytes may come back.
    pub fn renew(&self, most: u64) {
        self.state.store(FRESH, Ordering::SeqCst);
        self.answered.store(false, Ordering::SeqCst);
        self.left.store(most, Ordering::SeqCst);
    }

    /// Whether more came back than may.
    pub fn overrun(&self) -> bool {
        self.overrun.load(Ordering::SeqCst)
    }

    /// Counts what came back. The library has no bound for interim answers (RFC 9110 §15.2), and none for what the framing
    /// adds to a body: without one they go on until the deadline.
    fn read(&self, bytes: usize) -> io::Result<()> {
        if self.state.load(Ordering::SeqCst) == FRESH {
            // Nothing was asked yet: whoever says something answers somebody else's question.
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.answered.store(true, Ordering::SeqCst);
        let less = |left: u64| left.checked_sub(bytes as u64);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            return Ok(());
        }
        self.overrun.store(true, Ordering::SeqCst);
        Err(io::ErrorKind::QuotaExceeded.into())
    }

    /// Before a write. What a write that fails has let out is unknown, so trying counts.
    fn mark(&self) -> io::Result<()> {
        match self.state.compare_exchange(FRESH, SENT, Ordering::SeqCst, Ordering::SeqCst) {
            Err(CUT) => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Ok(()),
        }
    }
}

/// A stream whose writes and reads are noticed. It lies above TLS, so a handshake does not count.
pub(crate) struct Marked<T> {
    pub io: T,
    pub wire: std::sync::Arc<Wire>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Marked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        let came = buf.filled().len() - before;
        if came > 0 {
            self.wire.read(came)?;
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Marked<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !buf.is_empty() {
            self.wire.mark()?;
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().any(|b| !b.is_empty()) {
            self.wire.mark()?;
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_called_unsent_is_never_sent() {
        let wire = Wire::default();
        assert!(!wire.settle());
        assert!(wire.mark().is_err());
        assert!(!wire.settle());
        wire.renew(0);
        assert!(wire.mark().is_ok());
        assert!(wire.settle());
        assert!(wire.mark().is_ok());
    }

    #[tokio::test]
    async fn no_more_comes_back_than_may() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (ours, mut theirs) = tokio::io::duplex(64);
        let wire = std::sync::Arc::new(Wire::new(5));
        let mut marked = Marked { io: ours, wire: std::sync::Arc::clone(&wire) };
        let mut buffer = [0; 4];
        marked.write_all(b"?").await.unwrap();
        theirs.write_all(b"1234").await.unwrap();
        assert_eq!(marked.read(&mut buffer).await.unwrap(), 4);
        theirs.write_all(b"56").await.unwrap();
        assert!(!wire.overrun() && marked.read(&mut buffer).await.is_err() && wire.overrun());
    }

    #[tokio::test]
    async fn what_comes_before_the_question_is_no_answer() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (ours, mut theirs) = tokio::io::duplex(64);
        let wire = std::sync::Arc::new(Wire::new(100));
        let mut marked = Marked { io: ours, wire: std::sync::Arc::clone(&wire) };
        theirs.write_all(b"HTTP/1.1 200 OK").await.unwrap();
        assert!(marked.read(&mut [0; 4]).await.is_err());
    }

    #[tokio::test]
    async fn every_way_to_write_counts_and_a_cut_wire_writes_nothing() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        for vectored in [false, true] {
            for cut in [false, true] {
                let (ours, mut theirs) = tokio::io::duplex(64);
                let wire = std::sync::Arc::new(Wire::default());
                let mut marked = Marked { io: ours, wire: std::sync::Arc::clone(&wire) };
                if cut {
                    assert!(!wire.settle());
                }
                let written = match vectored {
                    true => marked.write_vectored(&[IoSlice::new(b"x")]).await,
                    false => marked.write(b"x").await,
                };
                assert_eq!((written.is_ok(), wire.settle()), (!cut, !cut));
                drop(marked);
                let mut read = Vec::new();
                theirs.read_to_end(&mut read).await.unwrap();
                assert_eq!(read.is_empty(), cut);
            }
        }
    }
}
