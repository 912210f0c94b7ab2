//! Why a call was stopped.

/// The guest's fault, not the provider's: the instance is dropped, whatever it was about to do.
///
/// Each limit names itself, what was used, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// More CPU time than allowed; the host's own work is not counted.
    #[error(
        "halted at limit `cpu-ms`: used {used_ms} ms of {limit_ms} ms; raise `limits.cpu-ms` in the manifest or \
         do less in one call"
    )]
    Cpu {
        /// What was used, in milliseconds.
        used_ms: u64,
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// The wall clock ran out, waits for the provider included.
    #[error(
        "halted at limit `deadline-ms`: {limit_ms} ms are over; raise `limits.deadline-ms` in the manifest or \
         handle fewer records in one call"
    )]
    Deadline {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// All linear memories and tables together would have passed the limit.
    #[error(
        "halted at limit `memory-mib`: wanted {wanted_mib} MiB of {limit_mib} MiB; raise `limits.memory-mib` in the \
         manifest or hold less at once"
    )]
    Memory {
        /// What was wanted in sum, in MiB, rounded up.
        wanted_mib: u64,
        /// The limit, in MiB.
        limit_mib: u64,
    },
    /// The guest trapped: `unreachable`, a panic, an out-of-bounds access, a stack overflow, a bad value.
    #[error("halted by a trap: {reason}")]
    Trap {
        /// What the engine says, cut at 1 KiB. It holds no guest memory.
        reason: String,
    },
    /// The guest called something that it was not given, or passed more than the host takes.
    #[error("halted at a host call: {reason}")]
    HostCall {
        /// Which, and why.
        reason: String,
    },
    /// A bound of the host's that no manifest raises: how often, and with how much, the host is asked.
    #[error("halted at limit `{limit}`: used {used} of {most}; {advice}")]
    Bound {
        /// Its name: `host-calls`, `host-ms`, `handles`, `call-bytes`.
        limit: &'static str,
        /// What was used.
        used: u64,
        /// The limit.
        most: u64,
        /// What to change.
        advice: &'static str,
    },
    /// No instance could be made; the host's pool is exhausted.
    #[error("no instance was free: {reason}; the call is tried again later")]
    NoInstance {
        /// What the engine says.
        reason: String,
    },
}

impl Halt {
    /// A stable word for logs and APIs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cpu { .. } => "halt_cpu",
            Self::Deadline { .. } => "halt_deadline",
            Self::Memory { .. } => "halt_memory",
            Self::Trap { .. } => "halt_trap",
            Self::HostCall { .. } => "halt_host_call",
            Self::Bound { .. } => "halt_bound",
            Self::NoInstance { .. } => "halt_no_instance",
        }
    }
}
