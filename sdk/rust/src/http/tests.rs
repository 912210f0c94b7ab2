use super::*;
use crate::testing::Stage;
use crate::{ConflictReason, json};

const API: Api = Api::new("https://api.example.com").explained(explain);

fn explain(refusal: &Refusal) -> Option<Error> {
    (refusal.text("/code") == "quota").then(|| refusal.rate_limited(Some("daily".into())))
}

fn answered(status: u16, body: Value, request: Request) -> Result<Reply> {
    let (method, url) = (request.raw.method.clone(), request.raw.url.clone());
    Stage::new().exchange(&method, &url, Value::Null, status, body).run(|| request.send()).0
}

fn refused(status: u16) -> Error {
    answered(status, Value::Null, API.get("/people/a%2Fb?x=1")).expect_err("refused")
}

#[test]
fn query_parameters_are_encoded_and_appended() {
    let request = API.get("/people?a=1").query("name", "Ada & Co").query("n", 2);
    assert_eq!(request.raw.url, "https://api.example.com/people?a=1&name=Ada%20%26%20Co&n=2");
}

#[test]
fn a_form_is_encoded() {
    let request = API.post("/token").form(&[("a", "1 2"), ("b", "&")]);
    assert_eq!(request.raw.body.as_deref(), Some(b"a=1%202&b=%26".as_slice()));
}

#[test]
fn a_status_that_was_accepted_is_a_reply() {
    let reply = answered(404, json!({ "why": "none" }), API.get("/x").accept(404)).expect("accepted");
    assert_eq!((reply.status, reply.json().expect("json")), (404, json!({ "why": "none" })));
}

#[test]
fn an_empty_body_reads_as_null() {
    let reply = answered(204, Value::Null, API.delete("/x")).expect("2xx");
    assert_eq!(reply.json(), Ok(Value::Null));
}

#[test]
fn a_body_that_is_no_json_is_a_permanent_failure() {
    let reply = answered(200, json!("<html>"), API.get("/x")).expect("2xx");
    assert!(matches!(reply.json(), Err(Error::Permanent(fault)) if fault.code == "unreadable_answer"));
}

#[test]
fn an_unreadable_answer_to_a_create_leaves_open_whether_it_was_made() {
    let reply = answered(200, json!("<html>"), API.post("/x")).expect("2xx");
    assert!(matches!(reply.json(), Err(Error::Indeterminate(fault)) if fault.code == "unreadable_answer"));
}

#[test]
fn an_answer_that_lacks_what_every_one_has_is_unreadable() {
    let usable = |page: &Value| page["items"].is_array();
    let page = |body| answered(200, body, API.get("/x")).expect("2xx").json_if(usable);
    assert_eq!(page(json!({ "items": [] })), Ok(json!({ "items": [] })));
    for other in [Value::Null, json!("text"), json!([]), json!({}), json!({ "items": {} })] {
        assert!(matches!(page(other), Err(Error::Permanent(fault)) if fault.code == "unreadable_answer"));
    }
}

#[test]
fn each_status_has_its_error() {
    assert!(matches!(refused(400), Error::InvalidInput(_)));
    assert!(matches!(refused(401), Error::AuthExpired(_)));
    assert!(matches!(refused(403), Error::Forbidden(_)));
    assert_eq!(refused(404), Error::NotFound("a/b".into()));
    for (status, expected) in
        [(409, ConflictReason::Duplicate), (412, ConflictReason::StaleVersion), (423, ConflictReason::Locked)]
    {
        assert!(matches!(refused(status), Error::Conflict(conflict) if conflict.reason == expected));
    }
    assert!(matches!(refused(429), Error::RateLimited(_)));
    assert!(matches!(refused(408), Error::Transient(_)));
    assert!(matches!(refused(302), Error::Permanent(_)));
}

#[test]
fn a_failure_of_the_provider_is_transient_only_where_repeating_is_harmless() {
    let failed = |request| answered(503, Value::Null, request).expect_err("refused");
    assert!(matches!(failed(API.get("/x")), Error::Transient(_)));
    assert!(matches!(failed(API.post("/x")), Error::Indeterminate(_)));
    assert!(matches!(failed(API.post("/x").repeatable()), Error::Transient(_)));
    assert!(matches!(failed(API.post("/x").idempotency_key("k")), Error::Transient(_)));
}

#[test]
fn a_lost_answer_to_a_write_is_indeterminate() {
    let lost = HttpError::SentNoAnswer("reset".into());
    let (error, _) = Stage::new().then_fail(lost).run(|| API.post("/x").send());
    assert!(matches!(error, Err(Error::Indeterminate(_))));
}

#[test]
fn the_connectors_own_explanation_comes_first() {
    let error = answered(403, json!({ "code": "quota" }), API.get("/x")).expect_err("refused");
    assert!(matches!(error, Error::RateLimited(limit) if limit.bucket.as_deref() == Some("daily")));
}
