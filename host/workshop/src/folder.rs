//! A connector's folder: what makes it one.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use manifest::Manifest;

use crate::BuildError;

/// A folder that has a good manifest and a `Cargo.toml`.
pub(crate) struct Folder {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// The manifest's text, to be embedded as it is.
    pub text: String,
    /// The same, parsed.
    pub manifest: Manifest,
}

impl Folder {
    /// Looks at a folder: milliseconds, so that a bad manifest fails before anything is compiled.
    pub(crate) fn open(given: &Path) -> Result<Self, BuildError> {
        let not = |why: &str| BuildError::NotAConnector { folder: given.to_owned(), why: why.to_owned() };
        if given.is_file() {
            return Err(not("it is a file; give the folder that holds connector.toml"));
        }
        let path = given.canonicalize().map_err(|_| not("there is no such folder"))?;
        let file = path.join(manifest::FILE);
        if !file.is_file() {
            return Err(not("it has no connector.toml"));
        }
        let text = read(&file)?;
        let manifest = Manifest::parse(&text)
            .map_err(|problems| BuildError::Manifest { path: given.join(manifest::FILE), problems })?;
        if !path.join("Cargo.toml").is_file() {
            return Err(not("it has no Cargo.toml; connectors are built from Rust for now"));
        }
        Ok(Self { path, text, manifest })
    }
}

fn read(file: &Path) -> Result<String, BuildError> {
    let doing = || format!("reading {}", file.display());
    let mut text = String::new();
    // One byte more than may be: the parser then says that it is too long.
    let limit = manifest::MAX_BYTES as u64 + 1;
    let opened = std::fs::File::open(file).map_err(BuildError::io(doing()))?;
    opened.take(limit).read_to_string(&mut text).map_err(BuildError::io(doing()))?;
    Ok(text)
}
