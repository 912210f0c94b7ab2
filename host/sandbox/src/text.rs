//! Guests' text, where people read it.

/// Whether a character changes how the text around it is shown, and is none itself: a control, a separator of lines, or one
/// that turns the direction of writing (Unicode UAX #9; "Trojan Source", CVE-2021-42574).
#[must_use]
pub fn misleads(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}
