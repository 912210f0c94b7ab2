//! `install` and `uninstall`.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use catalog::{Catalog, Package};

use super::build::build;
use crate::config::Config;
use crate::host::Host;

/// The bytes of a component: of a `.wasm` file, or of a folder, which is built first.
pub(crate) async fn component(path: &Path, install_toolchain: bool, quiet: bool) -> Result<Vec<u8>> {
    let metadata = std::fs::metadata(path).with_context(|| {
        format!("{}: neither a connector's folder nor a component's file", path.display())
    })?;
    let too_large = || format!("{}: larger than {} MiB", path.display(), catalog::MAX_BYTES >> 20);
    let file = if metadata.is_dir() {
        build(path, install_toolchain, quiet).await?.path
    } else if metadata.len() > catalog::MAX_BYTES {
        bail!(too_large());
    } else {
        path.to_path_buf()
    };
    // A file may grow, and a device has no size.
    let mut bytes = Vec::new();
    std::fs::File::open(&file)
        .and_then(|f| f.take(catalog::MAX_BYTES + 1).read_to_end(&mut bytes))
        .with_context(|| file.display().to_string())?;
    if bytes.len() as u64 > catalog::MAX_BYTES {
        bail!(too_large());
    }
    Ok(bytes)
}

/// `jackfield install`.
pub(crate) async fn run(
    config: &Config,
    path: &Path,
    yes: bool,
    install_toolchain: bool,
    json: bool,
) -> Result<()> {
    let bytes = component(path, install_toolchain, json).await?;
    let package = Catalog::examine(&bytes)?;
    let host = Host::open(config).await?;
    let review = host.catalog.review(&package).await?;
    if !json {
        ask!("{review}");
    }
    if !yes && !agreed(&package)? {
        bail!("not installed: nobody consented; add --yes to consent without being asked");
    }
    let installed = host.catalog.install(bytes).await?;
    if json {
        say!(
            "{}",
            serde_json::json!({
                "connector": installed.entry.connector.id, "version": installed.entry.connector.version,
                "digest": installed.entry.connector.digest, "interfaces": installed.entry.connector.interfaces,
            })
        );
    } else {
        say!("installed {} {}", installed.entry.connector.id, installed.entry.connector.version);
    }
    host.store.close().await?;
    Ok(())
}

fn agreed(package: &Package) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    ask!("Install {} and let it reach this? [y/N] ", package.manifest.name);
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// `jackfield uninstall`.
pub(crate) async fn uninstall(config: &Config, connector: &str, json: bool) -> Result<()> {
    let host = Host::open(config).await?;
    if !host.catalog.uninstall(connector).await? {
        bail!(
            "the connector `{}` is not installed; `jackfield list` shows what is",
            model::cut(connector, 64)
        );
    }
    if json {
        say!("{}", serde_json::json!({ "connector": connector, "installed": false }));
    } else {
        say!("uninstalled {connector}");
    }
    host.store.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_component_of_200_mb_or_without_end_is_refused_before_it_fills_the_memory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(200_000_000).unwrap();
        for path in [file.path(), Path::new("/dev/zero")] {
            let error = component(path, false, true).await.unwrap_err().to_string();
            assert!(error.contains("larger than 64 MiB"), "{error}");
        }
    }
}
