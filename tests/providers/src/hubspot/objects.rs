//! One record at a time: create, read, change, archive; and the list of all.

use super::errors::Trouble;
use super::kind::Kind;
use super::portal::{Portal, Record, stamp};
use super::routes::{Answer, body};
use super::values::Changes;
use crate::{Call, Reply};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What a record is found by: its number, or a property that no two records share.
pub(super) struct By<'a> {
    pub(super) property: Option<&'a str>,
    pub(super) value: &'a str,
}

impl Portal {
    pub(super) fn post(&mut self, call: &Call, kind: Kind) -> Answer {
        let body = body(call)?;
        let id = self.create(kind, properties_of(&body)?, body.get("associations"), call.now)?;
        let record = self.records.get(&(kind, id)).ok_or_else(missing)?;
        Ok(Reply::json(StatusCode::CREATED, &record.render_all()))
    }

    /// Makes a record, or nothing.
    pub(super) fn create(
        &mut self,
        kind: Kind,
        properties: &Map<String, Value>,
        associations: Option<&Value>,
        now: Timestamp,
    ) -> Result<u64, Trouble> {
        let changes = self.changes(kind, properties)?;
        let absent: Vec<&str> = kind.required().iter().filter(|name| !changes.sets(name)).copied().collect();
        if !absent.is_empty() {
            let message = format!(
                "Error creating {}. Some required properties were not set.",
                kind.singular().to_uppercase()
            );
            let context = json!({"properties": absent});
            let trouble = Trouble::invalid(message.clone()).within(context.clone());
            return Err(trouble.because("MISSING_REQUIRED_PROPERTY", message, context));
        }
        let links = self.wanted_links(kind, associations)?;
        self.unshared(kind, None, &changes)?;
        let id = self.draw_id();
        let (properties, archived_at) = ([("hs_object_id".to_owned(), id.to_string())].into(), None);
        let mut record = Record { id, kind, properties, created_at: now, updated_at: now, archived_at };
        record.properties.insert(kind.created().to_owned(), stamp(now));
        self.records.insert((kind, id), record);
        self.apply(kind, id, changes, now);
        for (to, to_id, number) in links {
            self.link((kind, id), (to, to_id), number);
        }
        Ok(id)
    }

    pub(super) fn get(&mut self, call: &Call, kind: Kind, id: &str) -> Answer {
        let by = By { property: call.query("idProperty"), value: id };
        let archived = call.query("archived") == Some("true");
        let record = if archived { self.archived(kind, id) } else { self.look_up(kind, &by)? };
        let record = record.ok_or_else(missing)?;
        let body = self.with_associations(call, record)?;
        Ok(Reply::json(StatusCode::OK, &body))
    }

    pub(super) fn patch(&mut self, call: &Call, kind: Kind, id: &str) -> Answer {
        let body = body(call)?;
        let by = By { property: call.query("idProperty"), value: id };
        let id = self.look_up(kind, &by)?.ok_or_else(missing)?.id;
        let properties = properties_of(&body)?;
        self.change(kind, id, properties, call.now)?;
        let record = self.records.get(&(kind, id)).ok_or_else(missing)?;
        let asked: Vec<String> = properties.keys().cloned().collect();
        Ok(Reply::json(StatusCode::OK, &self.render(record, &asked)))
    }

    /// Changes a record, or nothing.
    pub(super) fn change(
        &mut self,
        kind: Kind,
        id: u64,
        properties: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let changes = self.changes(kind, properties)?;
        self.unshared(kind, Some(id), &changes)?;
        self.apply(kind, id, changes, now);
        Ok(())
    }

    pub(super) fn delete(&mut self, call: &Call, kind: Kind, id: &str) -> Answer {
        let number = id.parse().map_err(|_| missing())?;
        if !self.records.contains_key(&(kind, number)) {
            return Err(missing());
        }
        self.archive(kind, number, call.now);
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// Archives a record and ends its associations; what is archived already stays so.
    pub(super) fn archive(&mut self, kind: Kind, id: u64, now: Timestamp) {
        let Some(record) = self.records.get_mut(&(kind, id)) else { return };
        if record.archived_at.is_none() {
            record.archived_at = Some(now);
        }
        if let Some(email) = record.get("email") {
            let email = email.to_owned();
            self.emails.remove(&email);
        }
        self.unlink_all((kind, id));
    }

    pub(super) fn list(&mut self, call: &Call, kind: Kind) -> Answer {
        let limit = page_size(call.query("limit"), 10, 100)?;
        let after: u64 = match call.query("after") {
            None => 0,
            Some(text) => {
                text.parse().map_err(|_| Trouble::invalid(format!("Invalid paging cursor: {text}")))?
            }
        };
        let archived = call.query("archived") == Some("true");
        let fits = |record: &&Record| record.archived_at.is_some() == archived;
        let from = (kind, after.saturating_add(1));
        let page = self.records.range(from..=(kind, u64::MAX)).map(|(_, record)| record).filter(fits);
        let mut page: Vec<&Record> = page.take(limit + 1).collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let mut rows = Vec::new();
        for record in &page {
            rows.push(self.with_associations(call, record)?);
        }
        let mut answer = json!({"results": rows});
        if let Some(last) = page.last().filter(|_| more) {
            let after = last.id.to_string();
            answer["paging"] = json!({"next": {"after": after, "link": format!("?after={after}")}});
        }
        Ok(Reply::json(StatusCode::OK, &answer))
    }

    /// The record that is meant, if there is one; an error if it cannot be meant that way.
    pub(super) fn look_up(&self, kind: Kind, by: &By<'_>) -> Result<Option<&Record>, Trouble> {
        let property = match by.property {
            None | Some("hs_object_id") => return Ok(self.find(kind, by.value)),
            Some(property) => property,
        };
        if kind == Kind::Contacts && property == "email" {
            let id = self.emails.get(&by.value.to_lowercase());
            return Ok(id.and_then(|id| self.records.get(&(kind, *id))));
        }
        match self.properties.get(&(kind, property.to_owned())) {
            Some(definition) if definition.unique => {
                Ok(self.live(kind).find(|record| record.get(property) == Some(by.value)))
            }
            Some(_) => Err(Trouble::invalid(format!("{property} is not a unique identifier property"))),
            None => Err(Trouble::invalid(format!("Property \"{property}\" does not exist"))),
        }
    }

    fn archived(&self, kind: Kind, id: &str) -> Option<&Record> {
        self.records.get(&(kind, id.parse().ok()?)).filter(|record| record.archived_at.is_some())
    }

    /// An address or a unique value belongs to one record.
    fn unshared(&self, kind: Kind, own: Option<u64>, changes: &Changes) -> Result<(), Trouble> {
        for (name, value) in changes.new_values() {
            if kind == Kind::Contacts && name == "email" {
                match self.emails.get(value) {
                    Some(other) if Some(*other) != own => {
                        return Err(Trouble::conflict(format!(
                            "Contact already exists. Existing ID: {other}"
                        )));
                    }
                    _ => continue,
                }
            }
            let unique =
                self.properties.get(&(kind, name.to_owned())).is_some_and(|property| property.unique);
            let holder = |record: &&Record| record.get(name) == Some(value) && Some(record.id) != own;
            if let Some(other) = self.live(kind).filter(|_| unique).find(holder) {
                let message = format!("Cannot set {name}. {} already has that value.", other.id);
                let context = json!({"propertyName": [name]});
                return Err(Trouble::invalid(&*message).because(
                    "CONFLICTING_UNIQUE_VALUE",
                    &*message,
                    context,
                ));
            }
        }
        Ok(())
    }

    fn apply(&mut self, kind: Kind, id: u64, changes: Changes, now: Timestamp) {
        let Some(record) = self.records.get_mut(&(kind, id)) else { return };
        let email = record.get("email").map(str::to_owned);
        changes.apply_to(&mut record.properties);
        record.properties.insert(kind.modified().to_owned(), stamp(now));
        record.updated_at = now;
        if kind == Kind::Contacts && record.get("email") != email.as_deref() {
            if let Some(former) = email {
                self.emails.remove(&former);
            }
            if let Some(email) = record.get("email") {
                self.emails.insert(email.to_owned(), id);
            }
        }
    }
}

/// The member `properties` of a record to write.
pub(super) fn properties_of(body: &Map<String, Value>) -> Result<&Map<String, Value>, Trouble> {
    match body.get("properties") {
        Some(Value::Object(properties)) => Ok(properties),
        Some(_) => Err(Trouble::invalid("Invalid input JSON: properties is not an object")),
        None => Err(Trouble::invalid("Invalid input JSON: some required fields were not set: [properties]")),
    }
}

/// The size of a page that a caller wants.
pub(super) fn page_size(text: Option<&str>, usual: usize, most: usize) -> Result<usize, Trouble> {
    let Some(text) = text else { return Ok(usual) };
    match text.parse::<usize>() {
        Ok(size) if (1..=most).contains(&size) => Ok(size),
        Ok(_) => Err(Trouble::invalid(format!("Limit must be between 1 and {most}, and not {text}"))),
        Err(_) => Err(Trouble::invalid(format!("Invalid limit: {text}"))),
    }
}

pub(super) fn missing() -> Trouble {
    Trouble::not_found("Object not found.")
}
