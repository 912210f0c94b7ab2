//! `build`: manifest → toolchain → cache → cargo → component → manifest inside.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::cache::{self, Entry};
use crate::cargo::{Cargo, PROFILE, Places};
use crate::folder::Folder;
use crate::toolchain::{self, Toolchain};
use crate::{BuildError, BuildOptions, Built, component, inputs};

/// At most so many connectors are looked for in one checkout.
const PLUGINS_MAX: usize = 1_000;

/// Compiles a connector's folder into one component with its manifest inside. Where nothing changed since the last time,
/// it takes a few dozen milliseconds and says so in [`Built::cached`].
///
/// Builds may run at the same time, in this process and in others: one waits for the other where they share a target
/// folder.
///
/// # Errors
/// See [`BuildError`]; each says what to do next.
pub fn build(options: &BuildOptions) -> Result<Built, BuildError> {
    let started = Instant::now();
    let folder = Folder::open(&options.folder)?;
    let progress = &*options.progress;
    let may_install = options.install_toolchain || options.may_install;
    let toolchain = toolchain::ensure(&options.tools, &folder.path, may_install, progress)?;
    let build = Build { options, folder: &folder, toolchain: &toolchain, started };
    if let Some((target, entry)) = cache::find(&folder.path, &folder.manifest.id)
        && let Some(built) = build.cached(&target, &entry)
    {
        return Ok(built);
    }
    build.fresh()
}

/// Builds several folders one after the other, each with the same options; one that fails does not keep the others from
/// being built.
#[must_use]
pub fn build_all(folders: &[PathBuf], options: &BuildOptions) -> Vec<(PathBuf, Result<Built, BuildError>)> {
    folders.iter().map(|folder| (folder.clone(), build(&options.with_folder(folder)))).collect()
}

/// The connectors of a checkout, `plugins/*/connector.toml`, sorted by name.
#[must_use]
pub fn find_plugins(checkout: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(checkout.join("plugins")) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join(manifest::FILE).is_file())
        .take(PLUGINS_MAX)
        .collect();
    found.sort();
    found
}

/// One build under way.
struct Build<'a> {
    options: &'a BuildOptions,
    folder: &'a Folder,
    toolchain: &'a Toolchain,
    started: Instant,
}

impl Build<'_> {
    fn id(&self) -> &str {
        &self.folder.manifest.id
    }

    fn key(&self, others: &BTreeSet<PathBuf>) -> Result<String, BuildError> {
        let identity = self.toolchain.identity();
        let arguments = self.toolchain.arguments().join("\n");
        let facts = ["build 1", env!("CARGO_PKG_VERSION"), &identity, &arguments, &PROFILE.join("\n")];
        inputs::key(&self.folder.path, others, &facts)
    }

    /// The last result, if nothing has changed since.
    fn cached(&self, target: &Path, entry: &Entry) -> Option<Built> {
        let same = self.key(&entry.others).is_ok_and(|key| key == entry.key);
        (same && cache::is_whole(target, self.id(), entry))
            .then(|| self.built(target, entry.digest.clone(), entry.bytes, true))
    }

    fn built(&self, target: &Path, digest: String, bytes_len: u64, cached: bool) -> Built {
        Built {
            id: self.id().to_owned(),
            version: self.folder.manifest.version.clone(),
            path: cache::component(target, self.id()),
            digest,
            bytes_len,
            cached,
            ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Runs cargo, unless another process finishes the same build while this one waits for it.
    fn fresh(&self) -> Result<Built, BuildError> {
        let cargo = Cargo {
            tools: &self.options.tools,
            toolchain: self.toolchain,
            folder: &self.folder.path,
            id: self.id(),
            progress: &*self.options.progress,
        };
        let places = cargo.places()?;
        let cargo_target = self.cargo_target(&places);
        // Cargo's own lock ends with cargo: two packages of one name would overwrite each other's file before it is read.
        let lock = self.lock(&cargo_target)?;
        if let Some(entry) = cache::read(&places.target, &self.folder.path, self.id())
            && let Some(built) = self.cached(&places.target, &entry)
        {
            return Ok(built);
        }
        let began = modified(&lock);
        self.options.progress.step(&format!("compiling {}", self.id()));
        let made = cargo.build(&cargo_target)?;
        let reading = |file: &Path| BuildError::io(format!("reading {}", file.display()));
        let compiled = std::fs::read(&made).map_err(reading(&made))?;
        let whole = component::embed(&compiled, &self.folder.text)
            .map_err(|why| BuildError::BadComponent { connector: self.id().to_owned(), why })?;
        let path = cache::component(&places.target, self.id());
        cache::put(&path, &whole).map_err(BuildError::io(format!("writing {}", path.display())))?;
        let digest = inputs::digest(&whole);
        let others = self.others(&places, &cargo_target, &made);
        self.remember(&places.target, others, &digest, whole.len() as u64, began)?;
        Ok(self.built(&places.target, digest, whole.len() as u64, false))
    }

    /// A folder without a workspace around it shares one target folder with all others, for the standard library's sake.
    fn cargo_target(&self, places: &Places) -> PathBuf {
        match &self.options.cache_dir {
            Some(cache) if places.workspace == self.folder.path => cache.join("target"),
            _ => places.target.clone(),
        }
    }

    /// Waits for other builds in this target folder. The lock ends with the file's life.
    fn lock(&self, target: &Path) -> Result<File, BuildError> {
        let path = target.join(cache::FOLDER).join("build.lock");
        let doing = || BuildError::io(format!("locking {}", path.display()));
        std::fs::create_dir_all(target.join(cache::FOLDER)).map_err(doing())?;
        let file = File::create(&path).map_err(doing())?;
        if file.try_lock().is_err() {
            self.options.progress.step(&format!("{}: waiting for another build", self.id()));
            file.lock().map_err(doing())?;
        }
        // Its time of change now tells when this build began, by the file system's own clock.
        file.set_len(0).and_then(|()| std::io::Write::write_all(&mut &file, b"\n")).map_err(doing())?;
        Ok(file)
    }

    /// What cargo read beyond the folder. Its dep-info names every source file of path dependencies, and what macros
    /// and build scripts said that they read (the contract's files among them).
    fn others(&self, places: &Places, cargo_target: &Path, made: &Path) -> BTreeSet<PathBuf> {
        let text = std::fs::read_to_string(made.with_extension("d")).unwrap_or_default();
        let outside: Vec<PathBuf> = inputs::dep_info(&text)
            .into_iter()
            .map(|file| places.workspace.join(file))
            // What build scripts generated is a result, not an input.
            .filter(|file| {
                ![&self.folder.path, &places.target, cargo_target].iter().any(|dir| file.starts_with(dir))
            })
            .collect();
        let mut others =
            BTreeSet::from([places.workspace.join("Cargo.toml"), places.workspace.join("Cargo.lock")]);
        for file in &outside {
            others.extend(file.ancestors().skip(1).map(|dir| dir.join("Cargo.toml")).find(|f| f.is_file()));
        }
        others.extend(outside);
        others
    }

    /// Keeps the entry, unless a file changed while cargo ran: then nobody knows which state was compiled.
    fn remember(
        &self,
        target: &Path,
        others: BTreeSet<PathBuf>,
        digest: &str,
        bytes: u64,
        began: Option<SystemTime>,
    ) -> Result<(), BuildError> {
        let lock = others.iter().find(|file| file.ends_with("Cargo.lock")).cloned();
        let own = inputs::files(&self.folder.path)?;
        let touched = own.iter().chain(&others).filter(|file| Some(*file) != lock.as_ref()).any(|file| {
            let changed = file.metadata().and_then(|m| m.modified()).ok();
            changed.is_some_and(|changed| began.is_none_or(|began| changed >= began))
        });
        if touched {
            return Ok(());
        }
        let key = self.key(&others)?;
        let folder = self.folder.path.clone();
        let entry = Entry { folder, key, others, digest: digest.to_owned(), bytes };
        cache::write(target, self.id(), &entry)
            .map_err(BuildError::io(format!("writing to {}", target.join(cache::FOLDER).display())))
    }
}

fn modified(file: &File) -> Option<SystemTime> {
    file.metadata().and_then(|m| m.modified()).ok()
}
