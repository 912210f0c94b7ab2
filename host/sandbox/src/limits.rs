//! What one call may use: what its manifest asks for, within what the operator allows.

use std::collections::BTreeMap;
use std::time::Duration;

use egress::LaneLimits;

pub(crate) const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;

/// What one call may use. The defaults and the bounds are those of [`manifest::Limits::all`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time, the host's own work not counted. Looked at every 10 ms.
    pub cpu: Duration,
    /// Wall-clock time, waits included.
    pub deadline: Duration,
    /// All linear memories and tables together, in bytes.
    pub memory: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Core instances.
    pub instances: u64,
    /// Calls of host functions, WASI's included.
    pub host_calls: u64,
    /// What one call between guest and host, and one answer, may copy out of the guest, in bytes. At least a request with
    /// its URL and headers, as far as the operator allows that.
    pub copied: u64,
    /// Live handles.
    pub handles: u64,
    /// Random bytes.
    pub random: u64,
    /// Bytes of log text, as the guest gives it.
    pub log_bytes: u64,
    /// Log lines in any one second.
    pub log_per_s: u64,
    /// HTTP requests, followed redirects included.
    pub http_requests: u32,
    /// The largest request body, in bytes.
    pub request_bytes: u64,
    /// The largest answer body, in bytes.
    pub response_bytes: u64,
    /// The headers of a request, and those of an answer, in bytes.
    pub header_bytes: u64,
    /// The host's own time on the thread for this call, waits not counted. Grows with `cpu`; no manifest sets it.
    pub host: Duration,
}

/// The host's own time, where a call has the least CPU time; four times the CPU time comes on top.
const HOST_TIME: Duration = Duration::from_secs(1);

impl Default for Limits {
    fn default() -> Self {
        Self::new(manifest::Limits::default().all().map(|l| l.default))
    }
}

impl Limits {
    /// From the numbers in the order of [`manifest::Limits::all`].
    fn new(numbers: [u64; 15]) -> Self {
        let [cpu, deadline, memory, table_elements, instances, host_calls, copied, handles, ..] = numbers;
        let [.., random, log, log_per_s, http_requests, request, response, headers] = numbers;
        let (cpu, request_bytes) = (Duration::from_millis(cpu), request.saturating_mul(MIB));
        Self {
            cpu,
            deadline: Duration::from_millis(deadline),
            memory: memory.saturating_mul(MIB),
            table_elements,
            instances,
            host_calls,
            copied: copied.saturating_mul(MIB),
            handles,
            random: random.saturating_mul(KIB),
            log_bytes: log.saturating_mul(KIB),
            log_per_s,
            http_requests: u32::try_from(http_requests).unwrap_or(u32::MAX),
            request_bytes,
            response_bytes: response.saturating_mul(MIB),
            header_bytes: headers.saturating_mul(KIB),
            host: HOST_TIME + 4 * cpu,
        }
    }

    /// What an operator allows at most unless it says otherwise.
    #[must_use]
    pub fn caps() -> Self {
        Caps::default().of("")
    }

    /// The most that any manifest may ask for, and any operator allow.
    #[must_use]
    pub fn most() -> Self {
        Self::new(manifest::Limits::default().all().map(|l| l.most))
    }

    /// What `wanted` asks for where it asks, the defaults elsewhere, and never more than `caps`.
    #[must_use]
    pub fn of(wanted: &manifest::Limits, caps: &Self) -> Self {
        let w = Self::new(wanted.all().map(|l| l.value()));
        // As large as it may be, with its URL and headers.
        let request = w.request_bytes.min(caps.request_bytes).saturating_add(MIB);
        Self {
            cpu: w.cpu.min(caps.cpu),
            deadline: w.deadline.min(caps.deadline),
            memory: w.memory.min(caps.memory),
            table_elements: w.table_elements.min(caps.table_elements),
            instances: w.instances.min(caps.instances),
            host_calls: w.host_calls.min(caps.host_calls),
            copied: w.copied.max(request).min(caps.copied),
            handles: w.handles.min(caps.handles),
            random: w.random.min(caps.random),
            log_bytes: w.log_bytes.min(caps.log_bytes),
            log_per_s: w.log_per_s.min(caps.log_per_s),
            http_requests: w.http_requests.min(caps.http_requests),
            request_bytes: w.request_bytes.min(caps.request_bytes),
            response_bytes: w.response_bytes.min(caps.response_bytes),
            header_bytes: w.header_bytes.min(caps.header_bytes),
            host: w.host.min(caps.host),
        }
    }

    /// What the call's way out needs to know of them.
    #[must_use]
    pub fn lane(&self) -> LaneLimits {
        LaneLimits {
            requests: self.http_requests,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            header_bytes: self.header_bytes,
        }
    }
}

/// What the operator allows at most, by connector. A limit that is named for the connector wins over one for `*`, and that
/// over what is built in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caps(BTreeMap<String, manifest::Limits>);

impl Caps {
    /// From the operator's words: a connector's id, or `*`, and its limits, within [`manifest::Limits::problems`].
    #[must_use]
    pub fn new(said: BTreeMap<String, manifest::Limits>) -> Self {
        Self(said)
    }

    /// What this connector is allowed at most.
    #[must_use]
    pub fn of(&self, connector: &str) -> Limits {
        let said = |key: &str| self.0.get(key).map(|limits| limits.all().map(|l| l.asked));
        let (own, all) = (said(connector), said("*"));
        let mut numbers = built_in().all().map(|l| l.value());
        for (i, number) in numbers.iter_mut().enumerate() {
            let said = |of: Option<[Option<u64>; 15]>| of.and_then(|all| all.get(i).copied().flatten());
            *number = said(own).or_else(|| said(all)).unwrap_or(*number);
        }
        Limits::new(numbers)
    }
}

/// What a host of a few hundred MiB bears from each connector.
fn built_in() -> manifest::Limits {
    manifest::Limits {
        cpu_ms: Some(30_000),
        deadline_ms: Some(300_000),
        memory_mib: Some(512),
        table_elements: Some(400_000),
        instances: Some(60),
        host_calls: Some(1_000_000),
        copy_mib: Some(72),
        handles: Some(10_000),
        random_kib: Some(16_384),
        log_kib: Some(4_096),
        log_per_s: Some(1_000),
        http_requests: Some(1_000),
        request_mib: Some(64),
        response_mib: Some(64),
        header_kib: Some(128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(said: &[(&str, manifest::Limits)]) -> Caps {
        Caps::new(said.iter().map(|(key, limits)| ((*key).to_owned(), limits.clone())).collect())
    }

    #[test]
    fn what_a_manifest_asks_for_is_capped_by_what_is_built_in() {
        let wanted = manifest::Limits { cpu_ms: Some(999_999), memory_mib: Some(16), ..Default::default() };
        let limits = Limits::of(&wanted, &Limits::caps());
        assert_eq!(limits.cpu, Duration::from_secs(30));
        assert_eq!(limits.memory, 16 * MIB);
        assert_eq!(limits.deadline, Limits::default().deadline);
        assert_eq!(built_in().problems(), []);
    }

    #[test]
    fn the_operators_word_for_a_connector_wins_over_that_for_all_limit_by_limit() {
        let all = manifest::Limits { cpu_ms: Some(500), handles: Some(10), ..Default::default() };
        let own = manifest::Limits { cpu_ms: Some(40_000), log_kib: Some(1), ..Default::default() };
        let caps = caps(&[("*", all), ("hubspot", own)]);
        let most = manifest::Limits { cpu_ms: Some(60_000), ..Default::default() };
        let hubspot = Limits::of(&most, &caps.of("hubspot"));
        assert_eq!((hubspot.cpu, hubspot.handles, hubspot.log_bytes), (Duration::from_secs(40), 10, KIB));
        let slack = Limits::of(&most, &caps.of("slack"));
        assert_eq!((slack.cpu, slack.handles, slack.log_bytes), (Duration::from_millis(500), 10, 256 * KIB));
        assert_eq!(slack.host, HOST_TIME + Duration::from_secs(2));
    }

    #[test]
    fn copies_have_room_for_the_largest_request_that_there_may_be_and_no_more() {
        let wanted = manifest::Limits { request_mib: Some(40), ..Default::default() };
        let copied = |most| {
            let operators = manifest::Limits { request_mib: most, ..Default::default() };
            Limits::of(&wanted, &caps(&[("*", operators)]).of("any")).copied / MIB
        };
        assert_eq!((copied(None), copied(Some(30)), copied(Some(2))), (41, 31, 16));
    }

    #[test]
    fn every_limit_is_asked_for_and_capped_by_its_own_key() {
        let number = |limits: &Limits| {
            let l = limits.lane();
            let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap();
            [
                ms(limits.cpu),
                ms(limits.deadline),
                limits.memory / MIB,
                limits.table_elements,
                limits.instances,
                limits.host_calls,
                limits.copied / MIB,
                limits.handles,
                limits.random / KIB,
                limits.log_bytes / KIB,
                limits.log_per_s,
                l.requests.into(),
                l.request_bytes / MIB,
                l.response_bytes / MIB,
                l.header_bytes / KIB,
            ]
        };
        let names = manifest::Limits::default().all().map(|l| l.name);
        for (i, name) in names.into_iter().enumerate() {
            // Copies have room for a request, so that it must not be in their way.
            let own = if name == "copy-mib" { 11 } else { 3 };
            let text = format!("{name} = {own}\n");
            let said: manifest::Limits = serde_json::from_value(serde_json::json!({ name: own })).unwrap();
            assert_eq!(number(&Limits::of(&said, &Limits::most()))[i], own, "{text}");
            let capped = Limits::of(&manifest::Limits::default(), &caps(&[("*", said)]).of("any"));
            assert_eq!(number(&capped)[i], own, "{text}");
        }
    }
}
