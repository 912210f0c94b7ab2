//! A provider's answer, byte for byte, redirects included; and what it announces of its limits.
//!
//! Input: the bytes of an answer; after a line `%%%`, those of the answer on the next socket. `{TOKEN}` stands for the
//! credential, as an echo.

use egress::{Refusal, Request, fuzzing};
use model::Millis;

use crate::oracle;
use crate::wire::{self, HOSTS, MOST_BODY, MOST_HEAD, Outcome, Seen, TOKEN};

const HOUR_MS: u64 = 3_600_000;
const BETWEEN: &[u8] = b"\n%%%\n";

pub(crate) fn run(data: &[u8]) {
    if data.len() > 64 * 1024 {
        return;
    }
    announced(data);
    let mut answers = split(data);
    answers.truncate(5);
    let outcome = wire::send(Request::new("GET", "https://api.example.com/v1/x"), answers);
    went_out(&outcome);
    came_back(&outcome);
}

/// Any bytes are a number within its bounds, or nothing.
fn announced(data: &[u8]) {
    for now in [0, 1_795_168_800_000, i64::MAX, i64::MIN] {
        let [wait, _, seconds] = fuzzing::announced(data, Millis(now));
        assert!(
            wait.is_none_or(|ms| ms <= HOUR_MS) && seconds.is_none_or(|ms| ms <= HOUR_MS),
            "{wait:?} {seconds:?}"
        );
    }
}

/// However an answer leads on, each request is granted, and the credential stays with its origin.
fn went_out(outcome: &Outcome) {
    assert!(
        outcome.sockets.len() <= 4,
        "{} sockets for one request and two redirects",
        outcome.sockets.len()
    );
    let mut elsewhere = false;
    for socket in outcome.sockets.iter().filter(|s| !s.is_empty()) {
        let seen = Seen::read(socket);
        let host = String::from_utf8_lossy(seen.only("host").unwrap_or_default()).into_owned();
        let path = seen.target.split('?').next().unwrap_or_default();
        let granted = oracle::granted(&wire::rules(), &seen.method, &host, path).is_some();
        assert!(granted, "{} https://{host}{} is not granted", seen.method, seen.target);
        elsewhere |= host != HOSTS[0];
        let carries = seen.only("authorization").is_some();
        assert!(!(carries && elsewhere), "the credential went along to {host}{}", seen.target);
        assert!(elsewhere || carries);
    }
}

/// Bounded, without what belongs to the connection, and without the credential.
fn came_back(outcome: &Outcome) {
    let throttled = outcome.observed.throttled.as_ref().and_then(|t| t.retry_after_ms);
    assert!(throttled.is_none_or(|ms| ms <= HOUR_MS));
    let record = serde_json::to_string(&outcome.recorded).unwrap_or_else(|e| panic!("{e}"));
    assert!(!record.contains(TOKEN), "the credential is on record: {record}");
    let har = egress::har(&outcome.recorded).to_string();
    assert!(!har.contains(TOKEN), "the credential is in the HAR");
    match &outcome.answer {
        Err(Refusal::RateLimited { retry_after_ms, .. }) => {
            assert!(retry_after_ms.is_none_or(|ms| ms <= HOUR_MS))
        }
        Err(refusal) => {
            let text = format!("{refusal} {refusal:?}");
            assert!(text.len() < 16 * 1024 && !text.contains(TOKEN), "{text:.300}");
        }
        Ok(response) => {
            assert!((100..=599).contains(&response.status) || response.status < 1_000);
            // A secret is longer than the word that stands for it.
            assert!(response.body.len() as u64 <= MOST_BODY, "{} bytes of body", response.body.len());
            assert!(response.headers.len() <= 256, "{} headers", response.headers.len());
            let head: usize = response.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
            assert!(head as u64 <= MOST_HEAD, "{head} bytes of headers");
            let finds = |bytes: &[u8]| bytes.windows(TOKEN.len()).any(|w| w == TOKEN.as_bytes());
            assert!(!finds(&response.body), "the guest reads its credential in the body");
            for (name, value) in &response.headers {
                assert!(!finds(value), "the guest reads its credential in {name}");
                assert!(!value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "{name}: {value:?}");
                let kept_back =
                    ["set-cookie", "set-cookie2", "connection", "transfer-encoding", "keep-alive", "upgrade"];
                assert!(!kept_back.contains(&name.as_str()), "the guest reads {name}");
            }
        }
    }
}

fn split(data: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|w| w == BETWEEN) {
        found.push(filled(&rest[..at]));
        rest = &rest[at + BETWEEN.len()..];
    }
    found.push(filled(rest));
    found
}

/// A seed is text with plain line ends: those of the head become CR LF, and `{TOKEN}` the credential.
fn filled(answer: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"{TOKEN}";
    let mut out = Vec::with_capacity(answer.len());
    let (mut at, mut head) = (0, true);
    while at < answer.len() {
        if answer[at..].starts_with(MARK) {
            out.extend_from_slice(TOKEN.as_bytes());
            at += MARK.len();
            continue;
        }
        if head && answer[at] == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(answer[at]);
        head &= !out.ends_with(b"\r\n\r\n");
        at += 1;
    }
    out
}
