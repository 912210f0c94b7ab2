//! What a store holds: everything that one call's guest can touch, and nothing of another call.

use std::sync::Arc;

use egress::Lane;
use model::ConnectionId;
use store::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::limits::Meter;
use crate::wasi_http::Road;

/// Log lines kept of one call, and their length.
pub(crate) const LOG_LINES: u32 = 100;
pub(crate) const LOG_BYTES: usize = 4096;

pub(crate) struct State {
    pub(crate) meter: Meter,
    /// None for functions that run before any connection is known: a call to the outside is then a halt.
    pub(crate) outside: Option<Outside>,
    pub(crate) log_lines: u32,
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
    pub(crate) fn new(meter: Meter, outside: Option<Outside>) -> Self {
        let mut wasi = WasiCtx::builder();
        // No preopened folder, no argument, no environment, no socket; standard output goes nowhere.
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(1024 * 1024);
        let mut table = ResourceTable::new();
        table.set_max_capacity(10_000);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(64 * 1024);
        let road = Road::new(outside.as_ref().map(|o| o.lane.clone()), meter.limits());
        Self { meter, outside, log_lines: 0, table, wasi: wasi.build(), http, road }
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
