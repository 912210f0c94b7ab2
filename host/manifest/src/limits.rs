//! What one call may use: what a manifest may ask for, the host's defaults, and the bounds of what may be asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits that a connector asks for. None: the host's default. All are capped by the operator, who writes them in the same
/// words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// CPU time of one call, in milliseconds (host default 2,000).
    pub cpu_ms: Option<u64>,
    /// Wall-clock time of one call, in milliseconds, waits for the provider included (host default 60,000).
    pub deadline_ms: Option<u64>,
    /// All linear memories and tables together, in MiB (host default 64).
    pub memory_mib: Option<u32>,
    /// Elements of all tables together (host default 200,000).
    pub table_elements: Option<u32>,
    /// Core instances of the component (host default 60).
    pub instances: Option<u32>,
    /// Calls of host functions in one call, WASI's included (host default 100,000).
    pub host_calls: Option<u32>,
    /// What one call between guest and host, and one answer, may copy, in MiB (host default 16).
    pub copy_mib: Option<u32>,
    /// Live handles: streams, bodies, headers, requests (host default 2,000).
    pub handles: Option<u32>,
    /// Random bytes in one call, in KiB (host default 1,024).
    pub random_kib: Option<u32>,
    /// Log text of one call, in KiB (host default 256).
    pub log_kib: Option<u32>,
    /// Log lines in any one second (host default 100).
    pub log_per_s: Option<u32>,
    /// HTTP requests in one call (host default 100).
    pub http_requests: Option<u32>,
    /// The largest request body, in MiB (host default 8).
    pub request_mib: Option<u32>,
    /// The largest answer body, in MiB (host default 8).
    pub response_mib: Option<u32>,
    /// The headers of a request, and those of an answer, in KiB (host default 32).
    pub header_kib: Option<u32>,
}

/// One limit: its key, what it is for people, what is asked for, the default, and the most that may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// `cpu-ms`: the key in a manifest and in the operator's configuration, and the name in a halt.
    pub name: &'static str,
    /// `CPU time of a call, ms`.
    pub label: &'static str,
    /// What is asked for.
    pub asked: Option<u64>,
    /// What holds where nothing is asked for.
    pub default: u64,
    /// The most that a manifest may ask for, and an operator allow.
    pub most: u64,
}

impl Limit {
    /// What is asked for, or the default.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.asked.unwrap_or(self.default)
    }
}

impl Limits {
    /// Every limit, in the order of the fields.
    #[must_use]
    pub fn all(&self) -> [Limit; 15] {
        let wide = |v: Option<u32>| v.map(u64::from);
        let limit = |name, label, asked, default, most| Limit { name, label, asked, default, most };
        [
            limit("cpu-ms", "CPU time of a call, ms", self.cpu_ms, 2_000, 60_000),
            limit("deadline-ms", "time of a call, ms", self.deadline_ms, 60_000, 600_000),
            limit("memory-mib", "memory, MiB", wide(self.memory_mib), 64, 1_024),
            limit("table-elements", "elements of its tables", wide(self.table_elements), 200_000, 1_000_000),
            limit("instances", "core instances", wide(self.instances), 60, 60),
            limit("host-calls", "host calls of a call", wide(self.host_calls), 100_000, 10_000_000),
            limit("copy-mib", "copied in one host call, MiB", wide(self.copy_mib), 16, 128),
            limit("handles", "live handles", wide(self.handles), 2_000, 20_000),
            limit("random-kib", "random bytes of a call, KiB", wide(self.random_kib), 1_024, 65_536),
            limit("log-kib", "log text of a call, KiB", wide(self.log_kib), 256, 16_384),
            limit("log-per-s", "log lines in a second", wide(self.log_per_s), 100, 10_000),
            limit("http-requests", "HTTP requests of a call", wide(self.http_requests), 100, 10_000),
            limit("request-mib", "largest request, MiB", wide(self.request_mib), 8, 64),
            limit("response-mib", "largest answer, MiB", wide(self.response_mib), 8, 64),
            limit("header-kib", "headers of a message, KiB", wide(self.header_kib), 32, 256),
        ]
    }

    /// What is out of bounds, by key: `cpu-ms`, and why.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let beyond = |l: &Limit| l.asked.is_some_and(|v| v == 0 || v > l.most);
        let all = self.all();
        all.iter()
            .filter(|l| beyond(l))
            .map(|l| (l.name, format!("is out of bounds: 1 to {}", l.most)))
            .collect()
    }
}

/// Keeps an instance warm between calls of one connection, where the operator allows it. A call then finds what an
/// earlier call of the same connection left in memory, so only a connector that is written for it asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reuse {
    /// Calls that one instance serves at most: 2 to 10,000.
    pub max_calls: u32,
    /// How old an instance becomes at most, in milliseconds: 1 to 600,000.
    pub max_age_ms: u64,
}

impl Reuse {
    /// What is out of bounds, by key, and why.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if !(2..=10_000).contains(&self.max_calls) {
            found.push(("max-calls", "is out of bounds: 2 to 10000".to_owned()));
        }
        if !(1..=600_000).contains(&self.max_age_ms) {
            found.push(("max-age-ms", "is out of bounds: 1 to 600000".to_owned()));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_in_the_list_under_its_own_key_and_bounded() {
        let names: Vec<_> = Limits::default().all().map(|l| l.name).to_vec();
        for (i, limit) in Limits::default().all().iter().enumerate() {
            let ask =
                |n: u64| serde_json::from_value::<Limits>(serde_json::json!({ limit.name: n })).unwrap();
            assert!(limit.default <= limit.most, "{}", limit.name);
            assert_eq!(ask(limit.most).all()[i].value(), limit.most, "{names:?}");
            assert!(ask(limit.most).problems().is_empty() && ask(1).problems().is_empty());
            for wrong in [0, limit.most + 1] {
                assert_eq!(ask(wrong).problems()[0].0, limit.name);
            }
        }
    }
}
