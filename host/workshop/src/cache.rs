//! What is remembered of a build beside its result: enough to tell, without cargo, that nothing has changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::inputs::digest;

/// The folder, inside a target folder, that holds finished components and their entries.
pub(crate) const FOLDER: &str = "jackfield";

/// One build, remembered as `<id>.build.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The connector's folder.
    pub folder: PathBuf,
    /// See [`crate::inputs::key`].
    pub key: String,
    /// What was read beyond the folder: path dependencies, the contract, the lock file, the workspace's manifest.
    pub others: BTreeSet<PathBuf>,
    /// The component's SHA-256.
    pub digest: String,
    /// The component's size in bytes.
    pub bytes: u64,
}

/// A finished component's place.
pub(crate) fn component(target: &Path, id: &str) -> PathBuf {
    target.join(FOLDER).join(format!("{id}.wasm"))
}

fn file(target: &Path, id: &str) -> PathBuf {
    target.join(FOLDER).join(format!("{id}.build.json"))
}

/// The entry of a folder's last build, and the target folder that it lies in. Looked for where cargo puts target folders
/// by default: in the folder itself, or in one above it, the workspace's.
pub(crate) fn find(folder: &Path, id: &str) -> Option<(PathBuf, Entry)> {
    folder.ancestors().map(|dir| dir.join("target")).find_map(|target| {
        let entry = read(&target, folder, id)?;
        Some((target, entry))
    })
}

/// The entry in a target folder, if it is this folder's.
pub(crate) fn read(target: &Path, folder: &Path, id: &str) -> Option<Entry> {
    let text = std::fs::read(file(target, id)).ok()?;
    let entry: Entry = serde_json::from_slice(&text).ok()?;
    (entry.folder == folder).then_some(entry)
}

/// Keeps an entry.
pub(crate) fn write(target: &Path, id: &str, entry: &Entry) -> std::io::Result<()> {
    put(&file(target, id), &serde_json::to_vec_pretty(entry)?)
}

/// Whether the component that an entry speaks of is still what was built.
pub(crate) fn is_whole(target: &Path, id: &str, entry: &Entry) -> bool {
    let bytes = std::fs::read(component(target, id));
    bytes.is_ok_and(|bytes| bytes.len() as u64 == entry.bytes && digest(&bytes) == entry.digest)
}

/// Writes a file so that a reader sees the old or the new one, never half of one.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    // tempfile makes private files; a component is no secret.
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}
