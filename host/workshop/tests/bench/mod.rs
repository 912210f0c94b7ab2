//! A folder with a fixture connector, and tools that only look like Rust's. Each tool writes its call to a log and is
//! steered by the presence of files.
#![expect(dead_code, reason = "each test file uses its own part of the bench")]
#![expect(clippy::unwrap_used, reason = "a test's own failure")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use workshop::{BuildOptions, Progress, Tools};

pub(crate) const MANIFEST: &str = "manifest = 1\nid = \"fixture\"\nname = \"Fixture\"\nversion = \"0.1.0\"\n";

const RUSTC: &str = r#"
[ "$1" = --print ] && echo "$BENCH/sysroot"
[ "$1" = -vV ] && cat "$BENCH/version"
true"#;

const RUSTUP: &str = r#"
[ -e "$BENCH/rustup-works" ] || { echo "error: could not download" >&2; exit 1; }
mkdir -p "$BENCH/sysroot/lib/rustlib/wasm32-wasip2""#;

const APT_GET: &str = r#"
[ -e "$BENCH/apt-works" ] || { echo "E: could not resolve" >&2; exit 100; }
[ "$1" = install ] && sh "$BENCH/install-debian"
true"#;

const INSTALL_DEBIAN: &str = r#"
mkdir -p "$BENCH/root/usr/bin" "$BENCH/root/usr/lib/rustlib/src/rust/library/std" "$BENCH/root/usr/lib/wasm32-wasi"
cp "$BENCH/bin/rustc" "$BENCH/root/usr/bin/rustc"
touch "$BENCH/root/usr/lib/wasm32-wasi/libc.a"
mkdir -p "$BENCH/sysroot/lib/rustlib/host/bin"
touch "$BENCH/sysroot/lib/rustlib/host/bin/wasm-component-ld""#;

const CARGO: &str = r#"
workspace="$PWD"; [ -e "$BENCH/workspace-root" ] && workspace="$BENCH"
if [ "$1" = metadata ]; then
  kind=cdylib; [ -e "$BENCH/kind" ] && kind=$(cat "$BENCH/kind")
  printf '{"workspace_root":"%s","target_directory":"%s/target","packages":[{"manifest_path":"%s/Cargo.toml","targets":[{"kind":["%s"]}]}]}\n' \
    "$workspace" "$workspace" "$PWD" "$kind"
  exit
fi
if [ -e "$BENCH/fail-build" ]; then
  i=0; while [ $i -lt 300 ]; do echo "line $i" >&2; i=$((i+1)); done
  echo "error[E0425]: last line" >&2
  exit 101
fi
[ -e "$BENCH/edit-during-build" ] && echo "// edited" >> src/lib.rs
while [ $# -gt 0 ]; do [ "$1" = --target-dir ] && target="$2"; shift; done
mkdir -p "$target/release"
cp "$BENCH/component.wasm" "$target/release/fixture.wasm"
echo "$target/release/fixture.wasm: $PWD/src/lib.rs $BENCH/dependency/src/lib.rs" > "$target/release/fixture.d"
printf '{"reason":"compiler-artifact","manifest_path":"%s/Cargo.toml","target":{"kind":["cdylib"]},"filenames":["%s/release/fixture.wasm"]}\n' "$PWD" "$target""#;

/// What was noted.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn step(&self, _: &str) {}
    fn detail(&self, _: &str) {}
    fn note(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// The fixture and its tools; gone when it is dropped.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    notes: Arc<Notes>,
}

/// The smallest component.
pub(crate) fn component() -> Vec<u8> {
    b"\0asm\x0d\0\x01\0".to_vec()
}

impl Bench {
    /// With the target installed.
    pub(crate) fn new() -> Self {
        let bench = Self::without_toolchain();
        std::fs::create_dir_all(bench.path("sysroot/lib/rustlib/wasm32-wasip2")).unwrap();
        bench
    }

    /// With cargo and rustc, but nothing that compiles for WebAssembly.
    pub(crate) fn without_toolchain() -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap(), notes: Arc::default() };
        for (name, body) in [("cargo", CARGO), ("rustc", RUSTC), ("rustup", RUSTUP), ("apt-get", APT_GET)] {
            bench.script(&format!("bin/{name}"), name, body);
        }
        bench.script("install-debian", "install-debian", INSTALL_DEBIAN);
        bench.write(&bench.path("version"), "rustc 1.95.0 (fake)");
        std::fs::write(bench.path("component.wasm"), component()).unwrap();
        bench.write(&bench.path("dependency/src/lib.rs"), "");
        bench.write(&bench.path("dependency/Cargo.toml"), "");
        bench.write(&bench.folder().join("src/lib.rs"), "");
        bench.write(&bench.folder().join("Cargo.toml"), "[package]\nname = \"fixture\"\n");
        bench.write(&bench.folder().join("connector.toml"), MANIFEST);
        bench.settle();
        bench
    }

    fn script(&self, file: &str, name: &str, body: &str) {
        let bench = self.dir.path().display();
        let log = format!("echo \"{name} $* RUSTC=$RUSTC BOOTSTRAP=$RUSTC_BOOTSTRAP\"");
        let log = if name == "cargo" { log } else { format!("echo \"{name} $*\"") };
        let text = format!("#!/bin/sh\nBENCH='{bench}'\n{log} >> \"$BENCH/{name}.log\"\n{body}\n");
        self.write(&self.path(file), &text);
        std::fs::set_permissions(self.path(file), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.path("fixture")
    }

    pub(crate) fn write(&self, file: &Path, text: &str) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Lets the file system's clock move on, so that what was just written is older than what comes.
    pub(crate) fn settle(&self) {
        std::thread::sleep(Duration::from_millis(20));
    }

    pub(crate) fn install_debian(&self) {
        assert!(std::process::Command::new(self.path("install-debian")).status().unwrap().success());
    }

    pub(crate) fn options(&self) -> BuildOptions {
        let tools = Tools {
            cargo: self.path("bin/cargo"),
            rustc: self.path("bin/rustc"),
            rustup: Some(self.path("bin/rustup")),
            apt_get: Some(self.path("bin/apt-get")),
            root: self.path("root"),
            path: vec!["/usr/bin".into(), "/bin".into()],
        };
        BuildOptions {
            folder: self.folder(),
            install_toolchain: false,
            may_install: false,
            cache_dir: Some(self.path("cache")),
            tools,
            progress: self.notes.clone(),
        }
    }

    /// What a tool was called with, one call a line.
    pub(crate) fn log(&self, tool: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{tool}.log"))).unwrap_or_default()
    }

    pub(crate) fn count(&self, call: &str) -> usize {
        let tool = call.split(' ').next().unwrap();
        self.log(tool).lines().filter(|line| line.starts_with(call)).count()
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.0.lock().unwrap().clone()
    }
}
