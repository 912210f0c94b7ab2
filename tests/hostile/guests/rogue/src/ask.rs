//! Requests as the test dictates them, word for word, on both roads: `asks` in the settings is a list of them.

use jackfield_connector::{Json, json};
use wasi::http::outgoing_handler::{OutgoingRequest, handle};
use wasi::http::types::{
    Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, RequestOptions, Scheme,
};

use crate::raw;

/// So much of an answer is told.
const TOLD: usize = 4096;

/// Makes each request once and tells what came of each, as a JSON list of texts.
pub(crate) fn all() -> String {
    let asks = crate::given("asks");
    let told: Vec<String> = asks.as_array().into_iter().flatten().map(one).collect();
    json!(told).to_string()
}

/// One request; `wasi` says on which road.
pub(crate) fn one(ask: &Json) -> String {
    let told = if ask["wasi"] == true { wasi(ask) } else { own(ask) };
    told.chars().take(TOLD).collect()
}

/// The requests that the test dictates; without any, one on each road to `url`.
pub(crate) fn given() -> Vec<Json> {
    if let Json::Array(asks) = crate::given("asks") {
        return asks;
    }
    let url = crate::setting("url").unwrap_or_default();
    vec![json!({ "url": url }), json!({ "url": url, "wasi": true })]
}

fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn headers(ask: &Json) -> Vec<(String, String)> {
    let pairs = ask["headers"].as_array().into_iter().flatten();
    pairs.filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?))).collect()
}

/// A request of the contract's own.
pub(crate) fn request(ask: &Json) -> raw::Request {
    raw::Request {
        method: text(&ask["method"]).unwrap_or_else(|| "GET".to_owned()),
        url: text(&ask["url"]).unwrap_or_default(),
        headers: headers(ask),
        body: text(&ask["body"]).map(String::into_bytes),
        auth: text(&ask["auth"]),
        idempotency_key: text(&ask["key"]),
        timeout_ms: ask["timeoutMs"].as_u64().and_then(|ms| ms.try_into().ok()),
    }
}

fn own(ask: &Json) -> String {
    match raw::send(&request(ask)) {
        Ok(reply) => format!("{} {:?} {}", reply.status, reply.headers, String::from_utf8_lossy(&reply.body)),
        Err(e) => format!("{e:?}"),
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme(name: &str) -> Scheme {
    match name {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    }
}

/// A request of wasi:http, or what in it was refused already.
pub(crate) fn outgoing(ask: &Json) -> Result<OutgoingRequest, String> {
    let url = text(&ask["url"]).unwrap_or_default();
    let (named, rest) = url.split_once("://").unwrap_or(("https", url.as_str()));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let part = |name: &str, of: &str| text(&ask[name]).unwrap_or_else(|| of.to_owned());
    let fields = Fields::new();
    for (name, value) in headers(ask) {
        fields.append(&name, value.as_bytes()).map_err(|e| format!("the header was refused: {e:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let refused = |what: &str| format!("the {what} was refused");
    request.set_method(&method(&part("method", "GET"))).map_err(|()| refused("method"))?;
    request.set_scheme(Some(&scheme(&part("scheme", named)))).map_err(|()| refused("scheme"))?;
    request.set_authority(Some(&part("authority", authority))).map_err(|()| refused("authority"))?;
    request.set_path_with_query(Some(&part("path", path))).map_err(|()| refused("path"))?;
    Ok(request)
}

fn wasi(ask: &Json) -> String {
    let request = match outgoing(ask) {
        Ok(request) => request,
        Err(why) => return why,
    };
    let options = ask["timeoutMs"].as_u64().map(|ms| {
        let options = RequestOptions::new();
        let nanos = Some(ms.saturating_mul(1_000_000));
        // Whether each is taken is part of what is tried; the answer shows it.
        let _ = options.set_connect_timeout(nanos);
        let _ = options.set_first_byte_timeout(nanos);
        let _ = options.set_between_bytes_timeout(nanos);
        options
    });
    let body = text(&ask["body"]).and_then(|body| Some((request.body().ok()?, body)));
    let answer = match handle(request, options) {
        Ok(answer) => answer,
        Err(e) => return format!("{e:?}"),
    };
    if let Some((sink, text)) = body {
        if let Ok(stream) = sink.write() {
            let _ = stream.blocking_write_and_flush(text.as_bytes());
        }
        let _ = OutgoingBody::finish(sink, None);
    }
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => read(&response),
        other => format!("{other:?}"),
    }
}

/// Status, headers, body and trailers.
fn read(response: &IncomingResponse) -> String {
    let shown = |fields: Vec<(String, Vec<u8>)>| {
        let shown: Vec<String> =
            fields.iter().map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v))).collect();
        shown.join(" ")
    };
    let headers = shown(response.headers().entries());
    let mut text = Vec::new();
    let mut trailers = String::new();
    if let Ok(body) = response.consume() {
        if let Ok(stream) = body.stream() {
            while let Ok(chunk) = stream.blocking_read(1000) {
                text.extend(chunk);
            }
        }
        let future = IncomingBody::finish(body);
        future.subscribe().block();
        if let Some(Ok(Ok(Some(fields)))) = future.get() {
            trailers = shown(fields.entries());
        }
    }
    format!("{} {headers} {} {trailers}", response.status(), String::from_utf8_lossy(&text))
}
