use sandbox::v0_1::core::{Field, Value};
use sandbox::v0_1::crm::{self, ActivityKind, Direction, Entity, ObjectType, Upsert};
use serde_json::json;

use super::*;
use crate::planning::samples::*;

fn contact_schema() -> Schema {
    Schema::read(&contact_fields()).unwrap()
}

fn said(op: &Operation, known: &Known<'_>) -> Upsert {
    match compose(op, "key", known).unwrap() {
        Call::Crm(mut ops) => match ops.pop().unwrap() {
            crm::Op::Upsert(upsert) => upsert,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn skipped(op: &Operation, known: &Known<'_>) -> String {
    match compose(op, "key", known).unwrap() {
        Call::Skip(why) => why,
        other => panic!("{other:?}"),
    }
}

fn activity(upsert: Upsert) -> crm::Activity {
    let Entity::Activity(activity) = upsert.entity else { panic!("{:?}", upsert.entity) };
    activity
}

#[test]
fn the_guides_lead_becomes_a_contact_with_both_names_phone_and_address() {
    let op = crm().mapping(GUIDE).op(&lead_captured(), "crm/write.upsert contact");
    let schema = contact_schema();
    assert_eq!(op.described_object(), Some("contact"));
    let upsert = said(&op, &Known { schema: Some(&schema), ..Known::default() });
    assert_eq!(upsert.op_key, "key");
    assert_eq!(upsert.match_on, [MatchKey::Email("john@example.com".to_owned())]);
    let Entity::Contact(contact) = upsert.entity else { panic!() };
    assert_eq!(contact.person.first_name.as_deref(), Some("John"));
    assert_eq!(contact.person.last_name.as_deref(), Some("Smith"));
    assert_eq!(contact.person.phones[0].number, "+1234567890");
    assert_eq!(contact.person.emails[0].address, "john@example.com");
    assert!(contact.person.emails[0].primary);
    assert!(contact.meta.custom.is_empty());
}

#[test]
fn its_reason_becomes_a_note_at_the_person_where_contacts_have_no_description() {
    let op = crm().mapping(GUIDE).op(&lead_captured(), "crm/write.upsert note (description)");
    assert_eq!(op.described_object(), Some("contact"));
    let (schema, person) = (contact_schema(), [link("person", "lead:lead_xyz789", "contact", "501")]);
    let upsert = said(&op, &Known { schema: Some(&schema), person: &person, ..Known::default() });
    assert!(upsert.match_on.is_empty());
    let Entity::Note(note) = upsert.entity else { panic!() };
    assert_eq!(note.body, "Interested in services");
    assert_eq!(note.links[0].id, "501");
    assert_eq!(note.links[0].target, ObjectType::Contact);
    // A second event of the lead updates the same note.
    let own = [link("note", "lead:lead_xyz789", "note", "77")];
    let again = said(&op, &Known { own: &own, schema: Some(&schema), person: &person, ..Known::default() });
    assert_eq!(again.match_on, [MatchKey::Id("77".to_owned())]);
    let alone = compose(&op, "key", &Known { schema: Some(&schema), ..Known::default() }).unwrap_err();
    assert_eq!(alone.code(), "person_unknown");
}

#[test]
fn a_description_field_takes_the_reason_and_no_note_is_made() {
    let schema = Schema::read(&json!({"properties": {"description": {"type": "string"},
        "firstname": {"x-member": "person.first-name"}, "lastname": {}, "phone": {}, "email": {}}}));
    let known = Known { schema: schema.as_ref(), ..Known::default() };
    let plug = crm().mapping(GUIDE);
    let op = plug.op(&lead_captured(), "crm/write.upsert note (description)");
    assert_eq!(skipped(&op, &known), "the object has a description field");
    let Entity::Contact(contact) =
        said(&plug.op(&lead_captured(), "crm/write.upsert contact"), &known).entity
    else {
        panic!()
    };
    let text = Value::Text("Interested in services".to_owned());
    assert!(contact.meta.custom.contains(&Field { name: "description".to_owned(), value: text }));
}

#[test]
fn without_a_mapping_our_own_members_are_written() {
    let op = crm_of("lead", "note", "note", "task").op(&lead_captured(), "crm/write.upsert lead");
    let Entity::Lead(lead) = said(&op, &Known::default()).entity else { panic!() };
    assert_eq!(lead.person.first_name.as_deref(), Some("John"));
    assert_eq!(lead.source.as_deref(), Some("AI_CALL"));
    assert_eq!(lead.description.as_deref(), Some("Interested in services"));
    assert_eq!(lead.person.emails[0].address, "john@example.com");
}

#[test]
fn a_person_is_found_by_link_then_address_and_by_number_only_without_one() {
    let own = [link("person", "lead:lead_xyz789", "contact", "501")];
    let upsert = said(
        &crm().op(&lead_captured(), "crm/write.upsert contact"),
        &Known { own: &own, ..Known::default() },
    );
    assert_eq!(
        upsert.match_on,
        [MatchKey::Id("501".to_owned()), MatchKey::Email("john@example.com".to_owned())]
    );
    let mut event = lead_captured();
    event.data["email"] = json!("john at example");
    let upsert = said(&crm().op(&event, "crm/write.upsert contact"), &Known::default());
    assert_eq!(upsert.match_on, [MatchKey::Phone("+1234567890".to_owned())]);
}

#[test]
fn a_shared_number_does_not_make_two_leads_with_addresses_one() {
    let own = [link("person", "phone:+1234567890", "contact", "501")];
    let upsert = said(
        &crm().op(&lead_captured(), "crm/write.upsert contact"),
        &Known { own: &own, ..Known::default() },
    );
    assert_eq!(upsert.match_on, [MatchKey::Email("john@example.com".to_owned())]);
}

#[test]
fn a_lead_that_names_nobody_is_left_alone_and_says_so() {
    let nobody = event("lead.captured", json!({"leadId": "l", "reason": "x"}));
    let op = crm().op(&nobody, "crm/write.upsert contact");
    assert_eq!(skipped(&op, &Known::default()), "the event has no name, e-mail address or number");
    let op = crm().mapping(&[("data.nothing", "phone")]).op(&nobody, "crm/write.upsert contact");
    let schema = contact_schema();
    let known = Known { schema: Some(&schema), ..Known::default() };
    assert_eq!(skipped(&op, &known), "no mapped field has a value in this event");
}

#[test]
fn a_wrong_name_in_the_mapping_fails_with_the_nearest() {
    let op = crm().mapping(&[("callerName", "firstnme")]).op(&lead_captured(), "crm/write.upsert contact");
    let schema = contact_schema();
    let error = compose(&op, "key", &Known { schema: Some(&schema), ..Known::default() }).unwrap_err();
    assert_eq!(error.code(), "unknown_field");
    assert!(error.to_string().contains("did you mean `firstname`"), "{error}");
}

#[test]
fn a_call_is_logged_with_its_facts_and_linked_to_its_caller() {
    let op = crm().op(&call_ended(), "crm/write.upsert activity");
    assert_eq!(op.described_object(), None);
    let person = [link("person", "phone:+15551234567", "contact", "501")];
    let upsert = said(&op, &Known { person: &person, ..Known::default() });
    assert!(upsert.match_on.is_empty());
    let activity = activity(upsert);
    assert_eq!(activity.subject.as_deref(), Some("Inbound call from +15551234567"));
    assert_eq!(activity.start_at.as_deref(), Some("2026-02-17T12:30:49.789Z"));
    assert_eq!(activity.end_at.as_deref(), Some("2026-02-17T12:34:56.789Z"));
    assert_eq!(activity.links[0].id, "501");
    let body = activity.body.unwrap();
    assert!(body.starts_with("Customer inquired about pricing"), "{body}");
    assert!(body.contains("Sentiment: positive\nAgent: Sales Agent"), "{body}");
    let ActivityKind::Call(call) = activity.kind else { panic!() };
    assert_eq!(call.direction, Direction::Inbound);
    assert_eq!(call.outcome.as_deref(), Some("completed"));
    assert_eq!(call.duration_seconds, Some(247));
    assert_eq!(call.caller.as_deref(), Some("+15551234567"));
    assert_eq!(call.callee.as_deref(), Some("+15559876543"));
}

#[test]
fn a_caller_whom_nobody_knows_is_logged_unlinked() {
    let op = crm().op(&call_ended(), "crm/write.upsert activity");
    assert!(activity(said(&op, &Known::default())).links.is_empty());
}

#[test]
fn what_was_said_stands_below_summary_and_next_steps() {
    let op = crm().op(&call_completed(), "crm/write.upsert activity");
    let body = activity(said(&op, &Known::default())).body.unwrap();
    assert_eq!(
        body,
        "They said hello.\n\nNext steps:\n- Call back\n\nSentiment: positive\n\nTranscript:\nHello. Goodbye."
    );
}

#[test]
fn a_later_event_of_a_call_adds_to_its_record() {
    let earlier = [crm().op(&call_completed(), "crm/write.upsert activity")];
    let analysis = event("analysis.complete", json!({"callId": "123", "analysis": {"summary": "Better."}}));
    let op = crm().op(&analysis, "crm/write.upsert activity");
    let own = [link("call", "call:123", "activity", "9")];
    let upsert = said(&op, &Known { own: &own, earlier: &earlier, ..Known::default() });
    assert_eq!(upsert.match_on, [MatchKey::Id("9".to_owned())]);
    let activity = activity(upsert);
    let body = activity.body.unwrap();
    assert!(body.starts_with("Better.") && body.ends_with("Hello. Goodbye."), "{body}");
    let ActivityKind::Call(call) = activity.kind else { panic!() };
    assert_eq!(call.duration_seconds, Some(300));
}

#[test]
fn an_old_record_of_another_kind_is_not_updated_as_this_one() {
    let op = crm_of("contact", "task", "note", "task").op(&call_ended(), "crm/write.upsert task");
    let own = [link("call", "call:call_abc123", "activity", "9")];
    assert!(said(&op, &Known { own: &own, ..Known::default() }).match_on.is_empty());
}

#[test]
fn a_call_may_be_a_note_or_a_task() {
    let note = crm_of("contact", "note", "note", "task").op(&call_ended(), "crm/write.upsert note");
    let Entity::Note(note) = said(&note, &Known::default()).entity else { panic!() };
    assert!(
        note.body.starts_with("Inbound call from +15551234567: completed, 4 min 7 s\n\n"),
        "{}",
        note.body
    );
    let task = crm_of("contact", "task", "note", "task").op(&call_ended(), "crm/write.upsert task");
    let Entity::Task(task) = said(&task, &Known::default()).entity else { panic!() };
    assert!(task.completed_at.is_some());
    let wrong = crm_of("contact", "contact", "note", "task").op(&call_ended(), "crm/write.upsert contact");
    assert_eq!(compose(&wrong, "key", &Known::default()).unwrap_err().code(), "sync_object_unsupported");
}

#[test]
fn a_transcript_is_a_note_at_the_caller() {
    let op = crm().op(&transcript_ready(), "crm/write.upsert note");
    let person = [link("person", "call:call_abc123", "lead", "501")];
    let Entity::Note(note) = said(&op, &Known { person: &person, ..Known::default() }).entity else {
        panic!()
    };
    assert_eq!(note.body, "Transcript of call call_abc123\n\nAgent: Hello. Caller: Hi.");
    assert_eq!(note.links[0].target, ObjectType::Lead);
    let empty = crm().op(&event("transcript.ready", json!({"callId": "c"})), "crm/write.upsert note");
    assert_eq!(skipped(&empty, &Known::default()), "the event carries no transcript");
}

#[test]
fn a_huge_transcript_is_cut_and_says_so() {
    let long = event("transcript.ready", json!({"callId": "c", "transcript": "word ".repeat(100_000)}));
    let Entity::Note(note) = said(&crm().op(&long, "crm/write.upsert note"), &Known::default()).entity else {
        panic!()
    };
    assert!(note.body.len() < 65_536 && note.body.ends_with("[cut: 499999 bytes in all]"));
}

#[test]
fn an_appointment_is_a_meeting_with_its_outcome() {
    let outcome = |verb: &str, own: &[Link]| {
        let op = crm().op(&appointment(verb), "crm/write.upsert activity");
        let ActivityKind::Meeting(meeting) = activity(said(&op, &Known { own, ..Known::default() })).kind
        else {
            panic!()
        };
        assert_eq!(meeting.attendees, ["john@example.com"]);
        meeting.outcome.unwrap()
    };
    let own = [link("appointment", "appointment:apt_1", "activity", "7")];
    assert_eq!(outcome("created", &[]), "scheduled");
    assert_eq!(outcome("updated", &own), "rescheduled");
    assert_eq!(outcome("updated", &[]), "scheduled");
    assert_eq!(outcome("cancelled", &own), "cancelled");
    let op = crm().op(&appointment("cancelled"), "crm/write.upsert activity");
    assert!(skipped(&op, &Known::default()).contains("none is cancelled"));
}

#[test]
fn an_appointment_may_be_a_task() {
    let op = crm_of("contact", "note", "note", "task").op(&appointment("created"), "crm/write.upsert task");
    let Entity::Task(task) = said(&op, &Known::default()).entity else { panic!() };
    assert_eq!(task.subject, "Demo");
    assert_eq!(task.due_at.as_deref(), Some("2026-11-24T20:00:00.000Z"));
}

fn booked(event: &store::Event, own: &[Link]) -> Result<calendar::Op, ComposeError> {
    let op = calendar().op(event, "calendar/write");
    match compose(&op, "key", &Known { own, ..Known::default() })? {
        Call::Calendar(mut ops) => Ok(ops.remove(0)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_appointment_becomes_a_calendar_event_with_attendee_and_conference() {
    let calendar::Op::Create(draft) = booked(&appointment("created"), &[]).unwrap() else { panic!() };
    assert_eq!(
        (draft.calendar_id.as_str(), draft.title.as_str(), draft.op_key.as_str()),
        ("primary", "Demo", "key")
    );
    let calendar::When::Timed(span) = draft.when else { panic!() };
    assert_eq!(span.start, "2026-11-24T20:00:00.000Z");
    assert_eq!(span.end, "2026-11-24T20:30:00.000Z");
    assert_eq!(span.zone.as_deref(), Some("America/New_York"));
    assert_eq!(draft.attendees[0].email.as_deref(), Some("john@example.com"));
    assert_eq!(draft.conference, calendar::ConferenceRequest::Native);
}

#[test]
fn an_update_writes_what_it_says_and_no_second_conference() {
    let own = [link("event", "appointment:apt_1", "event", "ev1")];
    let calendar::Op::Update(patch) = booked(&appointment("updated"), &own).unwrap() else { panic!() };
    assert_eq!(patch.id, "ev1");
    assert_eq!(patch.only, ["title", "when", "attendees"]);
    assert_eq!(patch.draft.conference, calendar::ConferenceRequest::None);
    let moved =
        event("appointment.updated", json!({"appointmentId": "apt_1", "start": "2026-11-25T15:00:00Z"}));
    let calendar::Op::Update(patch) = booked(&moved, &own).unwrap() else { panic!() };
    assert_eq!(patch.only, ["when"]);
    let calendar::Op::Create(_) = booked(&moved, &[]).unwrap() else { panic!() };
    let silent = event("appointment.updated", json!({"appointmentId": "apt_1"}));
    let op = calendar().op(&silent, "calendar/write.update");
    assert!(skipped(&op, &Known { own: &own, ..Known::default() }).contains("changes nothing"));
}

#[test]
fn a_cancellation_names_the_event_or_is_left_out() {
    let mut event = appointment("cancelled");
    event.data["reason"] = json!("Client is ill");
    let own = [link("event", "appointment:apt_1", "event", "ev1")];
    let calendar::Op::Cancel(cancel) = booked(&event, &own).unwrap() else { panic!() };
    assert_eq!((cancel.id.as_str(), cancel.reason.as_deref()), ("ev1", Some("Client is ill")));
    let op = calendar().op(&event, "calendar/write.cancel");
    assert!(skipped(&op, &Known::default()).contains("none is cancelled"));
}

#[test]
fn times_are_read_as_people_write_them() {
    let when = |data: serde_json::Value| {
        let event = event("appointment.created", data);
        booked(&event, &[]).map(|op| match op {
            calendar::Op::Create(draft) => draft.when,
            other => panic!("{other:?}"),
        })
    };
    let span = |start: &str, end: &str| {
        let at = |t: &str| format!("2026-11-24T{t}:00.000Z");
        Ok(calendar::When::Timed(calendar::Span { start: at(start), end: at(end), zone: None }))
    };
    assert_eq!(when(json!({"start": "2026-11-24T15:00:00Z"})), span("15:00", "15:30"));
    assert_eq!(
        when(json!({"startTime": "2026-11-24T15:00:00Z", "durationMinutes": 45})),
        span("15:00", "15:45")
    );
    assert_eq!(
        when(json!({"start": "2026-11-24", "end": "2026-11-25"})),
        Ok(calendar::When::AllDay(calendar::DayRange {
            first: "2026-11-24".into(),
            last: "2026-11-25".into()
        }))
    );
    for (bad, word) in [
        (json!({}), "no `start`"),
        (json!({"start": "tomorrow"}), "is no time"),
        (json!({"start": "2026-11-24T15:00:00"}), "no offset"),
        (json!({"start": "2026-02-30"}), "no day"),
        (json!({"start": "2026-11-24T15:00:00Z", "end": "2026-11-24T14:00:00Z"}), "not after its start"),
        (json!({"start": true}), "is no time"),
    ] {
        let error = when(bad.clone()).unwrap_err();
        assert_eq!(error.code(), "invalid_event");
        assert!(error.to_string().contains(word), "{bad}: {error}");
    }
}

#[test]
fn a_zone_that_nobody_knows_does_not_cost_the_booking() {
    for (given, wanted) in [
        ("America/Nowhere", None),
        ("local", None),
        ("europe/berlin", Some("Europe/Berlin")),
        ("UTC", Some("UTC")),
    ] {
        let event =
            event("appointment.created", json!({"start": "2026-07-24T15:00:00-04:00", "timeZone": given}));
        let calendar::Op::Create(draft) = booked(&event, &[]).unwrap() else { panic!() };
        let calendar::When::Timed(span) = draft.when else { panic!() };
        assert_eq!(span.start, "2026-07-24T19:00:00.000Z");
        assert_eq!(span.zone.as_deref(), wanted, "{given}");
    }
}

#[test]
fn a_local_time_is_read_in_its_zone() {
    let event = event(
        "appointment.created",
        json!({"start": {"dateTime": "2026-07-24T15:00:00"}, "timeZone": "America/New_York"}),
    );
    let calendar::Op::Create(draft) = booked(&event, &[]).unwrap() else { panic!() };
    let calendar::When::Timed(span) = draft.when else { panic!() };
    assert_eq!(span.start, "2026-07-24T19:00:00.000Z");
}

#[test]
fn a_calendar_must_be_named_by_somebody() {
    let mut plug = calendar().settings(json!({"calendarId": "team@example.com"}));
    plug.manifest.calendar = None;
    let op = plug.op(&appointment("created"), "calendar/write");
    let Call::Calendar(ops) = compose(&op, "key", &Known::default()).unwrap() else { panic!() };
    let calendar::Op::Create(draft) = &ops[0] else { panic!() };
    assert_eq!(draft.calendar_id, "team@example.com");
    plug.connection.settings = json!({});
    let op = plug.op(&appointment("created"), "calendar/write");
    assert_eq!(compose(&op, "key", &Known::default()), Err(ComposeError::NoCalendar));
}

#[test]
fn a_message_hangs_under_the_first_of_its_subject() {
    let op = hook().op(&call_ended(), "automation/sink");
    let own = [link("thread", "call:call_abc123", "message", "1503435956.000247")];
    let Call::Sink(events) = compose(&op, "key", &Known { own: &own, ..Known::default() }).unwrap() else {
        panic!()
    };
    let sent = &events[0];
    assert_eq!(sent.parent.as_deref(), Some("1503435956.000247"));
    assert_eq!((sent.id.as_str(), sent.kind.as_str()), ("evt_1", "call.ended"));
    assert_eq!(sent.subject.as_deref(), Some("call:call_abc123"));
    assert_eq!(sent.label.as_deref(), Some("org_abc123"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&sent.data).unwrap(), call_ended().data);
    assert_eq!(op.remote_id_to_keep(&own, Some("later".to_owned())).as_deref(), Some("1503435956.000247"));
    assert_eq!(op.remote_id_to_keep(&[], Some("first".to_owned())).as_deref(), Some("first"));
}

#[test]
fn only_a_call_that_names_a_record_may_be_repeated_blindly() {
    let op = crm().op(&call_ended(), "crm/write.upsert activity");
    let own = [link("call", "call:call_abc123", "activity", "9")];
    assert!(compose(&op, "key", &Known { own: &own, ..Known::default() }).unwrap().names_a_record());
    assert!(!compose(&op, "key", &Known::default()).unwrap().names_a_record());
}
