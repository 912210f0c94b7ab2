//! The methods, and what each needs.

use super::args::Args;
use super::errors::{Trouble, answer};
use super::workspace::Workspace;
use crate::{Call, Limit, Reply};
use http::StatusCode;
use serde_json::{Value, json};

/// What a method comes to.
pub(super) type Answer = Result<Value, Trouble>;

/// What a method needs.
struct Method {
    name: &'static str,
    /// One of these scopes; none for methods that any token may call.
    scopes: &'static [&'static str],
    /// The tier; 5 stands for a limit of its own.
    tier: usize,
    takes_json: bool,
    run: fn(&mut Workspace, &Call, &Args) -> Answer,
}

const READ: &[&str] = &["channels:read", "groups:read", "im:read", "mpim:read"];

const METHODS: [Method; 8] = [
    Method { name: "auth.test", scopes: &[], tier: 5, takes_json: true, run: Workspace::auth_test },
    Method {
        name: "chat.postMessage",
        scopes: &["chat:write"],
        tier: 5,
        takes_json: true,
        run: Workspace::post_message,
    },
    Method {
        name: "chat.update",
        scopes: &["chat:write"],
        tier: 3,
        takes_json: true,
        run: Workspace::update,
    },
    Method { name: "conversations.info", scopes: READ, tier: 3, takes_json: false, run: Workspace::info },
    Method {
        name: "conversations.join",
        scopes: &["channels:join"],
        tier: 3,
        takes_json: true,
        run: Workspace::join,
    },
    Method { name: "conversations.list", scopes: READ, tier: 2, takes_json: false, run: Workspace::list },
    Method {
        name: "team.info",
        scopes: &["team:read"],
        tier: 3,
        takes_json: true,
        run: Workspace::team_info,
    },
    Method {
        name: "users.lookupByEmail",
        scopes: &["users:read.email"],
        tier: 3,
        takes_json: false,
        run: Workspace::lookup_by_email,
    },
];

impl Workspace {
    pub(super) fn route(&mut self, call: &Call) -> Reply {
        match call.route().as_slice() {
            ["api", name] => self.method(call, name),
            ["services", ..] => self.webhook(call),
            _ => Reply::text(
                StatusCode::NOT_FOUND,
                "text/html; charset=utf-8",
                "<html><body>Not found</body></html>",
            ),
        }
    }

    fn method(&mut self, call: &Call, name: &str) -> Reply {
        let Some(method) = METHODS.iter().find(|method| method.name == name) else {
            let body = json!({"ok": false, "error": "unknown_method", "req_method": name});
            return answer(StatusCode::OK, &body);
        };
        let read = Args::read(call, method.takes_json);
        let warning = read.as_ref().ok().and_then(|args| args.warning);
        let token = |args: &Args| call.bearer().map(str::to_owned).or_else(|| args.text("token"));
        let scopes = read.as_ref().ok().and_then(|args| self.tokens.scopes(token(args).as_deref()));
        let told = read.and_then(|args| {
            self.tokens.check(token(&args).as_deref(), method.scopes).map_err(Trouble::refused)?;
            self.count(method, call)?;
            (method.run)(self, call, &args)
        });
        let reply = match told {
            Ok(body) => answer(StatusCode::OK, &warned(body, warning)),
            Err(trouble) => trouble.reply(),
        };
        let reply = reply.with("x-accepted-oauth-scopes", method.scopes.join(","));
        match scopes {
            Some(scopes) => reply.with("x-oauth-scopes", scopes.join(",")),
            None => reply,
        }
    }

    fn count(&mut self, method: &Method, call: &Call) -> Result<(), Trouble> {
        let limit = self.config.tiers.get(method.tier.wrapping_sub(1)).copied().unwrap_or(Limit::none());
        self.take(method.name, limit, call.now).map_err(Trouble::throttled)
    }
}

/// Adds a remark on the way the call was made to whatever remarks there are.
fn warned(mut body: Value, warning: Option<&'static str>) -> Value {
    body["ok"] = true.into();
    if let Some(warning) = warning {
        let all = match body["warning"].as_str() {
            Some(first) => format!("{first},{warning}"),
            None => warning.to_owned(),
        };
        body["response_metadata"]["warnings"] = all.split(',').collect();
        body["warning"] = all.into();
    }
    body
}
