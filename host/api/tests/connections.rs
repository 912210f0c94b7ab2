//! Connections: made, read, changed, tested, deleted; a credential goes in and never comes out.
#![expect(clippy::unwrap_used, reason = "a test fails on what it does not expect")]

mod common;

use std::time::Duration;

use api::{Limits, LiveError};
use common::{Site, TOKEN, acme};
use model::{Clock as _, ConnectionId, ExchangeId, Millis};
use serde_json::{Value, json};
use store::{CallEnd, Described, Exchange, Message, NewConnection, NewJob, Strike};

const CONNECTIONS: &str = "/api/connections";

#[tokio::test]
async fn a_connection_is_made_and_read_back_without_its_credential() {
    let site = Site::new().await;
    let mut body = acme();
    body["name"] = json!("Our CRM");
    body["settings"] = json!({"pipeline": "p1"});
    body["syncSettings"] = json!({"syncCalls": false});
    body["fieldMapping"] = json!({"callerName": "firstname,lastname", "callerPhone": "phone", "callerEmail": "email", "reason": "description"});
    let made = site.post(CONNECTIONS, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(made.headers["location"], format!("{CONNECTIONS}/{id}"));
    for (member, value) in [
        ("connector", json!("acme-crm")),
        ("name", json!("Our CRM")),
        ("status", json!("active")),
        ("statusReason", json!(null)),
        ("credentialKind", json!("bearer")),
        ("settings", body["settings"].clone()),
        ("syncSettings", body["syncSettings"].clone()),
        ("fieldMapping", body["fieldMapping"].clone()),
        ("account", json!(null)),
        ("createdAt", json!("2026-11-20T10:00:00.000Z")),
    ] {
        assert_eq!(made.json[member], value, "{member}");
    }
    let read = site.get(&format!("{CONNECTIONS}/{id}")).await;
    let list = site.get(CONNECTIONS).await;
    assert_eq!((&read.json, &list.json["connections"][0]), (&made.json, &made.json));
    for answer in [&made, &read, &list] {
        assert!(
            !answer.text.contains(TOKEN) && !answer.json.to_string().contains("credentials\""),
            "{}",
            answer.text
        );
    }
    let (kind, sealed) = site.store.sealed_credential(&ConnectionId(id.to_owned())).await.unwrap().unwrap();
    assert_eq!(kind, "bearer");
    assert!(
        !sealed.windows(TOKEN.len()).any(|w| w == TOKEN.as_bytes()),
        "the credential lies open in the store"
    );
}

#[tokio::test]
async fn a_url_that_is_the_secret_is_taken_where_the_manifest_has_it() {
    let site = Site::new().await;
    let hook = |url: &str| json!({"connector": "hook", "credentials": {"webhookUrl": url}});
    let made = site.post(CONNECTIONS, hook("https://hooks.acme.example/catch/1/abc")).await;
    assert_eq!((made.status.as_u16(), &made.json["credentialKind"]), (201, &json!("webhook-url")));
    assert!(!made.text.contains("catch/1/abc"));
    for url in [
        "https://evil.example/catch/1",
        "http://hooks.acme.example/catch/1",
        "https://hooks.acme.example/x",
        "x",
    ] {
        let answer = site.post(CONNECTIONS, hook(url)).await;
        answer.is_problem(422, "invalid_credentials");
        assert!(!answer.text.contains("catch/1"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_change_replaces_the_members_that_it_gives_and_no_others() {
    let site = Site::new().await;
    let path = site.connect().await;
    let patch = |change: Value| site.ask("PATCH", &path, Some(change));
    let before = site.get(&path).await.json;
    assert_eq!(patch(json!({})).await.json["name"], before["name"]);
    let now = patch(json!({"name": "New", "fieldMapping": {"reason": "note"}})).await.json;
    assert_eq!((&now["name"], &now["fieldMapping"]), (&json!("New"), &json!({"reason": "note"})));
    assert_eq!((&now["settings"], &now["credentialKind"]), (&before["settings"], &before["credentialKind"]));
    assert_eq!(patch(json!({"fieldMapping": null})).await.json["fieldMapping"], json!(null));
    assert_eq!(patch(json!({"status": "disabled"})).await.json["status"], "disabled");
    assert_eq!(patch(json!({"status": "active"})).await.json["status"], "active");
    let id: ConnectionId = path.rsplit('/').next().unwrap().into();
    let sealed = site.store.sealed_credential(&id).await.unwrap();
    let answer = patch(json!({"credentials": {"accessToken": "another-token-for-tests"}})).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.text.contains("another-token"));
    assert_ne!(site.store.sealed_credential(&id).await.unwrap(), sealed);
}

#[tokio::test]
async fn a_mapping_is_checked_against_what_the_provider_last_said() {
    let site = Site::new().await;
    let path = site.connect().await;
    let id: ConnectionId = path.rsplit('/').next().unwrap().into();
    let mapping = json!({"fieldMapping": {"callerName": "frstname", "reason": "description"}});
    assert_eq!(site.ask("PATCH", &path, Some(mapping.clone())).await.status, 200, "nothing is known yet");
    let schema = json!({"object": "contact", "fields": {"type": "object", "properties": {"firstname": {}, "phone": {}}}});
    let described = Described { object: "contact".into(), schema, at: Millis(0) };
    site.store.put_described(&id, &described).await.unwrap();
    let answer = site.ask("PATCH", &path, Some(mapping)).await;
    answer.is_problem(422, "unknown_field");
    assert_eq!(answer.json["errors"][0]["path"], "fieldMapping.callerName");
    assert!(answer.text.contains("did you mean firstname?"), "{}", answer.text);
    let right = json!({"fieldMapping": {"callerName": "firstname", "reason": "description"}});
    assert_eq!(site.ask("PATCH", &path, Some(right)).await.status, 200);
}

#[tokio::test]
async fn connections_are_listed_in_pages() {
    let site = Site::new().await;
    for _ in 0..5 {
        site.connect().await;
        site.clock.advance(1);
    }
    let (mut seen, mut path) = (Vec::new(), format!("{CONNECTIONS}?limit=2"));
    loop {
        let page = site.get(&path).await.json;
        let rows = page["connections"].as_array().unwrap();
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|c| c["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{CONNECTIONS}?limit=2&after={next}");
    }
    let mut once = seen.clone();
    once.dedup();
    assert_eq!((seen.len(), once.len()), (5, 5));
}

#[tokio::test]
async fn a_deleted_connection_is_gone() {
    let site = Site::new().await;
    let path = site.connect().await;
    let answer = site.ask("DELETE", &path, None).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    for method in ["GET", "DELETE"] {
        site.ask(method, &path, None).await.is_problem(404, "not_found");
    }
    assert_eq!(site.stored_connections().await, 0);
}

#[tokio::test]
async fn another_organizations_connection_is_not_found_by_any_route() {
    let site = Site::new().await;
    let path = site.connect().await;
    let exchange = record(&site, &path, "x1").await;
    let stranger = site.stranger().await;
    for (method, path, body) in [
        ("GET", path.clone(), None),
        ("PATCH", path.clone(), Some(json!({"name": "mine"}))),
        ("DELETE", path.clone(), None),
        ("POST", format!("{path}/test"), None),
        ("GET", format!("{path}/exchanges"), None),
        ("GET", format!("{path}/exchanges?format=har"), None),
        ("GET", format!("{path}/exchanges/{exchange}"), None),
    ] {
        site.ask_as(&stranger, method, &path, body).await.is_problem(404, "not_found");
    }
    assert_eq!(site.ask_as(&stranger, "GET", CONNECTIONS, None).await.json["connections"], json!([]));
    assert_eq!(site.get(&path).await.json["name"], "Acme CRM");
}

#[tokio::test]
async fn a_test_gives_the_account_or_the_providers_refusal() {
    let site = Site::new().await;
    let path = format!("{}/test", site.connect().await);
    let say = |said| *site.said.lock().unwrap() = Some(said);
    say(Ok(json!({"id": "42", "label": "Acme Ltd"})));
    let answer = site.ask("POST", &path, None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json),
        (200, &json!({"ok": true, "account": {"id": "42", "label": "Acme Ltd"}}))
    );
    say(Err(LiveError::Refused { code: "auth_expired".into(), message: "the token was revoked".into() }));
    let answer = site.ask("POST", &path, None).await;
    let error = json!({"code": "auth_expired", "message": "the token was revoked"});
    assert_eq!((answer.status.as_u16(), &answer.json), (200, &json!({"ok": false, "error": error})));
    site.ask("POST", &path, Some(json!({"deep": true}))).await.is_problem(422, "unknown_member");
    say(Ok(json!({})));
    assert_eq!(site.ask("POST", &path, Some(json!({}))).await.json["ok"], true);
    say(Err(LiveError::Unsupported));
    assert_eq!(site.ask("POST", &path, None).await.json["error"]["code"], "unsupported");
    say(Err(LiveError::Busy));
    site.ask("POST", &path, None).await.is_problem(503, "overloaded");
    say(Err(LiveError::Failed("the disk is at /secret/place".into())));
    let answer = site.ask("POST", &path, None).await;
    answer.is_problem(500, "internal");
    assert!(!answer.text.contains("secret"));
}

#[tokio::test]
async fn a_provider_that_never_answers_ends_a_test_in_time() {
    let site = Site::with(Limits { live: Duration::from_millis(50), ..Limits::default() }).await;
    let path = format!("{}/test", site.connect().await);
    assert_eq!(site.ask("POST", &path, None).await.json["error"]["code"], "timeout");
}

/// Puts an exchange on record.
async fn record(site: &Site, path: &str, id: &str) -> String {
    let exchange = Exchange {
        id: ExchangeId(id.into()),
        org: site.org.clone(),
        connection: path.rsplit('/').next().unwrap().into(),
        job: None,
        started_at: Millis::parse("2026-11-20T10:00:00Z").unwrap(),
        ms: 31,
        method: "POST".into(),
        url: "https://api.acme.example/v1/contacts".into(),
        status: Some(201),
        refusal: None,
        request: Message {
            headers: vec![("authorization".into(), "REDACTED".into())],
            body: Some("{}".into()),
            body_encoding: None,
            body_size: 2,
        },
        response: Some(Message::default()),
    };
    site.store.record_exchange(exchange);
    id.to_owned()
}

#[tokio::test]
async fn exchanges_are_read_one_by_one_in_pages_and_as_har() {
    let site = Site::new().await;
    let path = site.connect().await;
    let other = site.connect().await;
    for id in ["x1", "x2", "x3"] {
        record(&site, &path, id).await;
    }
    let page = site.get(&format!("{path}/exchanges?limit=2")).await.json;
    let ids: Vec<_> =
        page["exchanges"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap()).collect();
    assert_eq!((ids, &page["next"]), (vec!["x3", "x2"], &json!("x2")));
    let rest = site.get(&format!("{path}/exchanges?limit=2&before=x2")).await.json;
    assert_eq!((&rest["exchanges"][0]["id"], &rest["next"]), (&json!("x1"), &json!(null)));
    let one = site.get(&format!("{path}/exchanges/x1")).await.json;
    assert_eq!((&one, &one["startedAt"]), (&rest["exchanges"][0], &json!("2026-11-20T10:00:00.000Z")));
    assert_eq!(one["request"]["headers"], json!([{"name": "authorization", "value": "REDACTED"}]));
    site.get(&format!("{other}/exchanges/x1")).await.is_problem(404, "not_found");
    site.get(&format!("{path}/exchanges/none")).await.is_problem(404, "not_found");
    let har = site.get(&format!("{path}/exchanges?format=har")).await.json;
    assert_eq!(har["log"]["version"], "1.2");
    site.get(&format!("{path}/exchanges?format=xml")).await.is_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn connectors_say_what_they_are_and_what_they_may_reach() {
    let site = Site::new().await;
    let list = site.get("/api/connectors").await.json;
    assert_eq!(list["connectors"].as_array().unwrap().len(), 2);
    let acme = site.get("/api/connectors/acme-crm").await.json;
    assert!(list["connectors"].as_array().unwrap().contains(&acme));
    for (member, value) in [
        ("name", json!("Acme CRM")),
        ("version", json!("1.2.3")),
        ("categories", json!(["crm"])),
        ("capabilities", json!(["crm/write", "core/lifecycle"])),
    ] {
        assert_eq!(acme[member], value, "{member}");
    }
    assert_eq!(acme["auth"][0]["kind"], "bearer");
    assert_eq!(acme["auth"][0]["members"], json!(["accessToken"]));
    assert_eq!(acme["settings"]["region"]["oneOf"], json!(["eu", "us"]));
    assert_eq!(acme["permissions"]["reach"][0]["host"], "api.acme.example");
    assert_eq!(acme["permissions"]["credentials"][0]["hosts"], json!(["api.acme.example"]));
}

#[tokio::test]
async fn an_organization_has_a_thousand_connections_at_most() {
    let site = Site::new().await;
    let new = |n: usize| NewConnection {
        id: ConnectionId(format!("c{n}")),
        org: site.org.clone(),
        connector: "acme-crm".into(),
        name: "one of many".into(),
        credential_kind: None,
        credential: None,
        settings: json!({}),
        sync_settings: std::collections::BTreeMap::new(),
        field_mapping: None,
    };
    let made = futures::future::join_all((0..1_000).map(|n| site.store.create_connection(new(n)))).await;
    assert!(made.iter().all(Result::is_ok));
    site.post(CONNECTIONS, acme()).await.is_problem(409, "too_many_connections");
    let other = site.stranger().await;
    assert_eq!(site.ask_as(&other, "POST", CONNECTIONS, Some(acme())).await.status, 201);
}

impl Site {
    /// Five calls in a row of this connection are halted.
    async fn halted(&self, connection: &str) {
        let connector = self.store.connector("acme-crm").await.unwrap().unwrap();
        for _ in 0..5 {
            let strike = Strike {
                code: "halt_cpu".to_owned(),
                reason: format!("halted while it worked on {connection}"),
                waits_ms: vec![1_000],
                most: 5,
            };
            let began = self.clock.now();
            let end = CallEnd { digest: connector.digest.clone(), began, strike: Some(strike) };
            self.store.call_ended(&ConnectionId(connection.to_owned()), end).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_quarantine_is_shown_to_those_whom_it_concerns_and_names_nobody_elses_connection() {
    let site = Site::new().await;
    let stranger = site.stranger().await;
    let mine = site.post(CONNECTIONS, acme()).await.json["id"].as_str().unwrap().to_owned();
    let made = site.ask_as(&stranger, "POST", CONNECTIONS, Some(acme())).await;
    let theirs = made.json["id"].as_str().unwrap().to_owned();
    let connector = "/api/connectors/acme-crm";
    let events = "/api/connectors/acme-crm/events";

    site.halted(&mine).await;
    let shown = site.get(connector).await.json;
    assert_eq!((&shown["status"], &shown["quarantine"]), (&json!("active"), &json!(null)));
    let own = &shown["quarantinedConnections"][0];
    assert_eq!(
        (&own["connection"], &own["strikes"], &own["wholeVersion"]),
        (&json!(mine), &json!(5), &json!(false))
    );
    let read = site.get(&format!("{CONNECTIONS}/{mine}")).await.json;
    assert_eq!((&read["status"], &read["strikes"]), (&json!("quarantined"), &json!(5)));
    assert!(read["statusReason"].as_str().unwrap().contains("jackfield release acme-crm"), "{read}");
    assert_eq!(site.get(events).await.json["events"][0]["connection"], json!(mine));
    // The other organization learns nothing of it, and goes on.
    let paths = [connector, "/api/connectors", events, &format!("{CONNECTIONS}/{theirs}")].map(str::to_owned);
    for path in &paths {
        let seen = site.ask_as(&stranger, "GET", path, None).await;
        assert!(
            seen.status == 200 && !seen.text.contains(&mine) && !seen.text.contains("halted"),
            "{}",
            seen.text
        );
    }

    site.halted(&theirs).await;
    for (key, own, other) in [(&site.key, &mine, &theirs), (&stranger, &theirs, &mine)] {
        let shown = site.ask_as(key, "GET", connector, None).await.json;
        assert_eq!(shown["status"], "quarantined", "{shown}");
        assert!(shown["quarantine"]["reason"].as_str().unwrap().contains("halt_cpu"), "{shown}");
        let read = site.ask_as(key, "GET", &format!("{CONNECTIONS}/{own}"), None).await.json;
        assert_eq!(read["quarantine"]["wholeVersion"], true, "{read}");
        for path in [connector, "/api/connectors", events] {
            let text = site.ask_as(key, "GET", path, None).await.text;
            assert!(text.contains(own.as_str()) && !text.contains(other.as_str()), "{path}: {text}");
        }
    }
    *site.said.lock().unwrap() = Some(Err(LiveError::Quarantined("not started".to_owned())));
    site.post(&format!("{CONNECTIONS}/{mine}/test"), json!({}))
        .await
        .is_problem(409, "connector_quarantined");
    site.get("/api/connectors/nobody/events").await.is_problem(404, "not_found");
    let page = site.get(&format!("{events}?limit=1")).await.json;
    let next = page["next"].as_str().unwrap();
    let page = site.get(&format!("{events}?limit=1&before={next}")).await.json;
    assert_eq!(page["events"][0]["connection"], json!(mine));
}

#[tokio::test]
async fn what_waits_for_a_quarantine_is_shown_as_held_and_says_what_lifts_it() {
    let site = Site::new().await;
    let mine = site.post(CONNECTIONS, acme()).await.json["id"].as_str().unwrap().to_owned();
    site.post("/api/events", json!({"event": "lead.captured", "id": "e1"})).await;
    let event = site.store.unplanned(1).await.unwrap().remove(0);
    let job = NewJob {
        connection: ConnectionId(mine.clone()),
        operation: "crm/write.upsert contact".into(),
        op_key: "k1".into(),
        lane: 0,
        op: json!({}),
        object: "contact".into(),
        provides: vec![],
        needs: vec![],
    };
    assert!(site.store.complete_plan(&event.id, vec![job]).await.unwrap());
    site.halted(&mine).await;
    let held = site.get("/api/events/e1").await.json;
    assert_eq!((&held["state"], &held["operations"][0]["state"]), (&json!("held"), &json!("held")), "{held}");
    let error = &held["operations"][0]["error"];
    assert_eq!(error["code"], "connector_quarantined", "{held}");
    assert!(error["message"].as_str().unwrap().contains("jackfield release acme-crm"), "{held}");
    let metrics = site.get("/metrics").await.text;
    assert!(metrics.contains("jackfield_operations{state=\"held\"} 1"), "{metrics}");
    site.store.release_connector("acme-crm").await.unwrap();
    let free = site.get("/api/events/e1").await.json;
    assert_eq!(
        (&free["state"], &free["operations"][0]["state"]),
        (&json!("running"), &json!("queued")),
        "{free}"
    );
}
