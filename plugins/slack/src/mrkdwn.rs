//! Foreign text in Slack's markup: `&`, `<` and `>` are its control characters (docs.slack.dev, "Formatting message
//! text"); escaped, nobody's summary can mention a channel or hide a link.

/// Slack cuts longer messages.
pub(crate) const MESSAGE: usize = 40_000;
/// One line of ours: a name, a status.
const LINE: usize = 200;
/// A summary. Slack advises at most 4,000 characters for a whole message.
const PARAGRAPH: usize = 3_000;

/// Escapes text; where it would be longer than `max` characters, it is cut, never inside an entity.
pub(crate) fn escape(text: &str, max: usize) -> String {
    let mut out = String::new();
    let (mut length, mut fits) = (0, 0);
    for c in text.chars() {
        let mut buffer = [0; 4];
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\0' => "",
            c => c.encode_utf8(&mut buffer),
        };
        out.push_str(piece);
        length += piece.chars().count();
        if length < max {
            fits = out.len();
        }
        if length > max {
            out.truncate(fits);
            out.push('…');
            return out;
        }
    }
    out
}

/// Text that belongs on one line.
pub(crate) fn line(text: &str) -> String {
    escape(&text.split_whitespace().collect::<Vec<_>>().join(" "), LINE)
}

/// Text of several lines.
pub(crate) fn paragraph(text: &str) -> String {
    escape(text.trim(), PARAGRAPH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(line("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(line("two\n lines\0"), "two lines");
    }

    #[test]
    fn a_cut_never_splits_an_entity_and_never_exceeds_the_limit() {
        assert_eq!(escape("ab<", 6), "ab&lt;");
        assert_eq!(escape("ab<c", 6), "ab…");
        assert_eq!(escape("abcdef", 6), "abcdef");
        assert_eq!(escape("abcdefg", 6), "abcde…");
        for max in 1..50 {
            assert!(escape(&"é<&>".repeat(20), max).chars().count() <= max, "{max}");
        }
        assert_eq!(escape(&"x".repeat(50_000), MESSAGE).chars().count(), MESSAGE);
    }
}
