//! Each attack meets its guard. Take the guard out, and its test fails.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hostile::{Arena, TOKEN};
use sandbox::Halt;
use tokio::sync::OnceCell;

#[path = "contained/memory.rs"]
mod memory;

const GOOD: &str = "https://api.example.com/v1/x";

/// One guest for all tests of this file; recordings are told apart by their own arena where that matters.
async fn arena() -> &'static Arena {
    static ARENA: OnceCell<Arena> = OnceCell::const_new();
    ARENA.get_or_init(Arena::new).await
}

async fn halt(attack: &str) -> (Halt, Duration) {
    let arena = arena().await;
    let began = Instant::now();
    let halt = arena.attack(attack, "", "GET").await.expect_err("the guest was not stopped");
    (halt, began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_does_no_harm_gets_its_answer() {
    assert_eq!(arena().await.learned("none", "", "GET").await, "nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_without_end_is_halted_at_its_cpu_limit() {
    let (halt, took) = halt("loop").await;
    assert!(matches!(halt, Halt::Cpu { limit_ms: 200, .. }), "{halt}");
    assert!(took < Duration::from_millis(1_900), "only the deadline stopped it, after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_without_end_is_halted_at_the_summed_limit() {
    for attack in ["allocate", "many-memories"] {
        let (halt, _) = halt(attack).await;
        // Not only called by the limit's name: stopped at it.
        assert!(matches!(halt, Halt::Memory { limit_mib: 16, wanted_mib: 17..=32 }), "{attack}: {halt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recursion_without_end_is_a_trap() {
    let (halt, _) = halt("recurse").await;
    // The guest's own stack lies in its memory, and may end before the engine's.
    let ends =
        |reason: &str| ["stack exhausted", "out of bounds memory"].iter().any(|end| reason.contains(end));
    assert!(matches!(&halt, Halt::Trap { reason } if ends(reason)), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_guest_is_a_trap() {
    let (halt, _) = halt("trap").await;
    assert!(matches!(&halt, Halt::Trap { reason } if reason.contains("unreachable")), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_waits_too_long_is_halted_at_its_deadline() {
    let (halt, took) = halt("sleep").await;
    assert!(matches!(halt, Halt::Deadline { limit_ms: 2_000 }), "{halt}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

/// Nobody looks at timers meanwhile: the guest's own ticks must see its deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_guest_that_never_waits_is_halted_at_its_deadline() {
    let arena = arena().await;
    let seat = arena.seat("spinning").limited(|l| (l.cpu_ms, l.deadline_ms) = (Some(30_000), Some(300)));
    assert_eq!(seat.learned("none", "").await, "nothing");
    // The runtime's only thread, and with it its clock, is busy; the guest runs on the test's own.
    let (over, busy) = std::sync::mpsc::channel::<()>();
    tokio::spawn(async move { busy.recv_timeout(Duration::from_secs(20)) });
    let began = Instant::now();
    let halt = seat.attack("loop", "").await.expect_err("the guest was not stopped");
    let took = began.elapsed();
    drop(over);
    assert!(matches!(halt, Halt::Deadline { limit_ms: 300 }), "{halt}");
    assert!((300..2_000).contains(&took.as_millis()), "{took:?}");
}

/// On one thread: whoever does not yield has it alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn other_calls_go_on_while_a_guest_loops() {
    let arena = arena().await;
    assert_eq!(arena.learned("none", "", "GET").await, "nothing");
    let mut looping = tokio::task::JoinSet::new();
    for n in 0..4 {
        let seat = arena.seat(&format!("looping-{n}"));
        let seat = seat.limited(|l| (l.cpu_ms, l.deadline_ms) = (Some(30_000), Some(30_000)));
        looping.spawn(async move { seat.attack("loop", "").await });
    }
    let (told, finished) = std::sync::mpsc::channel();
    tokio::spawn(async move {
        for _ in 0..5 {
            let _ = told.send(arena.learned("none", "", "GET").await);
        }
    });
    let began = Instant::now();
    for n in 0..5 {
        // Not by the runtime's clock, which would starve with the others.
        let left = Duration::from_secs(3).saturating_sub(began.elapsed());
        let told = finished.recv_timeout(left).unwrap_or_else(|e| panic!("call {n} was starved: {e}"));
        assert_eq!(told, "nothing");
    }
    // All of them are looping still.
    looping.abort_all();
    let mut stopped = 0;
    while let Some(end) = looping.join_next().await {
        stopped += u32::from(end.expect_err("it ended of itself").is_cancelled());
    }
    assert_eq!(stopped, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_denied_on_both_roads() {
    let arena = Arena::new().await;
    let cases = [
        ("https://evil.example.net/v1/x", "GET", "host"),
        ("https://sub.api.example.com/v1/x", "GET", "host"),
        ("https://api.example.com/v2/x", "GET", "path"),
        ("https://api.example.com/v1/../v2/x", "GET", "path"),
        ("https://api.example.com/v1/..%2fv2", "GET", "path"),
        (GOOD, "DELETE", "method"),
        ("http://api.example.com/v1/x", "GET", "scheme"),
        ("https://api.example.com:8443/v1/x", "GET", "port"),
        ("https://user:pass@api.example.com/v1/x", "GET", "userinfo"),
        ("https://127.0.0.1/v1/x", "GET", "address"),
    ];
    for (url, method, what) in cases {
        let learned = arena.learned("http", url, method).await;
        assert!(learned.contains("Denied"), "{what}: {learned}");
        if method == "GET" && what != "scheme" && what != "userinfo" {
            let learned = arena.learned("wasi-http", url, method).await;
            assert!(learned.contains("HttpRequestDenied"), "{what} over wasi:http: {learned}");
        }
    }
    assert!(arena.dialled().is_empty(), "{:?}", arena.dialled());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_granted_goes_out_on_both_roads_with_the_credential_added_by_the_host() {
    let arena = Arena::new().await;
    for road in ["http", "wasi-http"] {
        let learned = arena.learned(road, GOOD, "GET").await;
        assert!(learned.starts_with("200"), "{road}: {learned}");
    }
    let wire = String::from_utf8(arena.recorder.wire.lock().unwrap().clone()).unwrap();
    assert_eq!(wire.matches(&format!("Bearer {TOKEN}")).count(), 2, "{wire}");
    assert_eq!(wire.to_lowercase().matches("host: api.example.com\r\n").count(), 2, "{wire}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echoed_credential_never_reaches_the_guest_nor_a_recording() {
    let arena = Arena::new().await;
    for road in ["http", "wasi-http"] {
        let learned = arena.learned(road, GOOD, "GET").await;
        assert!(learned.contains("REDACTED") && !learned.contains(TOKEN), "{road}: {learned}");
    }
    assert!(arena.recordings().contains("REDACTED"));
    assert!(!arena.recordings().contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_any_forbidden_address_is_never_dialled() {
    let arena = Arena::new().await;
    let forbidden = [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "fd00::1",
    ];
    for address in forbidden {
        let bad: IpAddr = address.parse().unwrap();
        for answer in [vec![bad], vec!["93.184.216.34".parse().unwrap(), bad]] {
            arena.names.0.lock().unwrap().insert("rebound.example.com".to_owned(), answer);
            let learned = arena.learned("http", "https://rebound.example.com/x", "GET").await;
            assert!(learned.contains("Denied") || learned.contains("NotSent"), "{address}: {learned}");
        }
    }
    assert!(arena.dialled().is_empty(), "dialled {:?}", arena.dialled());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_header_of_the_guests_own_is_refused() {
    let arena = Arena::new().await;
    let learned = arena.learned("authorization", GOOD, "GET").await;
    assert!(learned.contains("Denied"), "{learned}");
    assert!(arena.dialled().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn wasi_is_there_and_empty() {
    let learned = arena().await.learned("environment", "", "GET").await;
    assert_eq!(learned, "variables=0 arguments=0 files=0 written=false socket=false");
}
