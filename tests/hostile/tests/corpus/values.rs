//! Values that no provider has. The sandbox bounds how much of them the host ever holds; what is kept of them is bounded
//! by the pipeline, whose own tests show it.

use hostile::Arena;
use sandbox::Halt;
use sandbox::v0_1::core::Error;

async fn told(attack: &str) -> Result<Result<sandbox::v0_1::core::Account, Error>, Halt> {
    let arena = Arena::new().await;
    arena.seat("values").limited(|l| l.memory_mib = Some(64)).attack(attack, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_utf_8_never_becomes_a_text() {
    for attack in ["not-text", "not-text-logged"] {
        let halt = told(attack).await.expect_err("it was taken");
        assert!(matches!(&halt, Halt::Trap { reason } if reason.contains("utf-8")), "{attack}: {halt}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_million_costs_the_host_no_more_than_a_copy_may() {
    for attack in ["many-keys", "many-endpoints"] {
        match told(attack).await {
            Err(Halt::Bound { limit: "copy-mib", .. }) => {}
            other => panic!("{attack}: {:?}", other.map(|a| a.map(|a| a.routing_keys.len()))),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_reach_the_pipeline_no_longer_than_a_copy_may_be() {
    let arena = Arena::new().await;
    let seat = arena.seat("values").limited(|l| l.memory_mib = Some(64));
    let label = seat.attack("long-label", "").await.unwrap().unwrap().label;
    assert_eq!(label.len(), 10 << 20);
    let few = seat.limited(|l| {
        l.copy_mib = Some(2);
        l.request_mib = Some(1);
    });
    for attack in ["long-label", "long-error"] {
        let halt = few.attack(attack, "").await.expect_err("it was copied");
        assert!(matches!(halt, Halt::Bound { limit: "copy-mib", .. }), "{attack}: {halt}");
    }
}

/// Words are cleaned where they are shown, not here: the pipeline and its tests see to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_label_of_controls_is_a_text_like_any_other() {
    let label = told("controls").await.unwrap().unwrap().label;
    assert_eq!(label, "a\0b\u{1b}[31mc\u{202e}d\u{2028}e");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_with_absurd_numbers_is_still_that_error() {
    let error = told("late").await.unwrap().unwrap_err();
    assert!(matches!(error, Error::RateLimited(limit) if limit.retry_after_ms == Some(u64::MAX)));
}
