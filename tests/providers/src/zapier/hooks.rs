//! The hooks and what they caught.

use super::Config;
use crate::limits::whole_seconds;
use crate::{Call, Ids, Reply, Window};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Queued runs that are remembered; older ones give way.
const RUNS: usize = 100_000;

/// Everybody's hooks.
#[derive(Debug)]
pub struct Hooks {
    pub(super) runs: Vec<Run>,
    hooks: BTreeMap<(String, String), Hook>,
    users: BTreeMap<String, Window>,
    ids: Ids,
    config: Config,
}

#[derive(Debug)]
struct Hook {
    open: bool,
    window: Window,
}

/// One queued run of a Zap.
#[derive(Debug, Clone)]
pub struct Run {
    /// The id that was answered.
    pub id: String,
    /// Whose hook it was.
    pub user: String,
    /// The hook.
    pub hook: String,
    /// When.
    pub at: Timestamp,
    /// What was caught: the query, then the body's members.
    pub payload: Value,
}

impl Hooks {
    pub(super) fn new(config: Config) -> Self {
        let (runs, ids) = (Vec::new(), Ids::new(config.settings.seed));
        let named = config.hooks.clone();
        let mut hooks = Self { runs, hooks: BTreeMap::new(), users: BTreeMap::new(), ids, config };
        named.iter().for_each(|(user, hook)| hooks.add(user, hook));
        hooks
    }

    pub(super) fn add(&mut self, user: &str, hook: &str) {
        let window = Window::new(self.config.per_hook);
        self.hooks.insert((user.to_owned(), hook.to_owned()), Hook { open: true, window });
    }

    pub(super) fn remove(&mut self, user: &str, hook: &str) {
        if let Some(hook) = self.hooks.get_mut(&(user.to_owned(), hook.to_owned())) {
            hook.open = false;
        }
    }

    pub(super) fn first(&self) -> (String, String) {
        self.hooks.keys().next().cloned().unwrap_or_default()
    }

    pub(super) fn route(&mut self, call: &Call) -> Reply {
        match call.route().as_slice() {
            ["hooks", "catch", user, hook] => self.catch(call, user, hook),
            ["hooks", "catch", user, hook, "silent"] => {
                let reply = self.catch(call, user, hook);
                if reply.status == StatusCode::OK { Reply::empty(StatusCode::OK) } else { reply }
            }
            _ => failure(StatusCode::NOT_FOUND),
        }
    }

    fn catch(&mut self, call: &Call, user: &str, hook: &str) -> Reply {
        if !["GET", "POST", "PUT"].contains(&call.method.as_str()) {
            return failure(StatusCode::METHOD_NOT_ALLOWED);
        }
        let per_user = self.config.per_user;
        let Some(found) = self.hooks.get_mut(&(user.to_owned(), hook.to_owned())) else {
            return failure(StatusCode::NOT_FOUND);
        };
        if !found.open {
            return failure(StatusCode::GONE);
        }
        let all = self.users.entry(user.to_owned()).or_insert_with(|| Window::new(per_user));
        if let Err(wait) = found.window.take(call.now).and_then(|_| all.take(call.now)) {
            return throttled(wait);
        }
        let Some(payloads) = payloads(call) else { return failure(StatusCode::BAD_REQUEST) };
        let id = self.ids.uuid();
        let at = call.now;
        for payload in payloads {
            let (user, hook) = (user.to_owned(), hook.to_owned());
            self.runs.push(Run { id: id.clone(), user, hook, at, payload });
        }
        let surplus = self.runs.len().saturating_sub(RUNS);
        self.runs.drain(..surplus);
        let request = self.ids.uuid();
        let told = json!({"attempt": id, "id": id, "request_id": request, "status": "success"});
        Reply::text(StatusCode::OK, "application/json", told.to_string())
    }
}

/// What was caught, one element a run; `None` if it does not parse.
fn payloads(call: &Call) -> Option<Vec<Value>> {
    let query: Map<String, Value> =
        call.query.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    if call.body.is_empty() {
        return Some(vec![query.into()]);
    }
    let body = match call.media_type().as_deref() {
        Some("application/json") => serde_json::from_slice(&call.body).ok()?,
        Some("application/x-www-form-urlencoded") => {
            let form = call.form().into_iter().map(|(name, value)| (name, Value::from(value)));
            Value::Object(form.collect())
        }
        // Whatever else it is, a Zap gets it as it came.
        _ => json!({"raw_body": String::from_utf8_lossy(&call.body)}),
    };
    let joined = |one: Value| match one {
        Value::Object(members) => query.clone().into_iter().chain(members).collect(),
        other => other,
    };
    Some(match body {
        Value::Array(rows) => rows.into_iter().map(joined).collect(),
        one => vec![joined(one)],
    })
}

pub(super) fn throttled(wait: Duration) -> Reply {
    failure(StatusCode::TOO_MANY_REQUESTS).with("retry-after", whole_seconds(wait))
}

pub(super) fn failure(status: StatusCode) -> Reply {
    let why = status.canonical_reason().unwrap_or("failed").to_lowercase();
    let told = json!({"status": "error", "errors": [why]});
    Reply::text(status, "application/json", told.to_string())
}
