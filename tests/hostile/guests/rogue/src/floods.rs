//! Attacks on the host behind its functions: its time, its memory, its stack.

use wasi::http::outgoing_handler::{FutureIncomingResponse, OutgoingRequest, handle};
use wasi::http::types::{Fields, Method, OutgoingBody, Scheme};

const MIB: usize = 1024 * 1024;

/// What the attack learned; none if there is no such attack.
pub(crate) fn run(attack: &str, url: &str) -> Option<String> {
    Some(match attack {
        "calls" => calls(),
        "random" => random(),
        "random-huge" => wasi::random::random::get_random_bytes(1 << 30).len().to_string(),
        "handles" => handles(),
        "texts" => texts(),
        "deep" => deep(crate::setting("method").and_then(|d| d.parse().ok()).unwrap_or(100_000), url),
        "unread" => unread(url),
        "bodies" => bodies(url),
        "fire" => fire(url),
        "random-insecure" => random_insecure(),
        "log-text" => log(&"x".repeat(4_000), 1_000),
        "log-lines" => log("x", 10_000),
        "log-huge" => log(&"x".repeat(3 * MIB), 1),
        "wasi-flood" => own_flood(url),
        _ => return None,
    })
}

/// The cheapest host call there is, for ever: hardly a tick of it is the guest's own.
fn calls() -> String {
    loop {
        std::hint::black_box(wasi::clocks::monotonic_clock::now());
    }
}

/// Dear host calls, for ever: all of the time is the host's.
fn random() -> String {
    loop {
        std::hint::black_box(wasi::random::random::get_random_bytes(65_536));
    }
}

/// Things of the host's that are never given back.
fn handles() -> String {
    let mut held = Vec::new();
    for _ in 0..5_000 {
        held.push(Fields::new());
    }
    held.len().to_string()
}

/// Long texts that the host keeps for requests which are never sent. How many it took.
fn texts() -> String {
    let long = "a".repeat(MIB);
    let path = format!("/{long}");
    let mut held = Vec::new();
    let mut taken = 0;
    for _ in 0..20 {
        let request = OutgoingRequest::new(Fields::new());
        taken += u32::from(request.set_method(&Method::Other(long.clone())).is_ok());
        taken += u32::from(request.set_authority(Some(&long)).is_ok());
        taken += u32::from(request.set_path_with_query(Some(&path)).is_ok());
        held.push(request);
    }
    taken.to_string()
}

/// Calls the host from the bottom of a deep recursion: what the host needs of the stack must be left to it.
fn deep(depth: u32, url: &str) -> String {
    if std::hint::black_box(depth) == 0 {
        return crate::send("GET", url, &[])
            .map_or_else(|e| format!("{e:?}"), |reply| reply.status.to_string());
    }
    let answer = deep(depth - 1, url);
    std::hint::black_box(&answer);
    answer
}

fn request(url: &str, method: &Method) -> Option<OutgoingRequest> {
    let rest = url.trim_start_matches("https://");
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(method).ok()?;
    request.set_scheme(Some(&Scheme::Https)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some(path)).ok()?;
    Some(request)
}

/// A write that is on its way when the guest falls over.
fn fire(url: &str) -> String {
    let future = request(url, &Method::Post).map(|r| handle(r, None));
    std::thread::sleep(std::time::Duration::from_millis(200));
    panic!("on purpose, with {future:?} under way")
}

/// Large answers that the host holds and the guest never reads. How many came, and why one did not.
fn unread(url: &str) -> String {
    let mut held = Vec::new();
    let mut why = String::new();
    for _ in 0..5 {
        let Some(Ok(future)) = request(url, &Method::Get).map(|r| handle(r, None)) else { break };
        future.subscribe().block();
        match future.get() {
            Some(Ok(Ok(answer))) => held.push(answer),
            other => why = format!("{other:?}"),
        }
    }
    format!("{} {why}", held.len())
}

/// Request bodies that never end, side by side. How many MiB the host took.
fn bodies(url: &str) -> String {
    let mut held: Vec<(OutgoingBody, FutureIncomingResponse)> = Vec::new();
    let mut taken = 0;
    for _ in 0..5 {
        let Some(request) = request(url, &Method::Post) else { break };
        let Ok(body) = request.body() else { break };
        let Ok(future) = handle(request, None) else { break };
        if let Ok(stream) = body.write() {
            let chunk = vec![b'x'; 4096];
            for _ in 0..4 * MIB / chunk.len() {
                if stream.blocking_write_and_flush(&chunk).is_err() {
                    break;
                }
                taken += chunk.len();
            }
        }
        held.push((body, future));
    }
    (taken / MIB).to_string()
}

/// Random numbers of the cheap kind, one by one and in pieces.
fn random_insecure() -> String {
    for _ in 0..100_000 {
        std::hint::black_box(wasi::random::random::get_random_u64());
        std::hint::black_box(wasi::random::insecure::get_insecure_random_u64());
        std::hint::black_box(wasi::random::insecure::get_insecure_random_bytes(16));
    }
    "made".to_owned()
}

fn log(line: &str, times: u32) -> String {
    for _ in 0..times {
        jackfield_connector::log::info(line, &[]);
    }
    "logged".to_owned()
}

/// More requests over wasi:http than a call may make, with no look at what comes of them.
fn own_flood(url: &str) -> String {
    let mut held = Vec::new();
    for _ in 0..50 {
        held.push(request(url, &Method::Get).map(|r| handle(r, None)));
    }
    held.len().to_string()
}
