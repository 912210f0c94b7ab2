//! An answer that tells everything it was told: credentials in every form that a careless provider may give them.

use crate::{Call, Reply};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderName, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// Parts of a path that are shorter are words rather than keys.
const SHORTEST_KEY: usize = 8;

/// The answer: headers (names too), `Location`, a cookie and a body in JSON with what the request's credential was.
pub(crate) fn reply(call: &Call, status: StatusCode) -> Reply {
    let secrets = secrets(call);
    let told: Vec<Value> = secrets.iter().map(|secret| json!(forms(secret))).collect();
    let text = secrets.join(" ");
    let body = json!({
        "status": "error", "ok": false, "error": text,
        "message": format!("The credential {text} is not good for {}.", call.path),
        "errors": [{ "message": text }], "told": told,
    });
    // By hand: no serialiser escapes what it need not escape.
    let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let body = format!("{},\"escaped\":\"{escaped}\"}}", body.to_string().trim_end_matches('}'));
    let mut reply = Reply::text(status, "application/json", body);
    for secret in &secrets {
        for form in forms(secret) {
            reply = reply.with("x-echo", form);
        }
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC);
        reply = reply
            .with("location", format!("https://elsewhere.example.net/?token={percent}"))
            .with("set-cookie", format!("token={percent}; Path=/"))
            .with("www-authenticate", format!("Bearer error_description=\"{secret} is not good\""));
        let name = format!("x-about-{}", secret.to_ascii_lowercase());
        if HeaderName::from_bytes(name.as_bytes()).is_ok() {
            reply = reply.with(&name, "1");
        }
    }
    reply
}

/// The `Authorization` header, its token alone, the path and its longer parts.
fn secrets(call: &Call) -> Vec<String> {
    let header = call.headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.split_once(' ')).map(|(_, token)| token);
    let parts = call.segments.iter().map(String::as_str).filter(|part| part.len() >= SHORTEST_KEY);
    header.into_iter().chain(token).chain([call.path.as_str()]).chain(parts).map(str::to_owned).collect()
}

/// Plain, percent-encoded as little and as much as can be, and base64: alone, within a pair, and safe for a URL.
fn forms(secret: &str) -> Vec<String> {
    let all: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        all.to_lowercase(),
        all,
        STANDARD.encode(secret),
        STANDARD.encode(format!("u:{secret}")),
        STANDARD.encode(format!("me:{secret}:x")),
        URL_SAFE_NO_PAD.encode(secret),
    ]
}
