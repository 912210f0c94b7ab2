//! Each event is taken once.

use crate::support::{Bench, START, event};
use futures::future::join_all;
use serde_json::json;
use std::time::Duration;
use store::{NewEvent, StoreError};

#[tokio::test]
async fn a_replayed_event_is_answered_with_the_first_ones_id() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let (other, _) = bench.org("two").await;
    let first = bench.store.record_events(&org, vec![event(Some("a"))]).await.unwrap().remove(0);
    assert!(!first.duplicate);
    let batch = vec![event(Some("b")), event(Some("a")), event(Some("b"))];
    let again = bench.store.record_events(&org, batch).await.unwrap();
    assert_eq!(again.iter().map(|r| r.duplicate).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(again[1].id, first.id);
    assert_eq!(again[2].id, again[0].id);
    // Another organization's ids are its own.
    let theirs = bench.store.record_events(&other, vec![event(Some("a"))]).await.unwrap().remove(0);
    assert!(!theirs.duplicate && theirs.id != first.id);
    assert_eq!(bench.store.counts().await.unwrap().unplanned, 3);
}

#[tokio::test]
async fn of_many_that_send_one_event_at_once_one_is_first() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let calls = (0..40).map(|_| bench.store.record_events(&org, vec![event(Some("same"))]));
    let ends: Vec<_> = join_all(calls).await.into_iter().map(|end| end.unwrap().remove(0)).collect();
    assert_eq!(ends.iter().filter(|r| !r.duplicate).count(), 1);
    assert!(ends.iter().all(|r| r.id == ends[0].id));
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_sent() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let sent = NewEvent {
        source_id: None,
        kind: "call.ended".to_owned(),
        occurred_at: Some(START.plus(-5)),
        label: Some("org_abc123".to_owned()),
        data: json!({ "summary": "naïve 🙂 \u{0} nul", "n": 1.5, "deep": [[[]]] }),
    };
    let recorded = bench.store.record_events(&org, vec![sent.clone()]).await.unwrap().remove(0);
    assert_eq!(recorded.source_id, recorded.id.0);
    let kept = bench.store.event(&org, &recorded.source_id).await.unwrap().unwrap();
    assert_eq!((&kept.kind, kept.occurred_at, &kept.label), (&sent.kind, START.plus(-5), &sent.label));
    assert_eq!((kept.data, kept.received_at, kept.planned), (sent.data, START, false));
    let (stranger, _) = bench.org("two").await;
    assert_eq!(bench.store.event(&stranger, &recorded.source_id).await.unwrap(), None);
}

#[tokio::test]
async fn events_are_planned_in_the_order_of_receipt_also_when_the_clock_stands_or_goes_back() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    for batch in 0..10 {
        let events = (0..30).map(|n| event(Some(&format!("{batch}-{n}")))).collect();
        bench.store.record_events(&org, events).await.unwrap();
        bench.clock.advance(-1_000);
    }
    // A new process goes on behind the last event of the old one.
    let other = bench.another(99).await;
    other.record_events(&org, vec![event(Some("last"))]).await.unwrap();
    let seen: Vec<_> = bench.store.unplanned(1_000).await.unwrap().into_iter().map(|e| e.source_id).collect();
    let sent: Vec<_> = (0..10).flat_map(|b| (0..30).map(move |n| format!("{b}-{n}"))).collect();
    assert_eq!(seen[..300], sent);
    assert_eq!(seen[300], "last");
    assert_eq!(bench.store.unplanned(7).await.unwrap().len(), 7);
}

#[tokio::test]
async fn a_nul_or_an_unknown_organization_is_a_clear_refusal() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let end = bench.store.record_events(&org, vec![event(Some("a\0b"))]).await;
    assert!(matches!(end, Err(StoreError::Invalid(_))), "{end:?}");
    let end = bench.store.record_events(&"nobody".into(), vec![event(None)]).await;
    assert!(matches!(end, Err(StoreError::Missing(_))), "{end:?}");
    assert!(bench.store.record_events(&org, Vec::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_event_rings_the_bell_after_its_commit() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    bench.store.record_events(&org, vec![event(Some("a"))]).await.unwrap();
    let ring = bench.store.wake().events.notified();
    tokio::time::timeout(Duration::from_secs(5), ring).await.expect("the bell rings");
    // A duplicate is nothing new.
    bench.store.record_events(&org, vec![event(Some("a"))]).await.unwrap();
    let ring = bench.store.wake().events.notified();
    assert!(tokio::time::timeout(Duration::from_millis(50), ring).await.is_err());
}
