//! What a guest sees of other connections, which is nothing, and what they feel of it, which is little.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hostile::attacks::{ATTACKS, provider};
use hostile::{Act, Arena, Seat};
use sandbox::v0_1::core::Error;
use serde_json::{Value, json};

use crate::GOOD;

async fn cache(seat: &Seat<'_>, puts: Value, gets: Value) -> Vec<Option<String>> {
    let told = seat.clone().with("puts", puts).with("gets", gets).learned("cache", "").await;
    serde_json::from_str(&told).expect("the guest tells a list")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_belongs_to_its_connection() {
    let arena = Arena::new().await;
    let (victim, thief) = (arena.connection("victim").await, arena.connection("thief").await);
    assert_eq!(cache(&victim, json!([["key", "mine"]]), json!(["key"])).await, [Some("mine".to_owned())]);
    let long = "k".repeat(100_000);
    let keys = json!([
        "key",
        "victim/key",
        "../victim/key",
        "..\\victim\\key",
        "victim\u{0}key",
        "victim:key",
        "/victim/key",
        "%",
        "_",
        "*",
        "' OR '1'='1",
        "key' --",
        "",
        long,
    ]);
    let found = cache(&thief, json!([]), keys).await;
    assert!(found.iter().all(Option::is_none), "{found:?}");
    // Nor does writing under such names, for ever or for no time, change what the other has.
    let puts = json!([
        ["key", "thiefs", u64::MAX],
        ["victim/key", "x", 0],
        ["../victim/key", "x"],
        ["' OR '1'='1", "x"],
        [long, "x"],
        ["large", "x".repeat(1 << 20)],
    ]);
    let found = cache(&thief, puts, json!(["key", "large", long])).await;
    assert_eq!(found, [Some("thiefs".to_owned()), None, None]);
    assert_eq!(cache(&victim, json!([]), json!(["key"])).await, [Some("mine".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_cache_pushes_out_no_other_connections_entries() {
    let arena = Arena::new().await;
    let (victim, flooder) = (arena.connection("victim").await, arena.connection("flooder").await);
    cache(&victim, json!([["key", "mine"]]), json!([])).await;
    let flood = flooder.with("times", 1_200).limited(|l| l.deadline_ms = Some(60_000));
    // One call writes a thousand at most, and the connection keeps a thousand of two calls.
    for from in [0, 1_200] {
        flood.clone().with("from", from).learned("cache-flood", "").await;
    }
    assert_eq!(cache(&victim, json!([]), json!(["key"])).await, [Some("mine".to_owned())]);
    let mut kept = 0;
    for n in 0..2_400 {
        kept += usize::from(arena.cached("flooder", &format!("flood-{n}")).await.is_some());
    }
    assert!((900..=1_000).contains(&kept), "{kept} entries of one connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_endpoints_are_the_connections_own() {
    let arena = Arena::new().await;
    let one = arena.connection("one").await.with("pipeline", "settings-of-one");
    let one = one.endpoint("hook", "https://one.tenant.example.com/base/of-one");
    let two = arena.connection("two").await.with("pipeline", "settings-of-two");
    let two = two.endpoint("hook", "https://two.tenant.example.com/base/of-two");
    let names = json!(["hook", "HOOK", "hook/../hook", "one", "../one/hook", "", "other", "hook\u{0}"]);
    for (seat, own, other) in [(&one, "of-one", "of-two"), (&two, "of-two", "of-one")] {
        let told = seat.clone().with("names", names.clone()).learned("snoop", "").await;
        assert!(told.contains(own) && !told.contains(other), "{told}");
        let told: Value = serde_json::from_str(&told).unwrap();
        let found = told["endpoints"].as_array().unwrap().iter().filter(|e| !e.is_null()).count();
        assert_eq!(found, 1, "{told}");
        seat.ask(vec![json!({ "url": "https://hook.endpoint.invalid/x" })]).await;
    }
    let heard = arena.recorder.heard();
    assert!(heard.contains("/base/of-one/x") && heard.contains("/base/of-two/x"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_rides_on_anothers_socket_or_credential() {
    let arena = Arena::new().await;
    arena.recorder.script(|request| Act::answer(200, "", request.lines().next().unwrap_or_default()));
    for _ in 0..3 {
        for name in ["one", "two"] {
            let seat = arena.seat(name).token(&format!("credential-of-{name}"));
            let told = seat.ask(vec![json!({ "url": format!("{GOOD}/{name}") })]).await;
            assert!(told[0].starts_with("200"), "{told:?}");
        }
    }
    // Each keeps its socket, and never is the other's used.
    assert_eq!(arena.dialled().len(), 2);
    let heard = arena.recorder.heard();
    for head in heard.split("\r\n\r\n").filter(|head| !head.is_empty()) {
        let (own, other) = if head.contains("/x/one ") { ("one", "two") } else { ("two", "one") };
        assert!(head.contains(&format!("credential-of-{own}")), "{head}");
        assert!(!head.contains(&format!("credential-of-{other}")), "{head}");
    }
}

/// How long a neighbour's call may take, on a machine that others use too.
const PATIENCE: Duration = Duration::from_secs(2);

/// Attacks without a pause until it is over; counts the attacks that it began.
async fn attack(seat: Seat<'_>, (name, url): (&str, &str), over: &AtomicBool, begun: &AtomicUsize) {
    while !over.load(Ordering::SeqCst) {
        begun.fetch_add(1, Ordering::SeqCst);
        let end = tokio::time::timeout(PATIENCE, seat.attack(name, url)).await;
        let end = end.unwrap_or_else(|_| panic!("{name} {url} does not end"));
        assert!(!matches!(end, Ok(Err(Error::Unsupported(_)))), "there is no attack {name}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_each_attacks_another_connections_calls_finish() {
    let arena: &'static Arena = Box::leak(Box::new(Arena::new().await));
    arena.recorder.script(provider);
    let limited = |seat: Seat<'static>| {
        seat.limited(|l| (l.cpu_ms, l.deadline_ms) = (Some(100), Some(300)))
            .host_time(Duration::from_millis(200))
    };
    let attackers =
        [limited(arena.connection("attacker-1").await), limited(arena.connection("attacker-2").await)];
    let neighbour = arena.connection("neighbour").await;
    for (name, url) in ATTACKS {
        let (over, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut attacking = tokio::task::JoinSet::new();
        for seat in attackers.clone() {
            let (over, begun) = (Arc::clone(&over), Arc::clone(&begun));
            attacking.spawn(async move { attack(seat, (name, url), &over, &begun).await });
        }
        let at_work = async {
            while begun.load(Ordering::SeqCst) < attackers.len() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, at_work).await.unwrap_or_else(|_| panic!("{name} does not begin"));
        for n in 0..3 {
            let calls = async {
                let told = neighbour.ask(vec![json!({ "url": GOOD })]).await;
                assert!(told[0].starts_with("200"), "{name} {url}: {told:?}");
                let found = cache(&neighbour, json!([["key", n.to_string()]]), json!(["key"])).await;
                assert_eq!(found, [Some(n.to_string())], "{name} {url}");
            };
            let done = tokio::time::timeout(PATIENCE, calls).await;
            done.unwrap_or_else(|_| panic!("{name} {url} starves its neighbour"));
            // None of them has stopped, neither of itself nor by a panic.
            if let Some(end) = attacking.try_join_next() {
                panic!("{name} {url} stopped before its neighbour was done: {end:?}");
            }
        }
        over.store(true, Ordering::SeqCst);
        while let Some(end) = attacking.join_next().await {
            end.unwrap();
        }
    }
}
