//! Values that no provider has: too long, too many, not text, not true.

use jackfield_connector::{Account, Error, Fault, RateLimit, Result, log};

/// What the host is handed; none if there is no such attack.
pub(crate) fn run(attack: &str) -> Option<Result<Account>> {
    let mut account = Account::new(&"rogue".into(), &"values".into());
    match attack {
        "long-label" => account.label = "l".repeat(10 << 20),
        "many-keys" => account.routing_keys = vec![String::new(); 1_000_000],
        "many-endpoints" => account.endpoints = vec![(String::new(), String::new()); 500_000],
        "controls" => account.label = "a\0b\u{1b}[31mc\u{202e}d\u{2028}e".to_owned(),
        "not-text" => account.label = not_text(),
        "not-text-logged" => log::info(&not_text(), &[]),
        "late" => {
            let limit = RateLimit { retry_after_ms: Some(u64::MAX), bucket: Some("b".repeat(1 << 20)) };
            return Some(Err(Error::RateLimited(limit)));
        }
        "long-error" => {
            let long = "e".repeat(4 << 20);
            let fault =
                Fault { code: long.clone(), message: long, http_status: Some(u16::MAX), request_id: None };
            return Some(Err(Error::Permanent(fault)));
        }
        _ => return None,
    }
    Some(Ok(account))
}

/// Bytes that are no UTF-8, as a text.
fn not_text() -> String {
    #[expect(unsafe_code, reason = "this is the attack: a text of the contract that is none")]
    // SAFETY: none. Nothing in the guest looks into it; it goes to the host as it is.
    unsafe {
        String::from_utf8_unchecked(vec![b'a', 0xff, 0xc0, 0xaf, 0xed, 0xa0, 0x80])
    }
}
