//! Bad input: each a problem document with a code, no 5xx, and nothing written.

mod common;

use axum::body::Body;
use common::{Site, TOKEN, acme};
use http::Request;
use serde_json::{Value, json};

const EVENTS: &str = "/api/events";
const CONNECTIONS: &str = "/api/connections";

#[tokio::test]
async fn what_is_no_json_is_refused_and_nothing_is_written() {
    let site = Site::new().await;
    let path = site.connect().await;
    let cases: &[(&[u8], &str)] = &[
        (b"{\"event\":\"a\"", "malformed_json"),
        (b"{\"event\":\"a\"}}", "malformed_json"),
        (b"[{\"event\":\"a\"},]", "malformed_json"),
        (b"{\"event\":\"a\",\"n\":1e400}", "malformed_json"),
        (b"{\"event\":\"a\",\"t\":\"\\ud800\"}", "malformed_json"),
        (b"event=a", "malformed_json"),
        (b"", "empty_body"),
        (b"{\"event\":\"a\",\"t\":\"\xff\xfe\"}", "invalid_utf8"),
        (b"{\"event\":\"a\",\"event\":\"b\"}", "duplicate_member"),
    ];
    for (body, code) in cases {
        for (method, path) in [("POST", EVENTS), ("POST", CONNECTIONS), ("PATCH", path.as_str())] {
            site.raw(method, path, body.to_vec()).await.is_problem(400, code);
        }
    }
    assert_eq!((site.stored_events().await, site.stored_connections().await), (0, 1));
}

#[tokio::test]
async fn a_hundred_thousand_nested_brackets_are_refused() {
    let site = Site::new().await;
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in
        [nested.clone(), "[".repeat(100_000), format!("{{\"event\":\"a\",\"data\":{{\"x\":{nested}}}}}")]
    {
        for path in [EVENTS, CONNECTIONS] {
            let answer = site.raw("POST", path, body.clone()).await;
            // Connections take small bodies only: either bound may speak first.
            assert!(["too_deep", "body_too_large"].contains(&answer.code()), "{}", answer.text);
            assert!(answer.status.is_client_error());
        }
    }
    assert_eq!(site.stored_events().await, 0);
}

#[tokio::test]
async fn a_body_of_ten_mebibytes_is_refused_whole() {
    let site = Site::new().await;
    let body = format!("{{\"event\":\"a\",\"data\":{{\"x\":\"{}\"}}}}", "y".repeat(10 << 20));
    for path in [EVENTS, CONNECTIONS] {
        site.raw("POST", path, body.clone()).await.is_problem(413, "body_too_large");
    }
    let large = json!({"event": "a", "data": {"x": "y".repeat(2 << 20)}});
    site.post(EVENTS, large).await.is_problem(422, "data_too_large");
    assert_eq!(site.stored_events().await, 0);
}

#[tokio::test]
async fn a_nul_in_any_text_is_refused() {
    let site = Site::new().await;
    let bad = json!("a\u{0}b");
    for body in [
        json!({"event": bad}),
        json!({"event": "a", "id": bad}),
        json!({"event": "a", "organizationId": bad}),
        json!({"event": "a", "data": {"deep": [{"er": bad}]}}),
        json!({"event": "a", "a\u{0}b": 1}),
        json!([{"event": "a"}, {"event": "a", "x": bad}]),
    ] {
        site.post(EVENTS, body).await.is_problem(422, "invalid_text");
    }
    for member in ["connector", "name"] {
        let mut body = acme();
        body[member] = bad.clone();
        site.post(CONNECTIONS, body).await.is_problem(422, "invalid_text");
    }
    assert_eq!((site.stored_events().await, site.stored_connections().await), (0, 0));
    // In a path and a query, too.
    site.get("/api/events/a%00b").await.is_problem(404, "not_found");
    site.get("/api/connections?after=a%00b").await.is_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn an_array_is_refused_whole_if_one_event_is_wrong() {
    let site = Site::new().await;
    site.post(EVENTS, json!([])).await.is_problem(422, "empty_batch");
    let many: Vec<Value> = (0..1_001).map(|_| json!({"event": "a"})).collect();
    site.post(EVENTS, Value::Array(many)).await.is_problem(422, "batch_too_large");
    let wrong = [
        (json!({"event": "A"}), "invalid_event_name", "[3].event"),
        (json!({"event": 7}), "wrong_type", "[3].event"),
        (json!({}), "missing_member", "[3].event"),
        (json!({"event": "a", "id": ""}), "invalid_event_id", "[3].id"),
        (json!({"event": "a", "id": 5}), "wrong_type", "[3].id"),
        (json!({"event": "a", "timestamp": "yesterday"}), "invalid_timestamp", "[3].timestamp"),
        (json!({"event": "a", "timestamp": "2026-11-24T15:00:00"}), "invalid_timestamp", "[3].timestamp"),
        (json!({"event": "a", "organizationId": "x".repeat(129)}), "invalid_value", "[3].organizationId"),
        (json!({"event": "a", "data": []}), "wrong_type", "[3].data"),
        (json!("a"), "wrong_type", "[3]"),
        (json!(null), "wrong_type", "[3]"),
    ];
    for (event, code, path) in wrong {
        let ok = json!({"event": "a"});
        let answer = site.post(EVENTS, json!([ok, ok, ok, event, ok])).await;
        answer.is_problem(422, code);
        assert_eq!(answer.json["errors"][0]["path"], path);
        assert_eq!(answer.json["errors"][0]["code"], code);
    }
    for body in [json!(7), json!("event"), json!(null), json!(true)] {
        site.post(EVENTS, body).await.is_problem(422, "wrong_type");
    }
    assert_eq!(site.stored_events().await, 0);
}

#[tokio::test]
async fn an_unknown_connector_is_named_and_a_path_is_never_followed() {
    let site = Site::new().await;
    for name in
        ["acme", "../acme-crm", "/etc/passwd", "..\\x", "acme-crm/../hook", "", "ACME-CRM", &"a".repeat(500)]
    {
        let mut body = acme();
        body["connector"] = json!(name);
        site.post(CONNECTIONS, body).await.is_problem(422, "unknown_connector");
    }
    let near = site.post(CONNECTIONS, json!({"connector": "acme-cmr"})).await;
    assert!(near.json["detail"].as_str().unwrap().contains("did you mean acme-crm?"), "{}", near.text);
    for path in ["/api/connectors/nope", "/api/connectors/..%2Facme-crm", "/api/connectors/%2Fetc%2Fpasswd"] {
        site.get(path).await.is_problem(404, "not_found");
    }
    assert_eq!(site.stored_connections().await, 0);
}

#[tokio::test]
async fn a_wrong_connection_says_all_that_is_wrong_and_is_not_made() {
    let site = Site::new().await;
    let cases = [
        (json!({"nmae": "x"}), "unknown_member", "nmae"),
        (json!({"organizationId": "x"}), "unknown_member", "organizationId"),
        (json!({"connector": 7}), "wrong_type", "connector"),
        (json!({"connector": null}), "missing_member", "connector"),
        (json!({"name": ""}), "invalid_value", "name"),
        (json!({"name": "a\nb"}), "invalid_value", "name"),
        (json!({"name": "x".repeat(101)}), "invalid_value", "name"),
        (json!({"credentials": null}), "missing_member", "credentials"),
        (json!({"credentials": "x"}), "wrong_type", "credentials"),
        (json!({"credentials": {}}), "invalid_credentials", "credentials"),
        (json!({"credentials": {"apiKey": TOKEN}}), "invalid_credentials", "credentials"),
        (json!({"credentials": {"accessToken": TOKEN, "more": 1}}), "invalid_credentials", "credentials"),
        (json!({"credentials": {"accessToken": 7}}), "invalid_credentials", "credentials.accessToken"),
        (json!({"credentials": {"accessToken": "a\r\nb"}}), "invalid_credentials", "credentials.accessToken"),
        (json!({"settings": []}), "wrong_type", "settings"),
        (json!({"settings": {"regoin": "eu"}}), "invalid_settings", "settings.regoin"),
        (json!({"settings": {"region": "mars"}}), "invalid_settings", "settings.region"),
        (json!({"settings": {"region": 7}}), "invalid_settings", "settings.region"),
        (json!({"syncSettings": {"syncLead": true}}), "unknown_member", "syncSettings.syncLead"),
        (json!({"syncSettings": {"syncLeads": "no"}}), "wrong_type", "syncSettings.syncLeads"),
        (json!({"fieldMapping": []}), "wrong_type", "fieldMapping"),
        (json!({"fieldMapping": {"calerName": "x"}}), "invalid_mapping", "fieldMapping.calerName"),
        (json!({"fieldMapping": {"reason": ""}}), "invalid_mapping", "fieldMapping.reason"),
        (json!({"fieldMapping": {"reason": 7}}), "wrong_type", "fieldMapping.reason"),
    ];
    for (change, code, path) in cases {
        let mut body = acme();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = site.post(CONNECTIONS, body).await;
        answer.is_problem(422, code);
        assert_eq!(answer.json["errors"][0]["path"], path, "{}", answer.text);
        assert!(!answer.text.contains(TOKEN), "{}", answer.text);
    }
    for body in [json!([]), json!([acme()]), json!("x"), json!(null)] {
        site.post(CONNECTIONS, body).await.is_problem(422, "wrong_type");
    }
    assert_eq!(site.stored_connections().await, 0);
}

#[tokio::test]
async fn a_wrong_change_leaves_a_connection_as_it_was() {
    let site = Site::new().await;
    let path = site.connect().await;
    let before = site.get(&path).await.json;
    let cases = [
        (json!({"connector": "hook"}), "immutable_member"),
        (json!({"name": "new", "nmae": "x"}), "unknown_member"),
        (json!({"name": "new", "status": "reconnect-required"}), "invalid_value"),
        (json!({"name": "new", "settings": {"region": "mars"}}), "invalid_settings"),
        (json!({"name": "new", "credentials": {"username": "a", "password": "b"}}), "invalid_credentials"),
    ];
    for (change, code) in cases {
        site.ask("PATCH", &path, Some(change)).await.is_problem(422, code);
    }
    assert_eq!(site.get(&path).await.json, before);
}

#[tokio::test]
async fn a_wrong_key_is_told_apart_from_a_missing_scope() {
    let site = Site::new().await;
    let strange = format!("jf_{}", "A".repeat(43));
    for key in [
        "",
        "jf_",
        "nonsense",
        &strange,
        &site.key[..45],
        &format!("{}x", site.key),
        &site.key.to_lowercase(),
    ] {
        let answer = site.ask_as(key, "POST", EVENTS, Some(json!({"event": "a"}))).await;
        answer.is_problem(401, "unauthorized");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer "));
        assert!(!answer.text.contains(&strange));
    }
    let bare =
        Request::post(EVENTS).header("content-type", "application/json").body(Body::from("{}")).unwrap();
    site.send(bare).await.is_problem(401, "unauthorized");
    let basic = Request::get(CONNECTIONS).header("authorization", "Basic amY6").body(Body::empty()).unwrap();
    site.send(basic).await.is_problem(401, "unauthorized");

    let reader = site.key_of(&site.org, &["events:read", "connections:read"]).await;
    let answer = site.ask_as(&reader, "POST", EVENTS, Some(json!({"event": "a"}))).await;
    answer.is_problem(403, "missing_scope");
    assert!(answer.json["detail"].as_str().unwrap().contains("events:write"));
    assert_eq!(site.ask_as(&reader, "GET", CONNECTIONS, None).await.status, 200);
    site.ask_as(&reader, "GET", "/api/connectors", None).await.is_problem(403, "missing_scope");
    assert_eq!(site.stored_events().await, 0);
}

#[tokio::test]
async fn wrong_routes_methods_types_and_queries_are_problems_too() {
    let site = Site::new().await;
    for path in ["/", "/api", "/api/", "/api/nothing", "/api/events/a/b", "/favicon.ico"] {
        site.get(path).await.is_problem(404, "not_found");
    }
    let answer = site.ask("DELETE", EVENTS, None).await;
    answer.is_problem(405, "method_not_allowed");
    assert_eq!(answer.headers["allow"], "POST");
    site.get("/api/events/%ff").await.is_problem(404, "not_found");
    site.get(&format!("/api/events/{}", "x".repeat(2_000))).await.is_problem(404, "not_found");

    let send = |kind: &str| {
        let r = Request::post(EVENTS).header("authorization", format!("Bearer {}", site.key));
        let r = if kind.is_empty() { r } else { r.header("content-type", kind) };
        site.send(r.body(Body::from(r#"{"event":"a"}"#)).unwrap())
    };
    for kind in
        ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"]
    {
        send(kind).await.is_problem(415, "unsupported_media_type");
    }
    assert_eq!(send("application/json; charset=utf-8").await.status, 202);

    for query in ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "after=", "limit=%ff"] {
        site.get(&format!("{CONNECTIONS}?{query}")).await.is_problem(400, "invalid_parameter");
    }
    site.get(&format!("{CONNECTIONS}?lmit=1")).await.is_problem(400, "unknown_parameter");
    site.get("/api/connectors?limit=1").await.is_problem(400, "unknown_parameter");
}
