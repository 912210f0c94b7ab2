//! Parsing and checking: everything that is wrong, at once, each with its place.

mod parts;
mod reach;
mod texts;

pub(crate) use texts::https;

use std::fmt;

use serde::Serialize;

use crate::{Auth, AuthKind, Endpoint, Manifest, document};

/// The largest manifest, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// So many problems are listed; more than a screenful helps nobody.
const MAX_PROBLEMS: usize = 50;

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where: `line 12, egress[2].host`; empty for the file as a whole.
    pub at: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => f.write_str(&self.message),
            at => write!(f, "{at}: {}", self.message),
        }
    }
}

/// Everything that is wrong with a manifest; shown one problem per line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// In the order of the file; never empty, at most 50.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let end = if i == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl Manifest {
    /// Reads and checks `connector.toml`, at most 64 KiB.
    ///
    /// # Errors
    /// Everything that is wrong with it: the form (TOML, unknown and missing keys, types) and the meaning (patterns,
    /// bounds, parts that refer to one another).
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_BYTES {
            let message = format!("the manifest has {} bytes; at most {MAX_BYTES} are allowed", text.len());
            return Err(ManifestError { problems: vec![Problem { at: String::new(), message }] });
        }
        let document::Read { manifest, mut findings, places } = document::read(text);
        if let Some(manifest) = &manifest {
            let mut checks = Checks { manifest, findings };
            checks.parts();
            checks.reach();
            findings = checks.findings;
        }
        match manifest {
            Some(manifest) if findings.is_empty() => Ok(manifest),
            _ => Err(error(findings, &places)),
        }
    }

    /// Whether `text` can be a connector's id: `[a-z][a-z0-9-]{0,62}`. Ask before a name from outside is looked up.
    #[must_use]
    pub fn is_id(text: &str) -> bool {
        texts::id(text, parts::MAX_ID).is_ok()
    }

    /// How a credential of this kind is used, where the connector takes one.
    #[must_use]
    pub fn auth_of(&self, kind: AuthKind) -> Option<&Auth> {
        self.auth.iter().find(|a| a.kind == kind)
    }

    /// The endpoint of that name.
    #[must_use]
    pub fn endpoint_named(&self, name: &str) -> Option<&Endpoint> {
        self.endpoint.iter().find(|e| e.name == name)
    }
}

fn error(findings: Vec<document::Finding>, places: &document::Places) -> ManifestError {
    let mut problems: Vec<(usize, Problem)> = findings
        .into_iter()
        .map(|(path, message)| {
            let line = places.line(&path);
            let at = match (line, path.as_str()) {
                (None, path) => path.to_owned(),
                (Some(line), path) if path.starts_with('\n') => format!("line {line}"),
                (Some(line), path) => format!("line {line}, {path}"),
            };
            // Both may quote the file, and are shown one to a line.
            (line.unwrap_or(0), Problem { at: plain(&at, 300), message: plain(&message, 1_000) })
        })
        .collect();
    problems.sort_by_key(|(line, _)| *line);
    let mut problems: Vec<Problem> = problems.into_iter().map(|(_, p)| p).collect();
    if problems.len() > MAX_PROBLEMS {
        let more = problems.len() - MAX_PROBLEMS + 1;
        problems.truncate(MAX_PROBLEMS - 1);
        problems.push(Problem { at: String::new(), message: format!("and {more} more problems") });
    }
    ManifestError { problems }
}

/// At most `max` bytes, on one line, with nothing that moves the cursor.
fn plain(text: &str, max: usize) -> String {
    model::cut(text, max).chars().map(|c| if document::hides(c) { '\u{fffd}' } else { c }).collect()
}

/// The checks of the meaning, and what they found.
struct Checks<'a> {
    manifest: &'a Manifest,
    findings: Vec<document::Finding>,
}

impl Checks<'_> {
    fn find(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.findings.push((path.into(), message.into()));
    }

    /// Notes a check's refusal.
    fn want(&mut self, path: impl Into<String>, outcome: Result<(), String>) {
        if let Err(message) = outcome {
            self.find(path, message);
        }
    }

    /// A list's length and that no entry is there twice.
    fn list<T: PartialEq>(&mut self, path: &str, items: &[T], least: usize, most: usize) {
        if items.len() < least {
            self.find(path, format!("is empty: at least {least} is needed"));
        }
        if items.len() > most {
            self.find(path, format!("has {} entries; at most {most} are allowed", items.len()));
        } else if let Some(i) = (1..items.len()).find(|i| items[..*i].contains(&items[*i])) {
            self.find(format!("{path}[{i}]"), "is there already");
        }
    }
}
