//! authorise and redaction: the credential goes where it belongs, and is seen nowhere else.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Keys, TOKEN, World, answer, bearer, get, manifest, ok, post};
use egress::{AuthoriseError, Injection, Refusal};
use model::Secret;
use serde_json::{Value, json};

const URL: &str = "https://api.example.com/v1/x";

fn giving(injection: Injection) -> Keys {
    Keys::giving(move |_| Ok(vec![injection.clone()]))
}

#[tokio::test]
async fn the_host_adds_the_credential_for_the_destination() {
    let world = World::new(|_| ok());
    let keys = Keys::giving(|to| {
        assert_eq!(
            (to.scheme.as_str(), to.host.as_str(), to.port, to.path.as_str()),
            ("https", "api.example.com", 443, "/v1/x")
        );
        assert_eq!(to.binding.as_deref(), Some("second"));
        Ok(vec![bearer(TOKEN)])
    });
    let mut request = get(URL);
    request.auth = Some("second".into());
    world.lane(keys).send(request).await.unwrap();
    assert_eq!(world.seen()[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
}

#[tokio::test]
async fn a_secret_in_a_headers_name_reaches_neither_guest_nor_record() {
    // Names come in lower case, whatever the provider wrote.
    let world = World::new(|_| {
        answer(200, &[("x-Sesame-Street", "1"), ("X-SESAME-STREET-2", "1"), ("x-a", "2")], "")
    });
    let lane = world.lane(Keys::giving(|_| Ok(vec![bearer("sesame-Street")])));
    let response = lane.send(get(URL)).await.unwrap();
    let names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"x-a") && !names.iter().any(|n| n.contains("sesame")), "{names:?}");
    assert!(!world.book.text().contains("sesame"), "{}", world.book.text());
}

#[tokio::test]
async fn an_echoed_secret_reaches_neither_guest_nor_record() {
    let encoded =
        percent_encoding::utf8_percent_encode(TOKEN, percent_encoding::NON_ALPHANUMERIC).to_string();
    let body = format!(
        "{TOKEN} {encoded} {} {} {}",
        STANDARD.encode(TOKEN),
        STANDARD.encode(format!("user:{TOKEN}")),
        TOKEN.replace('/', "\\/")
    );
    let location = format!("https://api.example.com/v1/y?token={encoded}");
    let world = World::new(move |_| answer(400, &[("x-echo", TOKEN), ("location", &location)], &body));
    let lane = world.lane(Keys::bearer());
    let response = lane.send(get(URL)).await.unwrap();
    let guest = format!(
        "{:?} {}",
        response.headers.iter().map(|(_, v)| String::from_utf8_lossy(v)).collect::<Vec<_>>(),
        String::from_utf8_lossy(&response.body)
    );
    let debug = format!("{response:?} {lane:?} {:?}", bearer(TOKEN));
    for text in [guest.as_str(), &world.book.text(), &debug] {
        for form in [TOKEN, "sesame", &encoded, &STANDARD.encode(TOKEN)] {
            assert!(!text.contains(form), "{form} in {text}");
        }
    }
    assert!(guest.contains("REDACTED"));
    let length = response.headers.iter().find(|(n, _)| n == "content-length").unwrap();
    assert_eq!(length.1, response.body.len().to_string().into_bytes());
    let recorded = world.book.last().request.headers;
    assert!(recorded.contains(&("authorization".into(), "REDACTED".into())), "{recorded:?}");
    assert_eq!(lane.redact(&format!("error: {TOKEN} refused")), "error: REDACTED refused");
}

#[tokio::test]
async fn a_secret_in_the_query_is_shown_as_redacted() {
    let world = World::new(|_| ok());
    let lane =
        world.lane(giving(Injection::Query { name: "api_key".into(), value: Secret::new("k/y+1 2&x=é") }));
    lane.send(get("https://api.example.com/v1/x?b=%41&a=1+2")).await.unwrap();
    assert_eq!(world.seen()[0].target, "/v1/x?b=%41&a=1+2&api_key=k%2Fy%2B1+2%26x%3D%C3%A9");
    assert_eq!(world.book.last().url, "https://api.example.com/v1/x?b=%41&a=1+2&api_key=REDACTED");
    for own in ["api_key=mine", "API_KEY=mine", "api%5fkey=mine", "a=1&api_key"] {
        let refusal = lane.send(get(&format!("https://api.example.com/v1/x?{own}"))).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Denied { .. }), "{own}");
    }
}

#[tokio::test]
async fn a_secret_cannot_leave_its_path_segment() {
    let world = World::new(|_| ok());
    let path = |value: &str| Injection::Path { placeholder: "{token}".into(), value: Secret::new(value) };
    for bad in ["123:AA-bb/../../v2", "..", ".", "a\\b", "a\r\nb", "%2e%2e"] {
        for url in ["https://api.example.com/v1/{token}/send", "https://api.example.com/v1/things/{token}"] {
            let lane = world.lane(giving(path(bad)));
            let result = lane.send(get(url)).await;
            let Err(Refusal::Denied { reason, .. }) = &result else {
                // What is sent is one segment, and not a dotted one.
                let target = world.seen().pop().unwrap().target;
                assert_eq!(target.split('/').count(), url.split('/').count() - 2, "{bad:?}: {target}");
                assert!(!target.split('/').any(|s| s == ".." || s == "."), "{bad:?}: {target}");
                continue;
            };
            assert!(reason.contains("cannot stand in a path"), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_telegram_like_token_is_put_into_its_segment() {
    let world = World::new(|_| ok());
    let path = Injection::Path { placeholder: "{token}".into(), value: Secret::new("123456:AAE-x_y") };
    let lane = world.lane(giving(path));
    lane.send(get("https://api.example.com/v1/bot{token}/send?x=1")).await.unwrap();
    assert_eq!(world.seen()[0].target, "/v1/bot123456:AAE-x_y/send?x=1");
    assert_eq!(world.book.last().url, "https://api.example.com/v1/botREDACTED/send?x=1");
    let refusal = lane.send(get(URL)).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Denied { .. }), "without the placeholder: {refusal:?}");
}

#[tokio::test]
async fn a_secret_goes_into_a_json_body_and_leaves_the_rest_as_it_was() {
    let world = World::new(|_| ok());
    let lane = world
        .lane(giving(Injection::Body { field: "/auth/api~1key".into(), value: Secret::new("se\"cret-1") }));
    lane.send(post(
        URL,
        "application/json; charset=utf-8",
        "{\"n\":1.10000000000000000001,\"auth\":{\"u\":\"x\"}}",
    ))
    .await
    .unwrap();
    let body = String::from_utf8(world.seen()[0].body.clone()).unwrap();
    assert!(body.contains("1.10000000000000000001"), "{body}");
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value["auth"], json!({ "u": "x", "api/key": "se\"cret-1" }));
    assert!(!world.book.text().contains("cret-1"));
    for (kind, body) in [
        ("text/plain", "{}"),
        ("application/json", "[1]"),
        ("application/json", "{\"auth\":1}"),
        ("application/json", "nope"),
    ] {
        assert!(
            matches!(lane.send(post(URL, kind, body)).await, Err(Refusal::Denied { .. })),
            "{kind} {body}"
        );
    }
}

#[tokio::test]
async fn a_secret_goes_into_a_form_body() {
    let world = World::new(|_| ok());
    let lane = world
        .lane(giving(Injection::Body { field: "client_secret".into(), value: Secret::new("s3&cret=1") }));
    lane.send(post(URL, "application/x-www-form-urlencoded", "a=1&client_secret=mine")).await.unwrap();
    assert_eq!(world.seen()[0].body, b"a=1&client_secret=s3%26cret%3D1");
    assert_eq!(world.book.last().request.body.as_deref(), Some("a=1&client_secret=REDACTED"));
}

#[tokio::test]
async fn a_credential_that_is_missing_refused_or_malformed_stops_the_request() {
    let world = World::new(|_| ok());
    let failing = |e: AuthoriseError| Keys::giving(move |_| Err(e.clone()));
    for (error, want) in [
        (AuthoriseError::Missing, "auth-expired"),
        (AuthoriseError::Expired, "auth-expired"),
        (AuthoriseError::Refused("bound to another host".into()), "denied"),
        (AuthoriseError::Unavailable("the store is busy".into()), "not-sent"),
    ] {
        let refusal = world.lane(failing(error)).send(get(URL)).await.unwrap_err();
        assert_eq!(refusal.code(), want);
    }
    let broken = bearer("a\r\nx-evil: 1");
    let refusal = world.lane(giving(broken)).send(get(URL)).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Denied { reason, .. } if !reason.contains("evil")), "{refusal:?}");
    assert!(world.dialled().is_empty());
}

#[tokio::test]
async fn the_idempotency_key_goes_into_the_manifests_header() {
    let world = World::new(|_| ok());
    let lane =
        world.lane_with(manifest(json!({ "idempotency": { "header": "Idempotency-Key" } })), Keys::none());
    let mut request = post(URL, "application/json", "{}");
    request.idempotency_key = Some("op-1".into());
    lane.send(request.clone()).await.unwrap();
    assert_eq!(world.seen()[0].header("idempotency-key"), Some("op-1"));
    request.idempotency_key = Some("a\nb".into());
    assert!(lane.send(request.clone()).await.is_err());
    request.idempotency_key = Some("op-1".into());
    world.lane(Keys::none()).send(request).await.unwrap();
    assert_eq!(world.seen()[1].header("idempotency-key"), None, "the manifest names no header");
}

#[tokio::test]
async fn a_secret_across_the_recordings_cut_leaves_no_half() {
    for at in [128 * 1024 - 60, 128 * 1024 - 10, 128 * 1024 - 1] {
        let world = World::new(|_| ok());
        let lane = world.lane(giving(Injection::Body { field: "/zz".into(), value: Secret::new(TOKEN) }));
        let filler = "x".repeat(at);
        lane.send(post(
            URL,
            "application/json",
            &json!({ "a": filler, "zzz": "y".repeat(9_000) }).to_string(),
        ))
        .await
        .unwrap();
        let recorded = world.book.last().request;
        let body = recorded.body.unwrap();
        assert!(!body.contains("pat-eu1"), "{}", &body[body.len() - 80..]);
        assert!(body.len() <= 128 * 1024);
        assert!(recorded.body_size > 137_000);
    }
}

#[tokio::test]
async fn an_answer_in_which_an_echo_could_hide_is_not_handed_out() {
    let world = World::new(|_| answer(200, &[("content-encoding", "gzip")], "an echo that nobody can read"));
    let refusal = world.lane(Keys::bearer()).send(get(URL)).await.unwrap_err();
    assert!(matches!(refusal, Refusal::SentNoAnswer(_)), "{refusal}");
    assert_eq!(world.seen()[0].header("accept-encoding"), Some("identity"));
    for name in ["Range", "if-range", "Accept-Charset"] {
        let mut request = get(URL);
        request.headers.push((name.into(), b"x".to_vec()));
        let refusal = world.lane(Keys::bearer()).send(request).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Denied { .. }), "{name}: {refusal}");
    }
}
