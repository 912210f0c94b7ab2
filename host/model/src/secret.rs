//! A secret that does not show itself.

use std::fmt;

use zeroize::Zeroizing;

/// Secret text: a token, a password, a key, a webhook URL. Its memory is cleared when it is dropped; it has no
/// `Display`, no serialisation, and its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Call it only where the secret is put on the wire or sealed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(REDACTED)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debug_print_shows_nothing_of_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("pat-na1")), "Secret(REDACTED)");
    }
}
