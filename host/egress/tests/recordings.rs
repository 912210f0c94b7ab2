//! record: what an exchange looks like on record and as HAR.

mod common;

use common::{Keys, World, answer, get, post};
use egress::har;
use model::Millis;
use serde_json::json;

#[tokio::test]
async fn an_exchange_is_recorded_with_both_halves() {
    let world = World::new(|_| answer(200, &[("Content-Type", "application/json")], "{\"id\":7}"));
    let lane = world.lane(Keys::bearer());
    let response = lane
        .send(post("https://api.example.com/v1/things?a=b", "application/json", "{\"n\":1}"))
        .await
        .unwrap();
    let exchange = world.book.last();
    assert_eq!(exchange.id, response.exchange);
    assert_eq!((exchange.org.as_str(), exchange.connection.as_str()), ("org-1", "conn-1"));
    assert_eq!(exchange.job, Some("job-1".into()));
    assert_eq!(exchange.started_at, Millis::parse("2026-11-20T10:00:00Z").unwrap());
    assert_eq!((exchange.method.as_str(), exchange.status, &exchange.refusal), ("POST", Some(200), &None));
    assert_eq!((exchange.request.body.as_deref(), exchange.request.body_size), (Some("{\"n\":1}"), 7));
    let answer = exchange.response.unwrap();
    assert_eq!((answer.body.as_deref(), answer.body_size), (Some("{\"id\":7}"), 8));
    assert!(answer.headers.contains(&("content-type".into(), "application/json".into())));
    assert_eq!(lane.observed().exchanges, [response.exchange]);
}

#[tokio::test]
async fn bodies_are_cut_at_128_kib_between_characters() {
    let body = "é".repeat(80_000);
    let world = World::new(move |_| answer(200, &[("x-long", &"v".repeat(9_000))], format!("x{body}")));
    world.lane(Keys::none()).send(get("https://api.example.com/v1/x")).await.unwrap();
    let recorded = world.book.last().response.unwrap();
    let text = recorded.body.unwrap();
    assert_eq!((text.len(), recorded.body_size, recorded.body_encoding), (128 * 1024 - 1, 160_001, None));
    assert!(recorded.headers.iter().any(|(n, v)| n == "x-long" && v.len() < 5_000));
}

#[tokio::test]
async fn cookies_of_an_answer_are_recorded_as_redacted() {
    let world = World::new(|_| answer(200, &[("set-cookie", "session=abcdef")], ""));
    world.lane(Keys::none()).send(get("https://api.example.com/v1/x")).await.unwrap();
    assert!(world.book.last().response.unwrap().headers.contains(&("set-cookie".into(), "REDACTED".into())));
    assert!(!world.book.text().contains("abcdef"));
}

#[tokio::test]
async fn har_has_the_shape_that_its_readers_want() {
    let world = World::new(|_| answer(302, &[("content-type", "text/html"), ("location", "/v1/y")], "<p>"));
    let lane = world.lane(Keys::bearer());
    lane.send(post("https://api.example.com/v1/x?a=b%20c&d=", "application/json", "{\"n\":1}"))
        .await
        .unwrap();
    let mut binary = post("https://api.example.com/v1/x", "application/octet-stream", "");
    binary.body = Some(vec![0xff, 0xfe].into());
    lane.send(binary).await.unwrap();
    lane.send(get("https://nobody.example.com/")).await.unwrap_err();
    let har = har(&world.book.all());
    assert_eq!(har["log"]["version"], "1.2");
    assert_eq!(har["log"]["creator"]["name"], "jackfield");
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    for entry in entries {
        for key in ["startedDateTime", "time", "request", "response", "cache", "timings"] {
            assert!(!entry[key].is_null(), "{key}");
        }
        for key in
            ["method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"]
        {
            assert!(!entry["request"][key].is_null(), "request.{key}");
        }
        for key in [
            "status",
            "statusText",
            "httpVersion",
            "cookies",
            "headers",
            "content",
            "redirectURL",
            "headersSize",
            "bodySize",
        ] {
            assert!(!entry["response"][key].is_null(), "response.{key}");
        }
        assert!(
            entry["response"]["content"]["size"].is_u64()
                && entry["response"]["content"]["mimeType"].is_string()
        );
    }
    let first = &entries[0];
    assert_eq!(first["startedDateTime"], "2026-11-20T10:00:00.000Z");
    assert_eq!(first["request"]["url"], "https://api.example.com/v1/x?a=b%20c&d=");
    assert_eq!(
        first["request"]["queryString"],
        json!([{ "name": "a", "value": "b c" }, { "name": "d", "value": "" }])
    );
    assert_eq!(first["request"]["postData"], json!({ "mimeType": "application/json", "text": "{\"n\":1}" }));
    assert_eq!(first["response"]["redirectURL"], "/v1/y");
    assert_eq!(first["response"]["content"]["text"], "<p>");
    assert_eq!(entries[1]["request"]["postData"]["_encoding"], "base64");
    assert_eq!(entries[2]["response"]["status"], 0);
    assert!(entries[2]["_error"].as_str().unwrap().starts_with("denied: "));
    assert!(!har.to_string().contains("sesame"));
}
