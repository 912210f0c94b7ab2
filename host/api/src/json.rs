//! Foreign JSON, read once and strictly.
//!
//! Stricter than RFC 8259 asks, so that a body means the same to every reader: UTF-8, at most [`MAX_DEPTH`] levels, no
//! member twice in an object, no number beyond a double, no U+0000 in a text (PostgreSQL could not keep it).

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::fields::shown;
use crate::problem::{Code, Problem};

/// How deep arrays and objects may be nested, the outermost included.
pub(crate) const MAX_DEPTH: usize = 64;

/// Reads a whole body.
///
/// # Errors
/// A problem with the place, for anything that the module's rules refuse.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Problem::new(Code::InvalidUtf8, format!("The body is not UTF-8 at byte {}.", e.valid_up_to()))
    })?;
    if text.trim_ascii().is_empty() {
        return Err(Problem::new(Code::EmptyBody, "The body is empty; send JSON."));
    }
    // Before the parser, because it recurses: what is too deep never reaches it.
    check_depth(bytes)?;
    let seen = Seen::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let parsed = Strict(&seen).deserialize(&mut reader).and_then(|v| reader.end().map(|()| v));
    parsed.map_err(|e| seen.problem.take().unwrap_or_else(|| malformed(&e)))
}

fn malformed(e: &serde_json::Error) -> Problem {
    // The parser's own words, which quote nothing of the body but a character.
    Problem::new(Code::MalformedJson, format!("The body is not JSON: {}.", model::cut(&e.to_string(), 200)))
}

/// Counts brackets outside of strings. That the text is JSON is not known yet, and does not matter.
fn check_depth(bytes: &[u8]) -> Result<(), Problem> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &b in bytes {
        if in_string {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match b {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            let detail = format!("The body's arrays and objects are nested deeper than {MAX_DEPTH}.");
            return Err(Problem::new(Code::TooDeep, detail));
        }
    }
    Ok(())
}

/// Where the reader stands, and what it refused.
#[derive(Default)]
struct Seen {
    path: RefCell<Vec<Step>>,
    problem: RefCell<Option<Problem>>,
}

enum Step {
    Index(usize),
    Member(String),
}

impl Seen {
    fn refuse<E: serde::de::Error>(&self, code: Code, message: &str) -> E {
        let problem = Problem::at(render(&self.path.borrow()), code, message);
        *self.problem.borrow_mut() = Some(problem);
        E::custom(message)
    }

    fn check_text<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.refuse(Code::InvalidText, "has the character U+0000, which no text may have."));
        }
        Ok(())
    }
}

fn render(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Index(i) => out.push_str(&format!("[{i}]")),
            Step::Member(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(&shown(name).replace('\0', "\u{fffd}"));
            }
        }
    }
    out
}

#[derive(Clone, Copy)]
struct Strict<'a>(&'a Seen);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::from(n))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::from(n))
    }
    fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<Value, E> {
        Number::from_f64(n).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.0.check_text(text)?;
        Ok(Value::String(text.to_owned()))
    }
    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        self.0.check_text(&text)?;
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            self.0.path.borrow_mut().push(Step::Index(list.len()));
            let Some(item) = items.next_element_seed(self)? else { break };
            self.0.path.borrow_mut().pop();
            list.push(item);
        }
        self.0.path.borrow_mut().pop();
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.0.path.borrow_mut().push(Step::Member(name.clone()));
            self.0.check_text::<A::Error>(&name)?;
            if map.contains_key(&name) {
                return Err(self.0.refuse(Code::DuplicateMember, "is there twice; which one counts?"));
            }
            let value = members.next_value_seed(self)?;
            self.0.path.borrow_mut().pop();
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Code {
        parse(text.as_bytes()).unwrap_err().code
    }

    #[test]
    fn a_body_reads_as_any_other_parser_reads_it() {
        let text = r#" {"a":[1,-2,3.5,true,null,"é\u00e9\n"],"b":{"c":18446744073709551615}} "#;
        assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_number_stays_the_same_however_often_it_is_read_and_written() {
        for text in ["123457789019184250000000000.1", "0.30000000000000004", "9007199254740993.0", "-1.7e308"]
        {
            let read = parse(format!("[{text}]").as_bytes()).unwrap();
            assert_eq!(parse(read.to_string().as_bytes()).unwrap(), read);
            assert_eq!(read[0].as_f64(), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for text in
            ["{", "[1,]", "nul", "{\"a\":1}x", "{'a':1}", "[\"\\ud800\"]", "[1e400]", "[NaN]", "\u{feff}{}"]
        {
            assert_eq!(code(text), Code::MalformedJson, "{text}");
        }
        assert_eq!(code(" \n"), Code::EmptyBody);
        assert_eq!(parse(b"[\"\xff\"]").unwrap_err().code, Code::InvalidUtf8);
    }

    #[test]
    fn nesting_is_counted_outside_of_strings_alone() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(code(&deep(MAX_DEPTH + 1)), Code::TooDeep);
        assert_eq!(code(&"[".repeat(100_000)), Code::TooDeep);
        assert_eq!(code(&"{\"a\":".repeat(100_000)), Code::TooDeep);
        assert!(parse(format!("[\"\\\"{}\"]", "[".repeat(1_000)).as_bytes()).is_ok());
    }

    #[test]
    fn a_refusal_names_the_place() {
        let p = parse(br#"[{"data":{}},{"data":{"list":["ok","a\u0000b"]}}]"#).unwrap_err();
        assert_eq!((p.code, p.errors[0].path.as_str()), (Code::InvalidText, "[1].data.list[1]"));
        let p = parse(br#"{"a":{"b":1,"c":2,"b":3}}"#).unwrap_err();
        assert_eq!((p.code, p.errors[0].path.as_str()), (Code::DuplicateMember, "a.b"));
        assert_eq!(code("{\"\\u0000\":1}"), Code::InvalidText);
    }

    #[test]
    fn a_secret_in_a_members_place_is_not_repeated() {
        for text in [
            r#"{"sesame-street-sesame-street":"a\u0000b"}"#,
            r#"{"a":{"sesame-street-sesame-street":1,"sesame-street-sesame-street":2}}"#,
            r#"{"sesame-street-sesame-street\u0000":1}"#,
        ] {
            let problem = parse(text.as_bytes()).unwrap_err();
            assert!(problem.errors[0].path.ends_with("sesa…"), "{problem:?}");
            assert!(!format!("{problem:?}").contains("sesame"), "{problem:?}");
        }
    }
}
