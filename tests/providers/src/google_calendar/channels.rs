//! Channels for push messages. They are opened and closed; no message is ever sent.

use super::account::Account;
use super::errors::{Trouble, good};
use super::routes::{Answer, body};
use crate::{Call, Reply};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// A week, the usual life of a channel.
const LIFE: i64 = 7 * 24 * 3600;
const ROOT: &str = "https://www.googleapis.com/calendar/v3";

/// One open channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// The id that its opener chose.
    pub id: String,
    /// The id of what is watched.
    pub resource: String,
    /// Where messages would go.
    pub address: String,
    /// What messages would carry.
    pub token: Option<String>,
    /// When it ends, in milliseconds since 1970.
    pub expiration: i64,
}

impl Account {
    pub(super) fn watch(&mut self, call: &Call, calendar: &str) -> Answer {
        self.allowed(call, &["calendar.events", "calendar.events.readonly", "calendar.readonly"])?;
        let body = body(call)?;
        let resource = format!("res-{}", self.calendar(calendar)?.id.replace(['@', '.'], "-"));
        let id = text(&body, "id").filter(|id| id.len() <= 64);
        let id = id.ok_or_else(|| Trouble::bad("required", "Missing or overlong channel id."))?;
        if text(&body, "type").is_none_or(|kind| kind != "web_hook" && kind != "webhook") {
            return Err(Trouble::invalid("Unknown channel type."));
        }
        let address = text(&body, "address").unwrap_or_default();
        if !address.starts_with("https://") {
            let message = format!("WebHook callback must be HTTPS: {address}");
            return Err(Trouble::bad("push.webhookUrlNotHttps", message));
        }
        if self.channels.iter().any(|channel| channel.id == id) {
            return Err(Trouble::bad("channelIdNotUnique", format!("Channel id {id} not unique")));
        }
        let token = text(&body, "token");
        if token.as_ref().is_some_and(|token| token.len() > 256) {
            return Err(Trouble::invalid("The channel's token is too long."));
        }
        let life = body.get("params").and_then(|params| params["ttl"].as_str()?.parse().ok()).unwrap_or(LIFE);
        let expiration = call.now.as_millisecond() + life.clamp(1, LIFE) * 1000;
        let mut told = json!({
            "kind": "api#channel",
            "id": id,
            "resourceId": resource,
            "resourceUri": format!("{ROOT}/calendars/{calendar}/events?alt=json"),
            "expiration": expiration.to_string(),
        });
        if let Some(token) = &token {
            told["token"] = token.clone().into();
        }
        self.channels.push(Channel { id, resource, address, token, expiration });
        Ok(good(&told))
    }

    pub(super) fn stop_channel(&mut self, call: &Call) -> Answer {
        let body = body(call)?;
        let (id, resource) = (text(&body, "id"), text(&body, "resourceId"));
        let before = self.channels.len();
        self.channels.retain(|channel| {
            Some(&channel.id) != id.as_ref() || Some(&channel.resource) != resource.as_ref()
        });
        if self.channels.len() == before {
            let message = format!("Channel '{}' not found for project", id.unwrap_or_default());
            return Err(Trouble::new(StatusCode::NOT_FOUND, "notFound", message));
        }
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }
}

fn text(body: &Map<String, Value>, name: &str) -> Option<String> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}
