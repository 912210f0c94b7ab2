//! Guests that catch every refusal and go on: something they cannot catch ends them.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hostile::{Act, Arena};
use sandbox::Halt;
use serde_json::json;

use crate::GOOD;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_requests_are_halted_after_the_first_few() {
    let arena = Arena::new().await;
    let seat = arena.seat("many").limited(|l| l.http_requests = Some(20));
    let seat = seat.with("asks", json!([{ "url": GOOD }])).with("times", 100_000);
    let halt = seat.attack("again", "").await.expect_err("it was not stopped");
    assert!(matches!(halt, Halt::Bound { limit: "http-requests", most: 20, .. }), "{halt}");
    assert_eq!(arena.recorder.heard().matches("HTTP/1.1").count(), 20);
    let halt = seat.attack("unread-again", "").await.expect_err("it was not stopped");
    assert!(matches!(halt, Halt::Bound { limit: "http-requests", .. }), "{halt}");
    assert!(arena.recorder.heard().matches("HTTP/1.1").count() <= 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_asked_for_again_for_ever() {
    let arena = Arena::new().await;
    for url in ["https://evil.test/", "no url", "https://api.example.com/v1/../x"] {
        let seat = arena.seat("refused").limited(|l| l.http_requests = Some(1_000));
        let halt = seat.with("asks", json!([{ "url": url }])).attack("again", "").await;
        let halt = halt.expect_err("it was not stopped");
        assert!(matches!(halt, Halt::Bound { .. } | Halt::Cpu { .. }), "{url}: {halt}");
    }
    assert!(arena.dialled().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn short_requests_do_not_outlive_the_deadline() {
    let arena = Arena::new().await;
    arena.recorder.script(|_| vec![Act::Silence]);
    let seat = arena.seat("short").limited(|l| {
        l.deadline_ms = Some(600);
        l.http_requests = Some(1_000);
    });
    let began = Instant::now();
    let seat = seat.with("asks", json!([{ "url": GOOD, "timeoutMs": 20 }]));
    let halt = seat.attack("again", "").await.expect_err("it was not stopped");
    assert!(matches!(halt, Halt::Deadline { limit_ms: 600 }), "{halt}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(arena.recorder.open.load(Ordering::SeqCst), 0, "sockets are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_without_end_are_halted_at_the_number_of_handles() {
    let halt = Arena::new().await.attack("timers", "", "GET").await.expect_err("it was not stopped");
    assert!(matches!(halt, Halt::Bound { limit: "handles", .. }), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_hundred_thousand_things_at_once_is_halted() {
    let arena = Arena::new().await;
    let poll = |count: u32| arena.seat("polling").with("count", count);
    let halt = poll(100_000).attack("poll-many", "").await.expect_err("it was not stopped");
    assert!(matches!(halt, Halt::Bound { limit: "handles", .. }), "{halt}");
    let halt = poll(1_000).attack("poll-many", "").await.expect_err("it was not stopped");
    assert!(matches!(halt, Halt::Bound { .. } | Halt::Cpu { .. }), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_at_the_end_of_their_type_are_numbers() {
    let told = Arena::new().await.learned("far", "", "GET").await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["ready"], json!([false, false, false]));
    for told in told["told"].as_array().unwrap() {
        assert!(told.as_str().unwrap().starts_with("200"), "{told}");
    }
}
