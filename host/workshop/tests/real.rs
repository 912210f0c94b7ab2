//! One build with the machine's own Rust. Ignored, with the reason, where there is none that can; a failure where
//! `JACKFIELD_TEST_STRICT` is set.
#![expect(clippy::unwrap_used, reason = "a test's own failure")]

use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use workshop::{BuildError, BuildOptions, build};

fn main() {
    let strict = std::env::var_os("JACKFIELD_TEST_STRICT").is_some();
    let missing = no_toolchain();
    let trial = match &missing {
        Some(why) if !strict => {
            Trial::test(format!("a_real_connector_is_compiled [{why}]"), || Ok(())).with_ignored_flag(true)
        }
        _ => Trial::test("a_real_connector_is_compiled", a_real_connector_is_compiled),
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

/// An options value that shares the standard library with `plugins/`, so that it is compiled once.
fn options(folder: &Path) -> BuildOptions {
    let mut options = BuildOptions::new(folder);
    options.may_install = false;
    options.cache_dir =
        Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").canonicalize().unwrap());
    options
}

/// A folder whose Cargo.toml is broken fails at cargo, after the toolchain was found, and at once.
fn no_toolchain() -> Option<String> {
    let dir = fixture();
    std::fs::write(dir.path().join("Cargo.toml"), "[").unwrap();
    match build(&options(dir.path())) {
        Err(error @ (BuildError::NoToolchain { .. } | BuildError::NoCargo)) => {
            Some(error.to_string().lines().next().unwrap_or_default().to_owned())
        }
        _ => None,
    }
}

fn fixture() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let cargo = "[package]\nname = \"workshop-fixture\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                 [lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";
    let manifest = "manifest = 1\nid = \"workshop-fixture\"\nname = \"Fixture\"\nversion = \"0.1.0\"\n";
    let source = "#[unsafe(no_mangle)]\nextern \"C\" fn double(n: u32) -> u32 { vec![n; 2].iter().sum() }\n";
    std::fs::create_dir(dir.path().join("src")).unwrap();
    for (name, text) in [("Cargo.toml", cargo), ("connector.toml", manifest), ("src/lib.rs", source)] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn a_real_connector_is_compiled() -> Result<(), Failed> {
    let dir = fixture();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let first = build(&options(dir.path()))?;
    assert!(!first.cached);
    assert!(first.bytes_len < 200_000, "the size profile reaches a folder outside: {}", first.bytes_len);
    let bytes = std::fs::read(&first.path)?;
    let home = std::env::var("HOME")?;
    assert!(home.len() < 2 || !bytes.windows(home.len()).any(|w| w == home.as_bytes()), "it names no home");
    let manifests = wasmparser::Parser::new(0)
        .parse_all(&bytes)
        .filter(|p| matches!(p, Ok(wasmparser::Payload::CustomSection(s)) if s.name() == manifest::SECTION))
        .count();
    assert_eq!(manifests, 1);
    let second = build(&options(dir.path()))?;
    assert!(second.cached && second.ms < 1_000, "{second:?}");

    std::fs::write(dir.path().join("src/lib.rs"), "fn broken( {}\n")?;
    let error = build(&options(dir.path())).unwrap_err().to_string();
    assert!(
        error.starts_with("workshop-fixture: cargo build failed") && error.contains("src/lib.rs"),
        "{error}"
    );
    Ok(())
}
