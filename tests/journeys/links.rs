//! Who hangs on whom at the provider.

use providers::hubspot::Kind;
use serde_json::json;

use crate::support::{Host, Wall};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_an_appointment_and_a_note_hang_on_the_leads_contact() {
    let wall = Wall::start().await;
    let host = Host::start(&wall.overrides());
    host.connect(wall.connection("hubspot", &json!({}))).await;
    let lead = json!({ "event": "lead.captured", "data": {
        "leadId": "l1", "callId": "c1", "name": "Ada Marsh", "email": "ada@example.com", "phone": "+15550001111",
        "reason": "A question"
    } });
    host.run(&lead).await;
    host.run(&json!({ "event": "call.ended", "callId": "c1", "status": "completed", "durationSeconds": 3 }))
        .await;
    host.run(&json!({ "event": "call.ended", "callId": "c2", "direction": "inbound", "fromNumber": "+1 555 000-1111" })).await;
    host.run(&json!({ "event": "call.ended", "callId": "c3", "direction": "inbound", "fromNumber": "+15559999999" })).await;
    host.run(&json!({ "event": "appointment.created", "data": {
        "appointmentId": "a1", "leadId": "l1", "title": "Demo", "start": "2026-11-24T15:00:00Z", "end": "2026-11-24T15:30:00Z"
    } })).await;

    let contact = wall.hubspot.contact_by_email("ada@example.com").unwrap().id;
    let linked = |kind, id| wall.hubspot.associated(kind, id, Kind::Contacts);
    let calls: Vec<_> = wall.hubspot.calls().iter().map(|c| linked(Kind::Calls, c.id)).collect();
    assert_eq!(calls, [vec![contact], vec![contact], vec![]], "by call id, by number, and unknown");
    assert_eq!(linked(Kind::Meetings, wall.hubspot.meetings()[0].id), [contact]);
    assert_eq!(linked(Kind::Notes, wall.hubspot.notes()[0].id), [contact]);
}
