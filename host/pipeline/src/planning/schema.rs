//! What `schema.describe` says of an object, as far as a mapping needs it.

use std::collections::BTreeMap;

use serde_json::Value;

/// The fields of one object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema {
    properties: BTreeMap<String, Property>,
    /// `additionalProperties: true`: the list may be incomplete.
    open: bool,
}

/// One provider field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property {
    /// Its place in the typed record: `person.first-name`.
    pub(crate) member: Option<String>,
    /// What it takes.
    pub(crate) kind: Kind,
}

/// What a field takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Text, or a type that we do not know.
    Text,
    /// A whole number.
    Integer,
    /// A decimal number.
    Decimal,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// An instant.
    DateTime,
    /// One of these.
    Choice(Vec<String>),
    /// Several of these; empty: any.
    Choices(Vec<String>),
    /// An object.
    Json,
}

impl Schema {
    /// Reads a whole `describe` answer (`fields` inside, as JSON or as JSON text) or the `fields` alone. None where
    /// there is no object of properties in it.
    pub(crate) fn read(described: &Value) -> Option<Self> {
        match described {
            Value::String(text) => Self::read(&serde_json::from_str(text).ok().filter(Value::is_object)?),
            Value::Object(o) if o.contains_key("fields") && !o.contains_key("properties") => {
                Self::read(&o["fields"])
            }
            Value::Object(o) => {
                let properties = o.get("properties")?.as_object()?;
                let open = o.get("additionalProperties").is_some_and(|a| a != &Value::Bool(false));
                let properties = properties.iter().map(|(n, p)| (n.clone(), Property::read(p))).collect();
                Some(Self { properties, open })
            }
            _ => None,
        }
    }

    /// The field of this name.
    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.get(name)
    }

    /// Whether there is, or may be, a field of this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.open || self.properties.contains_key(name)
    }

    /// Whether a field has this place in the typed record.
    pub(crate) fn has_member(&self, member: &str) -> bool {
        self.properties.values().any(|p| p.member.as_deref() == Some(member))
    }

    /// All names, in alphabetical order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.properties.keys().map(String::as_str)
    }

    /// How many fields are listed.
    pub(crate) fn len(&self) -> usize {
        self.properties.len()
    }
}

impl Property {
    fn read(property: &Value) -> Self {
        let member = property.get("x-member").and_then(Value::as_str).map(str::to_owned);
        Self { member, kind: Kind::read(property) }
    }
}

impl Kind {
    fn read(property: &Value) -> Self {
        let choices = |p: &Value| -> Vec<String> {
            let values = p.get("enum").and_then(Value::as_array);
            let titled = p.get("oneOf").and_then(Value::as_array);
            let constant = titled.into_iter().flatten().filter_map(|c| c.get("const"));
            values
                .into_iter()
                .flatten()
                .chain(constant)
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        match type_of(property) {
            "integer" => Self::Integer,
            "number" => Self::Decimal,
            "boolean" => Self::Boolean,
            "array" => Self::Choices(property.get("items").map(choices).unwrap_or_default()),
            "object" => Self::Json,
            _ => match (property.get("format").and_then(Value::as_str), choices(property)) {
                (_, some) if !some.is_empty() => Self::Choice(some),
                (Some("date"), _) => Self::Date,
                (Some("date-time"), _) => Self::DateTime,
                _ => Self::Text,
            },
        }
    }
}

/// The type, null left aside: `["string", "null"]` is a string.
fn type_of(property: &Value) -> &str {
    match property.get("type") {
        Some(Value::String(one)) => one,
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).find(|t| *t != "null").unwrap_or("string")
        }
        _ => "string",
    }
}
