//! Credentials: sealed at rest, opened only where a request is authorised.
//!
//! **Owns** the master key, the sealed form, the kinds of credential and what each injects where. **Refuses** to show a
//! secret to anyone but egress: nothing here prints, logs or returns one in an error, and a credential goes to no host
//! that the manifest does not bind it to. **Start** at [`Vault`]; then `authoriser.rs`, where a secret leaves.

mod authoriser;
mod credential;
mod key;
mod seal;
mod vault;

pub use credential::{Credential, CredentialError};
pub use key::{KeyError, MasterKey};
pub use vault::{Vault, VaultError};
