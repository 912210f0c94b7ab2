//! The list of guards and how to take each out (`tests/hostile/guards.toml`), which the long tier proves.

use std::collections::BTreeSet;

use crate::sources::Source;

/// Where the list is.
pub const LIST: &str = "tests/hostile/guards.toml";

/// Entries that would prove nothing: a name that is taken, a file or a test that is not there, a text that is not in its
/// file exactly once, a replacement that changes nothing.
#[must_use]
pub fn breaches(list: &str, sources: &[Source]) -> Vec<String> {
    let table: toml::Table = match list.parse() {
        Ok(table) => table,
        Err(e) => return vec![format!("{LIST} does not parse: {e}")],
    };
    let guards = table.get("guard").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let (mut found, mut names) = (Vec::new(), BTreeSet::new());
    for guard in &guards {
        let text = |key: &str| guard.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let (name, file, find) = (text("name"), text("file"), text("find"));
        let mut wrong = |what: String| found.push(format!("{LIST}: {name}: {what}"));
        if name.is_empty() || !names.insert(name.to_owned()) {
            wrong("its name is not its own".to_owned());
        }
        if text("attack").is_empty() {
            wrong("it does not say what the guest does".to_owned());
        }
        match sources.iter().find(|s| s.path == file) {
            None => wrong(format!("there is no file {file}")),
            Some(source) => {
                let times = if find.is_empty() { 0 } else { source.text.matches(find).count() };
                if times != 1 {
                    wrong(format!("its text is in {file} {times} times, not once"));
                }
            }
        }
        if find == text("replace") {
            wrong("its replacement changes nothing".to_owned());
        }
        let test = guard.get("test").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let words: Vec<&str> = test.iter().filter_map(toml::Value::as_str).collect();
        let last =
            words.last().filter(|w| words.len() > 1 && !w.starts_with('-')).copied().unwrap_or_default();
        let function = format!("fn {}(", last.rsplit("::").next().unwrap_or_default());
        if last.is_empty() || !sources.iter().any(|s| s.path.ends_with(".rs") && s.text.contains(&function)) {
            wrong(format!("there is no test `{}`", words.join(" ")));
        }
    }
    found
}
