//! What no provider should answer, and some do: a connector tells it in a typed error and never traps.

use serde_json::Value;

use crate::bench::Subject;
use crate::play::play;

/// One kind of garbage: a whole answer as it stands on the wire.
pub(crate) struct Garbage {
    pub name: &'static str,
    pub bytes: &'static [u8],
    /// Whether the socket is closed after it.
    pub closes: bool,
}

const fn garbage(name: &'static str, bytes: &'static [u8]) -> Garbage {
    Garbage { name, bytes, closes: true }
}

macro_rules! success {
    ($body:literal) => {
        concat!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", $body).as_bytes()
    };
}

/// Answers without a length end where the socket does.
pub(crate) const ALL: &[Garbage] = &[
    garbage("nothing at all", b""),
    garbage("no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n"),
    garbage("an empty answer", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    garbage("an unfinished JSON text", success!(r#"{"results":[{"id":"1","#)),
    garbage("a null", success!("null")),
    garbage("a text", success!(r#""ok""#)),
    garbage("an empty list", success!("[]")),
    garbage("an empty object", success!("{}")),
    garbage(
        "members of other types",
        success!(r#"{"id":7,"ok":"true","results":{"id":[]},"error":[],"ts":0,"etag":{}}"#),
    ),
    garbage(
        "half of a success",
        success!(r#"{"ok":true,"results":[{}],"items":[{}],"channels":[{}],"calendars":{"primary":{}}}"#),
    ),
    garbage("no UTF-8", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"id\":\"\xff\xfe\"}"),
    garbage(
        "a page of HTML",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html><h1>502</h1></html>",
    ),
    garbage(
        "a body that breaks off",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"id\":",
    ),
    garbage(
        "a redirect",
        b"HTTP/1.1 302 Found\r\nlocation: https://elsewhere.example/\r\ncontent-length: 0\r\n\r\n",
    ),
    garbage("a status of its own", b"HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n"),
];

/// Answers every recorded call with garbage, from each of its exchanges on.
///
/// # Errors
/// Where a guest was halted, or took garbage for a record without an id.
pub(crate) fn endure(subject: &Subject) -> Result<(), String> {
    let mut wrong = Vec::new();
    for (name, recording) in &subject.recordings {
        for from in 0..recording.exchanges.len() {
            for garbage in ALL {
                let played = play(subject, &subject.policy, recording, Some((from, garbage)))?;
                let problem = match played.result {
                    Err(error) => error.to_string(),
                    Ok(result) if has_empty_id(&result) => {
                        format!("answered a record without an id: {result}")
                    }
                    Ok(_) => continue,
                };
                let problem = model::cut(problem.lines().next().unwrap_or_default(), 300).into_owned();
                wrong.push(format!("{name}, {} from exchange {} on: {problem}", garbage.name, from + 1));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let more = wrong.len().saturating_sub(SHOWN);
    wrong.truncate(SHOWN);
    Err(format!("{}\nand {more} more", wrong.join("\n")))
}

/// So many problems are shown; one cause often makes hundreds.
const SHOWN: usize = 20;

/// Whether a success names nothing: the host would keep a link to it.
fn has_empty_id(result: &Value) -> bool {
    let is_id = |name: &str| matches!(name, "id" | "remote_id");
    match result {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| (is_id(name) && value == "") || (name != "Err" && has_empty_id(value))),
        Value::Array(all) => all.iter().any(has_empty_id),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_receipt_without_an_id_is_found_and_an_error_is_none() {
        assert!(has_empty_id(&json!({ "Ok": [{ "Ok": { "id": "7" } }, { "Ok": { "id": "" } }] })));
        assert!(has_empty_id(&json!({ "Ok": [{ "Ok": { "remote_id": "" } }] })));
        assert!(!has_empty_id(&json!({ "Ok": [{ "Ok": { "remote_id": null } }, { "Err": { "id": "" } }] })));
    }
}
