//! Who counts what one call uses. The engine asks before every growth, at every tick and around every host call.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::ResourceLimiter;

use crate::busy::Busy;
use crate::limits::{KIB, MIB};
use crate::{Halt, Limits};

/// A tick's length. A stretch of guest code without a tick is shorter, but for two: one instruction may fill or copy all of
/// a memory, and the machine may take the thread away.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The limit that was met first: the engine reports only a trap. What runs beside the guest rings it too, and the guest is
/// stopped before its next instruction after a host call, or at its next tick.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarm(Arc<OnceLock<Halt>>);

impl Alarm {
    /// Keeps the first halt, and gives back this one.
    pub(crate) fn ring(&self, halt: Halt) -> Halt {
        self.0.get_or_init(|| halt.clone());
        halt
    }

    pub(crate) fn rung(&self) -> Option<Halt> {
        self.0.get().cloned()
    }
}

/// What memories and tables grew by.
#[derive(Clone, Copy, Debug, Default)]
struct Grown {
    bytes: u64,
    elements: u64,
}

/// Counts what a call uses.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    deadline: Instant,
    memory: u64,
    table_elements: u64,
    /// What was counted last, and what of all that was counted the engine then refused. It counts within the call, or a
    /// guest could ask for ever; a later call does not begin with it.
    asked: Grown,
    refused: Grown,
    cpu: Duration,
    host_calls: u64,
    random: u64,
    log_bytes: u64,
    /// The log lines of the last second, as many as there may be at most.
    logged: VecDeque<Instant>,
    busy: Arc<Busy>,
    /// Since when guest code has been running; none while the host works for it.
    running_since: Option<std::time::Instant>,
    alarm: Alarm,
}

impl Meter {
    pub(crate) fn new(limits: Limits, deadline: Instant) -> Self {
        Self {
            limits,
            deadline,
            memory: 0,
            table_elements: 0,
            asked: Grown::default(),
            refused: Grown::default(),
            cpu: Duration::ZERO,
            host_calls: 0,
            random: 0,
            log_bytes: 0,
            logged: VecDeque::new(),
            busy: Arc::default(),
            running_since: None,
            alarm: Alarm::default(),
        }
    }

    /// A meter for one more call of an instance that was kept: all is counted anew but what the instance still holds.
    pub(crate) fn again(&self, limits: Limits, deadline: Instant) -> Self {
        let table_elements = self.table_elements.saturating_sub(self.refused.elements);
        Self { memory: self.holds(), table_elements, ..Self::new(limits, deadline) }
    }

    /// Bytes of all memories and tables that there are now.
    pub(crate) fn holds(&self) -> u64 {
        self.memory.saturating_sub(self.refused.bytes)
    }

    /// Guest code begins.
    pub(crate) fn enter(&mut self) {
        self.running_since = Some(std::time::Instant::now());
    }

    /// The host takes over.
    pub(crate) fn leave(&mut self) {
        let Some(since) = self.running_since.take() else { return };
        // After a yield, the thread was elsewhere until the present poll began.
        let stretch = since.max(self.busy.since()).elapsed();
        // The clock on the wall is cheap to read and right for all but the long ones, where the thread's own tells whether
        // the guest ran all that time.
        self.cpu += if stretch > TICK { stretch.min(self.busy.of_this_poll()) } else { stretch };
    }

    /// The guest calls a host function. `Err` stops it: each call is cheap for the guest and work for the host.
    pub(crate) fn calls_host(&mut self) -> Result<(), Halt> {
        self.leave();
        self.host_calls += 1;
        self.within("host-calls", self.host_calls, self.limits.host_calls)
    }

    /// A host function gives the guest its answer. `Err` stops it: what the host did may have taken too long or gone too
    /// far, and a function that never waits gives nobody else the chance to see that.
    pub(crate) fn returns(&mut self) -> Result<(), Halt> {
        self.in_time()?;
        self.enter();
        Ok(())
    }

    /// A tick passed while guest code ran. `Err` stops it.
    pub(crate) fn tick(&mut self) -> Result<(), Halt> {
        self.leave();
        self.enter();
        if self.cpu > self.limits.cpu {
            return Err(self.stop(Halt::Cpu { used_ms: begun_ms(self.cpu), limit_ms: ms(self.limits.cpu) }));
        }
        self.in_time()?;
        // What the thread did for this call and guest code did not is the host's work.
        let host = self.busy.so_far().saturating_sub(self.cpu);
        if host <= self.limits.host {
            return Ok(());
        }
        Err(self.stop(Halt::bound("host-ms", begun_ms(host), ms(self.limits.host))))
    }

    fn in_time(&self) -> Result<(), Halt> {
        if let Some(halt) = self.alarm.rung() {
            return Err(halt);
        }
        if Instant::now() >= self.deadline {
            return Err(self.stop(Halt::Deadline { limit_ms: ms(self.limits.deadline) }));
        }
        Ok(())
    }

    /// The guest asks for so many random bytes.
    pub(crate) fn random(&mut self, bytes: u64) -> Result<(), Halt> {
        self.random = self.random.saturating_add(bytes);
        if self.random <= self.limits.random {
            return Ok(());
        }
        Err(self.stop(Halt::bound("random-kib", self.random.div_ceil(KIB), self.limits.random / KIB)))
    }

    /// The guest logs a line of so many bytes.
    pub(crate) fn logs(&mut self, bytes: usize) -> Result<(), Halt> {
        self.log_bytes = self.log_bytes.saturating_add(bytes as u64);
        if self.log_bytes > self.limits.log_bytes {
            let (used, most) = (self.log_bytes.div_ceil(KIB), self.limits.log_bytes / KIB);
            return Err(self.stop(Halt::bound("log-kib", used, most)));
        }
        let now = Instant::now();
        while self.logged.front().is_some_and(|then| now.duration_since(*then) >= Duration::from_secs(1)) {
            self.logged.pop_front();
        }
        self.within("log-per-s", self.logged.len() as u64 + 1, self.limits.log_per_s)?;
        self.logged.push_back(now);
        Ok(())
    }

    fn within(&self, limit: &'static str, used: u64, most: u64) -> Result<(), Halt> {
        if used <= most { Ok(()) } else { Err(self.stop(Halt::bound(limit, used, most))) }
    }

    /// Remembers the first halt: the engine reports only a trap.
    pub(crate) fn stop(&self, halt: Halt) -> Halt {
        self.alarm.ring(halt)
    }

    /// The halt that ends the call, if there is one.
    pub(crate) fn halted(&self) -> Option<Halt> {
        self.alarm.rung()
    }

    /// For what runs beside the guest.
    pub(crate) fn alarm(&self) -> Alarm {
        self.alarm.clone()
    }

    /// The thread's time for this call; whoever polls it keeps it.
    pub(crate) fn busy(&self) -> Arc<Busy> {
        self.busy.clone()
    }

    /// What is left of the deadline.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn grow(&mut self, bytes: u64) -> wasmtime::Result<bool> {
        let wanted = self.memory.saturating_add(bytes);
        if wanted > self.limits.memory {
            let halt = Halt::Memory {
                wanted_mib: wanted.div_ceil(MIB),
                limit_mib: self.limits.memory.div_ceil(MIB),
            };
            // Not `Ok(false)`: a guest that is told "no" may try for ever, and its own message would hide the limit.
            return Err(wasmtime::Error::new(self.stop(halt)));
        }
        self.memory = wanted;
        self.asked = Grown { bytes, elements: 0 };
        Ok(true)
    }

    /// The engine refuses what was counted last, because the memory or table has a maximum of its own. Other failures keep
    /// counting: some come before anything was counted, and the engine has no type that tells which.
    fn refuses(&mut self, why: &wasmtime::Error, words: &str) {
        if why.to_string() == words {
            let asked = std::mem::take(&mut self.asked);
            self.refused.bytes = self.refused.bytes.saturating_add(asked.bytes);
            self.refused.elements = self.refused.elements.saturating_add(asked.elements);
        }
    }
}

/// What was used is shown rounded up: "400 of 400" would be no breach.
fn begun_ms(d: Duration) -> u64 {
    ms(d.saturating_add(Duration::from_nanos(999_999)))
}

fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

/// Sums what all memories and tables of the store grow by: a limit per memory would be no limit for a guest with many.
impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current) as u64)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refuses(&error, "Memory maximum size exceeded");
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let wanted = self.table_elements.saturating_add(more as u64);
        self.within("table-elements", wanted, self.limits.table_elements).map_err(wasmtime::Error::new)?;
        self.table_elements = wanted;
        let grown = self.grow(more.saturating_mul(size_of::<usize>()) as u64);
        self.asked.elements = more as u64;
        grown
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refuses(&error, "Table maximum size exceeded");
        Ok(())
    }

    fn instances(&self) -> usize {
        usize::try_from(self.limits.instances).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(limits: Limits) -> Meter {
        let deadline = Instant::now() + limits.deadline;
        Meter::new(limits, deadline)
    }

    #[tokio::test(start_paused = true)]
    async fn log_lines_are_counted_within_any_one_second() {
        let mut meter = meter(Limits { log_per_s: 3, ..Limits::default() });
        for _ in 0..4 {
            meter.logs(1).unwrap();
            tokio::time::advance(Duration::from_millis(334)).await;
        }
        meter.logs(1).unwrap();
        let halt = [meter.logs(1), meter.logs(1)].into_iter().find_map(Result::err).unwrap();
        assert_eq!(halt, Halt::bound("log-per-s", 4, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_function_that_outlasts_the_deadline_is_the_calls_last() {
        let mut meter = meter(Limits::default());
        meter.calls_host().unwrap();
        // It never waited: nobody else saw the deadline pass.
        tokio::time::advance(meter.left()).await;
        assert!(matches!(meter.returns(), Err(Halt::Deadline { .. })));
    }

    #[tokio::test]
    async fn guest_code_is_charged_what_it_ran_and_not_what_the_thread_did_meanwhile() {
        let mut meter = meter(Limits::default());
        let (busy, long) = (meter.busy(), 6 * TICK);
        // As after a tick: the poll ends, and the thread goes elsewhere.
        let yields = async {
            meter.enter();
            tokio::time::sleep(TICK).await;
            meter.leave();
        };
        busy.during(yields).await;
        let yielded = meter.cpu;
        assert!(yielded < TICK / 2, "{yielded:?}");
        // The machine takes the thread away.
        let rests = async {
            meter.enter();
            std::thread::sleep(long);
            meter.leave();
        };
        busy.during(rests).await;
        let rested = meter.cpu.saturating_sub(yielded);
        assert!(rested < TICK / 2, "{rested:?}");
        // One instruction, in which no tick is looked at.
        let fills = async {
            meter.enter();
            while busy.of_this_poll() < long {}
            meter.leave();
        };
        busy.during(fills).await;
        assert!(meter.cpu.saturating_sub(rested) >= long, "{:?}", meter.cpu);
    }

    #[test]
    fn what_was_used_beyond_a_limit_is_shown_as_more_than_it() {
        assert_eq!(begun_ms(Duration::from_micros(400_001)), 401);
        assert_eq!(begun_ms(Duration::from_millis(400)), 400);
    }

    #[test]
    fn a_guest_that_was_halted_runs_no_further() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let mut meter = meter(Limits::default());
        let first = meter.alarm().ring(Halt::bound("http-requests", 6, 5));
        meter.stop(Halt::Deadline { limit_ms: 1 });
        assert_eq!((meter.tick(), meter.returns()), (Err(first.clone()), Err(first)));
    }
}
