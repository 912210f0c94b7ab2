//! Connectors, ready to call.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use model::ConnectionId;
use store::Store;
use tokio::sync::{Mutex, Semaphore};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::artefact::{ArtefactKey, Artefacts, LoadError};
use crate::compile::Compiler;
use crate::engine;
use crate::state::State;
use crate::v0_1;
use crate::warm::{MOST_IDLE, Warm};

/// What a sandbox is made of.
pub struct SandboxOptions {
    /// The folder of compiled artefacts; created where it is missing.
    pub artefacts: PathBuf,
    /// The key under which they are tagged.
    pub key: ArtefactKey,
    /// Who compiles.
    pub compiler: Compiler,
    /// Where components lie, by digest.
    pub store: Store,
    /// Instances kept warm at most, [`MAX_IDLE`](crate::MAX_IDLE) by default; 0 keeps none, and more than [`MOST_IDLE`](crate::MOST_IDLE) are not kept.
    pub max_idle: u32,
}

/// The engine, one linker per contract version, and the connectors that are ready.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<State>,
    artefacts: Artefacts,
    compiler: Compiler,
    store: Store,
    slots: Arc<Semaphore>,
    warm: Arc<Warm>,
    ready: Mutex<HashMap<String, Arc<Connector>>>,
    /// One connector at a time is read, and compiled where it must be; those that are ready do not wait for it.
    loading: Mutex<()>,
}

/// Connectors kept ready, those of versions that are not installed any more among them. A host has a few dozen; beyond this
/// the whole set is dropped and loaded again as needed.
const READY: usize = 256;

/// One component, ready to call. Every call gets a fresh instance, unless it asks for [a warm one](crate::Call::warm).
pub struct Connector {
    /// Tells it from every other one of this process, and from the same component loaded once more.
    pub(crate) serial: u64,
    pub(crate) warm: Arc<Warm>,
    pub(crate) pre: InstancePre<State>,
    pub(crate) exports: v0_1::Exports,
    pub(crate) slots: Arc<Semaphore>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("exports", &self.exports.names()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("artefacts", &self.artefacts.folder()).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts the engine: reserves the pool's addresses and starts the one thread that ticks.
    ///
    /// # Errors
    /// When the engine does not start.
    pub fn new(options: SandboxOptions) -> Result<Self, LoadError> {
        let failed = |e: wasmtime::Error| LoadError::Engine(format!("{e:#}"));
        let max_idle = options.max_idle.min(MOST_IDLE);
        let engine = engine::running(max_idle).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        v0_1::link(&mut linker).map_err(failed)?;
        let artefacts = Artefacts::new(options.artefacts, options.key, &engine);
        Ok(Self {
            slots: Arc::new(Semaphore::new(engine::CALLS_AT_ONCE as usize)),
            warm: Warm::new(max_idle),
            engine,
            linker,
            artefacts,
            compiler: options.compiler,
            store: options.store,
            ready: Mutex::default(),
            loading: Mutex::default(),
        })
    }

    /// Compiles a component that is about to be installed, unless this host has its artefact, and checks that it links.
    ///
    /// # Errors
    /// When it does not compile, or asks for an import that no connector gets.
    pub async fn prepare(&self, digest: &str, component: &[u8]) -> Result<Arc<Connector>, LoadError> {
        let code = match self.artefacts.read(digest).await? {
            Some(code) => code,
            None => {
                let code = self.compiler.compile(component).await?;
                self.artefacts.write(digest, code).await?
            }
        };
        self.load(&code)
    }

    /// The connector with this digest, from memory, from its artefact, or compiled from the store's bytes.
    ///
    /// # Errors
    /// When there is none, its artefact was changed, or it does not compile.
    pub async fn connector(&self, digest: &str) -> Result<Arc<Connector>, LoadError> {
        if let Some(connector) = self.ready.lock().await.get(digest) {
            return Ok(connector.clone());
        }
        let _loading = self.loading.lock().await;
        if let Some(connector) = self.ready.lock().await.get(digest) {
            return Ok(connector.clone());
        }
        let connector = match self.artefacts.read(digest).await? {
            Some(code) => self.load(&code)?,
            None => {
                let bytes = self.store.component(digest).await?;
                let bytes = bytes.ok_or_else(|| LoadError::Missing(digest.to_owned()))?;
                self.prepare(digest, &bytes).await?
            }
        };
        let mut ready = self.ready.lock().await;
        if ready.len() >= READY {
            ready.clear();
        }
        ready.insert(digest.to_owned(), connector.clone());
        Ok(connector)
    }

    /// Retires what is kept warm for `connection`: it was deleted, switched off or changed, or its guest broke a bound
    /// after its answer. A call that runs now does not bring its instance back either.
    pub fn forget(&self, connection: &ConnectionId) {
        self.warm.forget(connection);
    }

    /// How many instances are kept warm and idle now.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.warm.idle()
    }

    fn load(&self, code: &[u8]) -> Result<Arc<Connector>, LoadError> {
        let failed = |e: wasmtime::Error| LoadError::Engine(model::cut(&format!("{e:#}"), 1024).into_owned());
        #[expect(
            unsafe_code,
            reason = "the artefact's tag was verified: only this host's own compiler wrote it"
        )]
        // SAFETY: `deserialize` trusts its bytes as machine code. They come from `compile` in this call or from a file
        // whose tag under the host's key was verified on the very bytes that are passed here.
        let component = unsafe { Component::deserialize(&self.engine, code) }.map_err(failed)?;
        let pre = self.linker.instantiate_pre(&component).map_err(failed)?;
        let exports = v0_1::Exports::of(&pre);
        let (slots, warm) = (self.slots.clone(), self.warm.clone());
        Ok(Arc::new(Connector { serial: warm.serial(), warm, pre, exports, slots }))
    }
}

/// The table of ready connectors was cleared and no call has it any more, or the host stops. One that was uninstalled or
/// replaced stays in that table until then; nobody asks for it, and what it left idle goes by its age.
impl Drop for Connector {
    fn drop(&mut self) {
        self.warm.retire(self.serial);
    }
}

impl Connector {
    /// Short names of what it exports: `crm/write`.
    #[must_use]
    pub fn interfaces(&self) -> Vec<&'static str> {
        self.exports.names()
    }
}
