//! The real sandbox and the real column in this process, with one connector built and ready, and a provider of our own behind
//! the dialler: a pipe, so that nothing is sent.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, anyhow};
use async_trait::async_trait;
use egress::{
    Authorise, AuthoriseError, Destination, Dial, Egress, Injection, Io, Lane, LaneOptions, Options, Policy,
};
use manifest::Manifest;
use model::{Secret, SystemClock, SystemIds};
use sandbox::{ArtefactKey, Call, Compiler, Connector, Limits, MAX_IDLE, Sandbox, SandboxOptions, v0_1};
use serde_json::Value;
use store::Store;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

/// One connector, ready to call.
pub(crate) struct Place {
    pub(crate) connector: Arc<Connector>,
    pub(crate) manifest: Manifest,
    /// The component's bytes.
    pub(crate) component: Vec<u8>,
    egress: Arc<Egress>,
    policy: Arc<Policy>,
    limits: Limits,
    _sandbox: Sandbox,
    _folder: tempfile::TempDir,
}

/// Who answers.
pub(crate) struct Provider {
    /// The origin that the connector calls, and where it is.
    pub(crate) overrides: BTreeMap<String, String>,
    /// None: the system's own sockets.
    pub(crate) dialler: Option<Arc<dyn Dial>>,
}

impl Provider {
    /// For calls that ask nobody.
    pub(crate) fn none() -> Self {
        Self { overrides: BTreeMap::new(), dialler: None }
    }
}

/// Takes every request and never answers.
#[derive(Clone, Default)]
pub(crate) struct Silent {
    /// Requests that wait.
    pub(crate) waiting: Arc<AtomicUsize>,
}

#[async_trait]
impl Dial for Silent {
    async fn dial(&self, _: SocketAddr) -> io::Result<Box<dyn Io>> {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let waiting = self.waiting.clone();
        tokio::spawn(async move {
            let mut chunk = [0; 4096];
            if theirs.read(&mut chunk).await.is_ok_and(|n| n > 0) {
                waiting.fetch_add(1, Ordering::SeqCst);
            }
            while theirs.read(&mut chunk).await.is_ok_and(|n| n > 0) {}
        });
        Ok(Box::new(ours))
    }
}

/// The same token for everyone.
struct Token(&'static str);

#[async_trait]
impl Authorise for Token {
    async fn authorise(&self, _: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        Ok(vec![Injection::Header {
            name: "authorization".to_owned(),
            value: Secret::new(format!("Bearer {}", self.0)),
            secret: Secret::new(self.0),
        }])
    }

    async fn endpoint(&self, _: &str) -> Result<Option<Secret>, AuthoriseError> {
        Ok(None)
    }
}

/// What the fake of HubSpot takes.
pub(crate) const TOKEN: &str = "test-token-hubspot";

impl Place {
    /// Builds the connector in `folder`, if it has changed, and makes it ready.
    pub(crate) async fn new(folder: &Path, provider: Provider) -> Result<Self> {
        let text = std::fs::read_to_string(folder.join(manifest::FILE))?;
        let manifest = Manifest::parse(&text).with_context(|| folder.display().to_string())?;
        let options = workshop::BuildOptions::new(folder);
        let built = tokio::task::spawn_blocking(move || workshop::build(&options)).await??;
        let component = std::fs::read(&built.path)?;
        let temporary = tempfile::tempdir()?;
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
        let path = temporary.path().join("x.db");
        let store = Store::open(store::Options { path, clock: clock.clone(), ids: ids.clone() }).await?;
        let sandbox = Sandbox::new(SandboxOptions {
            artefacts: temporary.path().join("artefacts"),
            key: ArtefactKey([7; 32]),
            compiler: Compiler::ThisProcess,
            store,
            max_idle: MAX_IDLE,
        })?;
        let connector = sandbox.prepare(&built.digest, &component).await?;
        let mut options = Options::new(clock, ids);
        options.overrides = provider.overrides;
        // The fake keeps its own limits; what is measured is not how long one waits for a budget.
        let rate = manifest::RateLimit { count: 1_000_000, window_ms: 1_000 };
        options.rates = BTreeMap::from([(manifest.id.clone(), rate)]);
        if let Some(dialler) = provider.dialler {
            options.dialler = dialler;
        }
        let limits = Limits::of(&manifest.limits, &Limits::caps());
        Ok(Self {
            connector,
            policy: Arc::new(Policy::compile(&manifest, None, None)?),
            manifest,
            component,
            egress: Egress::new(options),
            limits,
            _sandbox: sandbox,
            _folder: temporary,
        })
    }

    /// A way out for one call of a connection.
    pub(crate) fn lane(&self, connection: &str) -> Lane {
        self.egress.lane(LaneOptions {
            org: "org".into(),
            connection: connection.into(),
            connector: self.manifest.id.clone(),
            job: None,
            policy: self.policy.clone(),
            authorise: Arc::new(Token(TOKEN)),
            endpoints: BTreeMap::new(),
            limits: self.limits.lane(),
            deadline: Instant::now() + self.limits.deadline,
        })
    }

    /// What the pipeline makes for each call.
    pub(crate) fn call(&self, connection: &str) -> Call {
        let (limits, id) = (self.limits.clone(), &self.manifest.id);
        Call::new(
            limits,
            connection.into(),
            id,
            self.lane(connection),
            &Value::Object(serde_json::Map::new()),
            None,
        )
    }

    /// One call of the small connector's work.
    pub(crate) async fn work(&self, call: Call, input: &str) -> Result<String> {
        let action = v0_1::actions::Call {
            action: "work".to_owned(),
            input: input.to_owned(),
            op_key: "op".to_owned(),
        };
        let answer = self.connector.invoke_action(call, action).await?;
        answer.map(|o| o.output).map_err(|e| anyhow!("the guest answered {e:?}"))
    }
}

/// The folder of the small connector.
pub(crate) fn small(root: &Path) -> std::path::PathBuf {
    root.join("tests/bench/guests/small")
}

/// What the small connector is given to work on.
pub(crate) const INPUT: &str =
    r#"{"name":"Ada Lovelace","phone":"+44 20 7946 0958","items":[3,1,4,1,5,9,2,6]}"#;
/// What it makes of it.
pub(crate) const OUTPUT_HAS: &str = r#""digits":"442079460958""#;
