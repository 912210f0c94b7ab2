//! What an event means for each connection: the rules of the house, as one pure function.
//!
//! | event | CRM (`crm/write` and the manifest's `[sync]`) | calendar (`calendar/write`) |
//! |---|---|---|
//! | `lead.captured` `lead.created` | the lead's object; a note for its description | |
//! | `call.completed` `call.ended` `call.failed` | the call's object, linked to the person | |
//! | `analysis.complete` with a `callId` | the same record | |
//! | `transcript.ready` | the transcript's object, linked to the person | |
//! | `appointment.created` `.updated` | the appointment's object, linked to the person | create or update |
//! | `appointment.cancelled` | the same record, if it is known | cancel |
//!
//! Every event goes to the sinks that asked for it. A connection that is switched off still gets its jobs: they are held,
//! not forgotten.

use manifest::Manifest;
use store::{Connection, Event, LocalKey, NewJob};

use super::event_view::EventView;
use super::operation::Operation;
use super::text;

mod calendar;
mod crm;
mod sink;

/// The lane of what an event causes: behind live calls, before pulls.
const LANE: i64 = 1;

/// A connection with what its connector declares and exports.
pub(crate) struct Target<'a> {
    /// The account.
    pub(crate) connection: &'a Connection,
    /// Its connector's manifest.
    pub(crate) manifest: &'a Manifest,
    /// What the component exports: `jackfield:crm/write@0.1.0`.
    pub(crate) interfaces: &'a [String],
}

/// One operation to be, before it has its keys.
struct Planned {
    /// For people and for the API: `crm/write.upsert contact`.
    name: String,
    op: Operation,
    object: String,
    provides: Vec<LocalKey>,
    needs: Vec<LocalKey>,
}

/// The jobs that `event` causes, in the order of `targets`; for each: person, description, call, transcript, appointment,
/// calendar, sink. Connections of another organization get none.
pub(crate) fn plan(event: &Event, targets: &[Target<'_>]) -> Vec<NewJob> {
    let view = EventView::new(event);
    let mine = targets.iter().filter(|t| t.connection.org == event.org);
    mine.flat_map(|target| target.plan(&view).into_iter().map(|p| p.into_job(event, target.connection)))
        .collect()
}

/// The operation's key: the same whenever and wherever the event is planned, another for every operation of the event.
/// 53 characters, `[0-9a-f-]` where the event's id is a UUID.
pub(crate) fn op_key(event: &Event, connection: &Connection, operation: &str) -> String {
    format!("{}-{:016x}", event.id, text::hash(&[connection.id.as_str(), operation]))
}

impl Target<'_> {
    fn plan(&self, view: &EventView<'_>) -> Vec<Planned> {
        let mut planned = Vec::new();
        if !self.wants(view.family()) {
            return planned;
        }
        if self.exports("crm/write") {
            planned.extend(crm::plan(self, view));
        }
        if self.exports("calendar/write") {
            planned.extend(calendar::plan(self, view));
        }
        if self.exports("automation/sink") {
            planned.extend(sink::plan(self, view));
        }
        planned
    }

    /// Whether the component exports `jackfield:{interface}` in any version.
    fn exports(&self, interface: &str) -> bool {
        let name = |i: &str| i.split_once('@').map_or_else(|| i.to_owned(), |(n, _)| n.to_owned());
        self.interfaces.iter().any(|i| name(i).strip_prefix("jackfield:") == Some(interface))
    }

    /// Whether the connection's switches let this family of events through. An analysis belongs to its call; other names
    /// have no switch.
    fn wants(&self, family: &str) -> bool {
        match family {
            "lead" => self.on("syncLeads"),
            "call" | "analysis" => self.on("syncCalls"),
            "transcript" => self.on("syncTranscripts"),
            "appointment" => self.on("syncAppointments"),
            _ => true,
        }
    }

    /// A switch; a missing one is on.
    fn on(&self, switch: &str) -> bool {
        self.connection.sync_settings.get(switch).copied().unwrap_or(true)
    }

    /// A setting that is text and not blank.
    fn setting(&self, name: &str) -> Option<String> {
        self.connection.settings.get(name).and_then(text::of)
    }
}

impl Planned {
    fn into_job(self, event: &Event, connection: &Connection) -> NewJob {
        NewJob {
            connection: connection.id.clone(),
            op_key: op_key(event, connection, &self.name),
            operation: self.name,
            lane: LANE,
            op: self.op.to_value(),
            object: self.object,
            provides: self.provides,
            needs: self.needs,
        }
    }
}

#[cfg(test)]
#[path = "../tests/rules.rs"]
mod tests;
