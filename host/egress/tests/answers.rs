//! dial: bounds on answers, one deadline, sockets that stay apart, and the exact line between unsent and unanswered.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Keys, Reply, World, answer, get, manifest, ok, post};
use egress::{Lane, Refusal, Request};
use serde_json::json;
use tokio::time::Instant;

const URL: &str = "https://api.example.com/v1/x";

fn small(world: &World) -> Lane {
    world.lane_of("c", manifest(json!({})), Keys::none(), |o| o.limits.response_bytes = 1_000)
}

#[tokio::test]
async fn an_answer_body_is_bounded_whether_announced_or_not() {
    let exact = World::new(|_| answer(200, &[], vec![b'x'; 1_000]));
    assert_eq!(small(&exact).send(get(URL)).await.unwrap().body.len(), 1_000);
    let announced = World::new(|_| {
        Reply::Endless(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_vec(), vec![b'x'])
    });
    assert_eq!(small(&announced).send(get(URL)).await.unwrap_err(), Refusal::TooLarge(1_000));
    let chunked = World::new(|_| {
        Reply::Endless(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
            b"4\r\nabcd\r\n".to_vec(),
        )
    });
    assert_eq!(small(&chunked).send(get(URL)).await.unwrap_err(), Refusal::TooLarge(1_000));
    let until_close = World::new(|_| Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 100]));
    assert_eq!(small(&until_close).send(get(URL)).await.unwrap_err(), Refusal::TooLarge(1_000));
    let refusal = until_close.book.last().refusal.unwrap();
    assert!(refusal.starts_with("too-large: the answer is larger than 1000 bytes"), "{refusal}");
    assert!(refusal.contains("`limits.response-mib`"), "{refusal}");
}

#[tokio::test]
async fn an_endless_head_is_bounded() {
    let one_header = World::new(|_| Reply::Endless(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'a'; 8_192]));
    let lane = one_header.lane_of("c", manifest(json!({})), Keys::none(), |o| o.limits.header_bytes = 16_384);
    assert_eq!(lane.send(get(URL)).await.unwrap_err(), Refusal::TooLarge(16_384));
    let many = World::new(|_| Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".to_vec()));
    let lane = many.lane_of("c", manifest(json!({})), Keys::none(), |o| o.limits.header_bytes = 16_384);
    assert_eq!(lane.send(get(URL)).await.unwrap_err(), Refusal::TooLarge(16_384));
    let flood = World::new(|_| Reply::Endless(Vec::new(), b"HTTP/1.1 102 Processing\r\n\r\n".to_vec()));
    let lane = flood.lane_of("c", manifest(json!({})), Keys::none(), |o| o.limits.response_bytes = 1_000);
    // Interim answers are no part of the head; they count towards all that comes over the wire.
    assert_eq!(lane.send(get(URL)).await.unwrap_err(), Refusal::TooLarge(1_000));
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_waited_for() {
    let world = World::new(|_| Reply::Keep(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_vec()));
    assert_eq!(small(&world).send(get(URL)).await.unwrap_err(), Refusal::TooLarge(1_000));
    let mut head = get(URL);
    head.method = "HEAD".into();
    let granted =
        manifest(json!({ "egress": [{ "methods": ["HEAD"], "host": "api.example.com", "paths": ["/**"] }] }));
    let lane = world.lane_of("c", granted, Keys::none(), |o| o.limits.response_bytes = 1_000);
    assert!(lane.send(head).await.is_ok(), "a HEAD's length announces no body");
}

#[tokio::test]
async fn a_head_is_bounded_in_size_and_in_headers() {
    let head = async |headers: usize, size: usize| {
        let lines: String = (0..headers).map(|i| format!("x-{i}: {}\r\n", "v".repeat(size))).collect();
        let world = World::new(move |_| {
            Reply::Keep(format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{lines}\r\n").into_bytes())
        });
        let lane = world.lane_of("c", manifest(json!({})), Keys::none(), |o| o.limits.header_bytes = 16_384);
        lane.send(get(URL)).await.map(|r| r.status)
    };
    assert_eq!(head(1, 15_000).await, Ok(200));
    assert_eq!(head(1, 100_000).await, Err(Refusal::TooLarge(16_384)));
    assert_eq!(head(200, 4).await, Ok(200));
    assert_eq!(head(300, 4).await, Err(Refusal::TooLarge(16_384)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_drip_ends_with_the_deadline() {
    for reply in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec(),
        [b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n".to_vec(), vec![b'x'; 500]].concat(),
    ] {
        let world = World::new(move |_| Reply::Drip(reply.clone(), Duration::from_secs(1)));
        let start = Instant::now();
        let refusal = world.lane(Keys::none()).send(get(URL)).await.unwrap_err();
        assert_eq!(refusal, Refusal::SentNoAnswer("the deadline passed".into()));
        assert_eq!(start.elapsed().as_secs(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn a_requests_own_timeout_shortens_the_deadline_and_never_lengthens_it() {
    let world = World::new(|_| Reply::Hang);
    for (timeout, want) in [(Some(3), 3), (Some(300), 20), (None, 20)] {
        let start = Instant::now();
        let request = Request { timeout: timeout.map(Duration::from_secs), ..get(URL) };
        assert!(matches!(world.lane(Keys::none()).send(request).await, Err(Refusal::SentNoAnswer(_))));
        assert_eq!(start.elapsed().as_secs(), want);
    }
    let request = Request { timeout: Some(Duration::MAX), ..get(URL) };
    assert!(world.lane(Keys::none()).send(request).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_hangs_is_not_sent() {
    struct Stuck;
    #[async_trait::async_trait]
    impl egress::Resolve for Stuck {
        async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            std::future::pending().await
        }
    }
    let world = World::with(|_| ok(), |o| o.resolver = Arc::new(Stuck));
    let lane = world.lane(Keys::none());
    let refusal = lane.send(post(URL, "text/plain", "x")).await.unwrap_err();
    assert_eq!(refusal, Refusal::NotSent("the deadline passed".into()));
    assert_eq!(lane.observed().writes_sent, 0);
}

#[tokio::test]
async fn a_write_that_gets_no_answer_is_sent_and_never_repeated() {
    for reply in [
        || Reply::Close(Vec::new()),
        || Reply::Close(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        || Reply::Close(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()),
        || Reply::Close(b"SSH-2.0-OpenSSH\r\n".to_vec()),
    ] {
        let world = World::new(move |_| reply());
        let lane = world.lane(Keys::none());
        let refusal = lane.send(post(URL, "text/plain", "x")).await.unwrap_err();
        assert!(matches!(refusal, Refusal::SentNoAnswer(_)), "{refusal:?}");
        assert_eq!(world.seen().len(), 1);
        assert_eq!(lane.observed().writes_sent, 1);
    }
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let world = World::new(|_| ok());
    world.net.dead.lock().unwrap().push(common::PUBLIC.parse().unwrap());
    let lane = world.lane(Keys::none());
    let refusal = lane.send(post(URL, "text/plain", "x")).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::NotSent(why) if !why.contains(common::PUBLIC)), "{refusal:?}");
    assert_eq!(lane.observed().writes_sent, 0);
    assert_eq!(lane.observed().exchanges.len(), 1);
}

/// Answers the first request of a socket and is gone when the second comes.
fn answers_once() -> impl Fn(&common::Seen) -> Reply {
    let last = AtomicUsize::new(usize::MAX);
    move |seen| {
        if last.swap(seen.socket, Ordering::SeqCst) == seen.socket { Reply::Close(Vec::new()) } else { ok() }
    }
}

#[tokio::test]
async fn a_read_lost_on_an_idle_socket_is_repeated_once_and_a_write_is_not() {
    let world = World::new(answers_once());
    let lane = world.lane(Keys::none());
    lane.send(get(URL)).await.unwrap();
    lane.send(get(URL)).await.unwrap();
    assert_eq!(world.dialled().len(), 2, "the second read went out again over a fresh socket");
    let world = World::new(answers_once());
    let lane = world.lane(Keys::none());
    lane.send(get(URL)).await.unwrap();
    let refusal = lane.send(post(URL, "text/plain", "x")).await.unwrap_err();
    assert!(matches!(refusal, Refusal::SentNoAnswer(_)), "{refusal:?}");
    assert_eq!((world.dialled().len(), world.seen().len()), (1, 2));
}

#[tokio::test]
async fn a_socket_that_the_server_closed_after_its_answer_is_not_used_again() {
    for head in ["connection: close\r\n", ""] {
        let world = World::new(move |_| {
            Reply::Close(format!("HTTP/1.1 200 OK\r\n{head}content-length: 0\r\n\r\n").into_bytes())
        });
        let lane = world.lane(Keys::none());
        for _ in 0..3 {
            lane.send(post(URL, "text/plain", "x")).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(world.dialled().len(), 3);
    }
}

#[tokio::test]
async fn an_idle_socket_serves_its_own_connection_and_policy_alone() {
    let world = World::new(|_| ok());
    let send = async |connection: &str, more: serde_json::Value| {
        let lane = world.lane_of(connection, manifest(more), Keys::none(), |_| {});
        lane.send(get(URL)).await.unwrap();
        world.dialled().len()
    };
    assert_eq!(send("a", json!({})).await, 1);
    assert_eq!(send("a", json!({})).await, 1, "it is used again");
    assert_eq!(send("b", json!({})).await, 2, "another connection gets its own");
    let wider = json!({ "egress": [{ "methods": ["GET"], "host": "api.example.com", "paths": ["/**"] }] });
    assert_eq!(send("a", wider).await, 3, "another policy gets its own");
    assert_eq!(send("a", json!({})).await, 3);
}

#[tokio::test(start_paused = true)]
async fn an_idle_socket_grows_too_old_for_a_write_first_and_then_for_all() {
    let world = World::new(|_| ok());
    let lane = world.lane_of("c", manifest(json!({})), Keys::none(), |o| {
        o.deadline = Instant::now() + Duration::from_secs(600)
    });
    let post = || post(URL, "text/plain", "x");
    lane.send(post()).await.unwrap();
    lane.send(post()).await.unwrap();
    assert_eq!(world.dialled().len(), 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    lane.send(get(URL)).await.unwrap();
    assert_eq!(world.dialled().len(), 1, "a read may try it");
    tokio::time::sleep(Duration::from_secs(4)).await;
    lane.send(post()).await.unwrap();
    assert_eq!(world.dialled().len(), 2, "a write may not");
    tokio::time::sleep(Duration::from_secs(31)).await;
    lane.send(get(URL)).await.unwrap();
    assert_eq!(world.dialled().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn idle_sockets_are_closed_when_nobody_asks_for_them() {
    let world = World::new(|_| ok());
    for connection in ["a", "b"] {
        world.lane_of(connection, manifest(json!({})), Keys::none(), |_| {}).send(get(URL)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(world.net.closed.load(Ordering::SeqCst), 0);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(world.net.closed.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_keeps_few_idle_sockets() {
    let world = World::new(|_| ok());
    let lane = world.lane(Keys::none());
    futures::future::join_all((0..20).map(|_| lane.send(get(URL)))).await;
    let opened = world.dialled().len();
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(opened - world.net.closed.load(Ordering::SeqCst) <= 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_off_is_on_record_and_its_write_is_counted() {
    let world = World::new(|_| Reply::Hang);
    let lane = world.lane(Keys::none());
    let cut = tokio::time::timeout(Duration::from_secs(1), lane.send(post(URL, "text/plain", "x"))).await;
    assert!(cut.is_err());
    assert_eq!(lane.observed().writes_sent, 1);
    assert_eq!(
        world.book.last().refusal.as_deref(),
        Some("sent-no-answer: sent, but no whole answer came: the call was cut off")
    );
    assert_eq!(lane.observed().exchanges, [world.book.last().id]);
}

#[tokio::test]
async fn the_host_sees_a_401_whatever_the_guest_says() {
    let world = World::new(|_| answer(401, &[], "no"));
    let lane = world.lane(Keys::bearer());
    assert_eq!(lane.send(get(URL)).await.unwrap().status, 401);
    assert!(lane.observed().unauthorized);
    assert_eq!(lane.observed().writes_sent, 0);
}

#[tokio::test]
async fn it_works_over_real_sockets() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4_096];
        for _ in 0..2 {
            let n = stream.read(&mut buffer).await.unwrap();
            assert!(buffer[..n].starts_with(b"GET /v1/x HTTP/1.1\r\n"));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        }
    });
    let world = World::with(
        |_| ok(),
        |o| {
            o.dialler = Arc::new(egress::SystemDial);
            o.overrides
                .insert("https://api.example.com".into(), format!("http://localhost:{}", address.port()));
            o.resolver = Arc::new(Loopback);
        },
    );
    let lane = world.lane(Keys::none());
    for _ in 0..2 {
        assert_eq!(&lane.send(get(URL)).await.unwrap().body[..], b"hi");
    }
}

struct Loopback;
#[async_trait::async_trait]
impl egress::Resolve for Loopback {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()])
    }
}

#[tokio::test]
async fn the_time_that_a_request_waits_is_known_though_nobody_waits_for_it_any_more() {
    let world = World::new(|_| Reply::Hang);
    let lane = world.lane(Keys::none());
    assert_eq!(lane.observed().waited, Duration::ZERO);
    let both = futures::future::join(lane.send(get(URL)), lane.send(get(URL)));
    assert!(tokio::time::timeout(Duration::from_millis(100), both).await.is_err());
    let waited = lane.observed().waited;
    assert!(waited >= Duration::from_millis(100), "{waited:?}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lane.observed().waited, waited, "two at once wait once, and what was given up waits no more");
}
