//! Secrets are cut out in every form that an echo may give them.
//!
//! Input, in lines: the secret; how each of its characters is spelt (`p` plain, `%` and `&` percent-encoded in upper and
//! lower case, `u` as `\uXXXX`, `j` as JSON escapes it, again and again); what stands before it; what follows, to the end.
//! A second line that begins with `B` or `U` puts before, secret and after into one base64 text, of either alphabet.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use egress::fuzzing::redact;
use serde_json::Value;

use crate::oracle::decoded;

const WORD: &str = "REDACTED";
/// Shorter secrets are not looked for (4), nor within a longer base64 text (9: eight characters that are its alone).
const SHORTEST: usize = 4;
const SHORTEST_BASE64: usize = 9;
/// A secret with more characters that begin an encoding is none (`egress` follows 16 readings of it at once).
const MOST_AMBIGUOUS: usize = 12;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if text.len() > 2_048 {
        return;
    }
    let mut lines = text.splitn(4, '\n');
    let [secret, modes, before, after] = [(); 4].map(|()| lines.next().unwrap_or_default());
    // Whatever the input is, reading it does not panic.
    let _ = redact(secret, data);
    let ambiguous = secret.bytes().filter(|b| matches!(b, b'%' | b'\\')).count();
    if secret.len() < SHORTEST || secret.len() > 256 || ambiguous > MOST_AMBIGUOUS || overlaps(secret) {
        return;
    }
    let (base64, safe) = (modes.starts_with(['B', 'U']), modes.starts_with('U'));
    let alphabet = if safe { URL_SAFE_NO_PAD } else { STANDARD_NO_PAD };
    let spelt = if base64 {
        alphabet.encode(format!("{before}{secret}{after}"))
    } else {
        format!("{before}{}{after}", spell(secret, modes))
    };
    let out = redact(secret, spelt.as_bytes());
    assert!(out.len() <= spelt.len() * 2 + 16, "it grows from {} to {}", spelt.len(), out.len());
    let found = |text: &[u8]| text.windows(secret.len()).any(|w| w == secret.as_bytes());
    assert!(!found(&out), "the secret {secret:?} is left of {spelt:?}");
    assert!(
        !found(&decoded(&out)),
        "{secret:?} is left percent-encoded of {spelt:?}: {:?}",
        String::from_utf8_lossy(&out)
    );
    let quoted = format!("\"{}\"", String::from_utf8_lossy(&out));
    if let Ok(Value::String(plain)) = serde_json::from_str(&quoted) {
        assert!(!found(plain.as_bytes()), "{secret:?} is left JSON-escaped of {spelt:?}: {quoted}");
    }
    if base64 && secret.len() >= SHORTEST_BASE64 {
        // Each run between the words, read from each of the four places where a group may begin.
        for run in String::from_utf8_lossy(&out).split(WORD) {
            for start in 0..4.min(run.len()) {
                let end = run.len() - (run.len() - start) % 4;
                let bytes = run.get(start..end).and_then(|r| alphabet.decode(r).ok()).unwrap_or_default();
                assert!(!found(&bytes), "{secret:?} is left in base64 of {spelt:?}: {run}");
            }
        }
    }
}

/// Whether the secret could come about where the word meets its neighbours, which would be nobody's leak.
fn overlaps(secret: &str) -> bool {
    (1..=WORD.len()).any(|n| secret.starts_with(&WORD[WORD.len() - n..]) || secret.ends_with(&WORD[..n]))
        || WORD.contains(secret)
        || secret.contains(WORD)
}

fn spell(secret: &str, modes: &str) -> String {
    let modes = if modes.is_empty() { "p" } else { modes };
    let mut out = String::new();
    for (c, mode) in secret.chars().zip(modes.chars().cycle()) {
        let mut buffer = [0; 4];
        match mode {
            '%' => c.encode_utf8(&mut buffer).bytes().for_each(|b| out.push_str(&format!("%{b:02X}"))),
            '&' => c.encode_utf8(&mut buffer).bytes().for_each(|b| out.push_str(&format!("%{b:02x}"))),
            'u' => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|u| out.push_str(&format!("\\u{u:04x}")));
            }
            'j' => out.push_str(Value::from(c.to_string()).to_string().trim_matches('"')),
            _ => out.push(c),
        }
    }
    out
}
