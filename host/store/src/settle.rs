//! Settling: how a leased job ends, with its attempt on record. A lease that is no longer held settles nothing.

use futures::FutureExt as _;
use model::{ConnectionId, JobId, Millis};
use serde_json::Value;

use crate::links::Made;
use crate::sql::{to_json, values};
use crate::tx::Tx;
use crate::{Attempt, ConnectionStatus, Fate, JobState, LocalKey, Settlement, Store, StoreError};
use crate::{jobs, links, quarantine, ready, status};

const END: &str = "UPDATE job SET state = $3, run_at = COALESCE($4, run_at), attempts = attempts - $5,
        receipt = COALESCE($6, receipt), error = $7, finished_at = $8, owner = NULL, lease_until = NULL
    WHERE id = $1 AND token = $2 AND state = 'running'
    RETURNING connection_id, lane, run_at, tries, object, provides";
const CONNECTION: &str = "SELECT connection_id FROM job WHERE id = $1 AND token = $2 AND state = 'running'";
const UNCERTAIN: &str = "UPDATE job SET uncertain = $2 WHERE id = $1";
const PROVIDES: &str =
    "SELECT connection_id, provides FROM job WHERE id = $1 AND token = $2 AND state = 'running'";
const ATTEMPT: &str =
    "INSERT INTO attempt (job_id, number, started_at, ms, outcome, decision, error, exchanges)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const TRIM: &str = "DELETE FROM attempt WHERE job_id = $1 AND number <= $2";
/// So many attempts are kept of a job, the latest: one that waits for a bucket or for the host may have any number.
const KEEP: u32 = 100;

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[END, CONNECTION, ATTEMPT, TRIM];

impl Store {
    /// Ends leased jobs, all in one commit; `true` for each whose lease still held. Of one whose lease did not hold, nothing
    /// is written.
    ///
    /// A connection's new status is no news if the connection was given a new credential after the attempt began; then it is
    /// ignored, and a job that was to be held because of it goes back into the queue.
    ///
    /// # Errors
    /// When it could not be written; then none is settled, and the same call may be made again.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<bool>, StoreError> {
        self.write(move |tx| {
            async move {
                let mut held = Vec::with_capacity(settlements.len());
                let (mut done, mut failed) = (0, 0);
                let mut strikes = quarantine::any(tx).await?;
                for settlement in settlements {
                    let struck = settlement.call.as_ref().is_some_and(|call| call.strike.is_some());
                    strikes |= struck;
                    let end = settle(tx, settlement, strikes).await?;
                    done += u64::from(end == Some(JobState::Done));
                    failed += u64::from(end == Some(JobState::Failed));
                    held.push(end.is_some());
                }
                jobs::tally(tx, "done", done).await?;
                jobs::tally(tx, "failed", failed).await?;
                Ok(held)
            }
            .boxed()
        })
        .await
    }
}

/// What becomes of a job's row.
#[derive(Default)]
pub(crate) struct End {
    pub state: Option<JobState>,
    pub run_at: Option<Millis>,
    /// Whether the try does not count against the retry budget.
    pub free: bool,
    pub receipt: Option<Value>,
    pub error: Option<Value>,
}

/// What the row said.
pub(crate) struct Ended {
    pub connection: ConnectionId,
    lane: i64,
    run_at: Millis,
    pub number: u32,
    object: String,
    provides: Vec<LocalKey>,
}

/// The state in which the job is then, or none where the lease did not hold. `strikes`: whether there are any to forgive.
async fn settle(tx: &mut Tx, s: Settlement, strikes: bool) -> Result<Option<JobState>, StoreError> {
    let mut fate = s.fate;
    // Held for anything but the connection's status, it waits for a decision.
    let for_connection = s.connection_status.is_some();
    if let Some((to, reason)) = s.connection_status {
        let Some(row) = tx.fetch_one(CONNECTION, values![&s.job, s.token]).await? else { return Ok(None) };
        let connection = ConnectionId(row.read().text()?);
        let news = status::observed(tx, &connection, to, &reason, s.attempt.started_at).await?;
        if !news && to != ConnectionStatus::Active {
            fate = match fate {
                Fate::Held { error } => Fate::Retry { at: tx.now(), counts: false, error },
                other => other,
            };
        }
    }
    let (end, made) = match fate {
        Fate::Done { receipt, remote_id, version } => {
            let end = End { state: Some(JobState::Done), receipt: Some(receipt), ..End::default() };
            (end, remote_id.map(|id| (id, version)))
        }
        Fate::Retry { at, counts, error } => {
            (End { run_at: Some(at), free: !counts, error: Some(error), ..End::default() }, None)
        }
        Fate::Failed { error } => {
            (End { state: Some(JobState::Failed), error: Some(error), ..End::default() }, None)
        }
        Fate::Held { error } => {
            (End { state: Some(JobState::Held), error: Some(error), ..End::default() }, None)
        }
    };
    let state = end.state.unwrap_or(JobState::Queued);
    if s.drop_links {
        forget_links(tx, &s.job, s.token).await?;
    }
    let Some(ended) = finish(tx, &s.job, s.token, end, made).await? else { return Ok(None) };
    if state == JobState::Held {
        tx.execute(UNCERTAIN, values![&s.job, !for_connection]).await?;
    }
    if let Some(call) = s.call.filter(|_| strikes) {
        quarantine::ended(tx, &ended.connection, call).await?;
    }
    // After the call's end, which may lift a wait that is longer.
    if let Some(until) = s.connection_wait_until {
        status::wait(tx, &ended.connection, until).await?;
    }
    record(tx, &s.job, ended.number, &s.attempt).await?;
    Ok(Some(state))
}

/// The provider no longer has what the job's links name. Before the job ends, so that its own empty links go with it.
async fn forget_links(tx: &mut Tx, job: &JobId, token: i64) -> Result<(), StoreError> {
    if let Some(row) = tx.fetch_one(PROVIDES, values![job, token]).await? {
        let mut c = row.read();
        let (connection, provides) = (ConnectionId(c.text()?), c.json::<Vec<LocalKey>>()?);
        for local in &provides {
            links::forget(tx, &connection, local).await?;
        }
    }
    Ok(())
}

/// Ends a lease; no state means back into the queue. Nothing, if the lease does not hold. The caller tallies.
pub(crate) async fn finish(
    tx: &mut Tx,
    id: &JobId,
    token: i64,
    end: End,
    made: Option<(String, Option<String>)>,
) -> Result<Option<Ended>, StoreError> {
    let state = end.state.unwrap_or(JobState::Queued);
    let closed = matches!(state, JobState::Done | JobState::Failed);
    let finished = closed.then(|| tx.now());
    let row = values![
        id,
        token,
        jobs::name(state),
        end.run_at,
        end.free,
        end.receipt.as_ref(),
        end.error.as_ref(),
        finished,
    ];
    let Some(row) = tx.fetch_one(END, row).await? else { return Ok(None) };
    let mut c = row.read();
    let ended = Ended {
        connection: c.text()?.into(),
        lane: c.i64()?,
        run_at: c.millis()?,
        number: c.u32()?,
        object: c.text()?,
        provides: c.json()?,
    };
    match state {
        JobState::Queued => ready::due(tx, &ended.connection, ended.lane, ended.run_at).await?,
        JobState::Done | JobState::Failed => {
            settle_links(tx, id, &ended, made).await?;
            ready::unblock(tx, id).await?;
        }
        JobState::Held | JobState::Running => {}
    }
    Ok(Some(ended))
}

async fn settle_links(
    tx: &mut Tx,
    id: &JobId,
    ended: &Ended,
    made: Option<(String, Option<String>)>,
) -> Result<(), StoreError> {
    for local in &ended.provides {
        match &made {
            Some((remote_id, version)) => {
                let made = Made { object: &ended.object, remote_id, version: version.as_deref(), job: id };
                links::fill(tx, &ended.connection, local, &made).await?;
            }
            None => links::drop_empty(tx, &ended.connection, local, id).await?,
        }
    }
    Ok(())
}

pub(crate) async fn record(tx: &mut Tx, job: &JobId, number: u32, a: &Attempt) -> Result<(), StoreError> {
    let row = values![
        job,
        number,
        a.started_at,
        a.ms,
        &a.outcome,
        &a.decision,
        a.error.as_ref(),
        to_json(&a.exchanges)?,
    ];
    tx.execute(ATTEMPT, row).await?;
    if let Some(old) = number.checked_sub(KEEP).filter(|old| *old > 0) {
        tx.execute(TRIM, values![job, u64::from(old)]).await?;
    }
    Ok(())
}
