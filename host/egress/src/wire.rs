//! Knows, for every socket, whether a byte of the present request may have gone out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
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

    /// Before the next request on the same socket.
    pub fn renew(&self) {
        self.state.store(FRESH, Ordering::SeqCst);
        self.answered.store(false, Ordering::SeqCst);
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
        if buf.filled().len() > before {
            self.wire.answered.store(true, Ordering::SeqCst);
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
        wire.renew();
        assert!(wire.mark().is_ok());
        assert!(wire.settle());
        assert!(wire.mark().is_ok());
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
