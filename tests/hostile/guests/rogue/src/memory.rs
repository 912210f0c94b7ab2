//! A guest that looks for a secret in the whole of its own memory: in answers, in buffers that were given back, wherever
//! the host or a library may have left a copy.

use jackfield_connector::{Json, json};

/// What is looked for comes with each byte changed by this, so that it is not itself what is found.
const MASK: u8 = 0x5a;

/// What the attack learned; none if there is no such attack.
pub(crate) fn run(attack: &str) -> Option<String> {
    (attack == "memory").then(memory)
}

/// Makes each request on both roads, keeps what came, and counts how often each needle lies in memory.
fn memory() -> String {
    let mut kept = Vec::new();
    for url in texts("urls") {
        kept.push(crate::road(&url));
        kept.push(crate::own_client(&url));
    }
    let needles = texts("needles");
    let counts: Vec<usize> = needles.iter().map(|needle| count(&bytes(needle))).collect();
    std::hint::black_box(kept);
    json!(counts).to_string()
}

fn texts(name: &str) -> Vec<String> {
    let given = crate::given(name);
    given.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// From hex.
fn bytes(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|n| u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()).collect()
}

#[expect(unsafe_code, reason = "the attack is to read memory that nobody has handed out")]
fn count(masked: &[u8]) -> usize {
    let size = core::arch::wasm32::memory_size(0) * 65_536;
    // Every address below the size is mapped.
    let byte = |at: usize| unsafe { core::ptr::read_volatile(at as *const u8) };
    (1..size - masked.len())
        .filter(|at| masked.iter().enumerate().all(|(n, m)| byte(at + n) ^ MASK == *m))
        .count()
}
