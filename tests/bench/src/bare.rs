//! Bare wasmtime: the same component, the same engine settings, epochs, and WASI linked the same way; without limits, egress,
//! deadline and log. What an isolated call costs at least.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use wasmtime::component::{Component, Instance, InstancePre, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "package bench:bare; world bare { export jackfield:automation/actions@0.1.0; }",
        world: "bench:bare/bare",
        exports: { default: async },
    });
}

use bindings::exports::jackfield::automation::actions::{Call, GuestIndices};

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// One component on the bare engine.
pub(crate) struct Bare {
    engine: Engine,
    pre: InstancePre<State>,
    indices: GuestIndices,
}

/// An instance that stays.
pub(crate) struct Warm {
    store: Store<State>,
    instance: Instance,
}

impl Bare {
    /// Compiles the component under the sandbox's own engine settings.
    pub(crate) fn new(component: &[u8], max_idle: u32) -> Result<Self> {
        let engine = Engine::new(&sandbox::engine_config(max_idle)).map_err(plain)?;
        let weak = engine.weak();
        std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(Duration::from_millis(10));
            }
        })?;
        let component = Component::new(&engine, component).map_err(plain)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(plain)?;
        // The contract's functions are not called here, and stand for nothing.
        linker.define_unknown_imports_as_traps(&component).map_err(plain)?;
        let pre = linker.instantiate_pre(&component).map_err(plain)?;
        let indices = GuestIndices::new(&pre).map_err(plain)?;
        Ok(Self { engine, pre, indices })
    }

    /// A fresh instance.
    pub(crate) async fn instance(&self) -> Result<Warm> {
        let state = State { table: ResourceTable::new(), wasi: WasiCtx::builder().build() };
        let mut store = Store::new(&self.engine, state);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let instance = self.pre.instantiate_async(&mut store).await.map_err(plain)?;
        Ok(Warm { store, instance })
    }

    /// One call on it.
    pub(crate) async fn call(&self, on: &mut Warm, input: &str) -> Result<String> {
        let guest = self.indices.load(&mut on.store, &on.instance).map_err(plain)?;
        let call = Call { action: "work".to_owned(), input: input.to_owned(), op_key: "op".to_owned() };
        let answer = guest.call_invoke(&mut on.store, &call).await.map_err(plain)?;
        answer.map(|o| o.output).map_err(|e| anyhow!("{e:?}")).context("the guest")
    }
}

fn plain(e: wasmtime::Error) -> anyhow::Error {
    anyhow!("{e:#}")
}
