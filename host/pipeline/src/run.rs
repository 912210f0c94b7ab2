//! The loops of a running host: plan what came in, perform what is due, settle in batches, keep the leases.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use model::JobId;
use store::{Settlement, StoreError};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

use crate::{Pipeline, settling};

/// Jobs in flight at one time.
const WORKERS: usize = 32;
/// Events planned in one go.
const PLAN_BATCH: u32 = 64;
/// How long a lease lasts; longer than any call's deadline would hold a dead worker's jobs for too long, so leases are
/// renewed instead.
const LEASE_MS: i64 = 30_000;
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// A backstop for a wake-up that came from another process.
const POLL: Duration = Duration::from_millis(250);
/// How long a shutdown waits for jobs in flight. With [`CUT`] it stays below the ten seconds after which `docker stop`
/// kills (docs.docker.com/reference/cli/docker/container/stop).
const DRAIN: Duration = Duration::from_secs(6);
/// How long it then waits for those that it broke off.
const CUT: Duration = Duration::from_secs(2);
/// How long to wait after the store failed.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Leases of the jobs in flight.
type Leases = Arc<Mutex<HashMap<JobId, i64>>>;

impl Pipeline {
    /// Runs until `stop` turns true, then finishes what is in flight.
    pub async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let leases = Leases::default();
        let (settle, settled) = mpsc::channel::<Settlement>(WORKERS * 2);
        let mut tasks = JoinSet::new();
        tasks.spawn(self.clone().plan_loop(stop.clone()));
        tasks.spawn(self.clone().renew_loop(leases.clone(), stop.clone()));
        let (all_settled, is_settled) = watch::channel(false);
        let noticing = tokio::spawn(self.clone().notice_loop(is_settled));
        let settling = tokio::spawn(self.clone().settle_loop(settled, leases.clone(), stop.clone()));
        self.work_loop(settle, leases, stop).await;
        tasks.shutdown().await;
        if let Err(e) = settling.await {
            tracing::error!(error = %e, "the settling task ended badly; leases will be freed at the next start");
        }
        // What was settled last may have put a connector into quarantine.
        all_settled.send_replace(true);
        if let Err(e) = noticing.await {
            tracing::error!(error = %e, "what happened to connectors may not have been logged");
        }
    }

    async fn plan_loop(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.plan_next(PLAN_BATCH).await {
                Ok(n) if n >= PLAN_BATCH as usize => {}
                Ok(_) => {
                    tokio::select! {
                        () = self.parts.store.wake().events.notified() => {}
                        () = tokio::time::sleep(POLL) => {}
                        _ = stop.changed() => {}
                    }
                }
                Err(e) => {
                    tracing::error!(error = %e, "events could not be planned; trying again");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    /// Plans up to `limit` events and returns how many there were. One that cannot be planned stays received, is tried
    /// again after a while, and stands in nobody's way.
    ///
    /// # Errors
    /// When the store does not answer; what was planned before stays planned.
    pub async fn plan_next(&self, limit: u32) -> Result<usize, StoreError> {
        let events = self.parts.store.unplanned(self.stuck.more(limit)).await?;
        let plan = |event: store::Event| async move {
            let jobs = self.plan(&event).await?;
            self.parts.store.complete_plan(&event.id, jobs).await.map(|_| ())
        };
        self.stuck.each(events, plan).await
    }

    async fn work_loop(
        self: &Arc<Self>,
        settle: mpsc::Sender<Settlement>,
        leases: Leases,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut running: JoinSet<()> = JoinSet::new();
        while !*stop.borrow() {
            while running.try_join_next().is_some() {}
            let room = WORKERS.saturating_sub(running.len());
            let claimed = match u32::try_from(room) {
                Ok(n) if n > 0 => self.parts.store.claim(&self.owner, n, LEASE_MS).await,
                _ => Ok(Vec::new()),
            };
            let claimed = claimed.unwrap_or_else(|e| {
                tracing::error!(error = %e, "no job could be claimed; trying again");
                Vec::new()
            });
            let idle = claimed.is_empty();
            for job in claimed {
                let (id, token) = (job.id.clone(), job.token);
                leases.lock().await.insert(id.clone(), token);
                let (this, settle, leases) = (self.clone(), settle.clone(), leases.clone());
                running.spawn(async move {
                    match AssertUnwindSafe(this.perform(job)).catch_unwind().await {
                        Ok(settlement) => {
                            if settle.send(settlement).await.is_err() {
                                tracing::error!("a job's end was not written: the settling task is gone");
                            }
                        }
                        // Its lease runs out, which counts as a crash; the third makes it a poison job.
                        Err(_) => {
                            tracing::error!(job = %id, "a job panicked: this is a fault in the host");
                            give_back(&leases, &id, token).await;
                        }
                    }
                });
            }
            if idle {
                tokio::select! {
                    () = self.parts.store.wake().jobs.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                    _ = running.join_next(), if !running.is_empty() => {}
                    _ = stop.changed() => {}
                }
            }
        }
        drop(settle);
        self.drain(&mut running).await;
    }

    /// Waits for the jobs in flight; those that take too long are broken off and settled as such, so that a stop leaves no
    /// lease behind, which the next start would take for a crash.
    async fn drain(&self, running: &mut JoinSet<()>) {
        if ended(running, DRAIN).await {
            return;
        }
        tracing::warn!(
            jobs = running.len(),
            "jobs are broken off by the shutdown; the next start goes on with them"
        );
        self.cut.send_replace(true);
        if !ended(running, CUT).await {
            tracing::warn!(jobs = running.len(), "jobs were still running at shutdown; their leases run out");
        }
    }

    /// Writes the ends of jobs in batches: whatever has come in while the last batch was written.
    async fn settle_loop(
        self: Arc<Self>,
        mut settled: mpsc::Receiver<Settlement>,
        leases: Leases,
        stop: watch::Receiver<bool>,
    ) {
        let mut batch = Vec::new();
        while settled.recv_many(&mut batch, WORKERS * 2).await > 0 {
            let batch: Vec<Settlement> = std::mem::take(&mut batch);
            let ends: Vec<(JobId, i64)> = batch.iter().map(|s| (s.job.clone(), s.token)).collect();
            self.parts.store.flush_exchanges().await.unwrap_or_else(|e| {
                tracing::error!(error = %e, "exchanges were not recorded");
            });
            settling::write(batch, |ends| self.parts.store.settle(ends), &stop).await;
            for (id, token) in &ends {
                give_back(&leases, id, *token).await;
            }
        }
    }

    async fn renew_loop(self: Arc<Self>, leases: Leases, stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::time::sleep(RENEW_EVERY).await;
            let held: Vec<(JobId, i64)> =
                leases.lock().await.iter().map(|(id, t)| (id.clone(), *t)).collect();
            if !held.is_empty()
                && let Err(e) = self.parts.store.renew(&held, LEASE_MS).await
            {
                tracing::error!(error = %e, "leases could not be renewed");
            }
            if let Err(e) = self.parts.store.release_expired().await {
                tracing::error!(error = %e, "expired leases could not be freed");
            }
        }
    }
}

/// Ends the keeping of a lease. The job may have been claimed again meanwhile; that lease is another's.
async fn give_back(leases: &Leases, id: &JobId, token: i64) {
    let mut leases = leases.lock().await;
    if leases.get(id) == Some(&token) {
        leases.remove(id);
    }
}

/// Whether all of them ended in time.
async fn ended(running: &mut JoinSet<()>, within: Duration) -> bool {
    tokio::time::timeout(within, async { while running.join_next().await.is_some() {} }).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_try_does_not_end_the_lease_of_the_next_one() {
        let leases = Leases::default();
        let id = JobId("job".to_owned());
        leases.lock().await.insert(id.clone(), 2);
        give_back(&leases, &id, 1).await;
        assert_eq!(leases.lock().await.get(&id), Some(&2));
        give_back(&leases, &id, 2).await;
        assert!(leases.lock().await.is_empty());
    }
}
