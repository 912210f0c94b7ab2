//! `/openapi.json` says all that the router does, and nothing more.
#![expect(clippy::unwrap_used, reason = "a test fails on what it does not expect")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::Site;
use serde_json::{Map, Value};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn document(site: &Site) -> Value {
    let answer = site.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.json
}

fn paths(document: &Value) -> &Map<String, Value> {
    document["paths"].as_object().unwrap()
}

#[tokio::test]
async fn the_routers_own_table_and_the_description_have_the_same_routes() {
    let site = Site::new().await;
    // axum shows its table in its debug print alone: `RouteId(1): "/api/events"`.
    let table = format!("{:?}", site.router);
    // The fallback is in it as `/`, which is no route.
    site.get("/").await.is_problem(404, "not_found");
    let routed: BTreeSet<String> = table
        .split('"')
        .filter(|text| text.len() > 1 && text.starts_with('/') && !text.contains("__private"))
        .map(str::to_owned)
        .collect();
    let document = document(&site).await;
    let described: BTreeSet<String> = paths(&document).keys().cloned().collect();
    assert!(described.len() >= 12, "{described:?}");
    assert_eq!(routed, described);
}

#[tokio::test]
async fn each_route_takes_the_methods_that_are_described_and_no_others() {
    let site = Site::new().await;
    let document = document(&site).await;
    for (path, item) in paths(&document) {
        let real = path.replace("{id}", "none").replace("{exchange}", "none");
        for method in METHODS {
            let answer = site.ask(&method.to_uppercase(), &real, None).await;
            let described = item.get(method).is_some();
            assert_eq!(answer.status != 405, described, "{method} {path}: {}", answer.status);
        }
    }
}

/// A route that is put into the router by another way than `routes!` would not be described: there is none.
#[test]
fn every_handler_goes_through_the_one_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut described, mut tabled) = (0, 0);
    for file in files(&source) {
        let text = std::fs::read_to_string(&file).unwrap();
        described += text.matches("#[utoipa::path(").count();
        for other in [".route(", ".route_service(", ".nest(", ".nest_service(", ".merge("] {
            assert!(!text.contains(other), "{} has {other}…)", file.display());
        }
        for call in text.split(".routes(routes!(").skip(1) {
            tabled += call.split("))").next().unwrap().split(',').count();
        }
    }
    assert_eq!(described, tabled);
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_operation_names_its_problems() {
    let site = Site::new().await;
    let document = document(&site).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in paths(&document) {
        for operation in METHODS.iter().filter_map(|m| item.get(m)) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
            assert!(operation["responses"]["default"].is_object(), "{path}");
            assert_eq!(operation["security"].is_array(), path.starts_with("/api/"), "{path}");
            for name in path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
                let parameters = operation["parameters"].as_array().unwrap();
                assert!(parameters.iter().any(|p| p["name"] == name && p["in"] == "path"), "{path}");
            }
        }
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(target) if name == "$ref" => drop(references.insert(target.clone())),
                    value => collect(value, references),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|v| collect(v, references)),
        _ => {}
    }
}

/// The forms are read by hand, so their descriptions are held against what is read.
#[tokio::test]
async fn the_forms_describe_the_members_that_are_read() {
    let site = Site::new().await;
    let document = document(&site).await;
    let members = |schema: &str| {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        properties.keys().cloned().collect::<BTreeSet<_>>()
    };
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(members("NewEvent"), set(&["event", "id", "timestamp", "organizationId", "data"]));
    assert_eq!(document["components"]["schemas"]["NewEvent"]["required"], serde_json::json!(["event"]));
    let shared = ["name", "credentials", "settings", "syncSettings", "fieldMapping"];
    assert_eq!(members("NewConnection"), set(&[&shared[..], &["connector"]].concat()));
    assert_eq!(members("ConnectionChange"), set(&[&shared[..], &["status"]].concat()));
    for closed in ["NewConnection", "ConnectionChange", "SyncSettings"] {
        assert_eq!(document["components"]["schemas"][closed]["additionalProperties"], false, "{closed}");
    }
    let switches = set(&["syncLeads", "syncCalls", "syncTranscripts", "syncAppointments"]);
    assert_eq!(members("SyncSettings"), switches);
}
