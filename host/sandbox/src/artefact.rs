//! Compiled artefacts on disk. Machine code is trusted code, so only what this host wrote is ever loaded: each file
//! begins with a tag under the host's own key, over the digest, the engine's compatibility and the code.

use std::hash::{Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use sha2::Sha256;
use tokio::io::AsyncReadExt as _;
use wasmtime::Engine;

use crate::CompileError;
use crate::compile::CODE_MAX;

const TAG: usize = 32;
/// The largest artefact, in bytes: none is written that is larger.
const MOST: u64 = CODE_MAX + TAG as u64;
/// How the name of a file ends that is being written.
const TEMPORARY: &str = "tmp";
/// After so long, nobody writes it any more.
const LEFT_OVER: Duration = Duration::from_mins(10);

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
        let new = Self { folder, key, compatibility: format!("{:016x}", hasher.finish()) };
        new.sweep();
        new
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

    /// Keeps the code of `digest`, and gives it back.
    pub(crate) async fn write(&self, digest: &str, code: Vec<u8>) -> Result<Vec<u8>, LoadError> {
        let path = self.path(digest);
        // A name of its own, for two may write at one time.
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let write = WRITES.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{write}.{TEMPORARY}", std::process::id()));
        let (this, digest, to) = (self.clone(), digest.to_owned(), path.clone());
        // In one go on a thread that may wait: tokio's file tells an error of the last write to nobody who only syncs.
        let written = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&this.folder)?;
            let tag = this.mac(&digest, &code).finalize().into_bytes();
            put(&temporary, &to, &[&tag, &code]).map(|()| code)
        });
        let written = written.await.unwrap_or_else(|e| Err(io::Error::other(e)));
        written.map_err(|source| LoadError::Disk { path, source })
    }

    /// Removes what processes left half-written that were killed. A write takes seconds, so what is older is nobody's,
    /// whoever has its writer's number now: in a container that is the same after each start.
    fn sweep(&self) {
        for file in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = file.path();
            let old = || file.metadata().ok()?.modified().ok()?.elapsed().ok().map(|age| age > LEFT_OVER);
            if path.extension().is_some_and(|e| e == TEMPORARY)
                && old() == Some(true)
                && let Err(error) = std::fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "a leftover could not be removed");
            }
        }
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

/// Writes `parts` to `temporary` and gives it its name, so that a crash leaves no half file. Nothing is left of it if that
/// fails.
fn put(temporary: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    // Whatever is there, a link too, is not written through.
    let _ = std::fs::remove_file(temporary);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    let written = parts
        .iter()
        .try_for_each(|part| file.write_all(part))
        // Before the name is: a file that lost its end to a power failure would be taken for a forged one.
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written
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
