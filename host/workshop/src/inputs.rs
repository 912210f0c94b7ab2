//! What a build's result depends on, and the one hash over it.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::BuildError;

/// A connector's folder holds at most so many files.
const FILES_MAX: usize = 20_000;
/// All inputs together have at most so many bytes.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The folder's own files, relative and sorted. Left out is what no build reads: cargo's results, version control,
/// recordings, and hidden folders other than `.cargo`.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(matters) {
        let entry = entry.map_err(|e| BuildError::io(format!("reading {}", folder.display()))(e.into()))?;
        // A link to a file counts as the file; a link to a folder is not followed.
        if entry.path().is_file() {
            found.push(entry.into_path());
        }
        if found.len() > FILES_MAX {
            return Err(BuildError::TooLarge { folder: folder.to_owned(), limit: "20,000 files" });
        }
    }
    Ok(found)
}

fn matters(entry: &DirEntry) -> bool {
    if entry.depth() == 0 || !entry.file_type().is_dir() {
        return true;
    }
    let name = entry.file_name().to_string_lossy();
    let skipped = match name.as_ref() {
        "target" | "recordings" => entry.depth() == 1,
        "node_modules" => true,
        _ => name.starts_with('.') && name != ".cargo",
    };
    // Wherever it is, cargo marks its target folder (Cache Directory Tagging Specification).
    !skipped && !entry.path().join("CACHEDIR.TAG").is_file()
}

/// Cargo's configuration files that apply to a folder.
pub(crate) fn configs(folder: &Path) -> Vec<PathBuf> {
    let dirs = folder.ancestors().map(|dir| dir.join(".cargo")).chain(crate::toolchain::cargo_home());
    let all: BTreeSet<_> = dirs.flat_map(|dir| [dir.join("config.toml"), dir.join("config")]).collect();
    all.into_iter().filter(|file| file.is_file()).collect()
}

/// SHA-256 over `facts`, the folder's own files, cargo's configuration and `others`, which may be missing.
pub(crate) fn key(folder: &Path, others: &BTreeSet<PathBuf>, facts: &[&str]) -> Result<String, BuildError> {
    let mut hash = Sha256::new();
    let mut left = BYTES_MAX;
    for fact in facts {
        part(&mut hash, fact.as_bytes());
    }
    let own = files(folder)?;
    let configs = configs(folder);
    for file in own.iter().chain(&configs).chain(others) {
        let name = file.strip_prefix(folder).unwrap_or(file);
        part(&mut hash, name.as_os_str().as_encoded_bytes());
        let Ok(opened) = std::fs::File::open(file) else {
            part(&mut hash, b"missing");
            continue;
        };
        let mut bytes = Vec::new();
        opened
            .take(left + 1)
            .read_to_end(&mut bytes)
            .map_err(BuildError::io(format!("reading {}", file.display())))?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| BuildError::TooLarge { folder: folder.to_owned(), limit: "256 MiB of sources" })?;
        part(&mut hash, &bytes);
    }
    Ok(hex(&hash.finalize()))
}

/// A part with its length, so that no two lists of parts hash alike.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

/// SHA-256 as lower-case hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|n| char::from(DIGITS[usize::from(n)])).collect()
}

/// The prerequisites in a dep-info file of cargo's (`out: in in`, blanks escaped by a backslash).
pub(crate) fn dep_info(text: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let Some((_, inputs)) = line.split_once(": ") else { continue };
        let mut name = String::new();
        let mut characters = inputs.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '\\' if characters.peek() == Some(&' ') => {
                    characters.next();
                    name.push(' ');
                }
                ' ' => found.extend(take(&mut name)),
                _ => name.push(c),
            }
        }
        found.extend(take(&mut name));
    }
    found
}

fn take(name: &mut String) -> Option<PathBuf> {
    let name = std::mem::take(name);
    (!name.is_empty()).then(|| PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    #[test]
    fn what_no_build_reads_does_not_change_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let key = || key(dir.path(), &BTreeSet::new(), &["x"]).unwrap();
        write(dir.path(), "src/lib.rs", "1");
        let first = key();
        for ignored in ["target/x", "recordings/a.json", ".git/HEAD", "deep/out/CACHEDIR.TAG", "deep/out/x"] {
            write(dir.path(), ignored, "1");
        }
        assert_eq!(key(), first);
        for seen in ["src/target/mod.rs", "Cargo.toml", ".cargo/config.toml", "wit/world.wit"] {
            let before = key();
            write(dir.path(), seen, "1");
            assert_ne!(key(), before, "{seen}");
        }
    }

    #[test]
    fn another_file_is_followed_even_when_it_goes() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(other.path(), "a.wit", "1");
        let others = BTreeSet::from([other.path().join("a.wit")]);
        let key = || key(dir.path(), &others, &[]).unwrap();
        let first = key();
        write(other.path(), "a.wit", "2");
        assert_ne!(key(), first);
        std::fs::remove_file(other.path().join("a.wit")).unwrap();
        assert_ne!(key(), first);
    }

    #[test]
    fn dep_info_is_read_with_its_blanks() {
        let found = dep_info("/t/a.wasm: /s/lib.rs /with\\ blank/b.rs\n");
        assert_eq!(found, BTreeSet::from(["/s/lib.rs".into(), "/with blank/b.rs".into()]));
    }
}
