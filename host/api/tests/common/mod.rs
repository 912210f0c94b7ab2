//! A site to send requests to: the real router over a real store in a temporary folder, with connectors put into the
//! store by hand, a provider that answers as told, and a clock that stands still.
#![expect(dead_code, reason = "each test binary uses its own part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use api::{Api, Limits, Live, LiveError};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use catalog::{Catalog, Compile};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use model::{Clock, ConnectionId, Ids, Millis, OrgId, SeededIds, TestClock};
use serde_json::{Value, json};
use store::Store;
use tokio::sync::{Notify, oneshot};
use tower::ServiceExt as _;
use vault::{MasterKey, Vault};

/// A credential that must never be seen again.
pub const TOKEN: &str = "acme-access-token-for-tests";

const ACME: &str = r#"
manifest = 1
id = "acme-crm"
name = "Acme CRM"
version = "1.2.3"
categories = ["crm"]

[[auth]]
kind = "bearer"
label = "Private app token"
hosts = ["api.acme.example"]

[[egress]]
methods = ["GET", "POST"]
host = "api.acme.example"
paths = ["/v1/**"]
why = "Contacts"

[sync.lead]
object = "contact"

[settings.region]
type = "string"
title = "Region"
one-of = ["eu", "us"]
default = "eu"

[settings.pipeline]
type = "string"
"#;

const HOOK: &str = r#"
manifest = 1
id = "hook"
name = "Hook"
version = "0.1.0"

[[auth]]
kind = "webhook-url"
endpoint = "hook"

[[endpoint]]
name = "hook"
from = "credential"
hosts = ["hooks.acme.example"]
paths = ["/catch/**"]
methods = ["POST"]

[sink]
events = ["*"]
"#;

/// What the provider says when it is asked.
pub type Said = Arc<Mutex<Option<Result<Value, LiveError>>>>;

#[derive(Clone, Default)]
struct Provider {
    said: Said,
    asked: Arc<Notify>,
    held: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

#[async_trait]
impl Live for Provider {
    async fn probe(&self, _: &OrgId, _: &ConnectionId) -> Result<Value, LiveError> {
        self.asked.notify_one();
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            held.await.unwrap();
        }
        let said = self.said.lock().unwrap().take();
        match said {
            Some(said) => said,
            None => std::future::pending().await,
        }
    }
}

struct NoCompiler;

#[async_trait]
impl Compile for NoCompiler {
    async fn compile(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("")
    }

    /// Checks that this is a problem document with this status and code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["status"], status);
        for member in ["type", "title", "detail"] {
            assert!(self.json[member].as_str().is_some_and(|t| !t.is_empty()), "{member}: {}", self.text);
        }
    }
}

pub struct Site {
    pub router: Router,
    pub store: Store,
    pub vault: Arc<Vault>,
    /// What the provider says next; it keeps silent where this is empty.
    pub said: Said,
    /// Notified when the provider is asked.
    pub asked: Arc<Notify>,
    /// What the provider waits for before it says anything.
    pub held: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
    pub serving: Arc<AtomicBool>,
    pub org: OrgId,
    pub key: String,
    pub clock: Arc<TestClock>,
    ids: Arc<dyn Ids>,
    _folder: tempfile::TempDir,
}

impl Site {
    pub async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::at(Millis::parse("2026-11-20T10:00:00Z").unwrap()));
        let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(1));
        let options = store::Options {
            path: folder.path().join("jackfield.db"),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let store = Store::open(options).await.unwrap();
        let key = MasterKey::load_or_create(&folder.path().join("master.key"), true, &*ids).unwrap();
        let vault = Vault::open(store.clone(), key, ids.clone()).await.unwrap();
        let as_clock: Arc<dyn Clock> = clock.clone();
        let catalog = Arc::new(Catalog::new(store.clone(), Arc::new(NoCompiler), as_clock.clone()));
        install(&store, ACME, 1, &["jackfield:crm/write@0.1.0", "jackfield:core/lifecycle@0.1.0"]).await;
        install(&store, HOOK, 2, &["jackfield:automation/sink@0.1.0"]).await;
        let provider = Provider::default();
        let serving = Arc::new(AtomicBool::new(true));
        let api = Api {
            store: store.clone(),
            vault: vault.clone(),
            catalog,
            live: Arc::new(provider.clone()),
            clock: as_clock,
            ids: ids.clone(),
            serving: serving.clone(),
            limits,
        };
        let org = store.create_org("Acme").await.unwrap().id;
        let mut site = Self {
            router: api::router(api),
            store,
            vault,
            said: provider.said,
            asked: provider.asked,
            held: provider.held,
            serving,
            org: org.clone(),
            key: String::new(),
            clock,
            ids,
            _folder: folder,
        };
        site.key = site.key_of(&org, &[]).await;
        site
    }

    /// A new key of an organization.
    pub async fn key_of(&self, org: &OrgId, scopes: &[&str]) -> String {
        let key = api::keys::mint(&*self.ids);
        let scopes: Vec<String> = scopes.iter().map(|s| (*s).to_owned()).collect();
        self.store.create_key(org, key.hash, &key.hint, &scopes).await.unwrap();
        key.text.expose().to_owned()
    }

    /// A key of another organization.
    pub async fn stranger(&self) -> String {
        let org = self.store.create_org("Other").await.unwrap();
        self.key_of(&org.id, &[]).await
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, json }
    }

    /// Sends with the site's key.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_as(&self.key, method, path, body).await
    }

    pub async fn ask_as(&self, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    /// Sends a body byte by byte as it is, as JSON.
    pub async fn raw(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(body)).await
    }

    /// Makes a connection and gives its path.
    pub async fn connect(&self) -> String {
        let made = self.post("/api/connections", acme()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.headers["location"].to_str().unwrap().to_owned()
    }

    /// How many events wait for their plan: all that were ever taken, as nobody plans here.
    pub async fn stored_events(&self) -> usize {
        self.store.unplanned(1_000).await.unwrap().len()
    }

    pub async fn stored_connections(&self) -> usize {
        self.store.connections_of(&self.org).await.unwrap().len()
    }
}

/// A body that makes a connection.
pub fn acme() -> Value {
    json!({"connector": "acme-crm", "credentials": {"accessToken": TOKEN}})
}

async fn install(store: &Store, manifest: &str, n: u8, interfaces: &[&str]) {
    let parsed = manifest::Manifest::parse(manifest).unwrap();
    let row = store::Connector {
        id: parsed.id,
        version: parsed.version,
        digest: format!("sha256:{}", format!("{n:02x}").repeat(32)),
        manifest: manifest.to_owned(),
        interfaces: interfaces.iter().map(|i| (*i).to_owned()).collect(),
        size: 4,
        installed_at: Millis(0),
    };
    store.put_connector(&row, vec![n; 4]).await.unwrap();
}
