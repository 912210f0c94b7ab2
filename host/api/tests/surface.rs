//! What stands around every route: probes, request ids, bounds on time and number, an orderly end.
#![expect(clippy::unwrap_used, reason = "a test fails on what it does not expect")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use api::Limits;
use axum::body::Body;
use bytes::Bytes;
use common::Site;
use http::Request;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

fn open(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn the_probes_answer_without_a_key() {
    let site = Site::new().await;
    for path in ["/healthz", "/readyz", "/openapi.json", "/metrics"] {
        assert_eq!(site.send(open(path)).await.status, 200, "{path}");
    }
    site.post("/api/events", json!({"event": "a"})).await;
    assert!(site.send(open("/metrics")).await.text.contains("jackfield_events_unplanned 1\n"));
    site.serving.store(false, Ordering::SeqCst);
    site.send(open("/readyz")).await.is_problem(503, "not_ready");
    assert_eq!(site.send(open("/healthz")).await.status, 200);
}

#[tokio::test]
async fn a_store_that_is_gone_is_no_fault_of_the_callers() {
    let site = Site::new().await;
    site.store.close().await.unwrap();
    site.send(open("/readyz")).await.is_problem(503, "not_ready");
    let answer = site.post("/api/events", json!({"event": "a"})).await;
    answer.is_problem(503, "store_unavailable");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_modest_request_id_is_given_back_and_another_is_replaced() {
    let site = Site::new().await;
    let with = |id: &str| Request::get("/api/none").header("x-request-id", id).body(Body::empty()).unwrap();
    assert_eq!(site.send(with("abc-1")).await.headers["x-request-id"], "abc-1");
    for bad in ["a b", "", &"x".repeat(129)] {
        assert_eq!(site.send(with(bad)).await.headers["x-request-id"].len(), 36, "{bad}");
    }
}

#[tokio::test]
async fn one_request_too_many_is_told_to_come_again_but_a_probe_is_not() {
    let site = Site::with(Limits { in_flight: 0, ..Limits::default() }).await;
    let answer = site.post("/api/events", json!({"event": "a"})).await;
    answer.is_problem(503, "overloaded");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(site.send(open("/healthz")).await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_or_breaks_off_is_the_callers_fault() {
    let site = Site::with(Limits { body: Duration::from_millis(50), ..Limits::default() }).await;
    let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
    site.raw("POST", "/api/events", Body::from_stream(never)).await.is_problem(408, "request_timeout");
    let broken = futures::stream::iter([
        Ok(Bytes::from_static(b"{\"event\":")),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ]);
    site.raw("POST", "/api/events", Body::from_stream(broken)).await.is_problem(400, "incomplete_body");
    assert_eq!(site.stored_events().await, 0);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let site = Site::with(Limits { request: Duration::from_millis(300), ..Limits::default() }).await;
    let path = format!("{}/test", site.connect().await);
    site.ask("POST", &path, None).await.is_problem(503, "timeout");
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_sender_of_ten_mebibytes_gets_to_read_the_refusal_on_its_socket() {
    let site = Site::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(api::serve(listener, site.router.clone(), std::future::pending()));
    let body = vec![b'['; 10 << 20];
    for (key, kind, status, code) in [
        (site.key.as_str(), "application/json", 413, "body_too_large"),
        (site.key.as_str(), "text/plain", 415, "unsupported_media_type"),
        ("jf_wrong", "application/json", 401, "unauthorized"),
    ] {
        let head = format!(
            "POST /api/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        let answer = exchange(&mut stream, &[head.as_bytes(), &body].concat()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
    }
    serving.abort();
}

#[tokio::test]
async fn a_panic_is_a_problem_without_details() {
    let site = Site::new().await;
    let path = format!("{}/test", site.connect().await);
    // The stub waits for a word that never comes, and panics.
    *site.held.lock().unwrap() = Some(oneshot::channel().1);
    let answer = site.ask("POST", &path, None).await;
    answer.is_problem(500, "internal");
    assert!(!answer.text.contains("panic"));
}

#[tokio::test]
async fn a_request_in_flight_is_answered_while_the_host_shuts_down() {
    let site = Site::new().await;
    let path = format!("{}/test", site.connect().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        stopped.await.unwrap();
    };
    let serving = tokio::spawn(api::serve(listener, site.router.clone(), shutdown));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", site.key);
    let (answer, release) = oneshot::channel::<()>();
    *site.held.lock().unwrap() = Some(release);
    let asked = tokio::spawn(async move { exchange(&mut stream, head.as_bytes()).await });
    // The request is in the handler once the provider has been asked.
    site.asked.notified().await;
    stop.send(()).unwrap();
    *site.said.lock().unwrap() = Some(Ok(json!({"id": "42"})));
    answer.send(()).unwrap();
    assert!(asked.await.unwrap().contains("{\"ok\":true"));
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
