//! Redirects: off by default; where granted, each hop walks the whole column.

mod common;

use common::{Keys, PUBLIC, Seen, TOKEN, World, answer, get, manifest, ok, post};
use egress::Refusal;
use manifest::Manifest;
use serde_json::json;

const URL: &str = "https://api.example.com/v1/start";

fn following(redirects: u8) -> Manifest {
    manifest(json!({ "idempotency": { "header": "idempotency-key" }, "egress": [
        { "methods": ["GET", "POST", "HEAD"], "host": "api.example.com", "paths": ["/v1/**"], "redirects": redirects },
        { "methods": ["GET", "POST"], "host": "other.example.org", "paths": ["/**"] },
        { "methods": ["GET"], "host": "hooks.example.com", "paths": ["/**"] },
    ] }))
}

fn to(status: u16, location: &'static str) -> impl Fn(&Seen) -> common::Reply {
    move |seen| {
        if seen.target == "/v1/start" { answer(status, &[("location", location)], "moved") } else { ok() }
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_unless_the_rule_allows_it() {
    let world = World::new(to(302, "/v1/next"));
    let response = world.lane_with(following(0), Keys::bearer()).send(get(URL)).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(world.seen().len(), 1);
    let response = world.lane_with(following(1), Keys::bearer()).send(get(URL)).await.unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(world.seen()[2].target, "/v1/next");
    assert!(world.seen()[2].header("authorization").is_some(), "the same origin keeps the credential");
    assert_eq!(world.book.all().len(), 3, "every hop is on record");
}

#[tokio::test]
async fn no_more_redirects_are_followed_than_allowed() {
    let world = World::new(|_| answer(302, &[("location", "/v1/start")], ""));
    let response = world.lane_with(following(3), Keys::none()).send(get(URL)).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(world.seen().len(), 4);
}

#[tokio::test]
async fn another_origin_gets_neither_credential_nor_headers() {
    let world = World::new(to(307, "https://other.example.org/x"));
    let mut request = post(URL, "application/json", "{}");
    request.headers.extend([("Accept".into(), b"a/b".to_vec()), ("X-Mine".into(), b"1".to_vec())]);
    request.idempotency_key = Some("op-1".into());
    world.lane_with(following(1), Keys::bearer()).send(request).await.unwrap();
    let (first, second) = (&world.seen()[0], &world.seen()[1]);
    assert!(first.header("authorization").is_some() && first.header("idempotency-key").is_some());
    assert_eq!((second.method.as_str(), &second.body[..]), ("POST", &b"{}"[..]));
    assert_eq!(second.header("host"), Some("other.example.org"));
    assert_eq!(
        (second.header("accept"), second.header("content-type")),
        (Some("a/b"), Some("application/json"))
    );
    for name in ["authorization", "x-mine", "idempotency-key"] {
        assert_eq!(second.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn the_way_back_to_the_first_origin_stays_without_a_credential() {
    let world = World::new(|seen| match seen.target.as_str() {
        "/v1/start" => answer(302, &[("location", "https://other.example.org/bounce")], ""),
        "/bounce" => answer(302, &[("location", "https://api.example.com/v1/delete-all")], ""),
        _ => ok(),
    });
    world.lane_with(following(3), Keys::bearer()).send(get(URL)).await.unwrap();
    assert_eq!(world.seen()[2].target, "/v1/delete-all");
    assert_eq!(world.seen()[2].header("authorization"), None);
}

#[tokio::test]
async fn methods_change_as_the_standard_says() {
    for (status, method, want) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (303, "GET", "GET"),
        (302, "HEAD", "HEAD"),
        (303, "HEAD", "HEAD"),
    ] {
        let world = World::new(move |seen| {
            if seen.target != "/v1/start" {
                return ok();
            }
            common::Reply::Keep(
                format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nlocation: next\r\n\r\n").into_bytes(),
            )
        });
        let mut request = post(URL, "text/plain", "body");
        request.method = method.into();
        if method != "POST" {
            request.body = None;
            request.headers.clear();
        }
        world.lane_with(following(1), Keys::none()).send(request).await.unwrap();
        let second = &world.seen()[1];
        assert_eq!((second.method.as_str(), second.target.as_str()), (want, "/v1/next"), "{status} {method}");
        assert_eq!(second.body.is_empty(), want != "POST");
        assert_eq!(second.header("content-type").is_some(), want == "POST");
    }
}

#[tokio::test]
async fn a_redirect_that_is_not_granted_leaves_the_3xx_as_the_answer() {
    for location in [
        "https://evil.example.net/",
        "https://api.example.com/v2/x",
        "http://api.example.com/v1/x",
        "https://127.0.0.1/v1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://u:p@api.example.com/v1/x",
        "https://api.example.com:444/v1/x",
        "/v1/%2e%2e/v2/x",
        "https://api.example.com/v1/a%2fb",
        "https://site.endpoint.invalid/",
        "javascript:alert(1)",
        "//",
        "",
    ] {
        let world = World::new(to(302, location));
        let response = world.lane_with(following(5), Keys::bearer()).send(get(URL)).await.unwrap();
        assert_eq!(response.status, 302, "{location}");
        assert!(
            world.seen().iter().all(|s| s.target == "/v1/start"),
            "{location} was followed: {:?}",
            world.seen()
        );
        assert!(world.dialled().iter().all(|a| a.ip().to_string() == PUBLIC));
    }
}

#[tokio::test]
async fn a_redirect_to_a_name_with_a_private_address_is_not_dialled() {
    let world = World::new(to(302, "https://other.example.org/x"));
    world.names.set("other.example.org", &[&["169.254.169.254"]]);
    let response = world.lane_with(following(5), Keys::bearer()).send(get(URL)).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(world.dialled().len(), 1);
    assert!(
        world.book.last().refusal.unwrap().starts_with("denied: "),
        "the hop is on record with its reason"
    );
}

#[tokio::test]
async fn a_secret_in_a_location_does_not_travel_to_another_origin() {
    let world =
        World::new(|_| answer(302, &[("location", &format!("https://other.example.org/?t={TOKEN}"))], ""));
    let response = world.lane_with(following(5), Keys::bearer()).send(get(URL)).await.unwrap();
    assert_eq!(world.seen().len(), 1);
    let location = response.headers.iter().find(|(n, _)| n == "location").unwrap();
    assert_eq!(location.1, b"https://other.example.org/?t=REDACTED");
}

#[tokio::test]
async fn a_401_of_another_origin_says_nothing_of_the_credential() {
    for (location, want) in [("https://other.example.org/x#top", false), ("/v1/next#top", true)] {
        let world = World::new(move |seen| match seen.target.as_str() {
            "/v1/start" => answer(302, &[("location", location)], ""),
            _ => answer(401, &[], ""),
        });
        let lane = world.lane_with(following(1), Keys::bearer());
        assert_eq!(lane.send(get(URL)).await.unwrap().status, 401);
        assert_eq!(lane.observed().unauthorized, want, "{location}");
    }
}

#[tokio::test]
async fn a_write_whose_redirect_fails_is_never_called_unsent() {
    let world = World::new(to(307, "https://hooks.example.com/x"));
    world.names.set("hooks.example.com", &[&[]]);
    let more = json!({ "egress": [
        { "methods": ["GET", "POST"], "host": "api.example.com", "paths": ["/v1/**"], "redirects": 1 },
        { "methods": ["GET", "POST"], "host": "hooks.example.com", "paths": ["/**"] },
    ] });
    let lane = world.lane_with(manifest(more), Keys::none());
    assert!(matches!(lane.send(post(URL, "text/plain", "x")).await, Err(Refusal::SentNoAnswer(_))));
    assert!(matches!(lane.send(get(URL)).await, Err(Refusal::NotSent(_))));
    assert_eq!(lane.observed().writes_sent, 1);
}
