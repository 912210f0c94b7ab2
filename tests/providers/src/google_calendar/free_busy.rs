//! When calendars are taken.

use super::account::{Account, Calendar};
use super::errors::{Trouble, good};
use super::event::Event;
use super::recurrence;
use super::routes::{Answer, body};
use super::times::{instant, written, zone};
use crate::Call;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::time::Duration;

const CALENDARS: usize = 50;
const SCOPES: [&str; 5] = [
    "calendar.freebusy",
    "calendar.events.freebusy",
    "calendar.events",
    "calendar.readonly",
    "calendar.events.readonly",
];

type Span = (Timestamp, Timestamp);

impl Account {
    pub(super) fn free_busy(&mut self, call: &Call) -> Answer {
        self.allowed(call, &SCOPES)?;
        let body = body(call)?;
        let at = |name: &str| {
            let text = body.get(name).and_then(Value::as_str);
            let missing = || Trouble::bad("required", format!("Missing {name}.")).at("parameter", name);
            text.ok_or_else(missing).and_then(|text| instant(text, name))
        };
        let (from, to) = (at("timeMin")?, at("timeMax")?);
        if to <= from {
            let trouble = Trouble::bad("timeRangeEmpty", "The specified time range is empty.");
            return Err(trouble.at("parameter", "timeMax"));
        }
        if Duration::try_from(to.duration_since(from)).is_ok_and(|span| span > self.config.free_busy_span) {
            let trouble = Trouble::bad("timeRangeTooLong", "The requested time range is too long.");
            return Err(trouble.at("parameter", "timeMax"));
        }
        let name = body.get("timeZone").and_then(Value::as_str).unwrap_or("UTC");
        let shown =
            zone(name).ok_or_else(|| Trouble::invalid("Invalid time zone.").at("parameter", "timeZone"))?;
        let items: Vec<&Value> = body.get("items").and_then(Value::as_array).into_iter().flatten().collect();
        let most = body.get("calendarExpansionMax").and_then(Value::as_u64).unwrap_or(CALENDARS as u64);
        if items.len() > CALENDARS.min(usize::try_from(most).unwrap_or(CALENDARS)) {
            let message = "Too many calendars were requested.";
            return Err(Trouble::bad("tooManyCalendarsRequested", message));
        }
        let mut calendars = Map::new();
        for item in items {
            let id = item["id"].as_str().ok_or_else(|| Trouble::bad("required", "Missing item id."))?;
            let told = match self.calendar(id) {
                Ok(calendar) => self.busy(calendar, (from, to), &shown),
                Err(_) => json!({"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}),
            };
            calendars.insert(id.to_owned(), told);
        }
        Ok(good(&json!({
            "kind": "calendar#freeBusy",
            "timeMin": format!("{from:.3}"),
            "timeMax": format!("{to:.3}"),
            "calendars": calendars,
        })))
    }

    fn busy(&self, calendar: &Calendar, (from, to): Span, shown: &TimeZone) -> Value {
        let zone = calendar.zone();
        let counts = |event: &&Event| {
            !event.is_cancelled()
                && event.text("transparency") != Some("transparent")
                && !self.declined(event)
        };
        let mut spans: Vec<Span> = calendar
            .events
            .values()
            .filter(counts)
            .flat_map(|event| recurrence::occurrences(event, &zone, Some(to)))
            .filter(|(start, end)| *end > from && *start < to)
            .map(|(start, end)| (start.max(from), end.min(to)))
            .collect();
        spans.sort_unstable();
        let rows = merged(spans).into_iter();
        let rows: Vec<Value> = rows
            .map(|(start, end)| json!({"start": written(start, shown), "end": written(end, shown)}))
            .collect();
        json!({"busy": rows})
    }

    /// Whether the user said no to an event.
    fn declined(&self, event: &Event) -> bool {
        let guests = event.body.get("attendees").and_then(Value::as_array).into_iter().flatten();
        guests
            .into_iter()
            .any(|guest| guest["email"] == *self.config.user && guest["responseStatus"] == "declined")
    }
}

/// Spans in order, those that touch made one.
fn merged(spans: Vec<Span>) -> Vec<Span> {
    let mut all: Vec<Span> = Vec::new();
    for (start, end) in spans {
        match all.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => all.push((start, end)),
        }
    }
    all
}
