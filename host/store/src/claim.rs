//! Claiming: due jobs go to a worker under a lease, fairly between organizations.

use std::collections::{HashMap, VecDeque};

use futures::FutureExt as _;
use model::{ConnectionId, JobId, Millis};

use crate::quarantine::free;
use crate::sql::{chunk, list, values};
use crate::tx::Tx;
use crate::{Job, Store, StoreError, jobs, ready};

/// Lanes, the most urgent first: live, webhook, delta, backfill.
const LANES: std::ops::Range<i64> = 0..4;
/// Most jobs of one claim.
const LIMIT: u32 = 1_000;
/// So many connections with due jobs are looked at per claim and lane, those first that have waited longest.
const WINDOW: i64 = 256;

const DUE: &str = concat!(
    "SELECT r.connection_id, r.org_id FROM ready r JOIN connection c ON c.id = r.connection_id
    WHERE r.lane = $1 AND r.due_at <= $2 AND c.status = 'active' AND c.wait_until <= $2 AND ",
    free!(),
    " ORDER BY r.due_at, r.connection_id LIMIT $3"
);
const JOBS: &str = "SELECT id FROM job
    WHERE connection_id = $1 AND lane = $2 AND state = 'queued' AND blockers = 0 AND run_at <= $3
    ORDER BY run_at, id LIMIT $4";
const TAKE: &str =
    "UPDATE job SET state = 'running', token = token + 1, owner = $1, claimed_at = $2, lease_until = $3,
        attempts = attempts + 1, tries = tries + 1
    WHERE state = 'queued' AND blockers = 0 AND id IN";
const TAKEN: &str = concat!("RETURNING ", jobs::columns!());
const NEXT_DUE: &str = "SELECT min(due_at) FROM (
    SELECT min(due_at) AS due_at FROM ready WHERE lane = 0 UNION ALL
    SELECT min(due_at) AS due_at FROM ready WHERE lane = 1 UNION ALL
    SELECT min(due_at) AS due_at FROM ready WHERE lane = 2 UNION ALL
    SELECT min(due_at) AS due_at FROM ready WHERE lane = 3) lanes";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[DUE, JOBS, NEXT_DUE];
#[cfg(test)]
pub(crate) const HOT_LIST: (&str, &str) = (TAKE, TAKEN);

impl Store {
    /// Leases up to `limit` (1,000 at most) due jobs to `owner` for `lease_ms`: those of active connections that do not
    /// wait and are not in quarantine, and that wait for no other job. Lane by lane, the organizations take turns, one job each; within one, its
    /// connections take turns; within a connection it is the time, then the order of planning. Each claimed job counts as
    /// tried.
    ///
    /// Whoever stops waiting for the answer leaves jobs under a lease that nobody works on, until it expires.
    ///
    /// # Errors
    /// When it could not be written; then nothing is leased.
    pub async fn claim(&self, owner: &str, limit: u32, lease_ms: i64) -> Result<Vec<Job>, StoreError> {
        let owner = owner.to_owned();
        self.write(move |tx| {
            async move {
                let limit = limit.min(LIMIT) as usize;
                let now = tx.now();
                let mut chosen = Vec::new();
                for lane in LANES {
                    if chosen.len() >= limit {
                        break;
                    }
                    let room = limit - chosen.len();
                    chosen.extend(choose(tx, lane, now, room).await?);
                }
                let jobs = lease(tx, &chosen, &owner, now, now.plus(lease_ms)).await?;
                for lane in LANES {
                    let mut seen: Vec<ConnectionId> =
                        chosen.iter().filter(|c| c.lane == lane).map(|c| c.connection.clone()).collect();
                    seen.sort();
                    seen.dedup();
                    ready::served(tx, &seen, lane, now).await?;
                }
                Ok(jobs)
            }
            .boxed()
        })
        .await
    }

    /// When the next queued job may be due, going by what is known: not later than the truth, so that a worker that looks
    /// then may find nothing.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn next_due(&self) -> Result<Option<Millis>, StoreError> {
        let row = self.read().await?.fetch_one(NEXT_DUE, values![]).await?;
        Ok(row.map(|row| row.read().opt_millis()).transpose()?.flatten())
    }
}

/// A job that is to be leased.
struct Chosen {
    id: JobId,
    connection: ConnectionId,
    lane: i64,
}

/// An organization's turn: its connections that have due jobs, the next to serve in front.
struct Turn {
    org: String,
    connections: VecDeque<Source>,
}

/// A connection, and its due jobs once they have been looked up.
struct Source {
    connection: ConnectionId,
    jobs: Option<VecDeque<JobId>>,
}

/// Chooses due jobs of a lane, one of each organization in turn.
async fn choose(tx: &mut Tx, lane: i64, now: Millis, limit: usize) -> Result<Vec<Chosen>, StoreError> {
    let mut turns = turns(tx, lane, now).await?;
    let mut chosen = Vec::new();
    let mut idle = Vec::new();
    while chosen.len() < limit {
        let Some(mut turn) = turns.pop_front() else { break };
        let Some(mut source) = turn.connections.pop_front() else { continue };
        let jobs = match &mut source.jobs {
            Some(jobs) => jobs,
            none => none.insert(due_jobs(tx, &source.connection, lane, now, limit - chosen.len()).await?),
        };
        // A connection without due jobs costs its organization no turn.
        let Some(id) = jobs.pop_front() else {
            idle.push(source.connection);
            turns.push_front(turn);
            continue;
        };
        chosen.push(Chosen { id, connection: source.connection.clone(), lane });
        tx.served.clone_from(&turn.org);
        turn.connections.push_back(source);
        turns.push_back(turn);
    }
    ready::served(tx, &idle, lane, now).await?;
    Ok(chosen)
}

/// Leases the chosen jobs, and returns them in their order.
async fn lease(
    tx: &mut Tx,
    chosen: &[Chosen],
    owner: &str,
    now: Millis,
    until: Millis,
) -> Result<Vec<Job>, StoreError> {
    let mut jobs = Vec::with_capacity(chosen.len());
    let mut rest = chosen;
    while !rest.is_empty() {
        let (these, later) = rest.split_at(chunk(rest.len()));
        rest = later;
        let mut row = values![owner, now, until];
        row.extend(these.iter().map(|c| (&c.id).into()));
        for row in tx.fetch(list(TAKE, 4, these.len(), TAKEN), row).await? {
            jobs.push(jobs::job(row.read())?);
        }
    }
    let order: HashMap<&JobId, usize> = chosen.iter().map(|c| &c.id).zip(0..).collect();
    jobs.sort_by_key(|job| order.get(&job.id).copied());
    Ok(jobs)
}

/// Who has due jobs in this lane; the organization after the one that was served last comes first.
async fn turns(tx: &mut Tx, lane: i64, now: Millis) -> Result<VecDeque<Turn>, StoreError> {
    let mut turns: Vec<Turn> = Vec::new();
    for row in tx.fetch(DUE, values![lane, now, WINDOW]).await? {
        let mut c = row.read();
        let source = Source { connection: c.text()?.into(), jobs: None };
        let org = c.text()?;
        match turns.iter_mut().find(|turn| turn.org == org) {
            Some(turn) => turn.connections.push_back(source),
            None => turns.push(Turn { org, connections: VecDeque::from([source]) }),
        }
    }
    turns.sort_by(|a, b| a.org.cmp(&b.org));
    let next = turns.iter().position(|turn| turn.org > tx.served).unwrap_or(0);
    turns.rotate_left(next);
    Ok(turns.into())
}

async fn due_jobs(
    tx: &mut Tx,
    connection: &ConnectionId,
    lane: i64,
    now: Millis,
    room: usize,
) -> Result<VecDeque<JobId>, StoreError> {
    let rows = tx.fetch(JOBS, values![connection, lane, now, room as u64]).await?;
    rows.iter().map(|row| Ok(JobId(row.read().text()?))).collect()
}
