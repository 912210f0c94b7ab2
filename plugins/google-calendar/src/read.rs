//! Google's event resource as the contract's event.

use jackfield_connector::calendar::{Attendee, Conference, DayRange, Event, EventStatus, Rsvp, Span, When};
use jackfield_connector::http::Reply;
use jackfield_connector::{Json, Result};

use crate::time::{date, day};

/// An event as Google answers it: it has an id, whatever else it has.
pub fn whole(reply: &Reply) -> Result<Json> {
    reply.json_if(|event| event["id"].is_string())
}

pub fn event(calendar_id: &str, event: &Json) -> Event {
    let text = |name: &str| event[name].as_str().map(str::to_owned);
    Event {
        id: text("id").unwrap_or_default(),
        ical_uid: text("iCalUID"),
        calendar_id: calendar_id.to_owned(),
        version: text("etag"),
        title: text("summary").unwrap_or_default(),
        description: text("description"),
        location: text("location"),
        when: when(event),
        status: match event["status"].as_str() {
            Some("tentative") => EventStatus::Tentative,
            Some("cancelled") => EventStatus::Cancelled,
            _ => EventStatus::Confirmed,
        },
        busy: event["transparency"] != "transparent",
        private: matches!(event["visibility"].as_str(), Some("private" | "confidential")),
        organizer: event["organizer"].is_object().then(|| attendee(&event["organizer"])),
        attendees: event["attendees"].as_array().into_iter().flatten().map(attendee).collect(),
        conference: conference(event),
        recurrence: event["recurrence"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|line| line.as_str().map(str::to_owned))
            .collect(),
        series_id: text("recurringEventId"),
        original_start: moment(&event["originalStartTime"]),
        url: text("htmlLink"),
        updated_at: text("updated"),
        custom: Vec::new(),
        raw: None,
    }
}

/// A cancelled event of a series may have neither start nor end.
fn when(event: &Json) -> When {
    if let Some(first) = event["start"]["date"].as_str() {
        let after = event["end"]["date"].as_str().unwrap_or(first);
        let last = day(after).map(|day| date(day - 1)).unwrap_or_default();
        let last = if last.as_str() < first { first.to_owned() } else { last };
        return When::AllDay(DayRange { first: first.to_owned(), last });
    }
    When::Timed(Span {
        start: moment(&event["start"]).unwrap_or_default(),
        end: moment(&event["end"]).unwrap_or_default(),
        zone: event["start"]["timeZone"].as_str().map(str::to_owned),
    })
}

fn moment(at: &Json) -> Option<String> {
    at["dateTime"].as_str().or(at["date"].as_str()).map(str::to_owned)
}

fn attendee(guest: &Json) -> Attendee {
    Attendee {
        email: guest["email"].as_str().map(str::to_owned),
        name: guest["displayName"].as_str().map(str::to_owned),
        phone: None,
        required: guest["optional"] != true,
        rsvp: match guest["responseStatus"].as_str() {
            Some("accepted") => Rsvp::Accepted,
            Some("declined") => Rsvp::Declined,
            Some("tentative") => Rsvp::Tentative,
            _ => Rsvp::NeedsAction,
        },
    }
}

fn conference(event: &Json) -> Option<Conference> {
    let data = &event["conferenceData"];
    let entry = |kind: &str| {
        data["entryPoints"].as_array().into_iter().flatten().find(|entry| entry["entryPointType"] == kind)
    };
    let video = entry("video").and_then(|entry| entry["uri"].as_str());
    let join_url = video.or(event["hangoutLink"].as_str())?.to_owned();
    let phone = entry("phone");
    let of_phone = |name: &str| phone.and_then(|entry| entry[name].as_str()).map(str::to_owned);
    Some(Conference {
        join_url,
        provider: data["conferenceSolution"]["name"].as_str().map(str::to_owned),
        dial_in: of_phone("uri").map(|uri| uri.trim_start_matches("tel:").to_owned()),
        pin: of_phone("pin"),
    })
}
