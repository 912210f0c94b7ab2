//! Events in, and what became of them out.

mod common;

use common::{Site, TOKEN};
use model::{ExchangeId, Millis};
use serde_json::{Value, json};
use store::{Attempt, Fate, LocalKey, NewJob, Settlement};

/// The shapes that users' scripts send today.
fn samples() -> [Value; 5] {
    [
        json!({"event":"lead.captured","timestamp":"2024-12-06T10:30:00Z","organizationId":"org_abc123","data":{"leadId":"lead_xyz789","name":"John Smith","phone":"+1234567890","email":"john@example.com","reason":"Interested in services","source":"AI_CALL","callId":"call_def456"}}),
        json!({"event":"call.completed","timestamp":"2024-01-27T15:30:00Z","data":{"callId":"123","status":"completed","duration":300,"transcription":"...","analysis":{"sentiment":"positive","summary":"...","nextSteps":[]}}}),
        json!({"event":"call.ended","callId":"call_abc123","direction":"inbound","status":"completed","durationSeconds":247,"fromNumber":"+15551234567","toNumber":"+15559876543","agentName":"Sales Agent","summary":"Customer inquired about pricing for the premium plan...","sentiment":"positive","endedAt":"2026-02-17T12:34:56.789Z"}),
        json!({"event":"transcript.ready","callId":"call_abc123","transcript":"Agent: … Caller: …"}),
        json!({"event":"appointment.created","timestamp":"2026-11-20T10:00:00Z","organizationId":"org_abc123","data":{"appointmentId":"apt_1","callId":"call_def456","title":"Demo","start":"2026-11-24T15:00:00-05:00","end":"2026-11-24T15:30:00-05:00","timeZone":"America/New_York","attendee":{"name":"John Smith","email":"john@example.com","phone":"+1234567890"},"conference":true}}),
    ]
}

#[tokio::test]
async fn every_shape_of_event_is_taken_alone_and_in_a_list() {
    let site = Site::new().await;
    for event in samples() {
        let answer = site.post("/api/events", event).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert_eq!(answer.json["events"].as_array().unwrap().len(), 1);
        assert_eq!(answer.json["events"][0]["duplicate"], false);
    }
    let answer = site.post("/api/events", Value::Array(samples().to_vec())).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json["events"].as_array().unwrap().len(), 5);
    assert_eq!(site.stored_events().await, 10);
}

#[tokio::test]
async fn an_event_sent_again_is_acknowledged_and_kept_once() {
    let site = Site::new().await;
    let event = json!({"event": "lead.captured", "id": "evt 1/ü", "data": {"leadId": "l1"}});
    let first = site.post("/api/events", event.clone()).await;
    assert_eq!(first.json, json!({"events": [{"id": "evt 1/ü", "duplicate": false}]}));
    let again = site
        .post("/api/events", json!([event, {"event": "x", "id": "evt 2"}, {"event": "x", "id": "evt 2"}]))
        .await;
    let duplicates: Vec<_> =
        again.json["events"].as_array().unwrap().iter().map(|e| e["duplicate"] == true).collect();
    assert_eq!((again.status.as_u16(), duplicates), (202, vec![true, false, true]));
    assert_eq!(site.stored_events().await, 2);
    assert_eq!(site.get("/api/events/evt%201%2F%C3%BC").await.json["data"], json!({"leadId": "l1"}));
}

#[tokio::test]
async fn an_event_is_read_back_with_its_own_time_label_and_flat_data() {
    let site = Site::new().await;
    let [lead, _, ended, ..] = samples();
    let id = |a: &common::Answer| a.json["events"][0]["id"].as_str().unwrap().to_owned();
    let lead = id(&site.post("/api/events", lead).await);
    let read = site.get(&format!("/api/events/{lead}")).await;
    assert_eq!(read.status, 200, "{}", read.text);
    assert_eq!(read.json["event"], "lead.captured");
    assert_eq!(read.json["timestamp"], "2024-12-06T10:30:00.000Z");
    assert_eq!(read.json["organizationId"], "org_abc123");
    assert_eq!(read.json["state"], "received");
    assert_eq!(read.json["operations"], json!([]));
    let ended = id(&site.post("/api/events", ended).await);
    let read = site.get(&format!("/api/events/{ended}")).await.json;
    assert_eq!(read["data"]["durationSeconds"], 247);
    assert_eq!(read["timestamp"], "2026-11-20T10:00:00.000Z");
}

#[tokio::test]
async fn every_operation_attempt_and_receipt_of_an_event_is_shown() {
    let site = Site::new().await;
    let connection = site.connect().await.rsplit('/').next().unwrap().to_owned();
    site.post("/api/events", json!({"event": "lead.captured", "id": "e1"})).await;
    let event = site.store.unplanned(1).await.unwrap().remove(0);
    let job = NewJob {
        connection: connection.as_str().into(),
        operation: "crm/write.upsert contact".into(),
        op_key: "k1".into(),
        lane: 2,
        op: json!({}),
        object: "contact".into(),
        provides: vec![LocalKey { role: "person".into(), key: "lead:l1".into() }],
        needs: vec![],
    };
    site.store.begin_serving().await.unwrap();
    assert!(site.store.complete_plan(&event.id, vec![job]).await.unwrap());
    let open = site.get("/api/events/e1").await.json;
    assert_eq!((&open["state"], &open["operations"][0]["state"]), (&json!("running"), &json!("queued")));

    let leased = site.store.claim("test", 1, 60_000).await.unwrap().remove(0);
    let attempt = Attempt {
        job: leased.id.clone(),
        number: 0,
        started_at: Millis::parse("2026-11-20T10:00:01Z").unwrap(),
        ms: 12,
        outcome: "done".into(),
        decision: "done".into(),
        error: None,
        exchanges: vec![ExchangeId("x1".into())],
    };
    let receipt = json!({"id": "501", "disposition": "created"});
    let fate = Fate::Done { receipt: receipt.clone(), remote_id: Some("501".into()), version: None };
    let (job, token) = (leased.id, leased.token);
    let settlement = Settlement {
        job,
        token,
        fate,
        attempt,
        connection_status: None,
        connection_wait_until: None,
        drop_links: false,
        call: None,
    };
    assert_eq!(site.store.settle(vec![settlement]).await.unwrap(), [true]);

    let done = site.get("/api/events/e1").await.json;
    assert_eq!(done["state"], "done");
    let operation = &done["operations"][0];
    assert_eq!(operation["operation"], "crm/write.upsert contact");
    assert_eq!((&operation["connector"], &operation["connection"]), (&json!("acme-crm"), &json!(connection)));
    assert_eq!((&operation["state"], &operation["receipt"]), (&json!("done"), &receipt));
    assert_eq!(
        operation["attempts"],
        json!([{"number": 1, "startedAt": "2026-11-20T10:00:01.000Z", "ms": 12, "outcome": "done",
            "decision": "done", "error": null, "exchanges": ["x1"]}])
    );
    assert!(!done.to_string().contains(TOKEN));
}

#[tokio::test]
async fn another_organization_sees_no_event_and_its_ids_do_not_clash() {
    let site = Site::new().await;
    let stranger = site.stranger().await;
    site.post("/api/events", json!({"event": "a", "id": "e1"})).await;
    site.ask_as(&stranger, "GET", "/api/events/e1", None).await.is_problem(404, "not_found");
    let theirs = site.ask_as(&stranger, "POST", "/api/events", Some(json!({"event": "b", "id": "e1"}))).await;
    assert_eq!(theirs.json["events"][0]["duplicate"], false);
    assert_eq!(site.get("/api/events/e1").await.json["event"], "a");
    // The label is the product's own, and no way into another organization.
    let label = json!({"event": "a", "id": "e2", "organizationId": site.org.as_str()});
    site.ask_as(&stranger, "POST", "/api/events", Some(label)).await;
    site.get("/api/events/e2").await.is_problem(404, "not_found");
}
