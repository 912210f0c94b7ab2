//! What a guest that is kept warm carries over: its own connection's past, and nobody else's.

use hostile::{Act, Arena};

use crate::GOOD;

/// A guest that keeps all that it saw in a static, and tells it in each later call.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_warm_guest_remembers_is_its_own_connections() {
    let arena = Arena::new().await;
    // The credential says whose request it is. The settings say nothing: they are the same for all.
    arena.recorder.script(|request| {
        let whose = request.split("Bearer token-of-").nth(1).and_then(|rest| rest.split_whitespace().next());
        Act::answer(200, "", format!("for {}", whose.unwrap_or("nobody")))
    });
    let names: Vec<String> = (0..12).map(|n| format!("connection-{n}")).collect();
    let seat = |name: &str| arena.seat(name).token(&format!("token-of-{name}"));
    let mut remembered = 0;
    for n in 0..200 {
        // Three that call again and again, and between them the others, who push them out now and then.
        let name = &names[if n % 10 < 7 { n % 3 } else { 3 + n % 9 }];
        let told = seat(name).warm(5).learned("remember", GOOD).await;
        let seen: Vec<&str> = told.split(' ').collect();
        assert!(seen.iter().all(|word| word == name), "{name} was told {told}");
        assert!(seen.len() <= 5, "{name}: {} calls of one instance", seen.len());
        remembered += seen.len() - 1;
    }
    assert!(remembered > 40, "{remembered} calls remembered: this shows nothing");
    // A connector that does not ask for it begins anew each time.
    for _ in 0..3 {
        assert_eq!(seat(&names[0]).learned("remember", GOOD).await, names[0]);
    }
}
