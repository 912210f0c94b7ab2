//! A small world for one request: a granted host whose socket is a pipe in memory. What was put on the wire is kept as
//! bytes; the answers are given as bytes.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use egress::{
    Authorise, AuthoriseError, Destination, Dial, Egress, Exchange, Injection, Io, LaneLimits, LaneOptions,
    Observed, Options, Policy, Record, Refusal, Request, Resolve, Response,
};
use manifest::Manifest;
use model::{Millis, Secret, SeededIds, TestClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::oracle::Rule;

/// The credential of every request.
pub(crate) const TOKEN: &str = "fuzz-token-0123456789";
/// Where it goes.
pub(crate) const HOSTS: [&str; 2] = ["api.example.com", "www.example.com"];
/// The largest answer body, and the largest headers either way.
pub(crate) const MOST_BODY: u64 = 4_096;
pub(crate) const MOST_HEAD: u64 = 8_192;

/// The manifest's grants, for the oracle.
pub(crate) fn rules() -> Vec<Rule> {
    let rule = |methods: &[&str], host: &str, paths: &[&str], redirects| Rule {
        methods: methods.iter().map(|m| (*m).to_owned()).collect(),
        host: host.to_owned(),
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        redirects,
    };
    vec![rule(&["GET", "POST"], HOSTS[0], &["/v1/**"], 2), rule(&["GET"], HOSTS[1], &["/pub*", "/"], 0)]
}

const MANIFEST: &str = r#"
manifest = 1
id = "example"
name = "Example"
version = "1.0.0"
[[auth]]
kind = "api-key"
hosts = ["api.example.com"]
inject.header = { name = "X-Vendor-Key" }
[[egress]]
methods = ["GET", "POST"]
host = "api.example.com"
paths = ["/v1/**"]
redirects = 2
[[egress]]
methods = ["GET"]
host = "www.example.com"
paths = ["/pub*", "/"]
[[rate]]
bucket = "all"
limit = "100000/1s"
[rate-headers]
bucket = "all"
remaining = "x-left"
reset-seconds = "x-reset"
window-ms = "x-window"
[idempotency]
header = "Idempotency-Key"
"#;

/// What came of a request.
pub(crate) struct Outcome {
    pub answer: Result<Response, Refusal>,
    pub observed: Observed,
    /// All that each socket was given, in the order of dialling.
    pub sockets: Vec<Vec<u8>>,
    pub recorded: Vec<Exchange>,
}

/// Sends it. The n-th socket answers with the n-th of `answers`, the last one again and again.
pub(crate) fn send(request: Request, answers: Vec<Vec<u8>>) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time();
    // Who waits for a budget's next window waits for nothing.
    #[cfg(feature = "paused")]
    runtime.start_paused(true);
    let runtime = runtime.build();
    let runtime = runtime.unwrap_or_else(|e| panic!("no runtime: {e}"));
    runtime.block_on(async {
        let world = Arc::new(World { answers: Mutex::new(answers.into()), ..World::default() });
        let lane = lane(&world);
        let answer = tokio::time::timeout(Duration::from_secs(20), lane.send(request)).await;
        let answer = answer.unwrap_or_else(|_| panic!("the deadline of 5 s was not kept"));
        // A redirect's socket may still be on its way to the end.
        drop(lane.clone());
        let sockets = locked(&world.sockets).iter().map(|s| locked(s).clone()).collect();
        Outcome { answer, observed: lane.observed(), sockets, recorded: locked(&world.recorded).clone() }
    })
}

fn lane(world: &Arc<World>) -> egress::Lane {
    let clock = TestClock::at(Millis(1_795_168_800_000));
    let mut options = Options::new(Arc::new(clock), Arc::new(SeededIds::new(7)));
    options.overrides =
        HOSTS.iter().map(|h| (format!("https://{h}"), "http://127.0.0.1:4010".to_owned())).collect();
    options.resolver = world.clone();
    options.dialler = world.clone();
    options.record = world.clone();
    let manifest = Manifest::parse(MANIFEST).unwrap_or_else(|e| panic!("{e}"));
    let policy = Policy::compile(&manifest, None, None).unwrap_or_else(|e| panic!("{e}"));
    let limits = LaneLimits { response_bytes: MOST_BODY, header_bytes: MOST_HEAD, ..LaneLimits::default() };
    Egress::new(options).lane(LaneOptions {
        org: "org".into(),
        connection: "connection".into(),
        connector: "example".to_owned(),
        job: None,
        policy: Arc::new(policy),
        authorise: world.clone(),
        endpoints: BTreeMap::new(),
        limits,
        deadline: Instant::now() + Duration::from_secs(5),
    })
}

/// Resolver, dialler, record and keeper of the credential in one.
#[derive(Default)]
struct World {
    answers: Mutex<VecDeque<Vec<u8>>>,
    sockets: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    recorded: Mutex<Vec<Exchange>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Dial for World {
    async fn dial(&self, _: SocketAddr) -> io::Result<Box<dyn Io>> {
        let (ours, mut theirs) = tokio::io::duplex(256 * 1024);
        let answer = {
            let mut answers = locked(&self.answers);
            let last = answers.len() == 1;
            if last { answers.front().cloned() } else { answers.pop_front() }
        };
        let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
        locked(&self.sockets).push(kept.clone());
        tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            // All of the request lies in the pipe before the driver lets go of the thread.
            while let Ok(n @ 1..) = theirs.read(&mut buffer).await {
                locked(&kept).extend_from_slice(&buffer[..n]);
                if whole(&locked(&kept)) {
                    break;
                }
            }
            let _ = theirs.write_all(&answer.unwrap_or_default()).await;
            let _ = theirs.shutdown().await;
            // What still comes is more than one request.
            while let Ok(n @ 1..) = theirs.read(&mut buffer).await {
                locked(&kept).extend_from_slice(&buffer[..n]);
            }
        });
        Ok(Box::new(ours))
    }
}

/// Whether head and announced body are there.
fn whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
    bytes.len() >= end + 4 + length.unwrap_or(0)
}

#[async_trait]
impl Resolve for World {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        panic!("{host} was looked up: it has no override, so it is not granted");
    }
}

impl Record for World {
    fn record(&self, exchange: Exchange) {
        locked(&self.recorded).push(exchange);
    }
}

#[async_trait]
impl Authorise for World {
    async fn authorise(&self, to: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        let (value, secret) = (Secret::new(format!("Bearer {TOKEN}")), Secret::new(TOKEN));
        let header = Injection::Header { name: "authorization".to_owned(), value, secret };
        Ok(if to.host == HOSTS[0] { vec![header] } else { Vec::new() })
    }

    async fn endpoint(&self, _: &str) -> Result<Option<Secret>, AuthoriseError> {
        Ok(None)
    }
}

/// A request as a plain reader finds it on the wire.
pub(crate) struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// Reads exactly one request, and panics if there is anything else.
    pub fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("half a head"));
        let mut lines = bytes[..end].split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
        let first = String::from_utf8(lines.next().unwrap_or_default().to_vec());
        let first = first.unwrap_or_else(|_| panic!("a request line beyond ASCII"));
        let words: Vec<&str> = first.split(' ').collect();
        let [method, target, "HTTP/1.1"] = words[..] else { panic!("the request line {first:?}") };
        let headers: Vec<(String, Vec<u8>)> = lines
            .map(|line| {
                let colon = line.iter().position(|b| *b == b':').unwrap_or_else(|| panic!("a line {line:?}"));
                let value = line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]);
                (String::from_utf8_lossy(&line[..colon]).into_owned(), value.to_vec())
            })
            .collect();
        let seen = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body: bytes[end + 4..].to_vec(),
        };
        let length = seen.only("content-length").map_or(0, |v| {
            String::from_utf8_lossy(v).parse::<usize>().unwrap_or_else(|_| panic!("a length {v:?}"))
        });
        assert_eq!(seen.body.len(), length, "more or less on the wire than one request");
        seen
    }

    /// The header's value; panics where it is there twice.
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let first = found.next();
        assert!(found.next().is_none(), "{name} is there twice");
        first.map(|(_, v)| v.as_slice())
    }
}
