//! Which path and method does what.

use super::account::Account;
use super::errors::Trouble;
use crate::{BodyTrouble, Call, Reply};
use http::StatusCode;
use serde_json::{Map, Value};

/// What a request comes to.
pub(super) type Answer = Result<Reply, Trouble>;

impl Account {
    pub(super) fn route(&mut self, call: &Call) -> Answer {
        let route = call.route();
        let ["calendar", "v3", rest @ ..] = route.as_slice() else { return Err(Trouble::not_found()) };
        match (call.method.as_str(), rest) {
            ("GET", ["users", "me", "calendarList"]) => self.calendar_list(call),
            ("GET", ["users", "me", "calendarList", id]) => self.calendar_entry(call, id),
            ("GET", ["users", "me", "settings", name]) => self.setting(call, name),
            ("GET", ["calendars", id]) => self.calendar_itself(call, id),
            ("POST", ["freeBusy"]) => self.free_busy(call),
            ("POST", ["channels", "stop"]) => self.stop_channel(call),
            ("GET", ["calendars", id, "events"]) => self.list(call, id),
            ("POST", ["calendars", id, "events"]) => self.insert(call, id),
            ("POST", ["calendars", id, "events", "watch"]) => self.watch(call, id),
            ("GET", ["calendars", id, "events", event]) => self.get(call, id, event),
            ("PATCH", ["calendars", id, "events", event]) => self.patch(call, id, event),
            ("PUT", ["calendars", id, "events", event]) => self.put(call, id, event),
            ("DELETE", ["calendars", id, "events", event]) => self.delete(call, id, event),
            _ => Err(Trouble::not_found()),
        }
    }
}

/// The body as a JSON object.
pub(super) fn body(call: &Call) -> Result<Map<String, Value>, Trouble> {
    match call.json() {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) | Err(BodyTrouble::Syntax(_)) => Err(Trouble::bad("parseError", "Parse Error")),
        Err(BodyTrouble::MediaType(found)) => {
            let message =
                format!("Media type '{found}' is not supported. Valid media types: [application/json]");
            Err(Trouble::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "badContent", message))
        }
    }
}

/// A query parameter that is one of a few words.
pub(super) fn word<'a>(call: &'a Call, name: &str, allowed: &[&str]) -> Result<Option<&'a str>, Trouble> {
    match call.query(name) {
        Some(word) if !allowed.contains(&word) => {
            let message = format!("Invalid string value: '{word}'. Allowed values: {allowed:?}");
            Err(Trouble::bad("invalidParameter", message).at("parameter", name))
        }
        word => Ok(word),
    }
}

/// A query parameter that is true or false.
pub(super) fn flag(call: &Call, name: &str) -> Result<bool, Trouble> {
    Ok(word(call, name, &["true", "false"])? == Some("true"))
}

/// A query parameter that is a number, at least 1 and at most `most`, to which larger ones are cut.
pub(super) fn size(call: &Call, name: &str, usual: usize, most: usize) -> Result<usize, Trouble> {
    let Some(text) = call.query(name) else { return Ok(usual) };
    match text.parse::<usize>() {
        Ok(size) if size > 0 => Ok(size.min(most)),
        _ => {
            let message = format!("Invalid integer value: '{text}'.");
            Err(Trouble::bad("invalidParameter", message).at("parameter", name))
        }
    }
}
