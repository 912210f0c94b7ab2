//! Two engines with one configuration but for the allocator: the pool that runs connectors, and the on-demand one that
//! compiles them in a child process (the pool reserves terabytes of addresses; artefacts fit both).

use wasmtime::{Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::Limits;
use crate::meter::TICK;

/// Calls at one time.
pub(crate) const CALLS_AT_ONCE: u32 = 64;
/// What one component may have of each. The pool holds as many for every call, so that no connector can take another's.
pub(crate) const CORE_INSTANCES: u32 = 60;
pub(crate) const MEMORIES: u32 = 20;
pub(crate) const TABLES: u32 = 20;

fn common() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    // Shared memory would escape the meter; threads are not even compiled in.
    config.shared_memory(false);
    config.max_wasm_stack(512 * 1024);
    // Host functions run on the guest's stack, under it: whatever depth the guest calls from, TLS and SQL need their room.
    config.async_stack_size(2 * 1024 * 1024);
    config.memory_init_cow(true);
    // A trap's message goes to a log: frames' names are enough.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    config
}

/// The engine that only compiles.
pub(crate) fn compiling() -> wasmtime::Result<Engine> {
    Engine::new(&common())
}

/// The settings of the engine that runs: with its pool, for calls and for `max_idle` instances that are kept warm. For whoever
/// compares the sandbox with the bare engine; [`Sandbox::new`](crate::Sandbox::new) takes the same.
#[must_use]
pub fn engine_config(max_idle: u32) -> Config {
    // What is kept warm never takes the place of a call that runs. A kept store holds on to its stack as well.
    let at_once = CALLS_AT_ONCE + max_idle;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(at_once)
        .total_stacks(at_once)
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_core_instances(at_once * CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .total_memories(at_once * MEMORIES)
        .max_tables_per_component(TABLES)
        .total_tables(at_once * TABLES)
        // Compiled Python and JavaScript connectors carry some 100,000 function references. Addresses are reserved for the
        // most that anybody may be allowed; the meter counts what a call may have.
        .table_elements(usize::try_from(Limits::most().table_elements).unwrap_or(usize::MAX))
        .max_component_instance_size(1024 * 1024)
        .max_core_instance_size(1024 * 1024)
        // A scan may skip dirty pages that were swapped out, so one tenant could read another's: wasmtime #14357.
        .pagemap_scan(wasmtime::Enabled::No);
    let mut config = common();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// The engine that runs, and the one OS thread that ticks its epochs.
///
/// # Errors
/// When the pool's addresses cannot be reserved.
pub(crate) fn running(max_idle: u32) -> wasmtime::Result<Engine> {
    let engine = Engine::new(&engine_config(max_idle))?;
    tick(engine.weak())?;
    Ok(engine)
}

/// One thread for the life of the engine: a task could be starved by the very guest that it is to interrupt.
fn tick(engine: EngineWeak) -> wasmtime::Result<()> {
    std::thread::Builder::new()
        .name("epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .map(|_| ())
        .map_err(wasmtime::Error::from)
}
