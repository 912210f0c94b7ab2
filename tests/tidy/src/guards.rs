//! The list of guards and how to take each out (`tests/hostile/guards.toml`), which the long tier proves, and the table of
//! the threat model, which says who watches over each.

use std::collections::BTreeSet;

use crate::sources::Source;

/// Where the table is that says which test watches over which guard.
pub const MODEL: &str = "docs/threat-model.md";

/// Rows of the table that name no test, and tests that it names and nobody has: a word in code quotes that has a `/` or
/// a dot is a file or folder, another one with an underscore a function.
#[must_use]
pub fn table_breaches(model: &str, sources: &[Source]) -> Vec<String> {
    let rust = || sources.iter().filter(|s| s.path.ends_with(".rs"));
    let rows = model.lines().skip_while(|line| !line.starts_with("| guard |")).skip(2);
    let (mut found, mut any) = (Vec::new(), false);
    for row in rows.take_while(|line| line.starts_with('|')) {
        any = true;
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [guard, _, tests] = cells[..] else {
            found.push(format!("{MODEL}: not three columns: {row}"));
            continue;
        };
        let (mut there, mut wrong) =
            (0usize, |what: String| found.push(format!("{MODEL}: {}: {what}", guard.trim())));
        for word in tests.split('`').skip(1).step_by(2) {
            if word.contains(['/', '.']) {
                // A file, a folder, or a file's name where a sentence before the table says in which folder it is.
                let path = format!("/{}", word.trim_start_matches('/'));
                if !sources.iter().any(|s| format!("/{}", s.path).contains(&path)) {
                    wrong(format!("there is no file `{word}`"));
                }
            } else if word.contains('_') {
                let function = format!("fn {word}(");
                match rust().filter(|s| s.text.contains(&function)).count() {
                    0 => wrong(format!("there is no test `{word}`")),
                    _ => there += 1,
                }
            }
        }
        if there == 0 {
            wrong("it names no test".to_owned());
        }
    }
    if !any {
        found.push(format!("{MODEL} has no table of guards"));
    }
    found
}

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
