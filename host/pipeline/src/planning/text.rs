//! Foreign text made comparable: numbers, addresses, names, ids. Nothing here fails; what is not understood comes back
//! as it came.

use serde_json::Value;

/// The longest text that is taken from one member of an event, in bytes.
pub(crate) const TEXT_MAX: usize = 32 * 1024;
/// The longest id that is kept as it is in a local key, in bytes; a longer one is shortened, see [`bounded_id`].
const ID_MAX: usize = 200;
/// How many parts of a list are read.
const LIST_MAX: usize = 200;

/// A telephone number as providers want it: E.164 where the text is one under its punctuation, else the trimmed text.
///
/// The country of a number without `+` is not guessed. E.164: `+`, then 7 to 15 digits of which the first is not 0
/// (ITU-T E.164, 6.2).
pub(crate) fn phone(text: &str) -> String {
    let trimmed = text.trim();
    let bare = trimmed.strip_prefix("tel:").unwrap_or(trimmed);
    let Some(rest) = bare.strip_prefix('+') else { return trimmed.to_owned() };
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    // Letters would be an extension (`ext. 9`), whose digits are no part of the number.
    let punctuated =
        rest.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "-.()/\u{2010}\u{2011}".contains(c));
    if punctuated && is_e164(&digits) { format!("+{digits}") } else { trimmed.to_owned() }
}

fn is_e164(digits: &str) -> bool {
    (7..=15).contains(&digits.len()) && !digits.starts_with('0')
}

/// The key under which a number is remembered: E.164, or the bare digits of a national number. None for `anonymous`,
/// SIP addresses and the like, which name nobody.
pub(crate) fn phone_key(text: &str) -> Option<String> {
    let number = phone(text);
    let international =
        number.strip_prefix('+').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()) && is_e164(n));
    if international {
        return Some(number);
    }
    if number.chars().any(|c| c.is_alphabetic() || c == '@') {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    (7..=15).contains(&digits.len()).then_some(digits)
}

/// The key under which an e-mail address is remembered: trimmed and in lower case. None where the text is no address.
pub(crate) fn email_key(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control()) && text.len() <= 254;
    (plain && !local.is_empty() && !domain.is_empty()).then(|| text.to_lowercase())
}

/// A full name in two: the last word is the last name, everything before it the first name; one word is a first name.
pub(crate) fn split_name(full: &str) -> (Option<String>, Option<String>) {
    let mut words: Vec<&str> = full.split_whitespace().collect();
    let last = if words.len() > 1 { words.pop().map(str::to_owned) } else { None };
    let first = words.join(" ");
    ((!first.is_empty()).then_some(first), last)
}

/// A member's value as text: trimmed, a list as its parts with `, ` between them, an object as JSON. None where there is
/// nothing: null, blank text, an empty list or object.
pub(crate) fn of(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(s) => s.trim().to_owned(),
        Value::Array(parts) => parts.iter().take(LIST_MAX).filter_map(of).collect::<Vec<_>>().join(", "),
        Value::Object(members) if members.is_empty() => return None,
        other => other.to_string(),
    };
    (!text.is_empty()).then(|| model::cut(&text, TEXT_MAX).into_owned())
}

/// Text from a string, a list of strings, or a list of objects that hold their text under one of `members`.
pub(crate) fn items(value: &Value, members: &[&str]) -> Vec<String> {
    let one = |v: &Value| match v {
        Value::Object(o) => members.iter().find_map(|m| o.get(*m).and_then(of)),
        other => of(other),
    };
    match value {
        Value::Array(parts) => parts.iter().take(LIST_MAX).filter_map(one).collect(),
        other => one(other).into_iter().collect(),
    }
}

/// An id fit for a local key: short ones as they are, long ones as their beginning and a hash of the whole.
pub(crate) fn bounded_id(id: &str) -> String {
    if id.len() <= ID_MAX {
        id.to_owned()
    } else {
        format!("{}~{:016x}", model::cut(id, ID_MAX), hash(&[id]))
    }
}

/// FNV-1a over the parts, 64 bits, a separator after each: the same on every machine and in every version.
///
/// It tells apart a handful of operations within one event; it is no protection against somebody who wants a collision.
pub(crate) fn hash(parts: &[&str]) -> u64 {
    parts
        .iter()
        .flat_map(|p| p.bytes().chain([0xff]))
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// `text` bounded to `max` bytes; what is left out is said in its last line.
pub(crate) fn bounded(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let kept = model::cut(text, max);
    format!("{kept}\n[cut: {} bytes in all]", text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_loses_its_punctuation_only_where_it_is_e164() {
        for (given, wanted) in [
            ("+1 (555) 123-4567", "+15551234567"),
            (" tel:+44 20 7946 0958 ", "+442079460958"),
            ("+1234567890", "+1234567890"),
            ("(555) 123-4567", "(555) 123-4567"),
            ("+1 555 123 4567 ext. 9", "+1 555 123 4567 ext. 9"),
            ("+0 555 123 4567", "+0 555 123 4567"),
            ("anonymous", "anonymous"),
            ("+", "+"),
            ("", ""),
        ] {
            assert_eq!(phone(given), wanted, "{given}");
        }
    }

    #[test]
    fn numbers_that_name_nobody_make_no_key() {
        for nobody in ["anonymous", "Unknown", "sip:bob@example.com", "+", "123", ""] {
            assert_eq!(phone_key(nobody), None, "{nobody}");
        }
        assert_eq!(phone_key("(555) 123-4567").as_deref(), Some("5551234567"));
        assert_eq!(phone_key("+1 555 123 4567").as_deref(), Some("+15551234567"));
    }

    #[test]
    fn an_address_is_a_key_in_lower_case_and_other_text_is_none() {
        assert_eq!(email_key(" John@Example.com ").as_deref(), Some("john@example.com"));
        for bad in ["john at example dot com", "@example.com", "john@", "", "a b@c.d"] {
            assert_eq!(email_key(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_split_at_its_last_word() {
        let both = |a: &str, b: &str| (Some(a.to_owned()), Some(b.to_owned()));
        assert_eq!(split_name("John Smith"), both("John", "Smith"));
        assert_eq!(split_name("  Mary  Ann Jones "), both("Mary Ann", "Jones"));
        assert_eq!(split_name("Cher"), (Some("Cher".to_owned()), None));
        assert_eq!(split_name("  "), (None, None));
    }

    #[test]
    fn values_become_text_and_nothing_stays_nothing() {
        assert_eq!(of(&json!(["a", 1, null, ["b"]])).as_deref(), Some("a, 1, b"));
        assert_eq!(of(&json!({"a": 1})).as_deref(), Some("{\"a\":1}"));
        assert_eq!(of(&json!(true)).as_deref(), Some("true"));
        for nothing in [json!(null), json!("  "), json!([]), json!({}), json!([null])] {
            assert_eq!(of(&nothing), None, "{nothing}");
        }
        assert!(of(&json!("é".repeat(TEXT_MAX))).unwrap().len() <= TEXT_MAX + 3);
    }

    #[test]
    fn long_ids_stay_apart() {
        let (a, b) = (format!("{}a", "x".repeat(5000)), format!("{}b", "x".repeat(5000)));
        assert_ne!(bounded_id(&a), bounded_id(&b));
        assert!(bounded_id(&a).len() < 256);
        assert_eq!(bounded_id("call_1"), "call_1");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(bounded("short", 10), "short");
        assert!(bounded(&"x".repeat(20), 10).ends_with("[cut: 20 bytes in all]"));
    }

    proptest! {
        #[test]
        fn a_split_name_has_the_words_of_the_whole(name in "\\PC{0,80}") {
            let (first, last) = split_name(&name);
            let joined = [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(joined, name.split_whitespace().collect::<Vec<_>>().join(" "));
        }

        #[test]
        fn normalising_a_number_twice_changes_nothing_more(text in "\\PC{0,40}") {
            let once = phone(&text);
            prop_assert_eq!(phone(&once), once);
        }

        #[test]
        fn punctuation_does_not_make_another_number(digits in "[1-9][0-9]{6,14}", gaps in proptest::collection::vec("[ .()-]{0,2}", 15)) {
            let spread: String = digits.chars().zip(gaps).flat_map(|(d, g)| [d.to_string(), g]).collect();
            prop_assert_eq!(phone(&format!("+{spread}")), format!("+{digits}"));
        }

        #[test]
        fn a_number_that_is_not_e164_keeps_its_digits(text in "[0-9 ().-]{0,30}") {
            prop_assert_eq!(phone(&text), text.trim());
        }
    }
}
