//! What needs no recording: the wording of each event, and the fate of each refusal.

use jackfield_connector::automation::{Actions, Call, Event, Sink};
use jackfield_connector::http::HttpError;
use jackfield_connector::testing::Stage;
use jackfield_connector::{Choices, Error, Json, RateLimit, json};

use crate::Slack;
use crate::messages::message;
use crate::refusals::refused;

const POST: &str = "https://slack.com/api/chat.postMessage";
const LIST: &str = "https://slack.com/api/conversations.list?types=";

fn event(id: &str, parent: Option<&str>) -> Event {
    Event {
        id: id.into(),
        kind: "call.started".into(),
        subject: Some("call:1".into()),
        parent: parent.map(str::to_owned),
        time: "2026-02-17T12:34:56Z".into(),
        label: None,
        data: r#"{"callId":"1","agentName":"Sales Agent"}"#.into(),
    }
}

fn body(text: &str, thread: Option<&str>) -> Json {
    let mut body = json!({"channel": "C1", "text": text, "unfurl_links": false, "unfurl_media": false});
    if let Some(thread) = thread {
        body["thread_ts"] = thread.into();
    }
    body
}

fn stage() -> Stage {
    Stage::new().config(json!({"channel": "C1"}))
}

#[test]
fn each_event_reads_as_a_message() {
    let cases = [
        ("call.started", json!({"agentName": "Sales Agent"}), "Call started with Sales Agent"),
        ("call.started", json!({}), "Call started"),
        (
            "call.completed",
            json!({"callId": "123", "status": "completed", "duration": 300, "transcription": "...",
                "analysis": {"sentiment": "positive", "summary": "All well.", "nextSteps": []}}),
            "Call ended (5m) - completed | Sentiment: positive\nAll well.",
        ),
        (
            "call.ended",
            json!({"status": "completed", "durationSeconds": 247, "summary": "A <b>&", "sentiment": "positive"}),
            "Call ended (4m 7s) - completed | Sentiment: positive\nA &lt;b&gt;&amp;",
        ),
        (
            "call.ended",
            json!({"durationSeconds": "0", "analysis": {"nextSteps": ["Call back"]}}),
            "Call ended (0s)\nNext steps:\n• Call back",
        ),
        ("call.ended", json!({"duration": -1, "status": 7}), "Call ended - 7"),
        (
            "call.failed",
            json!({"duration": 3_661, "status": "failed", "reason": "busy"}),
            "Call failed (1h 1m 1s) - failed\nReason: busy",
        ),
        ("call.transferred", json!({"transferredTo": "Ada"}), "Call transferred to Ada"),
        (
            "call.scheduled",
            json!({"scheduledAt": "2026-11-24T15:00:00Z"}),
            "Call scheduled\nWhen: 2026-11-24T15:00:00Z",
        ),
        ("analysis.complete", json!({"sentiment": "neutral"}), "Call analysed | Sentiment: neutral"),
        (
            "transcript.ready",
            json!({"callId": "c", "transcript": "Agent: a\nCaller: b"}),
            "Transcript ready for c\nAgent: a\nCaller: b",
        ),
        (
            "lead.captured",
            json!({"name": "John Smith", "phone": "+1234567890", "email": "john@example.com", "source": "AI_CALL"}),
            "New lead: John Smith\nPhone: +1234567890\nE-mail: john@example.com\nSource: AI_CALL",
        ),
        ("lead.created", json!({"firstName": "Ada", "lastName": "L"}), "New lead: Ada L"),
        (
            "appointment.created",
            json!({"title": "Demo", "start": "2026-11-24T15:00:00-05:00", "end": "2026-11-24T15:30:00-05:00",
                "timeZone": "America/New_York", "attendee": {"name": "John", "email": "j@example.com"}}),
            "Appointment booked: Demo\nWhen: 2026-11-24 15:00–15:30 (America/New_York, UTC-05:00)\nWith: John, j@example.com",
        ),
        (
            "appointment.updated",
            json!({"title": "Demo", "start": "2026-11-24T20:00:00.000Z"}),
            "Appointment changed: Demo\nWhen: 2026-11-24 20:00 (UTC)",
        ),
        (
            "appointment.cancelled",
            json!({"title": "Demo", "reason": "ill"}),
            "Appointment cancelled: Demo\nReason: ill",
        ),
        (
            "invoice.paid",
            json!({"amount": 12, "by": "<Ada>", "deep": {"x": 1}}),
            "*invoice.paid*\namount: 12\nby: &lt;Ada&gt;",
        ),
    ];
    for (kind, data, expected) in cases {
        assert_eq!(message(kind, &data), expected, "{kind}");
    }
}

#[test]
fn a_date_that_is_none_is_shown_as_it_came() {
    for odd in ["tomorrow", "2026-11-24", "ééééééééé", "2026-11-24T15:00:00"] {
        assert_eq!(
            message("appointment.created", &json!({"start": odd})),
            format!("Appointment booked\nWhen: {odd}")
        );
    }
}

#[test]
fn a_message_is_never_longer_than_slack_takes() {
    let long = "&".repeat(100_000);
    let steps: Vec<&str> = vec![&long; 50];
    let data = json!({"summary": long, "status": long, "sentiment": long, "nextSteps": steps});
    assert!(message("call.ended", &data).chars().count() < 40_000);
}

#[test]
fn every_refusal_has_its_fate() {
    let fate = |code: &str| {
        refused("chat.postMessage", &json!({"ok": false, "error": code, "needed": "chat:write,x"}), false)
    };
    for code in ["invalid_auth", "token_revoked", "account_inactive", "not_authed", "token_expired"] {
        assert!(matches!(fate(code), Error::AuthExpired(_)), "{code}");
    }
    assert_eq!(fate("missing_scope"), Error::Forbidden(vec!["chat:write".into(), "x".into()]));
    for code in ["channel_not_found", "not_in_channel", "is_archived", "restricted_action_read_only_channel"]
    {
        assert!(
            matches!(fate(code), Error::InvalidInput(f) if f[0].path == "channel" && f[0].code == code),
            "{code}"
        );
    }
    let limit = RateLimit { retry_after_ms: None, bucket: Some("chat.postMessage".into()) };
    assert_eq!(fate("ratelimited"), Error::RateLimited(limit));
    assert!(matches!(fate("internal_error"), Error::Indeterminate(_)));
    assert!(matches!(fate("service_unavailable"), Error::Transient(_)));
    assert!(matches!(fate("too_many_attachments"), Error::Permanent(_)));
    assert!(matches!(refused("auth.test", &json!({}), true), Error::Transient(_)));
    assert!(matches!(refused("chat.postMessage", &json!({}), false), Error::Indeterminate(_)));
}

#[test]
fn a_message_without_an_answer_may_have_been_posted() {
    let lost = || stage().then_fail(HttpError::SentNoAnswer("reset".into()));
    let (answer, _) = lost().run(|| Slack::deliver(vec![event("e1", None)]));
    assert!(matches!(&answer.as_ref().map(|all| &all[0]), Ok(Err(Error::Indeterminate(_)))), "{answer:?}");
    let broken = stage().exchange("POST", POST, body("Call started with Sales Agent", None), 503, Json::Null);
    let (answer, _) = broken.run(|| Slack::deliver(vec![event("e1", None)]));
    assert!(matches!(&answer.as_ref().map(|all| &all[0]), Ok(Err(Error::Indeterminate(_)))), "{answer:?}");
}

#[test]
fn after_a_rate_limit_the_rest_of_the_batch_is_not_sent() {
    let text = "Call started with Sales Agent";
    let limited =
        stage().exchange("POST", POST, body(text, None), 429, json!({"ok": false, "error": "ratelimited"}));
    let (answer, sent) = limited.run(|| Slack::deliver(vec![event("e1", None), event("e2", None)]));
    assert_eq!(sent.len(), 1);
    let expected =
        Error::RateLimited(RateLimit { retry_after_ms: None, bucket: Some("chat.postMessage".into()) });
    assert_eq!(answer, Ok(vec![Err(expected.clone()), Err(expected)]));
}

#[test]
fn the_same_event_in_one_call_is_posted_once() {
    let posted = json!({"ok": true, "channel": "C1", "ts": "1.2"});
    let stage = stage().exchange("POST", POST, body("Call started with Sales Agent", None), 200, posted);
    let (answer, sent) = stage.run(|| Slack::deliver(vec![event("e1", None), event("e1", None)]));
    assert_eq!(sent.len(), 1);
    assert!(answer.is_ok_and(|all| all.iter().all(Result::is_ok)));
}

#[test]
fn without_a_channel_nothing_is_sent() {
    let (answer, sent) = Stage::new().run(|| Slack::deliver(vec![event("e1", None)]));
    assert!(matches!(answer, Err(Error::InvalidInput(f)) if f[0].path == "channel"));
    assert!(sent.is_empty());
}

#[test]
fn without_the_scope_for_private_channels_the_public_ones_are_listed() {
    let refusal = json!({"ok": false, "error": "missing_scope", "needed": "groups:read"});
    let page = json!({"ok": true, "channels": [{"id": "C1", "name": "calls", "is_member": true}], "response_metadata": {"next_cursor": ""}});
    let rest = "&exclude_archived=true&limit=200";
    let stage = Stage::new()
        .exchange("GET", &format!("{LIST}public_channel%2Cprivate_channel{rest}"), Json::Null, 200, refusal)
        .exchange("GET", &format!("{LIST}public_channel{rest}"), Json::Null, 200, page);
    let (answer, _) = stage.run(|| Slack::list_choices("channel".into(), Some("#CAL".into()), None));
    let page = answer.expect("the public ones");
    assert_eq!(
        (page.choices[0].value.as_str(), page.choices[0].label.as_str(), page.next),
        ("C1", "#calls", None)
    );
}

#[test]
fn unknown_actions_and_settings_are_refused() {
    let call = Call { action: "delete_all".into(), input: "{}".into(), op_key: "k".into() };
    assert!(matches!(Slack::invoke(call), Err(Error::Unsupported(_))));
    assert!(matches!(Slack::list_choices("colour".into(), None, None), Err(Error::InvalidInput(_))));
    let call =
        Call { action: "post_message".into(), input: r#"{"channel":"C1"}"#.into(), op_key: "k".into() };
    assert!(matches!(Slack::invoke(call), Err(Error::InvalidInput(_))));
}
