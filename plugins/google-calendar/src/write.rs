//! Creating, changing and cancelling events.

use jackfield_connector::calendar::{
    Cancel, ConferenceRequest, Disposition, Draft, Notify, Patch, Receipt, SeriesScope, When,
};
use jackfield_connector::http::Request;
use jackfield_connector::{ConflictReason, Error, Json, Map, Result, encode, log, time_left_ms};

use crate::time::{DAY, day, instant};
use crate::{API, busy, draft, read};

/// Meet links are made a moment after the event; this is how often the event is read again for one.
const LOOKS_FOR_MEET: u32 = 3;
/// Looking for a Meet link stops when less than this is left of the call.
const TIME_TO_LOOK_MS: u64 = 5_000;

pub fn create(draft: &Draft) -> Result<Receipt> {
    let id = draft::event_id(&draft.op_key)?;
    let mut body = draft::body(draft)?;
    if draft.refuse_if_busy {
        let (from, to) = bounds(&draft.when)?;
        if busy::is_taken(&draft.calendar_id, from, to, None)? {
            // It may be our own event, of an attempt whose answer was lost.
            let own = get(&draft.calendar_id, &id)?.ok_or_else(slot_taken)?;
            return Ok(receipt(&draft.op_key, &draft.calendar_id, &own, Disposition::Unchanged));
        }
    }
    let native = draft.conference == ConferenceRequest::Native;
    if native {
        body.insert("conferenceData".to_owned(), draft::meet(&id));
    }
    body.insert("id".to_owned(), id.as_str().into());
    let insert = API.post(&format!("/calendars/{}/events", encode(&draft.calendar_id)));
    let reply = sending(insert, draft.notify, native).json(&body).repeatable().accept(409).send()?;
    let (event, disposition) = if reply.status == 409 {
        let known = get(&draft.calendar_id, &id)?.ok_or(Error::NotFound(id))?;
        (known, Disposition::Unchanged)
    } else {
        (read::whole(&reply)?, Disposition::Created)
    };
    let event = if native { with_meet(&draft.calendar_id, event)? } else { event };
    Ok(receipt(&draft.op_key, &draft.calendar_id, &event, disposition))
}

pub fn update(patch: &Patch) -> Result<Receipt> {
    let (draft, calendar) = (&patch.draft, &patch.draft.calendar_id);
    let id = in_series(&patch.id, patch.scope)?;
    let held = get(calendar, &id)?.filter(|event| event["status"] != "cancelled");
    let held = held.ok_or_else(|| Error::NotFound(patch.id.clone()))?;
    if held["recurrence"].is_array() && patch.scope == SeriesScope::ThisOne {
        return Err(Error::unsupported("changing one event of a series by the id of the series"));
    }
    if patch.if_version.as_deref().is_some_and(|version| held["etag"] != version) {
        return Err(Error::stale("The event was changed in the meantime."));
    }
    let mut changes = changes(patch, &held)?;
    if draft.refuse_if_busy && changes.contains_key("start") {
        let (from, to) = bounds(&draft.when)?;
        let own = bounds(&read::event(calendar, &held).when).ok();
        if busy::is_taken(calendar, from, to, own)? {
            return Err(slot_taken());
        }
    }
    let wanted = patch.only.is_empty() || patch.only.iter().any(|member| member == "conference");
    let native =
        wanted && draft.conference == ConferenceRequest::Native && !held["conferenceData"].is_object();
    if native {
        changes.insert("conferenceData".to_owned(), draft::meet(&draft::event_id(&draft.op_key)?));
    }
    if changes.is_empty() {
        return Ok(receipt(&draft.op_key, calendar, &held, Disposition::Unchanged));
    }
    let without = changes.get("conferenceData").is_some_and(Json::is_null);
    let mut request = sending(API.patch(&path(calendar, &id)), draft.notify, native || without);
    if let Some(version) = &patch.if_version {
        request = request.header("if-match", version);
    }
    let event = read::whole(&request.json(&changes).repeatable().send()?)?;
    let event = if native { with_meet(calendar, event)? } else { event };
    Ok(receipt(&draft.op_key, calendar, &event, Disposition::Updated))
}

pub fn cancel(cancel: &Cancel) -> Result<Receipt> {
    let id = in_series(&cancel.id, cancel.scope)?;
    let request = API.delete(&path(&cancel.calendar_id, &id));
    // 410: it was deleted before; 404: it is not there at all. Either way it is cancelled.
    sending(request, cancel.notify, false).accept(404).accept(410).send()?;
    Ok(Receipt {
        op_key: cancel.op_key.clone(),
        id: cancel.id.clone(),
        disposition: Disposition::Cancelled,
        version: None,
        event: None,
    })
}

/// What differs from what Google holds; null empties a member.
fn changes(patch: &Patch, held: &Json) -> Result<Map<String, Json>> {
    let wanted = |ours: &str| patch.only.is_empty() || patch.only.iter().any(|member| member == ours);
    let mut changes = Map::new();
    for (ours, members) in draft::parts(&patch.draft)? {
        let clear = patch.clear.iter().any(|member| member == ours);
        for (name, value) in members {
            let was = &held[name.as_str()];
            if clear && !was.is_null() {
                changes.insert(name, Json::Null);
            } else if !clear && wanted(ours) && !value.is_null() && !same(&name, &value, was) {
                changes.insert(name.clone(), merged(&name, value, was));
            }
        }
    }
    // Google wants both ends of a moved event.
    for (one, other) in [("start", "end"), ("end", "start")] {
        if changes.contains_key(one) && !changes.contains_key(other) {
            changes.insert(other.to_owned(), held[other].clone());
        }
    }
    if patch.clear.iter().any(|member| member == "conference") && held["conferenceData"].is_object() {
        changes.insert("conferenceData".to_owned(), Json::Null);
    }
    match patch.clear.iter().find(|member| !CLEARABLE.contains(&member.as_str())) {
        Some(member) => Err(Error::Unsupported(format!("clearing `{member}`"))),
        None => Ok(changes),
    }
}

const CLEARABLE: [&str; 5] = ["description", "location", "attendees", "recurrence", "conference"];

fn same(name: &str, ours: &Json, theirs: &Json) -> bool {
    match name {
        "start" | "end" => same_moment(ours, theirs),
        "attendees" => emails(ours) == emails(theirs),
        // Google leaves the default out.
        "transparency" => *ours == *theirs || (theirs.is_null() && ours == "opaque"),
        _ => ours == theirs,
    }
}

/// Google writes times with the calendar's own offset.
fn same_moment(ours: &Json, theirs: &Json) -> bool {
    let at = |moment: &Json| moment["dateTime"].as_str().and_then(|time| instant(time).ok());
    at(ours) == at(theirs) && ours["date"] == theirs["date"]
}

fn emails(attendees: &Json) -> Vec<String> {
    let all = attendees.as_array().into_iter().flatten();
    let mut emails: Vec<String> =
        all.filter_map(|guest| guest["email"].as_str()).map(str::to_ascii_lowercase).collect();
    emails.sort();
    emails
}

/// Google replaces whole lists: guests who stay keep their answer. A moment keeps no half of another kind.
fn merged(name: &str, mut ours: Json, theirs: &Json) -> Json {
    match name {
        "attendees" => {
            for guest in ours.as_array_mut().into_iter().flatten() {
                let email = guest["email"].as_str().unwrap_or_default().to_ascii_lowercase();
                let known = theirs.as_array().into_iter().flatten().find(|known| {
                    known["email"].as_str().is_some_and(|theirs| theirs.eq_ignore_ascii_case(&email))
                });
                for kept in ["responseStatus", "comment", "additionalGuests"] {
                    if let Some(value) = known.map(|known| &known[kept]).filter(|value| !value.is_null()) {
                        guest[kept] = value.clone();
                    }
                }
            }
        }
        "start" | "end" if ours["date"].is_null() && !theirs["date"].is_null() => ours["date"] = Json::Null,
        "start" | "end" if ours["dateTime"].is_null() && !theirs["dateTime"].is_null() => {
            ours["dateTime"] = Json::Null
        }
        _ => {}
    }
    ours
}

fn sending(request: Request, notify: Notify, conference: bool) -> Request {
    let whom = match notify {
        Notify::All => "all",
        Notify::ExternalOnly => "externalOnly",
        Notify::None => "none",
    };
    let request = request.query("sendUpdates", whom);
    if conference { request.query("conferenceDataVersion", 1) } else { request }
}

fn with_meet(calendar: &str, mut event: Json) -> Result<Json> {
    for _ in 0..LOOKS_FOR_MEET {
        let state =
            event["conferenceData"]["createRequest"]["status"]["statusCode"].as_str().unwrap_or_default();
        if state == "failure" {
            log::warn("Google made no Meet link for this event", &[]);
        }
        if state != "pending" || time_left_ms() < TIME_TO_LOOK_MS {
            break;
        }
        match get(calendar, event["id"].as_str().unwrap_or_default()) {
            Ok(Some(again)) => event = again,
            // The event is made; a missing link is no reason to make it again.
            Ok(None) | Err(_) => break,
        }
    }
    Ok(event)
}

fn get(calendar: &str, id: &str) -> Result<Option<Json>> {
    let reply = API.get(&path(calendar, id)).accept(404).accept(410).send()?;
    if reply.status == 200 { read::whole(&reply).map(Some) } else { Ok(None) }
}

fn path(calendar: &str, id: &str) -> String {
    format!("/calendars/{}/events/{}", encode(calendar), encode(id))
}

/// An event of a series has the series' id, `_`, and its own original start.
fn in_series(id: &str, scope: SeriesScope) -> Result<String> {
    let of_series = id.rsplit_once('_').filter(|(series, start)| {
        !series.is_empty()
            && start.len() >= 8
            && start.chars().all(|c| c.is_ascii_digit() || c == 'T' || c == 'Z')
    });
    match (scope, of_series) {
        (SeriesScope::ThisAndFollowing, Some(_)) => {
            Err(Error::unsupported("changing this and all following events"))
        }
        (SeriesScope::All, Some((series, _))) => Ok(series.to_owned()),
        _ => Ok(id.to_owned()),
    }
}

/// The instants that an event takes up. A day without a zone is taken as UTC's.
fn bounds(when: &When) -> Result<(i64, i64)> {
    match when {
        When::Timed(span) => Ok((instant(&span.start)?, instant(&span.end)?)),
        When::AllDay(days) => Ok((day(&days.first)? * DAY, (day(&days.last)? + 1) * DAY)),
    }
}

fn slot_taken() -> Error {
    Error::conflict(ConflictReason::SlotTaken, Vec::new(), "The calendar is busy at that time.")
}

fn receipt(op_key: &str, calendar: &str, event: &Json, disposition: Disposition) -> Receipt {
    let event = read::event(calendar, event);
    Receipt {
        op_key: op_key.to_owned(),
        id: event.id.clone(),
        disposition,
        version: event.version.clone(),
        event: Some(event),
    }
}
