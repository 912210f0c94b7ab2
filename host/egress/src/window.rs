//! One budget: so many per sliding window, with turns handed out in order.

use std::collections::VecDeque;
use std::time::Duration;

use manifest::RateLimit;
use tokio::time::Instant;

/// Turns that lie closer together than this part of the window are kept as one, so a budget of a million takes no more
/// room than one of a hundred; they expire with the last of them.
const GRAINS: u32 = 64;

/// A sliding window. Turns are reserved ahead, so whoever asked first goes first.
#[derive(Debug)]
pub(crate) struct Window {
    limit: RateLimit,
    /// Ordered by `until`.
    taken: VecDeque<Grain>,
    /// Nothing goes before then: the provider said so.
    blocked: Option<Instant>,
}

#[derive(Debug)]
struct Grain {
    from: Instant,
    until: Instant,
    count: u32,
}

impl Window {
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, taken: VecDeque::new(), blocked: None }
    }

    pub fn limit(&self) -> RateLimit {
        self.limit
    }

    fn length(&self) -> Duration {
        Duration::from_millis(self.limit.window_ms)
    }

    /// When the next turn comes: now, or later.
    pub fn next_turn(&mut self, now: Instant) -> Instant {
        self.forget(now);
        let mut used: u64 = self.taken.iter().map(|g| u64::from(g.count)).sum();
        let mut turn = self.blocked.map_or(now, |b| b.max(now));
        for grain in &self.taken {
            if used < u64::from(self.limit.count) {
                break;
            }
            used -= u64::from(grain.count);
            turn = turn.max(grain.until);
        }
        turn
    }

    /// Takes the turn at `at`, which `next_turn` (of this window, or a later one of another) gave.
    pub fn take(&mut self, at: Instant) {
        let until = at + self.length();
        let grain = self.length() / GRAINS;
        if let Some(last) = self.taken.back_mut()
            && self.limit.count > GRAINS
            && at >= last.from
            && at - last.from < grain
            && until >= last.until
        {
            last.count = last.count.saturating_add(1);
            last.until = until;
            return;
        }
        self.insert(Grain { from: at, until, count: 1 });
    }

    /// The provider says that so many are left until `until`. Corrects downwards only: other requests may be on the way
    /// that the provider has not counted yet.
    pub fn left(&mut self, left: u64, until: Option<Instant>, now: Instant) {
        self.forget(now);
        let used: u64 = self.taken.iter().map(|g| u64::from(g.count)).sum();
        let ours = u64::from(self.limit.count).saturating_sub(used);
        let Ok(excess @ 1..) = u32::try_from(ours.saturating_sub(left)) else {
            return;
        };
        let until = until.unwrap_or(now + self.length());
        self.insert(Grain { from: now, until, count: excess });
    }

    /// The provider says: nothing before then.
    pub fn block(&mut self, until: Instant) {
        self.blocked = Some(self.blocked.map_or(until, |b| b.max(until)));
    }

    /// Until when the provider wants nothing, if that is still to come.
    pub fn blocked(&self, now: Instant) -> Option<Instant> {
        self.blocked.filter(|b| *b > now)
    }

    /// Whether nothing would be lost by forgetting this budget.
    pub fn idle(&mut self, now: Instant) -> bool {
        self.forget(now);
        self.taken.is_empty() && self.blocked.is_none()
    }

    fn insert(&mut self, grain: Grain) {
        let at = self.taken.partition_point(|g| g.until <= grain.until);
        self.taken.insert(at, grain);
    }

    fn forget(&mut self, now: Instant) {
        while self.taken.front().is_some_and(|g| g.until <= now) {
            self.taken.pop_front();
        }
        self.blocked = self.blocked(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(text: &str) -> Window {
        Window::new(text.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_window_slides() {
        let (mut w, t0) = (window("2/10s"), Instant::now());
        let at = |s: u64| t0 + Duration::from_secs(s);
        assert_eq!(w.next_turn(at(0)), at(0));
        w.take(at(0));
        w.take(at(4));
        assert_eq!(w.next_turn(at(5)), at(10));
        w.take(at(10));
        assert_eq!(w.next_turn(at(5)), at(14));
        assert_eq!(w.next_turn(at(30)), at(30));
        assert!(w.idle(at(30)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_provider_corrects_downwards_only() {
        let (mut w, t0) = (window("10/10s"), Instant::now());
        w.take(t0);
        w.left(100, None, t0);
        assert_eq!(w.next_turn(t0), t0);
        w.left(0, Some(t0 + Duration::from_secs(3)), t0);
        assert_eq!(w.next_turn(t0), t0 + Duration::from_secs(3));
        w.block(t0 + Duration::from_secs(7));
        w.block(t0 + Duration::from_secs(5));
        assert_eq!(w.next_turn(t0), t0 + Duration::from_secs(7));
        assert!(!w.idle(t0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_budget_takes_little_room() {
        let (mut w, t0) = (window("250000/1d"), Instant::now());
        for i in 0..100_000u64 {
            w.take(t0 + Duration::from_millis(i * 500));
        }
        assert!(w.taken.len() <= GRAINS as usize + 1, "{}", w.taken.len());
    }

    proptest! {
        /// Whatever comes when, no window of the given length holds more turns than the limit.
        #[test]
        fn no_window_ever_holds_more_than_its_limit(
            count in 1u32..200, window_ms in 1u64..2_000, gaps in prop::collection::vec(0u64..60, 1..400),
        ) {
            let mut w = Window::new(RateLimit { count, window_ms });
            let t0 = Instant::now();
            let (mut now, mut turns) = (t0, Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                let turn = w.next_turn(now);
                prop_assert!(turn >= now);
                w.take(turn);
                turns.push(turn);
            }
            let length = Duration::from_millis(window_ms);
            for (i, first) in turns.iter().enumerate() {
                let inside = turns[i..].iter().filter(|t| **t >= *first && **t < *first + length).count();
                prop_assert!(inside <= count as usize, "{inside} > {count}");
            }
        }
    }
}
