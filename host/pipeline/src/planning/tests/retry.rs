use proptest::prelude::*;
use sandbox::v0_1::core::Fault;

use super::*;

const NOW: Millis = Millis(1_800_000_000_000);

fn fault() -> Fault {
    Fault { code: "x".to_owned(), message: "y".to_owned(), http_status: Some(500), request_id: None }
}

fn conflict(reason: ConflictReason) -> Error {
    Error::Conflict(Conflict { reason, existing: vec!["17".to_owned()], message: "m".to_owned() })
}

fn tried(attempt: u32, wire: &Observed) -> Tried<'_> {
    Tried { attempt, repeatable: false, makes: false, wire, now: NOW, planned_at: NOW, random: 7 }
}

fn first(error: &Error) -> Decision {
    decide(Failure::Error(error), &tried(1, &Observed::default()))
}

fn throttled(retry_after_ms: Option<u64>) -> Observed {
    Observed { throttled: Some(Throttled { retry_after_ms, bucket: None }), ..Observed::default() }
}

#[test]
fn each_case_has_its_one_policy() {
    let limit = RateLimit { retry_after_ms: Some(5_000), bucket: Some("search".to_owned()) };
    for (error, word) in [
        (Error::Transient(fault()), "retry"),
        (conflict(ConflictReason::Locked), "retry"),
        (conflict(ConflictReason::StaleVersion), "retry"),
        (Error::RateLimited(limit), "wait"),
        (Error::AuthExpired(fault()), "hold"),
        (Error::Forbidden(vec!["contacts.write".to_owned()]), "hold"),
        (Error::Forbidden(Vec::new()), "hold"),
        (Error::Indeterminate(fault()), "hold"),
        (conflict(ConflictReason::Duplicate), "fail"),
        (conflict(ConflictReason::SlotTaken), "fail"),
        (Error::NotFound("17".to_owned()), "fail"),
        (Error::InvalidInput(Vec::new()), "fail"),
        (Error::Unsupported("notes".to_owned()), "fail"),
        (Error::Permanent(fault()), "fail"),
        (Error::CursorExpired, "fail"),
    ] {
        let decision = first(&error);
        assert!(decision.sentence.starts_with(&format!("{word}: ")), "{error:?}: {}", decision.sentence);
        let next = match decision.next {
            Next::Retry { counts: true, .. } => "retry",
            Next::Retry { counts: false, .. } => "wait",
            Next::Hold => "hold",
            Next::Fail => "fail",
        };
        assert_eq!(next, word, "{error:?}");
    }
}

#[test]
fn the_connection_waits_for_a_person_where_only_a_person_helps() {
    let status = |e| first(&e).connection.map(|(status, _)| status);
    assert_eq!(status(Error::AuthExpired(fault())), Some(ConnectionStatus::ReconnectRequired));
    let forbidden = first(&Error::Forbidden(vec!["contacts.write".to_owned()]));
    let (status_of, why) = forbidden.connection.unwrap();
    assert_eq!(status_of, ConnectionStatus::ConsentRequired);
    assert!(why.contains("contacts.write"));
    assert_eq!(status(Error::Permanent(fault())), None);
}

#[test]
fn an_exhausted_bucket_stops_the_connection_and_counts_nothing() {
    let limit = |ms| Error::RateLimited(RateLimit { retry_after_ms: ms, bucket: None });
    let until = |ms| first(&limit(ms)).connection_wait_until.unwrap().0 - NOW.0;
    assert_eq!(until(Some(5_000)), 5_000);
    assert_eq!(until(Some(u64::MAX)), 3_600_000);
    assert_eq!(until(Some(0)), 250);
    assert!((10_000..12_500).contains(&until(None)));
    let wire = Observed::default();
    let old = Tried { planned_at: NOW.plus(-4 * 24 * 3_600_000), ..tried(1, &wire) };
    assert_eq!(decide(Failure::Error(&limit(Some(1))), &old).next, Next::Fail);
}

#[test]
fn an_uncertain_write_is_repeated_only_where_that_is_harmless() {
    let (error, wire) = (Error::Indeterminate(fault()), Observed::default());
    let safe = Tried { repeatable: true, ..tried(1, &wire) };
    assert!(matches!(decide(Failure::Error(&error), &safe).next, Next::Retry { counts: true, .. }));
    assert_eq!(decide(Failure::Error(&error), &tried(1, &wire)).next, Next::Hold);
}

#[test]
fn a_halt_is_retried_three_times_before_a_write_and_is_uncertain_after_one() {
    let halt = Halt::Trap { reason: "unreachable".to_owned() };
    let wire = Observed::default();
    let next = |attempt| decide(Failure::Halt(&halt), &tried(attempt, &wire)).next;
    assert!(matches!(next(2), Next::Retry { .. }));
    assert_eq!(next(3), Next::Fail);
    let wrote = Observed { writes_sent: 1, ..Observed::default() };
    assert_eq!(decide(Failure::Halt(&halt), &tried(1, &wrote)).next, Next::Hold);
    let crowded = Halt::NoInstance { reason: "pool".to_owned() };
    assert!(matches!(decide(Failure::Halt(&crowded), &tried(5, &wire)).next, Next::Retry { .. }));
}

#[test]
fn a_stale_version_is_tried_once_more() {
    let (error, wire) = (conflict(ConflictReason::StaleVersion), Observed::default());
    assert!(matches!(decide(Failure::Error(&error), &tried(1, &wire)).next, Next::Retry { .. }));
    assert_eq!(decide(Failure::Error(&error), &tried(2, &wire)).next, Next::Fail);
}

#[test]
fn a_booking_whose_record_is_gone_is_made_anew_once() {
    let wire = Observed::default();
    let gone = Error::NotFound("e1".to_owned());
    let again = Tried { makes: true, ..tried(1, &wire) };
    let decision = decide(Failure::Error(&gone), &again);
    assert!(matches!(decision.next, Next::Retry { counts: true, .. }) && decision.drop_link, "{decision:?}");
    assert_eq!(decide(Failure::Error(&gone), &Tried { attempt: 2, ..again }).next, Next::Fail);
}

#[test]
fn a_stop_counts_nothing_and_holds_what_may_have_been_written() {
    let wrote = Observed { writes_sent: 1, ..Observed::default() };
    let before = tried(3, &wrote);
    assert_eq!(decide(Failure::Stopped, &before).next, Next::Hold);
    let again = Next::Retry { at: before.now, counts: false };
    assert_eq!(decide(Failure::Stopped, &Tried { repeatable: true, ..before }).next, again);
    let nothing = Observed::default();
    assert_eq!(decide(Failure::Stopped, &tried(3, &nothing)).next, again);
}

#[test]
fn a_record_that_is_gone_takes_its_link_along() {
    assert!(first(&Error::NotFound("17".to_owned())).drop_link);
    assert!(!first(&Error::Permanent(fault())).drop_link);
}

#[test]
fn a_connector_cannot_mask_what_was_on_the_wire() {
    let unauthorized = Observed { unauthorized: true, ..Observed::default() };
    for masked in [Error::Permanent(fault()), Error::InvalidInput(Vec::new()), Error::Transient(fault())] {
        let decision = decide(Failure::Error(&masked), &tried(1, &unauthorized));
        assert_eq!(decision.connection.unwrap().0, ConnectionStatus::ReconnectRequired, "{masked:?}");
    }
    let decision = decide(Failure::Error(&Error::Permanent(fault())), &tried(1, &throttled(Some(9_000))));
    assert_eq!(decision.connection_wait_until, Some(NOW.plus(9_000)));
    // The longer of the two waits holds.
    let claimed = Error::RateLimited(RateLimit { retry_after_ms: Some(1), bucket: None });
    let decision = decide(Failure::Error(&claimed), &tried(1, &throttled(Some(9_000))));
    assert_eq!(decision.connection_wait_until, Some(NOW.plus(9_000)));
    let uncertain = decide(Failure::Error(&Error::Indeterminate(fault())), &tried(1, &throttled(None)));
    assert_eq!(uncertain.next, Next::Hold);
}

#[test]
fn replay_safety_is_by_interface_or_by_object() {
    let list = ["calendar/write".to_owned(), "crm/write:contact".to_owned()];
    assert!(replay_safe(&list, "calendar/write", "event"));
    assert!(replay_safe(&list, "crm/write", "contact"));
    assert!(!replay_safe(&list, "crm/write", "note"));
    assert!(!replay_safe(&list, "automation/sink", "message"));
}

proptest! {
    #[test]
    fn a_wait_never_passes_its_ceiling_and_tries_run_out(attempt in 0u32..=u32::MAX, random: u64) {
        let wire = Observed::default();
        let tried = Tried { random, ..tried(attempt, &wire) };
        match decide(Failure::Error(&Error::Transient(fault())), &tried).next {
            Next::Retry { at, counts } => {
                prop_assert!(counts && attempt < 10);
                let ceiling = (1_000i64 << attempt.saturating_sub(1)).min(900_000);
                prop_assert!((0..=ceiling).contains(&(at.0 - NOW.0)));
            }
            other => {
                prop_assert_eq!(other, Next::Fail);
                prop_assert!(attempt >= 10);
            }
        }
    }

    #[test]
    fn a_wait_for_a_bucket_is_between_a_moment_and_an_hour(ms: Option<u64>, wire_ms: Option<u64>, random: u64) {
        let wire = throttled(wire_ms);
        let tried = Tried { random, ..tried(1, &wire) };
        let error = Error::RateLimited(RateLimit { retry_after_ms: ms, bucket: None });
        let decision = decide(Failure::Error(&error), &tried);
        let wait = decision.connection_wait_until.unwrap().0 - NOW.0;
        prop_assert!((250..=3_600_000).contains(&wait));
    }
}
