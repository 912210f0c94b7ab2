//! The connectors of the checkout: found by folder, built, examined and loaded when a test first asks for one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use catalog::{Catalog, Package};
use egress::Policy;
use jackfield_connector::testing::Recording;
use libtest_mimic::Failed;
use manifest::Manifest;
use model::{SystemClock, SystemIds};
use sandbox::{ArtefactKey, Compiler, Connector, Sandbox, SandboxOptions};
use store::Store;
use tokio::runtime::Runtime;

/// One connector, ready to call.
pub(crate) struct Subject {
    pub manifest: Manifest,
    pub package: Package,
    pub connector: Arc<Connector>,
    pub policy: Arc<Policy>,
    pub recordings: Vec<(String, Recording)>,
}

/// One connector's folder.
pub(crate) struct Place {
    pub folder: PathBuf,
    /// The names of its recordings, without `.json`, sorted.
    pub recordings: Vec<String>,
    subject: OnceLock<Result<Arc<Subject>, String>>,
}

/// Every connector of the checkout, and the sandbox they run in.
pub struct Bench {
    pub(crate) places: Vec<Place>,
    sandbox: Sandbox,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// Looks for connectors. None is built yet.
    ///
    /// # Panics
    /// Where there is no connector, or the sandbox does not start: no test can go on without.
    #[must_use]
    pub fn new() -> Self {
        let places: Vec<Place> = workshop::find_plugins(&root()).into_iter().map(Place::new).collect();
        assert!(!places.is_empty(), "plugins/ holds no connector");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = Runtime::new().expect("a runtime");
        let store = store::Options {
            path: folder.path().join("x.db"),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        };
        let sandbox = Sandbox::new(SandboxOptions {
            artefacts: folder.path().join("artefacts"),
            key: ArtefactKey([7; 32]),
            compiler: Compiler::ThisProcess,
            store: runtime.block_on(Store::open(store)).expect("a store"),
            max_idle: 0,
        });
        Self { places, sandbox: sandbox.expect("an engine"), runtime, _folder: folder }
    }

    /// The connector at this place, built and loaded once.
    pub(crate) fn subject(&self, place: usize) -> Result<Arc<Subject>, Failed> {
        let place = &self.places[place];
        let made = place.subject.get_or_init(|| self.load(place).map(Arc::new));
        made.clone().map_err(Failed::from)
    }

    fn load(&self, place: &Place) -> Result<Subject, String> {
        let built =
            workshop::build(&workshop::BuildOptions::new(&place.folder)).map_err(|e| e.to_string())?;
        let bytes = std::fs::read(&built.path).map_err(|e| format!("{}: {e}", built.path.display()))?;
        let package = Catalog::examine(&bytes).map_err(|e| e.to_string())?;
        let connector = self.runtime.block_on(self.sandbox.prepare(&built.digest, &bytes));
        let policy = Policy::compile(&package.manifest, None, None).map_err(|e| e.to_string())?;
        let recordings = place.recordings.iter().map(|name| Ok((name.clone(), place.read(name)?)));
        Ok(Subject {
            manifest: package.manifest.clone(),
            package,
            connector: connector.map_err(|e| e.to_string())?,
            policy: Arc::new(policy),
            recordings: recordings.collect::<Result<_, String>>()?,
        })
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    fn new(folder: PathBuf) -> Self {
        let files = std::fs::read_dir(folder.join("recordings")).into_iter().flatten().flatten();
        let paths =
            files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
        let mut recordings: Vec<String> =
            paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
        recordings.sort();
        Self { folder, recordings, subject: OnceLock::new() }
    }

    /// The folder's name, which is the connector's id.
    pub(crate) fn id(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn read(&self, name: &str) -> Result<Recording, String> {
        let path = self.folder.join("recordings").join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
        serde_json::from_str(&text).map_err(|e| format!("{name}: {e}"))
    }
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    here.canonicalize().unwrap_or(here)
}
