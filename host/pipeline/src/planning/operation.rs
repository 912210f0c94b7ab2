//! What a job is to do: written into `NewJob::op` when an event is planned, read back when it is performed.
//!
//! An operation is whole: performing it needs the links it names, the object's schema and nothing of the event's row.
//! What only the provider's schema can decide (where a mapped field goes) stays open until then.

use model::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Link, LocalKey};

use super::appointment_view::{Attendee, Conference, When};
use super::event_view::Way;
use super::mapping::MappedField;

/// The version that is written. A newer one in the store was planned by a newer host.
pub(crate) const VERSION: u32 = 1;

/// What to do for one connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Operation {
    /// Create or update one record of a CRM.
    CrmUpsert(CrmUpsert),
    /// Create a calendar event, or update the one that is known.
    CalendarPut(CalendarPut),
    /// Cancel the calendar event that is known.
    CalendarCancel(CalendarCancel),
    /// Hand an event to a sink.
    SinkDeliver(SinkDeliver),
}

/// The stored operation cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperationError {
    /// Planned by a newer host.
    #[error(
        "the operation has version {0}, this host reads up to {VERSION}; run the newer host, or plan the event again"
    )]
    Version(u64),
    /// Not what this host writes.
    #[error("the stored operation cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    operation: T,
}

impl Operation {
    /// For `NewJob::op`.
    pub(crate) fn to_value(&self) -> Value {
        // Maps with text keys, text and numbers: there is nothing that JSON could not hold.
        serde_json::to_value(Versioned { v: VERSION, operation: self }).unwrap_or_default()
    }

    /// From `Job::op`.
    ///
    /// # Errors
    /// When it has another version or shape.
    pub(crate) fn from_value(value: &Value) -> Result<Self, OperationError> {
        match value.get("v").and_then(Value::as_u64) {
            Some(v) if v > u64::from(VERSION) => Err(OperationError::Version(v)),
            _ => Ok(Versioned::deserialize(value).map(|v| v.operation)?),
        }
    }

    /// Names under which the record itself may be known, best first.
    pub(crate) fn own(&self) -> &[LocalKey] {
        match self {
            Self::CrmUpsert(op) => &op.own,
            Self::CalendarPut(op) => &op.own,
            Self::CalendarCancel(op) => &op.own,
            Self::SinkDeliver(op) => &op.thread,
        }
    }

    /// Names under which the person to link to may be known, best first.
    pub(crate) fn person(&self) -> &[LocalKey] {
        match self {
            Self::CrmUpsert(op) => &op.person,
            _ => &[],
        }
    }

    /// The object whose schema `compose` needs; none: it needs no schema.
    pub(crate) fn described_object(&self) -> Option<&str> {
        match self {
            Self::CrmUpsert(CrmUpsert { draft: Draft::Description(note), .. }) => Some(&note.of),
            Self::CrmUpsert(op) if !op.fields.is_empty() => Some(&op.object),
            _ => None,
        }
    }

    /// The interface and the object, as a manifest's `retry.replay-safe` names them.
    pub(crate) fn target(&self) -> (&'static str, &str) {
        match self {
            Self::CrmUpsert(op) => ("crm/write", &op.object),
            Self::CalendarPut(_) | Self::CalendarCancel(_) => ("calendar/write", "event"),
            Self::SinkDeliver(_) => ("automation/sink", "message"),
        }
    }

    /// The remote id to keep under the provided names once a receipt has come. A thread keeps its first message: later
    /// ones hang under it.
    pub(crate) fn remote_id_to_keep(&self, own: &[Link], receipt: Option<String>) -> Option<String> {
        match self {
            Self::SinkDeliver(_) => own.iter().find_map(|l| l.remote_id.clone()).or(receipt),
            _ => receipt,
        }
    }
}

/// Create or update one record of a CRM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CrmUpsert {
    /// `contact`, `lead`, `note`, `task`, `activity`, or the provider's own name of an object.
    pub(crate) object: String,
    /// What we know, in our words.
    pub(crate) draft: Draft,
    /// What the field mapping says, under the provider's names.
    pub(crate) fields: Vec<MappedField>,
    /// See [`Operation::own`].
    pub(crate) own: Vec<LocalKey>,
    /// See [`Operation::person`].
    pub(crate) person: Vec<LocalKey>,
    /// Whether to create the record where none is known. A cancellation does not.
    pub(crate) may_create: bool,
}

/// What a record is made of, by the noun it stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "noun", rename_all = "kebab-case")]
pub(crate) enum Draft {
    /// A lead.
    Person(PersonDraft),
    /// A call.
    Call(CallDraft),
    /// What was said in a call.
    Transcript(TranscriptDraft),
    /// An appointment.
    Appointment(AppointmentDraft),
    /// What the mapping puts into `description`, where the person's object has no such field.
    Description(DescriptionDraft),
}

/// A lead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PersonDraft {
    /// Whether a mapping was in force: then the record has what it names and nothing else. The members below find the
    /// person all the same.
    pub(crate) mapped: bool,
    /// The name in parts.
    pub(crate) first_name: Option<String>,
    /// The name in parts.
    pub(crate) last_name: Option<String>,
    /// As it came.
    pub(crate) email: Option<String>,
    /// E.164 where it is one.
    pub(crate) phone: Option<String>,
    /// Where they work.
    pub(crate) company: Option<String>,
    /// Where the lead came from.
    pub(crate) source: Option<String>,
}

/// A call. Its texts stay apart until they are written, so that a later event adds to them instead of replacing them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallDraft {
    /// When the event happened.
    pub(crate) at: Millis,
    /// Which way it went, where the event says it.
    pub(crate) way: Option<Way>,
    /// In the contract's words.
    pub(crate) outcome: Option<String>,
    /// Whole seconds.
    pub(crate) seconds: Option<u32>,
    /// Who called.
    pub(crate) from: Option<String>,
    /// Who was called.
    pub(crate) to: Option<String>,
    /// The person's name, where the event says it.
    pub(crate) name: Option<String>,
    /// When it began.
    pub(crate) start: Option<Millis>,
    /// When it ended.
    pub(crate) end: Option<Millis>,
    /// An http(s) URL.
    pub(crate) recording: Option<String>,
    /// What it was about.
    pub(crate) summary: Option<String>,
    /// What is to be done.
    pub(crate) next_steps: Vec<String>,
    /// How the caller felt.
    pub(crate) sentiment: Option<String>,
    /// Which of our agents spoke.
    pub(crate) agent: Option<String>,
    /// What was said, bounded.
    pub(crate) transcript: Option<String>,
}

impl CallDraft {
    /// Takes from an earlier event of the same call whatever this one does not say.
    pub(crate) fn complete_from(&mut self, earlier: &Self) {
        fn fill<T: Clone>(mine: &mut Option<T>, theirs: Option<&T>) {
            if mine.is_none() {
                *mine = theirs.cloned();
            }
        }
        fill(&mut self.way, earlier.way.as_ref());
        fill(&mut self.outcome, earlier.outcome.as_ref());
        fill(&mut self.seconds, earlier.seconds.as_ref());
        fill(&mut self.from, earlier.from.as_ref());
        fill(&mut self.to, earlier.to.as_ref());
        fill(&mut self.name, earlier.name.as_ref());
        fill(&mut self.start, earlier.start.as_ref());
        fill(&mut self.end, earlier.end.as_ref());
        fill(&mut self.recording, earlier.recording.as_ref());
        fill(&mut self.summary, earlier.summary.as_ref());
        fill(&mut self.sentiment, earlier.sentiment.as_ref());
        fill(&mut self.agent, earlier.agent.as_ref());
        fill(&mut self.transcript, earlier.transcript.as_ref());
        if self.next_steps.is_empty() {
            self.next_steps.clone_from(&earlier.next_steps);
        }
    }
}

/// What was said in a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TranscriptDraft {
    /// When the event happened.
    pub(crate) at: Millis,
    /// The product's id of the call, for the heading.
    pub(crate) call: Option<String>,
    /// Bounded; none where the event has none.
    pub(crate) text: Option<String>,
}

/// An appointment in a CRM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AppointmentDraft {
    /// When the event happened.
    pub(crate) at: Millis,
    /// `scheduled`, `rescheduled`, `cancelled`, or what the event's `status` says.
    pub(crate) outcome: String,
    /// As it came.
    pub(crate) title: Option<String>,
    /// When it is.
    pub(crate) when: Option<When>,
    /// What is wrong with its time, in words.
    pub(crate) problem: Option<String>,
    /// Who comes.
    pub(crate) attendees: Vec<Attendee>,
    /// Where it is.
    pub(crate) location: Option<String>,
    /// Where people meet online.
    pub(crate) conference: Conference,
    /// What there is to say of it.
    pub(crate) description: Option<String>,
    /// Why it was made, moved or cancelled.
    pub(crate) reason: Option<String>,
}

/// Text for a note at a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DescriptionDraft {
    /// When the event happened.
    pub(crate) at: Millis,
    /// The person's object, whose schema decides whether the note is needed.
    pub(crate) of: String,
    /// The text.
    pub(crate) text: String,
}

/// Create a calendar event, or update the one that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CalendarPut {
    /// Which calendar; none: neither the connection nor the manifest names one.
    pub(crate) calendar: Option<String>,
    /// What the event says.
    pub(crate) appointment: AppointmentDraft,
    /// See [`Operation::own`].
    pub(crate) own: Vec<LocalKey>,
}

/// Cancel the calendar event that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CalendarCancel {
    /// Which calendar; none: neither the connection nor the manifest names one.
    pub(crate) calendar: Option<String>,
    /// Why.
    pub(crate) reason: Option<String>,
    /// See [`Operation::own`].
    pub(crate) own: Vec<LocalKey>,
}

/// Hand an event to a sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SinkDeliver {
    /// The sender's id of the event, so that a receiver can drop duplicates.
    pub(crate) id: String,
    /// `call.ended`
    pub(crate) kind: String,
    /// `call:call_abc123`
    pub(crate) subject: Option<String>,
    /// When it happened.
    pub(crate) time: Millis,
    /// The product's label of its customer.
    pub(crate) label: Option<String>,
    /// The event's data, an object.
    pub(crate) data: Value,
    /// The name of the first message about the subject.
    pub(crate) thread: Vec<LocalKey>,
}
