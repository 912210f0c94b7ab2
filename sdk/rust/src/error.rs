//! Making errors. One case = one host policy, so choose by what should happen next; see [`Error`]'s cases.

use crate::http::HttpError;
use crate::{Conflict, ConflictReason, Error, Fault, FieldError};

/// What went wrong, without a status. `code`: the provider's own, or one of yours in snake_case. `message`: one sentence
/// that a user can act on.
#[must_use]
pub fn fault(code: &str, message: &str) -> Fault {
    Fault { code: code.to_owned(), message: message.to_owned(), http_status: None, request_id: None }
}

impl Error {
    /// No retry can help.
    #[must_use]
    pub fn permanent(code: &str, message: &str) -> Self {
        Self::Permanent(fault(code, message))
    }

    /// Nothing was applied; the host tries again.
    #[must_use]
    pub fn transient(code: &str, message: &str) -> Self {
        Self::Transient(fault(code, message))
    }

    /// One refused value; `path` is the provider's field.
    #[must_use]
    pub fn invalid(path: &str, code: &str, message: &str) -> Self {
        Self::InvalidInput(vec![FieldError {
            path: path.to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        }])
    }

    /// This provider or account cannot do it.
    #[must_use]
    pub fn unsupported(what: &str) -> Self {
        Self::Unsupported(what.to_owned())
    }

    /// The provider holds these records already.
    #[must_use]
    pub fn duplicate(existing: Vec<String>, message: &str) -> Self {
        Self::conflict(ConflictReason::Duplicate, existing, message)
    }

    /// The record is locked for now; the host tries again.
    #[must_use]
    pub fn locked(message: &str) -> Self {
        Self::conflict(ConflictReason::Locked, Vec::new(), message)
    }

    /// The record's version is not the one that was asked for.
    #[must_use]
    pub fn stale(message: &str) -> Self {
        Self::conflict(ConflictReason::StaleVersion, Vec::new(), message)
    }

    /// Any conflict.
    #[must_use]
    pub fn conflict(reason: ConflictReason, existing: Vec<String>, message: &str) -> Self {
        Self::Conflict(Conflict { reason, existing, message: message.to_owned() })
    }

    /// What a request that got no answer means. `repeatable`: whether it may be sent again without harm.
    #[must_use]
    pub fn from_http(error: HttpError, repeatable: bool) -> Self {
        let uncertain = |fault| if repeatable { Self::Transient(fault) } else { Self::Indeterminate(fault) };
        match error {
            HttpError::Denied(why) => Self::Permanent(fault("egress_denied", &why)),
            HttpError::RateLimited(limit) => Self::RateLimited(limit),
            HttpError::AuthExpired => {
                Self::AuthExpired(fault("auth_expired", "The provider refused the credential."))
            }
            HttpError::NotSent(why) => Self::Transient(fault("not_sent", &why)),
            HttpError::SentNoAnswer(why) => uncertain(fault("no_answer", &why)),
            HttpError::TooLarge(limit) => {
                let fault = fault(
                    "answer_too_large",
                    &format!("The provider's answer is larger than {limit} bytes."),
                );
                if repeatable { Self::Permanent(fault) } else { Self::Indeterminate(fault) }
            }
        }
    }

    /// The case's name in the contract, for a log: `rate-limited`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AuthExpired(_) => "auth-expired",
            Self::Forbidden(_) => "forbidden",
            Self::RateLimited(_) => "rate-limited",
            Self::NotFound(_) => "not-found",
            Self::Conflict(_) => "conflict",
            Self::InvalidInput(_) => "invalid-input",
            Self::CursorExpired => "cursor-expired",
            Self::Unsupported(_) => "unsupported",
            Self::Transient(_) => "transient",
            Self::Indeterminate(_) => "indeterminate",
            Self::Permanent(_) => "permanent",
        }
    }

    /// The fault inside, where the case holds one.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::AuthExpired(f) | Self::Transient(f) | Self::Indeterminate(f) | Self::Permanent(f) => {
                Some(f)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_write_is_indeterminate_and_an_unanswered_read_is_transient() {
        let lost = || HttpError::SentNoAnswer("connection closed".into());
        assert!(matches!(Error::from_http(lost(), false), Error::Indeterminate(_)));
        assert!(matches!(Error::from_http(lost(), true), Error::Transient(_)));
        let unsent = HttpError::NotSent("no route".into());
        assert!(matches!(Error::from_http(unsent, false), Error::Transient(_)));
    }
}
