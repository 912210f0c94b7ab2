//! Posting and changing messages; incoming webhooks.

use super::args::Args;
use super::blocks;
use super::errors::Trouble;
use super::methods::Answer;
use super::workspace::{Channel, Message, Workspace};
use crate::{Call, Reply};
use http::StatusCode;
use serde_json::{Value, json};

/// Longer texts are cut.
const TEXT: usize = 40_000;
const MARKDOWN: usize = 12_000;
const METADATA: usize = 8 * 1024;

/// What a message is to say.
struct Content {
    text: String,
    blocks: Option<Value>,
    metadata: Option<Value>,
}

impl Workspace {
    pub(super) fn post_message(&mut self, call: &Call, args: &Args) -> Answer {
        let id = self.writable(&args.need("channel")?, call, args)?;
        let content = content(args)?;
        let thread_ts = args.text("thread_ts");
        if let Some(thread) = &thread_ts {
            if !is_stamp(thread) {
                return Err(Trouble::explained(
                    "invalid_thread_ts",
                    &format!("{thread} is not a valid thread_ts"),
                ));
            }
            let channel = self.channels.get(&id).ok_or_else(|| Trouble::new("channel_not_found"))?;
            if !channel.messages.contains_key(thread) {
                return Err(Trouble::new("thread_not_found"));
            }
        }
        self.take(&format!("post {id}"), self.config.per_channel, call.now).map_err(Trouble::throttled)?;
        let message = self.put(&id, content, thread_ts, call);
        Ok(json!({"channel": id, "ts": message.ts, "message": self.render(&message)}))
    }

    pub(super) fn update(&mut self, _call: &Call, args: &Args) -> Answer {
        let (channel, ts) = (args.need("channel")?, args.need("ts")?);
        let content = content(args)?;
        let found = self.channels.get_mut(&channel).ok_or_else(|| Trouble::new("channel_not_found"))?;
        let message = found.messages.get_mut(&ts).ok_or_else(|| Trouble::new("message_not_found"))?;
        message.text = content.text;
        message.blocks = content.blocks;
        message.edited = true;
        if content.metadata.is_some() {
            message.metadata = content.metadata;
        }
        let message = message.clone();
        let told = self.render(&message);
        Ok(json!({"channel": channel, "ts": ts, "text": message.text, "message": told}))
    }

    /// The id of a channel into which the bot may write.
    fn writable(&self, named: &str, call: &Call, args: &Args) -> Result<String, Trouble> {
        let found = self.channel_named(named).filter(|channel| channel.member || !channel.private);
        let channel = found.ok_or_else(|| Trouble::new("channel_not_found"))?;
        if channel.archived {
            return Err(Trouble::new("is_archived"));
        }
        if !channel.member && !self.may_write_anywhere(call, args) {
            return Err(Trouble::new("not_in_channel"));
        }
        Ok(channel.id.clone())
    }

    /// Writing to channels that one has not joined needs a scope that must be given by name.
    fn may_write_anywhere(&self, call: &Call, args: &Args) -> bool {
        let token = call.bearer().map(str::to_owned).or_else(|| args.text("token"));
        let scopes = self.tokens.scopes(token.as_deref()).unwrap_or_default();
        scopes.iter().any(|scope| scope == "chat:write.public")
    }

    fn put(&mut self, id: &str, content: Content, thread_ts: Option<String>, call: &Call) -> Message {
        let ts = self.stamp(call.now);
        let Content { text, blocks, metadata } = content;
        let message = Message { ts: ts.clone(), text, thread_ts, blocks, metadata, edited: false };
        if let Some(channel) = self.channels.get_mut(id) {
            channel.messages.insert(ts, message.clone());
        }
        message
    }

    fn render(&self, message: &Message) -> Value {
        let mut told = json!({
            "type": "message",
            "user": self.bot_user,
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "team": self.team_id,
            "ts": message.ts,
            "text": message.text,
        });
        if let Some(thread) = &message.thread_ts {
            told["thread_ts"] = thread.clone().into();
        }
        if let Some(blocks) = &message.blocks {
            told["blocks"] = blocks.clone();
        }
        if let Some(metadata) = &message.metadata {
            told["metadata"] = metadata.clone();
        }
        if message.edited {
            told["edited"] = json!({"user": self.bot_user, "ts": message.ts});
        }
        told
    }

    /// An incoming webhook: plain words in both directions.
    pub(super) fn webhook(&mut self, call: &Call) -> Reply {
        let plain =
            |status: StatusCode, word: &'static str| Reply::text(status, "text/plain; charset=utf-8", word);
        let Some(id) = self.webhooks.get(&call.path).cloned() else {
            return plain(StatusCode::NOT_FOUND, "no_service");
        };
        if self.channels.get(&id).is_none_or(|channel: &Channel| channel.archived) {
            return plain(StatusCode::GONE, "channel_is_archived");
        }
        let form = || call.form().into_iter().find(|(name, _)| name == "payload").map(|(_, value)| value);
        let body: Option<Value> = match call.media_type().as_deref() {
            Some("application/x-www-form-urlencoded") => {
                form().and_then(|text| serde_json::from_str(&text).ok())
            }
            _ => serde_json::from_slice(&call.body).ok(),
        };
        let Some(body) = body.filter(Value::is_object) else {
            return plain(StatusCode::BAD_REQUEST, "invalid_payload");
        };
        let text = cut(body["text"].as_str().unwrap_or_default());
        let blocks = body.get("blocks").cloned();
        if blocks.as_ref().is_some_and(|blocks| blocks::check(blocks).is_err()) {
            return plain(StatusCode::BAD_REQUEST, "invalid_blocks");
        }
        if text.is_empty() && blocks.is_none() {
            return plain(StatusCode::BAD_REQUEST, "no_text");
        }
        self.put(&id, Content { text, blocks, metadata: None }, None, call);
        plain(StatusCode::OK, "ok")
    }
}

fn content(args: &Args) -> Result<Content, Trouble> {
    let (text, markdown) = (args.text("text"), args.text("markdown_text"));
    let blocks = args.structure("blocks", "invalid_blocks_format")?;
    let attachments = args.structure("attachments", "invalid_attachments")?;
    if let Some(blocks) = &blocks {
        blocks::check(blocks)?;
    }
    if markdown.is_some() && (text.is_some() || blocks.is_some()) {
        return Err(Trouble::new("markdown_text_conflict"));
    }
    if markdown.as_ref().is_some_and(|text| text.chars().count() > MARKDOWN) {
        return Err(Trouble::new("msg_too_long"));
    }
    let empty = |value: &Option<Value>| value.as_ref().and_then(Value::as_array).is_none_or(Vec::is_empty);
    let text = text.or(markdown);
    if text.is_none() && empty(&blocks) && empty(&attachments) {
        return Err(Trouble::new("no_text"));
    }
    if attachments.as_ref().and_then(Value::as_array).is_some_and(|all| all.len() > 100) {
        return Err(Trouble::new("too_many_attachments"));
    }
    let metadata = args.structure("metadata", "invalid_metadata_format")?;
    if let Some(metadata) = &metadata {
        let shaped = metadata["event_type"].is_string() && metadata["event_payload"].is_object();
        let none = metadata.as_object().is_some_and(serde_json::Map::is_empty);
        if !shaped && !none {
            return Err(Trouble::new("invalid_metadata_schema"));
        }
        if metadata.to_string().len() > METADATA {
            return Err(Trouble::new("metadata_too_large"));
        }
    }
    Ok(Content { text: cut(&text.unwrap_or_default()), blocks, metadata })
}

/// Whether a text has the form of a message's time stamp.
fn is_stamp(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|one| one.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, micros)| digits(seconds) && digits(micros))
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}
