//! The loops of a running host: plan what came in, perform what is due, settle in batches, keep the leases.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::JobId;
use store::{Settlement, StoreError};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

use crate::Pipeline;

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
/// How long a shutdown waits for jobs in flight.
const DRAIN: Duration = Duration::from_secs(20);
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
        let settling = tokio::spawn(self.clone().settle_loop(settled, leases.clone()));
        self.work_loop(settle, leases, stop).await;
        tasks.shutdown().await;
        if let Err(e) = settling.await {
            tracing::error!(error = %e, "the settling task ended badly; leases will be freed at the next start");
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

    /// Plans up to `limit` events and returns how many there were.
    ///
    /// # Errors
    /// When the store does not answer; what was planned before stays planned.
    pub async fn plan_next(&self, limit: u32) -> Result<usize, StoreError> {
        let events = self.parts.store.unplanned(limit).await?;
        for event in &events {
            let jobs = self.plan(event).await?;
            self.parts.store.complete_plan(&event.id, jobs).await?;
        }
        Ok(events.len())
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
                leases.lock().await.insert(job.id.clone(), job.token);
                let (this, settle) = (self.clone(), settle.clone());
                running.spawn(async move {
                    let settlement = this.perform(job).await;
                    if settle.send(settlement).await.is_err() {
                        tracing::error!("a job's end was not written: the settling task is gone");
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
        let drained = tokio::time::timeout(DRAIN, async { while running.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(jobs = running.len(), "jobs were still running at shutdown; their leases run out");
        }
    }

    /// Writes the ends of jobs in batches: whatever has come in while the last batch was written.
    async fn settle_loop(self: Arc<Self>, mut settled: mpsc::Receiver<Settlement>, leases: Leases) {
        let mut batch = Vec::new();
        while settled.recv_many(&mut batch, WORKERS * 2).await > 0 {
            let ids: Vec<JobId> = batch.iter().map(|s: &Settlement| s.job.clone()).collect();
            self.parts.store.flush_exchanges().await.unwrap_or_else(|e| {
                tracing::error!(error = %e, "exchanges were not recorded");
            });
            match self.parts.store.settle(std::mem::take(&mut batch)).await {
                Ok(written) => {
                    for (id, _) in ids.iter().zip(&written).filter(|(_, ours)| !**ours) {
                        tracing::warn!(job = %id, "a stale result was discarded: another worker has the job");
                    }
                }
                // The lease runs out and the job is performed again, under the same op-key.
                Err(e) => tracing::error!(error = %e, jobs = ids.len(), "ends of jobs were not written"),
            }
            let mut leases = leases.lock().await;
            for id in &ids {
                leases.remove(id);
            }
        }
    }

    async fn renew_loop(self: Arc<Self>, leases: Leases, stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::time::sleep(RENEW_EVERY).await;
            let held: Vec<(JobId, i64)> = leases.lock().await.iter().map(|(id, t)| (id.clone(), *t)).collect();
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
