//! What an agent may do: post a message, list channels.

use jackfield_connector::automation::{Action, ActionPage, Actions, Call, Effects, Outcome};
use jackfield_connector::serde::{Deserialize, de::DeserializeOwned};
use jackfield_connector::{Error, Json, Result, json, serde_json};

use crate::{Slack, api, channels, mrkdwn};

#[derive(Deserialize)]
#[serde(crate = "jackfield_connector::serde")]
struct PostMessage {
    channel: String,
    text: String,
    thread_ts: Option<String>,
}

#[derive(Deserialize)]
#[serde(crate = "jackfield_connector::serde")]
struct ListChannels {
    cursor: Option<String>,
    limit: Option<u32>,
}

impl Actions for Slack {
    fn list_actions(_: Option<String>) -> Result<ActionPage> {
        Ok(ActionPage { actions: vec![post_message(), list_channels()], next: None })
    }

    fn invoke(call: Call) -> Result<Outcome> {
        match call.action.as_str() {
            "post_message" => post(&read(&call)?, &call.op_key),
            "list_channels" => list(&read(&call)?),
            other => Err(Error::unsupported(&format!("the action `{other}`"))),
        }
    }
}

fn post(input: &PostMessage, op_key: &str) -> Result<Outcome> {
    let text = mrkdwn::escape(&input.text, mrkdwn::MESSAGE);
    if text.trim().is_empty() {
        return Err(Error::invalid("text", "no_text", "A message needs a text."));
    }
    let posted = api::once(op_key, || api::post(&input.channel, &text, input.thread_ts.as_deref()))?;
    Ok(outcome(&json!({ "channel": posted.channel, "ts": posted.ts }), "Posted."))
}

fn list(input: &ListChannels) -> Result<Outcome> {
    let page = channels::list(input.limit.unwrap_or(100).clamp(1, 200), input.cursor.as_deref())?;
    let channels: Vec<Json> = channels::channels(&page)
        .map(|channel| {
            json!({
                "id": channel["id"],
                "name": channel["name"],
                "is_private": channel["is_private"] == true,
                "is_member": channel["is_member"] == true,
            })
        })
        .collect();
    let names: Vec<String> =
        channels.iter().filter_map(|c| Some(format!("#{}", c["name"].as_str()?))).collect();
    Ok(outcome(&json!({ "channels": channels, "next_cursor": channels::next(&page) }), &names.join(" ")))
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T> {
    serde_json::from_str(&call.input).map_err(|e| Error::invalid("input", "malformed", &e.to_string()))
}

fn outcome(output: &Json, text: &str) -> Outcome {
    Outcome { output: output.to_string(), text: Some(text.to_owned()) }
}

fn post_message() -> Action {
    let input = json!({
        "type": "object",
        "properties": {
            "channel": { "type": "string", "minLength": 1, "maxLength": 255, "description": "The channel's id, C0123456789; list_channels knows it." },
            "text": { "type": "string", "minLength": 1, "maxLength": mrkdwn::MESSAGE, "description": "The message. Slack's own markup (*bold*, _italic_, `code`) works; mentions and links in angle brackets do not." },
            "thread_ts": { "type": "string", "pattern": "^[0-9]{1,20}\\.[0-9]{1,6}$", "description": "The `ts` of the message to reply to." },
        },
        "required": ["channel", "text"],
        "additionalProperties": false,
    });
    let output = json!({
        "type": "object",
        "properties": { "channel": { "type": "string" }, "ts": { "type": "string" } },
        "required": ["channel", "ts"],
    });
    Action {
        name: "post_message".to_owned(),
        title: "Post a message".to_owned(),
        description: "Posts a message to a Slack channel where people read it at once. Use it to tell or ask a team something. Do not use it to keep notes, and do not post the same thing twice.".to_owned(),
        input_schema: input.to_string(),
        output_schema: Some(output.to_string()),
        effects: Effects { read_only: false, destructive: false, idempotent: false, open_world: true },
    }
}

fn list_channels() -> Action {
    let input = json!({
        "type": "object",
        "properties": {
            "cursor": { "type": "string", "maxLength": 1024, "description": "`next_cursor` of the page before." },
            "limit": { "type": "integer", "minimum": 1, "maximum": 200, "description": "100 if left out." },
        },
        "additionalProperties": false,
    });
    let channel = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "name": { "type": "string" },
            "is_private": { "type": "boolean" },
            "is_member": { "type": "boolean", "description": "Whether the bot is in it; it posts only where it is." },
        },
        "required": ["id", "name"],
    });
    let output = json!({
        "type": "object",
        "properties": {
            "channels": { "type": "array", "items": channel },
            "next_cursor": { "type": ["string", "null"], "description": "null at the end." },
        },
        "required": ["channels"],
    });
    Action {
        name: "list_channels".to_owned(),
        title: "List channels".to_owned(),
        description: "Lists the Slack channels that are not archived, a page at a time. Use it to find a channel's id before posting.".to_owned(),
        input_schema: input.to_string(),
        output_schema: Some(output.to_string()),
        effects: Effects { read_only: true, destructive: false, idempotent: true, open_world: false },
    }
}
