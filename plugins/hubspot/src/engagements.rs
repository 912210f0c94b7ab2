//! What happened between people: calls, meetings, notes; and tasks, which are still to happen.

use jackfield_connector::crm::{
    Activity, ActivityKind, Call, Direction, Meeting, Meta, Note, Task, TextFormat,
};
use jackfield_connector::{Error, Json, Member, Result, html_lines, log};

use crate::find::text_of;
use crate::records::Draft;

/// `hs_note_body` and its like take so many characters.
const BODY_MAX: usize = 65_536;
const CUT: &str = " … (cut: HubSpot holds no more)";
/// A default call outcome of every account: "Left voicemail".
const LEFT_VOICEMAIL: &str = "b2cf5968-551e-4856-9783-52b3da59a7d0";

jackfield_connector::fields! { pub TASK: Task {
    subject <=> "hs_task_subject",
    due_at <=> "hs_timestamp",
}}

pub fn note(note: &Note) -> Draft {
    let body = match note.format {
        TextFormat::Html => cut_html(&note.body),
        TextFormat::Plain | TextFormat::Markdown => html_lines(&note.body, BODY_MAX, CUT),
    };
    let members = vec![
        Member::new("body", "hs_note_body", Some(body)),
        Member::new("at", "hs_timestamp", note.at.clone()),
    ];
    Draft::new("notes", members, &note.meta, &note.links).needing("hs_timestamp")
}

pub fn task(task: &Task) -> Draft {
    let mut members = TASK.members(task);
    members.push(Member::new("body", "hs_task_body", task.body.as_deref().map(html)));
    members.push(Member::new(
        "priority",
        "hs_task_priority",
        task.priority.as_deref().map(str::to_ascii_uppercase),
    ));
    let done = task.completed_at.as_ref().map(|_| "COMPLETED".to_owned());
    let open = done.is_none().then(|| "NOT_STARTED".to_owned());
    members.push(Member::new("completed-at", "hs_task_status", done));
    let mut draft = Draft::new("tasks", members, &task.meta, &task.links).needing("hs_timestamp");
    draft.once("hs_task_status", open);
    draft.once("hs_task_type", Some("TODO".to_owned()));
    draft
}

pub fn activity(activity: &Activity) -> Result<Draft> {
    let draft = match &activity.kind {
        ActivityKind::Call(details) => {
            Draft::new("calls", call(activity, details), &activity.meta, &activity.links)
        }
        ActivityKind::Meeting(details) => {
            Draft::new("meetings", meeting(activity, details), &activity.meta, &activity.links)
        }
        ActivityKind::Email => return Err(Error::unsupported("logging e-mail in HubSpot")),
        ActivityKind::Message => return Err(Error::unsupported("logging messages in HubSpot")),
        ActivityKind::Other(kind) => {
            return Err(Error::Unsupported(format!("activities of the kind `{kind}`")));
        }
    };
    Ok(draft.needing("hs_timestamp"))
}

fn call(activity: &Activity, call: &Call) -> Vec<Member> {
    let direction = match call.direction {
        Direction::Inbound => "INBOUND",
        Direction::Outbound => "OUTBOUND",
    };
    let outcome = call.outcome.as_deref();
    let disposition = outcome.filter(|word| *word == "voicemail").map(|_| LEFT_VOICEMAIL.to_owned());
    let duration_ms = call.duration_seconds.map(|seconds| (u64::from(seconds) * 1_000).to_string());
    vec![
        Member::new("start-at", "hs_timestamp", activity.start_at.clone()),
        Member::new("subject", "hs_call_title", activity.subject.clone()),
        Member::new("body", "hs_call_body", activity.body.as_deref().map(html)),
        Member::new("kind.direction", "hs_call_direction", Some(direction.to_owned())),
        Member::new("kind.outcome", "hs_call_status", outcome.and_then(call_status).map(str::to_owned)),
        Member::new("kind.outcome", "hs_call_disposition", disposition),
        Member::new("kind.duration-seconds", "hs_call_duration", duration_ms),
        Member::new("kind.caller", "hs_call_from_number", call.caller.clone()),
        Member::new("kind.callee", "hs_call_to_number", call.callee.clone()),
        Member::new("kind.recording-url", "hs_call_recording_url", call.recording_url.clone()),
    ]
}

/// `hs_call_status` is a closed list: another word is left out, and the log says so.
fn call_status(outcome: &str) -> Option<&'static str> {
    Some(match outcome {
        "completed" | "voicemail" => "COMPLETED",
        "no-answer" => "NO_ANSWER",
        "busy" => "BUSY",
        "failed" => "FAILED",
        "cancelled" => "CANCELED",
        "in-progress" => "IN_PROGRESS",
        other => {
            log::warn("HubSpot has no such call status; it was left out", &[("outcome", other)]);
            return None;
        }
    })
}

fn meeting(activity: &Activity, meeting: &Meeting) -> Vec<Member> {
    let outcome = meeting.outcome.as_deref().map(|word| match word {
        "scheduled" => "SCHEDULED",
        "rescheduled" => "RESCHEDULED",
        "completed" => "COMPLETED",
        "no-show" => "NO_SHOW",
        "cancelled" => "CANCELED",
        // An account may have outcomes of its own.
        other => other,
    });
    vec![
        Member::new("start-at", "hs_timestamp", activity.start_at.clone()),
        Member::new("start-at", "hs_meeting_start_time", activity.start_at.clone()),
        Member::new("end-at", "hs_meeting_end_time", activity.end_at.clone()),
        Member::new("subject", "hs_meeting_title", activity.subject.clone()),
        Member::new("body", "hs_meeting_body", activity.body.as_deref().map(html)),
        Member::new("kind.outcome", "hs_meeting_outcome", outcome.map(str::to_owned)),
        Member::new("kind.location", "hs_meeting_location", meeting.location.clone()),
        Member::new("kind.join-url", "hs_meeting_external_url", meeting.join_url.clone()),
    ]
}

/// Reads a call or a meeting back. Bodies stay HTML, as HubSpot holds them.
pub fn read_activity(object: &str, record: &Json, meta: Meta) -> Activity {
    let text = |name: &str| text_of(record, name);
    let (kind, subject, body, end_at) = if object == "calls" {
        (ActivityKind::Call(read_call(&text)), text("hs_call_title"), text("hs_call_body"), None)
    } else {
        let kind = Meeting {
            location: text("hs_meeting_location"),
            join_url: text("hs_meeting_external_url"),
            outcome: text("hs_meeting_outcome").map(|word| our_word(&word)),
            attendees: Vec::new(),
        };
        let end = text("hs_meeting_end_time");
        (ActivityKind::Meeting(kind), text("hs_meeting_title"), text("hs_meeting_body"), end)
    };
    Activity { meta, kind, subject, body, start_at: text("hs_timestamp"), end_at, links: Vec::new() }
}

fn read_call(text: &dyn Fn(&str) -> Option<String>) -> Call {
    let outbound = text("hs_call_direction").as_deref() == Some("OUTBOUND");
    let duration_ms: Option<u64> = text("hs_call_duration").and_then(|ms| ms.parse().ok());
    Call {
        direction: if outbound { Direction::Outbound } else { Direction::Inbound },
        outcome: text("hs_call_status").map(|word| our_word(&word)),
        duration_seconds: duration_ms.and_then(|ms| u32::try_from(ms / 1_000).ok()),
        caller: text("hs_call_from_number"),
        callee: text("hs_call_to_number"),
        recording_url: text("hs_call_recording_url"),
    }
}

/// `NO_ANSWER` → `no-answer`; and British spelling, as the contract has it.
fn our_word(theirs: &str) -> String {
    if theirs == "CANCELED" { "cancelled".to_owned() } else { theirs.to_ascii_lowercase().replace('_', "-") }
}

fn html(text: &str) -> String {
    html_lines(text, BODY_MAX, CUT)
}

/// HTML that fits. A longer one is cut outside of any tag or entity.
fn cut_html(html: &str) -> String {
    if html.chars().nth(BODY_MAX).is_none() {
        return html.to_owned();
    }
    let mut kept: String = html.chars().take(BODY_MAX - CUT.chars().count()).collect();
    for (open, close) in [('<', '>'), ('&', ';')] {
        let unclosed = kept.rfind(open).filter(|at| !kept[*at..].contains(close));
        if let Some(at) = unclosed {
            kept.truncate(at);
        }
    }
    kept + CUT
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_connector::choose;
    use jackfield_connector::testing::Stage;

    fn note_of(body: &str, format: TextFormat) -> String {
        let note = Note {
            meta: Meta::default(),
            body: body.to_owned(),
            format,
            at: Some("t".into()),
            links: Vec::new(),
        };
        let draft = Stage::new().run(|| super::note(&note)).0;
        draft.members[0].value.clone().unwrap_or_default()
    }

    #[test]
    fn a_plain_note_is_escaped() {
        assert_eq!(note_of("a < b\nc", TextFormat::Plain), "a &lt; b<br>c");
    }

    #[test]
    fn a_long_note_is_cut_with_a_marker_and_never_refused() {
        for format in [TextFormat::Plain, TextFormat::Html] {
            let cut = note_of(&"x<br>".repeat(20_000), format);
            assert!(cut.ends_with(CUT) && cut.chars().count() <= BODY_MAX);
            assert!(!cut.trim_end_matches(CUT).ends_with("<br"));
        }
    }

    #[test]
    fn a_calls_duration_travels_as_milliseconds_in_text() {
        let call = Call {
            direction: Direction::Inbound,
            outcome: Some("cancelled".into()),
            duration_seconds: Some(247),
            caller: None,
            callee: None,
            recording_url: None,
        };
        let activity = Activity {
            meta: Meta::default(),
            kind: ActivityKind::Call(call),
            subject: None,
            body: None,
            start_at: None,
            end_at: None,
            links: Vec::new(),
        };
        let draft = Stage::new().run(|| super::activity(&activity)).0.expect("a call");
        let set = choose(&draft.members, &[], &[]).expect("nothing to clear");
        assert!(set.contains(&("hs_call_duration", Some("247000".to_owned()))));
        assert!(set.contains(&("hs_call_status", Some("CANCELED".to_owned()))));
    }
}
