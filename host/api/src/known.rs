//! API keys that were looked up a moment ago: a sender of thousands of events a second uses one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use model::Millis;
use store::Key;

/// How long a key is believed without another look, in milliseconds: what is revoked is refused after so long.
const KEPT_MS: i64 = 1_000;
/// Keys kept at most; beyond, all are looked up again. Only keys that exist are kept, so nobody can fill it from outside.
const MOST: usize = 10_000;

/// Keys by the SHA-256 of their text.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys(Mutex<HashMap<[u8; 32], Seen>>);

/// A key, and when it was looked up.
#[derive(Debug)]
struct Seen {
    at: Millis,
    key: Arc<Key>,
}

impl KnownKeys {
    /// The key with this hash, if it was looked up a moment ago.
    pub(crate) fn get(&self, hash: &[u8; 32], now: Millis) -> Option<Arc<Key>> {
        let known = self.0.lock().ok()?;
        let Seen { at, key } = known.get(hash)?;
        // A clock that was set back must not keep a key for longer.
        (0..KEPT_MS).contains(&now.0.saturating_sub(at.0)).then(|| key.clone())
    }

    /// Keeps what was just looked up.
    pub(crate) fn put(&self, hash: [u8; 32], now: Millis, key: Key) -> Arc<Key> {
        let key = Arc::new(key);
        if let Ok(mut known) = self.0.lock() {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(hash, Seen { at: now, key: key.clone() });
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_looked_up_again_after_a_second() {
        let keys = KnownKeys::default();
        let key = Key {
            id: "key".to_owned().into(),
            org: "org".to_owned().into(),
            hint: String::new(),
            scopes: Vec::new(),
            created_at: Millis(0),
        };
        keys.put([1; 32], Millis(5_000), key);
        assert!(keys.get(&[1; 32], Millis(5_999)).is_some());
        assert!(keys.get(&[2; 32], Millis(5_000)).is_none());
        for now in [6_000, 4_999] {
            assert!(keys.get(&[1; 32], Millis(now)).is_none(), "{now}");
        }
    }
}
