//! What there is to be attacked with: for whoever lets each attack run, a neighbour's test and a bench.

use std::time::Duration;

use crate::Act;

const GOOD: &str = "https://api.example.com/v1/x";
const ENDLESS: &str = "https://api.example.com/v1/endless";
const DRIP: &str = "https://api.example.com/v1/drip";
const SILENT: &str = "https://api.example.com/v1/silent";

/// Attacks and the URL that each takes; nothing else has to be given. The provider must answer as [`provider`] does.
pub const ATTACKS: &[(&str, &str)] = &[
    ("loop", ""),
    ("allocate", ""),
    ("many-memories", ""),
    ("recurse", ""),
    ("deep", GOOD),
    ("trap", ""),
    ("sleep", ""),
    ("environment", ""),
    // What goes out.
    ("http", "https://evil.example.net/v1/x"),
    ("wasi-http", GOOD),
    ("authorization", GOOD),
    ("flood", GOOD),
    ("wasi-flood", GOOD),
    ("again", GOOD),
    ("again", "https://evil.example.net/v1/x"),
    ("unread-again", GOOD),
    ("unread", GOOD),
    ("bodies", GOOD),
    ("fire", GOOD),
    // What comes back.
    ("http", ENDLESS),
    ("wasi-http", ENDLESS),
    ("unread", ENDLESS),
    ("http", DRIP),
    ("wasi-http", DRIP),
    ("http", SILENT),
    ("wasi-http", SILENT),
    // The host behind its functions.
    ("calls", ""),
    ("random", ""),
    ("random-huge", ""),
    ("random-insecure", ""),
    ("handles", ""),
    ("texts", ""),
    ("timers", ""),
    ("poll-many", ""),
    ("far", ""),
    ("log", "a line"),
    ("log-text", ""),
    ("log-lines", ""),
    ("log-huge", ""),
    // What is kept.
    ("cache-flood", ""),
    ("exfiltrate", GOOD),
    ("memory", GOOD),
    ("remember", GOOD),
    // What it answers.
    ("long-label", ""),
    ("many-keys", ""),
    ("many-endpoints", ""),
    ("controls", ""),
    ("not-text", ""),
    ("not-text-logged", ""),
    ("late", ""),
    ("long-error", ""),
];

/// A provider as the attacks need one: without end, drop by drop, silent, or as it should be.
#[must_use]
pub fn provider(request: &str) -> Vec<Act> {
    match request.split(' ').nth(1).unwrap_or_default() {
        "/v1/endless" => {
            vec![Act::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Act::Again(vec![b'x'; 16 * 1024])]
        }
        "/v1/drip" => vec![Act::Drip(vec![b'H'; 1_000], Duration::from_millis(20))],
        "/v1/silent" => vec![Act::Silence],
        _ => Act::answer(200, "", "fine"),
    }
}
