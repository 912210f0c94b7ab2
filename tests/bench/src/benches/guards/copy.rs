//! A copy of the sources that stays between runs: only what differs is written, so that cargo compiles only that.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Makes `to` what git knows of `root` and what is new there, as it lies on the disk now.
pub(super) fn refresh(root: &Path, to: &Path) -> Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("running git")?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = listed.stdout.split(|b| *b == 0).filter(|n| !n.is_empty());
    let files: BTreeSet<PathBuf> = names.map(|n| PathBuf::from(OsStr::from_bytes(n))).collect();
    std::fs::create_dir_all(to)?;
    remove_others(to, to, &files)?;
    for file in &files {
        let (from, to) = (root.join(file), to.join(file));
        // Deleted, and the deletion not committed yet.
        if !from.is_file() {
            continue;
        }
        let bytes = std::fs::read(&from).with_context(|| file.display().to_string())?;
        if std::fs::read(&to).is_ok_and(|known| known == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::copy(&from, &to).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// Removes what an earlier copy had and this one has not. What builds made stays.
fn remove_others(home: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name() != Some(OsStr::new("target")) {
                remove_others(home, &path, files)?;
            }
        } else if path.strip_prefix(home).is_ok_and(|p| !files.contains(p)) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_original_and_keeps_what_builds_made() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let git = |args: &[&str]| {
            let done = Command::new("git").args(args).current_dir(from.path()).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        git(&["init", "-q"]);
        std::fs::write(from.path().join(".gitignore"), "/target/\n").unwrap();
        std::fs::create_dir_all(from.path().join("src")).unwrap();
        for (name, text) in [("src/a.rs", "a"), ("src/b.rs", "b")] {
            std::fs::write(from.path().join(name), text).unwrap();
        }
        git(&["add", "."]);
        refresh(from.path(), to.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(to.path().join(name)).ok();
        assert_eq!((read("src/a.rs"), read("src/b.rs")), (Some("a".into()), Some("b".into())));
        std::fs::create_dir_all(to.path().join("target")).unwrap();
        std::fs::write(to.path().join("target/made"), "by a build").unwrap();
        std::fs::write(from.path().join("src/a.rs"), "changed").unwrap();
        std::fs::write(from.path().join("src/new.rs"), "new").unwrap();
        std::fs::remove_file(from.path().join("src/b.rs")).unwrap();
        git(&["add", "src/b.rs"]);
        refresh(from.path(), to.path()).unwrap();
        assert_eq!((read("src/a.rs"), read("src/b.rs")), (Some("changed".into()), None));
        assert_eq!(
            (read("src/new.rs"), read("target/made")),
            (Some("new".into()), Some("by a build".into()))
        );
    }
}
