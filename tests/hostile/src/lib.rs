//! Where guests attack: a real sandbox and a real column, with a recorder in the dialler's place and a resolver of the
//! test's own, so that no packet leaves the process, not even with a guard taken out.
//!
//! **Start** at [`Arena`]; the attacks themselves are in `guests/rogue`.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use egress::{
    Authorise, AuthoriseError, Destination, Dial, Egress, Exchange, Injection, Io, LaneLimits, LaneOptions,
    Options, Policy, Record, Resolve,
};
use manifest::Manifest;
use model::{Secret, SystemClock, SystemIds};
use sandbox::v0_1::core::{Account, Error};
use sandbox::{ArtefactKey, Call, Compiler, Connector, Halt, Limits, Sandbox, SandboxOptions};
use serde_json::json;
use store::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

/// The credential that no guest may learn.
pub const TOKEN: &str = "the-token-that-no-guest-may-see";
/// Where the override of `https://api.example.com` points; nothing listens there, the recorder answers.
pub const UPSTREAM: &str = "http://127.0.0.1:9";

/// Answers what the test says.
#[derive(Default)]
pub struct Names(pub Mutex<BTreeMap<String, Vec<IpAddr>>>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let names = self.0.lock().expect("no test panics while it holds the names");
        names.get(host).cloned().ok_or_else(|| io::Error::other("no such name"))
    }
}

/// Remembers who was dialled, and answers every request on a pipe.
#[derive(Clone, Default)]
pub struct Recorder {
    /// Addresses, in order.
    pub dialled: Arc<Mutex<Vec<SocketAddr>>>,
    /// What came over the wire.
    pub wire: Arc<Mutex<Vec<u8>>>,
    /// The whole answer; `{request}` in it is replaced by what was asked, `{silence}` is none at all.
    pub answer: Arc<Mutex<String>>,
}

#[async_trait]
impl Dial for Recorder {
    async fn dial(&self, address: SocketAddr) -> io::Result<Box<dyn Io>> {
        self.dialled.lock().expect("not poisoned").push(address);
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let this = self.clone();
        tokio::spawn(async move {
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                match theirs.read(&mut chunk).await {
                    Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
                    _ => return,
                }
            }
            this.wire.lock().expect("not poisoned").extend_from_slice(&request);
            let asked = String::from_utf8_lossy(&request).replace("\r\n", " | ");
            let body = this.answer.lock().expect("not poisoned").replace("{request}", &asked);
            if body == "{silence}" {
                std::future::pending::<()>().await;
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-echo: {asked}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            // The host may have stopped listening: that is what is tested.
            let _ = theirs.write_all(format!("{head}{body}").as_bytes()).await;
        });
        Ok(Box::new(ours))
    }
}

/// Gives the token to `api.example.com` and to nobody else.
struct Keeper;

#[async_trait]
impl Authorise for Keeper {
    async fn authorise(&self, to: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        Ok(if to.host == "api.example.com" {
            vec![Injection::Header {
                name: "authorization".to_owned(),
                value: Secret::new(format!("Bearer {TOKEN}")),
                secret: Secret::new(TOKEN),
            }]
        } else {
            Vec::new()
        })
    }

    async fn endpoint(&self, _name: &str) -> Result<Option<Secret>, AuthoriseError> {
        Ok(None)
    }
}

/// Keeps the recordings.
#[derive(Default)]
struct Kept(Mutex<Vec<Exchange>>);

impl Record for Kept {
    fn record(&self, exchange: Exchange) {
        self.0.lock().expect("not poisoned").push(exchange);
    }
}

/// A guest, and everything it might attack.
pub struct Arena {
    /// Who is dialled.
    pub recorder: Recorder,
    /// What names mean.
    pub names: Arc<Names>,
    kept: Arc<Kept>,
    egress: Arc<Egress>,
    connector: Arc<Connector>,
    manifest: Manifest,
    _folder: tempfile::TempDir,
}

impl Arena {
    /// Builds the guest, if it has changed, and makes it ready.
    ///
    /// # Panics
    /// When the guest does not build: a test cannot go on without it.
    pub async fn new() -> Self {
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/rogue");
        let text = std::fs::read_to_string(guest.join(manifest::FILE)).expect("the guest has a manifest");
        let built = tokio::task::spawn_blocking(move || workshop::build(&workshop::BuildOptions::new(guest)));
        let built = built.await.expect("the build's thread").expect("the guest builds");
        let bytes = std::fs::read(&built.path).expect("the built guest");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
        let options =
            store::Options { path: folder.path().join("x.db"), clock: clock.clone(), ids: ids.clone() };
        let sandbox = Sandbox::new(SandboxOptions {
            artefacts: folder.path().join("artefacts"),
            key: ArtefactKey([7; 32]),
            compiler: Compiler::ThisProcess,
            store: Store::open(options).await.expect("a store"),
        });
        let sandbox = sandbox.expect("an engine");
        let connector = sandbox.prepare(&built.digest, &bytes).await.expect("the guest links");
        let (recorder, names, kept) =
            (Recorder::default(), Arc::new(Names::default()), Arc::new(Kept::default()));
        "{request}".clone_into(&mut recorder.answer.lock().expect("not poisoned"));
        let mut options = Options::new(clock, ids);
        options.resolver = names.clone();
        options.dialler = Arc::new(recorder.clone());
        options.record = kept.clone();
        options.overrides = BTreeMap::from([("https://api.example.com".to_owned(), UPSTREAM.to_owned())]);
        Self {
            recorder,
            names,
            kept,
            egress: Egress::new(options),
            connector,
            manifest: Manifest::parse(&text).expect("the guest's manifest"),
            _folder: folder,
        }
    }

    /// Lets the guest attack, and says what it learned or how it was stopped.
    ///
    /// # Errors
    /// The halt.
    pub async fn attack(
        &self,
        attack: &str,
        url: &str,
        method: &str,
    ) -> Result<Result<Account, Error>, Halt> {
        self.attack_seen(attack, url, method).await.0
    }

    /// The same, with what the host saw on the wire by the time of the answer.
    ///
    /// # Panics
    /// When the guest's grants do not compile.
    pub async fn attack_seen(
        &self,
        attack: &str,
        url: &str,
        method: &str,
    ) -> (Result<Result<Account, Error>, Halt>, egress::Observed) {
        let mut limits = Limits::of(&self.manifest.limits, &Limits::caps());
        // Less than by default, so that it is met before the deadline on a busy machine too.
        limits.host = std::time::Duration::from_millis(400);
        let policy = Policy::compile(&self.manifest, None, None).expect("the guest's grants");
        let lane = self.egress.lane(LaneOptions {
            org: "org".into(),
            connection: "connection".into(),
            connector: "rogue".to_owned(),
            job: None,
            policy: Arc::new(policy),
            authorise: Arc::new(Keeper),
            endpoints: BTreeMap::new(),
            limits: LaneLimits { requests: limits.http_requests, ..LaneLimits::default() },
            deadline: Instant::now() + limits.deadline,
        });
        let config = json!({ "attack": attack, "url": url, "method": method });
        let call = Call::new(limits, "connection".into(), "rogue", lane.clone(), &config, None);
        let answer = self.connector.probe(call).await;
        (answer, lane.observed())
    }

    /// What the guest says it learned.
    ///
    /// # Panics
    /// When it was halted or failed: then it had nothing to say.
    pub async fn learned(&self, attack: &str, url: &str, method: &str) -> String {
        self.attack(attack, url, method).await.expect("no halt").expect("no error").label
    }

    /// Addresses that were dialled so far.
    ///
    /// # Panics
    /// Never in a test that has not panicked already.
    #[must_use]
    pub fn dialled(&self) -> Vec<SocketAddr> {
        self.recorder.dialled.lock().expect("not poisoned").clone()
    }

    /// Everything on record, as text.
    ///
    /// # Panics
    /// Never in a test that has not panicked already.
    #[must_use]
    pub fn recordings(&self) -> String {
        format!("{:?}", self.kept.0.lock().expect("not poisoned"))
    }
}
