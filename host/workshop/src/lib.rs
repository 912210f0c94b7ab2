//! What a connector's author runs: now `build`, later `new`, `check`, `record`, `replay` and `dev`.
//!
//! **Owns** the way from a connector's folder to one component with its manifest inside: the search for a toolchain, the
//! call of cargo with an environment of its own, the check of what came out, the cache by content. **Refuses** to judge
//! what the connector asks for (that is `catalog`), to run it (that is `sandbox`), and to print: it speaks through
//! [`Progress`]. It blocks; an async caller gives it a thread. **Start** at [`build`].

mod build;
mod cache;
mod cargo;
mod component;
mod error;
mod folder;
mod inputs;
mod options;
mod process;
mod toolchain;

pub use build::{build, build_all, find_plugins};
pub use component::embed;
pub use error::BuildError;
pub use options::{BuildOptions, Built, Progress, Silent, default_cache_dir, may_install};
pub use toolchain::{APT_PACKAGES, TARGET, Tools};
