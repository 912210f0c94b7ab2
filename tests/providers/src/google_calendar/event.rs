//! One event, as it is kept and as it is told.

use super::account::Calendar;
use super::conference::Meet;
use super::times::Point;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// What its maker wrote: `summary`, `start`, `attendees` …
    pub body: Map<String, Value>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// The number of its last change, of which its entity tag is made.
    pub revision: u64,
    /// How often guests had to be told of a new time.
    pub sequence: u64,
    pub(super) meet: Option<Meet>,
}

impl Event {
    /// Whether it was deleted or called off.
    pub fn is_cancelled(&self) -> bool {
        self.text("status") == Some("cancelled")
    }

    /// A member that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// The guests' addresses.
    pub fn guests(&self) -> Vec<String> {
        let guests = self.body.get("attendees").and_then(Value::as_array).into_iter().flatten();
        guests.filter_map(|guest| guest["email"].as_str()).map(str::to_owned).collect()
    }

    /// The entity tag.
    pub fn etag(&self) -> String {
        etag(self.revision)
    }

    /// Start and end.
    pub(super) fn span(&self, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let start = Point::read(self.body.get("start"), "start").ok()?;
        let end = Point::read(self.body.get("end"), "end").ok()?;
        Some((start.at(zone), end.at(zone)))
    }

    /// A private (or shared) property of the maker's program.
    pub(super) fn extended(&self, which: &str, name: &str) -> Option<&str> {
        self.body.get("extendedProperties")?.get(which)?.get(name)?.as_str()
    }

    pub(super) fn render(&self, calendar: &Calendar) -> Value {
        let person = json!({"email": calendar.id, "self": true});
        let mut told = json!({
            "kind": "calendar#event",
            "etag": self.etag(),
            "id": self.id,
            "status": "confirmed",
            "htmlLink": format!("https://www.google.com/calendar/event?eid={}", self.id),
            "created": format!("{:.0}", self.created),
            "updated": format!("{:.3}", self.updated),
            "creator": person,
            "organizer": person,
            "iCalUID": format!("{}@google.com", self.id),
            "sequence": self.sequence,
            "reminders": {"useDefault": true},
            "eventType": "default",
        });
        for (name, value) in &self.body {
            told[name] = value.clone();
        }
        if let Some(meet) = &self.meet {
            told["conferenceData"] = meet.render();
            if let Some(link) = meet.link() {
                told["hangoutLink"] = link.into();
            }
        }
        told
    }

    /// What is told of an event that is gone.
    pub(super) fn render_gone(&self) -> Value {
        json!({"kind": "calendar#event", "etag": self.etag(), "id": self.id, "status": "cancelled"})
    }
}

pub(super) fn etag(revision: u64) -> String {
    format!("\"{}\"", 3_400_000_000_000_000_u64 + 2 * revision)
}
