//! Rate limits: so many requests in any such span of time.

use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// How many requests are allowed in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The number of requests.
    pub requests: u32,
    /// The span, which rolls.
    pub per: Duration,
}

impl Limit {
    /// `requests` in any `per`.
    pub const fn new(requests: u32, per: Duration) -> Self {
        Self { requests, per }
    }

    /// A limit that no test reaches.
    pub const fn none() -> Self {
        Self { requests: u32::MAX, per: Duration::from_secs(1) }
    }
}

/// The requests that still count against a limit.
#[derive(Debug, Clone)]
pub struct Window {
    limit: Limit,
    taken: VecDeque<Timestamp>,
}

impl Window {
    /// An unused window.
    pub fn new(limit: Limit) -> Self {
        Self { limit, taken: VecDeque::new() }
    }

    /// The limit that this window keeps.
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// Replaces the limit; what was taken still counts.
    pub fn set_limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Counts one request: what is left, or how long to wait.
    pub fn take(&mut self, now: Timestamp) -> Result<u32, Duration> {
        if self.limit.requests == u32::MAX {
            return Ok(u32::MAX);
        }
        self.forget(now);
        let used = u32::try_from(self.taken.len()).unwrap_or(u32::MAX);
        if used >= self.limit.requests {
            return Err(self.wait(now));
        }
        self.taken.push_back(now);
        Ok(self.limit.requests - used - 1)
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(first) = self.taken.front() {
            if age(*first, now) < self.limit.per {
                break;
            }
            self.taken.pop_front();
        }
    }

    fn wait(&self, now: Timestamp) -> Duration {
        let oldest = self.taken.front().copied().unwrap_or(now);
        self.limit.per.saturating_sub(age(oldest, now))
    }
}

/// Whole seconds to announce for a wait: at least one, rounded up.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn age(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_rolls() {
        let mut window = Window::new(Limit::new(2, Duration::from_secs(10)));
        let start = Timestamp::UNIX_EPOCH;
        let at = |seconds: u64| start.checked_add(Duration::from_secs(seconds)).unwrap();
        assert_eq!(window.take(at(0)), Ok(1));
        assert_eq!(window.take(at(4)), Ok(0));
        assert_eq!(window.take(at(9)), Err(Duration::from_secs(1)));
        assert_eq!(window.take(at(10)), Ok(0));
        assert_eq!(window.take(at(11)), Err(Duration::from_secs(3)));
    }

    #[test]
    fn a_wait_is_announced_in_whole_seconds_and_never_as_none() {
        assert_eq!(whole_seconds(Duration::from_millis(1200)), 2);
        assert_eq!(whole_seconds(Duration::ZERO), 1);
    }
}
