//! Why a build failed, in words that say what to do next.

use std::path::PathBuf;

use manifest::ManifestError;

/// A build failed. Every case is for the author's eyes; none is a defect of the host.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder is not one of a connector.
    #[error("{folder} is not a connector's folder: {why}")]
    NotAConnector {
        /// As the user wrote it.
        folder: PathBuf,
        /// What is missing, and what would be right.
        why: String,
    },
    /// The manifest is wrong; nothing was compiled.
    #[error("{path}: {problems}")]
    Manifest {
        /// The manifest's file.
        path: PathBuf,
        /// All that is wrong with it.
        problems: ManifestError,
    },
    /// There is no cargo.
    #[error("cargo was not found; connectors are compiled with Rust: install it from https://rustup.rs")]
    NoCargo,
    /// There is no way to compile for `wasm32-wasip2`, and it may not be installed unasked.
    #[error(
        "no Rust toolchain for wasm32-wasip2 was found{why}. This command installs one:\n  {command}\nor add --install-toolchain, and it is installed first"
    )]
    NoToolchain {
        /// What was found wanting; begins with a separator, or is empty.
        why: String,
        /// The one command that installs it.
        command: String,
    },
    /// Installing a toolchain failed.
    #[error("the toolchain could not be installed; by hand:\n  {command}\nthe last lines were:\n{output}")]
    Install {
        /// The one command that installs it.
        command: String,
        /// The last lines of what was tried.
        output: String,
    },
    /// Cargo refused: a compile error, a missing dependency.
    #[error("{connector}: cargo {verb} failed\n{output}")]
    Cargo {
        /// The connector's id.
        connector: String,
        /// `build` or `metadata`.
        verb: &'static str,
        /// Cargo's last lines, at most 100.
        output: String,
    },
    /// The package makes no component.
    #[error("{connector}: {why}")]
    NoComponent {
        /// The connector's id.
        connector: String,
        /// What is missing, and what would be right.
        why: String,
    },
    /// What was compiled is not a valid component, or carries a manifest already.
    #[error("{connector}: {why}")]
    BadComponent {
        /// The connector's id.
        connector: String,
        /// What is wrong.
        why: String,
    },
    /// The folder holds more than a connector's sources.
    #[error("{folder} holds more than {limit}: keep only the connector's sources there")]
    TooLarge {
        /// The folder.
        folder: PathBuf,
        /// The limit that it broke.
        limit: &'static str,
    },
    /// The file system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried: `reading /x/connector.toml`.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl BuildError {
    /// A stable name of the case, for `--json`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAConnector { .. } => "not_a_connector",
            Self::Manifest { .. } => "manifest_invalid",
            Self::NoCargo | Self::NoToolchain { .. } => "toolchain_missing",
            Self::Install { .. } => "toolchain_install_failed",
            Self::Cargo { .. } => "cargo_failed",
            Self::NoComponent { .. } | Self::BadComponent { .. } => "component_invalid",
            Self::TooLarge { .. } => "folder_too_large",
            Self::Io { .. } => "io",
        }
    }

    /// Wraps an I/O error with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
