//! Sinks: every event that they asked for, in order per subject.

use serde_json::Value;
use store::LocalKey;

use super::{Planned, Target};
use crate::planning::event_view::EventView;
use crate::planning::operation::{Operation, SinkDeliver};

/// The event as a message, if the sink asked for it.
pub(super) fn plan(target: &Target<'_>, view: &EventView<'_>) -> Option<Planned> {
    let event = view.event();
    if !asked(target, &event.kind) {
        return None;
    }
    let subject = view.subject();
    let thread: Vec<LocalKey> =
        subject.iter().map(|s| LocalKey { role: "thread".to_owned(), key: s.clone() }).collect();
    let deliver = SinkDeliver {
        id: event.source_id.clone(),
        kind: event.kind.clone(),
        subject,
        time: event.occurred_at,
        label: event.label.clone(),
        data: event.data.clone(),
        thread: thread.clone(),
    };
    Some(Planned {
        name: "automation/sink.deliver".to_owned(),
        op: Operation::SinkDeliver(deliver),
        object: "message".to_owned(),
        provides: thread,
        needs: Vec::new(),
    })
}

/// The connection's `events` setting, a list or text with commas, goes before the manifest's `[sink]`.
fn asked(target: &Target<'_>, kind: &str) -> bool {
    let matches = |pattern: &str| manifest::event_matches(pattern.trim(), kind);
    match target.connection.settings.get("events") {
        Some(Value::Array(patterns)) => patterns.iter().filter_map(Value::as_str).any(matches),
        Some(Value::String(patterns)) => patterns.split(',').any(matches),
        _ => target.manifest.sink.iter().flat_map(|s| &s.events).any(|p| matches(p)),
    }
}
