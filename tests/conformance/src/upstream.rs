//! What stands in the dialler's place: it answers each request with the next recorded response, and remembers every
//! request that was another than the recorded one.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use egress::{Dial, Io};
use jackfield_connector::testing::{Answer, Exchange, Expected};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use url::Url;

use crate::garbage::Garbage;
use crate::keeper::SECRET;

/// Where every override points; nothing listens there.
pub(crate) const ADDRESS: &str = "http://127.0.0.1:9";

/// What is answered, in order.
#[derive(Clone, Default)]
pub(crate) struct Script {
    pub exchanges: Vec<Exchange>,
    /// Base URLs behind `https://NAME.endpoint.invalid`.
    pub bases: BTreeMap<String, String>,
    /// Whether every request must carry the secret.
    pub authorised: bool,
    /// From this exchange on, every answer is this one, whatever is asked.
    pub garbage: Option<(usize, &'static Garbage)>,
}

/// The stand-in. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    script: Arc<Script>,
    seen: Arc<Mutex<Seen>>,
}

/// What came over the wire.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub requests: usize,
    /// Each a sentence: what was expected, what came.
    pub wrong: Vec<String>,
}

struct Request {
    method: String,
    url: String,
    body: Option<Value>,
    has_secret: bool,
}

#[async_trait]
impl Dial for Upstream {
    async fn dial(&self, _: SocketAddr) -> io::Result<Box<dyn Io>> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(self.clone().serve(theirs));
        Ok(Box::new(ours))
    }
}

impl Upstream {
    pub(crate) fn new(script: Script) -> Self {
        Self { script: Arc::new(script), seen: Arc::default() }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The origins of the script, all of which are answered here.
    pub(crate) fn overrides(&self) -> BTreeMap<String, String> {
        let recorded = self.script.exchanges.iter().filter_map(|e| Url::parse(&e.request.url).ok());
        let behind = self.script.bases.values().filter_map(|base| Url::parse(base).ok());
        recorded
            .chain(behind)
            .filter(|url| endpoint(url).is_none())
            .map(|url| (url.origin().ascii_serialization(), ADDRESS.to_owned()))
            .collect()
    }

    async fn serve(self, mut io: DuplexStream) {
        let mut buffer = Vec::new();
        while let Some(request) = read(&mut io, &mut buffer).await {
            let (bytes, closes) = self.answer(&request);
            // The host may have stopped listening; then nobody misses the answer.
            if io.write_all(&bytes).await.is_err() || closes {
                return;
            }
        }
    }

    /// The answer's bytes, and whether the socket is closed after it.
    fn answer(&self, request: &Request) -> (Vec<u8>, bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let at = seen.requests;
        seen.requests += 1;
        if let Some((from, garbage)) = self.script.garbage
            && at >= from
        {
            return (garbage.bytes.to_vec(), garbage.closes);
        }
        if self.script.authorised && !request.has_secret {
            seen.wrong.push(format!("{} {} went without its credential", request.method, request.url));
        }
        let Some(exchange) = self.script.exchanges.get(at) else {
            seen.wrong.push(format!("{} {} is one request too many", request.method, request.url));
            return (b"HTTP/1.1 500 \r\ncontent-length: 0\r\n\r\n".to_vec(), false);
        };
        seen.wrong.extend(self.difference(&exchange.request, request));
        (answer(&exchange.response), false)
    }

    fn difference(&self, expected: &Expected, request: &Request) -> Option<String> {
        let url = self.real(&expected.url);
        if (&expected.method, &url) != (&request.method, &request.url) {
            return Some(format!(
                "expected {} {url}, got {} {}",
                expected.method, request.method, request.url
            ));
        }
        let none = "no body".to_owned();
        let text = |body: &Option<Value>| body.as_ref().map_or_else(|| none.clone(), Value::to_string);
        (expected.body != request.body).then(|| {
            let (body, got) = (text(&expected.body), text(&request.body));
            format!("{} {url}: expected the body {body}, got {got}", expected.method)
        })
    }

    /// The recorded URL as it goes over the wire: an endpoint's name gives way to its base.
    fn real(&self, recorded: &str) -> String {
        let Ok(url) = Url::parse(recorded) else { return recorded.to_owned() };
        let Some(base) = endpoint(&url).and_then(|name| self.script.bases.get(name)) else {
            return recorded.to_owned();
        };
        match &url[url::Position::BeforePath..] {
            "/" => base.clone(),
            rest => format!("{}{rest}", base.trim_end_matches('/')),
        }
    }
}

/// The name in `https://NAME.endpoint.invalid`.
pub(crate) fn endpoint(url: &Url) -> Option<&str> {
    url.host_str()?.strip_suffix(".endpoint.invalid")
}

fn answer(recorded: &Answer) -> Vec<u8> {
    let body = match &recorded.body {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    };
    let mut head = format!("HTTP/1.1 {} \r\n", recorded.status);
    for (name, value) in &recorded.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if recorded.status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    [head.as_bytes(), b"\r\n", &body].concat()
}

/// The next request on this socket; none when the host has closed it.
async fn read(io: &mut DuplexStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        more(io, buffer).await?;
    };
    let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
    let header = |name: &str| {
        let mut lines = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let length: usize = header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    while buffer.len() < head + length {
        more(io, buffer).await?;
    }
    let whole: Vec<u8> = buffer.drain(..head + length).collect();
    let mut line = text.lines().next()?.split(' ');
    let (method, path) = (line.next()?.to_owned(), line.next()?);
    let body = &whole[head..];
    let as_text = || Value::from(String::from_utf8_lossy(body));
    Some(Request {
        method,
        url: format!("https://{}{path}", header("host").unwrap_or_default()),
        body: (!body.is_empty()).then(|| serde_json::from_slice(body).unwrap_or_else(|_| as_text())),
        has_secret: whole.windows(SECRET.len()).any(|w| w == SECRET.as_bytes()),
    })
}

async fn more(io: &mut DuplexStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 8 * 1024];
    let read = io.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
    buffer.extend_from_slice(&chunk[..read]);
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is wrong with `request` where `POST /a?b=c` of `{"d":1}` was recorded.
    fn wrong(recorded_url: &str, request: Request) -> Vec<String> {
        let exchange = json!({
            "request": { "method": "POST", "url": recorded_url, "body": { "d": 1 } },
            "response": { "status": 200 },
        });
        let upstream = Upstream::new(Script {
            exchanges: vec![serde_json::from_value(exchange).expect("an exchange")],
            bases: BTreeMap::from([("hook".to_owned(), "https://h.example/1/2/".to_owned())]),
            authorised: true,
            garbage: None,
        });
        upstream.answer(&request);
        upstream.seen().wrong
    }

    fn request(method: &str, url: &str, body: Value) -> Request {
        Request { method: method.to_owned(), url: url.to_owned(), body: Some(body), has_secret: true }
    }

    #[test]
    fn every_difference_from_the_recording_is_found() {
        let (url, body) = ("https://x.example/a?b=c", json!({ "d": 1 }));
        assert!(wrong(url, request("POST", url, body.clone())).is_empty());
        for other in [
            request("PUT", url, body.clone()),
            request("POST", "https://x.example/a?b=d", body.clone()),
            request("POST", "https://y.example/a?b=c", body.clone()),
            request("POST", url, json!({ "d": 2 })),
            Request { body: None, ..request("POST", url, body.clone()) },
            Request { has_secret: false, ..request("POST", url, body.clone()) },
        ] {
            assert_eq!(wrong(url, other).len(), 1);
        }
    }

    #[test]
    fn an_endpoints_name_gives_way_to_its_base() {
        for (recorded, real) in [
            ("https://hook.endpoint.invalid", "https://h.example/1/2/"),
            ("https://hook.endpoint.invalid/", "https://h.example/1/2/"),
            ("https://hook.endpoint.invalid/x?y=z", "https://h.example/1/2/x?y=z"),
        ] {
            assert_eq!(wrong(recorded, request("POST", real, json!({ "d": 1 }))), [""; 0], "{recorded}");
        }
    }

    #[test]
    fn a_request_too_many_is_found() {
        let upstream = Upstream::new(Script::default());
        let (bytes, _) = upstream.answer(&request("GET", "https://x.example/", Value::Null));
        assert!(bytes.starts_with(b"HTTP/1.1 500"));
        assert_eq!(upstream.seen().wrong.len(), 1);
    }
}
