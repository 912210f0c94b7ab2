//! A guest that does not take no for an answer: it catches every refusal and goes on.

use jackfield_connector::{Json, json};
use wasi::clocks::monotonic_clock::{subscribe_duration, subscribe_instant};
use wasi::http::outgoing_handler::handle;

use crate::{ask, raw};

/// What the attack learned; none if there is no such attack.
pub(crate) fn run(attack: &str) -> Option<String> {
    Some(match attack {
        "again" => again(),
        "unread-again" => unread(),
        "timers" => timers(),
        "poll-many" => poll_many(),
        "far" => far(),
        _ => return None,
    })
}

fn times() -> u64 {
    crate::given("times").as_u64().unwrap_or(u64::MAX)
}

/// The same request again and again, whatever came of the last one: how many were answered, how many refused, and how.
fn again() -> String {
    let asked = ask::given();
    let Some(request) = asked.first().map(ask::request) else { return String::new() };
    let (mut answered, mut refused, mut last) = (0u64, 0u64, String::new());
    for _ in 0..times() {
        match raw::send(&request) {
            Ok(_) => answered += 1,
            Err(e) => {
                refused += 1;
                last = format!("{e:?}");
            }
        }
    }
    json!({ "answered": answered, "refused": refused, "last": last }).to_string()
}

/// Asks for answers and reads none of them.
fn unread() -> String {
    let asked = ask::given();
    let mut answered = 0u64;
    for _ in 0..times() {
        let Some(Ok(request)) = asked.first().map(ask::outgoing) else { break };
        let Ok(future) = handle(request, None) else { continue };
        future.subscribe().block();
        answered += u64::from(matches!(future.get(), Some(Ok(Ok(_)))));
    }
    answered.to_string()
}

/// Timers that are never waited for.
fn timers() -> String {
    let mut held = Vec::new();
    for _ in 0..100_000u64 {
        held.push(subscribe_duration(60_000_000_000));
    }
    held.len().to_string()
}

/// Waits for the same thing `count` times at once, for ever.
fn poll_many() -> String {
    let timer = subscribe_duration(0);
    let count = crate::given("count").as_u64().and_then(|n| n.try_into().ok()).unwrap_or(1_000);
    let many = vec![&timer; count];
    loop {
        std::hint::black_box(wasi::io::poll::poll(&many));
    }
}

/// Numbers at the end of their type, wherever the host takes one.
fn far() -> String {
    let timers =
        [subscribe_duration(u64::MAX), subscribe_instant(u64::MAX), subscribe_duration(u64::MAX / 2)];
    let ready: Vec<bool> = timers.iter().map(wasi::io::poll::Pollable::ready).collect();
    let ask = json!({ "wasi": true, "url": "https://api.example.com/v1/x", "timeoutMs": u64::MAX });
    let own = json!({ "url": "https://api.example.com/v1/x", "timeoutMs": u32::MAX });
    let told: Vec<Json> = [ask, own].iter().map(|a| Json::from(ask::one(a))).collect();
    json!({ "ready": ready, "told": told }).to_string()
}
