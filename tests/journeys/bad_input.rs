//! Bad input over the socket of the real binary: a problem document with a code, no 5xx, nothing written.

use serde_json::{Value, json};

use crate::support::{Host, raw};

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_body_is_a_problem_document_and_writes_nothing() {
    let host = Host::start(&[]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("{{\"event\":\"x\",\"data\":{{\"t\":\"{}\"}}}}", "a".repeat(10 * 1024 * 1024));
    let nul = r#"{"event":"x","id":"bad","data":{"t":"a\u0000b"}}"#;
    let whole = r#"[{"event":"good","id":"good"},{"event":"BAD NAME","id":"bad"}]"#;
    let events: Vec<(&str, Vec<u8>)> = vec![
        ("malformed JSON", b"{\"event\":".to_vec()),
        ("10 MiB", huge.into_bytes()),
        ("invalid UTF-8", b"{\"event\":\"x\",\"data\":{\"t\":\"\xff\xfe\"}}".to_vec()),
        ("NUL", nul.as_bytes().to_vec()),
        ("100,000 brackets", deep.into_bytes()),
        ("an empty array", b"[]".to_vec()),
        ("nothing", Vec::new()),
        ("a number", b"42".to_vec()),
        ("a wrong type", b"{\"event\":42}".to_vec()),
        ("a wrong timestamp", b"{\"event\":\"x\",\"timestamp\":\"yesterday\"}".to_vec()),
        ("one bad of two", whole.as_bytes().to_vec()),
    ];
    for (what, body) in events {
        let (status, head, answer) =
            host.client.bytes("POST", "/api/events", "application/json", &body).await;
        problem(what, status, &head, &answer);
    }
    let (status, _) = host.client.call("GET", "/api/events/good", None).await;
    assert_eq!(status, 404, "half of a refused array was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_connection_is_a_problem_document_and_writes_nothing() {
    let host = Host::start(&[]);
    let good = json!({ "connector": "hubspot", "credentials": { "accessToken": "t" } });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let bodies = [
        ("an unknown connector", with("connector", json!("nobody"))),
        ("a path as connector", with("connector", json!("../../etc/passwd"))),
        ("an unknown member", with("colour", json!("red"))),
        ("an unknown credential", with("credentials", json!({ "password": "x" }))),
        ("two credentials", with("credentials", json!({ "accessToken": "x", "apiKey": "y" }))),
        (
            "a credential of another kind",
            with("credentials", json!({ "webhookUrl": "https://hooks.zapier.com/hooks/catch/1/2/" })),
        ),
        ("an unknown setting", with("settings", json!({ "colour": "red" }))),
        ("an unknown switch", with("syncSettings", json!({ "syncEverything": true }))),
        ("a wrong switch", with("syncSettings", json!({ "syncLeads": "yes" }))),
        ("a wrong mapping", with("fieldMapping", json!({ "callerName": 7 }))),
        ("a NUL", with("name", json!("a\u{0}b"))),
        ("a list", json!([good])),
    ];
    for (what, body) in bodies {
        let (status, head, answer) = host
            .client
            .bytes("POST", "/api/connections", "application/json", body.to_string().as_bytes())
            .await;
        problem(what, status, &head, &answer);
        assert!(!String::from_utf8_lossy(&answer).contains("hooks/catch/1/2"), "{what}: a secret came back");
    }
    let (_, list) = host.client.call("GET", "/api/connections", None).await;
    assert!(!list.to_string().contains("hubspot"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_a_wrong_road_are_problem_documents() {
    let host = Host::start(&[]);
    let address = &host.client.address;
    for key in ["", "Bearer wrong", "Bearer jf_0000000000000000000000000000000000000000000", "Basic eDp5"] {
        let request = format!(
            "GET /api/connections HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\nconnection: close\r\n\r\n"
        );
        let (status, head, body) = raw(address, request.as_bytes()).await;
        assert_eq!(status, 401, "{key}");
        problem(key, status, &head, &body);
    }
    for (method, path) in [("GET", "/api/nowhere"), ("DELETE", "/api/events"), ("GET", "/api/events/%ff%fe")]
    {
        let (status, head, body) = host.client.bytes(method, path, "application/json", b"").await;
        problem(path, status, &head, &body);
    }
    for path in ["/healthz", "/readyz"] {
        let (status, _, _) = host.client.bytes("GET", path, "application/json", b"").await;
        assert_eq!(status, 200, "{path}");
    }
}

fn problem(what: &str, status: u16, head: &str, body: &[u8]) {
    assert!((400..500).contains(&status), "{what}: {status} {}", String::from_utf8_lossy(body));
    assert!(head.contains("application/problem+json"), "{what}: {head}");
    let problem: Value = serde_json::from_slice(body).unwrap();
    assert!(problem["code"].as_str().is_some_and(|c| !c.is_empty()), "{what}: {problem}");
}
