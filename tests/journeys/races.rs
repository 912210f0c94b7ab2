//! Many events at once that speak of one person.

use serde_json::{Value, json};

use crate::support::{Host, Wall, guide_mapping};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_leads_of_one_new_address_make_one_contact() {
    let wall = Wall::start().await;
    let host = Host::start(&wall.overrides());
    host.connect(wall.connection("hubspot", &json!({ "fieldMapping": guide_mapping() }))).await;
    let lead = |n: u32| {
        let email = if n.is_multiple_of(2) { "same@example.com" } else { " Same@Example.com" };
        let data = json!({ "leadId": format!("l{n}"), "name": "Ann Lee", "email": email });
        json!({ "id": format!("e{n}"), "event": "lead.captured", "data": data })
    };
    let posts: Vec<Value> = (0..50).map(lead).collect();
    futures::future::join_all(posts.iter().map(|event| host.post(event))).await;
    for n in 0..50 {
        let end = host.settled(&format!("e{n}")).await;
        assert_eq!(end["state"], "done", "{end}");
    }
    assert_eq!(wall.hubspot.contacts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_events_in_one_request_are_all_performed() {
    let wall = Wall::start().await;
    let host = Host::start(&wall.overrides());
    // The hook takes 30 a second, so it asks for every twentieth only.
    let asked = json!({ "settings": { "events": ["note.made"] } });
    host.connect(wall.connection("zapier", &asked)).await;
    let name = |n: u32| if n.is_multiple_of(20) { "note.made" } else { "note.read" };
    let events: Vec<Value> =
        (0..1_000).map(|n| json!({ "id": format!("e{n}"), "event": name(n), "n": n })).collect();
    let ids = host.post(&json!(events)).await;
    assert_eq!(ids.len(), 1_000);
    for id in &ids {
        let end = host.settled(id).await;
        assert_eq!(end["state"], "done", "{end}");
    }
    assert_eq!(wall.zapier.runs().len(), 50);
}
