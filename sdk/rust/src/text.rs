//! Small text work that nearly every connector needs.

/// Percent-encodes everything but RFC 3986's unreserved characters: for one path segment or one query value.
///
/// ```
/// assert_eq!(jackfield_connector::encode("a b/c@d.e"), "a%20b%2Fc%40d.e");
/// ```
#[must_use]
pub fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

/// Undoes [`encode`]; what is no percent-encoding stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            i += 3;
        } else {
            out.push(bytes[i]);
            i += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Escapes plain text for an HTML field: `& < > " '` as entities.
///
/// ```
/// assert_eq!(jackfield_connector::html_escape("<b>\"R&D\"</b>"), "&lt;b&gt;&quot;R&amp;D&quot;&lt;/b&gt;");
/// ```
#[must_use]
pub fn html_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    text.chars().for_each(|c| push_escaped(&mut out, c));
    out
}

/// Plain text as HTML of at most `max` characters: escaped, lines broken with `<br>`, and cut with `marker` (itself plain
/// text) where it would be longer. Never cuts inside an entity or a tag.
///
/// ```
/// assert_eq!(jackfield_connector::html_lines("a<b\nc", 100, "…"), "a&lt;b<br>c");
/// assert_eq!(jackfield_connector::html_lines("aaaa<b", 6, "…"), "aaaa…");
/// ```
#[must_use]
pub fn html_lines(text: &str, max: usize, marker: &str) -> String {
    let mut out = String::new();
    let (mut length, mut fits) = (0, 0);
    let marker = html_escape(marker);
    let room = max.saturating_sub(marker.chars().count());
    let text = text.replace("\r\n", "\n");
    for c in text.chars() {
        let before = out.len();
        if c == '\n' {
            out.push_str("<br>");
        } else {
            push_escaped(&mut out, c);
        }
        length += out[before..].chars().count();
        if length <= room {
            fits = out.len();
        }
        if length > max {
            out.truncate(fits);
            out.push_str(&marker);
            return out;
        }
    }
    out
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}

/// The text, or its first `max` characters with `marker` in place of the last of them.
///
/// ```
/// assert_eq!(jackfield_connector::cut("abcdef", 4, "…"), "abc…");
/// assert_eq!(jackfield_connector::cut("abcd", 4, "…"), "abcd");
/// ```
#[must_use]
pub fn cut(text: &str, max: usize, marker: &str) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let keep = max.saturating_sub(marker.chars().count());
    text.chars().take(keep).chain(marker.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_undoes_encoding_and_leaves_the_rest() {
        assert_eq!(decode(&encode("ü/%?")), "ü/%?");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%ü"), "%ü");
    }

    #[test]
    fn html_that_fits_exactly_is_not_cut() {
        assert_eq!(html_lines("a&b", 7, "…"), "a&amp;b");
        assert_eq!(html_lines("a&b", 6, "…"), "a…");
        assert_eq!(html_lines(&"x".repeat(70_000), 65_536, "…").chars().count(), 65_536);
    }
}
