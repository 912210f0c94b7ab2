//! What a run begins with: `seeds/TARGET/*`, hand-made; `seeds/TARGET.dict`, the words of the format as libFuzzer writes
//! them; `regressions/TARGET/*`, what was found once and must stay mended.

use std::path::{Path, PathBuf};

use crate::components;

/// The folder of this crate.
#[must_use]
pub fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The inputs to begin with, regressions included.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> =
        files(&home().join("seeds").join(target)).into_iter().map(|(_, data)| data).collect();
    all.extend(regressions(target).into_iter().map(|(_, data)| data));
    if target == "components" {
        all.extend(components::seeds());
    }
    all
}

/// What was found once, by file.
#[must_use]
pub fn regressions(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    files(&home().join("regressions").join(target))
}

/// The words of the format.
///
/// # Panics
/// Where the dictionary has a line that is none.
#[must_use]
pub fn words(target: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(dictionary(target)).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|l| word(l).unwrap_or_else(|| panic!("{target}.dict: no word: {l}"))).collect()
}

/// Where the words stand.
#[must_use]
pub fn dictionary(target: &str) -> PathBuf {
    home().join("seeds").join(format!("{target}.dict"))
}

/// `"text"` with `\\`, `\"` and `\xAB`.
fn word(line: &str) -> Option<Vec<u8>> {
    let inner = line.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < inner.len() {
        if inner[at] != b'\\' {
            out.push(inner[at]);
            at += 1;
        } else if inner.get(at + 1) == Some(&b'x') {
            let digits = std::str::from_utf8(inner.get(at + 2..at + 4)?).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            at += 4;
        } else {
            out.push(*inner.get(at + 1)?);
            at += 2;
        }
    }
    Some(out)
}

/// The files of a folder, by name; none where there is no folder.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_file()).collect();
    paths.sort();
    paths.into_iter().filter_map(|p| std::fs::read(&p).ok().map(|data| (p, data))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_libfuzzer_reads_it() {
        assert_eq!(word(r#""a\"b\\\x00c""#), Some(b"a\"b\\\0c".to_vec()));
        assert_eq!(word("a"), None);
        assert_eq!(word(r#""\xz0""#), None);
    }
}
