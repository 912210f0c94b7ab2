//! A measurement: what of a credential stays in the memory of the process that serves.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::secrets::{change, lead, test, token};
use crate::support::search::{Planted, Search};
use crate::support::{Host, Wall};

/// How often each of a used, a replaced and a deleted credential lies in the serving process's memory; what
/// `docs/threat-model.md` says of it comes from here. It needs the rights of root: the process hides its memory.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn how_often_credentials_lie_in_the_hosts_memory() {
    let (mut planted, wall) = (Planted::new(), Wall::start().await);
    let mut host = Host::start(&wall.overrides());
    let secrets = ["used", "replaced", "new", "deleted", "refused"].map(|what| planted.plant(what));
    secrets.iter().for_each(|secret| wall.hubspot.accept_token(secret));
    let connect = async |secret: &str| host.connect(wall.connection("hubspot", &token(secret))).await;
    let ids = [connect(&secrets[0]).await, connect(&secrets[1]).await, connect(&secrets[3]).await];
    let body = json!({ "connector": "hubspot", "credentials": { "apiKey": secrets[4] } });
    assert_eq!(host.client.call("POST", "/api/connections", Some(&body)).await.0, 422);
    for id in &ids {
        assert_eq!(test(&host, id).await["ok"], true);
    }
    let search = planted.search(&[]);
    let pid = host.child().id();
    eprintln!("after use: {:?}", in_memory(pid, &search));
    assert_eq!(change(&host, &ids[1], &token(&secrets[2])).await, 200);
    assert_eq!(test(&host, &ids[1]).await["ok"], true);
    host.client.call("DELETE", &format!("/api/connections/{}", ids[2]), None).await;
    eprintln!("after a change and a deletion: {:?}", in_memory(pid, &search));
    let event = host.run(&lead(1)).await;
    eprintln!("after an event ({}): {:?}", event["state"], in_memory(pid, &search));
    for wait in [30, 60, 60] {
        tokio::time::sleep(Duration::from_secs(wait)).await;
        eprintln!("after {wait} s more: {:?}", in_memory(pid, &search));
    }
}

/// Secret and form → how many halves of it lie in the process's writable memory.
fn in_memory(pid: u32, search: &Search) -> BTreeMap<String, usize> {
    use std::os::unix::fs::FileExt as _;
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        // The pool of guests reserves terabytes, of which next to nothing is there; a reserved page reads as an error.
        if !rest.starts_with("rw") || to - from > 1 << 30 {
            continue;
        }
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            for (secret, form, count) in search.counts(&bytes) {
                *counts.entry(format!("{secret}, {form}")).or_default() += count;
            }
        }
    }
    counts
}
