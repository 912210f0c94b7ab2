//! Strikes: which halts a connector is to blame for, how long its jobs wait after them, and what the log says of a
//! quarantine. They are counted in the store, with the job's settlement.

use std::sync::Arc;
use std::time::Duration;

use egress::Observed;
use model::Ids;
use sandbox::Halt;
use store::{CallEnd, ConnectorEvent, ConnectorEventKind, Store, StoreError, Strike};
use tokio::sync::watch;

use crate::Pipeline;
use crate::open::Open;

/// How many strikes in a row put a connection into quarantine, where the operator says nothing.
pub const STRIKES: u32 = 5;
/// The most that an operator may allow.
pub const MOST_STRIKES: u32 = 1_000;
/// The wait after the first strike; after each further one it is four times as long.
const BASE_MS: u64 = 1_000;
/// The longest wait: five minutes.
const CAP_MS: u64 = 300_000;
/// After so many strikes the wait grows no more.
const STEPS: u32 = 6;
/// The longest reason that is kept, in bytes.
const REASON_MAX: usize = 512;
/// How often what happened to connectors is looked up for the log; it may have happened in another process.
const LOOK: Duration = Duration::from_secs(1);
/// Events that are looked up at once.
const PAGE: u32 = 100;

/// Whether the guest is to blame for a halt of a call that took `elapsed`: always but where no instance was free, and where
/// most of the time of a deadline went to waiting for the provider.
pub(crate) fn blames_guest(halt: &Halt, seen: &Observed, elapsed: Duration) -> bool {
    match halt {
        Halt::Deadline { .. } => seen.waited.saturating_mul(2) < elapsed,
        halt => halt.is_the_guests_fault(),
    }
}

/// How long a connection waits after its first, second … strike: 1 s, 4 s, 16 s … five minutes, of which up to half is
/// left to chance, so that connections which fell together do not come back together.
fn waits(ids: &dyn Ids) -> Vec<u64> {
    let ceiling = |step: u32| BASE_MS.saturating_mul(4_u64.saturating_pow(step)).min(CAP_MS);
    (0..STEPS).map(ceiling).map(|most| most - ids.below(most / 2 + 1)).collect()
}

impl Pipeline {
    /// What the end of an opened connection's last call says about its connector; nothing, if no guest was called or the
    /// guest is not to blame.
    pub(crate) fn call_end(&self, open: &Open, halt: Option<&Halt>) -> Option<CallEnd> {
        let spent = open.called()?;
        let digest = open.entry.connector.digest.clone();
        // By the store's clock, which says when a strike was counted.
        let spent_ms = i64::try_from(spent.as_millis()).unwrap_or(i64::MAX);
        let began = self.parts.clock.now().plus(spent_ms.saturating_neg());
        let Some(halt) = halt else { return Some(CallEnd { digest, began, strike: None }) };
        if !blames_guest(halt, &open.lane.observed(), spent) {
            return None;
        }
        let code = halt.code().to_owned();
        let reason = reason(&open.lane.redact(&halt.to_string()));
        tracing::warn!(
            connector = %open.entry.connector.id, version = %open.entry.connector.version, code, reason,
            "a connector was halted"
        );
        let waits_ms = waits(&*self.parts.ids);
        let strike = Some(Strike { code, reason, waits_ms, most: self.parts.strikes });
        Some(CallEnd { digest, began, strike })
    }

    /// Writes into the log what happened to connectors, whichever process it happened in, until nothing more can happen in
    /// this one (`settled`); then it looks once more.
    pub(crate) async fn notice_loop(self: Arc<Self>, mut settled: watch::Receiver<bool>) {
        let mut last = None;
        loop {
            let over = *settled.borrow() || settled.has_changed().is_err();
            if let Err(e) = notice(&self.parts.store, &mut last, tell).await {
                tracing::error!(error = %e, "what happened to connectors could not be read");
            }
            if over {
                return;
            }
            // It has changed, its sender is gone, or the time is up: each is a reason to look.
            let _ = tokio::time::timeout(LOOK, settled.changed()).await;
        }
    }
}

/// Tells what happened after the event `last`, or finds out which is the last.
async fn notice(
    store: &Store,
    last: &mut Option<String>,
    tell: impl Fn(&ConnectorEvent),
) -> Result<(), StoreError> {
    let Some(known) = last else {
        *last = Some(store.last_connector_event().await?);
        return Ok(());
    };
    loop {
        let page = store.connector_events_after(known, PAGE).await?;
        page.iter().for_each(&tell);
        let whole = page.len() < PAGE as usize;
        if let Some(latest) = page.into_iter().next_back() {
            *known = latest.id;
        }
        if whole {
            return Ok(());
        }
    }
}

/// A halt's sentence, as it is kept: in one line, and nothing in it that looks like what it is not. It is shown in terminals.
fn reason(sentence: &str) -> String {
    let plain: String = sentence.chars().map(|c| if sandbox::misleads(c) { ' ' } else { c }).collect();
    model::cut(&plain, REASON_MAX).into_owned()
}

fn tell(event: &ConnectorEvent) {
    let ConnectorEvent { connector, version, reason, .. } = event;
    let (org, connection) =
        event.connection.as_ref().map_or(("", ""), |(org, connection)| (org.as_str(), connection.as_str()));
    match event.kind {
        ConnectorEventKind::Quarantined => tracing::error!(
            target: "quarantine", connector, version, org, connection, reason,
            "quarantined: not started any more; `jackfield release {connector}` lifts it"
        ),
        ConnectorEventKind::Released => tracing::info!(
            target: "quarantine", connector, version, org, connection, reason, "released from quarantine"
        ),
    }
}

#[cfg(test)]
mod tests {
    use model::SeededIds;

    use super::*;

    #[test]
    fn a_guest_is_to_blame_for_what_it_does_and_not_for_a_full_pool_or_a_slow_provider() {
        let second = Duration::from_secs(1);
        let waited = |ms| Observed { waited: Duration::from_millis(ms), ..Observed::default() };
        for halt in [
            Halt::Cpu { used_ms: 2, limit_ms: 1 },
            Halt::Memory { wanted_mib: 2, limit_mib: 1 },
            Halt::Trap { reason: "unreachable".to_owned() },
            Halt::HostCall { reason: "no".to_owned() },
            Halt::Bound { limit: "handles", used: 2, most: 1, advice: "less" },
        ] {
            assert!(blames_guest(&halt, &waited(900), second), "{halt}");
        }
        assert!(!blames_guest(&Halt::NoInstance { reason: "full".to_owned() }, &waited(0), second));
        let deadline = Halt::Deadline { limit_ms: 1_000 };
        assert!(blames_guest(&deadline, &waited(0), second), "it slept");
        assert!(blames_guest(&deadline, &waited(499), second));
        assert!(!blames_guest(&deadline, &waited(500), second), "it waited for the provider");
    }

    #[test]
    fn a_halts_reason_is_one_plain_line() {
        let forged = "trap: \u{1b}[2J\rreleased\nzapier\tok \u{202e}tfel\u{2028}";
        assert_eq!(reason(forged), "trap:  [2J released zapier ok  tfel ");
        let long = reason(&"ä".repeat(REASON_MAX));
        assert!(long.len() <= REASON_MAX + '…'.len_utf8() && long.ends_with('…'), "{}", long.len());
    }

    #[test]
    fn the_waits_grow_fourfold_to_five_minutes_and_half_of_each_is_chance() {
        let ceilings = [1_000, 4_000, 16_000, 64_000, 256_000, 300_000];
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let waits = waits(&SeededIds::new(seed));
            assert_eq!(waits.len(), ceilings.len());
            for (wait, most) in waits.iter().zip(ceilings) {
                assert!((most / 2..=most).contains(wait), "{wait} of {most}");
            }
            seen.insert(waits[0]);
        }
        assert!(seen.len() > 50, "{seen:?}");
    }
}
