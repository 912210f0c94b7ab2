use crate::support::{connector, event, job, new_connection};
use model::*;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore]
async fn ingest() {
    let folder = tempfile::tempdir_in("/work").unwrap();
    let store = Store::open(Options {
        path: folder.path().join("x.db"),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    })
    .await
    .unwrap();
    let org = store.create_org("x").await.unwrap().id;
    let end = Instant::now() + Duration::from_secs(8);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            let org = org.clone();
            tokio::spawn(async move {
                let mut l = vec![];
                while Instant::now() < end {
                    let t = Instant::now();
                    store.record_events(&org, vec![event(None)]).await.unwrap();
                    l.push(t.elapsed());
                }
                l
            })
        })
        .collect();
    let mut all = vec![];
    for t in tasks {
        all.extend(t.await.unwrap());
    }
    all.sort();
    println!(
        "ingest {}/s p50 {:?} p99 {:?} max {:?}",
        all.len() / 8,
        all[all.len() / 2],
        all[all.len() * 99 / 100],
        all.last()
    );
    println!("wal {} MiB", std::fs::metadata(folder.path().join("x.db-wal")).unwrap().len() >> 20);
    // queue
    store.put_connector(&connector("crm"), vec![1]).await.unwrap();
    let mut cons = vec![];
    for n in 0..20 {
        cons.push(store.create_connection(new_connection(&org, &format!("c{n}"))).await.unwrap().id);
    }
    let evs = store.unplanned(1000).await.unwrap();
    let t = Instant::now();
    let it = Arc::new(std::sync::Mutex::new(evs.into_iter().enumerate()));
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, cons, it) = (store.clone(), cons.clone(), it.clone());
            tokio::spawn(async move {
                loop {
                    let Some((n, e)) = ({ it.lock().unwrap().next() }) else { break };
                    let k = format!("lead:{n}");
                    store
                        .complete_plan(
                            &e.id,
                            vec![
                                job(&cons[n % 20], "a", &[&k, "x"], &[]),
                                job(&cons[(n + 1) % 20], "b", &[], &[&k]),
                            ],
                        )
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for t in tasks {
        t.await.unwrap();
    }
    println!("plan of 1000 events x 2 jobs: {:?}", t.elapsed());
    let t = Instant::now();
    let mut n = 0;
    let mut claims = Duration::ZERO;
    let mut k = 0;
    loop {
        let c = Instant::now();
        let jobs = store.claim("w", 32, 30_000).await.unwrap();
        claims += c.elapsed();
        k += 1;
        if jobs.is_empty() {
            break;
        }
        n += jobs.len();
        let s = jobs
            .iter()
            .map(|j| Settlement {
                job: j.id.clone(),
                token: j.token,
                fate: crate::support::done("5"),
                attempt: crate::support::attempt(&j.id),
                connection_status: None,
                connection_wait_until: None,
                drop_links: false,
            })
            .collect();
        store.settle(s).await.unwrap();
    }
    println!("claim+settle {n} jobs {:?}; {k} claims {:?}", t.elapsed(), claims);
}
