//! What an event says of an appointment: when, where, with whom.

use model::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event_view::{EventView, millis};
use super::text;

/// How long an appointment without an end takes, in milliseconds: half an hour.
const DEFAULT_LENGTH: i64 = 30 * 60_000;
/// The longest appointment in minutes that is believed: a week.
const MINUTES_MAX: i64 = 7 * 24 * 60;
/// Attendees beyond these are left out.
const ATTENDEES_MAX: usize = 100;

/// When an appointment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    /// From one instant to another.
    Timed {
        /// When it begins.
        start: Millis,
        /// When it ends; later than `start`.
        end: Millis,
        /// The IANA zone that a person meant.
        zone: Option<String>,
    },
    /// Whole days, `2026-11-24`, the last one included.
    AllDay {
        /// The first day.
        first: String,
        /// The last day.
        last: String,
    },
}

/// One who comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attendee {
    /// As it came, trimmed.
    pub(crate) name: Option<String>,
    /// As it came, trimmed.
    pub(crate) email: Option<String>,
    /// E.164 where it is one.
    pub(crate) phone: Option<String>,
}

/// Whether and how people meet online.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Conference {
    /// Nothing was said.
    #[default]
    None,
    /// The calendar's own: Meet, Teams.
    Native,
    /// This address.
    Link(String),
}

impl EventView<'_> {
    /// When the appointment is. None where the event does not say; an error, in words, where it says it badly.
    ///
    /// A time without an offset is read in `timeZone`. Without an end it takes `durationMinutes`, else half an hour.
    pub(crate) fn when(&self) -> Result<Option<When>, String> {
        let Some(start) =
            self.value(&["start", "startTime", "startAt", "startsAt", "scheduledAt", "appointment.start"])
        else {
            return Ok(None);
        };
        let end = self.value(&["end", "endTime", "endAt", "endsAt", "appointment.end"]);
        let named = self.first(&["timeZone", "timezone", "start.timeZone", "appointment.timeZone"]);
        if let Some(first) = day(start)? {
            let last = end.map(day).transpose()?.flatten().unwrap_or_else(|| first.clone());
            let last = if last < first { first.clone() } else { last };
            return Ok(Some(When::AllDay { first, last }));
        }
        let start = instant(start, named.as_deref())?;
        let end = match end {
            Some(end) => instant(end, named.as_deref())?,
            None => start.plus(self.minutes().map_or(DEFAULT_LENGTH, |m| m * 60_000)),
        };
        if end <= start {
            return Err(format!("the appointment ends at {end}, which is not after its start at {start}"));
        }
        Ok(Some(When::Timed { start, end, zone: named.as_deref().and_then(zone) }))
    }

    fn minutes(&self) -> Option<i64> {
        let minutes: i64 = self.first(&["durationMinutes", "appointment.durationMinutes"])?.parse().ok()?;
        (1..=MINUTES_MAX).contains(&minutes).then_some(minutes)
    }

    /// What the appointment is called, where the event says it.
    pub(crate) fn title(&self) -> Option<String> {
        self.first(&["title", "subject", "appointment.title"])
    }

    /// What there is to say of it.
    pub(crate) fn description(&self) -> Option<String> {
        self.first(&["description", "notes", "appointment.description"])
    }

    /// Where it is.
    pub(crate) fn location(&self) -> Option<String> {
        self.first(&["location.address", "location.name", "location", "appointment.location"])
    }

    /// Who comes: `attendee`, `attendees`, else the caller. At most 100.
    pub(crate) fn attendees(&self) -> Vec<Attendee> {
        let named: Vec<Attendee> = match (self.value(&["attendee"]), self.value(&["attendees"])) {
            (one, Some(Value::Array(more))) => one.into_iter().chain(more).filter_map(attendee).collect(),
            (one, more) => one.into_iter().chain(more).filter_map(attendee).collect(),
        };
        let mut unique: Vec<Attendee> = Vec::new();
        let caller = Attendee {
            name: self.alias("callerName"),
            email: self.alias("callerEmail"),
            phone: self.caller_phone(),
        };
        let caller = (named.is_empty() && caller != Attendee::default()).then_some(caller);
        for one in named.into_iter().chain(caller) {
            let known = unique.iter().any(|u| u == &one || (u.email.is_some() && u.email == one.email));
            if !known && unique.len() < ATTENDEES_MAX {
                unique.push(one);
            }
        }
        unique
    }

    /// `conference: true`, a kind such as `"meet"`, or the address of a room.
    pub(crate) fn conference(&self) -> Conference {
        let link = self.first(&["conference.joinUrl", "conference.url", "meetingUrl", "joinUrl"]);
        if let Some(url) = link.filter(|u| u.starts_with("https://")) {
            return Conference::Link(url);
        }
        match self.value(&["conference"]) {
            Some(Value::String(s)) if s.starts_with("https://") => Conference::Link(s.trim().to_owned()),
            Some(Value::String(s))
                if !matches!(s.trim().to_lowercase().as_str(), "" | "none" | "false" | "no") =>
            {
                Conference::Native
            }
            Some(Value::Bool(true) | Value::Object(_)) => Conference::Native,
            _ => Conference::None,
        }
    }
}

fn attendee(value: &Value) -> Option<Attendee> {
    let one = match value {
        Value::String(s) => Attendee { email: Some(s.trim().to_owned()), ..Attendee::default() },
        Value::Object(o) => {
            let member = |names: &[&str]| names.iter().find_map(|n| o.get(*n).and_then(text::of));
            Attendee {
                name: member(&["name", "displayName"]),
                email: member(&["email"]),
                phone: member(&["phone", "phoneNumber"]).map(|p| text::phone(&p)),
            }
        }
        _ => return None,
    };
    (one != Attendee::default() && one.email.as_deref() != Some("")).then_some(one)
}

/// The text of a time: itself, or `dateTime` or `date` of an object as calendars write it.
fn time_text(value: &Value) -> Option<&str> {
    let inner = value.get("dateTime").or_else(|| value.get("date")).unwrap_or(value);
    inner.as_str().map(str::trim)
}

/// A whole day, where the text is one.
fn day(value: &Value) -> Result<Option<String>, String> {
    match time_text(value) {
        Some(text) if text.len() == 10 && text.is_ascii() && !text.chars().all(|c| c.is_ascii_digit()) => {
            text.parse::<jiff::civil::Date>()
                .map(|d| Some(d.to_string()))
                .map_err(|_| format!("`{text}` is no day of the calendar, such as 2026-11-24"))
        }
        _ => Ok(None),
    }
}

/// The zone by the name that IANA gives it. Another (`local`, a misspelt city) would cost the booking at the provider; the
/// instant holds without it.
fn zone(name: &str) -> Option<String> {
    let known = jiff::tz::TimeZone::get(name).ok()?;
    known.iana_name().filter(|n| n.contains('/') || *n == "UTC").map(str::to_owned)
}

fn instant(value: &Value, zone: Option<&str>) -> Result<Millis, String> {
    if let Some(at) = millis(value) {
        return Ok(at);
    }
    let shown = text::of(value).unwrap_or_default();
    let text = time_text(value).unwrap_or(&shown);
    if let Ok(at) = Millis::parse(text) {
        return Ok(at);
    }
    let shown = model::cut(text, 64);
    let civil: jiff::civil::DateTime = text.parse().map_err(|_| {
        format!("`{shown}` is no time; write it with an offset, such as 2026-11-24T15:00:00-05:00")
    })?;
    let zone =
        zone.ok_or_else(|| format!("`{shown}` has no offset and the event has no `timeZone`; give either"))?;
    let named = jiff::tz::TimeZone::get(zone).map_err(|_| {
        format!(
            "`{shown}` has no offset and `{}` is no time zone known here; give an offset",
            model::cut(zone, 64)
        )
    })?;
    let zoned = civil.to_zoned(named).map_err(|_| format!("`{shown}` is outside the calendar"))?;
    Ok(Millis(zoned.timestamp().as_millisecond()))
}
