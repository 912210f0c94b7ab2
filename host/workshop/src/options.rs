//! What a caller may ask of a build, and what it gets back.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Tools;

/// How a long build tells what it does. Calls come from several threads, often; an implementation must be quick.
pub trait Progress: Send + Sync {
    /// A new step began: `compiling slack`.
    fn step(&self, what: &str);
    /// What the step is doing now; replaces the last one.
    fn detail(&self, line: &str);
    /// Something that should stay to be read: `installing the wasm32-wasip2 target`.
    fn note(&self, line: &str);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &str) {}
    fn detail(&self, _: &str) {}
    fn note(&self, _: &str) {}
}

/// What to build, and with what.
#[derive(Clone)]
pub struct BuildOptions {
    /// The connector's folder: it has a `connector.toml` and a `Cargo.toml`.
    pub folder: PathBuf,
    /// The user asked for it (`--install-toolchain`): install a missing toolchain.
    pub install_toolchain: bool,
    /// The surroundings permit it, see [`may_install`]: install a missing toolchain.
    pub may_install: bool,
    /// Where folders without a workspace share one cargo target folder, so that the standard library is compiled once
    /// for all of them. None: each uses its own.
    pub cache_dir: Option<PathBuf>,
    /// The programs to run; a test brings its own.
    pub tools: Tools,
    /// Where progress goes.
    pub progress: Arc<dyn Progress>,
}

impl BuildOptions {
    /// Builds `folder` with the machine's own tools, silently, sharing [`default_cache_dir`], installing only where
    /// [`may_install`] says so.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            install_toolchain: false,
            may_install: may_install(),
            cache_dir: default_cache_dir(),
            tools: Tools::find(),
            progress: Arc::new(Silent),
        }
    }

    /// The same options for another folder.
    #[must_use]
    pub fn with_folder(&self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..self.clone() }
    }
}

impl fmt::Debug for BuildOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildOptions")
            .field("folder", &self.folder)
            .field("install_toolchain", &self.install_toolchain)
            .field("may_install", &self.may_install)
            .field("cache_dir", &self.cache_dir)
            .finish_non_exhaustive()
    }
}

/// A finished component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The connector's id.
    pub id: String,
    /// The connector's version.
    pub version: String,
    /// The component, `<target folder>/jackfield/<id>.wasm`.
    pub path: PathBuf,
    /// SHA-256 of the component, lower-case hex.
    pub digest: String,
    /// The component's size in bytes.
    pub bytes_len: u64,
    /// Nothing had changed, so nothing was compiled.
    pub cached: bool,
    /// What the build took, in milliseconds.
    pub ms: u64,
}

/// Whether the surroundings permit to install a toolchain unasked: the user is root, or `CI` is set (and is neither
/// empty nor `false`).
#[must_use]
pub fn may_install() -> bool {
    let ci = std::env::var("CI").is_ok_and(|v| !v.is_empty() && v != "false" && v != "0");
    ci || is_root()
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// `$XDG_CACHE_HOME/jackfield`, else `$HOME/.cache/jackfield`; none where neither is set (XDG Base Directory
/// Specification 0.8: a relative path is ignored).
#[must_use]
pub fn default_cache_dir() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(base.join(Path::new("jackfield")))
}
