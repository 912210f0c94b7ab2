//! `list`, `inspect`, `version`.

use std::path::Path;

use anyhow::{Result, bail};
use catalog::Catalog;
use manifest::{Manifest, Permissions};
use serde_json::json;

use super::install::component;
use super::load;
use crate::config::{Config, Flags};
use crate::host::open_store;

/// `jackfield version`.
pub(crate) fn version(json: bool) {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        say!("{}", json!({ "version": version, "contract": "0.1.0", "manifest": 1 }));
    } else {
        say!("jackfield {version} (contract 0.1.0)");
    }
}

/// `jackfield list`.
pub(crate) async fn list(config: &Config, as_json: bool) -> Result<()> {
    let store = open_store(config).await?;
    let connectors = store.connectors().await?;
    if connectors.is_empty() && !as_json {
        say!("no connector is installed; `jackfield install PATH` installs one");
    }
    for c in connectors {
        if as_json {
            say!(
                "{}",
                json!({
                    "connector": c.id, "version": c.version, "digest": c.digest, "bytes": c.size,
                    "interfaces": c.interfaces, "installedAt": c.installed_at.rfc3339(),
                })
            );
        } else {
            say!("{:<20} {:<10} {:>6} KiB  {}", c.id, c.version, c.size.div_ceil(1024), c.digest);
        }
    }
    store.close().await?;
    Ok(())
}

/// `jackfield inspect`: an installed connector's id, a folder or a file.
pub(crate) async fn inspect(flags: &Flags, what: &str, as_json: bool) -> Result<()> {
    let path = Path::new(what);
    if path.exists() {
        let package = Catalog::examine(&component(path, false, as_json).await?)?;
        show(&package.manifest, &package.digest, &package.interfaces, package.size, as_json);
        return Ok(());
    }
    if !Manifest::is_id(what) {
        bail!("{}: no such file, and no connector's id", model::cut(what, 200));
    }
    let store = open_store(&load(flags)?).await?;
    let Some(connector) = store.connector(what).await? else {
        bail!(
            "the connector `{what}` is not installed, and no such file is here; `jackfield list` shows what is"
        );
    };
    let manifest = Manifest::parse(&connector.manifest)?;
    show(&manifest, &connector.digest, &connector.interfaces, connector.size, as_json);
    store.close().await?;
    Ok(())
}

fn show(manifest: &Manifest, digest: &str, interfaces: &[String], size: u64, as_json: bool) {
    let permissions = Permissions::of(manifest);
    if as_json {
        say!(
            "{}",
            json!({
                "connector": manifest.id, "name": manifest.name, "version": manifest.version, "digest": digest,
                "bytes": size, "interfaces": interfaces, "permissions": permissions, "manifest": manifest,
            })
        );
        return;
    }
    say!("{} {} ({})", manifest.name, manifest.version, manifest.id);
    if !manifest.description.is_empty() {
        say!("{}", manifest.description);
    }
    say!("{digest}  {} KiB", size.div_ceil(1024));
    say!("exports  {}", interfaces.join("\n         "));
    ask!("{permissions}");
}
