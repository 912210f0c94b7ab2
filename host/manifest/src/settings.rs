//! What a user may set on a connection.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::check::https;
use crate::pattern::{check_event, host_matches, path_matches};
use crate::{Endpoint, EndpointSource, Manifest};

/// The longest text, in characters.
const MAX_TEXT: usize = 4_096;
/// The longest list.
const MAX_LIST: usize = 100;
/// A sink's event list; every connector with `[sink]` has it.
const EVENTS: &str = "events";

/// One setting of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Setting {
    /// What the value is.
    #[serde(rename = "type")]
    pub kind: SettingType,
    /// What the form calls it.
    #[serde(default)]
    pub title: String,
    /// What the form explains.
    #[serde(default)]
    pub description: String,
    /// Whether a connection needs it.
    #[serde(default)]
    pub required: bool,
    /// Used where the user gives none; of the setting's own type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The only values allowed (`string` only).
    #[serde(default)]
    pub one_of: Vec<String>,
    /// Whether the connector's `core/choices` lists values.
    #[serde(default)]
    pub choices: bool,
}

/// A setting's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    /// Text of at most 4,096 characters.
    String,
    /// A whole number.
    Integer,
    /// true or false.
    Boolean,
    /// An https URL without userinfo.
    Url,
    /// A list of texts, at most 100.
    Strings,
}

/// A connection's settings do not fit the manifest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("settings{}{name}: {problem}", if name.is_empty() { "" } else { "." })]
pub struct SettingsError {
    /// The setting at fault; empty for the settings as a whole.
    pub name: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl Manifest {
    /// Checks a connection's settings and fills in the defaults. `null`, for the whole or for one setting, means that
    /// nothing was given.
    ///
    /// # Errors
    /// Everything that is wrong with them: unknown names (with the nearest), missing and mistyped values.
    pub fn check_settings(&self, given: &Value) -> Result<Value, Vec<SettingsError>> {
        let empty = Map::new();
        let given = match given {
            Value::Null => &empty,
            Value::Object(given) => given,
            _ => {
                return Err(vec![SettingsError {
                    name: String::new(),
                    problem: "is not an object".to_owned(),
                }]);
            }
        };
        let (mut full, mut errors) = (Map::new(), Vec::new());
        let mut wrong = |name: &str, problem| errors.push(SettingsError { name: shown(name), problem });
        for (name, value) in given.iter().filter(|(_, v)| !v.is_null()) {
            match self.check_setting(name, value) {
                Ok(()) => drop(full.insert(name.clone(), value.clone())),
                Err(problem) => wrong(name, problem),
            }
        }
        for (name, setting) in &self.settings {
            if given.get(name).is_none_or(Value::is_null) {
                match &setting.default {
                    Some(default) => drop(full.insert(name.clone(), default.clone())),
                    None if setting.required => wrong(name, "is required".to_owned()),
                    None => {}
                }
            }
        }
        if errors.is_empty() { Ok(Value::Object(full)) } else { Err(errors) }
    }

    fn check_setting(&self, name: &str, value: &Value) -> Result<(), String> {
        let reserved = name == EVENTS && self.sink.is_some();
        match self.settings.get(name) {
            Some(setting) => setting.check(value)?,
            None if reserved => check_type(SettingType::Strings, value)?,
            None => return Err(self.unknown_setting(name)),
        }
        if reserved {
            let mut patterns = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            return patterns.try_for_each(check_event);
        }
        let uses = |e: &&Endpoint| e.from == EndpointSource::Settings && e.setting.as_deref() == Some(name);
        match (self.endpoint.iter().find(uses), value.as_str()) {
            (Some(endpoint), Some(url)) => endpoint.check_base(url),
            _ => Ok(()),
        }
    }

    fn unknown_setting(&self, name: &str) -> String {
        let mut known: Vec<&str> = self.settings.keys().map(String::as_str).collect();
        if self.sink.is_some() && !known.contains(&EVENTS) {
            known.push(EVENTS);
        }
        let near = model::nearest(name, known.iter().copied());
        if !near.is_empty() {
            return format!("is unknown; did you mean {}?", near.join(" or "));
        }
        match known.len() {
            0 => "is unknown: this connector has no settings".to_owned(),
            _ => format!("is unknown; this connector has {}", known.join(", ")),
        }
    }
}

impl Endpoint {
    /// Whether a base URL may stand for this endpoint: https, port 443, no userinfo, query or fragment games, one of its
    /// hosts, one of its paths.
    ///
    /// # Errors
    /// What does not fit, in words that hold nothing of the URL: it may be a secret.
    pub fn check_base(&self, url: &str) -> Result<(), String> {
        https(url)?;
        let url = url::Url::parse(url).map_err(|_| "is not a URL".to_owned())?;
        if url.port().is_some() {
            return Err("has a port: only 443 is allowed, leave it out".to_owned());
        }
        if url.fragment().is_some() {
            return Err("has a fragment (#…): leave it out".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        if !self.hosts.iter().any(|p| host_matches(p, host)) {
            return Err(format!(
                "has a host that this connector does not allow; allowed: {}",
                self.hosts.join(", ")
            ));
        }
        let path = url.path();
        let lower = path.to_ascii_lowercase();
        if lower.contains("%2f") || lower.contains("%5c") {
            return Err("hides a slash in an encoding (%2F, %5C)".to_owned());
        }
        if !self.paths.is_empty() && !self.paths.iter().any(|p| path_matches(p, path)) {
            return Err(format!(
                "has a path that this connector does not allow; allowed: {}",
                self.paths.join(", ")
            ));
        }
        Ok(())
    }
}

impl Setting {
    /// Whether `value` may be this setting's.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        check_type(self.kind, value)?;
        match value.as_str() {
            Some(text) if !self.one_of.is_empty() && !self.one_of.iter().any(|o| o == text) => {
                Err(format!("is none of {}", model::cut(&self.one_of.join(", "), 300)))
            }
            _ => Ok(()),
        }
    }
}

fn check_type(kind: SettingType, value: &Value) -> Result<(), String> {
    match (kind, value) {
        (SettingType::String, Value::String(text)) => check_text(text),
        (SettingType::Url, Value::String(text)) => check_text(text).and_then(|()| https(text)),
        (SettingType::Integer, Value::Number(n)) if n.is_i64() => Ok(()),
        (SettingType::Boolean, Value::Bool(_)) => Ok(()),
        (SettingType::Strings, Value::Array(items)) => {
            if items.len() > MAX_LIST {
                return Err(format!("has {} entries; at most {MAX_LIST} are allowed", items.len()));
            }
            let one = |v: &Value| {
                v.as_str().ok_or_else(|| "is not a list of strings".to_owned()).and_then(check_text)
            };
            items.iter().try_for_each(one)
        }
        (kind, _) => Err(match kind {
            SettingType::String => "is not a string",
            SettingType::Integer => "is not a whole number",
            SettingType::Boolean => "is neither true nor false",
            SettingType::Url => "is not a URL in a string",
            SettingType::Strings => "is not a list of strings",
        }
        .to_owned()),
    }
}

fn check_text(text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("holds a NUL character".to_owned());
    }
    let n = text.chars().count();
    if n > MAX_TEXT { Err(format!("has {n} characters; at most {MAX_TEXT} are allowed")) } else { Ok(()) }
}

/// A name as given by a user, fit for one line.
fn shown(name: &str) -> String {
    model::cut(name, 100).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
