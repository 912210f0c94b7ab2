//! What a store holds: everything that one call's guest can touch, and nothing of another call.

use std::sync::Arc;

use egress::Lane;
use model::ConnectionId;
use store::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::limits::Meter;
use crate::wasi_http::{Road, Settled};

/// Log lines kept of one call, and their length.
pub(crate) const LOG_LINES: u32 = 100;
pub(crate) const LOG_BYTES: usize = 4096;

/// The longest key of the cache, in bytes; `wit/` says so.
pub(crate) const CACHE_KEY: usize = 256;
/// Writes to the cache in one call, each of them a transaction: as many as a connection keeps keys.
pub(crate) const CACHE_WRITES: u32 = 1_000;
/// Live handles, and things of the host's behind them. Each holds some 100 KiB at most ([`HEADERS`], [`crate::wasi_http`]).
pub(crate) const HANDLES: usize = 2_000;
/// Bytes of the headers that a guest composes; the column takes no more.
const HEADERS: usize = 32 * 1024;
/// Random bytes in one call of the host, as many as the Web Cryptography API gives.
const RANDOM: u64 = 65_536;

pub(crate) struct State {
    pub(crate) meter: Meter,
    /// None for functions that run before any connection is known: a call to the outside is then a halt.
    pub(crate) outside: Option<Outside>,
    pub(crate) log_lines: u32,
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
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(RANDOM);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADERS);
        let (road, settled) = Road::new(outside.as_ref().map(|o| o.lane.clone()), meter.limits());
        let state =
            Self { meter, outside, log_lines: 0, cache_writes: 0, table, wasi: wasi.build(), http, road };
        (state, settled)
    }
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
