//! A connection's field mapping: ours on the left, the provider's on the right.
//!
//! Left: an alias or a path into the event. Right: a provider field, or two with a comma between them, which share a full
//! name. [`resolve`] reads the event when it is planned; where a field goes is decided in [`super::placement`], when the
//! provider's schema is at hand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event_view::EventView;
use super::schema::Schema;
use super::text;

/// The right-hand name that may become a note where the object has no such field.
pub(crate) const DESCRIPTION: &str = "description";
/// How many entries of a mapping are read; the API takes fewer.
const ENTRIES_MAX: usize = 200;
/// A value under the provider's name of its field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MappedField {
    /// The provider's name.
    pub(crate) name: String,
    /// Text, never empty.
    pub(crate) value: String,
}

/// A mapping that the object cannot take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The object has no field of this name.
    #[error("`{object}` has no field `{name}`{}", suggest(.nearest))]
    UnknownField {
        /// The object.
        object: String,
        /// The name on the mapping's right.
        name: String,
        /// Names that are close, best first.
        nearest: Vec<String>,
    },
    /// More than two names on the right.
    #[error("`{right}` names more than two fields; a full name is split into two: \"firstname,lastname\"")]
    TooManyNames {
        /// The mapping's right.
        right: String,
    },
    /// The field is of a type that the text is not.
    #[error(
        "the field `{name}` of `{object}` takes {expected}, and the event has `{value}` for it; map another member to it"
    )]
    BadValue {
        /// The object.
        object: String,
        /// The provider's field.
        name: String,
        /// In words.
        expected: &'static str,
        /// The beginning of what the event has.
        value: String,
    },
}

impl MappingError {
    /// A stable word for the API: `unknown_field`, `invalid_field_mapping`, `invalid_field_value`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownField { .. } => "unknown_field",
            Self::BadValue { .. } => "invalid_field_value",
            Self::TooManyNames { .. } => "invalid_field_mapping",
        }
    }

    /// Names that are close to an unknown one, best first.
    #[must_use]
    pub fn nearest(&self) -> &[String] {
        match self {
            Self::UnknownField { nearest, .. } => nearest,
            _ => &[],
        }
    }
}

fn suggest(nearest: &[String]) -> String {
    match nearest {
        [] => "; run the connection's test and look at the object's fields".to_owned(),
        some => format!(
            "; did you mean {}?",
            some.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ")
        ),
    }
}

/// Whether `object` has a field `name`, as far as one can tell.
pub(crate) fn known(object: &str, name: &str, schema: Option<&Schema>) -> Result<(), MappingError> {
    match schema {
        Some(schema) if name != DESCRIPTION && !schema.knows(name) => {
            let mut nearest = model::nearest(name, schema.names());
            if nearest.is_empty() && schema.len() <= 20 {
                nearest = schema.names().take(3).map(str::to_owned).collect();
            }
            Err(MappingError::UnknownField { object: object.to_owned(), name: name.to_owned(), nearest })
        }
        _ => Ok(()),
    }
}

/// What `mapping` takes from the event: one entry per right-hand name that has a value, in the order of the left-hand
/// sides. An alias goes before a member of the same name.
///
/// A right-hand side with more than two names stays one name, which no object has: it is refused by name when the fields
/// are placed, not dropped here.
pub(crate) fn resolve(mapping: &BTreeMap<String, String>, view: &EventView<'_>) -> Vec<MappedField> {
    let mut fields = Vec::new();
    let mut push = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.push(MappedField { name: name.trim().to_owned(), value });
        }
    };
    for (left, right) in mapping.iter().take(ENTRIES_MAX) {
        let left = left.trim();
        let value = view.alias(left).or_else(|| view.lookup(left));
        match right.split_once(',') {
            Some((first_name, last_name)) if !last_name.contains(',') => {
                let (first, last) = name_in_two(left, value.as_deref(), view);
                push(first_name, first);
                push(last_name, last);
            }
            _ => push(right, value),
        }
    }
    fields
}

/// A full name in two; where it is the caller's and the event gives the parts, those.
fn name_in_two(left: &str, full: Option<&str>, view: &EventView<'_>) -> (Option<String>, Option<String>) {
    match view.name_parts() {
        (Some(first), Some(last)) if left == "callerName" => (Some(first), Some(last)),
        _ => full.map(text::split_name).unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "tests/mapping.rs"]
mod tests;
