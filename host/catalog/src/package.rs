//! One component, examined.

use manifest::{Manifest, ManifestError, Permissions};
use sha2::{Digest as _, Sha256};
use store::StoreError;

use crate::{CONTRACT, binary, contract};

/// The largest component, in bytes: 64 MiB. A Python connector has 18.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A component that may be installed.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// Its manifest.
    pub manifest: Manifest,
    /// The manifest as it is embedded.
    pub manifest_text: String,
    /// `sha256:` and 64 hex digits, of the component's bytes.
    pub digest: String,
    /// The interfaces of the contract that it exports: its capabilities, `jackfield:crm/write@0.1.0`.
    pub interfaces: Vec<String>,
    /// Everything that it imports.
    pub imports: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
}

/// A component that cannot be installed, or a connector that cannot be had. Each message says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// No WebAssembly, or broken.
    #[error("this is not a WebAssembly component: {0}; run jackfield build FOLDER and install what it names")]
    Malformed(String),
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component: run jackfield build FOLDER, which makes a component"
    )]
    CoreModule,
    /// Larger than 64 MiB.
    #[error(
        "the component has {0} bytes; at most {MAX_BYTES} (64 MiB) are allowed: build it with the release profile and strip it"
    )]
    TooLarge(u64),
    /// More than 1,000 imports or exports.
    #[error("the component has more than 1000 {0}: that is no connector")]
    TooMany(&'static str),
    /// Modules and components more than 100 deep.
    #[error("the component has components inside of one another more than 100 deep: that is no connector")]
    TooDeep,
    /// No manifest.
    #[error("the component carries no connector.toml (custom section {section}): run jackfield build FOLDER, which embeds it", section = manifest::SECTION)]
    NoManifest,
    /// Several manifests.
    #[error("the component carries {0} manifests (custom section {section}), so which one counts is open to doubt: build it anew", section = manifest::SECTION)]
    ManyManifests(usize),
    /// The manifest is not UTF-8.
    #[error("the embedded connector.toml is not UTF-8: build it anew")]
    ManifestEncoding,
    /// The manifest is wrong.
    #[error("connector.toml: {0}")]
    Manifest(#[from] ManifestError),
    /// Built for another version of the contract.
    #[error(
        "the component was built for contract {built} ({path}), this host speaks {CONTRACT}: build it with the SDK of this host, or run the Jackfield that speaks {built}"
    )]
    Version {
        /// The version that it names, or `none`.
        built: String,
        /// The interface.
        path: String,
    },
    /// It imports what the host does not have.
    #[error(
        "the component imports {0}, which this host does not give to connectors: it gives jackfield:host/* and WASI 0.2"
    )]
    Import(String),
    /// It exports an interface that is not in the contract.
    #[error("the component exports {0}; there is no such interface in the contract")]
    Export(String),
    /// It lacks the one interface that every connector has.
    #[error(
        "the component does not export jackfield:core/lifecycle@{CONTRACT}, which every connector does: implement it"
    )]
    NoLifecycle,
    /// The manifest promises what the component does not export.
    #[error(
        "connector.toml has {what}, but the component does not export {interface}: implement it, or take {what} out"
    )]
    Promise {
        /// The part of the manifest.
        what: String,
        /// The interface that it needs.
        interface: String,
    },
    /// It could not be compiled.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
    /// An installed manifest cannot be read any more.
    #[error(
        "the installed connector {id} has a manifest that this version refuses ({error}): install a newer build of it"
    )]
    Stored {
        /// The connector's id.
        id: String,
        /// Why.
        error: ManifestError,
    },
    /// The store failed, or the connector is in use.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Package {
    /// Examines a component. It is not run and not compiled.
    pub(crate) fn examine(bytes: &[u8]) -> Result<Self, CatalogError> {
        let size = bytes.len() as u64;
        if size > MAX_BYTES {
            return Err(CatalogError::TooLarge(size));
        }
        let outline = binary::outline(bytes)?;
        let text = match outline.manifests[..] {
            [] => return Err(CatalogError::NoManifest),
            [one] => std::str::from_utf8(one).map_err(|_| CatalogError::ManifestEncoding)?,
            _ => return Err(CatalogError::ManyManifests(outline.manifests.len())),
        };
        let manifest = Manifest::parse(text)?;
        contract::check_imports(&outline.imports)?;
        let interfaces = contract::check_exports(&outline.exports)?;
        contract::check_promises(&manifest, &interfaces)?;
        let manifest_text = text.to_owned();
        Ok(Self {
            manifest,
            manifest_text,
            digest: digest(bytes),
            interfaces,
            imports: outline.imports,
            size,
        })
    }

    /// What it asks for.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        Permissions::of(&self.manifest)
    }
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}
