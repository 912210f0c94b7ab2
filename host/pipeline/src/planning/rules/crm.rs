//! CRMs: which record an event becomes is the manifest's choice (`[sync]`), what is in it is ours.

use manifest::SyncRule;
use store::LocalKey;

use super::{Planned, Target};
use crate::planning::event_view::{EventView, key};
use crate::planning::mapping::{self, DESCRIPTION, MappedField};
use crate::planning::operation::{
    AppointmentDraft, CallDraft, CrmUpsert, DescriptionDraft, Draft, Operation, PersonDraft, TranscriptDraft,
};

/// What `view` becomes in a CRM; nothing where the manifest has no object for it.
pub(super) fn plan(target: &Target<'_>, view: &EventView<'_>) -> Vec<Planned> {
    let Some(sync) = &target.manifest.sync else { return Vec::new() };
    match view.event().kind.as_str() {
        "lead.captured" | "lead.created" => sync.lead.iter().flat_map(|r| lead(target, view, r)).collect(),
        "call.completed" | "call.ended" | "call.failed" => {
            sync.call.iter().map(|r| call(target, view, r)).collect()
        }
        // Without a call's id there is no record that it could belong to.
        "analysis.complete" if view.call_id().is_some() => {
            sync.call.iter().map(|r| call(target, view, r)).collect()
        }
        "transcript.ready" => sync.transcript.iter().map(|r| transcript(view, r)).collect(),
        "appointment.created" | "appointment.updated" | "appointment.cancelled" => {
            sync.appointment.iter().map(|r| appointment(view, r)).collect()
        }
        _ => Vec::new(),
    }
}

/// The person, and a note for what is mapped to a description that their object may not have: only the provider's schema
/// knows, so the note is planned and decides when it is performed.
fn lead(target: &Target<'_>, view: &EventView<'_>, rule: &SyncRule) -> Vec<Planned> {
    let users = target.connection.field_mapping.as_ref().filter(|m| !m.is_empty());
    let mapping = users.unwrap_or(&rule.mapping);
    let fields = if mapping.is_empty() { default_fields(view) } else { mapping::resolve(mapping, view) };
    let text: Vec<&str> = fields.iter().filter(|f| f.name == DESCRIPTION).map(|f| f.value.as_str()).collect();
    let note = (!text.is_empty()).then(|| description(view, rule, text.join("\n\n")));
    let keys = lead_keys(view);
    let person = CrmUpsert {
        object: rule.object.clone(),
        draft: Draft::Person(person(view, !mapping.is_empty())),
        fields,
        own: identifying(&keys),
        person: Vec::new(),
        may_create: true,
    };
    [Some(upsert(person, None, keys)), note].into_iter().flatten().collect()
}

/// The names of a lead's person; one without any is named by its event, so that its note finds it.
fn lead_keys(view: &EventView<'_>) -> Vec<LocalKey> {
    let mut keys = view.person_keys();
    if keys.is_empty() {
        keys.push(key("person", "event", &view.event().source_id));
    }
    keys
}

/// What identifies a lead: its id, else the call it came from; then the e-mail address, or without one the number, which
/// families and offices share.
fn identifying(keys: &[LocalKey]) -> Vec<LocalKey> {
    let has = |kind: &str| keys.iter().any(|k| k.key.starts_with(kind));
    let redundant = |k: &LocalKey| {
        (k.key.starts_with("call:") && has("lead:")) || (k.key.starts_with("phone:") && has("email:"))
    };
    keys.iter().filter(|k| !redundant(k)).cloned().collect()
}

/// Without any mapping, the reason still reaches the person.
fn default_fields(view: &EventView<'_>) -> Vec<MappedField> {
    let reason = view.alias("reason");
    reason.into_iter().map(|value| MappedField { name: DESCRIPTION.to_owned(), value }).collect()
}

fn person(view: &EventView<'_>, mapped: bool) -> PersonDraft {
    let full = view.alias("callerName").unwrap_or_default();
    let (first_name, last_name) = match view.name_parts() {
        (None, None) => crate::planning::text::split_name(&full),
        parts => parts,
    };
    PersonDraft {
        mapped,
        first_name,
        last_name,
        email: view.alias("callerEmail"),
        phone: view.caller_phone(),
        company: view.alias("company"),
        source: view.alias("source"),
    }
}

fn description(view: &EventView<'_>, rule: &SyncRule, text: String) -> Planned {
    let lead = view.lead_id().map(|id| key("note", "lead", &id));
    let call = || view.call_id().map(|id| key("note", "call", &id));
    let own = lead.or_else(call).unwrap_or_else(|| key("note", "event", &view.event().source_id));
    let draft = DescriptionDraft { at: view.event().occurred_at, of: rule.object.clone(), text };
    let op = CrmUpsert {
        object: "note".to_owned(),
        draft: Draft::Description(draft),
        fields: Vec::new(),
        own: vec![own.clone()],
        person: identifying(&lead_keys(view)),
        may_create: true,
    };
    upsert(op, Some("description"), vec![own])
}

fn call(target: &Target<'_>, view: &EventView<'_>, rule: &SyncRule) -> Planned {
    let own: Vec<LocalKey> = view.call_id().iter().map(|id| key("call", "call", id)).collect();
    let op = CrmUpsert {
        object: rule.object.clone(),
        draft: Draft::Call(call_draft(view, target.on("syncTranscripts"))),
        fields: mapping::resolve(&rule.mapping, view),
        own: own.clone(),
        person: view.person_keys(),
        may_create: true,
    };
    upsert(op, None, own)
}

fn call_draft(view: &EventView<'_>, with_transcript: bool) -> CallDraft {
    let kind = view.event().kind.as_str();
    let at = view.event().occurred_at;
    // The time and the status of an analysis are its own, not the call's.
    let over = kind != "analysis.complete";
    let seconds = view.duration_seconds();
    let end = view.ended_at().or(over.then_some(at));
    let length = i64::from(seconds.unwrap_or(0)) * 1000;
    let start = view.started_at().or_else(|| end.filter(|_| over).map(|e| e.plus(-length)));
    let default = if kind == "call.failed" { "failed" } else { "completed" };
    CallDraft {
        at,
        way: view.direction(),
        outcome: over.then(|| view.status().unwrap_or_else(|| default.to_owned())),
        seconds,
        from: view.calling_number(),
        to: view.called_number(),
        name: view.alias("callerName"),
        start,
        end,
        recording: view.recording_url(),
        summary: view.summary(),
        next_steps: view.next_steps(),
        sentiment: view.sentiment(),
        agent: view.agent_name(),
        transcript: view.transcript().filter(|_| with_transcript),
    }
}

fn transcript(view: &EventView<'_>, rule: &SyncRule) -> Planned {
    let own: Vec<LocalKey> = view.call_id().iter().map(|id| key("transcript", "call", id)).collect();
    let draft =
        TranscriptDraft { at: view.event().occurred_at, call: view.call_id(), text: view.transcript() };
    let op = CrmUpsert {
        object: rule.object.clone(),
        draft: Draft::Transcript(draft),
        fields: mapping::resolve(&rule.mapping, view),
        own: own.clone(),
        person: view.person_keys(),
        may_create: true,
    };
    upsert(op, Some("transcript"), own)
}

fn appointment(view: &EventView<'_>, rule: &SyncRule) -> Planned {
    let own: Vec<LocalKey> =
        view.appointment_id().iter().map(|id| key("appointment", "appointment", id)).collect();
    let draft = appointment_draft(view);
    let op = CrmUpsert {
        object: rule.object.clone(),
        // What was never made is not made in order to be cancelled.
        may_create: view.event().kind != "appointment.cancelled",
        draft: Draft::Appointment(draft),
        fields: mapping::resolve(&rule.mapping, view),
        own: own.clone(),
        person: view.person_keys(),
    };
    upsert(op, None, own)
}

/// What the event says of its appointment, for a CRM or a calendar.
pub(super) fn appointment_draft(view: &EventView<'_>) -> AppointmentDraft {
    let (when, problem) = match view.when() {
        Ok(when) => (when, None),
        Err(problem) => (None, Some(problem)),
    };
    let outcome = match view.event().kind.as_str() {
        "appointment.cancelled" => "cancelled".to_owned(),
        "appointment.updated" => view
            .status()
            .filter(|s| matches!(s.as_str(), "completed" | "no-show" | "cancelled"))
            .unwrap_or_else(|| "rescheduled".to_owned()),
        _ => "scheduled".to_owned(),
    };
    AppointmentDraft {
        at: view.event().occurred_at,
        outcome,
        title: view.title(),
        when,
        problem,
        attendees: view.attendees(),
        location: view.location(),
        conference: view.conference(),
        description: view.description(),
        reason: view.alias("reason"),
    }
}

/// `crm/write.upsert OBJECT (what)`, providing `provides` and waiting for whatever makes the person known.
fn upsert(op: CrmUpsert, what: Option<&str>, provides: Vec<LocalKey>) -> Planned {
    let what = what.map(|w| format!(" ({w})")).unwrap_or_default();
    Planned {
        name: format!("crm/write.upsert {}{what}", op.object),
        object: op.object.clone(),
        needs: op.person.clone(),
        provides,
        op: Operation::CrmUpsert(op),
    }
}
