//! SIGTERM: what is in flight when an operator stops a host.

use std::time::Duration;

use providers::Fault;
use serde_json::{Value, json};

use crate::support::{Host, PATIENCE, Wall};

/// Longer than any journey.
const FOR_EVER: Duration = Duration::from_secs(600);

fn lead(n: u32) -> Value {
    let data =
        json!({ "leadId": format!("l{n}"), "name": "Ann Lee", "email": format!("ann{n}@example.com") });
    json!({ "event": "lead.captured", "data": data })
}

/// Waits until the fake has been asked `n` times.
async fn asked(wall: &Wall, n: u64) {
    let began = std::time::Instant::now();
    while wall.hubspot.journal().count() < n {
        assert!(began.elapsed() < PATIENCE, "nobody asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_a_provider_hangs_is_quick_and_counts_no_crash() {
    let wall = Wall::start().await;
    let mut host = Host::start(&wall.overrides());
    host.connect(wall.connection("hubspot", &json!({}))).await;
    for round in 0..3_u32 {
        let before = wall.hubspot.journal().count();
        wall.hubspot.faults().at_random(1, 1000, vec![Fault::Hang(FOR_EVER)]);
        if round == 0 {
            host.post(&json!([{ "id": "slow", "event": "lead.captured", "data": lead(0)["data"] }])).await;
        }
        asked(&wall, before + 1).await;
        let took = host.stop();
        assert!(took < Duration::from_secs(10), "{took:?}: `docker stop` would have killed it");
        wall.hubspot.faults().clear();
        if round < 2 {
            wall.hubspot.faults().at_random(1, 1000, vec![Fault::Hang(FOR_EVER)]);
        }
        host.serve();
    }
    let end = host.settled("slow").await;
    assert_eq!(end["state"], "done", "three stops are no three crashes: {end}");
    let outcomes: Vec<_> = end["operations"][0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["error"]["code"].clone())
        .collect();
    assert_eq!(outcomes[..3], [json!("stopped"), json!("stopped"), json!("stopped")]);
    assert_eq!(wall.hubspot.contacts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_switched_off_stays_off_whatever_a_test_says() {
    let wall = Wall::start().await;
    let host = Host::start(&wall.overrides());
    let wrong = json!({ "credentials": { "accessToken": "journey-token-wrong" } });
    let id = host.connect(wall.connection("hubspot", &wrong)).await;
    let path = format!("/api/connections/{id}");
    let (status, _) = host.client.call("PATCH", &path, Some(&json!({ "status": "disabled" }))).await;
    assert_eq!(status, 200);
    let (_, tested) = host.client.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested["ok"], false, "{tested}");
    let (_, now) = host.client.call("GET", &path, None).await;
    assert_eq!(now["status"], "disabled", "{now}");
}
