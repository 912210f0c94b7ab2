//! Reading a JSON object member by member, collecting everything that is wrong with it.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::problem::{Code, FieldError, Problem};

/// Errors kept while a body is read; a body with more is bad enough.
const MOST: usize = 100;
/// Characters of an unknown name that is repeated; keys and tokens are longer.
const LONGEST_NAME: usize = 24;

/// What is wrong with a body so far.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    /// Adds one.
    pub(crate) fn add(&mut self, path: impl Into<String>, code: Code, message: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(FieldError { path: path.into(), code, message: message.into() });
        }
    }

    /// `made`, if nothing is wrong.
    pub(crate) fn or<T>(self, made: Option<T>) -> Result<T, Problem> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => Err(Problem::invalid(self.0)),
        }
    }
}

/// An object being read. Members are taken out by name; what is left over in the end is unknown.
pub(crate) struct Fields<'e> {
    map: Map<String, Value>,
    at: String,
    known: Vec<&'static str>,
    pub(crate) errors: &'e mut Errors,
}

impl<'e> Fields<'e> {
    /// Opens `value`, which stands at the path `at`; anything but an object is an error.
    pub(crate) fn open(value: Value, at: &str, errors: &'e mut Errors) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { map, at: at.to_owned(), known: Vec::new(), errors }),
            other => {
                errors.add(at, Code::WrongType, format!("must be an object, not {}.", kind(&other)));
                None
            }
        }
    }

    /// The path of a member.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    /// Records an error at a member.
    pub(crate) fn wrong(&mut self, name: &str, code: Code, message: impl Into<String>) {
        let path = self.path(name);
        self.errors.add(path, code, message);
    }

    /// Whether a member is there and not `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|v| !v.is_null())
    }

    /// Takes a member as it is, `null` included.
    pub(crate) fn raw(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.map.remove(name)
    }

    /// Takes a member; `null` counts as missing.
    pub(crate) fn value(&mut self, name: &'static str) -> Option<Value> {
        self.raw(name).filter(|v| !v.is_null())
    }

    /// Takes a text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            other => self.mistyped(name, "a text", &other),
        }
    }

    /// Takes a text that must be there.
    pub(crate) fn required_text(&mut self, name: &'static str) -> Option<String> {
        let there = self.has(name);
        let text = self.text(name);
        if !there {
            self.wrong(name, Code::MissingMember, "is required, a text.");
        }
        text
    }

    /// Takes an object.
    pub(crate) fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        match self.value(name)? {
            Value::Object(map) => Some(map),
            other => self.mistyped(name, "an object", &other),
        }
    }

    fn mistyped<T>(&mut self, name: &str, wanted: &str, got: &Value) -> Option<T> {
        self.wrong(name, Code::WrongType, format!("must be {wanted}, not {}.", kind(got)));
        None
    }

    /// The members that nobody took.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.map
    }

    /// Ends the reading: each member that nobody took is an error that names the nearest known one.
    pub(crate) fn close(self) {
        for name in self.map.keys() {
            let path = self.path(&shown(name));
            self.errors.add(path, Code::UnknownMember, unknown(name, "member", &self.known));
        }
    }
}

/// A name that does not exist, as an answer may repeat it: of one that no program would choose the beginning alone, for
/// it may be a secret in the wrong place.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    if name.chars().count() <= LONGEST_NAME {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().take(4).chain(['…']).collect())
}

/// "There is no such thing", with the nearest that there are, or all of them.
pub(crate) fn unknown(name: &str, what: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("there is no {what} here.");
    }
    let near = model::nearest(name, known.iter().copied());
    if near.is_empty() {
        format!("there is no {what} of this name; there are: {}.", known.join(", "))
    } else {
        format!("there is no {what} of this name; did you mean {}?", near.join(" or "))
    }
}

/// What a JSON value is, with its article.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Whether a text is 1 to `max` characters without control characters.
pub(crate) fn is_line(text: &str, max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_in_a_names_place_is_not_repeated() {
        let mut errors = Errors::default();
        Fields::open(json!({"sesame-street-sesame-street": 1}), "", &mut errors).unwrap().close();
        let problem = errors.or(Some(())).unwrap_err();
        assert_eq!(problem.errors[0].path, "sesa…");
        assert!(!format!("{problem:?}").contains("sesame"));
    }

    #[test]
    fn everything_wrong_with_an_object_is_said_at_once() {
        let mut errors = Errors::default();
        let mut f = Fields::open(json!({"nam": "x", "size": 1}), "a", &mut errors).unwrap();
        assert_eq!(f.required_text("name"), None);
        assert_eq!(f.text("size"), None);
        f.close();
        let problem = errors.or(Some(())).unwrap_err();
        let said: Vec<_> = problem.errors.iter().map(|e| (e.path.as_str(), e.code)).collect();
        assert_eq!(
            said,
            [("a.name", Code::MissingMember), ("a.size", Code::WrongType), ("a.nam", Code::UnknownMember)]
        );
        assert!(problem.errors[2].message.contains("did you mean name?"));
    }
}
