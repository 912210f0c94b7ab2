//! What the host holds in memory for one call, beside the guest's own memory: bodies on the wasi:http road, where a guest
//! may have many requests under way and read none of the answers.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

/// Bytes held now, and how many there may be.
#[derive(Debug)]
pub(crate) struct Held {
    now: AtomicU64,
    most: u64,
}

impl Held {
    pub(crate) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self { now: AtomicU64::new(0), most })
    }

    /// A part of it, empty at first, given back when dropped.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { of: self.clone(), bytes: 0 }
    }
}

/// What one body holds.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Held>,
    bytes: u64,
}

impl Share {
    /// Takes more; `false` if there is none left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let more = |now: u64| now.checked_add(bytes).filter(|n| *n <= self.of.most);
        let grown = self.of.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if grown {
            self.bytes += bytes;
        }
        grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A whole body that counts for as long as it is there.
pub(crate) struct Whole {
    body: Full<Bytes>,
    _share: Share,
}

impl Whole {
    pub(crate) fn new(body: Bytes, share: Share) -> Self {
        Self { body: Full::new(body), _share: share }
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_counts_until_it_is_dropped() {
        let held = Held::new(10);
        let (mut one, mut two) = (held.share(), held.share());
        assert!(one.grow(6) && !two.grow(5) && two.grow(4) && !two.grow(1));
        drop(one);
        assert!(two.grow(6) && !two.grow(usize::MAX));
    }
}
