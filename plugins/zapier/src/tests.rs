//! What needs no recording: the probe, and what becomes of each refusal.

use jackfield_connector::automation::{Event, Sink};
use jackfield_connector::http::HttpError;
use jackfield_connector::testing::Stage;
use jackfield_connector::{Error, Json, Lifecycle, json};

use crate::Zapier;

const HOOK: &str = "https://hook.endpoint.invalid/";

fn event(id: &str) -> Event {
    Event {
        id: id.into(),
        kind: "call.ended".into(),
        subject: None,
        parent: None,
        time: "2026-02-17T12:34:56Z".into(),
        label: None,
        data: r#"{"callId":"1"}"#.into(),
    }
}

fn sent(id: &str) -> Json {
    json!({"id": id, "event": "call.ended", "timestamp": "2026-02-17T12:34:56Z", "data": {"callId": "1"}})
}

fn refused(status: u16, answer: Json) -> Error {
    let stage = Stage::new().exchange("POST", HOOK, sent("e1"), status, answer);
    let (answer, _) = stage.run(|| Zapier::deliver(vec![event("e1")]));
    answer.and_then(|mut all| all.remove(0)).expect_err("a refusal")
}

#[test]
fn the_probe_sends_nothing_and_answers_the_same_account_each_time() {
    let stage = Stage::new().endpoint("hook", "https://hook.endpoint.invalid");
    let (account, sent) = stage.run(Zapier::probe);
    assert_eq!(account.map(|a| a.id), Ok("zapier-hook".to_owned()));
    assert!(sent.is_empty());
    let (account, _) = Stage::new().run(Zapier::probe);
    assert!(matches!(account, Err(Error::Permanent(f)) if f.code == "no_hook"));
}

#[test]
fn whatever_was_not_accepted_is_repeated_unless_that_cannot_help() {
    for status in [301, 400, 401, 403, 408, 500, 502, 503] {
        assert!(
            matches!(refused(status, Json::Null), Error::Transient(f) if f.http_status == Some(status)),
            "{status}"
        );
    }
    for gone in [404, 410] {
        assert!(matches!(refused(gone, Json::Null), Error::Permanent(f) if f.code == "hook_gone"), "{gone}");
    }
    assert!(matches!(refused(413, Json::Null), Error::InvalidInput(_)));
    assert!(matches!(refused(429, Json::Null), Error::RateLimited(_)));
    assert!(matches!(refused(200, json!({"status": "error"})), Error::Transient(_)));
}

#[test]
fn a_silent_hook_gives_a_receipt_without_an_id() {
    let stage = Stage::new().exchange("POST", HOOK, sent("e1"), 200, Json::Null);
    let (answer, _) = stage.run(|| Zapier::deliver(vec![event("e1")]));
    assert!(matches!(&answer.expect("delivered")[..], [Ok(receipt)] if receipt.remote_id.is_none()));
}

#[test]
fn an_event_without_an_answer_may_have_started_the_zap() {
    let stage = Stage::new().then_fail(HttpError::SentNoAnswer("reset".into()));
    let (answer, _) = stage.run(|| Zapier::deliver(vec![event("e1")]));
    assert!(matches!(&answer.expect("an answer per event")[..], [Err(Error::Indeterminate(_))]));
}

#[test]
fn a_hook_that_is_gone_is_not_written_to_again_by_the_rest_of_the_batch() {
    let stage = Stage::new().exchange("POST", HOOK, sent("e1"), 410, Json::Null);
    let (answer, sent) = stage.run(|| Zapier::deliver(vec![event("e1"), event("e2")]));
    assert_eq!(sent.len(), 1);
    assert!(answer.expect("an answer per event").iter().all(|one| matches!(one, Err(Error::Permanent(_)))));
}

#[test]
fn a_failure_of_one_event_does_not_stop_the_next() {
    let queued = json!({"attempt": "a", "id": "i", "request_id": "r", "status": "success"});
    let stage = Stage::new().exchange("POST", HOOK, sent("e1"), 500, Json::Null).exchange(
        "POST",
        HOOK,
        sent("e2"),
        200,
        queued,
    );
    let (answer, _) = stage.run(|| Zapier::deliver(vec![event("e1"), event("e2")]));
    let answer = answer.expect("an answer per event");
    assert!(answer[0].is_err());
    assert_eq!(answer[1].as_ref().map(|r| r.remote_id.as_deref()), Ok(Some("i")));
}
