//! Where the four connectors come from: the checkout's `plugins/`, which are built, or the binary itself.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::commands::build::build;

/// The connectors that the demo shows, in the order of its report.
pub(crate) const IDS: [&str; 4] = ["hubspot", "google-calendar", "slack", "zapier"];

include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

/// One component, and how it came about.
pub(crate) struct Component {
    pub(crate) id: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) how: String,
}

/// All four. In a checkout they are built (a build is cached by content); else they are what the binary carries.
pub(crate) async fn components(quiet: bool) -> Result<Vec<Component>> {
    let checkout = checkout();
    if checkout.is_none() && BUNDLE.is_empty() {
        bail!(
            "this binary carries no connectors and this is no checkout of Jackfield (no plugins/ here or above); \
             run the demo in a checkout"
        );
    }
    let mut found = Vec::new();
    for id in IDS {
        let component = match &checkout {
            Some(root) => {
                let built = build(&root.join("plugins").join(id), false, quiet).await?;
                let bytes = std::fs::read(&built.path).with_context(|| built.path.display().to_string())?;
                let how =
                    if built.cached { "unchanged".to_owned() } else { format!("built in {} ms", built.ms) };
                Component { id, bytes, how }
            }
            None => {
                let (_, bytes) = BUNDLE
                    .iter()
                    .find(|(name, _)| *name == id)
                    .with_context(|| format!("this binary does not carry the connector `{id}`"))?;
                Component { id, bytes: bytes.to_vec(), how: "carried by this binary".to_owned() }
            }
        };
        found.push(component);
    }
    Ok(found)
}

/// The nearest folder, from here and from the binary upwards, that has the connectors' sources.
fn checkout() -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let binary = std::env::current_exe().ok();
    let is_root =
        |folder: &Path| IDS.iter().all(|id| folder.join("plugins").join(id).join(manifest::FILE).is_file());
    [here, binary]
        .into_iter()
        .flatten()
        .find_map(|start| start.ancestors().find(|folder| is_root(folder)).map(Path::to_path_buf))
}
