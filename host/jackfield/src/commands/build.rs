//! `build`: a connector's folder becomes a component.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use workshop::{BuildOptions, Built};

use super::progress::Spinner;

/// Builds `folder` with a progress line; used by `install` and `demo` too.
pub(crate) async fn build(folder: &Path, install_toolchain: bool, quiet: bool) -> Result<Built> {
    let spinner = Spinner::start(quiet);
    let progress: Arc<dyn workshop::Progress> = spinner.clone();
    let options = BuildOptions { install_toolchain, progress, ..BuildOptions::new(folder) };
    let built =
        tokio::task::spawn_blocking(move || workshop::build(&options)).await.context("the build's thread")?;
    spinner.finish();
    Ok(built?)
}

/// `jackfield build`.
pub(crate) async fn run(folder: &Path, install_toolchain: bool, json: bool) -> Result<()> {
    let built = build(folder, install_toolchain, json).await?;
    if json {
        say!(
            "{}",
            serde_json::json!({
                "connector": built.id, "version": built.version, "path": built.path,
                "digest": format!("sha256:{}", built.digest), "bytes": built.bytes_len,
                "cached": built.cached, "ms": built.ms,
            })
        );
    } else {
        say!(
            "{} {}  {} KiB  {}{}",
            built.id,
            built.version,
            built.bytes_len.div_ceil(1024),
            built.path.display(),
            if built.cached { "  (unchanged)" } else { "" }
        );
        say!("next: jackfield install {}", built.path.display());
    }
    Ok(())
}
