//! What a provider announces of its own limits. All of it is foreign text: what cannot be read says nothing.

use http::{HeaderMap, header};
use model::Millis;

/// No announcement makes us wait longer than this.
pub(crate) const LONGEST_MS: u64 = 3_600_000;

/// `Retry-After` (RFC 9110 §10.2.3) in milliseconds: seconds, or an HTTP date that is not past. At most an hour.
pub(crate) fn retry_after(headers: &HeaderMap, now: Millis) -> Option<u64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a u64 holds is still a number: a long one.
        return Some(text.parse::<u64>().map_or(LONGEST_MS, |s| s.saturating_mul(1_000).min(LONGEST_MS)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let at = i64::try_from(at.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()?;
    let wait = u64::try_from(at.saturating_sub(now.0)).ok()?;
    Some(wait.min(LONGEST_MS))
}

/// A count in a header that the manifest names.
pub(crate) fn count(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Seconds in a header that the manifest names, perhaps with a fraction, as milliseconds. At most an hour.
pub(crate) fn seconds(headers: &HeaderMap, name: &str) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let ms = whole.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000);
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(ms.saturating_add(thousandths.parse().unwrap_or(0)).min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(header::RETRY_AFTER, value.parse().unwrap());
        map
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = Millis::parse("2026-11-20T10:00:00Z").unwrap();
        for (text, want) in [
            ("0", Some(0)),
            ("7", Some(7_000)),
            (" 7 ", Some(7_000)),
            ("3601", Some(LONGEST_MS)),
            ("99999999999999999999999999", Some(LONGEST_MS)),
            ("Fri, 20 Nov 2026 10:00:30 GMT", Some(30_000)),
            ("Wed, 20 Nov 2030 10:00:30 GMT", Some(LONGEST_MS)),
            ("Fri, 20 Nov 2026 09:59:59 GMT", None),
            ("-1", None),
            ("1e99", None),
            ("NaN", None),
            ("inf", None),
            ("1.5", None),
            ("+5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(&with(text), now), want, "{text:?}");
        }
    }

    #[test]
    fn announced_numbers_are_read_or_ignored() {
        for (text, want) in
            [("2", Some(2_000)), ("0.25", Some(250)), ("1e9", None), ("-1", None), ("", None), (".", None)]
        {
            assert_eq!(seconds(&with(text), "retry-after"), want, "{text:?}");
        }
        assert_eq!(seconds(&with("99999999999999999999"), "retry-after"), Some(LONGEST_MS));
        assert_eq!(count(&with("12"), "retry-after"), Some(12));
        assert_eq!(count(&with("-12"), "retry-after"), None);
    }
}
