//! Facts about this installation: the fingerprint of the master key, the boot epoch.

use futures::FutureExt as _;

use crate::sql::values;
use crate::tx::Tx;
use crate::{Store, StoreError};

const GET: &str = "SELECT value FROM meta WHERE name = $1";
const SET_IF_ABSENT: &str = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const SET: &str = "INSERT INTO meta (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

impl Store {
    /// The fact of this name.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = self.read().await?.fetch_one(GET, values![name]).await?;
        row.map(|row| row.read().text()).transpose()
    }

    /// Sets a fact unless there is one, and returns the one that stands: of two that come at once, one wins, and both
    /// learn which.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn set_meta_if_absent(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write(move |tx| {
            async move {
                tx.execute(SET_IF_ABSENT, values![&name, &value]).await?;
                Ok(get(tx, &name).await?.unwrap_or(value))
            }
            .boxed()
        })
        .await
    }
}

pub(crate) async fn get(tx: &mut Tx, name: &str) -> Result<Option<String>, StoreError> {
    let row = tx.fetch_one(GET, values![name]).await?;
    row.map(|row| row.read().text()).transpose()
}

pub(crate) async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(SET, values![name, value]).await.map(|_| ())
}
