//! The host, joined: store, vault, catalog, sandbox, egress, pipeline.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use catalog::Catalog;
use egress::Egress;
use model::{Clock, Ids, SystemClock, SystemIds};
use pipeline::{Parts, Pipeline};
use sandbox::{Caps, Compiler, Sandbox, SandboxOptions};
use store::Store;
use vault::{MasterKey, Vault};

use crate::config::Config;
use crate::wire::{Compile, Recorder};

/// Everything of one process.
pub(crate) struct Host {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// The store alone, for commands that need no more.
pub(crate) async fn open_store(config: &Config) -> Result<Store> {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
    if let Some(folder) = config.database.parent() {
        private_folder(folder)?;
    }
    let options = store::Options { path: config.database.clone(), clock, ids };
    Store::open(options).await.with_context(|| format!("the database {}", config.database.display()))
}

/// Makes a folder that only its owner can enter, unless it is there.
pub(crate) fn private_folder(folder: &Path) -> Result<()> {
    if !folder.exists() {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("the folder {}", folder.display()))?;
    }
    Ok(())
}

/// Has a crash write no memory to a disk: every command may hold secrets, a new key or a configuration at least.
///
/// # Errors
/// Where it is not possible. Then the operator's own settings count.
pub(crate) fn no_core_file() -> Result<(), rustix::io::Errno> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // The limit does not hold for a core that is piped to a program, as systemd does it.
    #[cfg(target_os = "linux")]
    let limited = limited.and_then(|()| {
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    });
    limited
}

impl Host {
    /// Joins everything that a `serve`, an `install` or a demo needs.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let store = open_store(config).await?;
        private_folder(&config.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn Ids> = Arc::new(SystemIds);
        let empty = store.meta("master_key_fingerprint").await?.is_none();
        let key = MasterKey::load_or_create(&config.key_file, empty, &*ids)
            .with_context(|| format!("the master key {}", config.key_file.display()))?;
        let artefact_key = sandbox::ArtefactKey(*key.derive("jackfield compiled artefacts"));
        let vault = Vault::open(store.clone(), key, ids.clone()).await?;
        let this = std::env::current_exe().context("the path of this program")?;
        let sandbox = Arc::new(Sandbox::new(SandboxOptions {
            artefacts: config.data_dir.join("artefacts"),
            key: artefact_key,
            compiler: Compiler::child(this, vec!["compile-component".to_owned()]),
            store: store.clone(),
            max_idle: config.reuse.max_idle,
        })?);
        let catalog =
            Arc::new(Catalog::new(store.clone(), Arc::new(Compile(sandbox.clone())), clock.clone()));
        let mut options = egress::Options::new(clock.clone(), ids.clone());
        options.allow = config.egress.allow.clone();
        options.overrides = config.egress.overrides.clone();
        options.rates = config.egress.rates.clone();
        options.record = Arc::new(Recorder(store.clone()));
        options.check()?;
        let pipeline = Pipeline::new(Parts {
            store: store.clone(),
            vault: vault.clone(),
            catalog: catalog.clone(),
            sandbox,
            egress: Egress::new(options),
            clock: clock.clone(),
            ids: ids.clone(),
            caps: Caps::new(config.limits.clone()),
            grants: config.egress.grants.clone(),
            strikes: config.quarantine.strikes,
        });
        Ok(Self { store, vault, catalog, pipeline, clock, ids })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_crash_leaves_no_core_file() {
        super::no_core_file().unwrap();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
        assert_eq!(limit.current, Some(0));
        let behaviour = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behaviour, rustix::process::DumpableBehavior::NotDumpable);
    }
}
