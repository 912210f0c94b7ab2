//! Attacks on the host behind its functions. Take the guard out, and its test fails.

use hostile::Arena;
use sandbox::Halt;
use tokio::sync::OnceCell;

const GOOD: &str = "https://api.example.com/v1/x";

async fn arena() -> &'static Arena {
    static ARENA: OnceCell<Arena> = OnceCell::const_new();
    ARENA.get_or_init(Arena::new).await
}

/// The limit that ends the attack, with what was used and the most that it may be. The halt names it and says what to do.
async fn bound(attack: &str, change: impl FnOnce(&mut manifest::Limits)) -> (&'static str, u64, u64) {
    let seat = arena().await.seat(attack).limited(change);
    let halt = seat.attack(attack, GOOD).await.expect_err("the guest was not stopped");
    match halt {
        Halt::Bound { limit, used, most, advice } => {
            assert!(halt.to_string().contains(&format!("limit `{limit}`")) && !advice.is_empty(), "{halt}");
            (limit, used, most)
        }
        other => panic!("{attack}: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cheap_host_calls_without_end_are_halted_at_their_number() {
    assert_eq!(bound("calls", |_| {}).await, ("host-calls", 100_001, 100_000));
    assert_eq!(bound("calls", |l| l.host_calls = Some(500)).await, ("host-calls", 501, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn dear_host_calls_are_halted_at_the_hosts_own_time() {
    let (limit, used, most) = bound("random", |l| l.random_kib = Some(16_384)).await;
    assert!(limit == "host-ms" && used > most && most == 400, "{limit}: {used} of {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_are_halted_at_their_sum_over_all_functions() {
    assert_eq!(bound("random", |_| {}).await, ("random-kib", 1_088, 1_024));
    assert_eq!(bound("random-insecure", |l| l.random_kib = Some(8)).await, ("random-kib", 9, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_of_random_bytes_is_not_made() {
    assert_eq!(bound("random-huge", |_| {}).await, ("random-kib", 1 << 20, 1_024));
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_without_end_are_halted_at_their_number() {
    assert_eq!(bound("handles", |_| {}).await, ("handles", 2_001, 2_000));
    assert_eq!(bound("handles", |l| l.handles = Some(50)).await, ("handles", 51, 50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_end_is_halted_at_its_text_and_at_its_lines_in_a_second() {
    assert_eq!(bound("log-text", |l| l.log_per_s = Some(1_000)).await, ("log-kib", 258, 256));
    assert_eq!(bound("log-lines", |_| {}).await, ("log-per-s", 101, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_host_call_passes_is_halted_at_its_size() {
    let small =
        |l: &mut manifest::Limits| (l.copy_mib, l.request_mib, l.log_kib) = (Some(1), Some(1), Some(4_096));
    assert_eq!(bound("log-huge", small).await, ("copy-mib", 3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_end_are_halted_at_their_number_on_both_roads() {
    for attack in ["flood", "wasi-flood"] {
        let dialled = arena().await.dialled().len();
        assert_eq!(bound(attack, |_| {}).await, ("http-requests", 6, 5), "{attack}");
        assert!(arena().await.dialled().len() <= dialled + 5);
    }
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
    // Room for 10 MiB: two bodies of 4 MiB, and half of each further one until it is dropped.
    let small = |l: &mut manifest::Limits| (l.request_mib, l.response_mib) = (Some(4), Some(1));
    let seat = arena().await.seat("bodies").limited(small);
    let taken: u32 = seat.learned("bodies", GOOD).await.parse().unwrap();
    assert!((8..=15).contains(&taken), "the host took {taken} MiB of five requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_body_above_its_limit_is_not_sent() {
    let arena = Arena::new().await;
    let seat = arena.seat("large").limited(|l| (l.request_mib, l.memory_mib) = (Some(1), Some(64)));
    let ask = |bytes: usize| serde_json::json!({ "url": GOOD, "method": "POST", "body": "x".repeat(bytes) });
    arena.recorder.script(|_| hostile::Act::answer(200, "", "fine"));
    let told = seat.ask(vec![ask((1 << 20) + 1)]).await;
    assert!(told[0].contains("Denied") && told[0].contains("request-mib"), "{told:?}");
    assert!(arena.dialled().is_empty(), "something was sent");
    let told = seat.ask(vec![ask(1 << 20)]).await;
    assert!(told[0].starts_with("200"), "{told:?}");
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
