//! Calendar events.

use sandbox::v0_1::calendar::{
    Attendee, Cancel, ConferenceRequest, DayRange, Draft, Notify, Op, Patch, Rsvp, SeriesScope, Span, When,
};

use super::{Call, ComposeError, Known, best, meetings};
use crate::planning::appointment_view::{self, Conference};
use crate::planning::operation::{AppointmentDraft, CalendarCancel, CalendarPut, Operation};

/// Half an hour, in milliseconds.
const HALF_HOUR: i64 = 30 * 60_000;

/// Updates the event that is known, or creates one.
///
/// An update writes what the event says and leaves the rest. A native conference is asked for only when the event is made:
/// asked for again, it would give everybody another address.
pub(super) fn put(op: &CalendarPut, op_key: &str, known: &Known<'_>) -> Result<Call, ComposeError> {
    let calendar = op.calendar.clone().ok_or(ComposeError::NoCalendar)?;
    let appointment = &op.appointment;
    let own = best(&op.own, known.own, "event").and_then(|l| l.remote_id.clone());
    meetings::check_time(appointment, own.is_some())?;
    let mut draft = draft(appointment, calendar, op_key, known.earlier);
    let Some(id) = own else { return Ok(Call::Calendar(vec![Op::Create(draft)])) };
    let only = said(appointment);
    if only.is_empty() {
        return Ok(Call::Skip("the event changes nothing that the calendar keeps".to_owned()));
    }
    if !only.iter().any(|m| m == "conference") {
        draft.conference = ConferenceRequest::None;
    }
    let scope = SeriesScope::ThisOne;
    Ok(Call::Calendar(vec![Op::Update(Patch {
        id,
        draft,
        only,
        clear: Vec::new(),
        if_version: None,
        scope,
    })]))
}

/// Cancels the event that is known.
pub(super) fn cancel(op: &CalendarCancel, op_key: &str, known: &Known<'_>) -> Result<Call, ComposeError> {
    let calendar_id = op.calendar.clone().ok_or(ComposeError::NoCalendar)?;
    let Some(id) = best(&op.own, known.own, "event").and_then(|l| l.remote_id.clone()) else {
        return Ok(Call::Skip(
            "no calendar event of this appointment is known, so none is cancelled".to_owned(),
        ));
    };
    Ok(Call::Calendar(vec![Op::Cancel(Cancel {
        op_key: op_key.to_owned(),
        calendar_id,
        id,
        reason: op.reason.clone(),
        notify: Notify::All,
        scope: SeriesScope::ThisOne,
    })]))
}

/// The members of the draft that the event speaks of.
fn said(appointment: &AppointmentDraft) -> Vec<String> {
    let members = [
        ("title", appointment.title.is_some()),
        ("description", appointment.description.is_some()),
        ("location", appointment.location.is_some()),
        ("when", appointment.when.is_some()),
        ("attendees", !appointment.attendees.is_empty()),
        ("conference", matches!(appointment.conference, Conference::Link(_))),
    ];
    members.into_iter().filter(|(_, said)| *said).map(|(name, _)| name.to_owned()).collect()
}

fn draft(appointment: &AppointmentDraft, calendar_id: String, op_key: &str, earlier: &[Operation]) -> Draft {
    Draft {
        op_key: op_key.to_owned(),
        calendar_id,
        title: appointment.title.clone().unwrap_or_else(|| meetings::title(appointment)),
        description: appointment.description.clone().or_else(|| appointment.reason.clone()),
        location: appointment.location.clone(),
        when: when(appointment, earlier),
        attendees: appointment.attendees.iter().map(attendee).collect(),
        conference: match &appointment.conference {
            Conference::None => ConferenceRequest::None,
            Conference::Native => ConferenceRequest::Native,
            Conference::Link(url) => ConferenceRequest::Link(url.clone()),
        },
        recurrence: Vec::new(),
        busy: true,
        notify: Notify::All,
        custom: Vec::new(),
        refuse_if_busy: false,
    }
}

/// When it is. The contract has no draft without a time: where an update gives none, `only` leaves it out, and this is
/// the last one that we know.
fn when(appointment: &AppointmentDraft, earlier: &[Operation]) -> When {
    let before = || {
        earlier.iter().rev().find_map(|o| match o {
            Operation::CalendarPut(put) => put.appointment.when.as_ref(),
            _ => None,
        })
    };
    match appointment.when.as_ref().or_else(before) {
        Some(appointment_view::When::Timed { start, end, zone }) => {
            When::Timed(Span { start: start.rfc3339(), end: end.rfc3339(), zone: zone.clone() })
        }
        Some(appointment_view::When::AllDay { first, last }) => {
            When::AllDay(DayRange { first: first.clone(), last: last.clone() })
        }
        None => {
            let start = appointment.at;
            When::Timed(Span { start: start.rfc3339(), end: start.plus(HALF_HOUR).rfc3339(), zone: None })
        }
    }
}

fn attendee(attendee: &appointment_view::Attendee) -> Attendee {
    Attendee {
        email: attendee.email.clone(),
        name: attendee.name.clone(),
        phone: attendee.phone.clone(),
        required: true,
        rsvp: Rsvp::NeedsAction,
    }
}
