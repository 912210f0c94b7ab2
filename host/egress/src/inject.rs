//! Puts one piece of a credential into a request.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::Injection;
use crate::column::Call;
use crate::redact::Redactor;
use crate::target::encode_path;

/// Within one path segment: unreserved characters and `:`, which Telegram's tokens carry (RFC 3986 §3.3 allows it).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// Has the secret looked for in everything that leaves the column from now on.
pub(crate) fn remember(redactor: &mut Redactor, injection: &Injection) {
    match injection {
        Injection::Header { value, secret, .. } => redactor.add_header(value.expose(), secret.expose()),
        Injection::Query { value, .. } | Injection::Path { value, .. } | Injection::Body { value, .. } => {
            redactor.add(value.expose());
        }
    }
}

/// Puts it in. After a redirect the server's own copy in the query is replaced rather than refused.
///
/// # Errors
/// Why it cannot go there. Holds no secret.
pub(crate) fn apply(injection: &Injection, call: &mut Call, redirected: bool) -> Result<(), String> {
    match injection {
        Injection::Header { name, value, .. } => into_header(call, name, value.expose()),
        Injection::Query { name, value } => into_query(call, name, value.expose(), redirected),
        Injection::Path { placeholder, value } => into_path(call, placeholder, value.expose()),
        Injection::Body { field, value } => into_body(call, field, value.expose()),
    }
}

fn into_header(call: &mut Call, name: &str, value: &str) -> Result<(), String> {
    let parsed =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
    // Its memory is cleared with the last copy of the request; what hyper wrote from it is hyper's.
    let text = Bytes::from_owner(Zeroizing::new(value.as_bytes().to_vec()));
    let mut value = HeaderValue::from_maybe_shared(text)
        .map_err(|_| "the credential holds a line break or a control character: connect again".to_owned())?;
    value.set_sensitive(true);
    call.headers.insert(parsed, value);
    Ok(())
}

fn into_query(call: &mut Call, name: &str, value: &str, redirected: bool) -> Result<(), String> {
    let mut pieces: Vec<&str> = Vec::new();
    for piece in call.target.url().query().unwrap_or_default().split('&').filter(|p| !p.is_empty()) {
        let ours = form_urlencoded::parse(piece.as_bytes()).any(|(n, _)| n.eq_ignore_ascii_case(name));
        if ours && !redirected {
            return Err(format!(
                "the query parameter `{name}` carries the credential: leave it out, the host adds it"
            ));
        }
        if !ours {
            pieces.push(piece);
        }
    }
    // The guest's own pieces stay as they were written.
    let own = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
    pieces.push(&own);
    let query = pieces.join("&");
    call.target = call.target.with(call.target.path(), Some(&query))?;
    Ok(())
}

fn into_path(call: &mut Call, placeholder: &str, value: &str) -> Result<(), String> {
    let written = encode_path(placeholder);
    let path = call.target.path();
    if placeholder.is_empty() || !path.contains(&written) {
        return Err(format!("write the placeholder {placeholder} into the path, where the credential goes"));
    }
    // Encoded, the value can leave its segment neither by a slash nor by dots, so what was granted is what is sent.
    let encoded = utf8_percent_encode(value, SEGMENT).to_string();
    let path = path.replace(&written, &encoded);
    call.target = call
        .target
        .with(&path, call.target.url().query())
        .map_err(|_| "the credential cannot stand in a path: connect again".to_owned())?;
    Ok(())
}

fn into_body(call: &mut Call, field: &str, value: &str) -> Result<(), String> {
    let kind = call.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = call.body.clone().unwrap_or_default();
    let new = if let Some(pointer) = field.strip_prefix('/') {
        if kind != "application/json" && !kind.ends_with("+json") {
            return Err(format!("the credential goes into {field} of a JSON body: send application/json"));
        }
        let tokens: Vec<String> =
            pointer.split('/').map(|t| t.replace("~1", "/").replace("~0", "~")).collect();
        set_member(if body.is_empty() { b"{}" } else { &body }, &tokens, value).ok_or_else(|| {
            format!("the credential goes into {field} of a JSON body, and this body has no such place")
        })?
    } else {
        if kind != "application/x-www-form-urlencoded" {
            return Err(format!(
                "the credential goes into the form field `{field}`: send application/x-www-form-urlencoded"
            ));
        }
        let others = form_urlencoded::parse(&body).filter(|(name, _)| name != field);
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair(field, value)
            .finish()
    };
    call.body = Some(Bytes::from(new));
    Ok(())
}

/// `object` with the member at `tokens` set; all other values keep their very text, so that no number is rounded.
fn set_member(object: &[u8], tokens: &[String], value: &str) -> Option<String> {
    let (first, rest) = tokens.split_first()?;
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(object).ok()?;
    let new = if rest.is_empty() {
        serde_json::Value::from(value).to_string()
    } else {
        set_member(members.get(first).map_or("{}", |m| m.get()).as_bytes(), rest, value)?
    };
    members.insert(first.clone(), RawValue::from_string(new).ok()?);
    serde_json::to_string(&members).ok()
}
