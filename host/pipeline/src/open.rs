//! Opening a connection for one call: its connector, its policy, its credential's keeper, its limits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use catalog::Entry;
use egress::{LaneOptions, Policy};
use manifest::{EgressRule, EndpointSource};
use model::JobId;
use sandbox::{Call, Connector, Limits};
use serde_json::Value;
use store::Connection;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Pipeline, live};

/// A connection, open for one call.
pub(crate) struct Open {
    pub(crate) entry: Arc<Entry>,
    pub(crate) connector: Arc<Connector>,
    pub(crate) lane: egress::Lane,
    limits: Limits,
    config: Value,
    opened: Instant,
    called: AtomicBool,
}

/// A connection could not be opened. Nothing went out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its connector was uninstalled.
    #[error("the connector `{0}` is not installed; install it, then retry")]
    NotInstalled(String),
    /// The connector could not be loaded.
    #[error(transparent)]
    Load(#[from] sandbox::LoadError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] catalog::CatalogError),
    /// The manifest's grants do not compile.
    #[error("the grants of `{connector}` cannot be used: {problem}")]
    Policy {
        /// The connector.
        connector: String,
        /// What is wrong.
        problem: String,
    },
    /// Nothing of it is started.
    #[error("{0}")]
    Quarantined(String),
    /// The settings do not fit the connector's present version.
    #[error("the settings do not fit the connector: {0}; change them")]
    Settings(String),
}

impl OpenError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotInstalled(_) => "connector_not_installed",
            Self::Load(_) | Self::Catalog(_) => "connector_not_loaded",
            Self::Policy { .. } => "policy_invalid",
            Self::Quarantined(_) => "connector_quarantined",
            Self::Settings(_) => "settings_invalid",
        }
    }
}

/// Compiled policies by component digest. A host has a few dozen.
#[derive(Default)]
pub(crate) struct Policies(Mutex<HashMap<String, Arc<Policy>>>);

const POLICIES: usize = 256;

impl Policies {
    /// The manifest's grants, narrowed by the operator's.
    async fn of(&self, entry: &Entry, operator: Option<&[EgressRule]>) -> Result<Arc<Policy>, OpenError> {
        let mut known = self.0.lock().await;
        if let Some(policy) = known.get(&entry.connector.digest) {
            return Ok(policy.clone());
        }
        let policy = Policy::compile(&entry.manifest, operator, None).map_err(|e| OpenError::Policy {
            connector: entry.connector.id.clone(),
            problem: e.to_string(),
        })?;
        let policy = Arc::new(policy);
        if known.len() >= POLICIES {
            known.clear();
        }
        known.insert(entry.connector.digest.clone(), policy.clone());
        Ok(policy)
    }
}

impl Pipeline {
    /// Opens `connection` for one call, with a fresh deadline. Without a job, somebody waits for its answer, and the deadline
    /// is no later than such a call may take.
    pub(crate) async fn open(&self, connection: &Connection, job: Option<JobId>) -> Result<Open, OpenError> {
        if let Some(quarantine) = &connection.quarantine {
            return Err(OpenError::Quarantined(quarantine.sentence(&connection.connector)));
        }
        let missing = || OpenError::NotInstalled(connection.connector.clone());
        let entry = self.parts.catalog.get(&connection.connector).await?.ok_or_else(missing)?;
        let connector = self.parts.sandbox.connector(&entry.connector.digest).await?;
        let operator = self.parts.grants.get(&connection.connector).map(Vec::as_slice);
        let policy = self.policies.of(&entry, operator).await?;
        let config = entry.manifest.check_settings(&connection.settings).map_err(|problems| {
            OpenError::Settings(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let mut limits = Limits::of(&entry.manifest.limits, &self.parts.caps.of(&connection.connector));
        if job.is_none() {
            limits.deadline = limits.deadline.min(live::DEADLINE);
        }
        let opened = Instant::now();
        let lane = self.parts.egress.lane(LaneOptions {
            org: connection.org.clone(),
            connection: connection.id.clone(),
            connector: connection.connector.clone(),
            job,
            policy,
            authorise: self.parts.vault.authoriser(&connection.id, entry.manifest.clone()),
            endpoints: endpoints(&entry, connection, &config),
            limits: limits.lane(),
            deadline: opened + limits.deadline,
        });
        Ok(Open { entry, connector, lane, limits, config, opened, called: AtomicBool::new(false) })
    }
}

impl Open {
    /// What the sandbox needs for a call.
    pub(crate) fn call(&self, connection: &Connection, store: &store::Store) -> Call {
        self.called.store(true, Ordering::Relaxed);
        let call = Call::new(
            self.limits.clone(),
            connection.id.clone(),
            &connection.connector,
            self.lane.clone(),
            &self.config,
            Some(store.clone()),
        );
        match &self.entry.manifest.reuse {
            Some(reuse) => call.warm(reuse, version(connection)),
            None => call,
        }
    }
}

impl Open {
    /// How long ago it was opened, if a guest was called at all.
    pub(crate) fn called(&self) -> Option<Duration> {
        self.called.load(Ordering::Relaxed).then(|| self.opened.elapsed())
    }
}

/// Changes with the connection, its credential, its status and its account: an instance that was kept is no use then.
fn version(connection: &Connection) -> String {
    let account = connection.account.as_ref().and_then(|a| a["id"].as_str()).unwrap_or_default();
    format!("{} {account}", connection.updated_at.0)
}

/// Base URLs from the settings and from what `probe` said; those from the credential stay with the vault.
fn endpoints(entry: &Entry, connection: &Connection, config: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for endpoint in &entry.manifest.endpoint {
        let url = match endpoint.from {
            EndpointSource::Credential => None,
            EndpointSource::Settings => endpoint.setting.as_ref().and_then(|s| config[s].as_str()),
            EndpointSource::Account => connection
                .account
                .as_ref()
                .and_then(|a| a["endpoints"].as_array())
                .and_then(|pairs| pairs.iter().find(|p| p[0] == endpoint.name.as_str()))
                .and_then(|pair| pair[1].as_str()),
        };
        if let Some(url) = url {
            found.insert(endpoint.name.clone(), url.to_owned());
        }
    }
    found
}
