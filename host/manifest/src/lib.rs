//! `connector.toml`: what a connector is, what it may reach, how it authenticates. Data, readable before execution.
//!
//! **Owns** the manifest's types, its parsing (unknown keys are errors), its checks, its JSON Schema, what its host and
//! path patterns mean, and the difference between what two manifests ask for. **Refuses** I/O and any look at the
//! component. **Start** at [`Manifest`], then [`Manifest::parse`] in `check.rs`.

mod auth;
mod check;
mod document;
mod egress;
mod limits;
mod pattern;
mod permissions;
mod schema;
mod settings;
mod types;

pub use auth::{Auth, AuthKind, Inject};
pub use check::{MAX_BYTES, ManifestError, Problem};
pub use egress::{EgressRule, Endpoint, EndpointSource, Rate, RateHeaders, RateLimit};
pub use limits::{Limit, Limits, Reuse};
pub use pattern::{event_matches, host_covers, host_matches, path_covers, path_matches};
pub use permissions::{Change, Effect, Permissions};
pub use schema::json_schema;
pub use settings::{Setting, SettingType, SettingsError};
pub use types::{Calendar, Idempotency, Manifest, Retry, Sink, Sync, SyncRule};

/// The name of the component's custom section that holds the manifest, as UTF-8 TOML.
pub const SECTION: &str = "jackfield:manifest";
/// A manifest's file name in a connector's folder.
pub const FILE: &str = "connector.toml";
