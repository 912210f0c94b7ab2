//! The pipeline: events → plan → perform → settle.
//!
//! **Owns** what an event means for each connection ([`planning`]), the field mapping, the retry policy, and the loops that
//! drive it all ([`run`]). **Refuses** HTTP in (that is `api`, which meets it in the store only), credentials, and SQL.
//! **Start** at `planning::rules` for what is planned, then [`perform`] for how a job is done and settled.

mod bounds;
mod error_view;
mod live;
mod open;
mod perform;
pub(crate) mod planning;
mod run;
mod schemas;
mod settling;
mod strikes;
mod stuck;

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::Catalog;
use egress::Egress;
use manifest::EgressRule;
use model::{Clock, Ids};
use sandbox::{Caps, Sandbox};
use store::{Event, NewJob, Store, StoreError};
use vault::Vault;

pub use live::LiveError;
pub use open::OpenError;
pub use strikes::{MOST_STRIKES, STRIKES};

/// What a pipeline is made of.
pub struct Parts {
    /// Everything durable.
    pub store: Store,
    /// Credentials.
    pub vault: Arc<Vault>,
    /// Installed connectors.
    pub catalog: Arc<Catalog>,
    /// Where they run.
    pub sandbox: Arc<Sandbox>,
    /// The one way out.
    pub egress: Arc<Egress>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random numbers, for jitter.
    pub ids: Arc<dyn Ids>,
    /// What the operator allows at most.
    pub caps: Caps,
    /// Connector → what the operator grants of what its manifest asks for; none named: all that was consented to.
    pub grants: BTreeMap<String, Vec<EgressRule>>,
    /// How many halts in a row put a connection into quarantine: [`STRIKES`] unless the operator says otherwise; 0: none do.
    pub strikes: u32,
}

/// The pipeline of one process.
pub struct Pipeline {
    parts: Parts,
    policies: open::Policies,
    /// Who holds the leases of this process.
    owner: String,
    stuck: stuck::Stuck,
    /// Turns true when a shutdown waits no longer: what still runs is broken off.
    cut: tokio::sync::watch::Sender<bool>,
    /// The places of live calls.
    live: Arc<tokio::sync::Semaphore>,
}

impl Pipeline {
    /// Joins the parts; [`run`](Self::run) starts it.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let owner = parts.ids.next(&*parts.clock);
        let (cut, _) = tokio::sync::watch::channel(false);
        Arc::new(Self {
            parts,
            policies: open::Policies::default(),
            owner,
            stuck: stuck::Stuck::default(),
            cut,
            live: Arc::new(tokio::sync::Semaphore::new(live::AT_ONCE)),
        })
    }

    /// What `event` means for each connection of its organization.
    pub(crate) async fn plan(&self, event: &Event) -> Result<Vec<NewJob>, StoreError> {
        let connections = self.parts.store.connections_of(&event.org).await?;
        let mut entries = Vec::with_capacity(connections.len());
        for connection in &connections {
            match self.parts.catalog.get(&connection.connector).await {
                Ok(entry) => entries.push(entry),
                Err(catalog::CatalogError::Store(e)) => return Err(e),
                Err(e) => {
                    tracing::error!(connector = %connection.connector, error = %e, "an installed connector is unusable");
                    entries.push(None);
                }
            }
        }
        let targets: Vec<_> = connections
            .iter()
            .zip(&entries)
            .filter_map(|(connection, entry)| {
                let entry = entry.as_ref()?;
                Some(planning::rules::Target {
                    connection,
                    manifest: &entry.manifest,
                    interfaces: &entry.connector.interfaces,
                })
            })
            .collect();
        Ok(planning::rules::plan(event, &targets))
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("owner", &self.owner).finish_non_exhaustive()
    }
}
