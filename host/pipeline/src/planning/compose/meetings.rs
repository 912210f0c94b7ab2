//! Appointments in a CRM: a meeting, or a task.

use model::Millis;
use sandbox::v0_1::crm::{Activity, ActivityKind, Entity, Link, Meeting, Task};

use super::ComposeError;
use super::records::{BODY_MAX, meta};
use crate::planning::appointment_view::{Conference, When};
use crate::planning::operation::AppointmentDraft;
use crate::planning::placement::Composed;
use crate::planning::text;

/// The record of an appointment.
pub(super) fn entity(
    object: &str,
    draft: &AppointmentDraft,
    mut placed: Composed,
    links: Vec<Link>,
    updates: bool,
) -> Result<Entity, ComposeError> {
    let cancelled = draft.outcome == "cancelled";
    if !cancelled {
        check_time(draft, updates)?;
    }
    let (start, end) = bounds(draft.when.as_ref());
    let given = placed.members.remove("subject").or_else(|| draft.title.clone());
    let body = placed.members.remove("body").or_else(|| body(draft)).map(|b| text::bounded(&b, BODY_MAX));
    match object {
        "activity" => Ok(Entity::Activity(Activity {
            meta: meta(placed.custom),
            kind: ActivityKind::Meeting(meeting(draft, updates)),
            subject: given.or_else(|| (!updates).then(|| title(draft))),
            body,
            start_at: start,
            end_at: end,
            links,
        })),
        "task" => {
            let subject = given.unwrap_or_else(|| title(draft));
            Ok(Entity::Task(Task {
                priority: placed.members.remove("priority"),
                meta: meta(placed.custom),
                subject: if cancelled { format!("Cancelled: {subject}") } else { subject },
                body,
                due_at: start,
                completed_at: (cancelled || draft.outcome == "completed").then(|| draft.at.rfc3339()),
                links,
            }))
        }
        _ => Err(ComposeError::Object {
            noun: "an appointment",
            object: object.to_owned(),
            can_be: "activity, task",
        }),
    }
}

/// Whether the event's time can be written: a bad one never, a missing one only into a record that has one.
pub(super) fn check_time(draft: &AppointmentDraft, updates: bool) -> Result<(), ComposeError> {
    match (&draft.problem, &draft.when) {
        (Some(problem), _) => Err(ComposeError::Event(problem.clone())),
        (None, None) if !updates => {
            Err(ComposeError::Event("the event has no `start`, so there is no time to book".to_owned()))
        }
        _ => Ok(()),
    }
}

/// What an appointment without a title is called.
pub(super) fn title(draft: &AppointmentDraft) -> String {
    match draft.attendees.first().and_then(|a| a.name.as_ref().or(a.email.as_ref())) {
        Some(who) => format!("Appointment with {who}"),
        None => "Appointment".to_owned(),
    }
}

/// The text under the title: the description, then why.
fn body(draft: &AppointmentDraft) -> Option<String> {
    let why = if draft.outcome == "cancelled" { "Cancelled" } else { "Reason" };
    let reason = draft.reason.as_ref().map(|r| format!("{why}: {r}"));
    let parts: Vec<String> = [draft.description.clone(), reason].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

fn meeting(draft: &AppointmentDraft, updates: bool) -> Meeting {
    Meeting {
        location: draft.location.clone(),
        join_url: match &draft.conference {
            Conference::Link(url) => Some(url.clone()),
            Conference::None | Conference::Native => None,
        },
        // What is new here was not moved here.
        outcome: Some(match draft.outcome.as_str() {
            "rescheduled" if !updates => "scheduled".to_owned(),
            other => other.to_owned(),
        }),
        attendees: draft.attendees.iter().filter_map(|a| a.email.clone()).collect(),
    }
}

/// Start and end; whole days in UTC, because a CRM's meeting is an instant.
fn bounds(when: Option<&When>) -> (Option<String>, Option<String>) {
    match when {
        Some(When::Timed { start, end, .. }) => (Some(start.rfc3339()), Some(end.rfc3339())),
        Some(When::AllDay { first, last }) => {
            let day = |d: &str, time: &str| Millis::parse(&format!("{d}T{time}Z")).ok().map(Millis::rfc3339);
            (day(first, "00:00:00"), day(last, "23:59:59"))
        }
        None => (None, None),
    }
}
