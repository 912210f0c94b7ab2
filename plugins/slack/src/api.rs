//! The three methods that this connector calls, and Slack's way of answering: HTTP 200, with the outcome in `ok`.

use jackfield_connector::http::{Api, Request};
use jackfield_connector::serde::{Deserialize, Serialize};
use jackfield_connector::{Json, Result, cache, json};

use crate::refusals::{explain, refused};

const SLACK: Api = Api::new("https://slack.com").explained(explain);

/// How long a posted message is remembered, so that a repeated call does not post it twice.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1_000;

/// A message as Slack took it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(crate = "jackfield_connector::serde")]
pub(crate) struct Posted {
    /// The channel's id, whatever it was named by.
    pub channel: String,
    /// The message's id in its channel.
    pub ts: String,
    /// The message that it hangs under.
    pub thread_ts: Option<String>,
}

/// Whose token it is, and what it may do.
pub(crate) fn auth_test() -> Result<(Json, Vec<String>)> {
    let reply = json_body(SLACK.post("/api/auth.test").repeatable(), &json!({})).send()?;
    let scopes = reply.header("x-oauth-scopes").unwrap_or_default();
    let scopes = scopes.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect();
    let me = succeeded("auth.test", reply.json()?, true)?;
    Ok((holding("auth.test", me, "team_id", Json::is_string, true)?, scopes))
}

/// Posts a text that is already mrkdwn. Slack takes no idempotency key: never repeat it on an unclear answer.
pub(crate) fn post(channel: &str, mrkdwn: &str, thread_ts: Option<&str>) -> Result<Posted> {
    let mut message =
        json!({ "channel": channel, "text": mrkdwn, "unfurl_links": false, "unfurl_media": false });
    if let Some(thread) = thread_ts {
        message["thread_ts"] = thread.into();
    }
    let reply = json_body(SLACK.post("/api/chat.postMessage"), &message).send()?;
    let posted = succeeded("chat.postMessage", reply.json()?, false)?;
    let posted = holding("chat.postMessage", posted, "ts", Json::is_string, false)?;
    let text = |name: &str| posted[name].as_str().unwrap_or_default().to_owned();
    Ok(Posted { channel: text("channel"), ts: text("ts"), thread_ts: thread_ts.map(str::to_owned) })
}

/// One page of channels that are not archived; `types` as Slack writes them.
pub(crate) fn conversations(types: &str, limit: u32, cursor: Option<&str>) -> Result<Json> {
    let mut request = SLACK
        .get("/api/conversations.list")
        .query("types", types)
        .query("exclude_archived", true)
        .query("limit", limit);
    if let Some(cursor) = cursor {
        request = request.query("cursor", cursor);
    }
    let page = succeeded("conversations.list", request.send()?.json()?, true)?;
    holding("conversations.list", page, "channels", Json::is_array, true)
}

/// Does it, unless it was done under this key before.
pub(crate) fn once(key: &str, post: impl FnOnce() -> Result<Posted>) -> Result<Posted> {
    let key = format!("posted:{key}");
    // The host's limit on a key is 256 bytes.
    let fits = key.len() <= 256;
    if let Some(posted) = fits.then(|| cache::get(&key)).flatten() {
        return Ok(posted);
    }
    let posted = post()?;
    if fits {
        cache::put(&key, &posted, REMEMBERED_MS);
    }
    Ok(posted)
}

/// Slack remarks on JSON without a charset.
fn json_body(request: Request, body: &Json) -> Request {
    request.body("application/json; charset=utf-8", body.to_string().into_bytes())
}

/// A success that lacks what every one has is none of Slack's.
fn holding(
    method: &str,
    answer: Json,
    member: &str,
    is: fn(&Json) -> bool,
    repeatable: bool,
) -> Result<Json> {
    if is(&answer[member]) { Ok(answer) } else { Err(refused(method, &Json::Null, repeatable)) }
}

fn succeeded(method: &str, answer: Json, repeatable: bool) -> Result<Json> {
    if answer["ok"] == true { Ok(answer) } else { Err(refused(method, &answer, repeatable)) }
}
