//! Idle sockets. One is used again only by the same connection (tenant), under the same grants, for the same origin, and
//! only if the address it leads to was vetted for the present request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use model::ConnectionId;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::wire::Wire;

/// How many idle sockets one key keeps.
const PER_KEY: usize = 4;
/// How many idle sockets the process keeps.
const MOST_IDLE: usize = 512;
/// After this long an idle socket no longer carries a write: many servers close after five seconds, and a write that is
/// lost to that cannot be repeated safely.
const FRESH_FOR_WRITES: Duration = Duration::from_secs(3);

/// Whose sockets these are, and where they lead.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub connection: ConnectionId,
    pub policy: [u8; 32],
    /// The logical origin.
    pub origin: String,
    /// Whether TLS is spoken, and to whom.
    pub tls: Option<String>,
}

/// An open socket with HTTP/1.1 on it. Dropping it closes it.
pub(crate) struct Conn {
    pub sender: SendRequest<Full<Bytes>>,
    pub wire: Arc<Wire>,
    pub address: SocketAddr,
    pub driver: AbortHandle,
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

struct Idle {
    conn: Conn,
    since: Instant,
}

/// The idle sockets of the process.
pub(crate) struct Pools {
    inner: Mutex<Inner>,
    age: Duration,
}

#[derive(Default)]
struct Inner {
    idle: HashMap<Key, Vec<Idle>>,
    count: usize,
    reaper: bool,
}

impl Pools {
    pub fn new(age: Duration) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), age })
    }

    /// The socket that was used last, if its peer is among `vetted`. Sockets to addresses that were not vetted again are
    /// closed.
    pub fn take(&self, key: &Key, vetted: &[SocketAddr], write: bool) -> Option<Conn> {
        let age = if write { self.age.min(FRESH_FOR_WRITES) } else { self.age };
        let mut inner = self.lock();
        let idle = inner.idle.get_mut(key)?;
        let before = idle.len();
        idle.retain(|i| {
            vetted.contains(&i.conn.address) && !i.conn.sender.is_closed() && i.since.elapsed() < self.age
        });
        let at = idle.iter().rposition(|i| i.since.elapsed() < age);
        let taken = at.map(|at| idle.remove(at).conn);
        let gone = before - idle.len();
        if idle.is_empty() {
            inner.idle.remove(key);
        }
        inner.count -= gone;
        taken
    }

    /// Keeps a socket whose last answer was read to its end.
    pub fn put(self: &Arc<Self>, key: Key, conn: Conn) {
        if conn.sender.is_closed() {
            return;
        }
        let mut inner = self.lock();
        if inner.count >= MOST_IDLE {
            inner.drop_old(self.age);
        }
        let full = inner.count >= MOST_IDLE;
        let idle = inner.idle.entry(key).or_default();
        if full || idle.len() >= PER_KEY {
            return;
        }
        idle.push(Idle { conn, since: Instant::now() });
        inner.count += 1;
        if !inner.reaper {
            inner.reaper = true;
            tokio::spawn(reap(Arc::downgrade(self), self.age));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn drop_old(&mut self, age: Duration) {
        self.idle.retain(|_, idle| {
            idle.retain(|i| i.since.elapsed() < age && !i.conn.sender.is_closed());
            !idle.is_empty()
        });
        self.count = self.idle.values().map(Vec::len).sum();
    }
}

/// Closes what grows old while nobody asks; ends when there is nothing left.
async fn reap(pools: Weak<Pools>, age: Duration) {
    loop {
        tokio::time::sleep(age / 2 + Duration::from_millis(1)).await;
        let Some(pools) = pools.upgrade() else {
            return;
        };
        let mut inner = pools.lock();
        inner.drop_old(age);
        if inner.count == 0 {
            inner.reaper = false;
            return;
        }
    }
}
