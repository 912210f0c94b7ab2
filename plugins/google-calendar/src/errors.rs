//! What Google means by its refusals. The body is `{error: {code, message, status?, errors: [{domain, reason, location?}]}}`;
//! the reason counts, for a 403 may be an exhausted quota, a missing scope, or a calendar that is not yours.

use jackfield_connector::http::Refusal;
use jackfield_connector::{Error, FieldError};

pub fn explain(refusal: &Refusal) -> Option<Error> {
    let reason = refusal.text("/error/errors/0/reason");
    let message = refusal.message();
    let fault = || refusal.fault(&reason, &message);
    Some(match (refusal.status, reason.as_str()) {
        (
            403 | 429,
            "rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded" | "dailyLimitExceeded",
        )
        | (403, "calendarUsageLimitsExceeded") => refusal.rate_limited(Some(reason)),
        (403, "insufficientPermissions") => Error::Forbidden(scopes(refusal)),
        // Neither waiting nor a new consent helps: the calendar belongs to someone else, or the API is switched off.
        (403, reason) if !reason.is_empty() => Error::Permanent(fault()),
        (404, _) if refusal.url.split('?').next().is_some_and(|url| url.ends_with("/events")) => {
            Error::invalid(
                "calendarId",
                "notFound",
                "There is no such calendar, or this account may not see it.",
            )
        }
        (400, _) => Error::InvalidInput(vec![FieldError {
            path: refusal.text("/error/errors/0/location"),
            code: if reason.is_empty() { "badRequest".to_owned() } else { reason },
            message,
        }]),
        (412, _) => Error::stale("The event was changed in the meantime."),
        (500.., reason) if !reason.is_empty() => refusal.failed(fault()),
        _ => return None,
    })
}

/// `WWW-Authenticate: Bearer …, error="insufficient_scope", scope="… …"` names what would do; else Google's sentence.
fn scopes(refusal: &Refusal) -> Vec<String> {
    let header = refusal.header("www-authenticate").unwrap_or_default();
    let listed = header.split_once("scope=\"").and_then(|(_, rest)| rest.split_once('"'));
    match listed {
        Some((scopes, _)) => scopes.split_whitespace().map(str::to_owned).collect(),
        None => vec![refusal.message()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_connector::json;

    fn refusal(status: u16, reason: &str, url: &str) -> Refusal {
        let body = json!({ "error": { "code": status, "message": "…", "errors": [{ "reason": reason }] } });
        Refusal {
            status,
            headers: vec![(
                "www-authenticate".into(),
                r#"Bearer error="insufficient_scope", scope="a b""#.into(),
            )],
            body: body.to_string().into_bytes(),
            repeatable: true,
            url: url.into(),
        }
    }

    #[test]
    fn a_403_is_read_by_its_reason() {
        let said = |reason| explain(&refusal(403, reason, ""));
        assert!(matches!(said("rateLimitExceeded"), Some(Error::RateLimited(_))));
        assert_eq!(said("insufficientPermissions"), Some(Error::Forbidden(vec!["a".into(), "b".into()])));
        assert!(matches!(said("forbiddenForNonOrganizer"), Some(Error::Permanent(_))));
    }

    #[test]
    fn a_missing_calendar_is_a_wrong_setting_and_a_missing_event_is_gone() {
        let events = "https://www.googleapis.com/calendar/v3/calendars/x/events";
        assert!(matches!(explain(&refusal(404, "notFound", events)), Some(Error::InvalidInput(_))));
        assert_eq!(explain(&refusal(404, "notFound", &format!("{events}/e1"))), None);
    }
}
