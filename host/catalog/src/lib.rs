//! Packages: what a component is, examined before it runs, and what is installed.
//!
//! **Owns** the reading of a component (its manifest, its exports, its imports), the consent page, and the installed
//! connectors by id, fresh from the store. **Refuses** to run a component, to compile one itself (it asks [`Compile`]), and
//! to install what it did not examine. **Start** at [`Catalog::examine`], then [`Catalog::review`] and
//! [`Catalog::install`].

mod binary;
mod catalog;
mod contract;
mod package;

pub use catalog::{Catalog, Compile, Entry, Installed, Review};
pub use contract::{CONTRACT, EXPORTS};
pub use package::{CatalogError, MAX_BYTES, Package};
