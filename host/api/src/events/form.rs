//! What a posted event looks like, in both of its forms.

use std::io;

use model::Millis;
use serde::Serialize;
use serde_json::{Map, Value};
use store::NewEvent;
use utoipa::ToSchema;

use crate::fields::{Errors, Fields, is_line};
use crate::problem::Code;

/// Events in one request at most.
pub(crate) const MOST_EVENTS: usize = 1_000;
/// Characters of an event's name, its id, and the product's label, at most.
const LONGEST_NAME: usize = 100;
const LONGEST_ID: usize = 128;
const LONGEST_LABEL: usize = 128;
/// Bytes of one event's data, written as compact JSON, at most.
const LARGEST_DATA: usize = 1 << 20;

/// An event as a product sends it. Any other member belongs to the flat form: it is data, and is never an error. Where a
/// member is both in `data` and beside it, `data` wins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NewEvent)]
pub(crate) struct EventForm {
    /// What happened.
    #[schema(pattern = "^[a-z0-9._-]{1,100}$", example = "lead.captured")]
    event: String,
    /// The sender's id, without control characters. A second event of the same id is acknowledged and has no effect.
    /// Without one, the host makes one.
    #[schema(min_length = 1, max_length = 128)]
    id: Option<String>,
    /// When it happened, RFC 3339 with an offset; otherwise when it was received.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
    /// The product's own label, kept and given back. Whose event it is, the key decides.
    #[schema(max_length = 128)]
    organization_id: Option<String>,
    /// What is known of it; 1 MiB at most.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
}

/// One event, or 1 to 1,000 of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = NewEvents)]
#[expect(dead_code, reason = "the form is read member by member; this is its description")]
pub(crate) enum EventsForm {
    /// One.
    One(EventForm),
    /// Taken whole or refused whole.
    Many(Vec<EventForm>),
}

/// Reads one event or a list; `None` where something is wrong.
pub(crate) fn events(body: Value, errors: &mut Errors) -> Option<Vec<NewEvent>> {
    match body {
        Value::Array(list) if list.is_empty() => {
            errors.add("", Code::EmptyBatch, "The list of events is empty; send at least one.");
            None
        }
        Value::Array(list) if list.len() > MOST_EVENTS => {
            let message = format!("{} events in one request; send at most {MOST_EVENTS}.", list.len());
            errors.add("", Code::BatchTooLarge, message);
            None
        }
        Value::Array(list) => {
            let mut read = Vec::with_capacity(list.len());
            for (i, value) in list.into_iter().enumerate() {
                read.extend(event(value, &format!("[{i}]"), errors));
            }
            Some(read)
        }
        one => event(one, "", errors).map(|e| vec![e]),
    }
}

fn event(value: Value, at: &str, errors: &mut Errors) -> Option<NewEvent> {
    let mut f = Fields::open(value, at, errors)?;
    let kind = f.required_text("event");
    if kind.as_deref().is_some_and(|k| !is_name(k)) {
        let message = "must be 1 to 100 of a-z, 0-9, `.`, `_` and `-`, such as `lead.captured`.";
        f.wrong("event", Code::InvalidEventName, message);
    }
    let source_id = f.text("id");
    if source_id.as_deref().is_some_and(|id| !is_line(id, LONGEST_ID)) {
        let message =
            "must be 1 to 128 characters without control characters; leave it out and the host makes one.";
        f.wrong("id", Code::InvalidEventId, message);
    }
    let occurred_at = f.text("timestamp").and_then(|text| match Millis::parse(&text) {
        Ok(at) => Some(at),
        Err(_) => {
            let message = "must be RFC 3339 with an offset, such as 2026-11-24T15:00:00-05:00.";
            f.wrong("timestamp", Code::InvalidTimestamp, message);
            None
        }
    });
    let label = f.text("organizationId");
    if label.as_deref().is_some_and(|l| l.chars().count() > LONGEST_LABEL) {
        f.wrong("organizationId", Code::InvalidValue, "must be at most 128 characters.");
    }
    let data = f.object("data").unwrap_or_default();
    let data_path = f.path("data");
    let mut whole = f.rest();
    whole.extend(data);
    let data = Value::Object(whole);
    if size(&data) > LARGEST_DATA {
        errors.add(data_path, Code::DataTooLarge, "is larger than 1 MiB; send a link to what is large.");
    }
    Some(NewEvent { source_id, kind: kind?, occurred_at, label, data })
}

/// `[a-z0-9._-]{1,100}`
fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

/// How long a value is as compact JSON, without writing it anywhere.
fn size(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // A value of ours has text for keys and a writer that takes everything: nothing can fail.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: Value) -> Result<Vec<NewEvent>, crate::Problem> {
        let mut errors = Errors::default();
        let read = events(body, &mut errors);
        errors.or(read)
    }

    #[test]
    fn the_flat_form_and_the_nested_form_say_the_same() {
        let flat = read(json!({"event": "call.ended", "callId": "c1", "durationSeconds": 247})).unwrap();
        let nested =
            read(json!({"event": "call.ended", "data": {"callId": "c1", "durationSeconds": 247}})).unwrap();
        assert_eq!(flat[0].data, nested[0].data);
        assert_eq!(flat[0].kind, "call.ended");
    }

    #[test]
    fn data_wins_over_a_flat_member_of_the_same_name() {
        let e = read(json!({"event": "x", "a": 1, "b": 2, "data": {"a": 3}})).unwrap().remove(0);
        assert_eq!(e.data, json!({"a": 3, "b": 2}));
    }

    #[test]
    fn a_list_says_which_event_is_wrong_and_where() {
        let ok = json!({"event": "a"});
        let p = read(json!([ok, {"event": "A b"}, {"id": 7}, "x", {"event": "a", "timestamp": "today"}]))
            .unwrap_err();
        let said: Vec<_> = p.errors.iter().map(|e| (e.path.as_str(), e.code)).collect();
        assert_eq!(
            said,
            [
                ("[1].event", Code::InvalidEventName),
                ("[2].event", Code::MissingMember),
                ("[2].id", Code::WrongType),
                ("[3]", Code::WrongType),
                ("[4].timestamp", Code::InvalidTimestamp),
            ]
        );
    }

    #[test]
    fn the_bounds_of_a_batch_and_of_data_are_held() {
        assert_eq!(read(json!([])).unwrap_err().code, Code::EmptyBatch);
        let many = vec![json!({"event": "a"}); MOST_EVENTS + 1];
        assert_eq!(read(Value::Array(many)).unwrap_err().code, Code::BatchTooLarge);
        let p = read(json!({"event": "a", "data": {"x": "y".repeat(LARGEST_DATA)}})).unwrap_err();
        assert_eq!((p.code, p.errors[0].path.as_str()), (Code::DataTooLarge, "data"));
        for id in ["", "a\nb", &"x".repeat(129)] {
            assert_eq!(read(json!({"event": "a", "id": id})).unwrap_err().code, Code::InvalidEventId);
        }
        assert!(read(json!({"event": "a", "id": "é".repeat(128)})).is_ok());
    }
}
