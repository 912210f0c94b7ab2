//! Folders of given → expected: connections and events in, operations and requests out.
//!
//! `UPDATE_EXPECTED=1` writes what happened into `expected.json`; read the difference before you keep it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::{Host, Wall, root};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    /// What is tested, for a reader.
    #[serde(rename = "about")]
    _about: String,
    /// Connector → members of `POST /api/connections` beside the credential.
    connections: BTreeMap<String, Value>,
    /// Posted one after another, each when the last has come to rest.
    events: Vec<Value>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
struct Expected {
    /// Per event: connector, operation, state, and what the receipt or the error says.
    operations: Vec<Vec<String>>,
    /// Per connector: what its provider was asked, and its answers.
    requests: BTreeMap<String, Vec<String>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_yields_what_is_expected() {
    let folder = root().join("tests/journeys/cases");
    let mut cases: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 8, "the cases were not found");
    let mut wrong = Vec::new();
    for case in cases {
        let given = std::fs::read_to_string(case.join("given.json")).unwrap();
        let given = serde_json::from_str(&given).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        let happened = run(given).await;
        if let Some(difference) = compare(&case, &happened) {
            wrong.push(difference);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

async fn run(given: Given) -> Expected {
    let wall = Wall::start().await;
    let host = Host::start(&wall.overrides());
    for (connector, more) in &given.connections {
        host.connect(wall.connection(connector, more)).await;
    }
    let mut happened = Expected::default();
    for event in &given.events {
        let seen = host.run(event).await;
        let mut operations: Vec<String> = seen["operations"].as_array().unwrap().iter().map(line).collect();
        operations.sort();
        happened.operations.push(operations);
    }
    for connector in given.connections.keys() {
        happened.requests.insert(connector.clone(), wall.requests(connector));
    }
    happened
}

fn line(operation: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let outcome = match operation["error"]["code"].as_str() {
        Some(code) => code.to_owned(),
        None => text(&operation["receipt"]["disposition"]),
    };
    format!(
        "{} {} {} {outcome}",
        text(&operation["connector"]),
        text(&operation["operation"]),
        text(&operation["state"])
    )
}

fn compare(case: &Path, happened: &Expected) -> Option<String> {
    let path = case.join("expected.json");
    let text = serde_json::to_string_pretty(happened).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, text).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let expected: Expected = serde_json::from_str(&expected).unwrap_or_default();
    (expected != *happened).then(|| format!("{}: happened\n{text}", case.display()))
}
