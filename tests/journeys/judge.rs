//! What went over the wire, judged against the vendors' published descriptions where those lie beside the checkout.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Host, Wall, guide_mapping, root};

/// The judge, where it is present.
fn judge() -> Option<std::path::PathBuf> {
    let judge = root().parent()?.join("shared/tools/judge-http");
    judge.is_file().then_some(judge)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_over_the_wire_is_what_the_vendors_describe() {
    let Some(judge) = judge() else {
        eprintln!("skipped: the vendors' descriptions are not beside this checkout");
        return;
    };
    let wall = Wall::start().await;
    let host = Host::start(&wall.overrides());
    let mut connections = Vec::new();
    for connector in ["hubspot", "google-calendar", "slack", "zapier"] {
        let more =
            if connector == "hubspot" { json!({ "fieldMapping": guide_mapping() }) } else { json!({}) };
        let id = host.connect(wall.connection(connector, &more)).await;
        let (status, tested) =
            host.client.call("POST", &format!("/api/connections/{id}/test"), Some(&json!({}))).await;
        assert_eq!((status, &tested["ok"]), (200, &json!(true)), "{tested}");
        connections.push(id);
    }
    for case in [
        "five-events-reach-all-four",
        "an-appointment-is-made-moved-and-cancelled",
        "a-call-ended-is-threaded-under-call-started",
    ] {
        let given =
            std::fs::read_to_string(root().join("tests/journeys/cases").join(case).join("given.json"))
                .unwrap();
        let given: Value = serde_json::from_str(&given).unwrap();
        for event in given["events"].as_array().unwrap() {
            assert_eq!(host.run(event).await["state"], "done");
        }
    }
    let mut har = host.har(&connections[0]).await;
    for connection in &connections[1..] {
        let more = host.har(connection).await["log"]["entries"].as_array().unwrap().clone();
        har["log"]["entries"].as_array_mut().unwrap().extend(more);
    }
    let path = host.folder.path().join("journey.har");
    std::fs::write(&path, har.to_string()).unwrap();
    let output = Command::new(judge).arg("--responses").arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" 0 violations"), "{said}");
}
