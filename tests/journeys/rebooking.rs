//! One appointment's whole life, and the one after it.

use serde_json::json;

use crate::support::{Host, Wall};

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_cancelled_and_booked_again_under_its_id_is_in_the_calendar_again() {
    let wall = Wall::start().await;
    let host = Host::start(&wall.overrides());
    host.connect(wall.connection("google-calendar", &json!({}))).await;
    let booked = json!({ "event": "appointment.created", "data": {
        "appointmentId": "a1", "title": "Demo", "start": "2026-11-24T15:00:00-05:00", "timeZone": "America/New_York"
    } });
    let cancelled =
        json!({ "event": "appointment.cancelled", "data": { "appointmentId": "a1", "reason": "ill" } });
    let mut made = Vec::new();
    for event in [&booked, &cancelled, &booked] {
        let end = host.run(event).await;
        assert_eq!(end["state"], "done", "{end}");
        made.push(end["operations"][0]["receipt"].clone());
    }
    let said: Vec<_> = made.iter().map(|r| r["disposition"].as_str().unwrap()).collect();
    assert_eq!(said, ["created", "cancelled", "created"]);
    assert_ne!(made[0]["id"], made[2]["id"], "it is another one");
}
