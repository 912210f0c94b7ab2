//! One leased job: open the connection, compose the call, make it, decide what its answer means.

use egress::Observed;
use sandbox::Halt;
use sandbox::v0_1::core::Error;
use sandbox::v0_1::{calendar, crm};
use serde_json::{Value, json};
use store::{Attempt, CallEnd, Connection, Fate, Job, Link, Settlement, StoreError};

use crate::Pipeline;
use crate::bounds::Bounds;
use crate::error_view::ErrorView;
use crate::open::{Open, OpenError};
use crate::planning::compose::{Call, ComposeError, Known, compose};
use crate::planning::operation::{Operation, OperationError};
use crate::planning::retry::{self, Decision, Failure, Next, Tried};
use crate::planning::schema::Schema;
use crate::schemas::NoSchema;

/// How long a job waits when the host itself could not go on: a quarter of its age, because nothing is counted, within
/// these bounds.
const HOST_TROUBLE_MS: std::ops::RangeInclusive<i64> = 5_000..=900_000;

/// How long a call that was broken off may take to end; well within what a shutdown waits.
const AFTER_CUT: std::time::Duration = std::time::Duration::from_millis(200);

/// What a call that came back says.
struct Done {
    receipt: Value,
    remote_id: Option<String>,
    version: Option<String>,
}

/// Why there is no receipt.
enum Failed {
    Error(Error),
    Halt(Halt),
    /// No retry can help; the host knows it without asking.
    Own(ErrorView),
    /// The host's own trouble: again soon, uncounted.
    Trouble(ErrorView),
    /// Nothing of the connector is started: the job waits until that is lifted.
    Quarantined(ErrorView),
    /// The host is stopped and waits no longer.
    Stopped,
}

impl From<StoreError> for Failed {
    fn from(e: StoreError) -> Self {
        Self::Trouble(ErrorView::own("store", e.to_string()))
    }
}

impl From<NoSchema> for Failed {
    fn from(e: NoSchema) -> Self {
        match e {
            NoSchema::Error(e) => Self::Error(e),
            NoSchema::Halt(h) => Self::Halt(h),
            NoSchema::Store(e) => e.into(),
        }
    }
}

impl From<OpenError> for Failed {
    fn from(e: OpenError) -> Self {
        let view = ErrorView::own(e.code(), e.to_string());
        match e {
            OpenError::Load(_) | OpenError::Catalog(_) => Self::Trouble(view),
            OpenError::Quarantined(_) => Self::Quarantined(view),
            _ => Self::Own(view),
        }
    }
}

impl From<OperationError> for Failed {
    fn from(e: OperationError) -> Self {
        Self::Own(ErrorView::own("operation_unreadable", e.to_string()))
    }
}

impl From<ComposeError> for Failed {
    fn from(e: ComposeError) -> Self {
        let mut view = ErrorView::own(e.code(), e.to_string());
        if let ComposeError::Mapping(m) = &e {
            view = view.with("nearest", m.nearest().to_vec());
        }
        Self::Own(view)
    }
}

/// What one attempt saw, for its record and for the policy.
#[derive(Default)]
struct Seen {
    wire: Observed,
    repeatable: bool,
    call: Option<CallEnd>,
}

impl Pipeline {
    /// Performs a leased job and says how it ends. Nothing is written here but a fresh schema.
    pub(crate) async fn perform(&self, job: Job) -> Settlement {
        let started_at = self.parts.clock.now();
        let began = std::time::Instant::now();
        let mut seen = Seen::default();
        let answer = match self.parts.store.connection_for_job(&job.connection).await {
            Ok(Some(connection)) => self.attempt(&job, &connection, &mut seen).await,
            Ok(None) => Err(Failed::Own(ErrorView::own("connection_deleted", "the connection was deleted"))),
            Err(e) => Err(e.into()),
        };
        let mut attempt = Attempt {
            job: job.id.clone(),
            number: job.attempts,
            started_at,
            ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome: String::new(),
            decision: String::new(),
            error: None,
            exchanges: seen.wire.exchanges.clone(),
        };
        let (fate, decision) = match answer {
            Ok(done) => {
                "done".clone_into(&mut attempt.outcome);
                "done".clone_into(&mut attempt.decision);
                (Fate::Done { receipt: done.receipt, remote_id: done.remote_id, version: done.version }, None)
            }
            Err(failed) => self.fate(&job, failed, &seen, &mut attempt),
        };
        let (connection_status, connection_wait_until, drop_links) = match decision {
            Some(d) => (d.connection, d.connection_wait_until, d.drop_link),
            None => (None, None, false),
        };
        Settlement {
            job: job.id,
            token: job.token,
            fate,
            attempt,
            connection_status,
            connection_wait_until,
            drop_links,
            call: seen.call,
        }
    }

    async fn attempt(&self, job: &Job, connection: &Connection, seen: &mut Seen) -> Result<Done, Failed> {
        let operation = Operation::from_value(&job.op)?;
        let open = self.unless_cut(async { Ok(self.open(connection, Some(job.id.clone())).await?) }).await?;
        let answer = self.unless_cut(self.call(job, connection, &operation, &open, seen)).await;
        if matches!(answer, Err(Failed::Stopped)) {
            // Requests on the wasi:http road are tasks of their own: they tell the lane what went out as they end.
            tokio::time::sleep(AFTER_CUT).await;
        }
        if open.entry.manifest.reuse.is_some() && matches!(answer, Err(Failed::Halt(_))) {
            // What the connector answered may be why, and then the sandbox does not know of it.
            self.parts.sandbox.forget(&connection.id);
        }
        seen.wire = open.lane.observed();
        seen.call = match &answer {
            Ok(_) | Err(Failed::Error(_)) => self.call_end(&open, None),
            Err(Failed::Halt(halt)) => self.call_end(&open, Some(halt)),
            Err(_) => None,
        };
        // Errors come from several functions; none is kept or shown as the connector wrote it.
        answer.map_err(|failed| match failed {
            Failed::Error(e) => Failed::Error(Bounds(&open.lane).error(e)),
            other => other,
        })
    }

    /// `work`, broken off when a shutdown waits no longer.
    async fn unless_cut<T>(&self, work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        let mut cut = self.cut.subscribe();
        tokio::select! {
            answer = work => answer,
            _ = cut.wait_for(|cut| *cut) => Err(Failed::Stopped),
        }
    }

    async fn call(
        &self,
        job: &Job,
        connection: &Connection,
        operation: &Operation,
        open: &Open,
        seen: &mut Seen,
    ) -> Result<Done, Failed> {
        let store = &self.parts.store;
        let own = store.links(&connection.id, operation.own()).await?;
        let person = store.links(&connection.id, operation.person()).await?;
        let (schema, fresh): (Option<Schema>, bool) = match operation.described_object() {
            Some(object) => self.schema(connection, open, object).await?,
            None => (None, true),
        };
        let earlier = self.earlier(job, operation).await?;
        let known = Known { own: &own, person: &person, schema: schema.as_ref(), earlier: &earlier };
        let call = match (compose(operation, &job.op_key, &known), operation.described_object()) {
            // The stored schema may be older than the field: one fresh look before the job fails.
            (Err(e), Some(object)) if e.code() == "unknown_field" && !fresh => {
                let schema = self.describe(connection, open, object).await?;
                compose(operation, &job.op_key, &Known { schema: schema.as_ref(), ..known })?
            }
            (call, _) => call?,
        };
        let (interface, object) = operation.target();
        seen.repeatable = call.names_a_record()
            || retry::replay_safe(&open.entry.manifest.retry.replay_safe, interface, object);
        let mut done = self.send(connection, open, call, &own).await?;
        done.remote_id = operation.remote_id_to_keep(&own, done.remote_id);
        Ok(done)
    }

    /// What was said of the same record before, oldest first.
    async fn earlier(&self, job: &Job, operation: &Operation) -> Result<Vec<Operation>, Failed> {
        if !matches!(operation, Operation::CrmUpsert(_) | Operation::CalendarPut(_))
            || job.provides.is_empty()
        {
            return Ok(Vec::new());
        }
        let ops = self.parts.store.earlier_ops(&job.connection, &job.provides, &job.id).await?;
        Ok(ops.iter().filter_map(|op| Operation::from_value(op).ok()).collect())
    }

    async fn send(
        &self,
        connection: &Connection,
        open: &Open,
        call: Call,
        own: &[Link],
    ) -> Result<Done, Failed> {
        let guest = || open.call(connection, &self.parts.store);
        let bounds = Bounds(&open.lane);
        match call {
            Call::Skip(why) => {
                let known = own.iter().find(|l| l.remote_id.is_some());
                Ok(Done {
                    receipt: json!({ "disposition": "skipped", "reason": why }),
                    remote_id: known.and_then(|l| l.remote_id.clone()),
                    version: known.and_then(|l| l.version.clone()),
                })
            }
            Call::Crm(ops) => {
                let r =
                    bounds.crm(one(open.connector.crm_apply(guest(), ops).await)?).map_err(Failed::Halt)?;
                let disposition = match r.disposition {
                    crm::Disposition::Created => "created",
                    crm::Disposition::Updated => "updated",
                    crm::Disposition::Unchanged => "unchanged",
                    crm::Disposition::Deleted => "deleted",
                };
                let receipt = receipt(disposition, &r.id, r.version.as_deref(), &r.also_matched);
                Ok(Done { receipt, remote_id: Some(r.id), version: r.version })
            }
            Call::Calendar(ops) => {
                let r = bounds
                    .calendar(one(open.connector.calendar_apply(guest(), ops).await)?)
                    .map_err(Failed::Halt)?;
                let disposition = match r.disposition {
                    calendar::Disposition::Created => "created",
                    calendar::Disposition::Updated => "updated",
                    calendar::Disposition::Unchanged => "unchanged",
                    calendar::Disposition::Cancelled => "cancelled",
                };
                let mut receipt = receipt(disposition, &r.id, r.version.as_deref(), &[]);
                if let Some(event) = &r.event {
                    receipt["url"] = json!(event.url);
                    receipt["joinUrl"] = json!(event.conference.as_ref().map(|c| &c.join_url));
                }
                Ok(Done { receipt, remote_id: Some(r.id), version: r.version })
            }
            Call::Sink(events) => {
                let r =
                    bounds.sink(one(open.connector.deliver(guest(), events).await)?).map_err(Failed::Halt)?;
                let receipt = json!({ "disposition": "delivered", "id": r.remote_id, "eventId": r.event_id });
                Ok(Done { receipt, remote_id: r.remote_id, version: None })
            }
        }
    }

    /// What becomes of a job without a receipt.
    fn fate(
        &self,
        job: &Job,
        failed: Failed,
        seen: &Seen,
        attempt: &mut Attempt,
    ) -> (Fate, Option<Decision>) {
        let now = self.parts.clock.now();
        let tried = Tried {
            attempt: job.attempts,
            repeatable: seen.repeatable,
            // An appointment that was cancelled, and is booked again under its id.
            makes: job.operation == "calendar/write.create",
            wire: &seen.wire,
            now,
            planned_at: job.created_at,
            random: self.parts.ids.below(u64::MAX),
        };
        let (view, decision) = match &failed {
            Failed::Error(e) => (ErrorView::of(e), retry::decide(Failure::Error(e), &tried)),
            Failed::Halt(h) => (ErrorView::halt(h), retry::decide(Failure::Halt(h), &tried)),
            Failed::Stopped => (
                ErrorView::own("stopped", "the host was stopped while it ran"),
                retry::decide(Failure::Stopped, &tried),
            ),
            Failed::Own(view) | Failed::Trouble(view) | Failed::Quarantined(view) => {
                "error".clone_into(&mut attempt.outcome);
                attempt.error = Some(view.json());
                let error = view.json();
                let fate = match failed {
                    Failed::Own(_) => {
                        attempt.decision = format!("fail: {}", view.message);
                        Fate::Failed { error }
                    }
                    // Nobody finds it before the quarantine is lifted.
                    Failed::Quarantined(_) => {
                        attempt.decision = format!("hold: {}; uncounted", view.message);
                        Fate::Retry { at: now, counts: false, error }
                    }
                    _ => {
                        let why = format!("wait: the host could not go on ({}); uncounted", view.code);
                        attempt.decision = why;
                        let at = now.plus(trouble_wait(now.0.saturating_sub(job.created_at.0)));
                        Fate::Retry { at, counts: false, error }
                    }
                };
                return (fate, None);
            }
        };
        let outcome = if matches!(failed, Failed::Halt(_)) { "halt" } else { "error" };
        outcome.clone_into(&mut attempt.outcome);
        attempt.decision.clone_from(&decision.sentence);
        attempt.error = Some(view.json());
        let error = view.json();
        let fate = match decision.next {
            Next::Retry { at, counts } => Fate::Retry { at, counts, error },
            Next::Hold => Fate::Held { error },
            Next::Fail => Fate::Failed { error },
        };
        (fate, Some(decision))
    }
}

/// The answer for a batch of one.
fn one<T>(answer: Result<Result<Vec<Result<T, Error>>, Error>, Halt>) -> Result<T, Failed> {
    let mut answers = answer.map_err(Failed::Halt)?.map_err(Failed::Error)?;
    match answers.pop() {
        Some(answer) if answers.is_empty() => answer.map_err(Failed::Error),
        // The connector broke the contract; whether it wrote, only the wire can tell, so it is treated as a halt.
        _ => Err(Failed::Halt(Halt::HostCall {
            reason: "the connector answered with another number of results than it was given operations"
                .to_owned(),
        })),
    }
}

fn receipt(disposition: &str, id: &str, version: Option<&str>, also_matched: &[String]) -> Value {
    let mut receipt = json!({ "disposition": disposition, "id": id });
    if let Some(version) = version {
        receipt["version"] = json!(version);
    }
    if !also_matched.is_empty() {
        receipt["alsoMatched"] = json!(also_matched);
    }
    receipt
}

/// How long a job of this age waits for the host, in milliseconds.
fn trouble_wait(age_ms: i64) -> i64 {
    (age_ms / 4).clamp(*HOST_TROUBLE_MS.start(), *HOST_TROUBLE_MS.end())
}

#[cfg(test)]
mod tests {
    use sandbox::v0_1::core::Error;

    use super::{Failed, one, trouble_wait};

    #[test]
    fn a_connector_that_answers_for_more_or_fewer_than_it_was_given_is_halted() {
        assert!(matches!(one::<u8>(Ok(Ok(vec![Ok(7)]))), Ok(7)));
        for lie in [vec![], vec![Ok(7), Ok(7)], vec![Err(Error::CursorExpired), Ok(7)]] {
            assert!(matches!(one::<u8>(Ok(Ok(lie))), Err(Failed::Halt(_))));
        }
    }

    #[test]
    fn the_longer_the_host_is_in_trouble_the_rarer_a_job_is_tried() {
        assert_eq!(trouble_wait(-1), 5_000);
        assert_eq!(trouble_wait(3_600_000), 900_000);
        let (mut age, mut tries) = (0, 0);
        while age < 24 * 3_600_000 {
            age += trouble_wait(age);
            tries += 1;
        }
        assert!(tries < 150, "{tries} tries in a day");
    }
}
