//! The file as TOML, held against the JSON Schema: every unknown key, missing key and wrong type, each with its line.
//!
//! serde would stop at the first; an author who fixes a manifest wants them all. Unknown keys are taken out after they
//! were noted, so that the checks of the meaning can still run.

use std::collections::BTreeMap;

use model::nearest;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Manifest, RateLimit, schema};

/// What was found at a path of the file, such as `egress[2].host`; the root's is empty.
pub(crate) type Finding = (String, String);

/// Where each path of the file stands.
#[derive(Debug, Default)]
pub(crate) struct Places(BTreeMap<String, usize>);

impl Places {
    /// The line of a path, or of the nearest thing around it.
    pub fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// The outcome of reading: the manifest, unless its form is wrong, and what is wrong.
pub(crate) struct Read {
    pub manifest: Option<Manifest>,
    pub findings: Vec<Finding>,
    pub places: Places,
}

/// Reads the text and compares it with the schema.
pub(crate) fn read(text: &str) -> Read {
    let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect();
    let mut reader = Reader { text, breaks, findings: Vec::new(), places: Places::default() };
    let manifest = reader.document();
    Read { manifest, findings: reader.findings, places: reader.places }
}

struct Reader<'a> {
    text: &'a str,
    /// Where lines end: counted once, for a file may have thousands of keys.
    breaks: Vec<usize>,
    findings: Vec<Finding>,
    places: Places,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<Manifest> {
        let root = match DeTable::parse(self.text) {
            Ok(root) => root,
            Err(e) => {
                self.refused(&e);
                return None;
            }
        };
        let span = root.span();
        let mut root = root.into_inner();
        if let Some(finding) = wrong_version(&root) {
            let key = root.keys().find(|k| k.get_ref() == "manifest").map(|k| self.line(k.span().start));
            self.places.0.extend(key.map(|line| ("manifest".to_owned(), line)));
            self.findings.push(finding);
            return None;
        }
        self.table(&mut root, &alternatives(schema::shared()), "");
        let parsed = Manifest::deserialize(toml::de::Deserializer::from(Spanned::new(span, root)));
        match parsed {
            Ok(manifest) => Some(manifest),
            Err(e) => {
                // What the schema found says the same, in better words.
                if self.findings.is_empty() {
                    self.refused(&e);
                }
                None
            }
        }
    }

    fn refused(&mut self, e: &toml::de::Error) {
        let path = match e.span() {
            Some(span) => {
                let line = self.line(span.start);
                // A place that no key can have: it stands for the line alone.
                let path = format!("\n{line}");
                self.places.0.insert(path.clone(), line);
                path
            }
            None => String::new(),
        };
        self.findings.push((path, model::cut(&one_line(e.message()), 300).into_owned()));
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.breaks.partition_point(|at| *at < offset)
    }

    fn find(&mut self, path: &str, message: impl Into<String>) {
        self.findings.push((path.to_owned(), message.into()));
    }

    fn table(&mut self, table: &mut DeTable<'_>, known: &[&'static Value], path: &str) {
        let forms: Vec<&'static Value> = known.iter().copied().filter(|s| is(s, "object")).collect();
        let open: Option<&'static Value> =
            forms.iter().find_map(|s| s.get("additionalProperties").filter(|a| a.is_object()));
        let mut unknown = Vec::new();
        for (key, value) in table.iter_mut() {
            let name = key.get_ref().to_string();
            let here = join(path, &name);
            self.places.0.insert(here.clone(), self.line(key.span().start));
            self.plain(&here, &name);
            match forms.iter().find_map(|s| s.get("properties")?.get(&name)).or(open) {
                Some(schema) => self.value(value.get_mut(), schema, &here),
                None => {
                    let names = forms.iter().filter_map(|s| s.get("properties")?.as_object());
                    let names: Vec<&str> = names.flat_map(|p| p.keys().map(String::as_str)).collect();
                    self.find(&here, unknown_key(&name, &names));
                    unknown.push(key.clone());
                }
            }
        }
        for key in unknown {
            table.remove(&key);
        }
        self.complete(table, &forms, path);
    }

    /// Are the required keys there? Where there are several forms (`inject`), is exactly one chosen?
    fn complete(&mut self, table: &DeTable<'_>, forms: &[&Value], path: &str) {
        if let [one] = forms {
            let required = one.get("required").and_then(Value::as_array).into_iter().flatten();
            for name in required.filter_map(Value::as_str).filter(|n| !table.contains_key(*n)) {
                let what = one.pointer(&format!("/properties/{name}/description")).and_then(Value::as_str);
                let what = what.map(|d| format!(": {}", one_line(d))).unwrap_or_default();
                self.find(path, format!("`{name}` is missing{what}"));
            }
        } else if table.len() != 1 {
            let names = forms.iter().filter_map(|s| s.get("properties")?.as_object()?.keys().next());
            let names: Vec<&str> = names.map(String::as_str).collect();
            self.find(path, format!("give exactly one of {}", names.join(", ")));
        }
    }

    fn value(&mut self, value: &mut DeValue<'_>, schema: &'static Value, path: &str) {
        let known = alternatives(schema);
        // A setting's default may be anything here; its own type is checked with the meaning.
        let anything = known.iter().any(|s| s.get("type").is_none());
        match value {
            DeValue::Table(table) if known.iter().any(|s| is(s, "object")) => self.table(table, &known, path),
            DeValue::Array(items) if known.iter().any(|s| is(s, "array")) => {
                let of = known.iter().find_map(|s| s.get("items")).unwrap_or(&Value::Null);
                for (i, item) in items.iter_mut().enumerate() {
                    let here = format!("{path}[{i}]");
                    self.places.0.insert(here.clone(), self.line(item.span().start));
                    self.value(item.get_mut(), of, &here);
                }
            }
            DeValue::String(text) => {
                self.plain(path, text);
                if !anything {
                    self.text(text, &known, path);
                }
            }
            DeValue::Integer(number) if known.iter().any(|s| is(s, "integer")) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
                let format = known.iter().find_map(|s| s.get("format")?.as_str()).unwrap_or_default();
                let max = match format {
                    "uint8" => i64::from(u8::MAX),
                    "uint32" => i64::from(u32::MAX),
                    _ => i64::MAX,
                };
                if !number.is_some_and(|n| (0..=max).contains(&n)) {
                    self.find(path, format!("is not a number from 0 to {max}"));
                }
            }
            DeValue::Boolean(_) if known.iter().any(|s| is(s, "boolean")) => {}
            _ if anything => {}
            other => {
                self.find(path, format!("is {}, but {} is wanted", article(other.type_str()), wanted(&known)))
            }
        }
    }

    fn text(&mut self, text: &str, known: &[&Value], path: &str) {
        let forms: Vec<&&Value> = known.iter().filter(|s| is(s, "string")).collect();
        if forms.is_empty() {
            return self.find(path, format!("is a string, but {} is wanted", wanted(known)));
        }
        let choices: Vec<&str> = forms
            .iter()
            .flat_map(|s| {
                s.get("const")
                    .into_iter()
                    .chain(s.get("enum").and_then(Value::as_array).into_iter().flatten())
            })
            .filter_map(Value::as_str)
            .collect();
        if !choices.is_empty() && !choices.contains(&text) {
            self.find(path, format!("`{}` is none of {}", model::cut(text, 100), choices.join(", ")));
        }
        if forms.iter().any(|s| s.get("format").is_some_and(|f| f == "rate"))
            && let Err(wrong) = model::cut(text, 100).parse::<RateLimit>()
        {
            self.find(path, wrong);
        }
    }

    /// People consent to what they read: a text must not move the cursor, hide, or turn its direction.
    fn plain(&mut self, path: &str, text: &str) {
        if let Some(c) = text.chars().find(|c| hides(*c)) {
            self.find(path, format!("holds the character {:?}: write one line of plain text", c));
        }
    }
}

/// Whether a character moves the cursor, hides, or turns the direction of a text.
pub(crate) fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The first key says how to read the rest, so nothing else is said where it is wrong.
fn wrong_version(root: &DeTable<'_>) -> Option<Finding> {
    let first = root.iter().min_by_key(|(key, _)| key.span().start)?;
    let place = "manifest".to_owned();
    let Some(version) = root.get("manifest") else {
        return Some((String::new(), "the first key must be `manifest = 1`".to_owned()));
    };
    match version.get_ref().as_integer().map(|i| i64::from_str_radix(i.as_str(), i.radix())) {
        Some(Ok(1)) if first.0.get_ref() == "manifest" => None,
        Some(Ok(1)) => Some((place, "`manifest = 1` must be the first key of the file".to_owned())),
        Some(Ok(other)) => Some((
            place,
            format!(
                "this host reads manifest version 1, not {other}: take the Jackfield that wrote it, or newer"
            ),
        )),
        _ => Some((place, "the manifest's version is the number 1: `manifest = 1`".to_owned())),
    }
}

fn unknown_key(name: &str, known: &[&str]) -> String {
    let name = model::cut(name, 100);
    let near = nearest(&name, known.iter().copied());
    if near.is_empty() {
        format!("unknown key `{}`; known here: {}", one_line(&name), known.join(", "))
    } else {
        format!("unknown key `{}`; did you mean {}?", one_line(&name), near.join(" or "))
    }
}

/// The forms that a value may have: references followed, choices spread out, `null` (an absent key) left out.
fn alternatives(schema: &'static Value) -> Vec<&'static Value> {
    let mut open = vec![schema];
    let mut found = Vec::new();
    while let Some(schema) = open.pop() {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
            open.extend(schema::shared().pointer(name));
        } else if let Some(several) = ["anyOf", "oneOf"].iter().find_map(|k| schema.get(k)?.as_array()) {
            open.extend(several.iter().rev());
        } else if schema.get("type").is_none_or(|t| t != "null") {
            found.push(schema);
        }
    }
    found
}

fn is(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|s| s == kind),
        _ => false,
    }
}

fn wanted(known: &[&Value]) -> String {
    let kinds = [
        ("object", "a table"),
        ("array", "a list"),
        ("string", "a string"),
        ("integer", "a number"),
        ("boolean", "true or false"),
    ];
    let words: Vec<&str> =
        kinds.iter().filter(|(k, _)| known.iter().any(|s| is(s, k))).map(|(_, w)| *w).collect();
    words.join(" or ")
}

fn article(kind: &str) -> String {
    if kind.starts_with(['a', 'i']) { format!("an {kind}") } else { format!("a {kind}") }
}

fn join(path: &str, name: &str) -> String {
    let name = model::cut(name, 100);
    if path.is_empty() { one_line(&name) } else { format!("{path}.{}", one_line(&name)) }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect()
}
