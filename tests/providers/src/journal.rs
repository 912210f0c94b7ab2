//! What a fake was asked and what it answered, as far back as there is room.

use crate::{Fault, Reply};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bodies are kept up to this length.
const BODY_KEPT: usize = 256 * 1024;
/// All bodies together are kept up to this length.
const BODIES_KEPT: usize = 64 * 1024 * 1024;
/// Headers whose value a record of an exchange does not show.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Counts up from 1.
    pub number: u64,
    /// When it came, by the fake's clock.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The query as it was sent.
    pub query: String,
    /// The request's headers.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: Bytes,
    /// The answer's status; `None` if no answer was sent.
    pub status: Option<u16>,
    /// The answer's headers.
    pub answer_headers: Vec<(String, String)>,
    /// The answer's body.
    pub answer_body: Bytes,
    /// The fault that was committed.
    pub fault: Option<Fault>,
}

impl Exchange {
    /// A header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The request's body as JSON, if it is that.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The answer's body as JSON, if it is that.
    pub fn answer_json(&self) -> Option<Value> {
        serde_json::from_slice(&self.answer_body).ok()
    }
}

/// The exchanges of one fake; the oldest give way.
#[derive(Debug)]
pub struct Journal {
    capacity: usize,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    kept: VecDeque<Exchange>,
    bytes: usize,
    written: u64,
}

impl Journal {
    /// An empty journal with room for `capacity` exchanges.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), pages: Mutex::default() }
    }

    /// The exchanges that are kept, oldest first.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.pages().kept.iter().cloned().collect()
    }

    /// How many exchanges there were, kept or not.
    pub fn count(&self) -> u64 {
        self.pages().written
    }

    /// Forgets all exchanges; the count goes on.
    pub fn clear(&self) {
        let mut pages = self.pages();
        pages.kept.clear();
        pages.bytes = 0;
    }

    /// The exchanges as HAR 1.2, as if `origin` had been called, with credentials shown as `REDACTED`.
    pub fn har(&self, origin: &str) -> Value {
        let exchanges = self.exchanges();
        let entries: Vec<Value> = exchanges.iter().map(|one| entry(one, origin)).collect();
        let creator = json!({"name": "providers", "version": env!("CARGO_PKG_VERSION")});
        json!({"log": {"version": "1.2", "creator": creator, "entries": entries}})
    }

    pub(crate) fn record(&self, mut exchange: Exchange, reply: Option<&Reply>) {
        exchange.body.truncate(BODY_KEPT);
        if let Some(reply) = reply {
            exchange.status = Some(reply.status.as_u16());
            exchange.answer_headers.clone_from(&reply.headers);
            exchange.answer_body = reply.body.slice(..reply.body.len().min(BODY_KEPT));
        }
        let mut pages = self.pages();
        pages.written += 1;
        exchange.number = pages.written;
        pages.bytes += weight(&exchange);
        pages.kept.push_back(exchange);
        while pages.kept.len() > self.capacity || pages.bytes > BODIES_KEPT {
            let Some(oldest) = pages.kept.pop_front() else { break };
            pages.bytes -= weight(&oldest);
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(exchange: &Exchange) -> usize {
    exchange.body.len() + exchange.answer_body.len()
}

fn entry(exchange: &Exchange, origin: &str) -> Value {
    let query = if exchange.query.is_empty() { String::new() } else { format!("?{}", exchange.query) };
    let pairs: Vec<Value> = url::form_urlencoded::parse(exchange.query.as_bytes())
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut request = json!({
        "method": exchange.method,
        "url": format!("{origin}{}{query}", exchange.path),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&exchange.headers),
        "queryString": pairs,
        "headersSize": -1,
        "bodySize": exchange.body.len(),
    });
    if !exchange.body.is_empty() {
        request["postData"] = json!({
            "mimeType": exchange.header("content-type").unwrap_or_default(),
            "text": String::from_utf8_lossy(&exchange.body),
        });
    }
    json!({
        "startedDateTime": exchange.at.to_string(),
        "time": 0,
        "request": request,
        "response": answer(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    })
}

fn answer(exchange: &Exchange) -> Value {
    let kind = exchange.answer_headers.iter().find(|(name, _)| name == "content-type");
    json!({
        "status": exchange.status.unwrap_or_default(),
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&exchange.answer_headers),
        "content": {
            "size": exchange.answer_body.len(),
            "mimeType": kind.map(|(_, value)| value.as_str()).unwrap_or_default(),
            "text": String::from_utf8_lossy(&exchange.answer_body),
        },
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": exchange.answer_body.len(),
    })
}

fn headers(pairs: &[(String, String)]) -> Vec<Value> {
    let shown = |name: &str, value: &str| {
        if SECRET.contains(&name.to_ascii_lowercase().as_str()) {
            "REDACTED".to_owned()
        } else {
            value.to_owned()
        }
    };
    pairs.iter().map(|(name, value)| json!({"name": name, "value": shown(name, value)})).collect()
}
