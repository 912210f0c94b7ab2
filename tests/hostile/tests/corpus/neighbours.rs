//! What a guest sees of other connections, which is nothing, and what they feel of it, which is little.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hostile::{Act, Arena, Seat};
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

/// Each attack, by name, and with what it needs.
fn attacks() -> Vec<(&'static str, &'static str, Value)> {
    let ask = |road: bool, path: &str| json!([{ "url": format!("{GOOD}/{path}"), "wasi": road }]);
    vec![
        ("loop", "", Value::Null),
        ("allocate", "", Value::Null),
        ("recurse", "", Value::Null),
        ("calls", "", Value::Null),
        ("random", "", Value::Null),
        ("handles", "", Value::Null),
        ("timers", "", Value::Null),
        ("poll-many", "", Value::Null),
        ("sleep", "", Value::Null),
        ("again", "", ask(false, "plain")),
        ("unread-again", "", ask(true, "plain")),
        ("ask", "", ask(false, "endless")),
        ("ask", "", ask(true, "endless")),
        ("ask", "", ask(false, "drip")),
        ("ask", "", ask(true, "silent")),
        ("long-label", "", Value::Null),
    ]
}

/// How long a neighbour's call may take, on a machine that others use too.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn while_each_attacks_another_connections_calls_finish() {
    let arena = Arc::new(Arena::new().await);
    arena.recorder.script(|request| match request.split(' ').nth(1).unwrap_or_default() {
        "/v1/x/endless" => {
            vec![Act::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Act::Again(vec![b'x'; 16 * 1024])]
        }
        "/v1/x/drip" => vec![Act::Drip(vec![b'H'; 1_000], Duration::from_millis(20))],
        "/v1/x/silent" => vec![Act::Silence],
        _ => Act::answer(200, "", "fine"),
    });
    for (attack, url, asks) in attacks() {
        let mut attackers = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (arena, asks) = (Arc::clone(&arena), asks.clone());
            attackers.spawn(async move {
                let seat = arena.seat("attacker").with("asks", asks).limited(|l| l.deadline_ms = Some(500));
                let _ = seat.attack(attack, url).await;
            });
        }
        let neighbour = arena.seat("neighbour");
        for _ in 0..3 {
            let began = Instant::now();
            let ask = neighbour.ask(vec![json!({ "url": format!("{GOOD}/plain") })]);
            let told = tokio::time::timeout(PATIENCE, ask).await;
            let told = told.unwrap_or_else(|_| panic!("{attack} starves its neighbour"));
            assert!(told[0].starts_with("200"), "{attack}: {told:?}");
            assert!(began.elapsed() < PATIENCE, "{attack}");
        }
        // And each attack ends, too.
        let ends = async { while attackers.join_next().await.is_some() {} };
        tokio::time::timeout(PATIENCE, ends).await.unwrap_or_else(|_| panic!("{attack} does not end"));
    }
}
