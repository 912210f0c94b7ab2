//! One error case, one policy: what follows from an answer that is not a receipt.
//!
//! | case | next | the connection |
//! |---|---|---|
//! | `transient`, `conflict.locked`, no free instance | again with backoff, 10 tries | |
//! | `rate-limited` | waits, uncounted, at most three days in all | waits as long |
//! | `auth-expired` | held | reconnect required |
//! | `forbidden` | held | consent required |
//! | `indeterminate`, a halt after a write | again if a repetition is harmless, else held | |
//! | a halt before any write | again, 3 tries | |
//! | `conflict.stale-version` | again, once | |
//! | the host was stopped | as `indeterminate` after a write, else again at the next start, uncounted | |
//! | the rest | fails | |

use egress::{Observed, Throttled};
use model::Millis;
use sandbox::Halt;
use sandbox::v0_1::core::{Conflict, ConflictReason, Error, RateLimit};
use store::ConnectionStatus;

/// The first wait's upper end, in milliseconds; each further one is twice as long.
const BASE_MS: u64 = 1_000;
/// The longest wait between two tries: 15 minutes.
const CAP_MS: u64 = 15 * 60 * 1_000;
/// Tries in all, of an operation that the provider did not take.
const TRIES: u32 = 10;
/// Tries in all, of an operation whose connector was halted.
const HALTED_TRIES: u32 = 3;
/// Tries in all, of an update that met another version.
const STALE_TRIES: u32 = 2;
/// The longest wait for a provider's bucket that is believed: an hour.
const BUCKET_MAX_MS: u64 = 3_600_000;
/// The shortest, so that a provider which says 0 is not hammered.
const BUCKET_MIN_MS: u64 = 250;
/// The wait for a bucket where the provider names none.
const BUCKET_DEFAULT_MS: u64 = 10_000;
/// How old an operation may grow by waiting for buckets: three days.
const WAITING_MAX_MS: i64 = 3 * 24 * 3_600_000;

/// Why there is no receipt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure<'a> {
    /// The connector said so.
    Error(&'a Error),
    /// The host stopped the connector.
    Halt(&'a Halt),
    /// The host itself was stopped.
    Stopped,
}

/// What is known of the try that failed.
#[derive(Clone, Debug)]
pub(crate) struct Tried<'a> {
    /// Which counted try this was: 1, 2, …
    pub(crate) attempt: u32,
    /// Whether a repetition makes no second record: the manifest says so ([`replay_safe`]) or the call names a record
    /// that exists.
    pub(crate) repeatable: bool,
    /// Whether the operation makes a record where none is known, so that one that is gone is made anew.
    pub(crate) makes: bool,
    /// What the host saw on the wire.
    pub(crate) wire: &'a Observed,
    /// The present instant.
    pub(crate) now: Millis,
    /// When the operation was planned.
    pub(crate) planned_at: Millis,
    /// A random number, for jitter.
    pub(crate) random: u64,
}

/// What happens to the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Again, not before `at`.
    Retry {
        /// Not before.
        at: Millis,
        /// Whether this try counts.
        counts: bool,
    },
    /// A person has to decide or to reconnect.
    Hold,
    /// Given up.
    Fail,
}

/// What follows from a failure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    /// What happens to the operation.
    pub(crate) next: Next,
    /// For the attempt on record: `retry`, `wait`, `hold` or `fail`, and why.
    pub(crate) sentence: String,
    /// What becomes of the connection, and why.
    pub(crate) connection: Option<(ConnectionStatus, String)>,
    /// No operation of this connection starts before then.
    pub(crate) connection_wait_until: Option<Millis>,
    /// The remote record that the operation named is gone: its link is to be dropped.
    pub(crate) drop_link: bool,
}

/// Whether a manifest's `retry.replay-safe` covers the operation: `calendar/write`, or `crm/write:contact`.
pub(crate) fn replay_safe(list: &[String], interface: &str, object: &str) -> bool {
    list.iter().any(|entry| match entry.split_once(':') {
        Some((name, of)) => name == interface && of == object,
        None => entry == interface,
    })
}

/// The policy. Pure: the clock and the dice are in `tried`.
pub(crate) fn decide(failure: Failure<'_>, tried: &Tried<'_>) -> Decision {
    match failure {
        Failure::Halt(Halt::NoInstance { .. }) => tried.backoff(TRIES, "no instance was free"),
        Failure::Halt(halt) if tried.wire.writes_sent > 0 => {
            tried.uncertain(&format!("{} after a write went out", halt.code()))
        }
        Failure::Stopped if tried.wire.writes_sent > 0 && !tried.repeatable => {
            tried.uncertain("the host was stopped after a write went out")
        }
        Failure::Stopped => plain(
            Next::Retry { at: tried.now, counts: false },
            "retry: the host was stopped while it ran; uncounted".to_owned(),
        ),
        Failure::Halt(halt) => tried.backoff(HALTED_TRIES, &format!("{} before any write", halt.code())),
        Failure::Error(error) => match unmasked(error, tried.wire) {
            Some(seen) => tried.error(&seen),
            None => tried.error(error),
        },
    }
}

/// The error that the wire shows where the connector tells another: a 401 is not the user's mistake, a 429 no outage.
fn unmasked(error: &Error, wire: &Observed) -> Option<Error> {
    match error {
        // A write whose fate is unknown stays so, and these two already say what the wire says.
        Error::Indeterminate(_) | Error::AuthExpired(_) | Error::Forbidden(_) => None,
        Error::RateLimited(limit) => {
            let throttled = wire.throttled.as_ref()?;
            Some(rate_limited(throttled, limit.retry_after_ms.unwrap_or(0)))
        }
        _ if wire.unauthorized => Some(Error::AuthExpired(sandbox::v0_1::core::Fault {
            code: "http_401".to_owned(),
            message: "the provider refuses the credential".to_owned(),
            http_status: Some(401),
            request_id: None,
        })),
        Error::Transient(_) | Error::Permanent(_) | Error::Unsupported(_) => {
            wire.throttled.as_ref().map(|t| rate_limited(t, 0))
        }
        _ => None,
    }
}

fn rate_limited(wire: &Throttled, at_least_ms: u64) -> Error {
    let longest = wire.retry_after_ms.unwrap_or(0).max(at_least_ms);
    let retry_after_ms = (longest > 0).then_some(longest);
    Error::RateLimited(RateLimit { retry_after_ms, bucket: wire.bucket.clone() })
}

impl Tried<'_> {
    fn error(&self, error: &Error) -> Decision {
        match error {
            Error::Transient(_) => self.backoff(TRIES, "the provider did not take it"),
            Error::RateLimited(limit) => self.bucket(limit),
            Error::AuthExpired(_) => held(
                "the provider refuses the credential; reconnect, and it goes on",
                ConnectionStatus::ReconnectRequired,
            ),
            Error::Forbidden(missing) if missing.is_empty() => held(
                "the provider forbids it and names no scope; consent again with more rights, and it goes on",
                ConnectionStatus::ConsentRequired,
            ),
            Error::Forbidden(missing) => held(
                &format!(
                    "the consent lacks {}; consent again, and it goes on",
                    model::cut(&missing.join(", "), 512)
                ),
                ConnectionStatus::ConsentRequired,
            ),
            Error::Indeterminate(_) => self.uncertain("sent, and no answer came"),
            Error::Conflict(conflict) => self.conflict(conflict),
            Error::NotFound(id) if self.makes && self.attempt == 1 => Decision {
                drop_link: true,
                ..plain(
                    Next::Retry { at: self.now, counts: true },
                    format!(
                        "retry: the provider has no record `{}` any more; it is made anew",
                        model::cut(id, 128)
                    ),
                )
            },
            Error::NotFound(id) => Decision {
                drop_link: true,
                ..fail(&format!(
                    "the provider has no record `{}`; the link to it is dropped",
                    model::cut(id, 128)
                ))
            },
            Error::InvalidInput(fields) => {
                let paths: Vec<&str> = fields.iter().map(|f| f.path.as_str()).collect();
                fail(&format!("the provider refuses these values: {}", model::cut(&paths.join(", "), 512)))
            }
            Error::Unsupported(what) => {
                fail(&format!("this account cannot do it: {}", model::cut(what, 512)))
            }
            Error::CursorExpired => fail("the connector answered `cursor-expired` to what was no pull"),
            Error::Permanent(_) => fail("the provider refuses it for good"),
        }
    }

    fn conflict(&self, conflict: &Conflict) -> Decision {
        match conflict.reason {
            ConflictReason::Locked => self.backoff(TRIES, "the record is locked"),
            ConflictReason::StaleVersion => {
                self.backoff(STALE_TRIES, "the record has changed since it was read")
            }
            ConflictReason::SlotTaken => fail("the time is taken; choose another"),
            ConflictReason::Duplicate if conflict.existing.is_empty() => {
                fail("the provider has such a record already and does not say which")
            }
            ConflictReason::Duplicate => fail(&format!(
                "the provider has such a record already: {}",
                model::cut(&conflict.existing.join(", "), 512)
            )),
        }
    }

    /// Again after an exponential wait with full jitter (Brooker, "Exponential Backoff And Jitter", 2015), while tries
    /// are left.
    fn backoff(&self, tries: u32, why: &str) -> Decision {
        if self.attempt >= tries {
            return fail(&format!("{why}; given up after {} tries", self.attempt));
        }
        let ceiling = BASE_MS.saturating_mul(1 << self.attempt.saturating_sub(1).min(20)).min(CAP_MS);
        let wait = self.random % (ceiling + 1);
        let sentence =
            format!("retry: {why}; try {} of {tries} in {wait} ms", self.attempt.saturating_add(1));
        plain(Next::Retry { at: self.after(wait), counts: true }, sentence)
    }

    /// The bucket waits, not the worker: nothing is counted, and nothing else of this connection starts meanwhile.
    fn bucket(&self, limit: &RateLimit) -> Decision {
        let bucket = limit.bucket.as_deref().unwrap_or("the rate limit");
        let bucket = model::cut(bucket, 128);
        if self.now.0.saturating_sub(self.planned_at.0) >= WAITING_MAX_MS {
            return fail(&format!("{bucket} was exhausted for three days"));
        }
        let asked = limit.retry_after_ms.map(|ms| ms.clamp(BUCKET_MIN_MS, BUCKET_MAX_MS));
        // Who is not told when to come back comes back at a time of his own.
        let wait = asked.unwrap_or(BUCKET_DEFAULT_MS + self.random % (BUCKET_DEFAULT_MS / 4));
        let at = self.after(wait);
        let sentence = format!("wait: {bucket} is exhausted; again in {wait} ms, uncounted");
        Decision { connection_wait_until: Some(at), ..plain(Next::Retry { at, counts: false }, sentence) }
    }

    fn uncertain(&self, why: &str) -> Decision {
        if self.repeatable {
            return self.backoff(TRIES, &format!("{why}, and a repetition makes no second record"));
        }
        plain(
            Next::Hold,
            format!(
                "hold: {why}: it may have been applied, and a repetition may make a second record; look, then retry"
            ),
        )
    }

    fn after(&self, ms: u64) -> Millis {
        self.now.plus(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

fn plain(next: Next, sentence: String) -> Decision {
    Decision { next, sentence, connection: None, connection_wait_until: None, drop_link: false }
}

fn fail(why: &str) -> Decision {
    plain(Next::Fail, format!("fail: {why}"))
}

fn held(why: &str, status: ConnectionStatus) -> Decision {
    Decision { connection: Some((status, why.to_owned())), ..plain(Next::Hold, format!("hold: {why}")) }
}

#[cfg(test)]
#[path = "tests/retry.rs"]
mod tests;
