//! Lists of events: by time, or by what has changed since the last one.

use super::account::{Account, Calendar};
use super::errors::{Trouble, good};
use super::event::{Event, etag};
use super::recurrence;
use super::routes::{Answer, flag, size, word};
use super::times::{instant, written};
use super::tokens::{PageToken, SyncToken};
use crate::Call;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What cannot go with a sync token.
const WHOLE_ONLY: [&str; 8] = [
    "timeMin",
    "timeMax",
    "updatedMin",
    "q",
    "orderBy",
    "iCalUID",
    "privateExtendedProperty",
    "sharedExtendedProperty",
];

/// What a list with such a parameter cannot be continued from.
const NO_TOKEN: [&str; 6] =
    ["updatedMin", "q", "orderBy", "iCalUID", "privateExtendedProperty", "sharedExtendedProperty"];

const SCOPES: [&str; 4] =
    ["calendar.events", "calendar.events.owned", "calendar.events.readonly", "calendar.readonly"];
const TYPES: [&str; 6] = ["birthday", "default", "focusTime", "fromGmail", "outOfOffice", "workingLocation"];

/// What is wanted of a list.
struct Wanted {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    updated: Option<Timestamp>,
    single: bool,
    deleted: bool,
    order: Option<String>,
    types: Vec<String>,
    text: String,
    private: Vec<(String, String)>,
    shared: Vec<(String, String)>,
    uid: Option<String>,
    changed_after: Option<u64>,
}

/// One row: an event, or one of its occurrences.
struct Row {
    start: Timestamp,
    updated: Timestamp,
    told: Value,
}

impl Account {
    pub(super) fn list(&mut self, call: &Call, id: &str) -> Answer {
        self.allowed(call, &SCOPES)?;
        let calendar = self.calendar(id)?;
        let mut wanted = Wanted::read(call)?;
        if let Some(text) = call.query("syncToken") {
            if let Some(name) = WHOLE_ONLY.iter().find(|name| call.query(name).is_some()) {
                let message = format!("Sync token cannot be used with {name}.");
                return Err(Trouble::bad("badRequest", message).at("parameter", "syncToken"));
            }
            let token = SyncToken::read(text)?;
            if token.epoch != self.epoch || token.single != wanted.single {
                let message = "Sync token is no longer valid, a full sync is required.";
                return Err(Trouble::gone("fullSyncRequired", message).at("parameter", "syncToken"));
            }
            wanted.changed_after = Some(token.seen);
        }
        let most = size(call, "maxResults", 250, 2500)?;
        let page = call.query("pageToken").map(PageToken::read).transpose()?;
        let page = page.unwrap_or(PageToken { offset: 0, seen: self.revision });
        let rows = wanted.rows(calendar);
        let total = rows.len();
        let items: Vec<Value> = rows.into_iter().skip(page.offset).take(most).map(|row| row.told).collect();
        let end = page.offset + items.len();
        let mut answer = json!({
            "kind": "calendar#events",
            "etag": etag(self.revision),
            "summary": calendar.summary,
            "updated": format!("{:.3}", call.now),
            "timeZone": calendar.time_zone,
            "accessRole": calendar.access,
            "defaultReminders": [{"method": "popup", "minutes": 30}],
            "items": items,
        });
        if end < total {
            answer["nextPageToken"] = PageToken { offset: end, seen: page.seen }.write().into();
        } else if !NO_TOKEN.iter().any(|name| call.query(name).is_some()) {
            let token = SyncToken { seen: page.seen, epoch: self.epoch, single: wanted.single };
            answer["nextSyncToken"] = token.write().into();
        }
        Ok(good(&answer))
    }
}

impl Wanted {
    fn read(call: &Call) -> Result<Self, Trouble> {
        let at = |name: &str| call.query(name).map(|text| instant(text, name)).transpose();
        let wanted = Self {
            from: at("timeMin")?,
            to: at("timeMax")?,
            updated: at("updatedMin")?,
            single: flag(call, "singleEvents")?,
            deleted: flag(call, "showDeleted")?,
            order: word(call, "orderBy", &["startTime", "updated"])?.map(str::to_owned),
            types: call.query_all("eventTypes").map(str::to_owned).collect(),
            text: call.query("q").unwrap_or_default().to_lowercase(),
            private: pairs(call, "privateExtendedProperty")?,
            shared: pairs(call, "sharedExtendedProperty")?,
            uid: call.query("iCalUID").map(str::to_owned),
            changed_after: None,
        };
        if wanted.order.as_deref() == Some("startTime") && !wanted.single {
            let message = "The requested ordering is not available for the particular query.";
            return Err(Trouble::bad("badRequest", message).at("parameter", "orderBy"));
        }
        if let Some(other) = wanted.types.iter().find(|one| !TYPES.contains(&one.as_str())) {
            let message = format!("Invalid string value: '{other}'.");
            return Err(Trouble::bad("invalidParameter", message).at("parameter", "eventTypes"));
        }
        match (wanted.from, wanted.to) {
            (Some(from), Some(to)) if to <= from => {
                let trouble = Trouble::bad("timeRangeEmpty", "The specified time range is empty.");
                Err(trouble.at("parameter", "timeMax"))
            }
            _ => Ok(wanted),
        }
    }

    fn rows(&self, calendar: &Calendar) -> Vec<Row> {
        let mut rows: Vec<Row> = calendar
            .events
            .values()
            .filter(|event| self.fits(event))
            .flat_map(|event| self.row(event, calendar))
            .collect();
        match self.order.as_deref() {
            Some("startTime") => rows.sort_by_key(|row| row.start),
            Some(_) => rows.sort_by_key(|row| row.updated),
            None => {}
        }
        rows
    }

    fn fits(&self, event: &Event) -> bool {
        if let Some(seen) = self.changed_after {
            return event.revision > seen;
        }
        let has = |which: &str, pairs: &[(String, String)]| {
            pairs.iter().all(|(name, value)| event.extended(which, name) == Some(value))
        };
        let kind = event.text("eventType").unwrap_or("default");
        let words = ["summary", "description", "location"];
        let mentioned = || {
            words
                .iter()
                .any(|name| event.text(name).is_some_and(|text| text.to_lowercase().contains(&self.text)))
        };
        (self.deleted || !event.is_cancelled())
            && self.updated.is_none_or(|since| event.updated >= since)
            && (self.types.is_empty() || self.types.iter().any(|one| one == kind))
            && self.uid.as_ref().is_none_or(|uid| *uid == format!("{}@google.com", event.id))
            && has("private", &self.private)
            && has("shared", &self.shared)
            && (self.text.is_empty() || mentioned())
    }

    fn row(&self, event: &Event, calendar: &Calendar) -> Vec<Row> {
        let zone = calendar.zone();
        let Some((start, end)) = event.span(&zone) else { return vec![] };
        let updated = event.updated;
        if event.is_cancelled() {
            return vec![Row { start, updated, told: event.render_gone() }];
        }
        let within = |start: Timestamp, end: Timestamp| {
            self.from.is_none_or(|from| end > from) && self.to.is_none_or(|to| start < to)
        };
        let recurring = event.body.contains_key("recurrence");
        if !recurring {
            let told = event.render(calendar);
            return if within(start, end) { vec![Row { start, updated, told }] } else { vec![] };
        }
        let times = recurrence::occurrences(event, &zone, self.to);
        let times = times.into_iter().filter(|(start, end)| within(*start, *end));
        if !self.single {
            let any = times.take(1).map(|_| Row { start, updated, told: event.render(calendar) });
            return any.collect();
        }
        times
            .map(|(start, end)| Row { start, updated, told: occurrence(event, calendar, start, end) })
            .collect()
    }
}

/// One occurrence of a recurring event, as an event of its own.
fn occurrence(event: &Event, calendar: &Calendar, start: Timestamp, end: Timestamp) -> Value {
    let zone = calendar.zone();
    let day = event.body.get("start").is_some_and(|start| start.get("date").is_some());
    let point = |at: Timestamp| {
        if day {
            return json!({"date": at.to_zoned(zone.clone()).date().to_string()});
        }
        json!({"dateTime": written(at, &zone), "timeZone": event.body["start"]["timeZone"]})
    };
    let name = if day { "%Y%m%d" } else { "%Y%m%dT%H%M%SZ" };
    let zoned = if day { start.to_zoned(zone.clone()) } else { start.to_zoned(jiff::tz::TimeZone::UTC) };
    let mut told = event.render(calendar);
    told["id"] = format!("{}_{}", event.id, zoned.strftime(name)).into();
    told["start"] = point(start);
    told["end"] = point(end);
    told["originalStartTime"] = point(start);
    told["recurringEventId"] = event.id.clone().into();
    if let Some(members) = told.as_object_mut() {
        members.remove("recurrence");
    }
    told
}

fn pairs(call: &Call, name: &str) -> Result<Vec<(String, String)>, Trouble> {
    let split = |text: &str| {
        let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        pair.ok_or_else(|| Trouble::bad("invalid", "Invalid value.").at("parameter", name))
    };
    call.query_all(name).map(split).collect()
}
