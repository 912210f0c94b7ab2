//! A guest that keeps what it saw in a static, and tells it in every later call.

use std::io::Write as _;
use std::sync::Mutex;

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What the attack learned; none if there is no such attack.
pub(crate) fn run(attack: &str, url: &str) -> Option<String> {
    (attack == "remember").then(|| remember(url))
}

/// Adds the last word of the answer to what was seen by this instance, and tells all of it.
fn remember(url: &str) -> String {
    let mut seen = SEEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // The same standard stream in every call.
    let written = std::io::stdout().write_all(b"kept").and_then(|()| std::io::stdout().flush());
    if let Err(e) = written {
        return e.to_string();
    }
    seen.push(crate::road(url).rsplit(' ').next().unwrap_or_default().to_owned());
    seen.join(" ")
}
