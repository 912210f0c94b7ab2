//! Which Rust can compile for `wasm32-wasip2` here: an installed target, or the Debian packages with the standard library
//! compiled from source. Where there is neither, how to get one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{answer, command, run};
use crate::{BuildError, Progress, options};

/// What connectors are compiled for.
pub const TARGET: &str = "wasm32-wasip2";
/// The Debian packages (bookworm and later) that stand in where rustup cannot download.
pub const APT_PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "wasi-libc", "lld"];

/// Turns core modules into components; rustup's toolchains bring it along.
const LINKER: &str = "wasm-component-ld";
/// Downloads may be slow, but not for ever.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// The programs that a build runs. A test puts its own in their place.
#[derive(Clone, Debug)]
pub struct Tools {
    /// cargo.
    pub cargo: PathBuf,
    /// The rustc that belongs to it.
    pub rustc: PathBuf,
    /// rustup, if there is one.
    pub rustup: Option<PathBuf>,
    /// apt-get, if there is one.
    pub apt_get: Option<PathBuf>,
    /// Where the Debian packages' files lie: `/`.
    pub root: PathBuf,
    /// The search path for [`TARGET`]'s linker, before that of the toolchain.
    pub path: Vec<PathBuf>,
}

impl Tools {
    /// The machine's own: from `PATH`, else from cargo's home.
    #[must_use]
    pub fn find() -> Self {
        let mut path: Vec<PathBuf> =
            std::env::var_os("PATH").map(|p| std::env::split_paths(&p).collect()).unwrap_or_default();
        path.extend(cargo_home().map(|home| home.join("bin")));
        let found = |name: &str| path.iter().map(|dir| dir.join(name)).find(|file| file.is_file());
        Self {
            cargo: found("cargo").unwrap_or_else(|| "cargo".into()),
            rustc: found("rustc").unwrap_or_else(|| "rustc".into()),
            rustup: found("rustup"),
            apt_get: found("apt-get"),
            root: "/".into(),
            path,
        }
    }

    fn has_cargo(&self) -> bool {
        self.cargo.is_file()
    }
}

/// A way to compile for [`TARGET`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The target is installed: cargo alone does it.
    Installed {
        /// `rustc -vV`.
        version: String,
    },
    /// Debian's rustc; the standard library is compiled from its source.
    Debian {
        /// `rustc -vV`.
        version: String,
        /// Debian's rustc.
        rustc: PathBuf,
        /// Where wasi-libc lies.
        libc: PathBuf,
        /// The folder of `wasm-component-ld`.
        linker: PathBuf,
        /// The search path of every program.
        path: Vec<PathBuf>,
    },
}

impl Toolchain {
    /// What tells this toolchain's results from another's.
    pub(crate) fn identity(&self) -> String {
        match self {
            Self::Installed { version } => format!("installed\n{version}"),
            Self::Debian { version, .. } => format!("debian\n{version}"),
        }
    }

    /// Sets the environment of a cargo command up for it.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        let Self::Debian { rustc, linker, path, .. } = self else { return };
        cargo.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
        if let Ok(search) = std::env::join_paths(std::iter::once(linker).chain(path)) {
            cargo.env("PATH", search);
        }
    }

    /// Arguments of `cargo build` that it needs.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let (build_std, mut flags) = match self {
            Self::Installed { .. } => (None, Vec::new()),
            Self::Debian { libc, .. } => {
                (Some("-Zbuild-std=std,panic_abort".to_owned()), vec![format!("-L{}", libc.display())])
            }
        };
        flags.extend(remaps(home().as_deref(), cargo_home().as_deref()));
        // As configuration, they join what the folder's own `.cargo/config.toml` has; RUSTFLAGS would replace it.
        let flags = serde_json::Value::from(flags);
        let config = ["--config".to_owned(), format!("target.{TARGET}.rustflags={flags}")];
        build_std.into_iter().chain(config).collect()
    }
}

/// Takes the builder's home out of the paths that panics carry: it is nobody's business, and the same sources should
/// give the same digest for everyone. The flags are the same for all folders, so that they share a standard library.
fn remaps(home: Option<&Path>, cargo_home: Option<&Path>) -> Vec<String> {
    let remap = |from: Option<&Path>, to: &str| {
        let from = from.filter(|path| path.is_absolute() && path.parent().is_some())?;
        Some(format!("--remap-path-prefix={}={to}", from.display()))
    };
    // The last one that fits counts.
    [remap(home, "/home"), remap(cargo_home, "/cargo")].into_iter().flatten().collect()
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// Where cargo keeps the sources of dependencies.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| home().map(|home| home.join(".cargo")))
}

/// The first way that is there, in this order: an installed target, the Debian packages; then, where it may, what it can
/// install.
pub(crate) fn ensure(
    tools: &Tools,
    folder: &Path,
    may_install: bool,
    progress: &dyn Progress,
) -> Result<Toolchain, BuildError> {
    if !tools.has_cargo() {
        return Err(BuildError::NoCargo);
    }
    let why = match look(tools, folder) {
        Ok(toolchain) => return Ok(toolchain),
        Err(why) => why,
    };
    let command = remedy(tools, folder);
    if !may_install {
        return Err(BuildError::NoToolchain { why, command });
    }
    progress.note("no Rust toolchain for wasm32-wasip2 is installed: installing one");
    let mut output = String::new();
    for step in steps(tools, folder) {
        progress.step(&step.says);
        progress.note(&step.says);
        let ended = run(step.command, progress, Some(INSTALL_LIMIT), |line| progress.detail(line));
        match ended {
            Ok(ended) if ended.success => {}
            Ok(ended) => output.push_str(&format!("{}:\n{}\n", step.says, ended.tail)),
            Err(error) => output.push_str(&format!("{}: {error}\n", step.says)),
        }
        if let Ok(toolchain) = look(tools, folder) {
            return Ok(toolchain);
        }
    }
    Err(BuildError::Install { command, output })
}

/// What is there, or why there is nothing.
fn look(tools: &Tools, folder: &Path) -> Result<Toolchain, String> {
    let ask = |rustc: &Path, argument: &[&str]| {
        let mut command = command(rustc, folder);
        command.args(argument);
        answer(command)
    };
    let sysroot = ask(&tools.rustc, &["--print", "sysroot"]).map(|text| PathBuf::from(text.trim()));
    if sysroot.as_ref().is_some_and(|s| s.join("lib/rustlib").join(TARGET).is_dir())
        && let Some(version) = ask(&tools.rustc, &["-vV"])
    {
        return Ok(Toolchain::Installed { version });
    }
    let (rustc, lib) = (tools.root.join("usr/bin/rustc"), tools.root.join("usr/lib"));
    let libc = lib.join("wasm32-wasi");
    if !lib.join("rustlib/src/rust/library/std").is_dir() || !libc.join("libc.a").is_file() {
        return Err(String::new());
    }
    let Some(version) = ask(&rustc, &["-vV"]) else { return Err(String::new()) };
    let Some(linker) = linker(tools, sysroot.as_deref(), &lib) else {
        return Err(format!(" (Debian's packages are there, but `{LINKER}` is not)"));
    };
    Ok(Toolchain::Debian { version, rustc, libc, linker, path: tools.path.clone() })
}

/// The folder of `wasm-component-ld`: on the search path, or inside a toolchain.
fn linker(tools: &Tools, sysroot: Option<&Path>, debian: &Path) -> Option<PathBuf> {
    if let Some(dir) = tools.path.iter().find(|dir| dir.join(LINKER).is_file()) {
        return Some(dir.clone());
    }
    let rustlibs = [sysroot.map(|s| s.join("lib/rustlib")), Some(debian.join("rustlib"))];
    for rustlib in rustlibs.into_iter().flatten() {
        let Ok(hosts) = std::fs::read_dir(rustlib) else { continue };
        let mut dirs: Vec<_> = hosts.take(100).flatten().map(|host| host.path().join("bin")).collect();
        dirs.sort();
        if let Some(dir) = dirs.into_iter().find(|dir| dir.join(LINKER).is_file()) {
            return Some(dir);
        }
    }
    None
}

/// One thing to run on the way to a toolchain.
struct Step {
    says: String,
    command: Command,
}

fn rustup_arguments() -> [&'static str; 3] {
    ["target", "add", TARGET]
}

/// What to run, in order, until there is a toolchain: rustup first, which needs no rights.
fn steps(tools: &Tools, folder: &Path) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(rustup) = &tools.rustup {
        let mut command = command(rustup, folder);
        command.args(rustup_arguments());
        steps.push(Step { says: format!("rustup target add {TARGET}"), command });
    }
    if let Some(apt_get) = &tools.apt_get {
        let install = [&["install", "-y", "--no-install-recommends"][..], &APT_PACKAGES[..]].concat();
        for arguments in [vec!["update"], install] {
            let mut command = if options::is_root() {
                command(apt_get, folder)
            } else {
                let mut sudo = command(Path::new("sudo"), folder);
                sudo.arg("-n").arg(apt_get);
                sudo
            };
            command.args(&arguments).env("DEBIAN_FRONTEND", "noninteractive");
            steps.push(Step { says: format!("apt-get {}", arguments.join(" ")), command });
        }
    }
    steps
}

/// The one command that a person runs. Where both ways are open, the second is for a rustup that cannot download.
fn remedy(tools: &Tools, folder: &Path) -> String {
    let sudo = if options::is_root() { "" } else { "sudo " };
    let apt = format!(
        "{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {}",
        APT_PACKAGES.join(" ")
    );
    let debian_lacks_the_linker_alone = look(tools, folder).is_err_and(|why| !why.is_empty());
    match (&tools.rustup, &tools.apt_get) {
        _ if debian_lacks_the_linker_alone && tools.rustup.is_none() => format!("cargo install {LINKER}"),
        (Some(_), Some(_)) => format!("rustup target add {TARGET} || ({apt})"),
        (Some(_), None) => format!("rustup target add {TARGET}"),
        (None, Some(_)) => apt,
        (None, None) => {
            format!("curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --target {TARGET}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builders_home_is_taken_out_of_paths() {
        let flags = remaps(Some(Path::new("/home/ada")), Some(Path::new("/home/ada/.cargo")));
        assert_eq!(
            flags,
            ["--remap-path-prefix=/home/ada=/home", "--remap-path-prefix=/home/ada/.cargo=/cargo"]
        );
        assert!(remaps(Some(Path::new("/")), Some(Path::new("relative"))).is_empty());
    }
}
