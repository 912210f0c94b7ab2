//! Small helpers for text that people read.

use std::borrow::Cow;

/// At most `max` bytes of `text`, cut at a character, with `…` where something was cut.
#[must_use]
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// Candidates for a misspelt name, best first.
pub type Nearest = Vec<String>;

/// Up to three of `known` that are close to `wrong`, by edit distance (at most a third of its length, at least 2) or
/// because one contains the other.
#[must_use]
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Nearest {
    let lower = wrong.to_lowercase();
    let allowed = (wrong.chars().count() / 3).max(2);
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let other = name.to_lowercase();
            let distance = edit_distance(&lower, &other);
            let contains = lower.len() > 2 && (other.contains(&lower) || lower.contains(&other));
            (distance <= allowed || contains).then_some((distance, name))
        })
        .collect();
    found.sort();
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// Levenshtein distance over characters; text beyond 64 characters is not compared.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(ca != *cb)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(cut("héllo", 2), "h…");
        assert_eq!(cut("hi", 2), "hi");
    }

    #[test]
    fn the_nearest_names_come_first() {
        assert_eq!(nearest("frstname", ["lastname", "firstname", "phone"])[0], "firstname");
        assert!(nearest("xyz", ["firstname"]).is_empty());
    }
}
