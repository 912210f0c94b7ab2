//! A method's arguments, from wherever they came.

use super::errors::Trouble;
use crate::Call;
use serde_json::{Map, Value};

/// The arguments of one call.
#[derive(Debug, Default)]
pub(super) struct Args {
    values: Map<String, Value>,
    /// What the vendor remarks on the way they were sent.
    pub(super) warning: Option<&'static str>,
    /// Whether they came as JSON, where structures need no quoting.
    json: bool,
}

impl Args {
    /// Reads the query and the body; a JSON body counts only for methods that take one.
    pub(super) fn read(call: &Call, takes_json: bool) -> Result<Self, Trouble> {
        let mut args = Self::default();
        args.take(call.query.iter().cloned());
        if call.method != "POST" {
            return Ok(args);
        }
        let full = call.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let charset = full.contains("charset=");
        match call.media_type().as_deref() {
            Some("application/x-www-form-urlencoded") => {
                args.warning = charset.then_some("superfluous_charset");
                args.take(call.form());
            }
            Some("application/json") => {
                args.warning = (!charset).then_some("missing_charset");
                args.json = true;
                match call.json().map_err(|_| Trouble::new("invalid_json"))? {
                    Value::Object(members) if takes_json => args.values.extend(members),
                    Value::Object(_) => {}
                    _ => return Err(Trouble::new("json_not_object")),
                }
            }
            None if call.body.is_empty() => {}
            None => return Err(Trouble::new("missing_post_type")),
            Some("multipart/form-data") => return Err(Trouble::new("invalid_form_data")),
            Some(_) => return Err(Trouble::new("invalid_post_type")),
        }
        Ok(args)
    }

    fn take(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        self.values.extend(pairs.into_iter().map(|(name, value)| (name, Value::from(value))));
    }

    /// An argument as text, if it is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = match self.values.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// An argument that the method cannot do without.
    pub(super) fn need(&self, name: &str) -> Result<String, Trouble> {
        let why = format!("missing required field: {name}");
        self.text(name).ok_or_else(|| Trouble::explained("invalid_arguments", &why))
    }

    /// An argument that is true or false.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text == "true" || text == "1")
    }

    /// An argument that is a structure: JSON, or JSON in a string.
    pub(super) fn structure(&self, name: &str, error: &str) -> Result<Option<Value>, Trouble> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => {
                serde_json::from_str(text).map(Some).map_err(|_| Trouble::new(error))
            }
            Some(value) if self.json => Ok(Some(value.clone())),
            Some(_) => Err(Trouble::new(error)),
        }
    }
}
