//! How long a call has been on a thread: its polls, by the thread's own CPU clock. Waiting costs nothing, and neither does
//! whatever else the machine runs.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nanoseconds, so that 584 years fit.
#[derive(Debug)]
pub(crate) struct Busy {
    /// Of polls that have ended.
    before: AtomicU64,
    /// The thread's clock when the present poll began.
    began: AtomicU64,
    /// The clock on the wall then, since `made`: reading it is no system call.
    began_on_wall: AtomicU64,
    made: Instant,
}

impl Default for Busy {
    fn default() -> Self {
        let nanos = AtomicU64::default;
        Self { before: nanos(), began: nanos(), began_on_wall: nanos(), made: Instant::now() }
    }
}

impl Busy {
    /// Asked from within a poll.
    pub(crate) fn so_far(&self) -> Duration {
        Duration::from_nanos(self.before.load(Ordering::Relaxed)).saturating_add(self.of_this_poll())
    }

    /// The thread's time since the present poll began. A system call.
    pub(crate) fn of_this_poll(&self) -> Duration {
        Duration::from_nanos(thread_time().saturating_sub(self.began.load(Ordering::Relaxed)))
    }

    /// When the present poll began, by the clock on the wall.
    pub(crate) fn since(&self) -> Instant {
        self.made + Duration::from_nanos(self.began_on_wall.load(Ordering::Relaxed))
    }

    /// Runs `future` and counts the time of its polls. One task polls it, so there is never more than one at a time.
    pub(crate) async fn during<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            let began = thread_time();
            self.began.store(began, Ordering::Relaxed);
            let on_wall = u64::try_from(self.made.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.began_on_wall.store(on_wall, Ordering::Relaxed);
            let polled = future.as_mut().poll(cx);
            self.before.fetch_add(thread_time().saturating_sub(began), Ordering::Relaxed);
            polled
        })
        .await
    }
}

fn thread_time() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(t.tv_sec).unwrap_or(0), u64::try_from(t.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_counts_and_waiting_does_not() {
        let busy = Busy::default();
        busy.during(tokio::time::sleep(Duration::from_millis(50))).await;
        assert!(Duration::from_nanos(busy.before.load(Ordering::Relaxed)) < Duration::from_millis(25));
        let counted = busy
            .during(async {
                let mut n = 0u64;
                while busy.so_far() < Duration::from_millis(60) {
                    n = std::hint::black_box(n.wrapping_add(1));
                }
                busy.so_far()
            })
            .await;
        assert!(counted >= Duration::from_millis(60));
    }
}
