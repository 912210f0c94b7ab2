//! Slack's fake takes what Slack takes, and refuses what it refuses.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod support;

use providers::slack::Config;
use providers::{Limit, Slack};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Client, standing_still};

const POST: &str = "/api/chat.postMessage";

async fn workspace() -> (Slack, Client) {
    let (settings, _) = standing_still();
    let config = Config { settings, per_channel: Limit::none(), ..Config::default() };
    let fake = Slack::start(config).await.unwrap();
    let client = Client::new(&fake.url(), "test-token-slack");
    (fake, client)
}

fn refused(answer: &Answer) -> (u16, bool, &str) {
    let ok = answer.json["ok"].as_bool().unwrap_or(true);
    (answer.status, ok, answer.json["error"].as_str().unwrap_or_default())
}

fn channel(fake: &Slack, name: &str) -> String {
    fake.channels().into_iter().find(|channel| channel.name == name).unwrap().id
}

#[tokio::test]
async fn a_message_is_posted_answered_and_changed() {
    let (fake, client) = workspace().await;
    let calls = channel(&fake, "calls");
    let first = client.post(POST, json!({"channel": calls, "text": "Call started"})).await;
    assert_eq!((first.status, &first.json["ok"], &first.json["channel"]), (200, &json!(true), &json!(calls)));
    let ts = first.json["ts"].as_str().unwrap();
    let second = client.post(POST, json!({"channel": "#calls", "text": "Call ended", "thread_ts": ts})).await;
    assert_eq!(second.json["message"]["thread_ts"], ts);
    assert_ne!(second.json["ts"], ts);
    let changed =
        client.post("/api/chat.update", json!({"channel": calls, "ts": ts, "text": "Call over"})).await;
    assert_eq!((&changed.json["ok"], &changed.json["text"]), (&json!(true), &json!("Call over")));
    let texts: Vec<String> = fake.messages("calls").into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["Call over", "Call ended"]);
}

#[tokio::test]
async fn a_form_does_as_well_as_json() {
    let (fake, client) = workspace().await;
    let blocks = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "Hi"}}]).to_string();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("channel", &channel(&fake, "calls"));
    let body = form.append_pair("text", "Hello there").append_pair("blocks", &blocks).finish();
    let answer = client.send("POST", POST, "application/x-www-form-urlencoded", &body).await.unwrap();
    assert_eq!(answer.json["message"]["text"], "Hello there");
    assert_eq!(answer.json["message"]["blocks"][0]["text"]["text"], "Hi");
}

#[tokio::test]
async fn refusals_come_with_status_200() {
    let (fake, client) = workspace().await;
    let (calls, random) = (channel(&fake, "calls"), channel(&fake, "random"));
    let secret = fake.add_channel("board", true, false);
    let old = fake.add_channel("old", false, true);
    fake.archive_channel(&old);
    let many: Vec<Value> = (0..51).map(|_| json!({"type": "divider"})).collect();
    let cases = [
        (json!({"text": "x"}), "invalid_arguments"),
        (json!({"channel": "C0", "text": "x"}), "channel_not_found"),
        (json!({"channel": secret, "text": "x"}), "channel_not_found"),
        (json!({"channel": random, "text": "x"}), "not_in_channel"),
        (json!({"channel": old, "text": "x"}), "is_archived"),
        (json!({"channel": calls}), "no_text"),
        (json!({"channel": calls, "text": ""}), "no_text"),
        (json!({"channel": calls, "text": "x", "blocks": many}), "invalid_blocks"),
        (json!({"channel": calls, "text": "x", "blocks": [{"type": "paragraph"}]}), "invalid_blocks"),
        (json!({"channel": calls, "text": "x", "markdown_text": "y"}), "markdown_text_conflict"),
        (json!({"channel": calls, "text": "x", "thread_ts": "1.000001"}), "thread_not_found"),
        (json!({"channel": calls, "text": "x", "thread_ts": 0}), "invalid_thread_ts"),
        (json!({"channel": calls, "text": "x", "metadata": {"a": 1}}), "invalid_metadata_schema"),
    ];
    for (body, error) in cases {
        let answer = client.post(POST, body.clone()).await;
        assert_eq!(refused(&answer), (200, false, error), "{body}");
    }
    let gone = client.post("/api/chat.update", json!({"channel": calls, "ts": "1.0", "text": "x"})).await;
    assert_eq!(refused(&gone), (200, false, "message_not_found"));
    assert_eq!(refused(&client.post("/api/chat.shout", json!({})).await), (200, false, "unknown_method"));
}

#[tokio::test]
async fn the_way_a_body_is_sent_matters() {
    let (fake, client) = workspace().await;
    let body = json!({"channel": channel(&fake, "calls"), "text": "x"}).to_string();
    let bare = client.send("POST", POST, "application/json", &body).await.unwrap();
    assert_eq!((&bare.json["ok"], &bare.json["warning"]), (&json!(true), &json!("missing_charset")));
    let plain = client.send("POST", POST, "text/plain", &body).await.unwrap();
    assert_eq!(refused(&plain), (200, false, "invalid_post_type"));
    let cut = client.send("POST", POST, "application/json; charset=utf-8", "{").await.unwrap();
    assert_eq!(refused(&cut), (200, false, "invalid_json"));
    // This method takes no JSON: what is in it counts as not sent.
    let info = client.post("/api/conversations.info", json!({"channel": channel(&fake, "calls")})).await;
    assert_eq!(refused(&info), (200, false, "invalid_arguments"));
}

#[tokio::test]
async fn tokens_are_checked_with_their_scopes() {
    let (fake, client) = workspace().await;
    assert_eq!(
        refused(&Client::without_token(&fake.url()).get("/api/auth.test").await),
        (200, false, "not_authed")
    );
    let other = Client::new(&fake.url(), "another").get("/api/auth.test").await;
    assert_eq!(refused(&other), (200, false, "invalid_auth"));
    assert_eq!(client.get("/api/auth.test").await.json["team"], "Marsh and Ortiz");
    fake.tokens(|tokens| tokens.accept_scoped("test-token-slack", ["channels:read"]));
    let refusal = client.post(POST, json!({"channel": "calls", "text": "x"})).await;
    assert_eq!(refused(&refusal), (200, false, "missing_scope"));
    assert_eq!(
        (&refusal.json["needed"], &refusal.json["provided"]),
        (&json!("chat:write"), &json!("channels:read"))
    );
    fake.tokens(|tokens| tokens.accept_scoped("test-token-slack", ["chat:write", "chat:write.public"]));
    let random = client.post(POST, json!({"channel": channel(&fake, "random"), "text": "x"})).await;
    assert_eq!(random.json["ok"], true);
    fake.tokens(|tokens| tokens.revoke("test-token-slack"));
    assert_eq!(refused(&client.get("/api/auth.test").await), (200, false, "token_revoked"));
}

#[tokio::test]
async fn channels_are_listed_page_by_page_and_joined() {
    let (fake, client) = workspace().await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let cursor_text: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        let page = client.get(&format!("/api/conversations.list?limit=2&cursor={cursor_text}")).await;
        seen.extend(
            page.json["channels"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["name"].as_str().unwrap().to_owned()),
        );
        cursor = page.json["response_metadata"]["next_cursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ["calls", "general", "random"]);
    assert_eq!(
        refused(&client.get("/api/conversations.list?types=rooms").await),
        (200, false, "invalid_types")
    );
    assert_eq!(
        refused(&client.get("/api/conversations.list?cursor=x").await),
        (200, false, "invalid_cursor")
    );

    let random = channel(&fake, "random");
    let joined = client.post("/api/conversations.join", json!({"channel": random})).await;
    assert_eq!(joined.json["channel"]["is_member"], true);
    let again = client.post("/api/conversations.join", json!({"channel": random})).await;
    assert_eq!(again.json["warning"], "already_in_channel");
    assert_eq!(
        client.get(&format!("/api/conversations.info?channel={random}")).await.json["channel"]["name"],
        "random"
    );
}

#[tokio::test]
async fn people_are_found_by_address() {
    let (_fake, client) = workspace().await;
    let found = client.get("/api/users.lookupByEmail?email=ADA.marsh%40example.com").await;
    assert_eq!(found.json["user"]["name"], "ada");
    let absent = client.get("/api/users.lookupByEmail?email=x%40example.com").await;
    assert_eq!(refused(&absent), (200, false, "users_not_found"));
}

#[tokio::test]
async fn one_message_a_second_goes_to_a_channel() {
    let (settings, clock) = standing_still();
    let fake = Slack::start(Config { settings, ..Config::default() }).await.unwrap();
    let client = Client::new(&fake.url(), "test-token-slack");
    let body = |channel: &str| json!({"channel": channel, "text": "x"});
    assert_eq!(client.post(POST, body("calls")).await.json["ok"], true);
    let second = client.post(POST, body("calls")).await;
    assert_eq!(refused(&second), (429, false, "ratelimited"));
    assert_eq!(second.header("retry-after"), Some("1"));
    assert_eq!(client.post(POST, body("general")).await.json["ok"], true);
    clock.advance(Duration::from_secs(1));
    assert_eq!(client.post(POST, body("calls")).await.json["ok"], true);
}

#[tokio::test]
async fn an_incoming_webhook_speaks_plain_words() {
    let (fake, _) = workspace().await;
    let client = Client::without_token(&fake.url());
    let path = fake.add_webhook("calls");
    assert_eq!(client.post(&path, json!({"text": "Hello"})).await.text, "ok");
    assert_eq!(fake.messages("calls").len(), 1);
    let empty = client.post(&path, json!({})).await;
    assert_eq!((empty.status, empty.text.as_str()), (400, "no_text"));
    assert_eq!(client.post("/services/T/B/x", json!({"text": "x"})).await.status, 404);
    fake.archive_channel(&channel(&fake, "calls"));
    assert_eq!(client.post(&path, json!({"text": "x"})).await.status, 410);
}
