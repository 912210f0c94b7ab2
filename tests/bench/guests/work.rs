//! The work that both sides do: read a small JSON, compute, answer JSON. The guest of `bench -- call` and the plug-in of
//! `bench -- extism` include this very file.

use crate::serde_json::{self, Value, json};

/// Splits a name, keeps a number's digits, adds up the items, and hashes all of it (FNV-1a).
pub fn work(input: &str) -> Option<String> {
    let input: Value = serde_json::from_str(input).ok()?;
    let name = input["name"].as_str()?;
    let (first, last) = name.split_once(' ').unwrap_or((name, ""));
    let digits: String = input["phone"].as_str()?.chars().filter(char::is_ascii_digit).collect();
    let items = input["items"].as_array()?;
    let sum: i64 = items.iter().filter_map(Value::as_i64).sum();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in first.bytes().chain(last.bytes()).chain(digits.bytes()).chain(sum.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let answer =
        json!({ "first": first, "last": last, "digits": digits, "sum": sum, "hash": hash.to_string() });
    Some(answer.to_string())
}
