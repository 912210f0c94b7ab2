//! What one call may use, and who counts it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::ResourceLimiter;

use crate::Halt;
use crate::busy::Busy;

const MIB: u64 = 1024 * 1024;

/// What one call may use. Taken from the manifest, capped by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time, the host's own work not counted. Measured in ticks of 10 ms.
    pub cpu: Duration,
    /// Wall-clock time, waits included.
    pub deadline: Duration,
    /// All linear memories and tables together, in bytes.
    pub memory: u64,
    /// HTTP requests.
    pub http_requests: u32,
    /// The largest answer body, in bytes.
    pub response_bytes: u64,
    /// The largest request body, in bytes.
    pub request_bytes: u64,
    /// The host's own time on the thread for this call, waits not counted. Grows with `cpu`; no manifest sets it.
    pub host: Duration,
    /// Calls of host functions, WASI's included. No manifest sets it.
    pub host_calls: u64,
}

/// The host's own time, where a call has the least CPU time; four times the CPU time comes on top.
const HOST_TIME: Duration = Duration::from_secs(1);
/// Enough to read 64 MiB in pieces of 4 KiB, with a wait before each.
const HOST_CALLS: u64 = 100_000;
/// One call copies at least this much out of the guest, in bytes: a page of records.
const COPY_MIN: u64 = 16 * MIB;

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(2_000),
            deadline: Duration::from_secs(60),
            memory: 64 * MIB,
            http_requests: 100,
            response_bytes: 8 * MIB,
            request_bytes: 8 * MIB,
            host: HOST_TIME + 4 * Duration::from_millis(2_000),
            host_calls: HOST_CALLS,
        }
    }
}

impl Limits {
    /// What an operator allows at most unless it says otherwise.
    #[must_use]
    pub fn caps() -> Self {
        Self {
            cpu: Duration::from_secs(30),
            deadline: Duration::from_secs(300),
            memory: 512 * MIB,
            http_requests: 1_000,
            response_bytes: 64 * MIB,
            request_bytes: 64 * MIB,
            host: HOST_TIME + 4 * Duration::from_secs(30),
            host_calls: HOST_CALLS,
        }
    }

    /// What `wanted` asks for where it asks, the defaults elsewhere, and never more than `caps`.
    #[must_use]
    pub fn of(wanted: &manifest::Limits, caps: &Self) -> Self {
        let d = Self::default();
        let ms = |wanted: Option<u64>, default: Duration, cap: Duration| {
            wanted.map_or(default, Duration::from_millis).min(cap)
        };
        let mib = |wanted: Option<u32>, default: u64, cap: u64| {
            wanted.map_or(default, |m| u64::from(m) * MIB).min(cap)
        };
        let cpu = ms(wanted.cpu_ms, d.cpu, caps.cpu);
        Self {
            cpu,
            deadline: ms(wanted.deadline_ms, d.deadline, caps.deadline),
            memory: mib(wanted.memory_mib, d.memory, caps.memory),
            http_requests: wanted.http_requests.unwrap_or(d.http_requests).min(caps.http_requests),
            response_bytes: mib(wanted.response_mib, d.response_bytes, caps.response_bytes),
            request_bytes: mib(wanted.request_mib, d.request_bytes, caps.request_bytes),
            host: (HOST_TIME + 4 * cpu).min(caps.host),
            host_calls: d.host_calls.min(caps.host_calls),
        }
    }

    /// What one call between guest and host, and one answer, may copy out of the guest, in bytes.
    pub(crate) fn copied(&self) -> u64 {
        // A request's body comes with its URL and headers.
        COPY_MIN.max(self.request_bytes.saturating_add(MIB))
    }
}

/// Counts what a call uses. The engine asks it before every growth and at every tick.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    deadline: Instant,
    memory: u64,
    cpu: Duration,
    host_calls: u64,
    busy: Arc<Busy>,
    /// Since when guest code has been running; none while the host works for it.
    running_since: Option<std::time::Instant>,
    /// The limit that was met first: the engine reports only a trap.
    pub(crate) halt: Option<Halt>,
}

/// A tick's length. A stretch of guest code without a tick is shorter than this, so no stretch is charged more: time
/// that the thread spent elsewhere after a yield is not the guest's.
pub(crate) const TICK: Duration = Duration::from_millis(10);

impl Meter {
    pub(crate) fn new(limits: Limits, deadline: Instant) -> Self {
        Self {
            limits,
            deadline,
            memory: 0,
            cpu: Duration::ZERO,
            host_calls: 0,
            busy: Arc::default(),
            running_since: None,
            halt: None,
        }
    }

    /// Guest code begins or goes on.
    pub(crate) fn enter(&mut self) {
        self.running_since = Some(std::time::Instant::now());
    }

    /// The host takes over.
    pub(crate) fn leave(&mut self) {
        if let Some(since) = self.running_since.take() {
            self.cpu += since.elapsed().min(TICK);
        }
    }

    /// The guest calls a host function. `Err` stops it: each call is cheap for the guest and work for the host.
    pub(crate) fn calls_host(&mut self) -> Result<(), Halt> {
        self.leave();
        self.host_calls += 1;
        if self.host_calls <= self.limits.host_calls {
            return Ok(());
        }
        Err(self.stop(Halt::Bound {
            limit: "host-calls",
            used: self.host_calls,
            most: self.limits.host_calls,
            advice: "read and write in larger pieces, or handle fewer records in one call",
        }))
    }

    /// A tick passed while guest code ran. `Err` stops it.
    pub(crate) fn tick(&mut self) -> Result<(), Halt> {
        self.leave();
        self.enter();
        let used_ms = u64::try_from(self.cpu.as_millis()).unwrap_or(u64::MAX);
        let halt = if self.cpu > self.limits.cpu {
            Halt::Cpu { used_ms, limit_ms: ms(self.limits.cpu) }
        } else if Instant::now() >= self.deadline {
            Halt::Deadline { limit_ms: ms(self.limits.deadline) }
        } else {
            // What the thread did for this call and guest code did not is the host's work.
            let host = self.busy.so_far().saturating_sub(self.cpu);
            if host <= self.limits.host {
                return Ok(());
            }
            let (used, most) = (ms(host), ms(self.limits.host));
            let advice =
                "ask the host for less: fewer and smaller requests, log lines and random bytes in one call";
            Halt::Bound { limit: "host-ms", used, most, advice }
        };
        Err(self.stop(halt))
    }

    /// Remembers the first halt: the engine reports only a trap.
    pub(crate) fn stop(&mut self, halt: Halt) -> Halt {
        self.halt.get_or_insert_with(|| halt.clone());
        halt
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
        Ok(true)
    }
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

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow((desired.saturating_sub(current) * size_of::<usize>()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_asks_for_is_capped_by_the_operator() {
        let wanted = manifest::Limits { cpu_ms: Some(999_999), memory_mib: Some(16), ..Default::default() };
        let limits = Limits::of(&wanted, &Limits::caps());
        assert_eq!(limits.cpu, Limits::caps().cpu);
        assert_eq!(limits.memory, 16 * MIB);
        assert_eq!(limits.deadline, Limits::default().deadline);
    }
}
