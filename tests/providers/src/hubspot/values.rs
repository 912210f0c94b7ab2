//! What a property's value may be, and the form in which it is kept.

use super::errors::Trouble;
use super::kind::Kind;
use super::portal::{Portal, stamp};
use super::properties::Property;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The longest text.
const TEXT: usize = 65_536;

/// Values that were found good; `None` clears.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<String, Option<String>>);

impl Changes {
    pub(super) fn sets(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Option::is_some)
    }

    pub(super) fn new_values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
    }

    pub(super) fn apply_to(self, properties: &mut BTreeMap<String, String>) {
        for (name, value) in self.0 {
            match value {
                Some(value) => properties.insert(name, value),
                None => properties.remove(&name),
            };
        }
    }
}

/// What is wrong with one value.
struct Flaw {
    code: &'static str,
    message: String,
}

impl Portal {
    /// Checks every value; all that is wrong is told at once.
    pub(super) fn changes(&self, kind: Kind, properties: &Map<String, Value>) -> Result<Changes, Trouble> {
        let mut changes = Changes::default();
        let mut flaws = Vec::new();
        for (name, value) in properties {
            match self.value(kind, name, value) {
                Ok(value) => {
                    changes.0.insert(name.clone(), value);
                }
                Err(flaw) => flaws.push((name, flaw)),
            }
        }
        if flaws.is_empty() { Ok(changes) } else { Err(self.invalid_values(&flaws)) }
    }

    fn invalid_values(&self, flaws: &[(&String, Flaw)]) -> Trouble {
        let told: Vec<Value> = flaws
            .iter()
            .map(|(name, flaw)| {
                json!({
                    "isValid": false,
                    "message": flaw.message,
                    "error": flaw.code,
                    "name": name,
                    "localizedErrorMessage": flaw.message,
                    "portalId": self.config.portal_id,
                })
            })
            .collect();
        let trouble = Trouble::invalid(format!("Property values were not valid: {}", Value::from(told)));
        flaws.iter().fold(trouble, |trouble, (name, flaw)| {
            trouble.because(flaw.code, &*flaw.message, json!({"propertyName": [name]}))
        })
    }

    fn value(&self, kind: Kind, name: &str, value: &Value) -> Result<Option<String>, Flaw> {
        let Some(property) = self.properties.get(&(kind, name.to_owned())) else {
            return flaw("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"));
        };
        if property.read_only {
            let message = format!("\"{name}\" is a read only property; its value cannot be set.");
            return flaw("READ_ONLY_VALUE", message);
        }
        let text = match value {
            Value::Null => return Ok(None),
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return flaw("INVALID_TYPE", format!("{name} must be a string"));
            }
        };
        if text.is_empty() {
            return Ok(None);
        }
        if text.chars().count() > TEXT {
            let message = format!("{name} is longer than {TEXT} characters");
            return flaw("INVALID_LENGTH", message);
        }
        self.typed(property, text).map(Some)
    }

    fn typed(&self, property: &Property, text: String) -> Result<String, Flaw> {
        let name = &property.name;
        match property.r#type.as_str() {
            "number" => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(text),
                _ => flaw("INVALID_NUMBER", format!("{text} was not a valid number.")),
            },
            "bool" if text == "true" || text == "false" => Ok(text),
            "bool" => {
                flaw("INVALID_OPTION", format!("{text} was not one of the allowed options: [true, false]"))
            }
            "date" => date(&text).ok_or_else(|| no_date(&text)),
            "datetime" => instant(&text).map(stamp).ok_or_else(|| no_date(&text)),
            "enumeration" => self.option(property, text),
            _ if name == "email" && property.group == "contactinformation" => {
                let text = text.trim().to_lowercase();
                if is_address(&text) {
                    Ok(text)
                } else {
                    flaw("INVALID_EMAIL", format!("Email address {text} is invalid"))
                }
            }
            _ => Ok(text),
        }
    }

    fn option(&self, property: &Property, text: String) -> Result<String, Flaw> {
        let options: Vec<String> = if property.name == "hubspot_owner_id" {
            self.owners.iter().map(|owner| owner.id.to_string()).collect()
        } else {
            property.options.iter().map(|option| option.value.clone()).collect()
        };
        let many = property.field_type == "checkbox";
        let mut chosen = text.split(';').filter(|_| many).chain((!many).then_some(text.as_str()));
        if chosen.all(|one| options.iter().any(|option| option == one)) {
            return Ok(text);
        }
        let allowed = options.join(", ");
        flaw("INVALID_OPTION", format!("{text} was not one of the allowed options: [{allowed}]"))
    }
}

fn flaw<T>(code: &'static str, message: String) -> Result<T, Flaw> {
    Err(Flaw { code, message })
}

fn no_date(text: &str) -> Flaw {
    Flaw { code: "INVALID_DATE", message: format!("{text} was not a valid date.") }
}

/// An instant: ISO 8601, or milliseconds since 1970.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(milliseconds) = text.parse::<i64>() {
        return Timestamp::from_millisecond(milliseconds).ok();
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == 10)?;
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// A day: ISO 8601, or the milliseconds of midnight in UTC.
fn date(text: &str) -> Option<String> {
    let at = instant(text)?.to_zoned(jiff::tz::TimeZone::UTC);
    (at.start_of_day().ok()? == at).then(|| at.date().to_string())
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let clean = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace) && !part.contains('@');
    let labels = domain.split('.').all(|label| !label.is_empty());
    clean(local) && clean(domain) && domain.contains('.') && labels && !local.contains("..")
}
