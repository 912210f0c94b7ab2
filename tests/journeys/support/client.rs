//! A client of the API, one socket per request, that can also send what no proper client would.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) struct Client {
    pub(crate) address: String,
    pub(crate) key: String,
    pub(crate) seen: Seen,
}

/// What went over this client: the credentials that it gave, which must come back in none of the answers.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) credentials: Mutex<BTreeSet<String>>,
    pub(crate) answers: Mutex<Vec<u8>>,
}

impl Seen {
    /// The texts in a body's `credentials`. Of a URL its parts count for themselves, too.
    fn given(&self, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let texts = body["credentials"].as_object().into_iter().flatten().filter_map(|(_, v)| v.as_str());
        let mut credentials = self.credentials.lock().unwrap();
        for text in texts {
            credentials.insert(text.to_owned());
            if text.starts_with("https://") {
                credentials.extend(text.split('/').skip(5).filter(|p| p.len() > 7).map(str::to_owned));
            }
        }
    }

    fn answered(&self, head: &str, body: &[u8]) {
        let mut answers = self.answers.lock().unwrap();
        answers.extend_from_slice(head.as_bytes());
        answers.extend_from_slice(body);
    }
}

impl Client {
    /// One request with a JSON body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let (status, _, body) = self.bytes(method, path, "application/json", body.as_bytes()).await;
        let json = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        (status, json)
    }

    /// One request with any body; status, head and body.
    pub(crate) async fn bytes(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> (u16, String, Vec<u8>) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            self.key,
            body.len()
        );
        self.seen.given(body);
        let (status, head, body) = raw(&self.address, &[head.as_bytes(), body].concat()).await;
        self.seen.answered(&head, &body);
        (status, head, body)
    }
}

/// Sends bytes and reads to the end; status, head in lower case, and body.
pub(crate) async fn raw(address: &str, request: &[u8]) -> (u16, String, Vec<u8>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let (mut read, mut write) = socket.split();
    // A server that refuses early stops reading: its answer is what counts.
    let sending = async { write.write_all(request).await.ok() };
    let mut answer = Vec::new();
    let reading = async { read.read_to_end(&mut answer).await.ok() };
    tokio::join!(sending, reading);
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer with a head");
    let head = String::from_utf8_lossy(&answer[..split]).to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = &answer[split + 4..];
    let body = if head.contains("transfer-encoding: chunked") { dechunk(body) } else { body.to_vec() };
    (status, head, body)
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
