//! HAR 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>).

use serde_json::{Map, Value, json};

use crate::{Exchange, Message};

/// The exchanges as a HAR 1.2 document: logical URLs, secrets as `REDACTED`. An exchange without an answer has status 0
/// and the refusal in `_error`; a body that was cut has `_truncated: true`.
#[must_use]
pub fn har(entries: &[Exchange]) -> Value {
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": "jackfield", "version": env!("CARGO_PKG_VERSION") },
        "entries": entries.iter().map(entry).collect::<Vec<_>>(),
    }})
}

fn entry(exchange: &Exchange) -> Value {
    let mut entry = json!({
        "startedDateTime": exchange.started_at.rfc3339(),
        "time": exchange.ms,
        "request": request(exchange),
        "response": response(exchange),
        "cache": {},
        "timings": { "send": 0, "wait": exchange.ms, "receive": 0 },
        "_id": exchange.id,
        "_connection": exchange.connection,
    });
    if let Some(job) = &exchange.job {
        entry["_job"] = json!(job);
    }
    if let Some(refusal) = &exchange.refusal {
        entry["_error"] = json!(refusal);
    }
    entry
}

fn request(exchange: &Exchange) -> Value {
    let message = &exchange.request;
    let query: Vec<Value> = match url::Url::parse(&exchange.url) {
        Ok(url) => url.query_pairs().map(|(name, value)| json!({ "name": name, "value": value })).collect(),
        Err(_) => Vec::new(),
    };
    let mut request = json!({
        "method": exchange.method,
        "url": exchange.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(message),
        "queryString": query,
        "headersSize": -1,
        "bodySize": message.body_size,
    });
    if let Some(text) = &message.body {
        let mut data = Map::new();
        data.insert("mimeType".into(), mime(message).into());
        data.insert("text".into(), text.as_str().into());
        if let Some(encoding) = &message.body_encoding {
            // HAR has no member for it on requests; a leading underscore marks one's own.
            data.insert("_encoding".into(), encoding.as_str().into());
        }
        mark_cut(&mut data, message);
        request["postData"] = data.into();
    }
    request
}

fn response(exchange: &Exchange) -> Value {
    let empty = Message::default();
    let message = exchange.response.as_ref().unwrap_or(&empty);
    let mut content = Map::new();
    content.insert("size".into(), message.body_size.into());
    content.insert("mimeType".into(), mime(message).into());
    if let Some(text) = &message.body {
        content.insert("text".into(), text.as_str().into());
        if let Some(encoding) = &message.body_encoding {
            content.insert("encoding".into(), encoding.as_str().into());
        }
        mark_cut(&mut content, message);
    }
    let status = exchange.status.unwrap_or(0);
    let words =
        http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or_default();
    json!({
        "status": status,
        "statusText": words,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(message),
        "content": content,
        "redirectURL": value(message, "location"),
        "headersSize": -1,
        "bodySize": if exchange.response.is_some() { i64::try_from(message.body_size).unwrap_or(-1) } else { -1 },
    })
}

fn headers(message: &Message) -> Vec<Value> {
    message.headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn value<'a>(message: &'a Message, name: &str) -> &'a str {
    message.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

fn mime(message: &Message) -> &str {
    match value(message, "content-type") {
        "" if message.body.is_some() => "application/octet-stream",
        given => given,
    }
}

fn mark_cut(map: &mut Map<String, Value>, message: &Message) {
    let kept = message.body.as_ref().map_or(0, |text| match message.body_encoding {
        Some(_) => text.len() / 4 * 3,
        None => text.len(),
    });
    // A redacted body is shorter or longer than it was, so only a large one can be told to be cut.
    if message.body_size > crate::record::MAX_BODY as u64 && (kept as u64) < message.body_size {
        map.insert("_truncated".into(), true.into());
    }
}
