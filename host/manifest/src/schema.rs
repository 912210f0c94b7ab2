//! The manifest's JSON Schema, for editors and for the parser itself.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(crate::Manifest).to_value());

/// The JSON Schema (2020-12) of `connector.toml`. It says what may be written; [`Manifest::parse`](crate::Manifest::parse)
/// checks more (patterns, references between parts, bounds). The same text lies in `wit/manifest.schema.json`.
#[must_use]
pub fn json_schema() -> Value {
    SCHEMA.clone()
}

/// The same, without a copy.
pub(crate) fn shared() -> &'static Value {
    &SCHEMA
}
