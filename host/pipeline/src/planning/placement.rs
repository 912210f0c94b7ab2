//! Where mapped fields go: into the typed record where the schema's `x-member` has a place for them, into a note where
//! the object has no description, else into `meta.custom`, typed as the schema says.

use std::collections::BTreeMap;

use model::Millis;
use sandbox::v0_1::core::{Field, Value};

use super::mapping::{DESCRIPTION, MappedField, MappingError, known};
use super::schema::{Kind, Property, Schema};
use super::text;

/// Mapped fields, placed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Composed {
    /// `person.…`
    pub(crate) person: PersonParts,
    /// The record's own members, by the contract's names: `description`, `status`, `subject`, …
    pub(crate) members: BTreeMap<String, String>,
    /// The rest, under the provider's names.
    pub(crate) custom: Vec<Field>,
    /// What was mapped to a description that the object does not have.
    pub(crate) notes: Vec<String>,
}

/// A person, in parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PersonParts {
    /// `person.first-name`, `last-name`, `display-name`, `title`, `company-name`.
    pub(crate) texts: BTreeMap<&'static str, String>,
    /// The first is the one that matters.
    pub(crate) emails: Vec<String>,
    /// E.164 where they are; the first is the one that matters.
    pub(crate) phones: Vec<String>,
    /// `person.addresses.…`: street, city, region, postal-code, country.
    pub(crate) address: BTreeMap<&'static str, String>,
}

const PERSON_TEXTS: [&str; 5] = ["first-name", "last-name", "display-name", "title", "company-name"];
const ADDRESS: [&str; 5] = ["street", "city", "region", "postal-code", "country"];

/// The text members that `object` has in the contract, besides the person.
fn members_of(object: &str) -> &'static [&'static str] {
    match object {
        "contact" => &["lifecycle"],
        "lead" => &["status", "source", "description"],
        "task" => &["subject", "body", "priority"],
        "note" => &["body"],
        "activity" => &["subject", "body"],
        _ => &["name"],
    }
}

fn has_person(object: &str) -> bool {
    matches!(object, "contact" | "lead")
}

/// Whether what is mapped to `description` has a field to go to; else it becomes a note.
///
/// An incomplete list (`additionalProperties`) is no field: a note is seen, a refused property loses the lead.
pub(crate) fn has_description(object: &str, schema: Option<&Schema>) -> bool {
    let typed = members_of(object).contains(&DESCRIPTION);
    match schema {
        Some(schema) => schema.property(DESCRIPTION).is_some() || (typed && schema.has_member(DESCRIPTION)),
        None => typed,
    }
}

/// Places `fields`. The first value of a name wins, but for descriptions, which are joined. Without a schema (the
/// connector does not describe itself) names cannot be checked: everything travels as custom text.
///
/// # Errors
/// An unknown name, or a value that the field's type cannot take.
pub(crate) fn apply(
    object: &str,
    fields: &[MappedField],
    schema: Option<&Schema>,
) -> Result<Composed, MappingError> {
    let mut composed = Composed::default();
    let mut descriptions: Vec<&str> = Vec::new();
    for MappedField { name, value } in fields {
        if name.contains(',') {
            return Err(MappingError::TooManyNames { right: name.clone() });
        }
        known(object, name, schema)?;
        if value.trim().is_empty() {
            continue;
        }
        if name == DESCRIPTION {
            descriptions.push(value);
        } else {
            composed.place(object, name, value, schema.and_then(|s| s.property(name)))?;
        }
    }
    if !has_description(object, schema) {
        composed.notes = descriptions.into_iter().map(str::to_owned).collect();
    } else if !descriptions.is_empty() {
        let whole = descriptions.join("\n\n");
        match schema.and_then(|s| s.property(DESCRIPTION)) {
            Some(property) => composed.place(object, DESCRIPTION, &whole, Some(property))?,
            None => {
                composed.members.insert(DESCRIPTION.to_owned(), whole);
            }
        }
    }
    Ok(composed)
}

impl Composed {
    fn place(
        &mut self,
        object: &str,
        name: &str,
        value: &str,
        property: Option<&Property>,
    ) -> Result<(), MappingError> {
        if let Some(member) = property.and_then(|p| p.member.as_deref())
            && self.place_member(object, member, value)
        {
            return Ok(());
        }
        if self.custom.iter().any(|f| f.name == name) {
            return Ok(());
        }
        let kind = property.map_or(&Kind::Text, |p| &p.kind);
        let value = typed(kind, value).map_err(|expected| MappingError::BadValue {
            object: object.to_owned(),
            name: name.to_owned(),
            expected,
            value: model::cut(value, 64).into_owned(),
        })?;
        self.custom.push(Field { name: name.to_owned(), value });
        Ok(())
    }

    /// Whether the typed record has the member; it then holds the value.
    fn place_member(&mut self, object: &str, member: &str, value: &str) -> bool {
        let person = member.strip_prefix("person.").filter(|_| has_person(object));
        let value = value.trim().to_owned();
        match person {
            Some("emails") => push_new(&mut self.person.emails, value),
            Some("phones") => push_new(&mut self.person.phones, text::phone(&value)),
            Some(part) => {
                let (names, part, texts) = match part.strip_prefix("addresses.") {
                    Some(line) => (&ADDRESS, line, &mut self.person.address),
                    None => (&PERSON_TEXTS, part, &mut self.person.texts),
                };
                let Some(name) = names.iter().find(|n| **n == part) else { return false };
                texts.entry(name).or_insert(value);
            }
            None if members_of(object).contains(&member) => {
                self.members.entry(member.to_owned()).or_insert(value);
            }
            None => return false,
        }
        true
    }
}

fn push_new(list: &mut Vec<String>, value: String) {
    if !list.contains(&value) {
        list.push(value);
    }
}

/// The value as the field takes it, or in words what it takes.
///
/// A choice that the schema does not list goes out as text: the list may be older than the provider's, and the provider
/// says best what it wants.
fn typed(kind: &Kind, value: &str) -> Result<Value, &'static str> {
    let value = value.trim();
    Ok(match kind {
        Kind::Text => Value::Text(value.to_owned()),
        Kind::Integer => Value::Integer(value.parse().map_err(|_| "a whole number")?),
        Kind::Decimal => Value::Decimal(decimal(value).ok_or("a decimal number")?),
        Kind::Boolean => Value::Boolean(boolean(value).ok_or("true or false")?),
        Kind::Date => Value::Date(date(value).ok_or("a day, such as 2026-11-24")?),
        Kind::DateTime => Value::Timestamp(
            Millis::parse(value)
                .map_err(|_| "a time with an offset, such as 2026-11-24T15:00:00-05:00")?
                .rfc3339(),
        ),
        Kind::Choice(of) => Value::Text(listed(of, value)),
        Kind::Choices(of) => Value::Choices(
            value.split([',', ';']).map(str::trim).filter(|c| !c.is_empty()).map(|c| listed(of, c)).collect(),
        ),
        Kind::Json => {
            let json = serde_json::from_str::<serde_json::Value>(value);
            Value::Json(json.map_err(|_| "a JSON value")?.to_string())
        }
    })
}

/// The listed spelling of a choice.
fn listed(of: &[String], value: &str) -> String {
    let found = of.iter().find(|c| *c == value).or_else(|| of.iter().find(|c| c.eq_ignore_ascii_case(value)));
    found.map_or(value, String::as_str).to_owned()
}

/// `-12.50`: a sign, digits, at most one point. No exponent: the text is exact.
fn decimal(value: &str) -> Option<String> {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let numeric = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (numeric(whole) && numeric(fraction)).then(|| value.strip_prefix('+').unwrap_or(value).to_owned())
}

fn boolean(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// A day; the day of a time in that time's own offset.
fn date(value: &str) -> Option<String> {
    let day =
        if value.len() > 10 { value.get(..10).filter(|_| Millis::parse(value).is_ok())? } else { value };
    day.parse::<jiff::civil::Date>().ok().map(|d| d.to_string())
}

#[cfg(test)]
#[path = "tests/placement.rs"]
mod tests;
