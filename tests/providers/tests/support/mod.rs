//! A small HTTP client: one connection a request, on loopback.
#![expect(dead_code, reason = "each test file uses its share")]

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use providers::{ManualClock, Settings};
use serde_json::Value;
use std::sync::Arc;

/// Calls one fake with one token.
pub struct Client {
    address: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Client {
    pub fn new(url: &str, token: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap().to_owned();
        Self { address, token: Some(token.to_owned()), headers: vec![] }
    }

    pub fn without_token(url: &str) -> Self {
        Self { token: None, ..Self::new(url, "") }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "").await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "", "").await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.json("POST", path, body).await.unwrap()
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.json("PATCH", path, body).await.unwrap()
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.json("PUT", path, body).await.unwrap()
    }

    pub async fn json(&self, method: &str, path: &str, body: Value) -> Result<Answer, String> {
        self.send(method, path, "application/json; charset=utf-8", &body.to_string()).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &str,
    ) -> Result<Answer, String> {
        let stream =
            tokio::net::TcpStream::connect(&self.address).await.map_err(|error| error.to_string())?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        let mut request = http::Request::builder().method(method).uri(path).header("host", &self.address);
        if !media_type.is_empty() {
            request = request.header("content-type", media_type);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, text, json })
    }
}

/// Settings with a clock that stands at noon of 2 March 2026, UTC.
pub fn standing_still() -> (Settings, Arc<ManualClock>) {
    let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::at(noon));
    (Settings { clock: Arc::clone(&clock) as _, ..Settings::default() }, clock)
}
