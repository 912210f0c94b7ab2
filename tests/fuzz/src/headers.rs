//! A guest's request, down the whole column to the wire.
//!
//! Input: `METHOD URL`, then header lines `name: value`, `:key VALUE` for the idempotency key, an empty line, the body. In
//! names and values `\r`, `\n` and `\0` stand for the characters that no line can hold.

use egress::{Refusal, Request};

use crate::oracle;
use crate::wire::{self, HOSTS, MOST_HEAD, Seen, TOKEN};

/// No guest sets these; `-` and `_` are one to gateways (see `docs/threat-model.md`).
const FORBIDDEN: [&str; 38] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "cookie2",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-vendor-key",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "proxy-connection",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "range",
    "if-range",
    "accept-charset",
    "private-token",
    "x-access-token",
    "x-forwarded",
];

pub(crate) fn run(data: &[u8]) {
    let request = read(data);
    let asked = request.clone();
    let outcome = wire::send(request, vec![b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()]);
    assert_eq!(outcome.recorded.len(), 1, "every request is on record");
    let record = serde_json::to_string(&outcome.recorded).unwrap_or_else(|e| panic!("{e}"));
    // libFuzzer reads the token out of the comparison; no guest could write it into its own request. A header's name is on
    // record in lower case.
    let guessed = data.windows(TOKEN.len()).any(|w| w.eq_ignore_ascii_case(TOKEN.as_bytes()));
    assert!(guessed || !record.contains(TOKEN), "the credential is on record");
    if let Err(Refusal::Denied { reason, grant }) = &outcome.answer {
        assert!(!reason.chars().any(char::is_control), "{reason:?}");
        assert!(reason.len() + grant.as_ref().map_or(0, String::len) < 16 * 1024, "a long refusal");
        assert!(outcome.sockets.is_empty(), "denied, and dialled");
        return;
    }
    assert_eq!(outcome.sockets.len(), 1, "{:?}", outcome.answer);
    sent(&asked, &Seen::read(&outcome.sockets[0]));
}

/// What lies on the wire is what was asked for and granted, with the host's own headers and nobody else's.
fn sent(asked: &Request, seen: &Seen) {
    let host = String::from_utf8_lossy(seen.only("host").unwrap_or_default()).into_owned();
    assert!(HOSTS.contains(&host.as_str()), "{host}");
    let path = seen.target.split('?').next().unwrap_or_default();
    let granted = oracle::granted(&wire::rules(), &seen.method, &host, path);
    assert!(granted.is_some(), "{} https://{host}{} is not granted", seen.method, seen.target);
    assert!(!seen.target.contains(|c: char| !c.is_ascii_graphic()), "{:?}", seen.target);
    assert_eq!(seen.method, asked.method);
    assert_eq!(seen.body, asked.body.clone().unwrap_or_default());
    assert!(asked.headers.len() <= 64, "more headers than a guest may set");
    let bytes: usize = asked.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
    assert!(bytes as u64 <= MOST_HEAD, "{bytes} bytes of headers");
    let own = ["host", "authorization", "content-length", "accept-encoding", "user-agent", "idempotency-key"];
    let bearer = format!("Bearer {TOKEN}");
    let credential = (host == HOSTS[0]).then_some(bearer.as_bytes());
    assert_eq!(seen.only("authorization"), credential);
    assert_eq!(seen.only("accept-encoding"), Some(&b"identity"[..]));
    for (name, value) in &seen.headers {
        assert!(!value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "{name}: {value:?}");
        let plain = name.to_ascii_lowercase().replace('_', "-");
        let hosts_own = own.contains(&name.as_str());
        assert!(hosts_own || !FORBIDDEN.contains(&plain.as_str()), "a guest set {name}");
        let asked_for = asked
            .headers
            .iter()
            .any(|(n, v)| n.eq_ignore_ascii_case(name) && v.trim_ascii() == value.trim_ascii());
        assert!(hosts_own || asked_for, "nobody set {name}: {value:?}");
    }
}

fn read(data: &[u8]) -> Request {
    let (head, body) = match data.windows(2).position(|w| w == b"\n\n") {
        Some(at) => (&data[..at], Some(&data[at + 2..])),
        None => (data, None),
    };
    let mut lines = head.split(|b| *b == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (method, url) = first.split_once(' ').unwrap_or((&first, ""));
    let mut request = Request::new(unescaped(method.as_bytes()), unescaped(url.as_bytes()));
    request.body = body.map(|b| b.to_vec().into());
    for line in lines {
        if let Some(key) = line.strip_prefix(b":key ") {
            request.idempotency_key = Some(unescaped(key));
            continue;
        }
        let at = line.windows(2).position(|w| w == b": ");
        let (name, value) = at.map_or((line, &b""[..]), |at| (&line[..at], &line[at + 2..]));
        request.headers.push((unescaped(name), control(value)));
    }
    request
}

fn unescaped(text: &[u8]) -> String {
    String::from_utf8_lossy(&control(text)).into_owned()
}

fn control(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(b) = bytes.next() {
        let stands_for = match (b, bytes.peek()) {
            (b'\\', Some(b'r')) => b'\r',
            (b'\\', Some(b'n')) => b'\n',
            (b'\\', Some(b'0')) => 0,
            _ => {
                out.push(b);
                continue;
            }
        };
        bytes.next();
        out.push(stands_for);
    }
    out
}
