//! SIGKILL, and what happens after the restart.

use std::time::Duration;

use providers::Fault;
use serde_json::json;

use crate::support::{Host, Wall};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_acknowledged_before_a_kill_is_performed_once_after_it() {
    let wall = Wall::start().await;
    let mut host = Host::start(&wall.overrides());
    host.connect(wall.connection("hubspot", &json!({}))).await;
    host.connect(wall.connection("zapier", &json!({}))).await;
    // Until the kill nobody answers and nothing is applied, so whatever is performed is performed after it.
    for (_, fake) in wall.fakes() {
        fake.faults().at_random(1, 1000, vec![Fault::Hang(Duration::from_secs(600))]);
    }
    let leads: Vec<_> = (0..20)
        .map(|n| json!({
            "id": format!("evt-{n}"), "event": "lead.captured",
            "data": { "leadId": format!("lead-{n}"), "name": format!("Person {n}"), "email": format!("p{n}@example.com") }
        }))
        .collect();
    let ids = host.post(&json!(leads)).await;
    host.kill();
    for (_, fake) in wall.fakes() {
        fake.faults().clear();
    }
    assert_eq!((wall.hubspot.contacts().len(), wall.zapier.runs().len()), (0, 0));

    host.serve();
    for id in &ids {
        let end = host.settled(id).await;
        assert_eq!(end["state"], "done", "{end}");
    }
    assert_eq!((wall.hubspot.contacts().len(), wall.zapier.runs().len()), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_kill_in_the_middle_loses_nothing_either() {
    let wall = Wall::start().await;
    let mut host = Host::start(&wall.overrides());
    host.connect(wall.connection("zapier", &json!({}))).await;
    let events: Vec<_> =
        (0..60).map(|n| json!({ "id": format!("e{n}"), "event": "note.made", "data": { "n": n } })).collect();
    let ids = host.post(&json!(events)).await;
    for wait in [30, 80] {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        host.kill();
        host.serve();
    }
    for id in &ids {
        assert_eq!(host.settled(id).await["state"], "done");
    }
    let mut seen: Vec<String> =
        wall.zapier.runs().iter().map(|r| r.payload["id"].as_str().unwrap().to_owned()).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 60);
}
