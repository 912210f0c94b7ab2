//! Jobs: planned with their event's completion, and read for the API. How they are claimed and settled is in `claim` and
//! `settle`.

use std::collections::{BTreeSet, HashMap};

use futures::FutureExt as _;
use model::{ConnectionId, EventId, JobId, OrgId};

use crate::quarantine::free;
use crate::sql::{Columns, to_json, values};
use crate::tx::Tx;
use crate::{Attempt, Counts, Job, JobState, LocalKey, NewJob, Store, StoreError, connections, links, ready};

macro_rules! columns {
    () => {
        "id, org_id, connection_id, event_id, operation, op_key, op, object, lane, provides, needs, state, run_at,
        attempts, crashes, token, receipt, error, created_at, finished_at"
    };
}
pub(crate) use columns;

/// Most jobs that one event may cause: as many as it may have connections, a few times over.
const MOST: usize = 10_000;

const PLANNED: &str = "UPDATE event SET planned = 1 WHERE id = $1 AND planned = 0 RETURNING org_id";
const OWNER: &str = "SELECT org_id FROM connection WHERE id = $1";
const INSERT: &str =
    "INSERT INTO job (id, org_id, connection_id, event_id, operation, op_key, op, object, lane, provides,
        needs, state, run_at, blockers, error, created_at, finished_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $13, $16)";
const AFTER: &str = "INSERT INTO job_after (job_id, after_id) VALUES ($1, $2)";
const OF_EVENT: &str =
    concat!("SELECT ", columns!(), " FROM job WHERE event_id = $1 AND org_id = $2 ORDER BY id LIMIT 10000");
const ATTEMPTS: &str =
    "SELECT a.job_id, a.number, a.started_at, a.ms, a.outcome, a.decision, a.error, a.exchanges
    FROM attempt a JOIN job j ON j.id = a.job_id WHERE j.event_id = $1 AND j.org_id = $2
    ORDER BY a.job_id, a.number LIMIT 100000";
/// Queued jobs of connections in quarantine wait for a person: they count as held.
const OPEN: &str = concat!(
    "SELECT open.name, CAST(sum(open.n) AS BIGINT) FROM (
        SELECT CASE WHEN o.state = 'queued' AND NOT (",
    free!(),
    ") THEN 'held' ELSE o.state END AS name, o.n
        FROM (SELECT connection_id, state, count(*) AS n FROM job WHERE finished_at IS NULL
              GROUP BY connection_id, state) o
        LEFT JOIN connection c ON c.id = o.connection_id) open
    GROUP BY open.name"
);
const UNPLANNED: &str = "SELECT count(*) FROM event WHERE planned = 0";
const TALLIES: &str = "SELECT name, n FROM tally";
const TALLY: &str = "UPDATE tally SET n = n + $2 WHERE name = $1";

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[PLANNED, INSERT, AFTER, OF_EVENT, ATTEMPTS, OPEN, UNPLANNED];

impl Store {
    /// Writes an event's jobs and marks it as planned, in one transaction; `false`, and nothing is written, if it was
    /// planned before. A job waits for the open jobs that provide what it needs, and for the one that provides what it
    /// provides itself, those before it in the list included. A job whose connection is gone is written as failed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for a connection of another organization, [`StoreError::Invalid`] for a lane that is none.
    pub async fn complete_plan(&self, event: &EventId, jobs: Vec<NewJob>) -> Result<bool, StoreError> {
        if jobs.len() > MOST {
            return Err(StoreError::Invalid(format!("{} jobs for one event, {MOST} at most", jobs.len())));
        }
        let event = event.clone();
        self.write(move |tx| {
            async move {
                let Some(row) = tx.fetch_one(PLANNED, values![&event]).await? else { return Ok(false) };
                let org = OrgId(row.read().text()?);
                let mut here = HashMap::new();
                for job in jobs {
                    let there = match here.get(&job.connection) {
                        Some(there) => *there,
                        None => {
                            let there = belongs(tx, &org, &job.connection).await?;
                            here.insert(job.connection.clone(), there);
                            there
                        }
                    };
                    if there {
                        plan(tx, &org, &event, job).await?;
                    } else {
                        let id = JobId(tx.new_id());
                        insert(tx, &org, &event, &id, &job, Start::Dead).await?;
                    }
                }
                Ok(true)
            }
            .boxed()
        })
        .await
    }

    /// What an organization's event caused: its jobs as they were planned, each with its attempts in order.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn jobs_of_event(
        &self,
        org: &OrgId,
        event: &EventId,
    ) -> Result<Vec<(Job, Vec<Attempt>)>, StoreError> {
        let mut reader = self.read().await?;
        let jobs = reader.fetch(OF_EVENT, values![event, org]).await?;
        let attempts = reader.fetch(ATTEMPTS, values![event, org]).await?;
        drop(reader);
        let mut of: HashMap<JobId, Vec<Attempt>> = HashMap::new();
        for row in &attempts {
            let attempt = attempt(row.read())?;
            of.entry(attempt.job.clone()).or_default().push(attempt);
        }
        jobs.iter()
            .map(|row| {
                let job = job(row.read())?;
                let attempts = of.remove(&job.id).unwrap_or_default();
                Ok((job, attempts))
            })
            .collect()
    }

    /// How much there is of what.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let mut reader = self.read().await?;
        let mut counts = Counts::default();
        if let Some(row) = reader.fetch_one(UNPLANNED, values![]).await? {
            counts.unplanned = row.read().count()?;
        }
        for sql in [OPEN, TALLIES] {
            for row in reader.fetch(sql, values![]).await? {
                let mut c = row.read();
                let (name, n) = (c.text()?, c.count()?);
                match state(&name)? {
                    JobState::Queued => counts.queued = n,
                    JobState::Running => counts.running = n,
                    JobState::Held => counts.held = n,
                    JobState::Failed => counts.failed = n,
                    JobState::Done => counts.done = n,
                }
            }
        }
        Ok(counts)
    }
}

async fn belongs(tx: &mut Tx, org: &OrgId, connection: &ConnectionId) -> Result<bool, StoreError> {
    match tx.fetch_one(OWNER, values![connection]).await? {
        None => Ok(false),
        Some(row) if row.read().text()? == org.0 => Ok(true),
        Some(_) => {
            Err(StoreError::Conflict(format!("the connection {connection} is of another organization")))
        }
    }
}

/// How a job begins.
enum Start {
    /// Waiting for that many jobs.
    Queued(u64),
    /// Its connection is gone.
    Dead,
}

async fn plan(tx: &mut Tx, org: &OrgId, event: &EventId, job: NewJob) -> Result<(), StoreError> {
    let id = JobId(tx.new_id());
    let mut after: BTreeSet<JobId> = BTreeSet::new();
    for local in &job.needs {
        after.extend(links::open_provider(tx, &job.connection, local).await?);
    }
    for local in &job.provides {
        after.extend(links::take_over(tx, &job.connection, local, &job.object, &id).await?);
    }
    // The same name twice in one list.
    after.remove(&id);
    insert(tx, org, event, &id, &job, Start::Queued(after.len() as u64)).await?;
    for other in &after {
        tx.execute(AFTER, values![&id, other]).await?;
    }
    if after.is_empty() {
        let now = tx.now();
        ready::due(tx, &job.connection, job.lane, now).await?;
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    org: &OrgId,
    event: &EventId,
    id: &JobId,
    job: &NewJob,
    start: Start,
) -> Result<(), StoreError> {
    let now = tx.now();
    let (state, blockers, error, finished) = match start {
        Start::Queued(blockers) => ("queued", blockers, None, None),
        Start::Dead => ("failed", 0, Some(connections::deleted().to_string()), Some(now)),
    };
    let row = values![
        id,
        org,
        &job.connection,
        event,
        &job.operation,
        &job.op_key,
        &job.op,
        &job.object,
        job.lane,
        to_json(&job.provides)?,
        to_json(&job.needs)?,
        state,
        now,
        blockers,
        error,
        finished,
    ];
    tx.execute(INSERT, row).await?;
    if finished.is_some() {
        tally(tx, state, 1).await?;
    }
    Ok(())
}

/// Counts jobs that have ended.
pub(crate) async fn tally(tx: &mut Tx, name: &str, n: u64) -> Result<(), StoreError> {
    if n > 0 {
        tx.execute(TALLY, values![name, n]).await?;
    }
    Ok(())
}

pub(crate) fn name(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Failed => "failed",
        JobState::Held => "held",
    }
}

fn state(name: &str) -> Result<JobState, StoreError> {
    Ok(match name {
        "queued" => JobState::Queued,
        "running" => JobState::Running,
        "done" => JobState::Done,
        "failed" => JobState::Failed,
        "held" => JobState::Held,
        other => return Err(StoreError::Corrupt(format!("a job has the state `{other}`"))),
    })
}

/// Reads a job from its [`columns`].
pub(crate) fn job(mut c: Columns<'_>) -> Result<Job, StoreError> {
    Ok(Job {
        id: c.text()?.into(),
        org: c.text()?.into(),
        connection: c.text()?.into(),
        event: c.opt_text()?.map(EventId),
        operation: c.text()?,
        op_key: c.text()?,
        op: c.json()?,
        object: c.text()?,
        lane: c.i64()?,
        provides: c.json::<Vec<LocalKey>>()?,
        needs: c.json::<Vec<LocalKey>>()?,
        state: state(&c.text()?)?,
        run_at: c.millis()?,
        attempts: c.u32()?,
        crashes: c.u32()?,
        token: c.i64()?,
        receipt: c.opt_json()?,
        error: c.opt_json()?,
        created_at: c.millis()?,
        finished_at: c.opt_millis()?,
    })
}

fn attempt(mut c: Columns<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        job: c.text()?.into(),
        number: c.u32()?,
        started_at: c.millis()?,
        ms: c.count()?,
        outcome: c.text()?,
        decision: c.text()?,
        error: c.opt_json()?,
        exchanges: c.json()?,
    })
}
