//! The two calls of cargo: where things are, and the build itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::process::{command, run};
use crate::toolchain::{TARGET, Toolchain, Tools};
use crate::{BuildError, Progress};

/// The size profile, so that a folder outside the repository gets it too. Each is one `--config` of cargo's.
pub(crate) const PROFILE: [&str; 5] = [
    "profile.release.opt-level=\"s\"",
    "profile.release.lto=true",
    "profile.release.strip=true",
    "profile.release.panic=\"abort\"",
    "profile.release.codegen-units=1",
];

/// Where cargo keeps things for a package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// The workspace's root; the package's own folder where it has none.
    pub workspace: PathBuf,
    /// The workspace's target folder.
    pub target: PathBuf,
}

/// One call of cargo.
pub(crate) struct Cargo<'a> {
    pub tools: &'a Tools,
    pub toolchain: &'a Toolchain,
    pub folder: &'a Path,
    pub id: &'a str,
    pub progress: &'a dyn Progress,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Target {
    fn is_cdylib(&self) -> bool {
        self.kind.iter().any(|kind| kind == "cdylib")
    }
}

#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
}

impl Cargo<'_> {
    fn manifest_path(&self) -> PathBuf {
        self.folder.join("Cargo.toml")
    }

    fn failed(&self, verb: &'static str, output: String) -> BuildError {
        BuildError::Cargo { connector: self.id.to_owned(), verb, output }
    }

    /// Asks where the workspace and its target folder are; refuses a package that makes no component.
    pub(crate) fn places(&self) -> Result<Places, BuildError> {
        let mut cargo = command(&self.tools.cargo, self.folder);
        cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
        cargo.arg(self.manifest_path());
        let mut text = String::new();
        let ended = run(cargo, self.progress, None, |line| text.push_str(line))
            .map_err(BuildError::io("running cargo metadata"))?;
        if !ended.success {
            return Err(self.failed("metadata", ended.tail));
        }
        let metadata: Metadata = serde_json::from_str(&text)
            .map_err(|e| self.failed("metadata", format!("cargo's answer was not understood: {e}")))?;
        let no_component =
            |why: &str| BuildError::NoComponent { connector: self.id.to_owned(), why: why.to_owned() };
        let package = metadata
            .packages
            .iter()
            .find(|package| package.manifest_path == self.manifest_path())
            .ok_or_else(|| no_component("its Cargo.toml describes no package; a connector is one"))?;
        if !package.targets.iter().any(Target::is_cdylib) {
            return Err(no_component(
                "its package makes no component; add to Cargo.toml:\n  [lib]\n  crate-type = [\"cdylib\"]",
            ));
        }
        Ok(Places { workspace: metadata.workspace_root, target: metadata.target_directory })
    }

    /// Compiles; answers the file that the package's cdylib became.
    pub(crate) fn build(&self, target_dir: &Path) -> Result<PathBuf, BuildError> {
        let mut cargo = command(&self.tools.cargo, self.folder);
        cargo.args(["build", "--lib", "--release", "--target", TARGET]);
        cargo.args(["--message-format", "json-render-diagnostics"]).args(self.toolchain.arguments());
        for option in PROFILE {
            cargo.args(["--config", option]);
        }
        cargo.arg("--manifest-path").arg(self.manifest_path());
        cargo.arg("--target-dir").arg(target_dir);
        self.toolchain.apply(&mut cargo);
        let (manifest_path, mut made) = (self.manifest_path(), None);
        let ended = run(cargo, self.progress, None, |line| {
            if line.starts_with("{\"reason\":\"compiler-artifact\"")
                && let Ok(artifact) = serde_json::from_str::<Artifact>(line)
                && artifact.manifest_path == manifest_path
                && artifact.target.is_cdylib()
            {
                made = artifact.filenames.into_iter().find(|f| f.extension().is_some_and(|e| e == "wasm"));
            }
        })
        .map_err(BuildError::io("running cargo build"))?;
        if !ended.success {
            return Err(self.failed("build", ended.tail));
        }
        made.ok_or_else(|| BuildError::NoComponent {
            connector: self.id.to_owned(),
            why: "cargo succeeded, but made no .wasm file".to_owned(),
        })
    }
}
