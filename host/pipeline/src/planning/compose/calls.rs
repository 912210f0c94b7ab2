//! Calls: one record per call, whichever events tell of it.

use std::fmt::Write as _;

use model::Millis;
use sandbox::v0_1::crm::{Activity, ActivityKind, Call, Direction, Entity, Link, Task};

use super::ComposeError;
use super::records::{BODY_MAX, meta, note};
use crate::planning::event_view::Way;
use crate::planning::operation::{CallDraft, CrmUpsert, Draft, Operation};
use crate::planning::placement::Composed;
use crate::planning::text;

/// The call with whatever only earlier events told, the latest of them first.
pub(super) fn completed(draft: &CallDraft, earlier: &[Operation]) -> CallDraft {
    let mut whole = draft.clone();
    for operation in earlier.iter().rev() {
        if let Operation::CrmUpsert(CrmUpsert { draft: Draft::Call(before), .. }) = operation {
            whole.complete_from(before);
        }
    }
    whole
}

/// The record of a call.
pub(super) fn entity(
    object: &str,
    draft: &CallDraft,
    mut placed: Composed,
    links: Vec<Link>,
    updates: bool,
) -> Result<Entity, ComposeError> {
    let subject = placed.members.remove("subject").or_else(|| subject(draft, updates));
    let body = placed.members.remove("body").or_else(|| body(draft, object != "activity"));
    let body = body.map(|b| text::bounded(&b, BODY_MAX));
    let end = draft.end.unwrap_or(draft.at);
    match object {
        "activity" => Ok(Entity::Activity(Activity {
            meta: meta(placed.custom),
            kind: ActivityKind::Call(call(draft)),
            subject,
            body,
            start_at: draft.start.map(Millis::rfc3339),
            end_at: draft.end.map(Millis::rfc3339),
            links,
        })),
        "note" => {
            let head = headline(draft, subject.as_deref().unwrap_or("Call"));
            let whole = body.map_or_else(|| head.clone(), |b| format!("{head}\n\n{b}"));
            Ok(note(whole, draft.start.unwrap_or(draft.at), placed.custom, links))
        }
        "task" => Ok(Entity::Task(Task {
            priority: placed.members.remove("priority"),
            meta: meta(placed.custom),
            subject: headline(draft, subject.as_deref().unwrap_or("Call")),
            body,
            due_at: Some(end.rfc3339()),
            // It has happened: nobody has to do it.
            completed_at: Some(end.rfc3339()),
            links,
        })),
        _ => Err(ComposeError::Object {
            noun: "a call",
            object: object.to_owned(),
            can_be: "activity, note, task",
        }),
    }
}

/// A transcript as an activity of its own.
pub(super) fn transcript_activity(
    title: String,
    text: String,
    at: Millis,
    mut placed: Composed,
    links: Vec<Link>,
) -> Entity {
    Entity::Activity(Activity {
        subject: Some(placed.members.remove("subject").unwrap_or(title)),
        meta: meta(placed.custom),
        kind: ActivityKind::Other("transcript".to_owned()),
        body: Some(text::bounded(&text, BODY_MAX)),
        start_at: Some(at.rfc3339()),
        end_at: None,
        links,
    })
}

fn call(draft: &CallDraft) -> Call {
    Call {
        // The contract wants a direction; most calls that a product reports without one were made to its agent.
        direction: match draft.way {
            Some(Way::Outbound) => Direction::Outbound,
            _ => Direction::Inbound,
        },
        outcome: draft.outcome.clone(),
        duration_seconds: draft.seconds,
        caller: draft.from.clone(),
        callee: draft.to.clone(),
        recording_url: draft.recording.clone(),
    }
}

/// `Inbound call from +15551234567`; none where an update knows nothing better than what the record has.
fn subject(draft: &CallDraft, updates: bool) -> Option<String> {
    let (what, between, number) = match draft.way {
        Some(Way::Inbound) => ("Inbound call", "from", draft.from.as_ref()),
        Some(Way::Outbound) => ("Outbound call", "to", draft.to.as_ref()),
        None => ("Call", "with", draft.from.as_ref()),
    };
    match (draft.name.as_ref().or(number), draft.way) {
        (Some(who), _) => Some(format!("{what} {between} {who}")),
        (None, None) if updates => None,
        (None, _) => Some(what.to_owned()),
    }
}

/// `Inbound call from John Smith: completed, 4 min 7 s`, for records without members of their own for these.
fn headline(draft: &CallDraft, subject: &str) -> String {
    let length = draft.seconds.map(|s| match (s / 60, s % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    });
    let facts: Vec<String> = [draft.outcome.clone(), length].into_iter().flatten().collect();
    if facts.is_empty() { subject.to_owned() } else { format!("{subject}: {}", facts.join(", ")) }
}

/// Summary, next steps, mood and agent, then what was said. None where nothing of it is known. `with_recording`: the
/// record has no member of its own for it.
fn body(draft: &CallDraft, with_recording: bool) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(draft.summary.clone());
    if !draft.next_steps.is_empty() {
        let mut steps = "Next steps:".to_owned();
        for step in &draft.next_steps {
            // Writing to a String does not fail.
            let _ = write!(steps, "\n- {step}");
        }
        parts.push(steps);
    }
    let recording = draft.recording.clone().filter(|_| with_recording);
    let facts = [("Sentiment", &draft.sentiment), ("Agent", &draft.agent), ("Recording", &recording)];
    let facts: Vec<String> =
        facts.iter().filter_map(|(name, value)| Some(format!("{name}: {}", value.as_ref()?))).collect();
    if !facts.is_empty() {
        parts.push(facts.join("\n"));
    }
    parts.extend(draft.transcript.as_ref().map(|t| format!("Transcript:\n{t}")));
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}
