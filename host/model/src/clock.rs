//! Where time comes from.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC. What the store keeps and what every comparison uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// The text is not an RFC 3339 timestamp with an offset.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 timestamp with an offset, such as 2026-11-24T15:00:00-05:00")]
pub struct ParseTimeError(pub String);

impl Millis {
    /// Reads RFC 3339 text; the offset is required.
    ///
    /// # Errors
    /// When the text has no offset or is no timestamp.
    pub fn parse(text: &str) -> Result<Self, ParseTimeError> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_millisecond()))
            .map_err(|_| ParseTimeError(crate::cut(text, 64).into_owned()))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-20T10:00:00.000Z`. Instants outside the years −9999 to 9999 are
    /// clamped.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let t = jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        format!("{t:.3}")
    }

    /// This instant moved by `ms`, which may be negative; saturates.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// The one source of wall-clock time in the host, so that a test can own it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Millis;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Millis {
        Millis(jiff::Timestamp::now().as_millisecond())
    }
}

/// A clock that a test sets.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Stands at `at` until it is moved.
    #[must_use]
    pub fn at(at: Millis) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Moves the clock by `ms`.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_normalised_to_utc_milliseconds() {
        let t = Millis::parse("2026-11-24T15:00:00-05:00").unwrap();
        assert_eq!(t.rfc3339(), "2026-11-24T20:00:00.000Z");
        assert_eq!(Millis::parse(&t.rfc3339()).unwrap(), t);
    }

    #[test]
    fn a_timestamp_without_an_offset_is_refused() {
        for bad in ["2026-11-24T15:00:00", "2026-11-24", "", "now", "2026-13-01T00:00:00Z"] {
            assert!(Millis::parse(bad).is_err(), "{bad}");
        }
    }
}
