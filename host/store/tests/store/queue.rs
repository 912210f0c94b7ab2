//! Jobs are planned once, claimed fairly and in order, and settled by the holder of the lease alone.

use crate::support::{Bench, LEASE, START, done, event, job, names, person};
use model::ConnectionId;
use serde_json::json;
use store::{Fate, JobState, StoreError};

#[tokio::test]
async fn an_event_is_planned_once() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let event = bench.store.record_events(&org, vec![event(None)]).await.unwrap().remove(0).id;
    assert!(bench.store.complete_plan(&event, vec![job(&con, "a", &[], &[])]).await.unwrap());
    assert!(!bench.store.complete_plan(&event, vec![job(&con, "b", &[], &[])]).await.unwrap());
    let jobs = bench.store.jobs_of_event(&org, &event).await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(
        (jobs[0].0.operation.as_str(), jobs[0].0.state, jobs[0].0.run_at),
        ("a", JobState::Queued, START)
    );
    assert_eq!(bench.store.unplanned(10).await.unwrap().len(), 0);
    let stranger = bench.store.create_org("two").await.unwrap().id;
    assert!(bench.store.jobs_of_event(&stranger, &event).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_plan_for_another_organizations_connection_is_refused_whole() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let (_, theirs) = bench.org("two").await;
    let event = bench.store.record_events(&org, vec![event(None)]).await.unwrap().remove(0).id;
    let plan = vec![job(&con, "a", &[], &[]), job(&theirs, "b", &[], &[])];
    let end = bench.store.complete_plan(&event, plan).await;
    assert!(matches!(end, Err(StoreError::Conflict(_))), "{end:?}");
    assert_eq!(bench.store.unplanned(10).await.unwrap().len(), 1);
    assert_eq!(bench.store.counts().await.unwrap().queued, 0);
    let mut wrong = job(&con, "c", &[], &[]);
    wrong.lane = 4;
    assert!(matches!(bench.store.complete_plan(&event, vec![wrong]).await, Err(StoreError::Invalid(_))));
}

#[tokio::test]
async fn a_settled_job_shows_its_receipt_and_its_attempts() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let event = bench.plan(&org, vec![job(&con, "a", &["lead:1"], &[])]).await;
    let claimed = bench.claim_one().await;
    assert_eq!((claimed.attempts, claimed.token, claimed.state), (1, 1, JobState::Running));
    let error = json!({ "code": "transient" });
    assert!(bench.settle(&claimed, Fate::Retry { at: START.plus(500), counts: true, error }).await);
    assert!(bench.claim(1).await.is_empty(), "not before its time");
    assert_eq!(bench.store.next_due().await.unwrap(), Some(START.plus(500)));
    bench.clock.advance(500);
    let again = bench.claim_one().await;
    assert_eq!((again.attempts, again.token), (2, 2));
    let mut settlement = bench.settlement(&again, done("501"));
    settlement.attempt.exchanges = vec!["x1".into(), "x2".into()];
    assert_eq!(bench.store.settle(vec![settlement]).await.unwrap(), [true]);
    let (job, attempts) = bench.store.jobs_of_event(&org, &event).await.unwrap().remove(0);
    assert_eq!((job.state, job.receipt, job.error), (JobState::Done, Some(json!({ "created": true })), None));
    assert_eq!(job.finished_at, Some(START.plus(500)));
    assert_eq!(attempts.iter().map(|a| a.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(attempts[1].exchanges, ["x1".into(), "x2".into()]);
    let link = bench.store.link(&con, &person("lead:1")).await.unwrap().unwrap();
    assert_eq!((link.remote_id.as_deref(), link.object.as_str()), (Some("501"), "contact"));
    assert_eq!(bench.store.next_due().await.unwrap(), None);
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.done, counts.queued, counts.running), (1, 0, 0));
}

#[tokio::test]
async fn a_stale_workers_result_is_discarded_whole() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let event = bench.plan(&org, vec![job(&con, "a", &["lead:1"], &[])]).await;
    let stale = bench.claim_one().await;
    bench.clock.advance(LEASE + 1);
    assert_eq!(bench.store.release_expired().await.unwrap(), 1);
    let fresh = bench.claim_one().await;
    assert_eq!(fresh.id, stale.id);
    assert_eq!(bench.store.renew(&[(stale.id.clone(), stale.token)], LEASE).await.unwrap(), []);
    let mut late = bench.settlement(&stale, done("stale"));
    late.connection_status = Some((store::ConnectionStatus::ReconnectRequired, "401".to_owned()));
    late.connection_wait_until = Some(START.plus(1_000_000));
    let on_time = bench.settlement(&fresh, done("fresh"));
    assert_eq!(bench.store.settle(vec![late, on_time]).await.unwrap(), [false, true]);
    let link = bench.store.link(&con, &person("lead:1")).await.unwrap().unwrap();
    assert_eq!(link.remote_id.as_deref(), Some("fresh"));
    let connection = bench.store.connection(&org, &con).await.unwrap().unwrap();
    assert_eq!(connection.status, store::ConnectionStatus::Active);
    let (job, attempts) = bench.store.jobs_of_event(&org, &event).await.unwrap().remove(0);
    let outcomes: Vec<_> = attempts.iter().map(|a| a.outcome.as_str()).collect();
    assert_eq!(outcomes, ["crashed", "done"]);
    assert_eq!((job.attempts, job.crashes), (1, 1), "a crash burns no try");
    assert!(!bench.settle(&fresh, done("twice")).await);
}

#[tokio::test]
async fn a_renewed_lease_does_not_expire() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &[], &[])]).await;
    let held = bench.claim_one().await;
    bench.clock.advance(LEASE - 1);
    let ours =
        bench.store.renew(&[(held.id.clone(), held.token), (held.id.clone(), 7)], LEASE).await.unwrap();
    assert_eq!(ours, std::slice::from_ref(&held.id));
    bench.clock.advance(LEASE - 1);
    assert_eq!(bench.store.release_expired().await.unwrap(), 0);
    assert!(bench.settle(&held, done("1")).await);
}

#[tokio::test]
async fn a_new_epoch_frees_every_lease_and_counts_a_crash() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let first = bench.store.begin_serving().await.unwrap();
    bench.plan(&org, vec![job(&con, "a", &[], &[])]).await;
    let before = bench.claim_one().await;
    // The process dies; the next one opens the same file.
    let next = bench.another(2).await;
    assert!(next.begin_serving().await.unwrap() > first);
    let after = next.claim("worker", 10, LEASE).await.unwrap().remove(0);
    assert_eq!((after.id.clone(), after.crashes, after.attempts), (before.id.clone(), 1, 1));
    assert!(!bench.settle(&before, done("1")).await, "the dead one's answer comes too late");
}

#[tokio::test]
async fn three_crashes_make_a_poison_job_and_free_who_waits_for_it() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let plan = vec![job(&con, "poison", &["lead:1"], &[]), job(&con, "next", &[], &["lead:1"])];
    let event = bench.plan(&org, plan).await;
    for crash in 1..=3 {
        assert_eq!(bench.claim_one().await.operation, "poison", "{crash}");
        bench.clock.advance(LEASE + 1);
        assert_eq!(bench.store.release_expired().await.unwrap(), 1);
    }
    let (job, attempts) = bench.store.jobs_of_event(&org, &event).await.unwrap().remove(0);
    assert_eq!((job.state, job.crashes), (JobState::Failed, 3));
    assert_eq!(job.error.unwrap()["code"], "poison");
    assert_eq!(attempts.len(), 3);
    assert_eq!(bench.claim_one().await.operation, "next");
    assert_eq!(bench.store.link(&con, &person("lead:1")).await.unwrap(), None);
}

#[tokio::test]
async fn waiting_for_a_bucket_does_not_count_against_the_budget() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &[], &[]), job(&con, "b", &[], &[])]).await;
    for _ in 0..5 {
        let claimed = bench.claim(1).await.remove(0);
        assert_eq!(claimed.attempts, 1);
        let at = bench.now().plus(1_000);
        let fate = Fate::Retry { at, counts: false, error: json!({ "code": "rate_limited" }) };
        let mut settlement = bench.settlement(&claimed, fate);
        settlement.connection_wait_until = Some(at);
        assert_eq!(bench.store.settle(vec![settlement]).await.unwrap(), [true]);
        assert!(bench.claim(10).await.is_empty(), "the whole connection waits");
        assert_eq!(bench.store.next_due().await.unwrap(), Some(at));
        bench.clock.advance(1_000);
    }
}

#[tokio::test]
async fn of_a_job_that_waits_for_days_the_latest_attempts_are_kept() {
    let bench = Bench::new().await;
    let (org, connection) = bench.org("one").await;
    let event = bench.plan(&org, vec![job(&connection, "a", &[], &[])]).await;
    for _ in 0..103 {
        let job = bench.claim_one().await;
        let again = Fate::Retry { at: bench.now(), counts: false, error: json!({}) };
        assert!(bench.settle(&job, again).await);
    }
    let jobs = bench.store.jobs_of_event(&org, &event).await.unwrap();
    let numbers: Vec<u32> = jobs[0].1.iter().map(|a| a.number).collect();
    assert_eq!(numbers, (4..=103).collect::<Vec<u32>>());
}

#[tokio::test]
async fn a_job_waits_for_the_one_whose_record_it_needs() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let plan = vec![
        job(&con, "person", &["lead:1", "phone:+15551234567"], &[]),
        job(&con, "call", &[], &["lead:1", "phone:+15551234567"]),
        job(&con, "other", &[], &["lead:2"]),
    ];
    bench.plan(&org, plan).await;
    let claimed = bench.claim(10).await;
    assert_eq!(names(&claimed), ["person", "other"]);
    // While it waits for a person, whoever needs it waits too.
    assert!(bench.settle(&claimed[0], Fate::Held { error: json!({ "code": "decide" }) }).await);
    assert!(bench.claim(10).await.is_empty());
    bench.store.set_connection_status(&con, store::ConnectionStatus::Disabled, None).await.unwrap();
    bench.store.set_connection_status(&con, store::ConnectionStatus::Active, None).await.unwrap();
    let person_job = bench.claim_one().await;
    assert!(bench.settle(&person_job, done("501")).await);
    assert_eq!(bench.claim_one().await.operation, "call");
}

#[tokio::test]
async fn a_second_write_to_one_record_waits_for_the_first_and_sees_its_remote_id() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "create", &["lead:1"], &[])]).await;
    bench.plan(&org, vec![job(&con, "update", &["lead:1"], &[]), job(&con, "read", &[], &["lead:1"])]).await;
    bench.plan(&org, vec![job(&con, "third", &["lead:1"], &[])]).await;
    let first = bench.claim_one().await;
    assert_eq!(bench.store.link(&con, &person("lead:1")).await.unwrap().unwrap().remote_id, None);
    assert!(bench.settle(&first, done("501")).await);
    for operation in ["update", "read", "third"] {
        let next = bench.claim(1).await.remove(0);
        assert_eq!(next.operation, operation);
        let link = bench.store.link(&con, &person("lead:1")).await.unwrap().unwrap();
        assert_eq!(link.remote_id.as_deref(), Some("501"), "{operation}");
        assert!(bench.settle(&next, done("501")).await);
    }
}

#[tokio::test]
async fn when_the_first_write_fails_the_second_makes_the_record() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "create", &["lead:1"], &[])]).await;
    bench.plan(&org, vec![job(&con, "again", &["lead:1"], &[])]).await;
    let first = bench.claim_one().await;
    assert!(bench.settle(&first, Fate::Failed { error: json!({ "code": "rejected" }) }).await);
    let second = bench.claim_one().await;
    let link = bench.store.link(&con, &person("lead:1")).await.unwrap().unwrap();
    assert_eq!((link.remote_id, link.job), (None, second.id.clone()));
    assert!(bench.settle(&second, done("502")).await);
    let link = bench.store.links(&con, &[person("nobody"), person("lead:1")]).await.unwrap().remove(0);
    assert_eq!(link.remote_id.as_deref(), Some("502"));
    // A failed update leaves what is known.
    bench.plan(&org, vec![job(&con, "update", &["lead:1"], &[])]).await;
    let third = bench.claim_one().await;
    assert!(bench.settle(&third, Fate::Failed { error: json!({}) }).await);
    let link = bench.store.link(&con, &person("lead:1")).await.unwrap().unwrap();
    assert_eq!(link.remote_id.as_deref(), Some("502"));
}

#[tokio::test]
async fn a_record_that_is_gone_at_the_provider_is_forgotten_and_made_anew() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "create", &["lead:1"], &[])]).await;
    let first = bench.claim_one().await;
    assert!(bench.settle(&first, done("501")).await);
    bench.plan(&org, vec![job(&con, "update", &["lead:1"], &[])]).await;
    let second = bench.claim_one().await;
    let fate = Fate::Retry { at: START, counts: true, error: json!({ "code": "not_found" }) };
    let mut settlement = bench.settlement(&second, fate);
    settlement.drop_links = true;
    assert_eq!(bench.store.settle(vec![settlement]).await.unwrap(), [true]);
    let link = bench.store.link(&con, &person("lead:1")).await.unwrap().unwrap();
    assert_eq!((link.remote_id, link.job), (None, second.id));
    let again = bench.claim_one().await;
    assert!(bench.settle(&again, done("502")).await);
    let link = bench.store.link(&con, &person("lead:1")).await.unwrap().unwrap();
    assert_eq!(link.remote_id.as_deref(), Some("502"));
}

#[tokio::test]
async fn what_was_done_before_for_the_same_names_is_told_in_order() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    for n in 0..23 {
        bench.plan(&org, vec![job(&con, &format!("op-{n}"), &["lead:1"], &[])]).await;
    }
    bench.plan(&org, vec![job(&con, "other", &["lead:2"], &[])]).await;
    let last = loop {
        let Some(next) = bench.claim(1).await.pop() else { panic!("the queue is empty") };
        if next.operation == "op-22" {
            break next;
        }
        assert!(bench.settle(&next, done("501")).await);
    };
    let ops = bench.store.earlier_ops(&con, &[person("lead:1")], &last.id).await.unwrap();
    assert_eq!(
        (ops.len(), &ops[0], &ops[19]),
        (20, &json!({ "upsert": "op-2" }), &json!({ "upsert": "op-21" }))
    );
    assert!(bench.store.earlier_ops(&con, &[], &last.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_organization_with_one_job_does_not_wait_for_a_thousand() {
    let bench = Bench::new().await;
    let (big, big_con) = bench.org("big").await;
    let (small, small_con) = bench.org("small").await;
    let many = (0..1_000).map(|n| job(&big_con, &format!("big-{n}"), &[], &[])).collect();
    bench.plan(&big, many).await;
    bench.clock.advance(10);
    bench
        .plan(&small, vec![job(&small_con, "small-0", &[], &[]), job(&small_con, "small-1", &[], &[])])
        .await;
    let first = bench.claim(2).await;
    assert!(names(&first).contains(&"small-0") && names(&first).contains(&"big-0"), "{:?}", names(&first));
    // One at a time, they take turns.
    let (a, b) = (bench.claim(1).await.remove(0), bench.claim(1).await.remove(0));
    assert_ne!(a.org, b.org);
    // In the order of planning within a connection.
    let rest = bench.claim(1_000).await;
    assert_eq!(rest.len(), 998);
    let expected: Vec<_> = (2..1_000).map(|n| format!("big-{n}")).collect();
    assert_eq!(names(&rest), expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_more_urgent_lane_goes_first() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let plan = [("backfill", 3), ("delta", 2), ("webhook", 1), ("live", 0)].map(|(name, lane)| {
        let mut job = job(&con, name, &[], &[]);
        job.lane = lane;
        job
    });
    bench.plan(&org, plan.into()).await;
    assert_eq!(names(&bench.claim(10).await), ["live", "webhook", "delta", "backfill"]);
}

#[tokio::test]
async fn more_connections_than_one_look_covers_all_get_their_turn() {
    let bench = Bench::new().await;
    let (org, _) = bench.org("one").await;
    let mut plan = Vec::new();
    for n in 0..300 {
        let con = bench.connect(&org, &format!("c{n}")).await.id;
        plan.extend((0..2).map(|m| job(&con, &format!("{n}-{m}"), &[], &[])));
    }
    bench.plan(&org, plan).await;
    let mut seen = std::collections::HashSet::<ConnectionId>::new();
    for _ in 0..3 {
        bench.clock.advance(1);
        seen.extend(bench.claim(100).await.into_iter().map(|j| j.connection));
    }
    assert_eq!(seen.len(), 300);
    assert_eq!(bench.claim(1_000).await.len(), 256, "one look");
    assert_eq!(bench.claim(1_000).await.len(), 44);
}

impl Bench {
    fn now(&self) -> model::Millis {
        model::Clock::now(&*self.clock)
    }
}
