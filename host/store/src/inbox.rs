//! The inbox: events are taken once, whole batch or nothing, and answered when they are on the disk.

use std::collections::{HashMap, HashSet};

use model::{EventId, OrgId};
use tokio::sync::oneshot;

use crate::sql::{Columns, chunk, many, values};
use crate::tx::Tx;
use crate::writer::Entry;
use crate::{Event, NewEvent, Recorded, Store, StoreError};

macro_rules! columns {
    () => {
        "id, org_id, source_id, kind, occurred_at, label, data, received_at, planned"
    };
}

/// Most events that [`Store::record_events`] takes at once.
const BATCH: usize = 1_000;
/// Most events that [`Store::unplanned`] returns.
const UNPLANNED_LIMIT: u32 = 1_000;

const INSERT: &str =
    "INSERT INTO event (id, org_id, source_id, kind, occurred_at, label, data, received_at) VALUES";
const INSERT_COLUMNS: usize = 8;
const ONCE: &str = "ON CONFLICT (org_id, source_id) DO NOTHING RETURNING id";
const FIRST: &str = "SELECT id FROM event WHERE org_id = $1 AND source_id = $2";
const ONE: &str = concat!("SELECT ", columns!(), " FROM event WHERE org_id = $1 AND source_id = $2");
const UNPLANNED: &str = concat!("SELECT ", columns!(), " FROM event WHERE planned = 0 ORDER BY id LIMIT $1");

/// The daily work, for `plans`.
#[cfg(test)]
pub(crate) const HOT: &[&str] = &[FIRST, ONE, UNPLANNED];
#[cfg(test)]
pub(crate) const HOT_MANY: &str = INSERT;

/// Events of one call, on their way to the writer.
pub(crate) struct Submission {
    org: OrgId,
    events: Vec<NewEvent>,
    recorded: Vec<Recorded>,
    reply: oneshot::Sender<Result<Vec<Recorded>, StoreError>>,
}

impl Submission {
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn reply(self, end: Result<(), StoreError>) {
        // The events stay recorded even if nobody waits for the answer any more.
        let _ = self.reply.send(end.map(|()| self.recorded));
    }
}

impl Store {
    /// Records 1 to 1,000 events, all or none, and returns after they are on the disk. An event whose id its organization
    /// has sent before, in this batch too, is a duplicate: it is answered with the first one's host id and changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when one of them is out of bounds: an id of 1–128, a name of 1–100 characters.
    pub async fn record_events(
        &self,
        org: &OrgId,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Recorded>, StoreError> {
        if events.len() > BATCH {
            return Err(StoreError::Invalid(format!(
                "{} events at once, {BATCH} at most: send fewer",
                events.len()
            )));
        }
        let (reply, answer) = oneshot::channel();
        let submission = Submission { org: org.clone(), events, recorded: Vec::new(), reply };
        self.inner.entries.send(Entry::Events(submission)).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    /// An organization's event by the sender's id, or by the host's where the sender gave none.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn event(&self, org: &OrgId, source_id: &str) -> Result<Option<Event>, StoreError> {
        let row = self.read().await?.fetch_one(ONE, values![org, source_id]).await?;
        row.map(|row| event(row.read())).transpose()
    }

    /// Events whose operations are not planned yet, in the order of their receipt, 1,000 at most.
    ///
    /// # Errors
    /// When they could not be read.
    pub async fn unplanned(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = self.read().await?.fetch(UNPLANNED, values![limit.min(UNPLANNED_LIMIT)]).await?;
        rows.iter().map(|row| event(row.read())).collect()
    }
}

/// Inserts the events of several calls by few statements, and fills in what became of each.
pub(crate) async fn insert(tx: &mut Tx, mut submissions: Vec<&mut Submission>) -> Result<(), StoreError> {
    let now = tx.now();
    // The first of each id here: (submission, event).
    let mut first: HashMap<(OrgId, String), EventId> = HashMap::new();
    let mut new: Vec<(usize, usize)> = Vec::new();
    for (s, submission) in submissions.iter_mut().enumerate() {
        submission.recorded.clear();
        for (e, event) in submission.events.iter().enumerate() {
            let id = EventId(tx.new_id());
            let source_id = event.source_id.clone().unwrap_or_else(|| id.0.clone());
            let known = first.get(&(submission.org.clone(), source_id.clone()));
            let recorded = match known {
                Some(first) => Recorded { id: first.clone(), source_id, duplicate: true },
                None => {
                    first.insert((submission.org.clone(), source_id.clone()), id.clone());
                    new.push((s, e));
                    Recorded { id, source_id, duplicate: false }
                }
            };
            submission.recorded.push(recorded);
        }
    }
    let mut written = HashSet::with_capacity(new.len());
    let mut rest = &new[..];
    while !rest.is_empty() {
        let (now_these, later) = rest.split_at(chunk(rest.len()));
        rest = later;
        let mut row = Vec::with_capacity(now_these.len() * INSERT_COLUMNS);
        for &(s, e) in now_these {
            let (event, recorded) = (&submissions[s].events[e], &submissions[s].recorded[e]);
            row.extend(values![
                &recorded.id,
                &submissions[s].org,
                &recorded.source_id,
                &event.kind,
                event.occurred_at.unwrap_or(now),
                event.label.clone(),
                &event.data,
                now,
            ]);
        }
        for row in tx.fetch(many(INSERT, INSERT_COLUMNS, now_these.len(), ONCE), row).await? {
            written.insert(row.read().text()?);
        }
    }
    if !written.is_empty() {
        tx.new_events = true;
    }
    if written.len() < new.len() {
        name_the_first(tx, &mut submissions, &written).await?;
    }
    Ok(())
}

/// Those that were not written are duplicates of events from earlier commits.
async fn name_the_first(
    tx: &mut Tx,
    submissions: &mut [&mut Submission],
    written: &HashSet<String>,
) -> Result<(), StoreError> {
    for submission in submissions {
        for recorded in &mut submission.recorded {
            if written.contains(&recorded.id.0) {
                continue;
            }
            let row = tx.fetch_one(FIRST, values![&submission.org, &recorded.source_id]).await?;
            let row =
                row.ok_or_else(|| StoreError::Internal("an event is neither new nor known".to_owned()))?;
            recorded.id = row.read().text()?.into();
            recorded.duplicate = true;
        }
    }
    Ok(())
}

fn event(mut c: Columns<'_>) -> Result<Event, StoreError> {
    Ok(Event {
        id: c.text()?.into(),
        org: c.text()?.into(),
        source_id: c.text()?,
        kind: c.text()?,
        occurred_at: c.millis()?,
        label: c.opt_text()?,
        data: c.json()?,
        received_at: c.millis()?,
        planned: c.i64()? != 0,
    })
}
