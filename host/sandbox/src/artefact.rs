//! Compiled artefacts on disk. Machine code is trusted code, so only what this host wrote is ever loaded: each file
//! begins with a tag under the host's own key, over the digest, the engine's compatibility and the code.

use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wasmtime::Engine;

use crate::CompileError;
use crate::compile::CODE_MAX;

const TAG: usize = 32;
/// The largest artefact, in bytes: none is written that is larger.
const MOST: u64 = CODE_MAX + TAG as u64;

/// The key under which artefacts are tagged. Derived from the host's master key.
#[derive(Clone)]
pub struct ArtefactKey(pub [u8; 32]);

impl std::fmt::Debug for ArtefactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArtefactKey(REDACTED)")
    }
}

/// A connector could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store has no such component.
    #[error("no component with digest {0} is in the store; install the connector again")]
    Missing(String),
    /// The artefact's tag is wrong: somebody else wrote the file.
    #[error(
        "the compiled artefact {0} was not written by this host and is not loaded; delete it and start again"
    )]
    Tampered(PathBuf),
    /// It does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The engine refuses it.
    #[error("the engine refuses the component: {0}")]
    Engine(String),
    /// The disk.
    #[error("{path}: {source}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

/// The folder of artefacts.
#[derive(Clone, Debug)]
pub(crate) struct Artefacts {
    folder: PathBuf,
    key: ArtefactKey,
    /// Changes with wasmtime's version and every setting that matters to the code.
    compatibility: String,
}

impl Artefacts {
    pub(crate) fn new(folder: PathBuf, key: ArtefactKey, engine: &Engine) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { folder, key, compatibility: format!("{:016x}", hasher.finish()) }
    }

    pub(crate) fn path(&self, digest: &str) -> PathBuf {
        let name: String = digest.chars().filter(char::is_ascii_alphanumeric).collect();
        self.folder.join(format!("{name}-{}.cwasm", self.compatibility))
    }

    /// The code of `digest`, if this host has compiled it.
    pub(crate) async fn read(&self, digest: &str) -> Result<Option<Vec<u8>>, LoadError> {
        let path = self.path(digest);
        let mut bytes = match plain(&path).await {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return Err(LoadError::Tampered(path)),
            Err(source) => return Err(LoadError::Disk { path, source }),
        };
        if bytes.len() < TAG || self.mac(digest, &bytes[TAG..]).verify_slice(&bytes[..TAG]).is_err() {
            return Err(LoadError::Tampered(path));
        }
        bytes.drain(..TAG);
        Ok(Some(bytes))
    }

    /// Keeps the code of `digest`. Written beside and renamed, so that a crash leaves no half file.
    pub(crate) async fn write(&self, digest: &str, code: &[u8]) -> Result<(), LoadError> {
        let path = self.path(digest);
        let disk = |source| LoadError::Disk { path: path.clone(), source };
        tokio::fs::create_dir_all(&self.folder).await.map_err(disk)?;
        // A name of its own, for two may write at one time.
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let write = WRITES.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{write}.tmp", std::process::id()));
        let bytes = self.mac(digest, code).finalize().into_bytes();
        // Whatever is there, a link too, is not written through.
        let _ = tokio::fs::remove_file(&temporary).await;
        let mut options = tokio::fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&temporary).await.map_err(disk)?;
        file.write_all(&bytes).await.map_err(disk)?;
        file.write_all(code).await.map_err(disk)?;
        // Before the name is: a file that lost its end to a power failure would be taken for a forged one.
        file.sync_all().await.map_err(disk)?;
        tokio::fs::rename(&temporary, &path).await.map_err(disk)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn mac(&self, digest: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key.0).expect("any length");
        mac.update(digest.as_bytes());
        mac.update(&[0]);
        mac.update(self.compatibility.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        mac
    }
}

/// The bytes of a plain file. No link is followed, and a pipe or a device in its place is neither waited for nor read:
/// that is [`io::ErrorKind::InvalidData`], as is a file that is too large.
async fn plain(path: &Path) -> io::Result<Vec<u8>> {
    let forged = || io::Error::from(io::ErrorKind::InvalidData);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    let opened = opened.map_err(|e| if e == Errno::LOOP { forged() } else { e.into() })?;
    let file = tokio::fs::File::from_std(opened.into());
    let metadata = file.metadata().await?;
    if !metadata.is_file() || metadata.len() > MOST {
        return Err(forged());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(MOST).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
