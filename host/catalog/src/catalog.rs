//! What is installed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use manifest::{Change, Effect, Manifest, Permissions};
use model::Clock;
use store::{Connector, Store};

use crate::{CatalogError, Package};

/// Compiles components; wired to the sandbox.
#[async_trait]
pub trait Compile: Send + Sync {
    /// Makes the component ready to run, and keeps the result by digest. The error is shown to whoever installs.
    async fn compile(&self, digest: &str, component: &[u8]) -> Result<(), String>;
}

/// The installed connectors. Cheap to ask: a manifest is parsed once per digest, and the store's row is read each time, so
/// that what another process installs is seen at once.
pub struct Catalog {
    store: Store,
    compile: Arc<dyn Compile>,
    clock: Arc<dyn Clock>,
    /// By id; never more than there are connectors.
    known: Mutex<HashMap<String, Arc<Entry>>>,
}

/// An installed connector.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The store's row.
    pub connector: Connector,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// What it asks for.
    pub permissions: Permissions,
}

impl Entry {
    /// Whether it exports an interface, written as `crm/write`.
    #[must_use]
    pub fn exports(&self, interface: &str) -> bool {
        let wanted = format!("jackfield:{interface}");
        self.connector.interfaces.iter().any(|i| i.split('@').next() == Some(wanted.as_str()))
    }
}

/// What somebody consents to, before the install. `Display` is the page for a terminal.
#[derive(Clone, Debug)]
pub struct Review {
    /// What is to be installed.
    pub package: Package,
    /// What it asks for.
    pub permissions: Permissions,
    /// What is installed under this id now.
    pub before: Option<Arc<Entry>>,
    /// What it asks for beyond `before` or no longer; without `before`, everything.
    pub changes: Vec<Change>,
}

/// What an install did.
#[derive(Clone, Debug)]
pub struct Installed {
    /// What is installed now.
    pub entry: Arc<Entry>,
    /// What was installed before.
    pub before: Option<Arc<Entry>>,
    /// How their permissions differ.
    pub changes: Vec<Change>,
}

impl Catalog {
    /// Opens the catalog over a store.
    #[must_use]
    pub fn new(store: Store, compile: Arc<dyn Compile>, clock: Arc<dyn Clock>) -> Self {
        Self { store, compile, clock, known: Mutex::default() }
    }

    /// Examines a component without running it: is it one, which manifest does it carry, what does it export and import,
    /// does all this fit together and this host?
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn examine(bytes: &[u8]) -> Result<Package, CatalogError> {
        Package::examine(bytes)
    }

    /// What somebody has to consent to before [`Catalog::install`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn review(&self, package: &Package) -> Result<Review, CatalogError> {
        let before = self.before(&package.manifest.id).await?;
        let permissions = package.permissions();
        let changes = changes(before.as_deref(), &permissions);
        Ok(Review { package: package.clone(), permissions, before, changes })
    }

    /// Examines, compiles and installs a component, in place of the one with the same id if there is one. Consent is the
    /// caller's matter: see [`Catalog::review`].
    ///
    /// # Errors
    /// What is wrong with it. Nothing is installed then.
    pub async fn install(&self, bytes: Vec<u8>) -> Result<Installed, CatalogError> {
        let package = Package::examine(&bytes)?;
        let before = self.before(&package.manifest.id).await?;
        self.compile.compile(&package.digest, &bytes).await.map_err(CatalogError::Compile)?;
        let connector = Connector {
            id: package.manifest.id.clone(),
            version: package.manifest.version.clone(),
            digest: package.digest,
            manifest: package.manifest_text,
            interfaces: package.interfaces,
            size: package.size,
            installed_at: self.clock.now(),
        };
        self.store.put_connector(&connector, bytes).await?;
        let permissions = Permissions::of(&package.manifest);
        let changes = changes(before.as_deref(), &permissions);
        let entry = Arc::new(Entry { connector, manifest: Arc::new(package.manifest), permissions });
        self.keep(entry.clone());
        Ok(Installed { entry, before, changes })
    }

    /// Takes a connector out; `false` if there is none of this id.
    ///
    /// # Errors
    /// [`store::StoreError::InUse`] while connections use it.
    pub async fn uninstall(&self, id: &str) -> Result<bool, CatalogError> {
        if !Manifest::is_id(id) {
            return Ok(false);
        }
        let was_there = self.store.delete_connector(id).await?;
        self.forget(id);
        Ok(was_there)
    }

    /// An installed connector. What cannot be an id at all (a path, say) is simply not installed.
    ///
    /// # Errors
    /// When the store fails, or the installed manifest is one that this version refuses.
    pub async fn get(&self, id: &str) -> Result<Option<Arc<Entry>>, CatalogError> {
        if !Manifest::is_id(id) {
            return Ok(None);
        }
        match self.store.connector(id).await? {
            Some(row) => self.entry(row).map(Some),
            None => {
                self.forget(id);
                Ok(None)
            }
        }
    }

    /// All installed connectors, by id. One whose manifest this version refuses is left out, with a warning in the log;
    /// [`Catalog::get`] says why.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<Arc<Entry>>, CatalogError> {
        let rows = self.store.connectors().await?;
        self.lock().retain(|id, _| rows.iter().any(|r| r.id == *id));
        let read = |row: Connector| self.entry(row).inspect_err(|e| tracing::warn!("{e}")).ok();
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// What is installed now, for a comparison. One that cannot be read any more counts as nothing: then everything that
    /// the new one asks for is consented to anew.
    async fn before(&self, id: &str) -> Result<Option<Arc<Entry>>, CatalogError> {
        match self.get(id).await {
            Err(CatalogError::Stored { .. }) => Ok(None),
            outcome => outcome,
        }
    }

    /// The entry of a row; parsed anew only for another digest.
    fn entry(&self, row: Connector) -> Result<Arc<Entry>, CatalogError> {
        let known = self.lock().get(&row.id).cloned();
        if let Some(known) = known.filter(|k| k.connector.digest == row.digest) {
            if known.connector == row {
                return Ok(known);
            }
            let entry = Arc::new(Entry { connector: row, ..(*known).clone() });
            self.keep(entry.clone());
            return Ok(entry);
        }
        let manifest = Manifest::parse(&row.manifest)
            .map_err(|error| CatalogError::Stored { id: row.id.clone(), error })?;
        let permissions = Permissions::of(&manifest);
        let entry = Arc::new(Entry { connector: row, manifest: Arc::new(manifest), permissions });
        self.keep(entry.clone());
        Ok(entry)
    }

    fn keep(&self, entry: Arc<Entry>) {
        self.lock().insert(entry.connector.id.clone(), entry);
    }

    fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Entry>>> {
        // Every change of the map is one call: there is no half of it to see.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalog")
    }
}

fn changes(before: Option<&Entry>, new: &Permissions) -> Vec<Change> {
    let nothing = Permissions::default();
    let changes = Permissions::diff(before.map_or(&nothing, |b| &b.permissions), new);
    // Against nothing, only what is asked for counts.
    changes.into_iter().filter(|c| before.is_some() || c.effect == Effect::Widens).collect()
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Package { manifest, digest, interfaces, size, .. } = &self.package;
        writeln!(f, "{} {} ({})", manifest.name, manifest.version, manifest.id)?;
        if !manifest.description.is_empty() {
            writeln!(f, "{}", manifest.description)?;
        }
        writeln!(f, "{digest}, {} KiB", size.div_ceil(1_024))?;
        let short =
            |i: &String| i.trim_start_matches("jackfield:").split('@').next().unwrap_or_default().to_owned();
        writeln!(f, "It can {}", interfaces.iter().map(short).collect::<Vec<_>>().join(", "))?;
        write!(f, "{}", self.permissions)?;
        if let Some(before) = &self.before {
            writeln!(f, "Compared with the installed version {}", before.connector.version)?;
            if self.changes.is_empty() {
                writeln!(f, "  it asks for nothing else")?;
            }
            for change in &self.changes {
                writeln!(f, "  {change}")?;
            }
        }
        Ok(())
    }
}
