//! The sealed form: `1 | nonce (24) | ciphertext and tag`, XChaCha20-Poly1305.
//!
//! The nonce is random; 192 bits are enough for that (draft-irtf-cfrg-xchacha, section 3.1). The associated data names the
//! purpose and the connection, so that a row that was moved to another connection does not open.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use model::{ConnectionId, Ids};
use zeroize::Zeroizing;

use crate::MasterKey;

/// The form's version, the blob's first byte.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
/// The largest blob that is opened: the largest credential with room for its JSON.
const MAX: usize = 64 * 1024;
const PURPOSE: &str = "jackfield credential v1\0";

/// Seals and opens credentials.
pub(crate) struct Seal(XChaCha20Poly1305);

/// A sealed blob does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsealable {
    /// Another version wrote it.
    Version(u8),
    /// It was changed, moved, or cut.
    Tampered,
}

impl Seal {
    pub fn new(key: &MasterKey) -> Self {
        Self(XChaCha20Poly1305::new(&(*key.derive(PURPOSE)).into()))
    }

    pub fn seal(&self, ids: &dyn Ids, connection: &ConnectionId, text: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        ids.random(&mut nonce);
        let aad = associated(connection);
        #[expect(
            clippy::expect_used,
            reason = "it fails beyond 256 GiB only (RFC 8439, 2.8); credentials are bounded"
        )]
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), Payload { msg: text, aad: &aad })
            .expect("a short text can be sealed");
        [&[VERSION], nonce.as_slice(), &sealed].concat()
    }

    pub fn open(&self, connection: &ConnectionId, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (version, rest) = blob.split_first().ok_or(Unsealable::Tampered)?;
        if *version != VERSION {
            return Err(Unsealable::Version(*version));
        }
        if rest.len() < NONCE + TAG || blob.len() > MAX {
            return Err(Unsealable::Tampered);
        }
        let (nonce, sealed) = rest.split_at(NONCE);
        let nonce = XNonce::try_from(nonce).map_err(|_| Unsealable::Tampered)?;
        let aad = associated(connection);
        let opened = self.0.decrypt(&nonce, Payload { msg: sealed, aad: &aad });
        opened.map(Zeroizing::new).map_err(|_| Unsealable::Tampered)
    }
}

fn associated(connection: &ConnectionId) -> Vec<u8> {
    [PURPOSE.as_bytes(), connection.as_str().as_bytes()].concat()
}
