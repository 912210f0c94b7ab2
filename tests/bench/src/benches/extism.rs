//! Extism beside us: the same work, in the same run, in a process of its own that nobody else has to compile.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::call::{fresh, runtime, three};
use super::{Bench, Options};
use crate::harness::{Chart, Figure, Report, rounds};
use crate::place::{INPUT, OUTPUT_HAS, Place, Provider, small};

pub(super) const BENCH: Bench = Bench {
    name: "extism",
    short: "an isolated call ÷ Extism's",
    about: "The same work, from the same source file (`tests/bench/guests/work.rs`), as a connector in the sandbox and as a \
            plug-in of [Extism](https://extism.org) with its documented PDK, without WASI. Both sides keep the compiled code \
            and make a fresh instance for each call; Extism runs in its own process with its own defaults, and both time \
            themselves from inside. 20 rounds take turns.",
    takes: None,
    long: false,
    run,
};

const ROUNDS: usize = 20;
const CALLS: usize = 200;

fn run(options: &Options) -> Result<Report> {
    let mut extism = Extism::start(&options.root)?;
    let runtime = runtime(2)?;
    let place = runtime.block_on(Place::new(&small(&options.root), Provider::none()))?;
    let made =
        rounds(ROUNDS, CALLS, &mut [&mut |n| runtime.block_on(fresh(&place, n)), &mut |n| extism.calls(n)])?;
    let mut figures = vec![Figure::shown("Extism ÷ ours", made.ratio(1, 0), "×").at_least(5.0)];
    let names = ["Jackfield, isolated call", "Extism, fresh plug-in"];
    figures.extend(made.all.iter().zip(names).flat_map(|(times, name)| three(name, times)));
    let bars = made.all.iter().zip(names).map(|(t, name)| (name.to_owned(), t.median() / 1e3)).collect();
    let chart = Chart::Bars {
        file: "extism.svg".to_owned(),
        title: "One isolated call beside Extism's, median".to_owned(),
        unit: "µs".to_owned(),
        bars,
        goal: None,
    };
    Ok(Report { figures, charts: vec![chart], notes: vec![versions(&options.root)?] })
}

/// Which Extism on which wasmtime: from the lock file.
fn versions(root: &Path) -> Result<String> {
    let lock: toml::Table = std::fs::read_to_string(folder(root).join("Cargo.lock"))?.parse()?;
    let version = |name: &str| {
        let packages = lock.get("package")?.as_array()?;
        let package = packages.iter().find(|p| p.get("name").and_then(toml::Value::as_str) == Some(name))?;
        package.get("version")?.as_str().map(str::to_owned)
    };
    let of = |name| version(name).unwrap_or_else(|| "?".to_owned());
    Ok(format!("Extism {} on wasmtime {}.", of("extism"), of("wasmtime")))
}

fn folder(root: &Path) -> PathBuf {
    root.join("tests/bench/extism")
}

/// The child process.
struct Extism {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Extism {
    fn start(root: &Path) -> Result<Self> {
        let target = root.join("target/extism");
        let wasm = plugin(root, &target)?;
        build(Command::new("cargo").args(["build", "--release"]), root, &target).context("Extism")?;
        let mut child = Command::new(target.join("release/bench-extism"))
            .arg(wasm)
            .arg(INPUT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting Extism")?;
        let (asks, answers) = (child.stdin.take(), child.stdout.take());
        let (asks, answers) = (asks.context("its input")?, BufReader::new(answers.context("its output")?));
        let mut this = Self { child, asks, answers };
        let first = this.line()?;
        ensure!(first.contains(OUTPUT_HAS), "Extism's plug-in answered `{first}`");
        Ok(this)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "Extism's process ended");
        Ok(line)
    }

    fn calls(&mut self, calls: usize) -> Result<Vec<u64>> {
        writeln!(self.asks, "{calls}")?;
        self.asks.flush()?;
        self.line()?.split_whitespace().map(|t| Ok(t.parse()?)).collect()
    }
}

impl Drop for Extism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its lock file holds, so that the peer is the same everywhere.
fn build(cargo: &mut Command, root: &Path, target: &Path) -> Result<()> {
    let status = cargo
        .arg("--locked")
        .arg("--manifest-path")
        .arg(folder(root).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .stdout(Stdio::null())
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "it does not build; see above");
    Ok(())
}

/// The plug-in, built for size as connectors are. An installed target is used, else Debian's Rust with the standard library
/// from its source, as `workshop` does it for connectors.
fn plugin(root: &Path, target: &Path) -> Result<PathBuf> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().context("running rustc")?;
    let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "-p", "small-plugin", "--target", TARGET]);
    for option in ["opt-level=\"s\"", "lto=true", "strip=true", "panic=\"abort\"", "codegen-units=1"] {
        cargo.args(["--config", &format!("profile.release.{option}")]);
    }
    if !Path::new(&sysroot).join("lib/rustlib").join(TARGET).is_dir() {
        cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
        cargo.arg("-Zbuild-std=std,panic_abort");
        cargo.args(["--config", &format!("target.{TARGET}.linker=\"wasm-ld\"")]);
    }
    build(&mut cargo, root, target).with_context(|| format!("the plug-in ({TARGET})"))?;
    Ok(target.join(TARGET).join("release/small_plugin.wasm"))
}
