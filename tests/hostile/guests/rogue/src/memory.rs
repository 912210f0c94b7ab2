//! A guest that looks for a secret in the whole of its own memory: in answers, in buffers that were given back, wherever
//! the host or a library may have left a copy.

use std::sync::atomic::{AtomicUsize, Ordering};

use jackfield_connector::{Json, json};

use crate::ask;

/// What is looked for comes with each byte changed by this, so that it is not itself what is found.
const MASK: u8 = 0x5a;

/// What the attack learned; none if there is no such attack.
pub(crate) fn run(attack: &str) -> Option<String> {
    (attack == "memory").then(memory)
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

/// Makes each request (after `quiet-after` calls none), keeps what came, and counts how often each needle lies in memory; and how many calls this instance
/// has seen.
fn memory() -> String {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let quiet = crate::given("quiet-after").as_u64().is_some_and(|after| calls as u64 > after);
    let asks = if quiet { Vec::new() } else { ask::given() };
    let kept: Vec<String> = asks.iter().map(ask::one).collect();
    let given = crate::given("needles");
    let needles: Vec<Vec<u8>> =
        given.as_array().into_iter().flatten().filter_map(Json::as_str).map(bytes).collect();
    let counts = count(&needles);
    std::hint::black_box(kept);
    json!({ "calls": calls, "counts": counts }).to_string()
}

/// From hex.
fn bytes(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|n| u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()).collect()
}

/// How often each of them is there, in one walk through all of the memory.
#[expect(unsafe_code, reason = "the attack is to read memory that nobody has handed out")]
fn count(needles: &[Vec<u8>]) -> Vec<usize> {
    let size = core::arch::wasm32::memory_size(0) * 65_536;
    // Every address below the size is mapped.
    let byte = |at: usize| unsafe { core::ptr::read_volatile(at as *const u8) };
    let mut by_first: Vec<Vec<usize>> = vec![Vec::new(); 256];
    for (n, needle) in needles.iter().enumerate() {
        if let Some(first) = needle.first() {
            by_first[usize::from(*first)].push(n);
        }
    }
    let mut counts = vec![0; needles.len()];
    for at in 1..size {
        for n in &by_first[usize::from(byte(at) ^ MASK)] {
            let needle = &needles[*n];
            let fits = at + needle.len() <= size;
            if fits && needle.iter().enumerate().all(|(m, masked)| byte(at + m) ^ MASK == *masked) {
                counts[*n] += 1;
            }
        }
    }
    counts
}
