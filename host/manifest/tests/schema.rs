//! The committed schema is the one that the types make.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

const FILE: &str = "../../wit/manifest.schema.json";

#[test]
fn the_committed_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let made = format!("{}\n", serde_json::to_string_pretty(&sorted(manifest::json_schema())).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some_and(|v| v == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "wit/manifest.schema.json is out of date: run UPDATE_SCHEMA=1 cargo test -p manifest --test schema"
    );
}

/// One order of keys, whether or not some crate of the build switches on serde_json's `preserve_order`.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[test]
fn the_schema_accepts_what_the_parser_accepts_and_names_no_unknown_key() {
    let schema = jsonschema::validator_for(&manifest::json_schema()).unwrap();
    let good: toml::Table = toml::from_str(include_str!("full.toml")).unwrap();
    let mut value = serde_json::to_value(good).unwrap();
    let errors: Vec<String> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    manifest::Manifest::parse(include_str!("full.toml")).unwrap();
    value["egress"][0]["hsot"] = "x".into();
    assert!(!schema.is_valid(&value));
}
