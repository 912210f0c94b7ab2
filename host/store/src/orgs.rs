//! Organizations and their API keys.

use futures::FutureExt as _;
use model::OrgId;

use crate::sql::{Columns, to_json, values};
use crate::{Key, Org, Store, StoreError};

const ORG: &str = "SELECT id, name, created_at FROM org WHERE id = $1";
const ORGS: &str = "SELECT id, name, created_at FROM org ORDER BY id LIMIT 10000";
const CREATE_ORG: &str = "INSERT INTO org (id, name, created_at) VALUES ($1, $2, $3)";
const CREATE_KEY: &str =
    "INSERT INTO api_key (id, org_id, hash, hint, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
const KEY: &str = "SELECT id, org_id, hint, scopes, created_at FROM api_key WHERE hash = $1";

impl Store {
    /// Makes an organization. Names need not differ.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn create_org(&self, name: &str) -> Result<Org, StoreError> {
        let name = name.to_owned();
        self.write(move |tx| {
            async move {
                let org = Org { id: tx.new_id().into(), name, created_at: tx.now() };
                tx.execute(CREATE_ORG, values![&org.id, &org.name, org.created_at]).await?;
                Ok(org)
            }
            .boxed()
        })
        .await
    }

    /// The organization with this id.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn org(&self, id: &OrgId) -> Result<Option<Org>, StoreError> {
        let row = self.read().await?.fetch_one(ORG, values![id]).await?;
        row.map(|row| read_org(row.read())).transpose()
    }

    /// All organizations, oldest first, at most 10,000.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn orgs(&self) -> Result<Vec<Org>, StoreError> {
        let rows = self.read().await?.fetch(ORGS, values![]).await?;
        rows.iter().map(|row| read_org(row.read())).collect()
    }

    /// Keeps a new key's SHA-256, its first characters and what it may do (nothing named: everything).
    ///
    /// # Errors
    /// [`StoreError::Missing`] without the organization; [`StoreError::Conflict`] if the key exists.
    pub async fn create_key(
        &self,
        org: &OrgId,
        hash: [u8; 32],
        hint: &str,
        scopes: &[String],
    ) -> Result<Key, StoreError> {
        let (org, hint, scopes) = (org.clone(), hint.to_owned(), scopes.to_vec());
        self.write(move |tx| {
            async move {
                if tx.fetch_one(ORG, values![&org]).await?.is_none() {
                    return Err(StoreError::Missing(format!(
                        "there is no organization `{org}`: make one with `jackfield org create NAME`"
                    )));
                }
                let key = Key { id: tx.new_id().into(), org, hint, scopes, created_at: tx.now() };
                let scopes = to_json(&key.scopes)?;
                let row = values![&key.id, &key.org, hash.to_vec(), &key.hint, scopes, key.created_at];
                tx.execute(CREATE_KEY, row).await?;
                Ok(key)
            }
            .boxed()
        })
        .await
    }

    /// The key whose SHA-256 this is.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Key>, StoreError> {
        let row = self.read().await?.fetch_one(KEY, values![hash.to_vec()]).await?;
        row.map(|row| key(row.read())).transpose()
    }
}

fn key(mut c: Columns<'_>) -> Result<Key, StoreError> {
    Ok(Key {
        id: c.text()?.into(),
        org: c.text()?.into(),
        hint: c.text()?,
        scopes: c.json()?,
        created_at: c.millis()?,
    })
}

fn read_org(mut c: Columns<'_>) -> Result<Org, StoreError> {
    Ok(Org { id: c.text()?.into(), name: c.text()?, created_at: c.millis()? })
}
