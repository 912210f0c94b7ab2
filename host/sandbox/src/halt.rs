//! Why a call was stopped.

/// What to change: a limit of the manifest, and perhaps that of the operator, who may have set a lower one.
macro_rules! raise {
    ($limit:literal, $or:literal) => {
        concat!(
            "raise `limits.",
            $limit,
            "` in the manifest (and in the operator's `[limits]`, if that is lower) or ",
            $or
        )
    };
}

/// The guest's fault, not the provider's: the instance is dropped, whatever it was about to do.
///
/// Each limit names itself, what was used, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// More CPU time than allowed; the host's own work is not counted.
    #[error(
        "halted at limit `cpu-ms`: used {used_ms} ms of {limit_ms} ms; {}",
        raise!("cpu-ms", "do less in one call")
    )]
    Cpu {
        /// What was used, in milliseconds.
        used_ms: u64,
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// The wall clock ran out, waits for the provider included.
    #[error(
        "halted at limit `deadline-ms`: {limit_ms} ms are over; {}",
        raise!("deadline-ms", "handle fewer records in one call")
    )]
    Deadline {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// All linear memories and tables together would have passed the limit.
    #[error(
        "halted at limit `memory-mib`: wanted {wanted_mib} MiB of {limit_mib} MiB; {}",
        raise!("memory-mib", "hold less at once")
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
    /// Any other limit: how often, and with how much, the host is asked.
    #[error("halted at limit `{limit}`: used {used} of {most}; {advice}")]
    Bound {
        /// Its name in the manifest, or `host-ms`, which no manifest sets.
        limit: &'static str,
        /// What was used, in the limit's own unit, rounded up.
        used: u64,
        /// The limit, in its own unit.
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

/// What to change, by limit.
fn advice(limit: &str) -> &'static str {
    match limit {
        "table-elements" => raise!("table-elements", "keep fewer functions in tables"),
        "instances" => raise!("instances", "compose the component of fewer modules"),
        "host-calls" => {
            raise!("host-calls", "read and write in larger pieces, or handle fewer records in one call")
        }
        "copy-mib" => {
            raise!("copy-mib", "pass less at once: smaller bodies, or fewer records in one page")
        }
        "handles" => raise!("handles", "drop streams, bodies, headers and answers that are done with"),
        "random-kib" => raise!("random-kib", "seed a generator of your own"),
        "log-kib" => raise!("log-kib", "log less text"),
        "log-per-s" => raise!("log-per-s", "log fewer lines"),
        "http-requests" => {
            raise!("http-requests", "ask for larger pages, or handle fewer records in one call")
        }
        _ => "ask the host for less: fewer and smaller requests, log lines and random bytes in one call",
    }
}

impl Halt {
    /// A limit that has no variant of its own, with what to change.
    pub(crate) fn bound(limit: &'static str, used: u64, most: u64) -> Self {
        Self::Bound { limit, used, most, advice: advice(limit) }
    }

    /// The limit that was met, by its name in the manifest (`host-ms` is in none). None where no limit was.
    #[must_use]
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Cpu { .. } => Some("cpu-ms"),
            Self::Deadline { .. } => Some("deadline-ms"),
            Self::Memory { .. } => Some("memory-mib"),
            Self::Bound { limit, .. } => Some(limit),
            Self::Trap { .. } | Self::HostCall { .. } | Self::NoInstance { .. } => None,
        }
    }

    /// Whether the guest is to blame. A deadline may be the provider's fault: only who saw the wire can tell.
    #[must_use]
    pub fn is_the_guests_fault(&self) -> bool {
        !matches!(self, Self::NoInstance { .. })
    }

    /// A stable word for logs and APIs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cpu { .. } => "halt_cpu",
            Self::Deadline { .. } => "halt_deadline",
            Self::Memory { .. } => "halt_memory",
            Self::Trap { .. } => "halt_trap",
            Self::HostCall { .. } => "halt_host_call",
            Self::Bound { limit, .. } => match *limit {
                "table-elements" => "halt_tables",
                "instances" => "halt_instances",
                "host-calls" => "halt_host_calls",
                "copy-mib" => "halt_copy",
                "handles" => "halt_handles",
                "random-kib" => "halt_random",
                "log-kib" | "log-per-s" => "halt_log",
                "http-requests" => "halt_http_requests",
                _ => "halt_host_time",
            },
            Self::NoInstance { .. } => "halt_no_instance",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_halt_at_a_limit_names_it_and_says_what_to_change() {
        // A larger body or head is a value that the guest gets, not a halt.
        let values = ["request-mib", "response-mib", "header-kib"];
        let mut codes = std::collections::BTreeMap::<_, Vec<_>>::new();
        for limit in manifest::Limits::default().all() {
            let halt = match limit.name {
                "cpu-ms" => Halt::Cpu { used_ms: 2, limit_ms: 1 },
                "deadline-ms" => Halt::Deadline { limit_ms: 1 },
                "memory-mib" => Halt::Memory { wanted_mib: 2, limit_mib: 1 },
                name if values.contains(&name) => continue,
                name => Halt::bound(name, 2, 1),
            };
            let text = halt.to_string();
            assert_eq!(halt.limit(), Some(limit.name));
            assert!(text.contains(&format!("halted at limit `{}`", limit.name)), "{text}");
            assert!(text.contains(&format!("raise `limits.{}` in the manifest", limit.name)), "{text}");
            assert!(text.contains("operator's `[limits]`"), "{text}");
            codes.entry(halt.code()).or_default().push(limit.name);
        }
        let shared: Vec<_> = codes.into_values().filter(|limits| limits.len() > 1).collect();
        assert_eq!(shared, [["log-kib", "log-per-s"]]);
        assert_eq!(Halt::bound("host-ms", 2, 1).code(), "halt_host_time");
    }
}
