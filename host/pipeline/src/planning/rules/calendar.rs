//! Calendars: an appointment is an event of theirs, under one key for its whole life.

use store::LocalKey;

use super::{Planned, Target, crm};
use crate::planning::event_view::{EventView, key};
use crate::planning::operation::{CalendarCancel, CalendarPut, Operation};

/// What an appointment becomes in a calendar.
pub(super) fn plan(target: &Target<'_>, view: &EventView<'_>) -> Option<Planned> {
    let own: Vec<LocalKey> = view.appointment_id().iter().map(|id| key("event", "appointment", id)).collect();
    let calendar =
        target.setting("calendarId").or_else(|| target.manifest.calendar.as_ref().map(|c| c.default.clone()));
    let (verb, op) = match view.event().kind.as_str() {
        "appointment.cancelled" => {
            let cancel = CalendarCancel { calendar, reason: view.alias("reason"), own: own.clone() };
            ("cancel", Operation::CalendarCancel(cancel))
        }
        kind @ ("appointment.created" | "appointment.updated") => {
            let put = CalendarPut { calendar, appointment: crm::appointment_draft(view), own: own.clone() };
            (if kind.ends_with("created") { "create" } else { "update" }, Operation::CalendarPut(put))
        }
        _ => return None,
    };
    Some(Planned {
        name: format!("calendar/write.{verb}"),
        op,
        object: "event".to_owned(),
        provides: own,
        needs: Vec::new(),
    })
}
