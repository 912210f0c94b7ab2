//! Ids: UUIDv7 as text, so that they sort by time and read the same in every store.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::{Clock, Millis};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl From<String> for $name { fn from(s: String) -> Self { Self(s) } }
        impl From<&str> for $name { fn from(s: &str) -> Self { Self(s.to_owned()) } }
    )*};
}

ids! {
    /// An organization: one customer of the product, the unit of tenancy.
    OrgId,
    /// An API key's id (not the key).
    KeyId,
    /// One organization's account at one provider.
    ConnectionId,
    /// An accepted event (the host's id, not the sender's).
    EventId,
    /// One operation to perform for one connection.
    JobId,
    /// One recorded HTTP exchange.
    ExchangeId,
}

/// Where ids and other random numbers come from, so that a test can own them.
pub trait Ids: Send + Sync + fmt::Debug {
    /// A fresh UUIDv7 as lower-case hyphenated text.
    fn next(&self, clock: &dyn Clock) -> String;
    /// Fills `out` with random bytes, good enough for keys.
    fn random(&self, out: &mut [u8]);
    /// A random number below `bound` (0 if `bound` is 0), for jitter.
    fn below(&self, bound: u64) -> u64 {
        let mut b = [0; 8];
        self.random(&mut b);
        if bound == 0 { 0 } else { u64::from_le_bytes(b) % bound }
    }
}

fn uuid_v7(at: Millis, random: [u8; 10]) -> String {
    let ms = u64::try_from(at.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid().hyphenated().to_string()
}

/// Ids from the operating system's random numbers. Within one millisecond they are unordered.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn next(&self, clock: &dyn Clock) -> String {
        let mut random = [0; 10];
        self.random(&mut random);
        uuid_v7(clock.now(), random)
    }

    fn random(&self, out: &mut [u8]) {
        // Without random numbers no key and no nonce is safe: nothing sensible can go on.
        #[expect(
            clippy::expect_used,
            reason = "the operating system's random source does not fail once it is up"
        )]
        getrandom::fill(out).expect("the operating system gives random numbers");
    }
}

/// Ids that are the same in every run with the same seed. For tests: never for keys.
#[derive(Debug)]
pub struct SeededIds(AtomicU64);

impl SeededIds {
    /// A sequence that `seed` alone decides.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Ids for SeededIds {
    fn next(&self, clock: &dyn Clock) -> String {
        let mut random = [0; 10];
        self.random(&mut random);
        uuid_v7(clock.now(), random)
    }

    fn random(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            // splitmix64 (Steele, Lea, Flood 2014)
            let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let bytes = (z ^ (z >> 31)).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestClock;

    #[test]
    fn ids_sort_by_time() {
        let (clock, ids) = (TestClock::at(Millis(1_000)), SystemIds);
        let first = ids.next(&clock);
        clock.advance(1);
        assert!(first < ids.next(&clock));
        assert_eq!(first.len(), 36);
    }
}
