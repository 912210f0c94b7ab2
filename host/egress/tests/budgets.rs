//! limit: the provider's budgets are kept, per connection, and corrected by what the provider says.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Keys, World, answer, get, manifest, ok, post};
use egress::{Lane, Refusal, Throttled};
use serde_json::{Value, json};
use tokio::time::Instant;

const URL: &str = "https://api.example.com/v1/x";

fn lane(world: &World, connection: &str, more: Value) -> Lane {
    world.lane_of(connection, manifest(more), Keys::none(), |_| {})
}

fn limited(result: Result<egress::Response, Refusal>) -> (u64, String) {
    match result {
        Err(Refusal::RateLimited { retry_after_ms: Some(ms), bucket: Some(bucket) }) => (ms, bucket),
        other => panic!("not limited: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_turn_in_order() {
    let world = World::new(|_| ok());
    let lane = lane(&world, "c", json!({ "rate": [{ "bucket": "ten", "limit": "2/10s" }] }));
    let start = Instant::now();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let all = (0..4).map(|i| {
        let (lane, order) = (lane.clone(), Arc::clone(&order));
        async move {
            lane.send(get(URL)).await.unwrap();
            order.lock().unwrap().push((i, start.elapsed().as_secs()));
        }
    });
    futures::future::join_all(all).await;
    let order = order.lock().unwrap().clone();
    assert_eq!(order.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 0, 10, 10]);
    assert!(order[..2].iter().all(|(i, _)| *i < 2), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_turn_after_the_deadline_is_refused_at_once() {
    let world = World::new(|_| ok());
    let lane = lane(&world, "c", json!({ "rate": [{ "bucket": "minute", "limit": "1/1m" }] }));
    lane.send(get(URL)).await.unwrap();
    let start = Instant::now();
    let (ms, bucket) = limited(lane.send(get(URL)).await);
    assert_eq!((ms, bucket.as_str()), (60_000, "minute"));
    assert_eq!(start.elapsed(), Duration::ZERO, "it does not wait in vain");
    assert_eq!(world.book.last().refusal.unwrap(), "rate-limited: rate limited by the budget `minute`");
    assert_eq!(world.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn budgets_belong_to_one_connection() {
    let world = World::new(|_| ok());
    let more = json!({ "rate": [{ "bucket": "minute", "limit": "1/1m" }] });
    lane(&world, "a", more.clone()).send(get(URL)).await.unwrap();
    lane(&world, "b", more.clone()).send(get(URL)).await.unwrap();
    limited(lane(&world, "a", more).send(get(URL)).await);
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_against_every_rule_it_matches() {
    let world = World::new(|_| ok());
    let lane = lane(
        &world,
        "c",
        json!({ "rate": [
        { "bucket": "all", "limit": "3/1h" },
        { "bucket": "writes", "limit": "1/1h", "methods": ["POST"] },
        { "bucket": "search", "limit": "1/1h", "paths": ["/v1/search/*"], "except": ["/v1/search/free"] },
    ] }),
    );
    let post = || post(URL, "text/plain", "x");
    lane.send(post()).await.unwrap();
    assert_eq!(limited(lane.send(post()).await).1, "writes");
    lane.send(get("https://api.example.com/v1/search/a")).await.unwrap();
    assert_eq!(limited(lane.send(get("https://api.example.com/v1/search/b")).await).1, "search");
    lane.send(get("https://api.example.com/v1/search/free")).await.unwrap();
    assert_eq!(limited(lane.send(get(URL)).await).1, "all");
}

#[tokio::test(start_paused = true)]
async fn a_development_rate_replaces_the_manifests() {
    let world = World::with(
        |_| ok(),
        |o| {
            o.rates.insert("example".into(), "100000/1s".parse().unwrap());
        },
    );
    let lane = lane(&world, "c", json!({ "rate": [{ "bucket": "hour", "limit": "1/1h" }] }));
    for _ in 0..20 {
        lane.send(get(URL)).await.unwrap();
    }
    let strict = World::with(
        |_| ok(),
        |o| {
            o.rates.insert("example".into(), "1/1h".parse().unwrap());
            o.rates.insert("another".into(), "100/1s".parse().unwrap());
        },
    );
    let lane = strict.lane(Keys::none());
    lane.send(get(URL)).await.unwrap();
    assert_eq!(limited(lane.send(get(URL)).await).1, "example");
}

#[tokio::test(start_paused = true)]
async fn the_providers_own_count_corrects_the_budget_downwards() {
    let world = World::new(|_| answer(200, &[("x-left", "0"), ("x-window", "10000")], ""));
    let more = json!({
        "rate": [{ "bucket": "ten", "limit": "100/10s" }],
        "rate-headers": { "bucket": "ten", "remaining": "X-Left", "window-ms": "X-Window" },
    });
    let lane = lane(&world, "c", more);
    let start = Instant::now();
    lane.send(get(URL)).await.unwrap();
    lane.send(get(URL)).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn foreign_counts_that_make_no_sense_are_ignored() {
    let calls = Arc::new(AtomicUsize::new(0));
    let junk = ["-1", "NaN", "", "1e9", "99999999999999999999999"];
    let world = World::new(move |_| {
        let n = calls.fetch_add(1, Ordering::SeqCst);
        answer(200, &[("x-left", junk[n % junk.len()]), ("x-reset", junk[n % junk.len()])], "")
    });
    let more = json!({
        "rate": [{ "bucket": "ten", "limit": "100/10s" }],
        "rate-headers": { "bucket": "ten", "remaining": "x-left", "reset-seconds": "x-reset" },
    });
    let lane = lane(&world, "c", more);
    let start = Instant::now();
    for _ in 0..10 {
        lane.send(get(URL)).await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_429_is_seen_by_the_host_and_holds_the_connection_back() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let world = World::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => answer(429, &[("retry-after", "7")], ""),
        _ => ok(),
    });
    let lane = lane(&world, "c", json!({}));
    let start = Instant::now();
    assert_eq!(lane.send(get(URL)).await.unwrap().status, 429);
    assert_eq!(
        lane.observed().throttled,
        Some(Throttled { retry_after_ms: Some(7_000), bucket: Some("unlimited".into()) })
    );
    lane.send(get(URL)).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_429_without_a_usable_time_holds_nothing_back() {
    for text in ["-1", "1e99", "soon", "Fri, 20 Nov 2020 10:00:00 GMT"] {
        let world = World::new(move |_| answer(429, &[("retry-after", text)], ""));
        let lane = lane(&world, "c", json!({}));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(lane.send(get(URL)).await.unwrap().status, 429);
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "{text}");
        assert_eq!(lane.observed().throttled.unwrap().retry_after_ms, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_years_is_cut_to_an_hour() {
    let world = World::new(|_| answer(429, &[("retry-after", "99999999999")], ""));
    let lane = lane(&world, "c", json!({ "rate": [{ "bucket": "ten", "limit": "100/10s" }] }));
    lane.send(get(URL)).await.unwrap();
    let (ms, bucket) = limited(lane.send(get(URL)).await);
    assert_eq!((ms, bucket.as_str()), (3_600_000, "ten"));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_256_requests_wait() {
    let world = World::new(|_| ok());
    let more = json!({ "rate": [{ "bucket": "tiny", "limit": "1/1ms" }] });
    let lane = world.lane_of("c", manifest(more), Keys::none(), |o| o.limits.requests = 1_000);
    let all = futures::future::join_all((0..400).map(|_| lane.send(get(URL)))).await;
    let refused = all.iter().filter(|r| matches!(r, Err(Refusal::RateLimited { .. }))).count();
    assert!((1..=400 - 256).contains(&refused), "{refused}");
}
