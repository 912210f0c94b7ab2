//! Answers that attack: endless, slow, false, too many. What the host holds of them is bounded, and no one waits for ever.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hostile::{Act, Arena, Seat};
use serde_json::{Value, json};

use crate::GOOD;

const MIB: u64 = 1024 * 1024;

fn both() -> Vec<Value> {
    vec![json!({ "url": GOOD })]
}

/// From a head and a pause, what a provider does that has no hurry.
type Dripping = fn(&[u8], Duration) -> Vec<Act>;

/// A seat that takes answers of one MiB and waits for a second.
fn small<'a>(arena: &'a Arena, connection: &str) -> Seat<'a> {
    arena.seat(connection).limited(|l| {
        l.response_mib = Some(1);
        l.deadline_ms = Some(5_000);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_gigabyte_is_cut_at_its_limit() {
    let arena = Arena::new().await;
    for head in ["content-length: 1073741824", "transfer-encoding: chunked", "x-none: 1"] {
        let chunked = head.contains("chunked");
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
        arena.recorder.taken.store(0, Ordering::SeqCst);
        arena.recorder.script(move |_| {
            let body = vec![b'x'; 16 * 1024];
            let body = if chunked { [b"4000\r\n", &body[..], b"\r\n"].concat() } else { body };
            vec![Act::Send(head.clone().into_bytes()), Act::Again(body)]
        });
        for (ask, told) in small(&arena, "big").ask_both(&both()).await {
            assert!(told.contains("TooLarge") || told.contains("HttpResponseBodySize"), "{ask}: {told}");
        }
        // Twice one MiB, and what was in the pipes.
        let taken = arena.recorder.taken.load(Ordering::SeqCst);
        assert!(taken < 3 * MIB, "the host took {taken} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_drips_ends_with_the_deadline() {
    let arena = Arena::new().await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    let pause = Duration::from_millis(40);
    let scripts: [Dripping; 4] = [
        |head, pause| vec![Act::Send(head.to_vec()), Act::Drip(vec![b'x'; 1000], pause)],
        |head, pause| vec![Act::Drip([head, &[b'x'; 1000]].concat(), pause)],
        |head, _| vec![Act::Send(head.to_vec()), Act::Silence],
        |_, pause| {
            vec![Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Act::Drip(b"x-a: b\r\n".repeat(100), pause)]
        },
    ];
    for script in scripts {
        arena.recorder.script(move |_| script(head, pause));
        for wasi in [false, true] {
            let seat = arena.seat("drip").limited(|l| l.deadline_ms = Some(400));
            let began = Instant::now();
            let asks = json!([{ "url": GOOD, "wasi": wasi }]);
            let answer = seat.with("asks", asks).attack("ask", "").await;
            assert!(began.elapsed() < Duration::from_secs(3), "{:?}: {answer:?}", began.elapsed());
            let told = format!("{answer:?}");
            assert!(
                told.contains("Deadline") || told.contains("SentNoAnswer") || told.contains("Incomplete"),
                "{told}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_leave_no_sockets_behind() {
    let arena = Arc::new(Arena::new().await);
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    arena
        .recorder
        .script(|_| vec![Act::Drip(head.to_vec(), Duration::from_millis(1)), Act::Send(vec![b'x'; 100_000])]);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let arena = Arc::clone(&arena);
        calls.spawn(async move {
            let seat = arena.seat("unread").with("asks", json!([{ "url": GOOD }])).with("times", 5);
            assert_eq!(seat.learned("unread-again", "").await, "5");
        });
    }
    while let Some(end) = calls.join_next().await {
        end.unwrap();
    }
    assert!(arena.dialled().len() > 4, "the calls did not overlap");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let open = arena.recorder.open.load(Ordering::SeqCst);
    assert!((1..=4).contains(&open), "{open} sockets are open");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_what_comes_before_and_after_are_bounded() {
    let arena = Arena::new().await;
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n";
    let bombs: Vec<(&str, Vec<Act>)> = vec![
        ("10,000 headers", Act::raw(format!("{ok}{}\r\nhi", "x-a: b\r\n".repeat(10_000)))),
        ("a header of a MiB", Act::raw(format!("{ok}x-a: {}\r\n\r\nhi", "b".repeat(1 << 20)))),
        ("a header's name of a MiB", Act::raw(format!("{ok}{}: b\r\n\r\nhi", "b".repeat(1 << 20)))),
        ("a status line of a MiB", Act::raw(format!("HTTP/1.1 200 {}\r\n\r\n", "b".repeat(1 << 20)))),
        ("headers for ever", vec![Act::Send(ok.into()), Act::Again(b"x-a: b\r\n".repeat(100))]),
        ("100 Continue for ever", vec![Act::Again(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100))]),
        ("103 Early Hints for ever", vec![Act::Again(b"HTTP/1.1 103 X\r\nlink: </x>\r\n\r\n".repeat(100))]),
        (
            "trailers for ever",
            vec![
                Act::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n".to_vec()),
                Act::Again(b"x-a: b\r\n".repeat(100)),
            ],
        ),
        (
            "chunk extensions for ever",
            vec![
                Act::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;".to_vec()),
                Act::Again(vec![b'x'; 1000]),
            ],
        ),
        (
            "chunks of one byte for ever",
            vec![
                Act::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()),
                Act::Again(b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(100)),
            ],
        ),
    ];
    for (what, acts) in bombs {
        arena.recorder.taken.store(0, Ordering::SeqCst);
        arena.recorder.script(move |_| acts.clone());
        let began = Instant::now();
        for (ask, told) in small(&arena, "bombs").ask_both(&both()).await {
            assert!(!told.starts_with("200"), "{what}: {ask}: {told}");
        }
        let taken = arena.recorder.taken.load(Ordering::SeqCst);
        assert!(taken < 12 * MIB, "{what}: the host took {taken} bytes");
        assert!(began.elapsed() < Duration::from_secs(4), "{what}: only the deadline ended it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_called_none() {
    let arena = Arena::new().await;
    let false_ones = [
        "",
        "\r\n\r\n",
        "200 OK\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 -1 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi!",
        "HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\nhi!",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nhi",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi",
        "HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nx-a: b\r\n folded\r\ncontent-length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nx-a: b\0c\r\ncontent-length: 2\r\n\r\nhi",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "SSH-2.0-OpenSSH_9\r\n",
    ];
    for bytes in false_ones {
        arena.recorder.script(move |_| Act::raw(bytes));
        for (ask, told) in small(&arena, "false").ask_both(&both()).await {
            assert!(
                told.contains("SentNoAnswer") || told.contains("HttpResponse"),
                "{bytes:?}: {ask}: {told}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_question_or_a_second_one_is_nobodys() {
    let arena = Arena::new().await;
    let planted = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nplanted";
    let honest = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhonest";
    // Behind the first answer, in one piece or a little later, for the next request to find.
    for later in [false, true] {
        arena.recorder.script(move |_| match later {
            false => vec![Act::Send(format!("{honest}{planted}").into_bytes())],
            true => vec![
                Act::Send(honest.into()),
                Act::Drip(planted[..1].into(), Duration::from_millis(20)),
                Act::Send(planted[1..].into()),
            ],
        });
        for wasi in [false, true, false, true] {
            let told = arena.seat("planted").ask(vec![json!({ "url": GOOD, "wasi": wasi })]).await;
            assert!(told[0].contains("honest") && !told[0].contains("planted"), "{later}: {told:?}");
            if later {
                tokio::time::sleep(Duration::from_millis(80)).await;
            }
        }
    }
    let arena = Arena::new().await;
    arena.recorder.greet(planted.as_bytes());
    arena.recorder.script(move |_| Act::raw(honest));
    for (ask, told) in arena.seat("greeted").ask_both(&both()).await {
        assert!(!told.starts_with("200"), "{ask}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_protocols_gives_the_guest_no_socket() {
    let arena = Arena::new().await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nupgrade: raw\r\nconnection: upgrade\r\n\r\n";
    arena.recorder.script(move |_| vec![Act::Send(switch.into()), Act::Again(b"raw bytes ".to_vec())]);
    for (ask, told) in small(&arena, "switched").ask_both(&both()).await {
        assert!(!told.contains("raw bytes"), "{ask}: {told}");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(arena.recorder.open.load(Ordering::SeqCst), 0, "a socket of another protocol is kept");
}
