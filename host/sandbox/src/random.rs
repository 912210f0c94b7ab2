//! `wasi:random`, counted: the library's own functions know no sum.

use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::p2::bindings::random::{insecure, random};

use crate::state::State;

/// Puts the meter before every function that makes random bytes. `insecure-seed` makes none: it is the same all call long.
pub(crate) fn link_metered(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    random::add_to_linker::<_, HasSelf<State>>(linker, |s| s)?;
    insecure::add_to_linker::<_, HasSelf<State>>(linker, |s| s)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl random::Host for State {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.meter.random(len).map_err(wasmtime::Error::new)?;
        random::Host::get_random_bytes(self.ctx().ctx.random(), len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.meter.random(8).map_err(wasmtime::Error::new)?;
        random::Host::get_random_u64(self.ctx().ctx.random())
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.meter.random(len).map_err(wasmtime::Error::new)?;
        insecure::Host::get_insecure_random_bytes(self.ctx().ctx.random(), len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.meter.random(8).map_err(wasmtime::Error::new)?;
        insecure::Host::get_insecure_random_u64(self.ctx().ctx.random())
    }
}
