//! A client of the host's API that keeps its socket: one request after the other, nothing that a load does not need.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One socket to the host.
pub(crate) struct Client {
    socket: TcpStream,
    head: String,
    answer: Vec<u8>,
}

/// The longest answer that is read, in bytes.
const MOST: usize = 8 * 1024 * 1024;

impl Client {
    /// Connects to `address` (loopback), with this API key.
    pub(crate) async fn connect(address: &str, key: &str) -> Result<Self> {
        let socket = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        ensure!(socket.peer_addr()?.ip().is_loopback(), "{address} is not on loopback");
        socket.set_nodelay(true)?;
        let head =
            format!("host: {address}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n");
        Ok(Self { socket, head, answer: Vec::new() })
    }

    /// One request; its status.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<u16> {
        let (head, length) = (&self.head, body.len());
        let request = format!("{method} {path} HTTP/1.1\r\n{head}content-length: {length}\r\n\r\n{body}");
        self.socket.write_all(request.as_bytes()).await?;
        self.answer.clear();
        let end = loop {
            let n = self.socket.read_buf(&mut self.answer).await?;
            ensure!(n > 0 && self.answer.len() <= MOST, "the host closed, or its answer has no end");
            if let Some(at) = self.answer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = std::str::from_utf8(&self.answer[..end])?.to_ascii_lowercase();
        let status = head.get(9..12).and_then(|s| s.parse().ok()).context("an answer without a status")?;
        let length: usize = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok())
            .context("an answer without a length")?;
        ensure!(length <= MOST, "an answer of {length} bytes");
        while self.answer.len() < end + length {
            ensure!(self.socket.read_buf(&mut self.answer).await? > 0, "the host closed amid an answer");
        }
        self.answer.drain(..end);
        Ok(status)
    }

    /// One request with JSON both ways; anything but 2xx is an error.
    pub(crate) async fn json(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let status = self.send(method, path, &body).await?;
        let answer = String::from_utf8_lossy(&self.answer);
        ensure!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        Ok(if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer)? })
    }
}
