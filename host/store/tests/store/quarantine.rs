//! A connector that is halted again and again backs off, then is started no more; nobody else is held up.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use model::{Clock as _, ConnectionId, Millis, OrgId};
use serde_json::json;
use store::{
    CallEnd, ConnectionPatch, ConnectionStatus, ConnectorEventKind, Fate, Job, Released, Settlement, Strike,
};

use crate::support::{Bench, START, connector, done, job, names, new_connection, open};

mod later;

const DIGEST: &str = "sha256:crm";

/// Of a call that began at `began`.
fn halted(began: Millis) -> CallEnd {
    let strike = Strike {
        code: "halt_cpu".to_owned(),
        reason: "halted at limit `cpu-ms`: of lead:17".to_owned(),
        waits_ms: vec![1_000, 4_000, 16_000],
        most: 5,
    };
    CallEnd { digest: DIGEST.to_owned(), began, strike: Some(strike) }
}

fn well() -> CallEnd {
    CallEnd { digest: DIGEST.to_owned(), began: START, strike: None }
}

impl Bench {
    /// A job's end after a halt: it is tried again at once, as far as it is for the job.
    fn after(&self, job: &Job, call: CallEnd) -> Settlement {
        let error = json!({ "code": "halt_cpu" });
        let fate = Fate::Retry { at: START, counts: true, error };
        Settlement { call: Some(call), ..self.settlement(job, fate) }
    }

    /// The halt of a call that began now.
    fn halted(&self) -> CallEnd {
        halted(self.clock.now())
    }

    /// Halts in calls outside the queue, one after the other.
    async fn strike(&self, connection: &ConnectionId, times: usize) {
        for _ in 0..times {
            self.store.call_ended(connection, self.halted()).await.unwrap();
        }
    }

    async fn strikes(&self, connection: &ConnectionId) -> u32 {
        self.store.connection_for_job(connection).await.unwrap().unwrap().strikes
    }

    async fn is_quarantined(&self, connection: &ConnectionId) -> Option<bool> {
        let connection = self.store.connection_for_job(connection).await.unwrap().unwrap();
        connection.quarantine.map(|q| q.whole_version)
    }

    async fn version_is_quarantined(&self) -> bool {
        !self.store.quarantines(None, None).await.unwrap().versions.is_empty()
    }
}

#[tokio::test]
async fn each_halt_in_a_row_lets_the_connection_wait_longer_until_its_version_is_in_quarantine() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &[], &[]), job(&con, "b", &[], &[])]).await;
    for (strike, wait) in [(1, 1_000), (2, 4_000), (3, 16_000), (4, 16_000)] {
        let job = bench.claim(1).await.remove(0);
        assert_eq!(bench.store.settle(vec![bench.after(&job, bench.halted())]).await.unwrap(), [true]);
        assert!(bench.claim(10).await.is_empty(), "strike {strike}: no other job of the connection either");
        bench.clock.advance(wait - 1);
        assert!(bench.claim(10).await.is_empty(), "strike {strike}");
        bench.clock.advance(1);
        assert_eq!(bench.store.connection_for_job(&con).await.unwrap().unwrap().strikes, strike);
    }
    assert_eq!(bench.is_quarantined(&con).await, None);
    let job = bench.claim(1).await.remove(0);
    assert_eq!(bench.store.settle(vec![bench.after(&job, bench.halted())]).await.unwrap(), [true]);
    bench.clock.advance(3_600_000);
    assert!(bench.claim(10).await.is_empty());
    assert_eq!(bench.store.next_due().await.unwrap(), None, "nobody looks for it in vain");
    let seen = bench.store.connection_for_job(&con).await.unwrap().unwrap().quarantine.unwrap();
    assert!(seen.whole_version && seen.strikes == 5 && seen.reason.contains("`halt_cpu`"), "{seen:?}");
    assert!(!seen.reason.contains("lead:17"), "every organization reads it: {seen:?}");
}

#[tokio::test]
async fn what_is_planned_for_a_connection_in_quarantine_is_held_and_goes_on_in_order_when_another_process_releases_it()
 {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &["lead:1"], &[]), job(&con, "b", &["lead:1"], &[])]).await;
    bench.strike(&con, 5).await;
    bench.plan(&org, vec![job(&con, "c", &[], &[])]).await;
    // Neither a new start nor the connection's owner gets round it.
    bench.store.begin_serving().await.unwrap();
    let active = ConnectionPatch { status: Some(ConnectionStatus::Active), ..Default::default() };
    let off = ConnectionPatch { status: Some(ConnectionStatus::Disabled), ..Default::default() };
    for patch in [off, active] {
        bench.store.update_connection(&org, &con, patch).await.unwrap();
    }
    assert!(bench.claim(10).await.is_empty());
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.queued, counts.held), (0, 3));

    let released = bench.another(2).await.release_connector("crm").await.unwrap().unwrap();
    let expected = Released {
        version: "1.0.0".to_owned(),
        whole_version: true,
        connections: vec![con.clone()],
        backing_off: 0,
    };
    assert_eq!(released, expected);
    assert_eq!(names(&bench.claim(10).await), ["a", "c"], "b waits for a, as before");
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.queued, counts.held, counts.running), (1, 0, 2));
    assert_eq!(bench.is_quarantined(&con).await, None);
    // From the first strike on again.
    bench.strike(&con, 4).await;
    assert_eq!(bench.is_quarantined(&con).await, None);
    assert!(bench.store.release_connector("crm").await.unwrap().unwrap().backing_off == 1);
    assert!(bench.store.release_connector("crm").await.unwrap().unwrap().is_nothing());
    assert_eq!(bench.store.release_connector("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn a_call_that_ends_without_a_halt_clears_the_strikes() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.strike(&con, 4).await;
    bench.store.call_ended(&con, well()).await.unwrap();
    bench.strike(&con, 4).await;
    bench.clock.advance(3_600_000);
    bench.plan(&org, vec![job(&con, "a", &[], &[])]).await;
    let claimed = bench.claim_one().await;
    let settlement = Settlement { call: Some(well()), ..bench.settlement(&claimed, done("1")) };
    assert_eq!(bench.store.settle(vec![settlement]).await.unwrap(), [true]);
    bench.strike(&con, 4).await;
    assert_eq!(bench.is_quarantined(&con).await, None);
}

#[tokio::test]
async fn other_connectors_and_connections_go_on() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.store.put_connector(&connector("calendar"), b"other".to_vec()).await.unwrap();
    let other = store::NewConnection { connector: "calendar".to_owned(), ..new_connection(&org, "cal") };
    let other = bench.store.create_connection(other).await.unwrap().id;
    bench.plan(&org, vec![job(&con, "a", &[], &[]), job(&other, "b", &[], &[])]).await;
    bench.strike(&con, 5).await;
    assert!(bench.version_is_quarantined().await);
    assert_eq!(bench.claim_one().await.operation, "b");
}

#[tokio::test]
async fn one_organization_alone_takes_a_version_from_nobody_else() {
    let bench = Bench::new().await;
    let (mine, con) = bench.org("one").await;
    let second = bench.connect(&mine, "second").await.id;
    let (theirs, their_con) = bench.org("two").await;
    bench.plan(&mine, vec![job(&con, "early", &[], &[])]).await;
    bench.strike(&con, 5).await;
    bench.strike(&second, 50).await;
    assert_eq!(
        (bench.is_quarantined(&con).await, bench.is_quarantined(&second).await),
        (Some(false), Some(false))
    );
    assert!(!bench.version_is_quarantined().await, "the other organization has not even tried");
    bench.plan(&theirs, vec![job(&their_con, "theirs", &[], &[])]).await;
    bench.plan(&mine, vec![job(&con, "mine", &[], &[])]).await;
    assert_eq!(bench.claim_one().await.operation, "theirs");
    assert_eq!(bench.store.next_due().await.unwrap(), None, "nobody looks for the others in vain");
    // When it fails for the other one too, it fails for everybody.
    bench.strike(&their_con, 5).await;
    assert_eq!(bench.is_quarantined(&con).await, Some(true));
    assert!(bench.version_is_quarantined().await);
}

#[tokio::test]
async fn a_version_that_works_for_somebody_is_kept_from_those_alone_for_whom_it_does_not() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    let works = bench.connect(&org, "works").await.id;
    bench.strike(&con, 1).await;
    bench.store.call_ended(&works, well()).await.unwrap();
    bench.strike(&con, 4).await;
    assert_eq!((bench.is_quarantined(&con).await, bench.is_quarantined(&works).await), (Some(false), None));
    // Three organizations are enough, however many more there are, unless it works for one of them.
    let mut others = Vec::new();
    for name in ["two", "three", "four", "five", "six"] {
        others.push(bench.org(name).await.1);
    }
    bench.strike(&others[0], 5).await;
    bench.strike(&others[1], 5).await;
    bench.store.call_ended(&others[4], well()).await.unwrap();
    bench.strike(&others[2], 5).await;
    assert!(!bench.version_is_quarantined().await);
    bench.store.release_connector("crm").await.unwrap();
    for other in &others[..3] {
        assert!(!bench.version_is_quarantined().await);
        bench.strike(other, 5).await;
    }
    assert!(bench.version_is_quarantined().await);
    assert_eq!(bench.is_quarantined(&others[4]).await, Some(true));
}

#[tokio::test]
async fn another_version_starts_clean_and_the_same_one_does_not() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &[], &[])]).await;
    bench.strike(&con, 5).await;
    bench.store.put_connector(&connector("crm"), b"bytes".to_vec()).await.unwrap();
    assert!(bench.version_is_quarantined().await, "the same bytes again");
    let next = store::Connector {
        version: "1.0.1".to_owned(),
        digest: "sha256:next".to_owned(),
        ..connector("crm")
    };
    bench.store.put_connector(&next, b"better".to_vec()).await.unwrap();
    assert!(!bench.version_is_quarantined().await);
    assert_eq!(bench.claim_one().await.operation, "a");
    // What a call of the old version says now is no news.
    bench.strike(&con, 50).await;
    assert_eq!(bench.store.connection_for_job(&con).await.unwrap().unwrap().strikes, 0);
    let kinds: Vec<_> = bench
        .store
        .connector_events("crm", None, None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|e| (e.kind, e.version, e.connection.is_some()))
        .collect();
    let (quarantined, released) = (ConnectorEventKind::Quarantined, ConnectorEventKind::Released);
    let old = || "1.0.0".to_owned();
    let expected = [
        (released, old(), false),
        (released, old(), true),
        (quarantined, old(), false),
        (quarantined, old(), true),
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn a_stale_result_is_no_strike() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &[], &[])]).await;
    let stale = bench.claim_one().await;
    bench.store.begin_serving().await.unwrap();
    let again = bench.claim_one().await;
    assert_eq!(bench.store.settle(vec![bench.after(&stale, bench.halted())]).await.unwrap(), [false]);
    assert_eq!(bench.store.connection_for_job(&con).await.unwrap().unwrap().strikes, 0);
    let twice = vec![bench.after(&again, bench.halted()), bench.after(&again, bench.halted())];
    assert_eq!(bench.store.settle(twice).await.unwrap(), [true, false]);
    assert_eq!(bench.store.connection_for_job(&con).await.unwrap().unwrap().strikes, 1, "counted once");
}

#[tokio::test]
async fn where_quarantine_is_off_a_connection_only_backs_off() {
    let bench = Bench::new().await;
    let (_, con) = bench.org("one").await;
    let mut end = bench.halted();
    end.strike = end.strike.map(|strike| Strike { most: 0, ..strike });
    for _ in 0..20 {
        bench.store.call_ended(&con, end.clone()).await.unwrap();
    }
    let seen = bench.store.connection_for_job(&con).await.unwrap().unwrap();
    assert_eq!((seen.strikes, seen.quarantine), (20, None));
}

#[tokio::test]
async fn an_organization_sees_events_of_versions_and_of_its_own_connections_alone() {
    let bench = Bench::new().await;
    let (mine, con) = bench.org("one").await;
    let (theirs, their_con) = bench.org("two").await;
    bench.strike(&con, 5).await;
    bench.strike(&their_con, 5).await;
    let none_of_it = store::Quarantines::default();
    assert_eq!(bench.store.quarantines(Some("calendar"), None).await.unwrap(), none_of_it);
    let all = bench.store.quarantines(None, None).await.unwrap();
    assert_eq!(bench.store.quarantines(Some("crm"), None).await.unwrap(), all);
    assert_eq!((all.versions.len(), all.connections.len()), (1, 2));
    let seen = |org: Option<OrgId>| {
        let store = &bench.store;
        async move {
            let events = store.connector_events("crm", org.as_ref(), None, 100).await.unwrap();
            events.into_iter().map(|e| e.connection.map(|(_, con)| con)).collect::<Vec<_>>()
        }
    };
    assert_eq!(seen(Some(mine.clone())).await, [None, Some(con.clone())]);
    assert_eq!(seen(Some(theirs)).await, [None, Some(their_con.clone())]);
    assert_eq!(seen(None).await, [None, Some(their_con.clone()), Some(con.clone())]);
    let own = bench.store.quarantines(None, Some(&mine)).await.unwrap().connections;
    assert_eq!(own.iter().map(|q| &q.connection).collect::<Vec<_>>(), [&con]);
    // A page, and who follows.
    let all = bench.store.connector_events("crm", None, None, 100).await.unwrap();
    let page = bench.store.connector_events("crm", None, Some(&all[0].id), 1).await.unwrap();
    assert_eq!(page, [all[1].clone()]);
    let after = bench.store.connector_events_after(&all[1].id, 10).await.unwrap();
    assert_eq!(after, [all[0].clone()]);
    assert_eq!(bench.store.last_connector_event().await.unwrap(), all[0].id);
}

#[tokio::test]
async fn the_history_of_one_organization_is_bounded_and_pushes_out_nobody_elses() {
    let bench = Bench::new().await;
    let (mine, con) = bench.org("one").await;
    let (theirs, their_con) = bench.org("two").await;
    bench.strike(&their_con, 5).await;
    for _ in 0..210 {
        bench.strike(&con, 5).await;
        bench.store.release_connector("crm").await.unwrap();
    }
    let mine = bench.store.connector_events("crm", Some(&mine), None, 1_000).await.unwrap();
    let own = mine.iter().filter(|e| e.connection.is_some()).count();
    assert_eq!(own, 200);
    let theirs = bench.store.connector_events("crm", Some(&theirs), None, 1_000).await.unwrap();
    assert!(theirs.iter().any(|e| e.connection.as_ref().is_some_and(|(_, c)| *c == their_con)));
}

#[tokio::test]
async fn calls_that_ran_beside_each_other_are_one_strike_however_many_were_halted() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, ["a", "b", "c", "d", "e"].map(|name| job(&con, name, &[], &[])).to_vec()).await;
    for (wave, wait) in [(1, 1_000), (2, 4_000), (3, 16_000), (4, 16_000)] {
        let began = bench.clock.now();
        let jobs = bench.claim(5).await;
        assert_eq!(jobs.len(), 5, "wave {wave}");
        bench.clock.advance(10);
        let (first, late) = jobs.split_at(3);
        let ends = first.iter().map(|job| bench.after(job, halted(began))).collect();
        assert_eq!(bench.store.settle(ends).await.unwrap(), [true; 3]);
        assert_eq!(bench.strikes(&con).await, wave);
        // What ends later than the others makes nobody wait longer.
        bench.clock.advance(wait - 1);
        let ends = late.iter().map(|job| bench.after(job, halted(began))).collect();
        assert_eq!(bench.store.settle(ends).await.unwrap(), [true; 2]);
        assert_eq!(bench.strikes(&con).await, wave);
        assert!(bench.claim(10).await.is_empty(), "wave {wave}");
        bench.clock.advance(1);
    }
    assert_eq!(bench.is_quarantined(&con).await, None);
    let jobs = bench.claim(5).await;
    bench.clock.advance(10);
    let ends = jobs.iter().map(|job| bench.after(job, halted(bench.clock.now()))).collect();
    bench.store.settle(ends).await.unwrap();
    assert_eq!(bench.is_quarantined(&con).await, Some(true));
    // A clock that was set back makes nobody's halts go uncounted.
    bench.store.release_connector("crm").await.unwrap();
    bench.strike(&con, 1).await;
    bench.clock.advance(-3_600_000);
    bench.strike(&con, 1).await;
    assert_eq!(bench.strikes(&con).await, 2);
}

#[tokio::test]
async fn a_strike_that_is_forgiven_takes_its_wait_with_it_and_no_other() {
    let bench = Bench::new().await;
    let (org, con) = bench.org("one").await;
    bench.plan(&org, vec![job(&con, "a", &[], &[]), job(&con, "b", &[], &[])]).await;
    bench.strike(&con, 3).await;
    assert!(bench.claim(10).await.is_empty());
    bench.store.call_ended(&con, well()).await.unwrap();
    let claimed = bench.claim(1).await.remove(0);
    // Of the settlement of a call that ended well its own wait counts, although the strike's was longer.
    bench.strike(&con, 3).await;
    let soon = Some(bench.clock.now().plus(500));
    let settlement = bench.settlement(&claimed, done("1"));
    let settlement = Settlement { call: Some(well()), connection_wait_until: soon, ..settlement };
    assert_eq!(bench.store.settle(vec![settlement]).await.unwrap(), [true]);
    bench.clock.advance(499);
    assert!(bench.claim(10).await.is_empty(), "the provider said so");
    bench.clock.advance(1);
    // A provider's longer wait outlives the strike, be it forgiven or released.
    for forgiven in [true, false] {
        let claimed = bench.claim_one().await;
        bench.strike(&con, 1).await;
        let far = Some(bench.clock.now().plus(60_000));
        let settlement = Settlement { connection_wait_until: far, ..bench.after(&claimed, bench.halted()) };
        bench.store.settle(vec![settlement]).await.unwrap();
        if forgiven {
            bench.store.call_ended(&con, well()).await.unwrap();
        } else {
            bench.store.release_connector("crm").await.unwrap();
        }
        bench.clock.advance(59_999);
        assert!(bench.claim(10).await.is_empty(), "{forgiven}");
        bench.clock.advance(1);
    }
    assert_eq!(bench.claim_one().await.operation, "b");
}

#[tokio::test]
async fn events_of_connectors_keep_their_order_when_the_clock_was_set_back_between_two_starts() {
    let bench = Bench::new().await;
    let (_, con) = bench.org("one").await;
    bench.strike(&con, 5).await;
    let last = bench.store.last_connector_event().await.unwrap();
    bench.store.close().await.unwrap();
    bench.clock.advance(-3_600_000);
    let store = open(bench.path(), &bench.clock, 9).await;
    store.release_connector("crm").await.unwrap();
    let after = store.connector_events_after(&last, 10).await.unwrap();
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(after.iter().all(|e| e.kind == ConnectorEventKind::Released));
}
