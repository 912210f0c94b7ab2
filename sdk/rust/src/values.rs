//! Handy readings of the contract's own values.

use crate::crm::{Address, Entity, Meta, ObjectType, Person};
use crate::{Account, Json, Value};

impl Account {
    /// An account by the provider's id and name, each a JSON text or number; the id is its one routing key.
    #[must_use]
    pub fn new(id: &Json, label: &Json) -> Self {
        let (id, label) = (plain(id), plain(label));
        let label = if label.is_empty() { id.clone() } else { label };
        Self { routing_keys: vec![id.clone()], id, label, endpoints: Vec::new(), granted_scopes: Vec::new() }
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

impl Person {
    /// The e-mail address that matters.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.emails.first().map(|email| email.address.as_str())
    }

    /// The number that matters.
    #[must_use]
    pub fn phone(&self) -> Option<&str> {
        self.phones.first().map(|phone| phone.number.as_str())
    }

    /// The address that matters.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        self.addresses.first()
    }

    /// What to call them: the display name, or first and last name, or an e-mail address, or a number.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let both: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        let full = (!both.is_empty()).then(|| both.join(" "));
        self.display_name.clone().or(full).or_else(|| self.email().or(self.phone()).map(str::to_owned))
    }
}

impl Value {
    /// As text, for providers that take text for everything; choices are joined with `;`. `None` for null.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(b) => b.to_string(),
            Self::Integer(i) => i.to_string(),
            Self::Decimal(t) | Self::Text(t) | Self::Timestamp(t) | Self::Date(t) | Self::Json(t) => {
                t.clone()
            }
            Self::Choices(all) => all.join(";"),
        })
    }

    /// As JSON of the nearest kind. Decimals stay text, so that no digit is lost.
    #[must_use]
    pub fn json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Boolean(b) => (*b).into(),
            Self::Integer(i) => (*i).into(),
            Self::Decimal(t) | Self::Text(t) | Self::Timestamp(t) | Self::Date(t) => t.as_str().into(),
            Self::Choices(all) => all.clone().into(),
            Self::Json(t) => serde_json::from_str(t).unwrap_or_else(|_| t.as_str().into()),
        }
    }
}

impl Entity {
    /// Its id, version, owner, times and custom fields.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        match self {
            Self::Contact(r) => &r.meta,
            Self::Lead(r) => &r.meta,
            Self::Company(r) => &r.meta,
            Self::Deal(r) => &r.meta,
            Self::Task(r) => &r.meta,
            Self::Note(r) => &r.meta,
            Self::Activity(r) => &r.meta,
            Self::Custom(r) => &r.meta,
        }
    }

    /// What kind of record it is.
    #[must_use]
    pub fn object(&self) -> ObjectType {
        match self {
            Self::Contact(_) => ObjectType::Contact,
            Self::Lead(_) => ObjectType::Lead,
            Self::Company(_) => ObjectType::Company,
            Self::Deal(_) => ObjectType::Deal,
            Self::Task(_) => ObjectType::Task,
            Self::Note(_) => ObjectType::Note,
            Self::Activity(_) => ObjectType::Activity,
            Self::Custom(r) => ObjectType::Custom(r.object.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_called_by_the_best_name_there_is() {
        let mut person =
            Person { first_name: Some("Ada".into()), last_name: Some("L".into()), ..Person::default() };
        assert_eq!(person.name().as_deref(), Some("Ada L"));
        person.display_name = Some("Countess".into());
        assert_eq!(person.name().as_deref(), Some("Countess"));
        assert_eq!(Person::default().name(), None);
    }
}
