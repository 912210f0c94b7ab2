//! The corpus of guests that a usual compiler makes: what goes out, what comes back, what leaks, what lies beside. Each
//! attack meets its guard; take the guard out, and its test fails.

mod answers;
mod elsewhere;
mod leaks;
mod neighbours;
mod outbound;
mod remember;
mod stubborn;
mod values;

use hostile::Arena;
use serde_json::{Value, json};

/// Granted.
const GOOD: &str = "https://api.example.com/v1/x";

fn get(url: &str) -> Value {
    json!({ "url": url })
}

/// The lines of each head that the provider got.
fn heads(arena: &Arena) -> Vec<Vec<String>> {
    let heard = arena.recorder.heard();
    let heads = heard.split("\r\n\r\n").filter(|head| head.contains("HTTP/1.1"));
    heads.map(|head| head.split("\r\n").map(str::to_lowercase).collect()).collect()
}
