//! What Slack's refusals mean. One table: error → what should happen next.

use jackfield_connector::http::Refusal;
use jackfield_connector::{Error, Fault, Json, RateLimit, cut, fault};

/// A status other than 2xx: 429 with the method's bucket; the rest is as usual.
pub(crate) fn explain(refusal: &Refusal) -> Option<Error> {
    (refusal.status == 429)
        .then(|| refusal.rate_limited(refusal.url.split(['/', '?']).nth(4).map(str::to_owned)))
}

/// An answer with `"ok": false`. `repeatable`: whether the method may be called again after an unclear answer.
pub(crate) fn refused(method: &str, answer: &Json, repeatable: bool) -> Error {
    let code = answer["error"].as_str().unwrap_or("unreadable_answer");
    let unclear = |f: Fault| if repeatable { Error::Transient(f) } else { Error::Indeterminate(f) };
    match code {
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            Error::AuthExpired(told(
                code,
                "Slack does not take this token any more. Connect the workspace again.",
            ))
        }
        "missing_scope" => Error::Forbidden(needed(answer)),
        "no_permission"
        | "not_allowed_token_type"
        | "app_access_restricted"
        | "org_login_required"
        | "team_access_not_granted"
        | "ekm_access_denied"
        | "access_denied" => Error::Forbidden(vec![code.to_owned()]),
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            Error::RateLimited(RateLimit { retry_after_ms: None, bucket: Some(method.to_owned()) })
        }
        "channel_not_found" => channel(
            code,
            "Slack knows no such channel, or it is private and the bot is not in it: choose another, or type /invite @the-bot there.",
        ),
        "not_in_channel" => channel(code, "The bot is not in this channel: type /invite @the-bot there."),
        "is_archived" => channel(code, "This channel is archived: choose another."),
        _ if code.starts_with("restricted_action") => channel(
            code,
            "The workspace does not let the bot post there: choose another channel, or ask its admin.",
        ),
        "thread_not_found" | "cannot_reply_to_message" => {
            Error::invalid("thread_ts", code, "There is no such message to reply to.")
        }
        "no_text" => Error::invalid("text", code, "A message needs a text."),
        "msg_too_long" => Error::invalid("text", code, "The text is longer than Slack takes."),
        "invalid_cursor" => Error::invalid("cursor", code, "The list has changed: start from its beginning."),
        "invalid_limit" => Error::invalid("limit", code, "Slack takes 1 to 999."),
        // Slack says of these that part of the work may have been done.
        "internal_error" | "fatal_error" => unclear(told(code, "Slack failed.")),
        // Of these it says that nothing was.
        "service_unavailable" | "request_timeout" | "team_added_to_org" => {
            Error::Transient(told(code, "Slack is not available."))
        }
        // No answer of Slack's lacks `error`: something between changed it.
        "unreadable_answer" => unclear(told(code, "Slack's answer says neither yes nor no.")),
        _ => Error::Permanent(told(code, &format!("Slack refused: {}.", cut(code, 200, "…")))),
    }
}

/// Whether a message could not be posted only because the one it answers is gone.
pub(crate) fn thread_is_gone(error: &Error) -> bool {
    matches!(error, Error::InvalidInput(fields) if fields.iter().any(|field| field.path == "thread_ts"))
}

fn channel(code: &str, hint: &str) -> Error {
    Error::invalid("channel", code, hint)
}

fn told(code: &str, message: &str) -> Fault {
    Fault { http_status: Some(200), ..fault(&cut(code, 100, "…"), message) }
}

/// The scopes that are missing; Slack names them, separated by commas.
fn needed(answer: &Json) -> Vec<String> {
    let named = answer["needed"].as_str().unwrap_or("missing_scope");
    named.split(',').map(|scope| scope.trim().to_owned()).collect()
}
