//! The arena: one guest, ready to call, and everything that it might attack.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use egress::{Egress, Exchange, Observed, Options, Record, Resolve};
use manifest::Manifest;
use model::{Millis, OrgId, SystemClock, SystemIds};
use sandbox::v0_1::core::{Account, Error};
use sandbox::{ArtefactKey, Compiler, Connector, Halt, Sandbox, SandboxOptions};
use serde_json::json;
use store::{NewConnection, Store};

use crate::{Recorder, Seat};

/// Where the overrides of the guest's own hosts point; nothing listens there, the recorder answers.
pub const UPSTREAM: &str = "http://127.0.0.1:9";
/// Hosts that are overridden: their requests come to the recorder without TLS.
const OVERRIDDEN: [&str; 4] =
    ["api.example.com", "hops.example.com", "one.tenant.example.com", "two.tenant.example.com"];

/// Answers what the test says.
#[derive(Default)]
pub struct Names(
    /// What a name means.
    pub Mutex<BTreeMap<String, Vec<IpAddr>>>,
    /// What it means at the next look-ups, one after the other; then what `.0` says.
    pub Mutex<BTreeMap<String, VecDeque<Vec<IpAddr>>>>,
);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let next = self.1.lock().expect("not poisoned").get_mut(host).and_then(VecDeque::pop_front);
        let names = self.0.lock().expect("no test panics while it holds the names");
        next.or_else(|| names.get(host).cloned()).ok_or_else(|| io::Error::other("no such name"))
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
    store: Store,
    pub(crate) egress: Arc<Egress>,
    pub(crate) connector: Arc<Connector>,
    pub(crate) manifest: Manifest,
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
        let store = Store::open(options).await.expect("a store");
        let sandbox = Sandbox::new(SandboxOptions {
            // Beside the component, so that it is compiled once for all tests.
            artefacts: built.path.with_file_name("hostile-artefacts"),
            key: ArtefactKey([7; 32]),
            compiler: Compiler::ThisProcess,
            store: store.clone(),
            max_idle: 4,
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
        options.overrides =
            OVERRIDDEN.map(|host| (format!("https://{host}"), UPSTREAM.to_owned())).into_iter().collect();
        Self {
            recorder,
            names,
            kept,
            store,
            egress: Egress::new(options),
            connector,
            manifest: Manifest::parse(&text).expect("the guest's manifest"),
            _folder: folder,
        }
    }

    /// A connection by this id, of which the store knows nothing: its cache forgets.
    #[must_use]
    pub fn seat(&self, connection: &str) -> Seat<'_> {
        Seat::new(self, connection, None)
    }

    /// A connection that is in the store, with a cache of its own.
    ///
    /// # Panics
    /// When the store does not take it.
    pub async fn connection(&self, id: &str) -> Seat<'_> {
        let org = self.org(id).await;
        let new = NewConnection {
            id: id.into(),
            org,
            connector: "rogue".to_owned(),
            name: id.to_owned(),
            credential_kind: None,
            credential: None,
            settings: json!({}),
            sync_settings: BTreeMap::new(),
            field_mapping: None,
        };
        self.store.create_connection(new).await.expect("a new connection");
        Seat::new(self, id, Some(self.store.clone()))
    }

    async fn org(&self, name: &str) -> OrgId {
        let connector = store::Connector {
            id: "rogue".to_owned(),
            version: "0.1.0".to_owned(),
            digest: "sha256:rogue".to_owned(),
            manifest: "manifest = 1".to_owned(),
            interfaces: Vec::new(),
            size: 5,
            installed_at: Millis(0),
        };
        self.store.put_connector(&connector, b"bytes".to_vec()).await.expect("a connector");
        self.store.create_org(name).await.expect("an organization").id
    }

    /// What the store keeps under this key in this connection's cache.
    ///
    /// # Panics
    /// When the store cannot be read.
    pub async fn cached(&self, connection: &str, key: &str) -> Option<Vec<u8>> {
        self.store.cache_get(&connection.into(), key).await.expect("the store reads")
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
    pub async fn attack_seen(
        &self,
        attack: &str,
        url: &str,
        method: &str,
    ) -> (Result<Result<Account, Error>, Halt>, Observed) {
        self.seat("connection").attack_seen(attack, url, method).await
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
