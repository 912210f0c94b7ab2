//! Instances that are kept between calls, each for one connection, where its connector asks for it.
//!
//! Whoever keeps one has shown that its last call ended well, left no handle to anything and has nothing under way. Here it waits, and
//! serves again only the same connection with the same component, settings and endpoints. What belongs to a call is not
//! here: it is made anew for each ([`State`]). An instance that a call has is in nobody's table, so a call that is broken
//! off takes its instance with it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use model::ConnectionId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::Instance;

use crate::state::{Outside, State};

/// Instances kept warm at most in one process, where the operator says nothing.
pub const MAX_IDLE: u32 = 32;
/// The most that an operator may set: each takes 20 times 4 GiB of the process's addresses.
pub const MOST_IDLE: u32 = 256;
/// Idle instances of one connection: as many as it had calls at one time, up to this.
const PER_CONNECTION: usize = 2;
/// Memory of all idle instances together, in bytes. Who was idle longest goes first.
const MOST_BYTES: u64 = 256 << 20;
/// How late an instance that nobody asks for may be let go of. It is not used once its time is over.
const SWEEP: Duration = Duration::from_secs(1);

/// For how long an instance is kept, as its connector asks, and what else it must match.
#[derive(Debug)]
pub(crate) struct Reuse {
    pub(crate) max_calls: u32,
    pub(crate) max_age: Duration,
    /// Changes with the connection, its credential and its account.
    pub(crate) version: String,
}

/// An instance with its store, while it serves. The fields go in this order: the place is free once the memory is.
pub(crate) struct Kept {
    pub(crate) store: Store<State>,
    /// None before it is made.
    pub(crate) instance: Option<Instance>,
    born: Instant,
    calls: u32,
    place: Option<OwnedSemaphorePermit>,
}

impl Kept {
    /// A store for a fresh one.
    pub(crate) fn new(store: Store<State>) -> Self {
        Self { store, instance: None, born: Instant::now(), calls: 0, place: None }
    }
}

/// Whose an instance is: all of it must be equal, or it is no use.
struct Owner {
    connection: ConnectionId,
    /// The component, as it was loaded.
    connector: u64,
    version: String,
    config: Arc<str>,
    endpoints: BTreeMap<String, String>,
}

impl Owner {
    /// Whether a call of its connection may have what is its own.
    fn serves(&self, connector: u64, version: &str, outside: &Outside) -> bool {
        self.connector == connector
            && self.version == version
            && self.config == outside.config
            && self.endpoints == *outside.lane.endpoints()
    }
}

struct Idle {
    kept: Kept,
    owner: Owner,
    until: Instant,
    /// The table's count when it came: the lowest was idle longest.
    came: u64,
    bytes: u64,
}

struct Table {
    /// In no order, and short: it is searched from end to end.
    idle: Vec<Idle>,
    came: u64,
    /// How often something was forgotten, by the connection's hash: a call that began before does not bring its instance
    /// back. One in 64 of the other connections loses a warm instance by it, and nothing else.
    forgotten: [u32; 64],
    sweeper: Option<JoinHandle<()>>,
}

impl Table {
    /// Takes out those that `which` names. The caller drops them once the table is free again: that takes a while.
    fn take(&mut self, which: impl Fn(&Idle) -> bool) -> Vec<Idle> {
        self.idle.extract_if(.., |i| which(i)).collect()
    }

    fn longest_idle(&mut self) -> Option<Idle> {
        let (at, _) = self.idle.iter().enumerate().min_by_key(|(_, i)| i.came)?;
        Some(self.idle.swap_remove(at))
    }

    /// Adds one, and takes out those whose memory would be too much with it.
    fn push(&mut self, owner: Owner, until: Instant, bytes: u64, kept: Kept) -> Vec<Idle> {
        let mut retired = Vec::new();
        let mut held = self.idle.iter().map(|i| i.bytes).sum::<u64>();
        while held.saturating_add(bytes) > MOST_BYTES
            && let Some(oldest) = self.longest_idle()
        {
            held -= oldest.bytes;
            retired.push(oldest);
        }
        self.came += 1;
        self.idle.push(Idle { kept, owner, until, came: self.came, bytes });
        retired
    }
}

/// The idle instances of a sandbox.
pub(crate) struct Warm {
    table: Mutex<Table>,
    /// As many as may be kept, idle or serving once more. The pool has room for them beside all fresh ones.
    places: Arc<Semaphore>,
    serials: AtomicU64,
    hash: RandomState,
}

impl Warm {
    pub(crate) fn new(max_idle: u32) -> Arc<Self> {
        let table = Table { idle: Vec::new(), came: 0, forgotten: [0; 64], sweeper: None };
        let places = Arc::new(Semaphore::new(max_idle as usize));
        let (table, serials) = (Mutex::new(table), AtomicU64::new(0));
        Arc::new(Self { table, places, serials, hash: RandomState::new() })
    }

    fn bucket(&self, connection: &ConnectionId) -> usize {
        (self.hash.hash_one(connection) % 64) as usize
    }

    /// A number that no other connector of this process has.
    pub(crate) fn serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    /// Nothing is awaited while it is held, and a panic elsewhere cannot leave it half-written.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instance that this connection used last, if there is one, and what [`Self::keep`] wants to know of now. Those
    /// of the connection that are too old, or of another version of it, are retired.
    pub(crate) fn take(&self, connector: u64, reuse: &Reuse, outside: &Outside) -> (Option<Kept>, u32) {
        let now = Instant::now();
        let serves = |i: &Idle| i.until > now && i.owner.serves(connector, &reuse.version, outside);
        let own = |i: &Idle| i.owner.connection == outside.connection;
        let mut table = self.table();
        let began = table.forgotten[self.bucket(&outside.connection)];
        let (mut last, mut useless) = (None::<(usize, u64)>, false);
        for (at, idle) in table.idle.iter().enumerate().filter(|(_, i)| own(i)) {
            if !serves(idle) {
                useless = true;
            } else if last.is_none_or(|(_, came)| came < idle.came) {
                last = Some((at, idle.came));
            }
        }
        let taken = last.map(|(at, _)| table.idle.swap_remove(at).kept);
        let retired = if useless { table.take(|i| own(i) && !serves(i)) } else { Vec::new() };
        drop(table);
        drop(retired);
        (taken, began)
    }

    /// Keeps an instance whose call began when `began` was counted and ended well, if there is room for it.
    pub(crate) fn keep(
        self: &Arc<Self>,
        connector: u64,
        reuse: Reuse,
        served: Outside,
        kept: Kept,
        began: u32,
    ) {
        let mut kept = Kept { calls: kept.calls.saturating_add(1), ..kept };
        let until = kept.born + reuse.max_age;
        let bytes = kept.store.data().meter.holds();
        if kept.calls >= reuse.max_calls || until <= Instant::now() || bytes > MOST_BYTES {
            return;
        }
        let endpoints = served.lane.endpoints().clone();
        let Outside { connection, config, .. } = served;
        let owner = Owner { connector, connection, version: reuse.version, config, endpoints };
        // The second time round, the one that was idle longest has made room.
        for _ in 0..2 {
            let mut table = self.table();
            let of_connection = table.idle.iter().filter(|i| i.owner.connection == owner.connection).count();
            if of_connection >= PER_CONNECTION || table.forgotten[self.bucket(&owner.connection)] != began {
                return;
            }
            if kept.place.is_none() {
                kept.place = self.places.clone().try_acquire_owned().ok();
            }
            if kept.place.is_some() {
                let retired = table.push(owner, until, bytes, kept);
                self.sweeping(&mut table);
                drop(table);
                drop(retired);
                return;
            }
            let oldest = table.longest_idle();
            drop(table);
            drop(oldest);
        }
    }

    /// Sees to it that somebody lets go of what nobody asks for.
    fn sweeping(self: &Arc<Self>, table: &mut Table) {
        if table.sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
            table.sweeper = Some(tokio::spawn(sweep(Arc::downgrade(self))));
        }
    }

    /// Retires what is idle for `connection`; what serves it now does not come back.
    pub(crate) fn forget(&self, connection: &ConnectionId) {
        let mut table = self.table();
        let forgotten = &mut table.forgotten[self.bucket(connection)];
        *forgotten = forgotten.wrapping_add(1);
        let retired = table.take(|i| i.owner.connection == *connection);
        drop(table);
        drop(retired);
    }

    /// Retires what is idle of a connector.
    pub(crate) fn retire(&self, connector: u64) {
        let retired = self.table().take(|i| i.owner.connector == connector);
        drop(retired);
    }

    pub(crate) fn idle(&self) -> usize {
        self.table().idle.len()
    }

    /// Retires what is too old, and says when to look again; none if nothing is left to look at.
    fn sweep(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut table = self.table();
        let retired = table.take(|i| i.until <= now);
        let next = table.idle.iter().map(|i| i.until).min();
        if next.is_none() {
            table.sweeper = None;
        }
        drop(table);
        drop(retired);
        next.map(|next| next.min(now + SWEEP))
    }
}

/// Lets go of what nobody asked for in time. Runs for as long as there is something idle.
async fn sweep(warm: Weak<Warm>) {
    loop {
        let Some(next) = warm.upgrade().and_then(|warm| warm.sweep()) else { return };
        tokio::time::sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests;
