//! Installed connectors, and their bytes by digest.

use futures::FutureExt as _;

use crate::sql::{Columns, to_json, values};
use crate::{Connector, Store, StoreError, quarantine};

macro_rules! columns {
    () => {
        "id, version, digest, manifest, interfaces, size, installed_at"
    };
}

const ONE: &str = concat!("SELECT ", columns!(), " FROM connector WHERE id = $1");
const ALL: &str = concat!("SELECT ", columns!(), " FROM connector ORDER BY id LIMIT 10000");
const PUT: &str = concat!(
    "INSERT INTO connector (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET
    version = excluded.version, digest = excluded.digest, manifest = excluded.manifest,
    interfaces = excluded.interfaces, size = excluded.size, installed_at = excluded.installed_at"
);
const PUT_BYTES: &str =
    "INSERT INTO component (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
const BYTES: &str = "SELECT bytes FROM component WHERE digest = $1";
const DELETE: &str = "DELETE FROM connector WHERE id = $1";
const DELETE_UNUSED_BYTES: &str = "DELETE FROM component
    WHERE NOT EXISTS (SELECT 1 FROM connector WHERE connector.digest = component.digest)";
const IN_USE: &str = "SELECT count(*) FROM connection WHERE connector_id = $1";

impl Store {
    /// Installs a connector, or replaces the installed one of the same id; its connections stay, and what was
    /// held against another version ([`Store::release_connector`]) is void. The bytes must be those that `digest` names.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn put_connector(&self, connector: &Connector, bytes: Vec<u8>) -> Result<(), StoreError> {
        let c = connector.clone();
        self.write(move |tx| {
            async move {
                tx.execute(PUT_BYTES, values![&c.digest, bytes]).await?;
                let interfaces = to_json(&c.interfaces)?;
                let row =
                    values![&c.id, &c.version, &c.digest, &c.manifest, interfaces, c.size, c.installed_at];
                let before = quarantine::installed(tx, &c.id).await?;
                tx.execute(PUT, row).await?;
                if let Some(before) = before.filter(|(_, digest)| *digest != c.digest) {
                    quarantine::replaced(tx, &c.id, before).await?;
                }
                tx.execute(DELETE_UNUSED_BYTES, values![]).await?;
                Ok(())
            }
            .boxed()
        })
        .await
    }

    /// The installed connector of this id.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn connector(&self, id: &str) -> Result<Option<Connector>, StoreError> {
        let row = self.read().await?.fetch_one(ONE, values![id]).await?;
        row.map(|row| connector(row.read())).transpose()
    }

    /// All installed connectors by id, the first 10,000 of them.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn connectors(&self) -> Result<Vec<Connector>, StoreError> {
        let rows = self.read().await?.fetch(ALL, values![]).await?;
        rows.iter().map(|row| connector(row.read())).collect()
    }

    /// A component's bytes, while a connector uses them.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.read().await?.fetch_one(BYTES, values![digest]).await?;
        row.map(|row| row.read().blob()).transpose()
    }

    /// Uninstalls a connector; `false` if there was none.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while it has connections.
    pub async fn delete_connector(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |tx| {
            async move {
                if let Some(row) = tx.fetch_one(IN_USE, values![&id]).await? {
                    match row.read().count()? {
                        0 => {}
                        n => return Err(StoreError::InUse(n)),
                    }
                }
                let gone = tx.execute(DELETE, values![&id]).await?;
                tx.execute(DELETE_UNUSED_BYTES, values![]).await?;
                Ok(gone > 0)
            }
            .boxed()
        })
        .await
    }
}

fn connector(mut c: Columns<'_>) -> Result<Connector, StoreError> {
    Ok(Connector {
        id: c.text()?,
        version: c.text()?,
        digest: c.text()?,
        manifest: c.text()?,
        interfaces: c.json()?,
        size: c.count()?,
        installed_at: c.millis()?,
    })
}
