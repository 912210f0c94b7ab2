//! The connectors are a workspace of their own; their native tests are run from here, so that one command runs all.

use std::process::{Command, Stdio};

use crate::bench::root;

/// What cargo is told about its home and its downloads; all else that starts with `CARGO_` is this build's own.
const KEPT: [&str; 7] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_BUILD_JOBS",
];

/// `cargo test` in `plugins/`. The hostile guest is in that workspace for its lock file's sake and has no tests.
pub(crate) fn pass() -> Result<(), String> {
    let plugins = root().join("plugins");
    let mut cargo = Command::new(workshop::Tools::find().cargo);
    cargo
        .args(["test", "--workspace", "--exclude", "rogue", "--manifest-path"])
        .arg(plugins.join("Cargo.toml"));
    cargo.current_dir(&plugins).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_our_own) {
            cargo.env_remove(name);
        }
    }
    let output =
        cargo.env("CARGO_TERM_COLOR", "never").output().map_err(|e| format!("running cargo: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    if said.contains("every_recording_replays ... ok") {
        Ok(())
    } else {
        Err(format!("no recording was replayed\n{said}"))
    }
}

/// Whether a variable belongs to the build that this test is part of.
fn is_our_own(name: &str) -> bool {
    let of_cargo = name.starts_with("CARGO") && !KEPT.iter().any(|kept| name.starts_with(kept));
    of_cargo
        || name.starts_with("RUSTC")
        || name.starts_with("JACKFIELD_")
        || matches!(name, "RUSTFLAGS" | "LD_LIBRARY_PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_this_build_is_not_passed_on() {
        for (name, own) in [
            ("CARGO_TARGET_DIR", true),
            ("CARGO_ENCODED_RUSTFLAGS", true),
            ("CARGO", true),
            ("RUSTC_WRAPPER", true),
            ("RUSTFLAGS", true),
            ("JACKFIELD_TEST_STRICT", true),
            ("CARGO_HOME", false),
            ("CARGO_NET_OFFLINE", false),
            ("RUSTUP_HOME", false),
            ("PATH", false),
        ] {
            assert_eq!(is_our_own(name), own, "{name}");
        }
    }
}
