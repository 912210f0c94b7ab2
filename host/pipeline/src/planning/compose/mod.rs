//! From a planned operation to what is said to the connector: the typed values of the contract, with the links, the
//! schema and the op-key filled in.

use sandbox::v0_1::crm::{MatchKey, Op as CrmOp};
use sandbox::v0_1::{calendar, crm, sink};
use store::{Link, LocalKey};

use super::mapping::MappingError;
use super::operation::{Operation, SinkDeliver};
use super::schema::Schema;

mod calendars;
mod calls;
mod meetings;
mod people;
mod records;

pub(crate) use records::object_type;

/// What is known when an operation is performed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Known<'a> {
    /// Links under [`Operation::own`]; those without a remote id are ignored.
    pub(crate) own: &'a [Link],
    /// Links under [`Operation::person`]; those without a remote id are ignored.
    pub(crate) person: &'a [Link],
    /// The schema of [`Operation::described_object`]; none where the connector describes nothing.
    pub(crate) schema: Option<&'a Schema>,
    /// Operations performed on the same record before, oldest first. What an update does not say is taken from them, so
    /// that a short event does not wipe out a long one; without them the update replaces what it names.
    pub(crate) earlier: &'a [Operation],
}

/// What to call, with the one op of this operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    /// `crm/write.apply`
    Crm(Vec<crm::Op>),
    /// `calendar/write.apply`
    Calendar(Vec<calendar::Op>),
    /// `automation/sink.deliver`
    Sink(Vec<sink::Event>),
    /// Nothing: the operation is done, and this is why.
    Skip(String),
}

impl Call {
    /// Whether the call changes a record that exists: repeated, it makes no second one.
    pub(crate) fn names_a_record(&self) -> bool {
        match self {
            Self::Crm(ops) => ops.iter().all(|op| match op {
                CrmOp::Upsert(u) => matches!(u.match_on.first(), Some(MatchKey::Id(_))),
                _ => true,
            }),
            Self::Calendar(ops) => ops.iter().all(|op| !matches!(op, calendar::Op::Create(_))),
            Self::Sink(_) => false,
            Self::Skip(_) => true,
        }
    }
}

/// The operation cannot be said to this connector. No retry can help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ComposeError {
    /// The mapping does not fit the object.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The event says something that cannot be.
    #[error("{0}")]
    Event(String),
    /// Nobody said which calendar.
    #[error("no calendar is named: set `calendarId` in the connection's settings")]
    NoCalendar,
    /// A description has nobody to hang on.
    #[error(
        "the note has no person: the operation that writes the lead gave no record; see that one, then retry"
    )]
    NoPerson,
    /// The manifest's `[sync]` names an object that the noun cannot become.
    #[error("the connector's manifest makes {noun} a `{object}`, which it cannot be; it can be: {can_be}")]
    Object {
        /// `a call`
        noun: &'static str,
        /// What the manifest says.
        object: String,
        /// What it may say.
        can_be: &'static str,
    },
}

impl ComposeError {
    /// A stable word for the API.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Mapping(e) => e.code(),
            Self::Event(_) => "invalid_event",
            Self::NoCalendar => "calendar_not_set",
            Self::NoPerson => "person_unknown",
            Self::Object { .. } => "sync_object_unsupported",
        }
    }
}

/// What to say to the connector for `operation`.
///
/// # Errors
/// When the mapping does not fit the schema, the event says something impossible, or something is not configured.
pub(crate) fn compose(operation: &Operation, op_key: &str, known: &Known<'_>) -> Result<Call, ComposeError> {
    match operation {
        Operation::CrmUpsert(op) => records::upsert(op, op_key, known),
        Operation::CalendarPut(op) => calendars::put(op, op_key, known),
        Operation::CalendarCancel(op) => calendars::cancel(op, op_key, known),
        Operation::SinkDeliver(op) => Ok(Call::Sink(vec![message(op, known)])),
    }
}

fn message(op: &SinkDeliver, known: &Known<'_>) -> sink::Event {
    sink::Event {
        id: op.id.clone(),
        kind: op.kind.clone(),
        subject: op.subject.clone(),
        parent: best(&op.thread, known.own, "message").and_then(|l| l.remote_id.clone()),
        time: op.time.rfc3339(),
        label: op.label.clone(),
        data: op.data.to_string(),
    }
}

/// The link under the best of `keys` that has a remote id. `object`: only links to such records count, so that a manifest
/// that now makes calls tasks does not update an old activity as one; blank: any.
fn best<'a>(keys: &[LocalKey], links: &'a [Link], object: &str) -> Option<&'a Link> {
    let usable = |l: &&Link| l.remote_id.is_some() && (object.is_empty() || l.object == object);
    keys.iter().find_map(|key| links.iter().filter(usable).find(|l| l.local == *key))
}

#[cfg(test)]
#[path = "../tests/compose.rs"]
mod tests;
