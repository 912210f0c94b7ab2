//! Requests that go beyond what was granted, in every spelling, on both roads.

use std::net::IpAddr;

use hostile::{Arena, TOKEN};
use serde_json::{Value, json};

use crate::{GOOD, get, heads};

/// Every one of these is refused on both roads, and nothing is dialled.
async fn all_refused(asks: &[Value]) {
    let arena = Arena::new().await;
    let public = IpAddr::from([93, 184, 216, 34]);
    for host in ["evil.test", "api.example.com", "api.example.com.evil.test", "metadata.google.internal"] {
        arena.names.0.lock().expect("not poisoned").insert(host.to_owned(), vec![public]);
    }
    let told = arena.seat("connection").ask_both(asks).await;
    assert_eq!(told.len(), asks.len() * 2);
    for (ask, told) in told {
        let refused = ["Denied", "HttpRequest", "refused", "HttpProtocol"].iter().any(|w| told.contains(w));
        assert!(refused, "{ask}: {told}");
    }
    assert!(arena.dialled().is_empty(), "dialled {:?}: {}", arena.dialled(), arena.recorder.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_in_another_spelling_is_no_way_out() {
    let hosts = [
        "http://api.example.com/v1/x",
        "ftp://api.example.com/v1/x",
        "file:///etc/passwd",
        "https://api.example.com./v1/x",
        "https://api.example.com../v1/x",
        "https://api.example.com:8443/v1/x",
        "https://api.example.com:80/v1/x",
        "https://api.example.com:/v1/x",
        "https://api.example.com:0443/v1/x",
        "https://api.example.com:65979/v1/x",
        "https://api.example.com.evil.test/v1/x",
        "https://evil.test/v1/x",
        "https://evil.test%2f@api.example.com/v1/x",
        "https://api%2eexample.com/v1/x",
        "https://api.example.com%00.evil.test/v1/x",
        "https://аpi.example.com/v1/x",
        "https://xn--pi-7kc.example.com/v1/x",
        "https://api。example。com。/v1/x",
        "https://metadata.google.internal/v1/x",
        "https://localhost/v1/x",
        "https:api.example.com/v1/x",
        "//api.example.com/v1/x",
        "https://*/v1/x",
    ];
    all_refused(&hosts.map(get)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_any_spelling_is_no_way_out() {
    let addresses = [
        "127.0.0.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0",
        "１２７.0.0.1",
        "①②⑦.0.0.1",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[fe80::1%25eth0]",
        "93.184.216.34",
        "[2606:2800:220:1:248:1893:25c8:1946]",
    ];
    all_refused(&addresses.map(|a| get(&format!("https://{a}/v1/x")))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_name_does_not_hide_the_host() {
    let urls = [
        "https://api.example.com@evil.test/v1/x",
        "https://api.example.com:443@evil.test/v1/x",
        "https://api.example.com%40evil.test/v1/x",
        "https://user@api.example.com/v1/x",
        "https://user:pass@api.example.com/v1/x",
        "https://@api.example.com/v1/x",
        "https://api.example.com\\@evil.test/v1/x",
        "https://evil.test#@api.example.com/v1/x",
        "https://evil.test?@api.example.com/v1/x",
        "https://evil.test;@api.example.com/v1/x",
    ];
    let mut asks: Vec<Value> = urls.map(get).into();
    // wasi:http takes the pieces one by one.
    asks.push(json!({ "url": GOOD, "authority": "api.example.com@evil.test" }));
    asks.push(json!({ "url": GOOD, "authority": "evil.test", "path": "@api.example.com/v1/x" }));
    let arena = Arena::new().await;
    for (ask, told) in arena.seat("connection").ask_both(&asks).await {
        // The contract's own road reads the URL alone.
        let plain = ask["wasi"] != true && ask["authority"].is_string();
        assert!(plain || !told.starts_with("200"), "{ask}: {told}");
    }
    let heard = arena.recorder.heard().to_lowercase();
    assert!(!heard.contains("evil.test"), "{heard}");
    all_refused(&asks[..urls.len()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_a_server_could_read_otherwise_is_refused() {
    let paths = [
        "/v2/x",
        "/v1/../admin",
        "/v1/./x",
        "/v1/..",
        "/v1/x/../../admin",
        "/v1/%2e%2e/admin",
        "/v1/.%2e/admin",
        "/v1/%2E%2E%2Fadmin",
        "/v1/..%2fadmin",
        "/v1/..%2Fadmin",
        "/v1/%252e%252e%252fadmin",
        "/v1/..%25252fadmin",
        "/v1/..%2525252fadmin",
        "/v1/..%5cadmin",
        "/v1/..%255cadmin",
        "/v1/..\\admin",
        "\\v1\\x",
        "/v1//x",
        "//v1/x",
        "//evil.test/v1/x",
        "/v1/..;/admin",
        "/v1/..;a=b/admin",
        "/v1/..%3b/admin",
        "/v1/..%3Ba/admin",
        "/v1/.%253b/admin",
        "/v1/x%00",
        "/v1/x%00.json",
        "/v1/x%2500",
        "/v1/x%0d%0ax:y",
        "/v1/x%250d%250ax:y",
        "/v1/x%0a",
        "/v1/x\0",
        "/v1/x\r\nx: y",
        "/v1/x y",
        "/v1/x%",
        "/v1/x%zz",
        "/v1/%u002e%u002e/admin",
        // A dot and a slash in more bytes than they have: some servers still read them (RFC 3629 §10).
        "/v1/%c0%ae%c0%ae/admin",
        "/v1/..%c0%afadmin",
        "/v1/..%e0%80%afadmin",
        "@evil.test/v1/x",
        "",
    ];
    all_refused(&paths.map(|p| get(&format!("https://api.example.com{p}")))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_is_never_sent() {
    let arena = Arena::new().await;
    for (ask, told) in arena.seat("connection").ask_both(&[get("https://api.example.com/v1/x#/admin")]).await
    {
        // A client of wasi:http has cut it off before the column sees it.
        assert_eq!(told.starts_with("200"), ask["wasi"] == true, "{told}");
    }
    assert!(!arena.recorder.heard().contains("admin"), "{}", arena.recorder.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_granted_or_no_method_is_refused() {
    let methods = [
        "DELETE",
        "PUT",
        "PATCH",
        "OPTIONS",
        "HEAD",
        "TRACE",
        "CONNECT",
        "get",
        "Get",
        "",
        " GET",
        "GET ",
        "GET /admin HTTP/1.1\r\nhost: evil.test\r\n\r\nGET",
        "GET\r\n",
        "GET\0",
        "PROPFIND",
        "X",
    ];
    all_refused(&methods.map(|m| json!({ "url": GOOD, "method": m }))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_smuggles_another_header_or_request() {
    let smuggling = [
        ("x-a", "1\r\nx-smuggled: 1"),
        ("x-a", "1\nx-smuggled: 1"),
        ("x-a", "1\rx-smuggled: 1"),
        ("x-a", "1\r\n\r\nGET /admin HTTP/1.1\r\nx-smuggled: 1"),
        ("x-a", "1\0x-smuggled: 1"),
        ("x-a\r\nx-smuggled", "1"),
        ("x-a: 1\r\nx-smuggled", "1"),
        ("x-a\0x-smuggled", "1"),
        ("x-smuggled ", "1"),
        (" x-smuggled", "1"),
        ("x-smuggled:", "1"),
        ("", "x-smuggled: 1"),
        ("x-a", "\u{7f}x-smuggled: 1"),
    ];
    all_refused(&smuggling.map(|(name, value)| json!({ "url": GOOD, "headers": [[name, value]] }))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_credentials_of_the_connection_and_of_other_hosts_are_not_the_guests() {
    let names = [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "X-Api-Key",
        "x_api_key",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Upgrade",
        "Trailer",
        "Keep-Alive",
        "Proxy-Connection",
        "HTTP2-Settings",
        "Expect",
        "X-Forwarded-Host",
        "Forwarded",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "Range",
    ];
    all_refused(&names.map(|name| json!({ "url": GOOD, "headers": [[name, "guest-0815"]] }))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_framing_of_a_request_is_the_hosts() {
    let arena = Arena::new().await;
    let body = "GET /admin HTTP/1.1\r\nhost: evil.test\r\n\r\n";
    let ask =
        json!({ "method": "POST", "url": GOOD, "body": body, "headers": [["accept-encoding", "gzip"]] });
    for (ask, told) in arena.seat("connection").ask_both(&[ask]).await {
        assert!(told.starts_with("200"), "{ask}: {told}");
    }
    let heads =
        heads(&arena).into_iter().filter(|head| head[0].starts_with("post /v1/x")).collect::<Vec<_>>();
    assert_eq!(heads.len(), 2, "{heads:?}");
    for head in heads {
        let one = |line: &str| assert_eq!(head.iter().filter(|l| *l == line).count(), 1, "{line}: {head:?}");
        one("host: api.example.com");
        one(&format!("content-length: {}", body.len()));
        one("accept-encoding: identity");
        one(&format!("authorization: bearer {TOKEN}"));
        assert!(!head.iter().any(|l| l.starts_with("transfer-encoding")), "{head:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_binding_and_an_endpoint_of_its_own_are_the_guests_to_name() {
    let arena = Arena::new().await;
    let seat = arena.seat("connection").endpoint("hook", "https://one.tenant.example.com/base/");
    let asks = [
        json!({ "url": GOOD, "auth": "basic" }),
        json!({ "url": GOOD, "auth": "other-connection" }),
        json!({ "url": GOOD, "auth": "../bearer" }),
        json!({ "url": GOOD, "auth": "" }),
    ];
    for told in seat.ask(asks.into()).await {
        assert!(told.contains("Denied"), "{told}");
    }
    let endpoints = [
        "https://other.endpoint.invalid/",
        "https://.endpoint.invalid/",
        "https://endpoint.invalid/",
        "https://hook.endpoint.invalid./",
        "https://hook.endpoint.invalid:8443/",
        "https://hook.endpoint.invalid/../admin",
        "https://hook.endpoint.invalid/..%2fadmin",
        "https://hook.other.endpoint.invalid/",
        "https://one.tenant.example.com/base/x",
        "https://..endpoint.invalid/",
        "http://hook.endpoint.invalid/",
    ];
    for (ask, told) in seat.ask_both(&endpoints.map(get)).await {
        assert!(!told.starts_with("200"), "{ask}: {told}");
    }
    assert!(arena.dialled().is_empty(), "{}", arena.recorder.heard());
    // In any case of its letters it is the same endpoint, and it leads to its own base and no other.
    for (_, told) in seat.ask_both(&[get("https://HOOK.endpoint.invalid/x")]).await {
        assert!(told.starts_with("200"), "{told}");
    }
    let heard = arena.recorder.heard();
    assert_eq!(heard.matches("GET /base/x HTTP/1.1").count(), 2, "{heard}");
    assert!(!heard.contains("endpoint.invalid") && !heard.contains(TOKEN), "{heard}");
}
