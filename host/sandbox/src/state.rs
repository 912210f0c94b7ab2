//! What a store holds: everything that one call's guest can touch, and nothing of another call.

use std::any::Any;
use std::sync::Arc;

use egress::Lane;
use model::ConnectionId;
use store::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::meter::Meter;
use crate::wasi_http::{Road, Settled};

/// The length of a log line.
pub(crate) const LOG_BYTES: usize = 4096;

/// The longest key of the cache, in bytes; `wit/` says so.
pub(crate) const CACHE_KEY: usize = 256;
/// Writes to the cache in one call, each of them a transaction: as many as a connection keeps keys.
pub(crate) const CACHE_WRITES: u32 = 1_000;
pub(crate) struct State {
    pub(crate) meter: Meter,
    /// None for functions that run before any connection is known: a call to the outside is then a halt.
    pub(crate) outside: Option<Outside>,
    pub(crate) cache_writes: u32,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    road: Road,
}

/// The connection that a call serves.
pub(crate) struct Outside {
    pub(crate) connection: ConnectionId,
    pub(crate) connector: String,
    pub(crate) lane: Lane,
    /// The user's settings as JSON text.
    pub(crate) config: Arc<str>,
    pub(crate) store: Option<Store>,
}

impl State {
    pub(crate) fn new(meter: Meter, outside: Option<Outside>) -> (Self, Settled) {
        let mut wasi = WasiCtx::builder();
        // No preopened folder, no argument, no environment, no socket; standard output goes nowhere.
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        let (http, road, settled) = roads(&meter, outside.as_ref());
        let mut table = ResourceTable::new();
        // Things of the host's behind the handles. Each holds its headers and some 70 KiB at most ([`crate::wasi_http`]).
        table.set_max_capacity(size(meter.limits().handles));
        (Self { meter, outside, cache_writes: 0, table, wasi: wasi.build(), http, road }, settled)
    }

    /// One more call of an instance that was kept. All is new but the table, in which the guest's standard streams have
    /// their numbers, and WASI's clocks: what was later would else be earlier, which no language's library expects.
    pub(crate) fn again(&mut self, meter: Meter, outside: Option<Outside>) -> Settled {
        let settled;
        // By name, all of them: whoever adds a field decides here whether it is the call's.
        let Self { meter: metered, outside: served, cache_writes, table, wasi: _, http, road } = self;
        (*http, *road, settled) = roads(&meter, outside.as_ref());
        table.set_max_capacity(size(meter.limits().handles));
        (*metered, *served, *cache_writes) = (meter, outside, 0);
        settled
    }

    /// The call is over, and its instance is to be kept: lets go of what was the call's, its way out first, and gives back
    /// the connection that it served. None where a handle is left to something of the host's: a later call could use it,
    /// so the instance is not kept.
    pub(crate) fn rest(&mut self) -> Option<Outside> {
        if !self.table.iter_mut().all(|left| is_empty_stream(left) || waits_for_another(left)) {
            return None;
        }
        self.road.close();
        self.outside.take()
    }
}

/// The call's way out over wasi:http.
fn roads(meter: &Meter, outside: Option<&Outside>) -> (WasiHttpCtx, Road, Settled) {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(size(meter.limits().header_bytes));
    let (road, settled) = Road::new(outside.map(|o| o.lane.clone()), meter.limits(), meter.alarm());
    (http, road, settled)
}

fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Whether there is nothing behind a handle: languages' libraries open the standard streams once and keep them. Ours are
/// empty, and a stream without a byte of state belongs to no call.
fn is_empty_stream(left: &(dyn Any + Send)) -> bool {
    let input = left.downcast_ref::<DynInputStream>().map(|stream| size_of_val(&**stream));
    let output = left.downcast_ref::<DynOutputStream>().map(|stream| size_of_val(&**stream));
    input.or(output) == Some(0)
}

/// Whether it only waits for another entry: it holds that one's number and no more, and the table lets go of no entry that
/// another waits for. So the other is still there and speaks for both: a stream without a byte of state, or a timer or a
/// request of the call's. wasi-libc keeps one beside standard output.
fn waits_for_another(left: &(dyn Any + Send)) -> bool {
    left.is::<DynPollable>()
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.road, table: &mut self.table, ctx: &mut self.http }
    }
}
