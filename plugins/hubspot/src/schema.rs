//! What this account supports: its properties as JSON Schema, with the place each has in the typed records.

use jackfield_connector::crm::{Deletes, ObjectInfo, ObjectSchema, ObjectType, UpsertSupport};
use jackfield_connector::{Error, Json, Map, Result, json, log};

use crate::find::names_of;
use crate::{API, PROPERTIES, contacts, sales};

/// A list of choices longer than this (languages, time zones) is left out of the schema.
const CHOICES_MAX: usize = 200;
/// Each op may take four requests, and a call has a hundred.
const BATCH_MAX: u32 = 20;

/// A property that every account has.
pub struct Standard {
    pub name: &'static str,
    kind: Kind,
    /// Its member of the typed record.
    member: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Time,
}

const fn text(name: &'static str, member: &'static str) -> Standard {
    Standard { name, kind: Kind::Text, member }
}

const fn time(name: &'static str, member: &'static str) -> Standard {
    Standard { name, kind: Kind::Time, member }
}

const NOTE: &[Standard] = &[text("hs_note_body", "body"), time("hs_timestamp", "at")];
const TASK: &[Standard] = &[
    text("hs_task_subject", "subject"),
    text("hs_task_body", "body"),
    time("hs_timestamp", "due-at"),
    text("hs_task_status", ""),
    text("hs_task_priority", "priority"),
    text("hs_task_type", ""),
];
const CALL: &[Standard] = &[
    time("hs_timestamp", "start-at"),
    text("hs_call_title", "subject"),
    text("hs_call_body", "body"),
    text("hs_call_direction", "kind.direction"),
    text("hs_call_status", "kind.outcome"),
    text("hs_call_disposition", ""),
    Standard { name: "hs_call_duration", kind: Kind::Number, member: "" },
    text("hs_call_from_number", "kind.caller"),
    text("hs_call_to_number", "kind.callee"),
    text("hs_call_recording_url", "kind.recording-url"),
];
const MEETING: &[Standard] = &[
    time("hs_timestamp", "start-at"),
    text("hs_meeting_title", "subject"),
    text("hs_meeting_body", "body"),
    time("hs_meeting_start_time", "start-at"),
    time("hs_meeting_end_time", "end-at"),
    text("hs_meeting_location", "kind.location"),
    text("hs_meeting_external_url", "kind.join-url"),
    text("hs_meeting_outcome", "kind.outcome"),
];

/// The properties of engagements that every account has.
pub fn standard(object: &str) -> &'static [Standard] {
    match object {
        "notes" => NOTE,
        "tasks" => TASK,
        "calls" => CALL,
        "meetings" => MEETING,
        _ => &[],
    }
}

pub fn objects() -> Vec<ObjectInfo> {
    let all = [
        (ObjectType::Contact, "Contacts"),
        (ObjectType::Company, "Companies"),
        (ObjectType::Deal, "Deals"),
        (ObjectType::Task, "Tasks"),
        (ObjectType::Note, "Notes"),
        (ObjectType::Activity, "Calls and meetings"),
    ];
    all.into_iter()
        .map(|(object, label)| ObjectInfo { object, label: label.to_owned(), custom: false })
        .collect()
}

pub fn describe(object: &ObjectType) -> Result<ObjectSchema> {
    let names = names_of(object)?;
    let mut fields = Map::new();
    let mut complete = true;
    for name in names {
        let listed = API.get(&format!("{PROPERTIES}/{name}")).send();
        match listed.and_then(|reply| reply.json_if(|list| list["results"].is_array())) {
            Ok(list) => {
                fields.extend(list["results"].as_array().into_iter().flatten().filter_map(|p| field(name, p)))
            }
            // Without the right to see the properties a contact can still be written: offer what every account has.
            Err(Error::Forbidden(_) | Error::NotFound(_)) => {
                log::warn(
                    "This account does not show its properties; the standard ones are offered",
                    &[("object", name)],
                );
                fields.extend(fallback(name));
                complete = false;
            }
            Err(error) => return Err(error),
        }
    }
    let mut schema = json!({ "type": "object", "properties": fields });
    if !complete {
        schema["additionalProperties"] = true.into();
    }
    let label = objects().into_iter().find(|info| info.object == *object).map(|info| info.label);
    let keys: &[&str] = match object {
        ObjectType::Contact => &["id", "email", "phone"],
        ObjectType::Company => &["id", "domain"],
        _ => &["id"],
    };
    Ok(ObjectSchema {
        object: object.clone(),
        label: label.unwrap_or_default(),
        fields: schema.to_string(),
        incremental: false,
        deletes: Deletes::None,
        upsert: UpsertSupport::Emulated,
        match_on: keys.iter().map(|key| (*key).to_owned()).collect(),
        max_batch: BATCH_MAX,
    })
}

fn field(object: &str, property: &Json) -> Option<(String, Json)> {
    let name = property["name"].as_str()?;
    let mut field = shape(property);
    field["title"] = property["label"].clone();
    if let Some(told) = property["description"].as_str().filter(|text| !text.is_empty()) {
        field["description"] = told.into();
    }
    let calculated = property["calculated"].as_bool() == Some(true);
    if calculated || property["modificationMetadata"]["readOnlyValue"].as_bool() == Some(true) {
        field["readOnly"] = true.into();
    }
    if let Some(member) = member(object, name) {
        field["x-member"] = member.into();
    }
    Some((name.to_owned(), field))
}

fn shape(property: &Json) -> Json {
    let options = property["options"].as_array().into_iter().flatten();
    let choices: Vec<&str> =
        options.filter_map(|option| option["value"].as_str()).take(CHOICES_MAX + 1).collect();
    let several = property["fieldType"] == "checkbox";
    match property["type"].as_str().unwrap_or_default() {
        "number" => json!({ "type": "number" }),
        "bool" => json!({ "type": "boolean" }),
        "date" => json!({ "type": "string", "format": "date" }),
        "datetime" => json!({ "type": "string", "format": "date-time" }),
        "enumeration" if choices.is_empty() || choices.len() > CHOICES_MAX => json!({ "type": "string" }),
        "enumeration" if several => {
            json!({ "type": "array", "items": { "type": "string", "enum": choices } })
        }
        "enumeration" => json!({ "type": "string", "enum": choices }),
        _ => json!({ "type": "string" }),
    }
}

fn member(object: &str, name: &str) -> Option<String> {
    match object {
        "contacts" => contacts::CONTACT.member(name),
        "companies" => sales::COMPANY.member(name),
        "deals" => sales::DEAL.member(name),
        other => {
            let known = standard(other).iter().find(|field| field.name == name && !field.member.is_empty());
            known.map(|field| field.member.to_owned())
        }
    }
}

fn fallback(object: &str) -> Map<String, Json> {
    let typed =
        |names: Vec<&'static str>| names.into_iter().map(|name| (name, Kind::Text)).collect::<Vec<_>>();
    let known = match object {
        "contacts" => typed(contacts::CONTACT.theirs().collect()),
        "companies" => typed(sales::COMPANY.theirs().collect()),
        "deals" => typed(sales::DEAL.theirs().collect()),
        other => standard(other).iter().map(|field| (field.name, field.kind)).collect(),
    };
    let mut fields = Map::new();
    for (name, kind) in known {
        let mut field = match kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Number => json!({ "type": "number" }),
            Kind::Time => json!({ "type": "string", "format": "date-time" }),
        };
        if let Some(member) = member(object, name) {
            field["x-member"] = member.into();
        }
        fields.insert(name.to_owned(), field);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(kind: &str, field_type: &str) -> Json {
        json!({ "name": "firstname", "label": "First name", "type": kind, "fieldType": field_type,
                "options": [{ "value": "A" }, { "value": "B" }], "modificationMetadata": { "readOnlyValue": true } })
    }

    #[test]
    fn a_property_says_its_member_its_choices_and_whether_it_can_be_written() {
        let (name, field) = field("contacts", &property("enumeration", "select")).expect("named");
        assert_eq!((name.as_str(), &field["x-member"]), ("firstname", &json!("person.first-name")));
        assert_eq!((&field["enum"], &field["readOnly"]), (&json!(["A", "B"]), &json!(true)));
        assert_eq!(shape(&property("enumeration", "checkbox"))["items"]["enum"], json!(["A", "B"]));
    }

    #[test]
    fn the_fallback_offers_what_every_account_has() {
        assert_eq!(fallback("contacts")["zip"]["x-member"], "person.addresses.postal-code");
        assert_eq!(fallback("notes")["hs_note_body"]["x-member"], "body");
    }
}
