//! Attacks on the host behind its functions. Take the guard out, and its test fails.

use std::time::Duration;

use hostile::Arena;
use sandbox::Halt;
use tokio::sync::OnceCell;

const GOOD: &str = "https://api.example.com/v1/x";

async fn arena() -> &'static Arena {
    static ARENA: OnceCell<Arena> = OnceCell::const_new();
    ARENA.get_or_init(Arena::new).await
}

async fn bound(attack: &str) -> (&'static str, Halt) {
    let halt = arena().await.attack(attack, GOOD, "GET").await.expect_err("the guest was not stopped");
    match halt {
        Halt::Bound { limit, .. } => (limit, halt),
        other => panic!("{attack}: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cheap_host_calls_without_end_are_halted_at_their_number() {
    let (limit, halt) = bound("calls").await;
    assert_eq!(limit, "host-calls", "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dear_host_calls_are_halted_at_the_hosts_own_time() {
    let (limit, halt) = bound("random").await;
    assert_eq!(limit, "host-ms", "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_of_random_bytes_is_not_made() {
    let began = std::time::Instant::now();
    let halt = arena().await.attack("random-huge", "", "GET").await.expect_err("the host made them");
    assert!(matches!(halt, Halt::Trap { .. }) && began.elapsed() < Duration::from_secs(1), "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_without_end_are_halted_at_their_number() {
    let (limit, halt) = bound("handles").await;
    assert_eq!(limit, "handles", "{halt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_long_text_is_kept_for_a_request_that_is_never_sent() {
    assert_eq!(arena().await.learned("texts", "", "GET").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_call_from_the_bottom_of_the_guests_stack_has_room() {
    let arena = Arena::new().await;
    let (mut answered, mut trapped) = (0, 0);
    for depth in (500..16_000).step_by(500) {
        match arena.attack("deep", GOOD, &depth.to_string()).await {
            Ok(account) => answered += u32::from(account.expect("an answer").label == "200"),
            Err(Halt::Trap { .. }) => trapped += 1,
            Err(other) => panic!("{depth}: {other}"),
        }
    }
    assert!(
        answered > 0 && trapped > 0,
        "{answered} answered, {trapped} trapped: the depths miss the stack's end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_never_read_are_held_up_to_a_bound() {
    let arena = Arena::new().await;
    *arena.recorder.answer.lock().unwrap() = "x".repeat(8_000_000);
    let learned = arena.learned("unread", GOOD, "GET").await;
    assert!(learned.starts_with("4 ") && learned.contains("read the answers"), "{learned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_bodies_that_never_end_are_held_up_to_a_bound() {
    let taken: u32 = Arena::new().await.learned("bodies", GOOD, "POST").await.parse().unwrap();
    assert!(taken <= 21, "the host took {taken} MiB of five requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_under_way_when_the_guest_falls_over_is_known_to_have_gone_out() {
    let arena = Arena::new().await;
    "{silence}".clone_into(&mut arena.recorder.answer.lock().unwrap());
    for _ in 0..5 {
        let (answer, seen) = arena.attack_seen("fire", GOOD, "POST").await;
        assert!(matches!(answer, Err(Halt::Trap { .. })), "{answer:?}");
        assert_eq!(seen.writes_sent, 1, "it would be sent again");
    }
}
