//! Leases: renewed while a worker lives, freed when it died.

use futures::FutureExt as _;
use model::{JobId, Millis};
use serde_json::json;

use crate::settle::{End, finish, record};
use crate::sql::{Columns, values};
use crate::tx::Tx;
use crate::{Attempt, Epoch, JobState, Store, StoreError, jobs, meta, ready};

/// A job whose worker died this often is given up: it may be what kills them.
const POISON: u32 = 3;
/// Most leases freed by one call of [`Store::release_expired`].
const BATCH: i64 = 1_000;

const RENEW: &str = "UPDATE job SET lease_until = $3 WHERE id = $1 AND token = $2 AND state = 'running'";
const EXPIRED: &str = "SELECT id, token, crashes, claimed_at FROM job
    WHERE state = 'running' AND lease_until < $1 ORDER BY lease_until LIMIT $2";
const RUNNING: &str = "SELECT id, token, crashes, claimed_at FROM job WHERE state = 'running'";
const CRASHED: &str = "UPDATE job SET crashes = crashes + 1 WHERE id = $1";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[RENEW, EXPIRED, RUNNING, CRASHED];

impl Store {
    /// Opens a new boot epoch: the process that held the leases of the earlier one is gone, so all of them are freed at
    /// once, and each counts as a crash of its job. Only `serve` does this, once, before it claims.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn begin_serving(&self) -> Result<Epoch, StoreError> {
        self.write(|tx| {
            async move {
                let last =
                    meta::get(tx, "epoch").await?.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
                let epoch = last + 1;
                meta::set(tx, "epoch", &epoch.to_string()).await?;
                for row in tx.fetch(RUNNING, values![]).await? {
                    crash(tx, row.read()).await?;
                }
                ready::find_all(tx).await?;
                tx.new_events = true;
                Ok(Epoch(epoch))
            }
            .boxed()
        })
        .await
    }

    /// Frees leases that were not renewed in time, 1,000 at most, and says how many: each counts as a crash of its job.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn release_expired(&self) -> Result<u32, StoreError> {
        // Nearly always there is none; a look costs no commit.
        if self.read().await?.fetch(EXPIRED, values![self.now(), 1_i64]).await?.is_empty() {
            return Ok(0);
        }
        self.write(|tx| {
            async move {
                let now = tx.now();
                let expired = tx.fetch(EXPIRED, values![now, BATCH]).await?;
                for row in &expired {
                    crash(tx, row.read()).await?;
                }
                Ok(expired.len() as u32)
            }
            .boxed()
        })
        .await
    }

    /// Prolongs leases to `lease_ms` from now, by job and token, and returns those that are still ours. Work on the others
    /// is in vain: stop it.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn renew(&self, leases: &[(JobId, i64)], lease_ms: i64) -> Result<Vec<JobId>, StoreError> {
        let leases = leases.to_vec();
        self.write(move |tx| {
            async move {
                let until = tx.now().plus(lease_ms);
                let mut ours = Vec::with_capacity(leases.len());
                for (id, token) in leases {
                    if tx.execute(RENEW, values![&id, token, until]).await? > 0 {
                        ours.push(id);
                    }
                }
                Ok(ours)
            }
            .boxed()
        })
        .await
    }
}

/// The worker of this running job died. The try does not count against the retry budget; the crash is counted apart.
async fn crash(tx: &mut Tx, mut c: Columns<'_>) -> Result<(), StoreError> {
    let (id, token, crashes) = (JobId(c.text()?), c.i64()?, c.u32()? + 1);
    let now = tx.now();
    let claimed_at = c.opt_millis()?.unwrap_or(now);
    tx.execute(CRASHED, values![&id]).await?;
    let (end, error, decision) = if crashes >= POISON {
        let message = format!("its worker died {crashes} times while it ran: it is not tried again");
        let error = json!({ "code": "poison", "message": message });
        let end =
            End { state: Some(JobState::Failed), error: Some(error.clone()), free: true, ..End::default() };
        (end, error, "fail: poison")
    } else {
        let error = json!({ "code": "crashed", "message": "the worker died while it ran" });
        let end = End { run_at: Some(now), error: Some(error.clone()), free: true, ..End::default() };
        (end, error, "retry: the worker died")
    };
    let failed = end.state.is_some();
    let Some(ended) = finish(tx, &id, token, end, None).await? else { return Ok(()) };
    jobs::tally(tx, "failed", u64::from(failed)).await?;
    let attempt = Attempt {
        job: id.clone(),
        number: ended.number,
        started_at: claimed_at,
        ms: elapsed(claimed_at, now),
        outcome: "crashed".to_owned(),
        decision: decision.to_owned(),
        error: Some(error),
        exchanges: Vec::new(),
    };
    record(tx, &id, ended.number, &attempt).await
}

fn elapsed(from: Millis, to: Millis) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0)
}
