//! API keys: how one is made and how it is known again. The store keeps the hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Ids, Secret};
use sha2::{Digest as _, Sha256};

/// What every key begins with, so that a person and a secret scanner know one.
pub const PREFIX: &str = "jf_";
/// Random bytes in a key: guessing one of them is out of reach, so its hash needs no salt and no stretching.
const RANDOM: usize = 32;
/// 32 bytes as base64url without padding (RFC 4648 §5).
const ENCODED: usize = 43;
/// Characters of a key that a list may show; 36 random bits of 256.
const HINT: usize = PREFIX.len() + 6;

/// A key that was just made. The text is shown once and kept nowhere.
#[derive(Debug)]
pub struct NewKey {
    /// The whole key, `jf_` and 43 characters.
    pub text: Secret,
    /// What the store keeps.
    pub hash: [u8; 32],
    /// The first characters, for a list.
    pub hint: String,
}

/// Makes a key from `ids`' random bytes.
#[must_use]
pub fn mint(ids: &dyn Ids) -> NewKey {
    let mut random = [0; RANDOM];
    ids.random(&mut random);
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    NewKey { hash: hash(&text), hint: text[..HINT].to_owned(), text: Secret::new(text) }
}

/// SHA-256 of a key's text. The store finds a key by it, so that no comparison ever touches the key itself.
#[must_use]
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether a text can be a key at all; others are not looked up.
pub(crate) fn plausible(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.len() == ENCODED && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{SeededIds, SystemIds};

    #[test]
    fn a_key_is_known_again_by_its_hash_and_shows_little_of_itself() {
        let key = mint(&SystemIds);
        assert!(plausible(key.text.expose()));
        assert_eq!(hash(key.text.expose()), key.hash);
        assert_eq!(key.hint.len(), HINT);
        assert!(!format!("{key:?}").contains(key.text.expose()));
    }

    #[test]
    fn two_keys_differ() {
        let ids = SeededIds::new(7);
        assert_ne!(mint(&ids).hash, mint(&ids).hash);
    }

    #[test]
    fn a_text_of_another_shape_is_no_key() {
        for text in ["", "jf_", "jf_short", "sk_live", &format!("jf_{}", "é".repeat(22)), &"a".repeat(46)] {
            assert!(!plausible(text), "{text}");
        }
    }
}
