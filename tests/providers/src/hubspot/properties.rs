//! The definitions of properties, standard and custom.

use super::errors::Trouble;
use super::kind::Kind;
use super::portal::{Portal, stamp};
use super::routes::{Answer, body, kind_of, nowhere, wrong_method};
use crate::{Call, Reply};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const TYPES: [&str; 6] = ["string", "number", "date", "datetime", "enumeration", "bool"];
const FIELD_TYPES: [&str; 12] = [
    "textarea",
    "text",
    "date",
    "file",
    "number",
    "select",
    "radio",
    "checkbox",
    "booleancheckbox",
    "calculation_equation",
    "phonenumber",
    "html",
];

/// One property's definition.
#[derive(Debug, Clone)]
pub struct Property {
    /// The name in requests.
    pub name: String,
    /// The name on screen.
    pub label: String,
    /// What kind of value it has.
    pub r#type: String,
    /// How it is edited.
    pub field_type: String,
    /// The group it is shown in.
    pub group: String,
    /// What it is for.
    pub description: String,
    /// What an enumeration may be.
    pub options: Vec<Choice>,
    /// Whether no two records may share a value.
    pub unique: bool,
    /// Whether only the vendor sets it.
    pub read_only: bool,
    /// When it was made; `None` for the vendor's own.
    pub created_at: Option<Timestamp>,
}

/// One value of an enumeration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// The name on screen.
    pub label: String,
    /// The value in requests.
    pub value: String,
    /// Its place.
    #[serde(default)]
    pub display_order: i32,
    /// Whether forms leave it out.
    #[serde(default)]
    pub hidden: bool,
}

impl Property {
    fn render(&self) -> Value {
        let standard = self.created_at.is_none();
        let since = self.created_at.map_or_else(|| "2020-01-01T00:00:00.000Z".to_owned(), stamp);
        json!({
            "name": self.name,
            "label": self.label,
            "type": self.r#type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": self.options,
            "displayOrder": -1,
            "calculated": false,
            "externalOptions": self.name == "hubspot_owner_id",
            "archived": false,
            "hasUniqueValue": self.unique,
            "hidden": false,
            "hubspotDefined": standard,
            "formField": !self.read_only,
            "createdAt": since,
            "updatedAt": since,
            "modificationMetadata": {
                "archivable": !standard,
                "readOnlyDefinition": standard,
                "readOnlyOptions": standard,
                "readOnlyValue": self.read_only,
            },
        })
    }
}

impl Portal {
    pub(super) fn definitions(&mut self, call: &Call, rest: &[&str]) -> Answer {
        let Some((kind, rest)) = rest.split_first() else { return Err(nowhere()) };
        let kind = kind_of(kind)?;
        self.allowed(call, schema_scopes(kind, call.method != "GET"))?;
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let all = self.properties.iter().filter(|((of, _), _)| *of == kind);
                let all: Vec<Value> = all.map(|(_, property)| property.render()).collect();
                Ok(Reply::json(StatusCode::OK, &json!({"results": all})))
            }
            ("POST", []) => self.define(call, kind),
            ("GET", ["groups"]) => {
                let groups: Vec<Value> = self.groups(kind).into_iter().map(group).collect();
                Ok(Reply::json(StatusCode::OK, &json!({"results": groups})))
            }
            ("GET", [name]) => {
                let property =
                    self.properties.get(&(kind, (*name).to_owned())).ok_or_else(|| unknown(name))?;
                Ok(Reply::json(StatusCode::OK, &property.render()))
            }
            ("PATCH", [name]) => self.redefine(call, kind, name),
            ("DELETE", [name]) => self.undefine(kind, name),
            (_, [] | [_]) => Err(wrong_method()),
            _ => Err(nowhere()),
        }
    }

    fn define(&mut self, call: &Call, kind: Kind) -> Answer {
        let body = body(call)?;
        let required = ["name", "label", "type", "fieldType", "groupName"];
        let absent: Vec<&str> = required.into_iter().filter(|name| !body.contains_key(*name)).collect();
        if !absent.is_empty() {
            return Err(Trouble::invalid(format!("Some required fields were not set: {absent:?}")));
        }
        let name = text(&body, "name")?;
        let well_formed = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_');
        if !well_formed || name.len() > 100 {
            return Err(Trouble::invalid(format!("Invalid property name: {name}")));
        }
        if self.properties.contains_key(&(kind, name.clone())) {
            let message = format!("A property named '{name}' already exists.");
            let trouble = Trouble::new(StatusCode::CONFLICT, "OBJECT_ALREADY_EXISTS", message.clone());
            return Err(trouble.because("PROPERTY_EXISTS", message, json!({"propertyName": [name]})));
        }
        let group = text(&body, "groupName")?;
        if !self.groups(kind).contains(&group) {
            return Err(Trouble::invalid(format!("Property group '{group}' does not exist")));
        }
        let property = Property {
            label: text(&body, "label")?,
            r#type: one_of(&body, "type", &TYPES)?,
            field_type: one_of(&body, "fieldType", &FIELD_TYPES)?,
            description: text(&body, "description")?,
            options: choices(&body)?,
            unique: body.get("hasUniqueValue").and_then(Value::as_bool).unwrap_or(false),
            read_only: false,
            created_at: Some(call.now),
            group,
            name,
        };
        if property.r#type == "enumeration" && property.options.is_empty() {
            return Err(Trouble::invalid("An enumeration needs options"));
        }
        let reply = Reply::json(StatusCode::CREATED, &property.render());
        self.properties.insert((kind, property.name.clone()), property);
        Ok(reply)
    }

    fn redefine(&mut self, call: &Call, kind: Kind, name: &str) -> Answer {
        let body = body(call)?;
        let property = self.properties.get_mut(&(kind, name.to_owned())).ok_or_else(|| unknown(name))?;
        if property.created_at.is_none() {
            return Err(read_only(name));
        }
        if body.contains_key("label") {
            property.label = text(&body, "label")?;
        }
        if body.contains_key("description") {
            property.description = text(&body, "description")?;
        }
        if body.contains_key("options") {
            property.options = choices(&body)?;
        }
        Ok(Reply::json(StatusCode::OK, &property.render()))
    }

    fn undefine(&mut self, kind: Kind, name: &str) -> Answer {
        let key = (kind, name.to_owned());
        if self.properties.get(&key).ok_or_else(|| unknown(name))?.created_at.is_none() {
            return Err(read_only(name));
        }
        self.properties.remove(&key);
        for ((of, _), record) in &mut self.records {
            if *of == kind {
                record.properties.remove(name);
            }
        }
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    fn groups(&self, kind: Kind) -> BTreeSet<String> {
        let own = self.properties.iter().filter(|((of, _), _)| *of == kind);
        own.map(|(_, property)| property.group.clone()).collect()
    }
}

fn schema_scopes(kind: Kind, write: bool) -> &'static [&'static str] {
    match (kind, write) {
        (Kind::Companies, false) => &["crm.schemas.companies.read", "crm.objects.companies.read"],
        (Kind::Companies, true) => &["crm.schemas.companies.write"],
        (Kind::Deals, false) => &["crm.schemas.deals.read", "crm.objects.deals.read"],
        (Kind::Deals, true) => &["crm.schemas.deals.write"],
        (_, false) => &["crm.schemas.contacts.read", "crm.objects.contacts.read"],
        (_, true) => &["crm.schemas.contacts.write"],
    }
}

fn group(name: String) -> Value {
    json!({"name": name, "label": name, "displayOrder": -1, "archived": false})
}

fn text(body: &Map<String, Value>, name: &str) -> Result<String, Trouble> {
    match body.get(name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Trouble::invalid(format!("Invalid input JSON: {name} is not a string"))),
    }
}

fn one_of(body: &Map<String, Value>, name: &str, allowed: &[&str]) -> Result<String, Trouble> {
    let text = text(body, name)?;
    if allowed.contains(&text.as_str()) {
        return Ok(text);
    }
    Err(Trouble::invalid(format!("{text} is not one of the values of {name}: {allowed:?}")))
}

fn choices(body: &Map<String, Value>) -> Result<Vec<Choice>, Trouble> {
    let Some(options) = body.get("options") else { return Ok(vec![]) };
    let parsed = serde_json::from_value(options.clone());
    parsed.map_err(|error| Trouble::invalid(format!("Invalid input JSON: options: {error}")))
}

fn unknown(name: &str) -> Trouble {
    Trouble::not_found(format!("Property '{name}' does not exist"))
}

fn read_only(name: &str) -> Trouble {
    Trouble::invalid(format!("The definition of '{name}' is read only"))
}
