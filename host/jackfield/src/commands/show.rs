//! `list`, `inspect`, `version`.

use std::path::Path;

use anyhow::{Result, bail};
use catalog::Catalog;
use manifest::{Manifest, Permissions};
use serde_json::{Value, json};

use super::install::component;
use super::load;
use super::standing::{Standing, events};
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
    let found = store.quarantines(None, None).await?;
    for c in connectors {
        let standing = Standing::of(&c.id, &found);
        if as_json {
            let mut said = json!({
                "connector": c.id, "version": c.version, "digest": c.digest, "bytes": c.size,
                "interfaces": c.interfaces, "installedAt": c.installed_at.rfc3339(),
            });
            standing.add_to(&mut said);
            say!("{said}");
        } else {
            say!("{:<20} {:<10} {:>6} KiB  {}", c.id, c.version, c.size.div_ceil(1024), c.digest);
            for line in standing.lines() {
                say!("  {line}");
            }
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
        if as_json {
            say!("{}", said(&package.manifest, &package.digest, &package.interfaces, package.size));
        } else {
            show(&package.manifest, &package.digest, &package.interfaces, package.size);
        }
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
    let found = store.quarantines(Some(what), None).await?;
    let standing = Standing::of(what, &found);
    if as_json {
        let mut said = said(&manifest, &connector.digest, &connector.interfaces, connector.size);
        standing.add_to(&mut said);
        said["events"] = events(&store, what).await?;
        say!("{said}");
    } else {
        show(&manifest, &connector.digest, &connector.interfaces, connector.size);
        for line in standing.lines() {
            say!("{line}");
        }
    }
    store.close().await?;
    Ok(())
}

fn said(manifest: &Manifest, digest: &str, interfaces: &[String], size: u64) -> Value {
    json!({
        "connector": manifest.id, "name": manifest.name, "version": manifest.version, "digest": digest,
        "bytes": size, "interfaces": interfaces, "permissions": Permissions::of(manifest), "manifest": manifest,
    })
}

fn show(manifest: &Manifest, digest: &str, interfaces: &[String], size: u64) {
    let permissions = Permissions::of(manifest);
    say!("{} {} ({})", manifest.name, manifest.version, manifest.id);
    if !manifest.description.is_empty() {
        say!("{}", manifest.description);
    }
    say!("{digest}  {} KiB", size.div_ceil(1024));
    say!("exports  {}", interfaces.join("\n         "));
    ask!("{permissions}");
}
