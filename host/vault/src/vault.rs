//! The vault: sealed rows in the store, opened one at a time.

use std::fmt;
use std::sync::Arc;

use egress::Authorise;
use manifest::Manifest;
use model::{ConnectionId, Ids};
use store::{Store, StoreError};

use crate::authoriser::Authoriser;
use crate::seal::{Seal, Unsealable};
use crate::{Credential, MasterKey};

/// The fact in the store that says which master key it belongs to.
const FINGERPRINT: &str = "master_key_fingerprint";

/// Seals credentials and opens them. Keeps none: each use reads the row anew, so a new credential counts at once.
pub struct Vault {
    store: Store,
    seal: Seal,
    ids: Arc<dyn Ids>,
}

/// A credential cannot be had. No message holds one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The store's credentials were sealed under another key.
    #[error(
        "the master key {found} is not the one that sealed this store's credentials ({expected}): point key_file at that key, or put its file back from a backup"
    )]
    WrongKey {
        /// The fingerprint of the right key.
        expected: String,
        /// The fingerprint of this one.
        found: String,
    },
    /// A sealed credential was changed, moved from another connection, or cut.
    #[error(
        "the credential of connection {0} was changed outside of Jackfield and cannot be opened: give it again (PATCH /api/connections/{0})"
    )]
    Tampered(ConnectionId),
    /// A newer Jackfield sealed it.
    #[error(
        "the credential of connection {connection} was sealed in form {version}, this program knows 1: run the newer Jackfield"
    )]
    Newer {
        /// Whose.
        connection: ConnectionId,
        /// The form's version.
        version: u8,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Vault {
    /// Opens the vault over a store. The first key that comes is the store's own from then on.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] for any other key, or the store's failure.
    pub async fn open(store: Store, key: MasterKey, ids: Arc<dyn Ids>) -> Result<Arc<Self>, VaultError> {
        let found = key.fingerprint();
        let expected = store.set_meta_if_absent(FINGERPRINT, &found).await?;
        if expected != found {
            return Err(VaultError::WrongKey { expected, found });
        }
        Ok(Arc::new(Self { store, seal: Seal::new(&key), ids }))
    }

    /// Seals a credential for one connection: for no other it opens.
    #[must_use]
    pub fn seal(&self, connection: &ConnectionId, credential: &Credential) -> Vec<u8> {
        self.seal.seal(&*self.ids, connection, &credential.to_text())
    }

    /// Opens a connection's credential; none where it has none.
    ///
    /// # Errors
    /// When it was tampered with, or could not be read.
    pub async fn credential(&self, connection: &ConnectionId) -> Result<Option<Credential>, VaultError> {
        let Some((kind, blob)) = self.store.sealed_credential(connection).await? else { return Ok(None) };
        let tampered = || VaultError::Tampered(connection.clone());
        let text = self.seal.open(connection, &blob).map_err(|e| match e {
            Unsealable::Version(version) => VaultError::Newer { connection: connection.clone(), version },
            Unsealable::Tampered => tampered(),
        })?;
        let credential = Credential::from_text(&text).ok_or_else(tampered)?;
        if credential.kind().as_str() == kind { Ok(Some(credential)) } else { Err(tampered()) }
    }

    /// What egress asks for this connection's credential.
    #[must_use]
    pub fn authoriser(
        self: &Arc<Self>,
        connection: &ConnectionId,
        manifest: Arc<Manifest>,
    ) -> Arc<dyn Authorise> {
        Arc::new(Authoriser { vault: self.clone(), connection: connection.clone(), manifest })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}
