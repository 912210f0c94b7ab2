//! What a draft looks like as Google's event resource.

use jackfield_connector::calendar::{Attendee, ConferenceRequest, Draft, When};
use jackfield_connector::{Error, Json, Map, Result, json};

use crate::time::{date, day, instant};

/// The longest op-key whose encoding fits Google's 1,024 characters of an event id.
const KEY_MAX: usize = 600;

/// Google's event id, made of the op-key: the same draft sent twice is refused as a duplicate. Event ids are
/// `[a-v0-9]{5,1024}` (base32hex, RFC 4648 section 7, lower case).
pub fn event_id(op_key: &str) -> Result<String> {
    if op_key.is_empty() || op_key.len() > KEY_MAX {
        return Err(Error::invalid("op-key", "length", "An op-key has 1 to 600 bytes here."));
    }
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut id = String::from("jf0");
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in op_key.bytes() {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            id.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
        }
    }
    if held > 0 {
        id.push(char::from(ALPHABET[(bits << (5 - held) & 31) as usize]));
    }
    Ok(id)
}

/// One member of a draft: our name, and Google's members with their values; null where the draft sets none.
pub type Part = (&'static str, Vec<(String, Json)>);

/// All members of a draft, in Google's words.
pub fn parts(draft: &Draft) -> Result<Vec<Part>> {
    let one = |ours, theirs: &str, value: Json| (ours, vec![(theirs.to_owned(), value)]);
    let (start, end) = ends(&draft.when)?;
    let attendees: Vec<Json> = draft.attendees.iter().filter_map(attendee).collect();
    let list = |values: Json| if values.as_array().is_some_and(Vec::is_empty) { Json::Null } else { values };
    let mut all = vec![
        one("title", "summary", draft.title.as_str().into()),
        one("description", "description", description(draft).into()),
        one("location", "location", location(draft).into()),
        ("when", vec![("start".to_owned(), start), ("end".to_owned(), end)]),
        one("attendees", "attendees", list(attendees.into())),
        one("recurrence", "recurrence", list(draft.recurrence.clone().into())),
        one("busy", "transparency", if draft.busy { "opaque".into() } else { "transparent".into() }),
    ];
    let custom = draft.custom.iter().map(|field| (field.name.clone(), field.value.json())).collect();
    all.push(("custom", custom));
    Ok(all)
}

/// An insert's body, but for id and conference.
pub fn body(draft: &Draft) -> Result<Map<String, Json>> {
    let all = parts(draft)?.into_iter().flat_map(|(_, members)| members);
    Ok(all.filter(|(_, value)| !value.is_null()).collect())
}

/// Google ends all-day events on the day after the last.
fn ends(when: &When) -> Result<(Json, Json)> {
    match when {
        When::Timed(span) => {
            let at = |time: &str| {
                instant(time)?;
                Ok(match &span.zone {
                    Some(zone) => json!({ "dateTime": time, "timeZone": zone }),
                    None => json!({ "dateTime": time }),
                })
            };
            Ok((at(&span.start)?, at(&span.end)?))
        }
        When::AllDay(days) => {
            day(&days.first)?;
            let after = date(day(&days.last)? + 1);
            Ok((json!({ "date": days.first }), json!({ "date": after })))
        }
    }
}

/// Google knows guests by e-mail address only; the others are named in the description.
fn attendee(attendee: &Attendee) -> Option<Json> {
    let mut guest = json!({ "email": attendee.email.as_ref()? });
    if let Some(name) = &attendee.name {
        guest["displayName"] = name.as_str().into();
    }
    if !attendee.required {
        guest["optional"] = true.into();
    }
    Some(guest)
}

fn description(draft: &Draft) -> Option<String> {
    let mut lines: Vec<String> = draft.description.iter().cloned().collect();
    for guest in draft.attendees.iter().filter(|guest| guest.email.is_none()) {
        let known = [&guest.name, &guest.phone].into_iter().flatten();
        lines.push(known.cloned().collect::<Vec<_>>().join(", "));
    }
    if let (ConferenceRequest::Link(link), Some(_)) = (&draft.conference, &draft.location) {
        lines.push(link.clone());
    }
    lines.retain(|line| !line.is_empty());
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Google makes conferences of its own kind only: a link of yours is the place, where no other is named.
fn location(draft: &Draft) -> Option<String> {
    match (&draft.location, &draft.conference) {
        (Some(place), _) => Some(place.clone()),
        (None, ConferenceRequest::Link(link)) => Some(link.clone()),
        (None, _) => None,
    }
}

/// Asks Google for a Meet conference. The id makes it one, however often it is asked for.
pub fn meet(request_id: &str) -> Json {
    json!({ "createRequest": { "requestId": request_id, "conferenceSolutionKey": { "type": "hangoutsMeet" } } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_connector::calendar::{DayRange, Notify};

    fn draft() -> Draft {
        let days = DayRange { first: "2026-11-24".into(), last: "2026-11-25".into() };
        Draft {
            op_key: "k".into(),
            calendar_id: "primary".into(),
            title: "Offsite".into(),
            description: None,
            location: None,
            when: When::AllDay(days),
            attendees: Vec::new(),
            conference: ConferenceRequest::None,
            recurrence: Vec::new(),
            busy: true,
            notify: Notify::All,
            custom: Vec::new(),
            refuse_if_busy: false,
        }
    }

    #[test]
    fn an_id_is_base32hex_and_differs_with_the_key() {
        let id = event_id("0192f3a4-7c1e-7000-8000-000000000001").expect("short enough");
        assert!(id.len() >= 5 && id.chars().all(|c| c.is_ascii_digit() || ('a'..='v').contains(&c)));
        assert_ne!(event_id("a"), event_id("b"));
        // RFC 4648, section 10: base32hex of "foobar".
        assert_eq!(event_id("foobar").as_deref(), Ok("jf0cpnmuoj1e8"));
        assert!(event_id(&"x".repeat(601)).is_err());
    }

    #[test]
    fn an_all_day_event_ends_the_day_after() {
        let body = body(&draft()).expect("valid");
        assert_eq!(body["end"], json!({ "date": "2026-11-26" }));
        assert!(!body.contains_key("attendees"));
    }

    #[test]
    fn a_guest_without_an_address_is_named_in_the_description() {
        let guest = Attendee {
            email: None,
            name: Some("John".into()),
            phone: Some("+1234567890".into()),
            required: true,
            rsvp: jackfield_connector::calendar::Rsvp::NeedsAction,
        };
        let body = body(&Draft { attendees: vec![guest], ..draft() }).expect("valid");
        assert_eq!(body["description"], "John, +1234567890");
    }

    #[test]
    fn a_link_of_ones_own_is_the_place() {
        let conference = ConferenceRequest::Link("https://zoom.example/1".into());
        let body = body(&Draft { conference, ..draft() }).expect("valid");
        assert_eq!(body["location"], "https://zoom.example/1");
    }
}
