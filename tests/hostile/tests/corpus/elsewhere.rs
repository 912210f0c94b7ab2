//! Ways to be led elsewhere: redirects, and names that change their minds.

use std::net::IpAddr;

use hostile::{Act, Arena, TOKEN};
use serde_json::json;

use crate::{get, heads};

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_leads_nowhere_that_was_not_granted() {
    let arena = Arena::new().await;
    let inside: IpAddr = "169.254.169.254".parse().unwrap();
    for name in ["rebound.example.com", "metadata.google.internal"] {
        arena.names.0.lock().unwrap().insert(name.to_owned(), vec![inside]);
    }
    let places = [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:169.254.169.254]/",
        "//169.254.169.254/",
        "https://rebound.example.com/latest/meta-data/",
        "https://metadata.google.internal/",
        "http://hops.example.com/go/on",
        "https://hops.example.com/admin",
        "https://hops.example.com/go/..%2fadmin",
        "/admin",
        "../admin",
        "https://hops.example.com:8443/go/on",
        "https://user:pass@hops.example.com/go/on",
        "https://hook.endpoint.invalid/base/x",
        "file:///etc/passwd",
        "https://hops.example.com/go/on\u{1}",
    ];
    for (at, place) in places.iter().enumerate() {
        let to = format!("location: {place}\r\n");
        arena.recorder.script(move |request| match request.contains("/go/start") {
            true => Act::answer(302, &to, ""),
            false => Act::answer(200, "", "you are in"),
        });
        let seat =
            arena.seat(&format!("redirected-{at}")).endpoint("hook", "https://one.tenant.example.com/base/");
        let seat = seat.limited(|l| l.http_requests = Some(20));
        for (_, told) in seat.ask_both(&[get("https://hops.example.com/go/start")]).await {
            assert!(!told.contains("you are in"), "{place}: {told}");
        }
    }
    let dialled = arena.dialled();
    assert!(dialled.iter().all(|a| a.to_string() == "127.0.0.1:9"), "{dialled:?}");
    // One request per question, and no second hop.
    assert_eq!(heads(&arena).len(), places.len() * 2, "{}", arena.recorder.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_end() {
    let arena = Arena::new().await;
    arena.recorder.script(|_| Act::answer(307, "location: https://hops.example.com/go/round\r\n", ""));
    let seat = arena.seat("connection");
    let asked = get("https://hops.example.com/go/start");
    assert!(
        seat.clone()
            .limited(|l| l.http_requests = Some(50))
            .with("asks", json!([asked]))
            .learned("ask", "")
            .await
            .contains("307")
    );
    assert_eq!(heads(&arena).len(), 4, "the guest's own and three hops");
    // Each hop is a request of those that a call may make.
    let few = seat.limited(|l| l.http_requests = Some(2)).with("asks", json!([asked]));
    assert!(few.attack("ask", "").await.is_err());
    assert_eq!(heads(&arena).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_does_not_follow_a_redirect_to_another_host() {
    let arena = Arena::new().await;
    arena.recorder.script(|request| match request.contains("/go/start") {
        true => Act::answer(307, "location: https://api.example.com/v1/stolen\r\n", ""),
        false => Act::answer(200, "", "there"),
    });
    let told = arena.seat("connection").limited(|l| l.http_requests = Some(5));
    let told = told.with("asks", json!([get("https://hops.example.com/go/start")])).learned("ask", "").await;
    assert!(told.contains("there"), "{told}");
    let heads = heads(&arena);
    assert!(heads[0].iter().any(|l| l.contains(TOKEN)), "{heads:?}");
    assert!(!heads[1].iter().any(|l| l.contains(TOKEN)), "{heads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_mind_is_dialled_where_it_was_vetted() {
    let arena = Arena::new().await;
    let (good, bad): (IpAddr, IpAddr) = ("93.184.216.34".parse().unwrap(), "10.0.0.1".parse().unwrap());
    let name = "rebound.example.com";
    // A recorder speaks no TLS, so there is no answer to wait for.
    let asked = json!({ "url": "https://rebound.example.com/x", "timeoutMs": 200 });
    arena.names.0.lock().unwrap().insert(name.to_owned(), vec![bad]);
    for first in [vec![good], vec![good, bad], vec![bad, good]] {
        let vetted = first == [good];
        arena.names.1.lock().unwrap().insert(name.to_owned(), [first].into());
        let before = arena.dialled().len();
        let told = arena.seat("connection").ask(vec![asked.clone()]).await;
        assert!(!told[0].starts_with("200"), "{told:?}");
        assert_eq!(arena.dialled().len() > before, vetted);
        // What the name means by now.
        let told = arena.seat("connection").ask(vec![asked.clone()]).await;
        assert!(told[0].contains("Denied"), "{told:?}");
    }
    assert!(arena.dialled().iter().all(|a| a.ip() == good), "{:?}", arena.dialled());
}
