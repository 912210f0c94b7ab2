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
    assert!(matches!(halt, Halt::Trap { .. }), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_guest_is_a_trap() {
    let (halt, _) = halt("trap").await;
    assert!(matches!(halt, Halt::Trap { .. }), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_waits_too_long_is_halted_at_its_deadline() {
    let (halt, took) = halt("sleep").await;
    assert!(matches!(halt, Halt::Deadline { limit_ms: 2_000 }), "{halt}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_calls_go_on_while_a_guest_loops() {
    let arena = arena().await;
    let loops = (0..4).map(|_| arena.attack("loop", "", "GET"));
    let others = async {
        for _ in 0..5 {
            assert_eq!(arena.learned("none", "", "GET").await, "nothing");
        }
    };
    let mut looping = tokio::task::JoinSet::new();
    for attack in loops {
        looping.spawn(attack);
    }
    tokio::time::timeout(Duration::from_secs(20), others).await.expect("the others were starved");
    while let Some(end) = looping.join_next().await {
        assert!(end.unwrap().is_err());
    }
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
