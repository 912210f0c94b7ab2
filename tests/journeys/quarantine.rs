//! A connector that is halted again and again is started no more, until an operator says so; its neighbours go on.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Host, PATIENCE, Wall, jackfield, jackfield_json, root};

/// How a test of the connection ends.
async fn probe(host: &Host, connection: &str) -> (u16, Value) {
    host.client.call("POST", &format!("/api/connections/{connection}/test"), None).await
}

async fn get(host: &Host, path: &str) -> Value {
    let (status, seen) = host.client.call("GET", path, None).await;
    assert_eq!(status, 200, "{seen}");
    seen
}

/// Waits until `serve` has logged a line with all of these words.
async fn logged(host: &Host, words: &[&str]) -> String {
    let began = std::time::Instant::now();
    loop {
        let log = std::fs::read_to_string(host.log()).unwrap();
        if let Some(line) = log.lines().find(|line| words.iter().all(|word| line.contains(word))) {
            return line.to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "not logged: {words:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rogue_connector_is_quarantined_visibly_and_its_neighbour_delivers_until_it_is_released() {
    let wall = Wall::start().await;
    let host = Host::start(&wall.overrides());
    let guest = root().join("tests/hostile/guests/rogue");
    let installed = jackfield(host.folder.path(), &["install", guest.to_str().unwrap(), "--yes"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let rogue = json!({
        "connector": "rogue", "credentials": { "accessToken": "t" }, "settings": { "attack": "loop" }
    });
    let rogue = host.connect(rogue).await;
    host.connect(wall.connection("zapier", &json!({ "settings": { "events": ["note.made"] } }))).await;
    assert_eq!(get(&host, "/api/connectors/rogue").await["status"], "active");

    for _ in 0..5 {
        let (status, halted) = probe(&host, &rogue).await;
        assert_eq!((status, &halted["error"]["code"]), (200, &json!("halt_cpu")), "{halted}");
    }
    let (status, refused) = probe(&host, &rogue).await;
    assert_eq!((status, &refused["code"]), (409, &json!("connector_quarantined")), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("jackfield release rogue"), "{refused}");

    let shown = get(&host, "/api/connectors/rogue").await;
    assert_eq!(
        (&shown["status"], &shown["quarantine"]["strikes"]),
        (&json!("quarantined"), &json!(5)),
        "{shown}"
    );
    assert!(shown["quarantine"]["reason"].as_str().unwrap().contains("halt_cpu"), "{shown}");
    assert_eq!(shown["quarantinedConnections"][0]["connection"], json!(rogue), "{shown}");
    let connection = get(&host, &format!("/api/connections/{rogue}")).await;
    assert_eq!(connection["status"], "quarantined", "{connection}");
    let events = get(&host, "/api/connectors/rogue/events").await;
    let kinds: Vec<&Value> = events["events"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["quarantined", "quarantined"], "{events}");
    assert!(events.to_string().contains("cpu-ms"), "its own connection's event has the halt's sentence");
    logged(&host, &["ERROR", "quarantine", "rogue", "0.1.0"]).await;

    let end = host.run(&json!({ "id": "n1", "event": "note.made", "note": "hello" })).await;
    assert_eq!(end["state"], "done", "{end}");
    assert_eq!(wall.zapier.runs().len(), 1);

    released(&host, &rogue).await;
}

/// Beside the running `serve`.
async fn released(host: &Host, rogue: &str) {
    let folder = host.folder.path();
    let shown = jackfield_json(folder, &["inspect", "rogue"]);
    assert_eq!(
        (&shown["status"], &shown["events"][0]["kind"]),
        (&json!("quarantined"), &json!("quarantined"))
    );
    let list = jackfield(folder, &["list"]);
    assert!(String::from_utf8_lossy(&list.stdout).contains("QUARANTINED"), "{list:?}");
    let lifted = jackfield_json(folder, &["release", "rogue"]);
    assert_eq!(
        (&lifted["wholeVersion"], &lifted["connections"]),
        (&json!(true), &json!([rogue])),
        "{lifted}"
    );
    let again = jackfield(folder, &["release", "rogue"]);
    assert!(again.status.success() && String::from_utf8_lossy(&again.stdout).contains("nothing to lift"));
    logged(host, &["INFO", "released", "rogue"]).await;

    let path = format!("/api/connections/{rogue}");
    let harmless = json!({ "settings": { "attack": "none" } });
    let (status, _) = host.client.call("PATCH", &path, Some(&harmless)).await;
    assert_eq!(status, 200);
    let (status, works) = probe(host, rogue).await;
    assert_eq!((status, &works["ok"]), (200, &json!(true)), "{works}");
    assert_eq!(get(host, "/api/connectors/rogue").await["status"], "active");
    let connection = get(host, &path).await;
    assert_eq!((&connection["status"], &connection["quarantine"]), (&json!("active"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shutdown_still_puts_into_quarantine_is_in_the_log() {
    let wall = Wall::start().await;
    let config = "\n[quarantine]\nstrikes = 1\n\n[limits.sulker]\ndeadline-ms = 3000\n\n[limits.\"not-there\"]\ncpu-ms = 1\n";
    let mut host = Host::start_with(&wall.overrides(), config);
    logged(&host, &["WARN", "`not-there`", "not installed"]).await;
    let guest = root().join("tests/hostile/guests/sulker");
    let installed = jackfield(host.folder.path(), &["install", guest.to_str().unwrap(), "--yes"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let body = json!({
        "connector": "sulker", "credentials": { "accessToken": "t" }, "settings": { "mood": "spin" }
    });
    let sulker = host.connect(body).await;
    host.post(&json!({ "id": "n1", "event": "note.made", "data": {} })).await;
    let began = std::time::Instant::now();
    while get(&host, "/api/events/n1").await["operations"][0]["state"] != "running" {
        assert!(began.elapsed() < PATIENCE, "it does not start");
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    host.stop();
    let log = std::fs::read_to_string(host.log()).unwrap();
    let (before, after) = log.split_once("stopping").unwrap();
    assert!(!before.contains("quarantined:"), "it was to happen in the drain: {before}");
    let line = after.lines().find(|line| line.contains("quarantined:") && line.contains(&sulker));
    assert!(line.is_some(), "not logged: {after}");
}

/// The host's own store, as another process would have it open.
async fn store_of(host: &Host) -> store::Store {
    let (clock, ids) = (Arc::new(model::SystemClock), Arc::new(model::SystemIds));
    let path = host.folder.path().join("jackfield.db");
    store::Store::open(store::Options { path, clock, ids }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_during_a_quarantine_are_held_across_a_restart_and_delivered_after_it() {
    let wall = Wall::start().await;
    let mut host = Host::start(&wall.overrides());
    let settings = json!({ "settings": { "events": ["note.made"] } });
    let zapier = host.connect(wall.connection("zapier", &settings)).await;
    let store = store_of(&host).await;
    let digest = store.connector("zapier").await.unwrap().unwrap().digest;
    for _ in 0..5 {
        let (code, reason) = ("halt_trap".to_owned(), "halted by a trap".to_owned());
        let strike = store::Strike { code, reason, waits_ms: vec![60_000], most: 5 };
        let began = model::Clock::now(&model::SystemClock);
        let end = store::CallEnd { digest: digest.clone(), began, strike: Some(strike) };
        store.call_ended(&zapier.as_str().into(), end).await.unwrap();
    }
    let note = |n: u32| json!({ "id": format!("n{n}"), "event": "note.made", "n": n });
    let held = host.run(&note(1)).await;
    assert_eq!((&held["state"], &held["operations"][0]["state"]), (&json!("held"), &json!("held")), "{held}");
    assert_eq!(held["operations"][0]["error"]["code"], "connector_quarantined", "{held}");
    host.stop();
    host.serve();
    assert_eq!(host.run(&note(2)).await["state"], "held");
    assert_eq!(wall.zapier.runs().len(), 0);

    let lifted = jackfield(host.folder.path(), &["release", "zapier"]);
    assert!(lifted.status.success(), "{}", String::from_utf8_lossy(&lifted.stderr));
    let said = String::from_utf8_lossy(&lifted.stdout).into_owned();
    assert!(said.contains("operations that waited for the quarantine go on now"), "{said}");
    let began = std::time::Instant::now();
    while wall.zapier.runs().len() < 2 {
        assert!(began.elapsed() < PATIENCE, "nothing goes on");
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    for event in ["n1", "n2"] {
        let done = host.settled(event).await;
        assert_eq!(done["state"], "done", "{done}");
        assert_eq!(
            done["operations"][0]["attempts"].as_array().unwrap().len(),
            1,
            "nothing was started: {done}"
        );
    }
    store.close().await.unwrap();
}
