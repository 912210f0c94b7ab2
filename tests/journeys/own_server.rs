//! A tester's own server in HubSpot's place: what exactly goes over the wire, and what is on record afterwards.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Host, guide_mapping};

const TOKEN: &str = "the-testers-own-token";

/// One request as it came.
#[derive(Clone, Debug)]
struct Seen {
    line: String,
    head: String,
    body: Value,
}

/// Answers as HubSpot's documentation says, keeps one contact, and never heard of anything else.
async fn server() -> (String, Arc<Mutex<Vec<Seen>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(one(socket, kept.clone()));
        }
    });
    (url, seen)
}

async fn one(mut socket: tokio::net::TcpStream, kept: Arc<Mutex<Vec<Seen>>>) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    let (head, body) = loop {
        let Ok(n) = socket.read(&mut chunk).await else { return };
        if n == 0 {
            return;
        }
        bytes.extend_from_slice(&chunk[..n]);
        let Some(split) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
        let length =
            head.to_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
        if bytes.len() >= split + 4 + length.unwrap_or(0) {
            break (head, bytes[split + 4..].to_vec());
        }
    };
    let line = head.lines().next().unwrap().to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (status, answer) = answer(&line, &body);
    kept.lock().unwrap().push(Seen { line, head, body });
    let answer = answer.to_string();
    // The token comes back in a header: neither the guest nor a recording may have it.
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-echo: Bearer {TOKEN}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{answer}",
        answer.len()
    );
    socket.write_all(reply.as_bytes()).await.ok();
}

fn answer(line: &str, body: &Value) -> (&'static str, Value) {
    let record = json!({
        "id": "101", "properties": body["properties"], "createdAt": "2026-11-20T10:00:00Z",
        "updatedAt": "2026-11-20T10:00:00Z", "archived": false
    });
    if line.starts_with("POST") && !line.contains("/search") {
        return ("201 Created", record);
    }
    if line.contains("/search") {
        return ("200 OK", json!({ "total": 0, "results": [] }));
    }
    let missing = json!({
        "status": "error", "message": "resource not found", "correlationId": "c", "category": "OBJECT_NOT_FOUND"
    });
    ("404 Not Found", missing)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_yields_the_documented_requests_and_one_contact() {
    let (url, seen) = server().await;
    let host = Host::start(&[("https://api.hubapi.com".to_owned(), url)]);
    let connection = host
        .connect(json!({
            "connector": "hubspot", "credentials": { "accessToken": TOKEN }, "fieldMapping": guide_mapping()
        }))
        .await;
    let lead = json!({
        "id": "evt-own-1", "event": "lead.captured", "timestamp": "2024-12-06T10:30:00Z",
        "data": {
            "leadId": "lead_xyz789", "name": "John Smith", "phone": "+1234567890", "email": "john@example.com",
            "reason": "Interested in services"
        }
    });
    let end = host.run(&lead).await;
    assert_eq!(end["state"], "done", "{end}");

    let requests = seen.lock().unwrap().clone();
    let made: Vec<&Seen> =
        requests.iter().filter(|s| s.line.starts_with("POST") && s.line.contains("/contacts ")).collect();
    assert_eq!(made.len(), 1, "{requests:?}");
    let properties = &made[0].body["properties"];
    for (name, value) in [
        ("firstname", "John"),
        ("lastname", "Smith"),
        ("phone", "+1234567890"),
        ("email", "john@example.com"),
    ] {
        assert_eq!(properties[name], value, "{properties}");
    }
    let notes: Vec<&Seen> =
        requests.iter().filter(|s| s.line.starts_with("POST") && s.line.contains("/notes ")).collect();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].body["properties"]["hs_note_body"].as_str().unwrap().contains("Interested in services"));
    for request in &requests {
        assert!(request.head.contains(&format!("Bearer {TOKEN}")), "{}", request.line);
        assert!(request.head.to_lowercase().contains("host: api.hubapi.com"), "{}", request.head);
    }

    // The same id again: nothing further goes out.
    let (status, again) = host.client.call("POST", "/api/events", Some(&lead)).await;
    assert_eq!((status, &again["events"][0]["duplicate"]), (202, &json!(true)));
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(seen.lock().unwrap().len(), requests.len());

    no_trace_of_the_token(&host, &connection).await;
}

/// The token is in no recording and no answer; that it is in no file and no log, each journey's end says.
async fn no_trace_of_the_token(host: &Host, connection: &str) {
    let har = host.har(connection).await.to_string();
    assert!(har.contains("REDACTED") && !har.contains(TOKEN), "{har}");
    let (_, shown) = host.client.call("GET", &format!("/api/connections/{connection}"), None).await;
    assert!(!shown.to_string().contains(TOKEN), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_does_not_grant_is_denied_though_the_manifest_asks_for_it() {
    let (url, seen) = server().await;
    let host = Host::start_with(
        &[("https://api.hubapi.com".to_owned(), url)],
        "[[egress.grants.hubspot]]\nmethods = [\"GET\"]\nhost = \"api.hubapi.com\"\npaths = [\"/crm/**\"]\n",
    );
    let connection =
        host.connect(json!({ "connector": "hubspot", "credentials": { "accessToken": TOKEN } })).await;
    let end = host
        .run(&json!({ "event": "lead.captured", "data": { "leadId": "l", "email": "a@example.com" } }))
        .await;
    assert_eq!(end["state"], "failed", "{end}");
    let requests = seen.lock().unwrap().clone();
    assert!(!requests.is_empty() && requests.iter().all(|s| s.line.starts_with("GET")), "{requests:?}");
    let (_, exchanges) =
        host.client.call("GET", &format!("/api/connections/{connection}/exchanges"), None).await;
    let refused = exchanges.to_string();
    assert!(refused.contains("denied") && refused.contains("POST"), "{refused}");
}
