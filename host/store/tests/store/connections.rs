//! What a connection's life means for its jobs, and what belongs to it.

use crate::support::{Bench, START, connector, done, job, names, new_connection, person};
use model::ExchangeId;
use serde_json::json;
use std::collections::BTreeMap;
use store::{ConnectionPatch, ConnectionStatus, Described, Exchange, Fate, JobState, Message, StoreError};

fn credential() -> ConnectionPatch {
    ConnectionPatch { credential: Some(("api-key".to_owned(), b"new".to_vec())), ..Default::default() }
}

fn exchange(bench: &Bench, org: &model::OrgId, con: &model::ConnectionId, n: u64) -> Exchange {
    bench.clock.advance(1);
    Exchange {
        id: ExchangeId(format!("x{n:06}")),
        org: org.clone(),
        connection: con.clone(),
        job: None,
        started_at: START,
        ms: 3,
        method: "GET".to_owned(),
        url: "https://api.example.invalid/v1".to_owned(),
        status: Some(200),
        refusal: None,
        request: Message::default(),
        response: Some(Message { body: Some("{}".to_owned()), body_size: 2, ..Message::default() }),
    }
}

#[tokio::test]
async fn held_jobs_go_on_with_a_new_credential() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &[], &[]), job(&con, "b", &[], &[])]).await;
    let first = bench.claim(1).await.remove(0);
    let mut settlement = bench.settlement(&first, Fate::Held { error: json!({ "code": "reconnect" }) });
    settlement.connection_status = Some((ConnectionStatus::ReconnectRequired, "it answered 401".to_owned()));
    assert_eq!(bench.store.settle(vec![settlement]).await.unwrap(), [true]);
    let now = bench.store.connection(&org, &con).await.unwrap().unwrap();
    assert_eq!(
        (now.status, now.status_reason.as_deref()),
        (ConnectionStatus::ReconnectRequired, Some("it answered 401"))
    );
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.held, counts.queued), (1, 1), "the other one stays in the queue");
    assert!(bench.claim(10).await.is_empty(), "and is not tried");
    assert_eq!(bench.store.next_due().await.unwrap(), None);
    bench.clock.advance(1_000);
    let now = bench.store.update_connection(&org, &con, credential()).await.unwrap().unwrap();
    assert_eq!(
        (now.status, now.status_reason, now.credential_kind.as_deref()),
        (ConnectionStatus::Active, None, Some("api-key"))
    );
    assert_eq!(
        bench.store.sealed_credential(&con).await.unwrap(),
        Some(("api-key".to_owned(), b"new".to_vec()))
    );
    assert_eq!(names(&bench.claim(10).await), ["b", "a"]);
}

#[tokio::test]
async fn what_an_old_credential_was_refused_is_no_news_once_there_is_a_new_one() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &[], &[])]).await;
    let old = bench.claim_one().await;
    bench.clock.advance(1_000);
    bench.store.update_connection(&org, &con, credential()).await.unwrap();
    let mut settlement = bench.settlement(&old, Fate::Held { error: json!({ "code": "reconnect" }) });
    settlement.connection_status = Some((ConnectionStatus::ReconnectRequired, "401".to_owned()));
    assert_eq!(bench.store.settle(vec![settlement]).await.unwrap(), [true]);
    let now = bench.store.connection(&org, &con).await.unwrap().unwrap();
    assert_eq!(now.status, ConnectionStatus::Active);
    assert_eq!(bench.claim_one().await.attempts, 1, "it is tried with the new one");
}

#[tokio::test]
async fn a_connection_that_is_switched_off_keeps_its_jobs_until_it_is_on_again() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let set = |status| ConnectionPatch { status: Some(status), ..Default::default() };
    bench.store.update_connection(&org, &con, set(ConnectionStatus::Disabled)).await.unwrap();
    bench.plan(&org, vec![job(&con, "a", &[], &[])]).await;
    bench.store.begin_serving().await.unwrap();
    assert!(bench.claim(10).await.is_empty());
    assert_eq!(bench.store.next_due().await.unwrap(), None);
    bench.store.update_connection(&org, &con, set(ConnectionStatus::Active)).await.unwrap();
    assert_eq!(bench.claim_one().await.operation, "a");
}

#[tokio::test]
async fn only_what_a_patch_names_is_changed() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let made = bench.store.connection(&org, &con).await.unwrap().unwrap();
    let mapping = BTreeMap::from([("callerName".to_owned(), "firstname,lastname".to_owned())]);
    let patch = ConnectionPatch { field_mapping: Some(Some(mapping.clone())), ..Default::default() };
    let now = bench.store.update_connection(&org, &con, patch).await.unwrap().unwrap();
    assert_eq!(now, store::Connection { field_mapping: Some(mapping.clone()), ..made.clone() });
    let patch =
        ConnectionPatch { name: Some("new".to_owned()), settings: Some(json!({})), ..Default::default() };
    let now = bench.store.update_connection(&org, &con, patch).await.unwrap().unwrap();
    assert_eq!((now.name.as_str(), &now.settings, &now.field_mapping), ("new", &json!({}), &Some(mapping)));
    let patch = ConnectionPatch { field_mapping: Some(None), ..Default::default() };
    let now = bench.store.update_connection(&org, &con, patch).await.unwrap().unwrap();
    assert_eq!((now.field_mapping, now.sync_settings), (None, made.sync_settings));
    bench.store.set_account(&con, &json!({ "portal": 7 })).await.unwrap();
    let now = bench.store.connection_for_job(&con).await.unwrap().unwrap();
    assert_eq!(now.account, Some(json!({ "portal": 7 })));
    let (stranger, _) = bench.org("two").await;
    assert_eq!(bench.store.update_connection(&stranger, &con, credential()).await.unwrap(), None);
    assert!(!bench.store.delete_connection(&stranger, &con).await.unwrap());
}

#[tokio::test]
async fn a_deleted_connection_takes_everything_with_it_but_the_history() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let plan = ["a", "b"].map(|name| job(&con, name, &["lead:1"], &[]));
    let event = bench.plan(&org, plan.into()).await;
    let running = bench.claim_one().await;
    bench.store.record_exchange(exchange(&bench, &org, &con, 1));
    bench.store.cache_put(&con, "k", b"v".to_vec(), 1_000_000).await.unwrap();
    assert!(bench.store.delete_connection(&org, &con).await.unwrap());
    assert!(!bench.settle(&running, done("501")).await);
    bench.store.record_exchange(exchange(&bench, &org, &con, 2));
    bench.store.flush_exchanges().await.unwrap();
    assert_eq!(bench.store.exchanges(&org, &con, None, 10).await.unwrap(), []);
    assert_eq!(bench.store.link(&con, &person("lead:1")).await.unwrap(), None);
    assert_eq!(bench.store.cache_get(&con, "k").await.unwrap(), None);
    bench.store.cache_put(&con, "k", b"v".to_vec(), 1_000_000).await.unwrap();
    for (job, _) in bench.store.jobs_of_event(&org, &event).await.unwrap() {
        assert_eq!(
            (job.state, job.error.unwrap()["code"].as_str()),
            (JobState::Failed, Some("connection_deleted"))
        );
    }
    // What is planned for it afterwards fails too, and says so.
    let late = bench.plan(&org, vec![job(&con, "late", &["lead:1"], &[])]).await;
    let (job, _) = bench.store.jobs_of_event(&org, &late).await.unwrap().remove(0);
    assert_eq!(
        (job.state, job.error.unwrap()["code"].as_str()),
        (JobState::Failed, Some("connection_deleted"))
    );
    assert_eq!(bench.store.counts().await.unwrap().failed, 3);
    assert!(bench.claim(10).await.is_empty());
    assert!(!bench.store.delete_connection(&org, &con).await.unwrap());
}

#[tokio::test]
async fn a_connector_in_use_is_not_uninstalled() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    assert_eq!(bench.store.delete_connector("crm").await, Err(StoreError::InUse(1)));
    assert!(bench.store.delete_connection(&org, &con).await.unwrap());
    assert!(bench.store.delete_connector("crm").await.unwrap());
    assert!(!bench.store.delete_connector("crm").await.unwrap());
    assert_eq!(bench.store.component("sha256:crm").await.unwrap(), None, "its bytes go with it");
    let end = bench.store.create_connection(new_connection(&org, "c2")).await;
    assert!(matches!(end, Err(StoreError::Missing(_))), "{end:?}");
}

#[tokio::test]
async fn a_new_version_replaces_a_connector_and_keeps_its_connections() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let mut next = connector("crm");
    (next.version, next.digest) = ("2.0.0".to_owned(), "sha256:crm2".to_owned());
    bench.store.put_connector(&next, b"more".to_vec()).await.unwrap();
    assert_eq!(bench.store.connectors().await.unwrap(), [next.clone()]);
    assert_eq!(bench.store.connector("crm").await.unwrap(), Some(next));
    assert_eq!(bench.store.component("sha256:crm2").await.unwrap(), Some(b"more".to_vec()));
    assert_eq!(bench.store.component("sha256:crm").await.unwrap(), None);
    assert!(bench.store.connection(&org, &con).await.unwrap().is_some());
}

#[tokio::test]
async fn connections_are_listed_in_pages_of_their_organization_alone() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("a").await;
    bench.org("b").await;
    for n in 0..5 {
        bench.connect(&org, &format!("d{n}")).await;
    }
    let page = bench.store.connections(&org, None, 4).await.unwrap();
    let ids: Vec<_> = page.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["con-a", "d0", "d1", "d2"]);
    let rest = bench.store.connections(&org, Some("d2"), 100).await.unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(bench.store.connections_of(&org).await.unwrap().len(), 6);
}

#[tokio::test]
async fn the_newest_thousand_exchanges_of_a_connection_are_kept() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let (_, quiet) = bench.org("two").await;
    let quiet_org = bench.store.connection_for_job(&quiet).await.unwrap().unwrap().org;
    bench.store.record_exchange(exchange(&bench, &quiet_org, &quiet, 999_999));
    for n in 0..3_000 {
        bench.store.record_exchange(exchange(&bench, &org, &con, n));
        if n % 500 == 0 {
            bench.store.flush_exchanges().await.unwrap();
        }
    }
    bench.store.flush_exchanges().await.unwrap();
    assert_eq!(bench.store.exchanges_dropped(), 0);
    let newest = bench.store.exchanges(&org, &con, None, 1_000).await.unwrap();
    assert_eq!((newest.len(), newest[0].id.as_str(), newest[999].id.as_str()), (1_000, "x002999", "x002000"));
    let older = bench.store.exchanges(&org, &con, Some("x002000"), 1_000).await.unwrap();
    assert!(older.len() < 64, "{} more than the thousand", older.len());
    assert_eq!(bench.store.exchanges(&quiet_org, &quiet, None, 10).await.unwrap().len(), 1);
    let one = bench.store.exchange(&org, &newest[0].id).await.unwrap().unwrap();
    assert_eq!(one, newest[0]);
    assert_eq!(bench.store.exchange(&quiet_org, &newest[0].id).await.unwrap(), None, "whose it is decides");
}

#[tokio::test]
async fn exchanges_that_do_not_fit_are_dropped_and_counted_and_nobody_waits() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    // On this single thread the writer gets no turn meanwhile.
    for n in 0..5_000 {
        bench.store.record_exchange(exchange(&bench, &org, &con, n));
    }
    assert_eq!(bench.store.exchanges_dropped(), 5_000 - 4_096);
    bench.store.flush_exchanges().await.unwrap();
    bench.store.record_exchange(exchange(&bench, &org, &con, 5_001));
    bench.store.flush_exchanges().await.unwrap();
    assert_eq!(bench.store.exchanges(&org, &con, None, 1).await.unwrap()[0].id.as_str(), "x005001");
}

#[tokio::test]
async fn the_cache_is_bounded_and_forgets_in_time() {
    let bench = Bench::new().await;
    let (_, con) = bench.org("one").await;
    bench.store.cache_put(&con, "token", b"1".to_vec(), 1_000).await.unwrap();
    bench.store.cache_put(&con, "token", b"2".to_vec(), 1_000).await.unwrap();
    assert_eq!(bench.store.cache_get(&con, "token").await.unwrap(), Some(b"2".to_vec()));
    bench.clock.advance(1_000);
    assert_eq!(bench.store.cache_get(&con, "token").await.unwrap(), None);
    for n in 0..1_002_i64 {
        bench.store.cache_put(&con, &format!("k{n}"), vec![0], 1_000_000 + n).await.unwrap();
    }
    assert_eq!(bench.store.cache_get(&con, "k0").await.unwrap(), None);
    assert_eq!(bench.store.cache_get(&con, "k1").await.unwrap(), None);
    assert!(bench.store.cache_get(&con, "k2").await.unwrap().is_some());
    // The newest stays, even if it expires first.
    bench.store.cache_put(&con, "short", vec![1], 5).await.unwrap();
    assert!(bench.store.cache_get(&con, "short").await.unwrap().is_some());
    for (key, value) in [("x".repeat(257), vec![]), ("x".to_owned(), vec![0; 65_537])] {
        let end = bench.store.cache_put(&con, &key, value, 1_000).await;
        assert!(matches!(end, Err(StoreError::Invalid(_))), "{end:?}");
    }
}

#[tokio::test]
async fn what_was_described_and_the_facts_of_the_installation_stay() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let described = Described { object: "contact".to_owned(), schema: json!({ "fields": [] }), at: START };
    bench.store.put_described(&con, &described).await.unwrap();
    assert_eq!(bench.store.described(&con, "contact").await.unwrap(), Some(described));
    assert_eq!(bench.store.described(&con, "deal").await.unwrap(), None);
    assert_eq!(bench.store.set_meta_if_absent("key", "a").await.unwrap(), "a");
    assert_eq!(bench.store.set_meta_if_absent("key", "b").await.unwrap(), "a");
    assert_eq!(bench.store.meta("key").await.unwrap().as_deref(), Some("a"));
    let scopes = ["events:write".to_owned()];
    let key = bench.store.create_key(&org, [7; 32], "jf_abc", &scopes).await.unwrap();
    assert_eq!(bench.store.key_by_hash(&[7; 32]).await.unwrap(), Some(key));
    assert_eq!(bench.store.key_by_hash(&[8; 32]).await.unwrap(), None);
    let end = bench.store.create_key(&"nobody".into(), [9; 32], "jf_x", &[]).await;
    assert!(matches!(end, Err(StoreError::Missing(_))), "{end:?}");
}
