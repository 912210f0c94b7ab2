//! Zapier's fake takes nearly anything, as Zapier does, but not too much of it.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod support;

use providers::zapier::Config;
use providers::{Fault, Limit, Zapier};
use serde_json::json;
use std::time::Duration;
use support::{Client, standing_still};

const HOOK: &str = "/hooks/catch/1234567/abcdefg/";

async fn hooks() -> (Zapier, Client) {
    let (settings, _) = standing_still();
    let fake = Zapier::start(Config { settings, ..Config::default() }).await.unwrap();
    let client = Client::without_token(&fake.url());
    (fake, client)
}

#[tokio::test]
async fn an_event_is_queued_as_a_run() {
    let (fake, client) = hooks().await;
    let answer = client.post(HOOK, json!({"id": "evt_1", "event": "call.ended"})).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &json!("success")));
    let mut names: Vec<&String> = answer.json.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["attempt", "id", "request_id", "status"]);
    assert_eq!(fake.runs()[0].payload["event"], "call.ended");
}

#[tokio::test]
async fn an_array_is_one_run_for_each_element() {
    let (fake, client) = hooks().await;
    client.post(HOOK, json!([{"id": "1"}, {"id": "2"}])).await;
    client
        .send("POST", &format!("{HOOK}?source=form"), "application/x-www-form-urlencoded", "id=3")
        .await
        .unwrap();
    let ids: Vec<_> = fake.runs().into_iter().map(|run| run.payload["id"].clone()).collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(fake.runs()[2].payload["source"], "form");
}

#[tokio::test]
async fn the_silent_variant_says_nothing() {
    let (fake, client) = hooks().await;
    let answer = client.post(&format!("{HOOK}silent/"), json!({"id": "1"})).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(fake.runs().len(), 1);
}

#[tokio::test]
async fn unknown_hooks_are_404_and_removed_ones_410() {
    let (fake, client) = hooks().await;
    assert_eq!(client.post("/hooks/catch/1/2/", json!({})).await.status, 404);
    assert_eq!(client.post("/hooks/elsewhere", json!({})).await.status, 404);
    fake.remove_hook("1234567", "abcdefg");
    assert_eq!(client.post(HOOK, json!({})).await.status, 410);
    assert!(fake.runs().is_empty());
}

#[tokio::test]
async fn more_than_ten_megabytes_are_413() {
    let (fake, client) = hooks().await;
    let body = format!("\"{}\"", "x".repeat(10 * 1024 * 1024));
    assert_eq!(client.send("POST", HOOK, "application/json", &body).await.unwrap().status, 413);
    assert!(fake.runs().is_empty());
    assert_eq!(client.send("POST", HOOK, "application/json", "{").await.unwrap().status, 400);
}

#[tokio::test]
async fn too_many_requests_are_429() {
    let (settings, clock) = standing_still();
    let per_hook = Limit::new(1, Duration::from_secs(1));
    let fake = Zapier::start(Config { settings, per_hook, ..Config::default() }).await.unwrap();
    let client = Client::without_token(&fake.url());
    assert_eq!(client.post(HOOK, json!({})).await.status, 200);
    assert_eq!(client.post(HOOK, json!({})).await.status, 429);
    clock.advance(Duration::from_secs(1));
    assert_eq!(client.post(HOOK, json!({})).await.status, 200);
}

#[tokio::test]
async fn a_failure_on_demand_queues_no_run() {
    let (fake, client) = hooks().await;
    fake.fail_next(1, Fault::Status(500));
    assert_eq!(client.post(HOOK, json!({})).await.status, 500);
    assert!(fake.runs().is_empty());
}
