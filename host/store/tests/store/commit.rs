//! What is acknowledged is committed, and one bad call among many hurts only itself.

use std::sync::Arc;

use crate::support::{Bench, START, event, open};
use futures::future::join_all;
use model::{SeededIds, TestClock};
use store::{NewEvent, Options, Store, StoreError};

fn too_long() -> NewEvent {
    event(Some(&"x".repeat(129)))
}

#[tokio::test]
async fn one_bad_call_in_a_shared_commit_is_refused_alone() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let calls = (0..50).map(|n| {
        let bad = n % 10 == 3;
        let batch = vec![event(Some(&format!("e{n}"))), if bad { too_long() } else { event(None) }];
        bench.store.record_events(&org, batch)
    });
    for (n, end) in join_all(calls).await.into_iter().enumerate() {
        let kept = bench.store.event(&org, &format!("e{n}")).await.unwrap().is_some();
        assert_eq!(end.is_err(), n % 10 == 3, "{n}: {end:?}");
        assert_eq!(kept, end.is_ok(), "{n}");
        assert!(end.is_ok() || matches!(end, Err(StoreError::Invalid(_))));
    }
    assert_eq!(bench.store.counts().await.unwrap().unplanned, 90);
}

#[tokio::test]
async fn a_batch_with_one_bad_event_is_refused_whole() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let mut batch: Vec<NewEvent> = (0..1_000).map(|n| event(Some(&format!("e{n}")))).collect();
    batch[999] = too_long();
    let refused = bench.store.record_events(&org, batch.clone()).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    assert_eq!(bench.store.counts().await.unwrap().unplanned, 0);
    batch[999] = event(None);
    assert_eq!(bench.store.record_events(&org, batch.clone()).await.unwrap().len(), 1_000);
    batch.push(event(None));
    let refused = bench.store.record_events(&org, batch).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn an_acknowledged_event_is_seen_by_another_connection_at_once() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let other = bench.another(2).await;
    let calls = (0..100).map(|n| {
        let (store, other, org) = (bench.store.clone(), other.clone(), org.clone());
        async move {
            let id = format!("e{n}");
            store.record_events(&org, vec![event(Some(&id))]).await.unwrap();
            assert!(other.event(&org, &id).await.unwrap().is_some(), "{id} was acknowledged too early");
        }
    });
    join_all(calls).await;
}

#[tokio::test]
async fn readers_see_a_batch_whole_or_not_at_all() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let (store, writing) = (bench.store.clone(), org.clone());
    let writer = tokio::spawn(async move {
        for _ in 0..20 {
            let batch = (0..100).map(|_| event(None)).collect();
            store.record_events(&writing, batch).await.unwrap();
        }
    });
    while !writer.is_finished() {
        let seen = bench.store.counts().await.unwrap().unplanned;
        assert_eq!(seen % 100, 0, "half a commit was seen");
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert_eq!(bench.store.counts().await.unwrap().unplanned, 2_000);
}

#[tokio::test]
async fn a_second_process_writes_to_the_file_while_the_first_serves() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    bench.store.begin_serving().await.unwrap();
    let other = bench.another(2).await;
    let events =
        (0..200).map(|n| bench.store.record_events(&org, vec![event(Some(&format!("e{n}")))]).boxed());
    let orgs = (0..20).map(|n| {
        let other = other.clone();
        async move { other.create_org(&format!("org {n}")).await.map(|_| Vec::new()) }.boxed()
    });
    for end in join_all(events.chain(orgs)).await {
        end.unwrap();
    }
    let made = other.create_org("last").await.unwrap();
    assert_eq!(bench.store.org(&made.id).await.unwrap(), Some(made));
    other.close().await.unwrap();
    bench.store.record_events(&org, vec![event(None)]).await.unwrap();
}

use futures::FutureExt as _;

#[test]
fn a_process_that_dies_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(START));
    let path = folder.path().join("jackfield.db");
    let first = tokio::runtime::Runtime::new().unwrap();
    let (org, acknowledged) = first.block_on(async {
        let store = open(path.clone(), &clock, 1).await;
        let org = store.create_org("one").await.unwrap().id;
        let calls = (0..3_000).map(|n| {
            let (store, org) = (store.clone(), org.clone());
            async move {
                store.record_events(&org, vec![event(Some(&format!("e{n}")))]).await.map(|r| r[0].clone())
            }
        });
        let acknowledged: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        // Never closed: what the file and its log are now is what a killed process leaves.
        for end in ["", "-wal"] {
            std::fs::copy(format!("{}{end}", path.display()), folder.path().join(format!("left.db{end}")))
                .unwrap();
        }
        std::mem::forget(store);
        (org, acknowledged)
    });
    first.shutdown_background();
    let second = tokio::runtime::Runtime::new().unwrap();
    second.block_on(async {
        let store = open(folder.path().join("left.db"), &clock, 2).await;
        for recorded in acknowledged {
            let event =
                store.event(&org, &recorded.source_id).await.unwrap().expect("acknowledged, and lost");
            assert_eq!(event.id, recorded.id);
        }
        store.close().await.unwrap();
    });
}

#[tokio::test]
async fn a_closed_store_says_so_and_closing_twice_is_harmless() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    bench.store.close().await.unwrap();
    bench.store.close().await.unwrap();
    let end = bench.store.record_events(&org, vec![event(None)]).await;
    assert_eq!(end, Err(StoreError::Stopped));
    assert_eq!(bench.store.org(&org).await, Err(StoreError::Stopped));
    let log = std::fs::metadata(format!("{}-wal", bench.path().display())).map_or(0, |m| m.len());
    assert_eq!(log, 0, "the file alone is a whole backup");
}

#[tokio::test]
async fn a_file_that_cannot_be_a_database_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to look at".repeat(100)).unwrap();
    for path in [text, folder.path().join("no/such/folder.db"), folder.path().to_owned()] {
        let clock = Arc::new(TestClock::at(START));
        let options = Options { path: path.clone(), clock, ids: Arc::new(SeededIds::new(1)) };
        let end = Store::open(options).await.unwrap_err();
        assert!(matches!(&end, StoreError::Open { path: p, .. } if *p == path), "{end:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new().await;
    bench.org("one").await;
    for end in ["", "-wal", "-shm"] {
        let mode =
            std::fs::metadata(format!("{}{end}", bench.path().display())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{end}");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_not_touched() {
    let bench = Bench::new().await;
    bench.store.close().await.unwrap();
    let url = format!("sqlite://{}", bench.path().display());
    let mut conn = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::raw_sql("INSERT INTO migration VALUES (99, 'later', 0)").execute(&mut conn).await.unwrap();
    sqlx::Connection::close(conn).await.unwrap();
    let clock = Arc::new(TestClock::at(START));
    let options = Options { path: bench.path(), clock, ids: Arc::new(SeededIds::new(1)) };
    let end = Store::open(options).await.unwrap_err();
    assert_eq!(end, StoreError::Newer { found: 99, known: 2 });
}

#[tokio::test]
async fn two_processes_that_start_together_make_one_schema() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(START));
    let stores = join_all((0..4).map(|n| open(folder.path().join("new.db"), &clock, n))).await;
    let org = stores[0].create_org("one").await.unwrap();
    for store in &stores {
        assert!(store.org(&org.id).await.unwrap().is_some());
    }
}
