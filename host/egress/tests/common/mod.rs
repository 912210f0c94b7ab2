//! A small world without a network: names that a test answers, sockets that are pipes in memory, a server that a test
//! scripts, and a record to look at. No packet leaves the process.
#![expect(dead_code, clippy::unwrap_used, reason = "each test file uses its own part; a test may panic")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use egress::{
    Authorise, AuthoriseError, Destination, Dial, Egress, Exchange, Injection, Io, Lane, LaneLimits,
    LaneOptions, Options, Policy, Record, Request, Resolve,
};
use manifest::Manifest;
use model::{Millis, Secret, SeededIds, TestClock};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub const TOKEN: &str = "pat-eu1-0123-sesame/open+now";
pub const PUBLIC: &str = "93.184.216.34";

/// What the server read.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which socket it came over, counted from 0.
    pub socket: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What the server does.
pub enum Reply {
    /// Writes this and waits for the next request.
    Keep(Vec<u8>),
    /// Writes this and closes.
    Close(Vec<u8>),
    /// Writes the first, then the second for ever.
    Endless(Vec<u8>, Vec<u8>),
    /// Writes it byte by byte, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Says nothing.
    Hang,
}

/// A whole answer.
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    Reply::Keep([text.as_bytes(), body].concat())
}

pub fn ok() -> Reply {
    answer(200, &[], "{}")
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// The dialler: notes each address, and hands out a pipe to the scripted server.
pub struct Net {
    pub dialled: Mutex<Vec<SocketAddr>>,
    pub dead: Mutex<Vec<IpAddr>>,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    script: Script,
    tls: TlsAcceptor,
    /// How many sockets the other side has closed.
    pub closed: Arc<AtomicUsize>,
}

#[async_trait]
impl Dial for Net {
    async fn dial(&self, addr: SocketAddr) -> io::Result<Box<dyn Io>> {
        let socket = {
            let mut dialled = self.dialled.lock().unwrap();
            dialled.push(addr);
            dialled.len() - 1
        };
        if self.dead.lock().unwrap().contains(&addr.ip()) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (script, seen, tls) = (Arc::clone(&self.script), Arc::clone(&self.seen), self.tls.clone());
        let closed = Arc::clone(&self.closed);
        tokio::spawn(async move {
            if addr.port() == 443 {
                if let Ok(stream) = tls.accept(theirs).await {
                    let _ = serve(stream, socket, script, seen).await;
                }
            } else {
                let _ = serve(theirs, socket, script, seen).await;
            }
            closed.fetch_add(1, Ordering::SeqCst);
        });
        Ok(Box::new(ours))
    }
}

async fn serve<S: Io>(
    mut stream: S,
    socket: usize,
    script: Script,
    all: Arc<Mutex<Vec<Seen>>>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(seen) = read_request(&mut stream, &mut buffer, socket).await? else {
            return Ok(());
        };
        all.lock().unwrap().push(seen.clone());
        match script(&seen) {
            Reply::Keep(bytes) => stream.write_all(&bytes).await?,
            Reply::Close(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Reply::Endless(head, chunk) => {
                stream.write_all(&head).await?;
                loop {
                    stream.write_all(&chunk).await?;
                }
            }
            Reply::Drip(bytes, pause) => {
                for byte in bytes {
                    tokio::time::sleep(pause).await;
                    stream.write_all(&[byte]).await?;
                    stream.flush().await?;
                }
            }
            Reply::Hang => std::future::pending::<()>().await,
        }
        stream.flush().await?;
    }
}

async fn read_request<S: Io>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    socket: usize,
) -> io::Result<Option<Seen>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) =
        (first.next().unwrap_or_default().to_owned(), first.next().unwrap_or_default().to_owned());
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let body = buffer.drain(..length).collect();
    Ok(Some(Seen { method, target, headers, body, socket }))
}

/// The resolver: each look-up of a name takes its next answer, the last one for ever.
#[derive(Default)]
pub struct Names {
    answers: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    pub lookups: AtomicUsize,
}

impl Names {
    pub fn set(&self, host: &str, answers: &[&[&str]]) {
        let answers = answers.iter().map(|a| a.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        self.answers.lock().unwrap().insert(host.to_owned(), answers);
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut all = self.answers.lock().unwrap();
        let answers = all.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        Ok(if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() })
    }
}

/// The record.
#[derive(Default)]
pub struct Book(pub Mutex<Vec<Exchange>>);

impl Record for Book {
    fn record(&self, exchange: Exchange) {
        self.0.lock().unwrap().push(exchange);
    }
}

impl Book {
    pub fn all(&self) -> Vec<Exchange> {
        self.0.lock().unwrap().clone()
    }
    pub fn last(&self) -> Exchange {
        self.all().pop().expect("something was recorded")
    }
    /// Everything on record as one text, HAR included.
    pub fn text(&self) -> String {
        let all = self.all();
        format!("{} {} {all:?}", serde_json::to_string(&all).unwrap(), egress::har(&all))
    }
}

type Give = Box<dyn Fn(&Destination) -> Result<Vec<Injection>, AuthoriseError> + Send + Sync>;

/// Who keeps the credentials.
pub struct Keys {
    give: Give,
    pub endpoints: BTreeMap<String, Secret>,
    pub asked: Mutex<Vec<Destination>>,
}

impl Keys {
    pub fn none() -> Self {
        Self::giving(|_| Ok(Vec::new()))
    }
    pub fn bearer() -> Self {
        Self::giving(|_| Ok(vec![bearer(TOKEN)]))
    }
    pub fn giving(
        give: impl Fn(&Destination) -> Result<Vec<Injection>, AuthoriseError> + Send + Sync + 'static,
    ) -> Self {
        Self { give: Box::new(give), endpoints: BTreeMap::new(), asked: Mutex::default() }
    }
    pub fn endpoint(mut self, name: &str, url: &str) -> Self {
        self.endpoints.insert(name.into(), Secret::new(url));
        self
    }
}

pub fn bearer(token: &str) -> Injection {
    Injection::Header {
        name: "authorization".into(),
        value: Secret::new(format!("Bearer {token}")),
        secret: Secret::new(token),
    }
}

#[async_trait]
impl Authorise for Keys {
    async fn authorise(&self, to: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        self.asked.lock().unwrap().push(to.clone());
        (self.give)(to)
    }
    async fn endpoint(&self, name: &str) -> Result<Option<Secret>, AuthoriseError> {
        Ok(self.endpoints.get(name).cloned())
    }
}

/// All of it together.
pub struct World {
    pub egress: Arc<Egress>,
    pub net: Arc<Net>,
    pub names: Arc<Names>,
    pub book: Arc<Book>,
    pub clock: Arc<TestClock>,
}

impl World {
    pub fn new(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(script, |_| {})
    }

    pub fn with(
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let (tls, root) = certificates();
        let net = Arc::new(Net {
            dialled: Mutex::default(),
            dead: Mutex::default(),
            seen: Arc::default(),
            script: Arc::new(script),
            tls,
            closed: Arc::default(),
        });
        let (names, book) = (Arc::new(Names::default()), Arc::new(Book::default()));
        for host in ["api.example.com", "other.example.org", "hooks.example.com"] {
            names.set(host, &[&[PUBLIC]]);
        }
        let clock = Arc::new(TestClock::at(Millis::parse("2026-11-20T10:00:00Z").unwrap()));
        let mut options = Options::new(clock.clone(), Arc::new(SeededIds::new(7)));
        options.resolver = names.clone();
        options.dialler = net.clone();
        options.record = book.clone();
        options.roots = vec![root];
        change(&mut options);
        Self { egress: Egress::new(options), net, names, book, clock }
    }

    pub fn lane(&self, keys: Keys) -> Lane {
        self.lane_of("conn-1", manifest(json!({})), keys, |_| {})
    }

    pub fn lane_with(&self, manifest: Manifest, keys: Keys) -> Lane {
        self.lane_of("conn-1", manifest, keys, |_| {})
    }

    pub fn lane_of(
        &self,
        connection: &str,
        manifest: Manifest,
        keys: Keys,
        change: impl FnOnce(&mut LaneOptions),
    ) -> Lane {
        let mut options = LaneOptions {
            org: "org-1".into(),
            connection: connection.into(),
            connector: "example".into(),
            job: Some("job-1".into()),
            policy: Arc::new(Policy::compile(&manifest, None, None).unwrap()),
            authorise: Arc::new(keys),
            endpoints: BTreeMap::new(),
            limits: LaneLimits::default(),
            deadline: Instant::now() + Duration::from_secs(20),
        };
        change(&mut options);
        self.egress.lane(options)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.net.seen.lock().unwrap().clone()
    }

    pub fn dialled(&self) -> Vec<SocketAddr> {
        self.net.dialled.lock().unwrap().clone()
    }
}

/// A manifest that grants GET and POST on https://api.example.com/v1/**, with more on top.
pub fn manifest(more: Value) -> Manifest {
    let mut all = json!({
        "manifest": 1, "id": "example", "name": "Example", "version": "1.0.0",
        "egress": [{ "methods": ["GET", "POST"], "host": "api.example.com", "paths": ["/v1/**"] }],
    });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    serde_json::from_value(all).unwrap()
}

pub fn get(url: &str) -> Request {
    Request::new("GET", url)
}

pub fn post(url: &str, kind: &str, body: &str) -> Request {
    let mut request = Request::new("POST", url);
    request.headers.push(("content-type".into(), kind.as_bytes().to_vec()));
    request.body = Some(body.to_owned().into());
    request
}

/// A server certificate for the names of this world, and its root.
fn certificates() -> (TlsAcceptor, Vec<u8>) {
    let names = ["api.example.com", "other.example.org", "hooks.example.com", "crm.internal", "localhost"];
    let made = rcgen::generate_simple_self_signed(names.map(str::to_owned)).unwrap();
    let der = made.cert.der().to_vec();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(der.clone())], key)
            .unwrap();
    (TlsAcceptor::from(Arc::new(config)), der)
}
