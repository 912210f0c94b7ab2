//! allow: what is granted goes out, nothing else does.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use common::{Keys, World, answer, get, manifest, ok, post};
use egress::{Denial, LaneLimits, Policy, Refusal, Request, Source};
use manifest::EgressRule;
use serde_json::json;

#[expect(clippy::unwrap_used, reason = "a test may panic")]
fn rule(methods: &[&str], host: &str, paths: &[&str]) -> EgressRule {
    serde_json::from_value(json!({ "methods": methods, "host": host, "paths": paths })).unwrap()
}

async fn denied(world: &World, request: Request) -> (String, Option<String>) {
    match world.lane(Keys::bearer()).send(request).await {
        Err(Refusal::Denied { reason, grant }) => (reason, grant),
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_granted_request_goes_out_as_it_was_asked_for() {
    let world = World::new(|_| answer(201, &[("x-thing", "yes"), ("set-cookie", "id=1")], "made"));
    let mut request = post("https://api.example.com/v1/things/7?a=b%20c&d", "application/json", "{\"a\":1}");
    request.headers.push(("X-Mine".into(), b"1".to_vec()));
    let response = world.lane(Keys::none()).send(request).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (201, &b"made"[..]));
    assert!(response.headers.contains(&("x-thing".into(), b"yes".to_vec())));
    assert!(!response.headers.iter().any(|(n, _)| n == "set-cookie"));
    let seen = &world.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/things/7?a=b%20c&d"));
    assert_eq!(seen.body, b"{\"a\":1}");
    assert_eq!(seen.header("host"), Some("api.example.com"));
    assert_eq!(seen.header("x-mine"), Some("1"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("content-length"), Some("7"));
    assert_eq!(seen.header("user-agent"), Some(concat!("jackfield/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn a_write_without_a_body_says_so() {
    let world = World::new(|_| ok());
    world.lane(Keys::none()).send(Request::new("POST", "https://api.example.com/v1/x")).await.unwrap();
    assert_eq!(world.seen()[0].header("content-length"), Some("0"));
}

#[tokio::test]
async fn an_ungranted_host_path_or_method_is_denied_before_any_look_up() {
    let world = World::new(|_| ok());
    for (method, url, word) in [
        ("GET", "https://other.example.org/v1/x", "host"),
        ("GET", "https://api.example.com/v2/x", "path"),
        ("GET", "https://api.example.com/", "path"),
        ("DELETE", "https://api.example.com/v1/x", "method"),
        ("get", "https://api.example.com/v1/x", "method"),
        ("GET ", "https://api.example.com/v1/x", "method"),
        ("GET / HTTP/1.1\r\nx: y", "https://api.example.com/v1/x", "method"),
        ("CONNECT", "https://api.example.com/v1/x", "method"),
        ("", "https://api.example.com/v1/x", "method"),
        ("GET", "http://api.example.com/v1/x", "https"),
        ("GET", "https://api.example.com:8443/v1/x", "port"),
        ("GET", "https://u:p@api.example.com/v1/x", "password"),
        ("GET", "https://api.example.com/v1/%2e%2e/v2/x", "percent"),
        ("GET", "https://api.example.com/v1/a%2Fb", "percent"),
        ("GET", "https://api.example.com/v1/../v2/x", "segment"),
        ("GET", "https://api.example.com./v1/x", "dot"),
        ("GET", "https://93.184.216.34/v1/x", "address"),
    ] {
        let (reason, _) = denied(&world, Request::new(method, url)).await;
        assert!(reason.contains(word), "{method} {url}: {reason}");
        assert!(!reason.contains('\r'), "{reason:?}");
    }
    assert_eq!(world.names.lookups.load(Ordering::SeqCst), 0);
    assert!(world.dialled().is_empty());
    assert_eq!(world.book.all().len(), 17, "refused requests are on record too");
    assert!(!world.book.text().contains("u:p@"));
}

#[tokio::test]
async fn a_denial_carries_the_very_lines_that_would_grant_it() {
    let world = World::new(|_| ok());
    let (_, grant) = denied(&world, Request::new("PATCH", "https://other.example.org/v1/\"x'/{y}")).await;
    let grant = grant.unwrap();
    assert_eq!(
        grant,
        "[[egress]]\nmethods = [\"PATCH\"]\nhost = \"other.example.org\"\npaths = [\"/v1/%22x'/%7By%7D\"]\n"
    );
    let granted = manifest(json!({ "egress": [
        { "methods": ["PATCH"], "host": "other.example.org", "paths": ["/v1/%22x'/%7By%7D"] }
    ] }));
    let lane = world.lane_with(granted, Keys::none());
    assert!(lane.send(Request::new("PATCH", "https://other.example.org/v1/\"x'/{y}")).await.is_ok());
}

#[tokio::test]
async fn credential_headers_of_a_guest_are_refused_and_not_recorded() {
    let world = World::new(|_| ok());
    let more = json!({ "auth": [{ "kind": "api-key", "hosts": ["api.example.com"], "inject": { "header": { "name": "X-Vendor-Key" } } }] });
    for name in [
        "Authorization",
        "Cookie",
        "x-vendor-key",
        "X_Vendor_Key",
        "Host",
        "Transfer-Encoding",
        "Content-Length",
    ] {
        let mut request = get("https://api.example.com/v1/x");
        request.headers.push((name.into(), b"stolen-value".to_vec()));
        let refusal = world.lane_with(manifest(more.clone()), Keys::none()).send(request).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Denied { .. }), "{name}: {refusal:?}");
    }
    assert!(world.dialled().is_empty());
    assert!(!world.book.all()[0].request.headers.iter().any(|(_, v)| v.contains("stolen")));
}

#[tokio::test]
async fn a_header_cannot_smuggle_a_second_request() {
    let world = World::new(|_| ok());
    for value in [&b"a\r\n\r\nGET /v2/admin HTTP/1.1\r\nhost: api.example.com"[..], b"a\nb: c", b"a\0"] {
        let mut request = get("https://api.example.com/v1/x");
        request.headers.push(("x-mine".into(), value.to_vec()));
        denied(&world, request).await;
    }
    let mut request = get("https://api.example.com/v1/x");
    request.headers.push(("x: y\r\nz".into(), b"a".to_vec()));
    denied(&world, request).await;
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn operator_and_organization_narrow_what_the_manifest_asks_for() {
    let asked = manifest(json!({}));
    let operator = [rule(&["GET"], "*.example.com", &["/**"])];
    let organization = [rule(&["GET", "POST"], "api.example.com", &["/v1/own/*"])];
    let policy = Policy::compile(&asked, Some(&operator), Some(&organization)).unwrap();
    let by = |method, path| policy.check(method, "api.example.com", path).map_err(|d: Denial| d.by);
    assert!(by("GET", "/v1/own/7").is_ok());
    assert_eq!(by("POST", "/v1/own/7"), Err(Source::Operator));
    assert_eq!(by("GET", "/v1/other/7"), Err(Source::Organization));
    assert_eq!(by("GET", "/v2/own/7"), Err(Source::Manifest));
    assert_eq!(by("DELETE", "/v1/own/7"), Err(Source::Manifest));
    // They narrow, they never widen.
    let wide = [rule(&["GET"], "other.example.org", &["/**"])];
    let policy = Policy::compile(&asked, Some(&wide), None).unwrap();
    assert!(policy.check("GET", "other.example.org", "/").is_err());
    let nothing = Policy::compile(&asked, Some(&[]), None).unwrap();
    assert!(nothing.check("GET", "api.example.com", "/v1/x").is_err());
}

#[test]
fn a_rule_that_cannot_be_read_names_its_place() {
    for (rule, word) in [
        (rule(&["get"], "a.example.com", &["/**"]), "method"),
        (rule(&["CONNECT"], "a.example.com", &["/**"]), "method"),
        (rule(&["GET"], "10.0.0.1", &["/**"]), "address"),
        (rule(&["GET"], "*", &["/**"]), "host"),
        (rule(&["GET"], "a.example.com", &["v1"]), "slash"),
    ] {
        let asked = manifest(json!({ "egress": [rule] }));
        let error = Policy::compile(&asked, None, None).unwrap_err().to_string();
        assert!(error.starts_with("manifest egress[0]: ") && error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn one_call_makes_no_more_requests_than_its_limit() {
    let world = World::new(|_| ok());
    let lane = world.lane_of("c", manifest(json!({})), Keys::none(), |o| {
        o.limits = LaneLimits { requests: 2, ..LaneLimits::default() };
    });
    for _ in 0..2 {
        lane.send(get("https://api.example.com/v1/x")).await.unwrap();
    }
    for _ in 0..50 {
        let refusal = lane.send(get("https://api.example.com/v1/x")).await.unwrap_err();
        let Refusal::Denied { grant: Some(grant), .. } = refusal else { panic!("{refusal:?}") };
        assert_eq!(grant, "[limits]\nhttp-requests = 3\n");
    }
    assert_eq!(world.seen().len(), 2);
    assert_eq!(world.book.all().len(), 3, "a loop of refused requests does not fill the record");
}

#[tokio::test]
async fn a_request_body_beyond_the_limit_is_denied() {
    let world = World::new(|_| ok());
    let lane = world.lane_of("c", manifest(json!({})), Keys::none(), |o| o.limits.request_bytes = 10);
    let mut request = post("https://api.example.com/v1/x", "text/plain", "0123456789");
    lane.send(request.clone()).await.unwrap();
    request.body = Some(Bytes::from_static(b"0123456789a"));
    assert!(matches!(lane.send(request).await, Err(Refusal::Denied { .. })));
    assert_eq!(world.seen().len(), 1);
}

fn with_endpoints() -> manifest::Manifest {
    manifest(json!({ "endpoint": [
        { "name": "hook", "from": "credential", "hosts": ["hooks.example.com"], "paths": ["/hooks/catch/**"], "methods": ["POST"] },
        { "name": "site", "from": "settings", "setting": "siteUrl", "hosts": ["*.example.com"], "methods": ["GET"] },
    ] }))
}

const HOOK: &str = "https://hooks.example.com/hooks/catch/1234567/b1x2c3/";

#[tokio::test]
async fn a_secret_endpoint_is_reached_exactly_and_shown_by_its_name() {
    let world =
        World::new(|seen| answer(200, &[("location", &seen.target)], format!("you called {}", seen.target)));
    let lane = world.lane_with(with_endpoints(), Keys::none().endpoint("hook", HOOK));
    assert_eq!(lane.endpoint("hook").as_deref(), Some("https://hook.endpoint.invalid"));
    assert_eq!(lane.endpoint("other"), None);
    let request = post("https://hook.endpoint.invalid/", "application/json", "{}");
    let response = lane.send(request).await.unwrap();
    assert_eq!(world.seen()[0].target, "/hooks/catch/1234567/b1x2c3/");
    assert_eq!(world.seen()[0].header("host"), Some("hooks.example.com"));
    assert_eq!(world.book.last().url, "https://hook.endpoint.invalid/");
    let shown = format!("{}{response:?}{:?}", world.book.text(), response.headers)
        + &String::from_utf8_lossy(&response.body);
    for secret in ["1234567", "b1x2c3"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert_eq!(lane.redact(&format!("failed at {HOOK}")), "failed at REDACTED/");
}

#[tokio::test]
async fn an_endpoint_keeps_to_its_manifest() {
    let world = World::new(|_| ok());
    let send = async |url: &str, base: &str| {
        let lane = world.lane_of("c", with_endpoints(), Keys::none().endpoint("hook", base), |o| {
            o.endpoints.insert("site".into(), base.into());
        });
        let method = if url.contains("hook") { "POST" } else { "GET" };
        lane.send(Request::new(method, url)).await
    };
    for bad in [
        "https://evil.example.org/hooks/catch/1/2/",
        "https://hooks.example.com/other/1/2/",
        "http://hooks.example.com/hooks/catch/1/2/",
        "https://u:p@hooks.example.com/hooks/catch/1/2/",
        "https://hooks.example.com:444/hooks/catch/1/2/",
        "https://hooks.example.com/hooks/catch/../../other",
        "https://10.0.0.1/hooks/catch/1/2/",
        "https://site.endpoint.invalid/hooks/catch/",
        "",
    ] {
        let refusal = send("https://hook.endpoint.invalid/", bad).await.unwrap_err();
        let Refusal::Denied { reason, .. } = &refusal else { panic!("{bad}: {refusal:?}") };
        assert!(!reason.contains("/1/2"), "{reason}");
    }
    assert!(send("https://site.endpoint.invalid/a", "https://api.example.com/base/").await.is_ok());
    assert_eq!(world.seen()[0].target, "/base/a");
    assert_eq!(world.book.last().url, "https://api.example.com/base/a", "a base that is no secret is shown");
    assert!(send("https://site.endpoint.invalid/a", "https://example.com/").await.is_err(), "the apex");
    assert!(send("https://nobody.endpoint.invalid/a", "https://api.example.com/").await.is_err());
    let lane = world.lane_with(with_endpoints(), Keys::none());
    assert_eq!(
        lane.send(Request::new("POST", "https://hook.endpoint.invalid/")).await.unwrap_err(),
        Refusal::AuthExpired
    );
    assert!(matches!(lane.send(get("https://site.endpoint.invalid/")).await, Err(Refusal::Denied { .. })));
    assert!(
        matches!(lane.send(get("https://hook.endpoint.invalid/")).await, Err(Refusal::Denied { .. })),
        "POST alone"
    );
    assert_eq!(world.seen().len(), 1);
}

#[tokio::test]
async fn an_operator_narrows_endpoints_too_without_telling_where_they_lead() {
    let world = World::new(|_| ok());
    let operator = [rule(&["GET"], "api.example.com", &["/**"])];
    let lane = world.lane_of("c", with_endpoints(), Keys::none().endpoint("hook", HOOK), |o| {
        o.policy = Arc::new(Policy::compile(&with_endpoints(), Some(&operator), None).unwrap());
    });
    let refusal =
        lane.send(Request::new("POST", "https://hook.endpoint.invalid/")).await.unwrap_err().to_string();
    assert!(refusal.contains("operator") && refusal.contains("hook"), "{refusal}");
    assert!(!refusal.contains("1234567") && !refusal.contains("hooks.example.com"), "{refusal}");
}

#[tokio::test]
async fn nothing_is_decompressed() {
    let gzip = b"\x1f\x8b\x08\0not really".as_slice();
    let world = World::new(move |_| answer(200, &[("content-encoding", "gzip")], gzip));
    let mut request = get("https://api.example.com/v1/x");
    request.headers.push(("Accept-Encoding".into(), b"gzip".to_vec()));
    let response = world.lane(Keys::none()).send(request).await.unwrap();
    assert_eq!(&response.body[..], gzip);
    assert!(response.headers.contains(&("content-encoding".into(), b"gzip".to_vec())));
    assert_eq!(world.seen()[0].header("accept-encoding"), Some("identity"));
    assert_eq!(world.book.last().response.unwrap().body_encoding.as_deref(), Some("base64"));
}
