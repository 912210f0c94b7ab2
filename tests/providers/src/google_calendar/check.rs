//! What an event may look like.

use super::errors::Trouble;
use super::times::Point;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

/// The members that a caller may write and that are kept as written.
const WRITABLE: [&str; 22] = [
    "anyoneCanAddSelf",
    "attachments",
    "attendees",
    "colorId",
    "description",
    "end",
    "eventType",
    "extendedProperties",
    "focusTimeProperties",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "location",
    "outOfOfficeProperties",
    "recurrence",
    "reminders",
    "source",
    "start",
    "status",
    "summary",
    "transparency",
    "visibility",
];

const ENUMS: [(&str, &[&str]); 4] = [
    ("status", &["confirmed", "tentative", "cancelled"]),
    ("transparency", &["opaque", "transparent"]),
    ("visibility", &["default", "public", "private", "confidential"]),
    ("eventType", &["birthday", "default", "focusTime", "fromGmail", "outOfOffice", "workingLocation"]),
];

const TEXTS: [&str; 4] = ["summary", "description", "location", "colorId"];
const RESPONSES: [&str; 4] = ["needsAction", "declined", "tentative", "accepted"];
const GUESTS: usize = 200;

/// The members that are kept; whatever only the vendor writes is passed over, as it passes it over.
pub(super) fn writable(body: &Map<String, Value>) -> Map<String, Value> {
    let kept = body.iter().filter(|(name, _)| WRITABLE.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Checks a whole event and fills in what the vendor fills in.
pub(super) fn event(body: &mut Map<String, Value>, zone: &TimeZone) -> Result<(), Trouble> {
    body.retain(|_, value| !value.is_null());
    let start = Point::read(body.get("start"), "start")?;
    let end = Point::read(body.get("end"), "end")?;
    if start.is_day() != end.is_day() {
        let message = "Start and end times must either both be date or both be dateTime.";
        return Err(Trouble::invalid(message));
    }
    let (from, to) = (start.at(zone), end.at(zone));
    if to < from || (start.is_day() && to == from) {
        return Err(
            Trouble::bad("timeRangeEmpty", "The specified time range is empty.").at("parameter", "timeMax")
        );
    }
    for (name, allowed) in ENUMS {
        if body.get(name).is_some_and(|value| !value.as_str().is_some_and(|text| allowed.contains(&text))) {
            return Err(Trouble::invalid(format!("Invalid value for: {name}")));
        }
    }
    for name in TEXTS {
        if body.get(name).is_some_and(|value| !value.is_string()) {
            return Err(Trouble::bad("parseError", "Parse Error"));
        }
    }
    if body.contains_key("recurrence") && body["start"]["timeZone"].is_null() && !start.is_day() {
        return Err(Trouble::bad("required", "Missing time zone definition for start time."));
    }
    attendees(body)?;
    reminders(body)?;
    extended(body)
}

fn attendees(body: &mut Map<String, Value>) -> Result<(), Trouble> {
    let Some(guests) = body.get_mut("attendees") else { return Ok(()) };
    let guests = guests.as_array_mut().ok_or_else(|| Trouble::bad("parseError", "Parse Error"))?;
    if guests.len() > GUESTS {
        return Err(Trouble::invalid("Too many attendees."));
    }
    for guest in guests {
        let guest = guest.as_object_mut().ok_or_else(|| Trouble::bad("parseError", "Parse Error"))?;
        let email = guest.get("email").and_then(Value::as_str).unwrap_or_default();
        let good = email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !email.contains(char::is_whitespace)
        });
        if !good {
            return Err(Trouble::invalid("Invalid attendee email."));
        }
        let response = guest.entry("responseStatus").or_insert_with(|| "needsAction".into());
        if !response.as_str().is_some_and(|text| RESPONSES.contains(&text)) {
            return Err(Trouble::invalid("Invalid value for: responseStatus"));
        }
    }
    Ok(())
}

fn reminders(body: &Map<String, Value>) -> Result<(), Trouble> {
    let Some(reminders) = body.get("reminders") else { return Ok(()) };
    let overrides: Vec<&Value> = reminders["overrides"].as_array().into_iter().flatten().collect();
    if !overrides.is_empty() && reminders["useDefault"] == true {
        let message = "Cannot specify both default reminders and overrides at the same time.";
        return Err(Trouble::bad("cannotUseDefaultRemindersAndSpecifyOverride", message));
    }
    let good = |one: &&Value| {
        let method = one["method"] == "email" || one["method"] == "popup";
        method && one["minutes"].as_u64().is_some_and(|minutes| minutes <= 40_320)
    };
    if overrides.len() > 5 || !overrides.iter().all(good) {
        return Err(Trouble::invalid("Invalid reminder override."));
    }
    Ok(())
}

fn extended(body: &Map<String, Value>) -> Result<(), Trouble> {
    let Some(extended) = body.get("extendedProperties") else { return Ok(()) };
    for which in ["private", "shared"] {
        for (name, value) in extended[which].as_object().into_iter().flatten() {
            if !value.is_string() {
                return Err(Trouble::bad("parseError", "Parse Error"));
            }
            let length = value.as_str().map_or(0, |text| text.chars().count());
            if name.chars().count() > 44 || length > 1024 {
                return Err(Trouble::invalid("Extended property key or value is too long."));
            }
        }
    }
    Ok(())
}

/// Lays a partial event over a whole one: objects are merged, lists replaced, `null` removes.
pub(super) fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                into.remove(name);
            }
            Value::Object(patch) => {
                let inner = into.entry(name).or_insert_with(|| Map::new().into());
                match inner {
                    Value::Object(inner) => merge(inner, patch),
                    other => *other = value.clone(),
                }
            }
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

/// An id that a caller chose: base32hex in lower case, 5 to 1024 characters.
pub(super) fn id(id: &str) -> Result<(), Trouble> {
    let letters = id.bytes().all(|one| one.is_ascii_digit() || (b'a'..=b'v').contains(&one));
    if letters && (5..=1024).contains(&id.len()) {
        return Ok(());
    }
    Err(Trouble::invalid("Invalid resource id value."))
}
