//! Identifiers that look like a vendor's and are the same in every run.

use sha2::{Digest, Sha256};

/// A stream of identifiers, decided by its seed.
#[derive(Debug, Clone)]
pub struct Ids {
    seed: u64,
    drawn: u64,
}

impl Ids {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next identifier, `length` (at most 64) lower-case hexadecimal digits.
    pub fn hex(&mut self, length: usize) -> String {
        self.drawn += 1;
        let mut digest = Sha256::new();
        digest.update(self.seed.to_be_bytes());
        digest.update(self.drawn.to_be_bytes());
        let digits: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        digits.chars().take(length).collect()
    }

    /// The next identifier in the form of a version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let hex = self.hex(32);
        format!("{}-{}-4{}-a{}-{}", &hex[0..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }

    /// The next identifier, `length` characters out of `alphabet`.
    pub fn of(&mut self, alphabet: &[u8], length: usize) -> String {
        let hex = self.hex(64);
        (0..length)
            .map(|at| {
                let pair = &hex[(2 * at) % 62..(2 * at) % 62 + 2];
                let byte = usize::from_str_radix(pair, 16).unwrap_or_default();
                char::from(alphabet[byte % alphabet.len().max(1)])
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_identifiers() {
        let (mut one, mut two, mut other) = (Ids::new(7), Ids::new(7), Ids::new(8));
        let first = one.uuid();
        assert_eq!(first, two.uuid());
        assert_ne!(first, one.uuid());
        assert_ne!(first, other.uuid());
        assert_eq!(first.len(), 36);
    }
}
