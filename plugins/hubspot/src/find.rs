//! Finding records, and reading them.

use jackfield_connector::crm::{
    Company, Contact, Deal, Entity, MatchKey, Meta, Note, ObjectType, Task, TextFormat,
};
use jackfield_connector::http::Reply;
use jackfield_connector::{Error, Json, Result, encode, json};

use crate::{API, OBJECTS, contacts, engagements, sales, schema};

/// HubSpot's name for an object in paths; activities are two objects there.
pub fn names_of(object: &ObjectType) -> Result<&'static [&'static str]> {
    Ok(match object {
        ObjectType::Contact => &["contacts"],
        ObjectType::Company => &["companies"],
        ObjectType::Deal => &["deals"],
        ObjectType::Task => &["tasks"],
        ObjectType::Note => &["notes"],
        ObjectType::Activity => &["calls", "meetings"],
        ObjectType::Lead => return Err(Error::unsupported("leads in HubSpot; use contacts")),
        ObjectType::Custom(name) => return Err(Error::Unsupported(format!("the object `{name}`"))),
    })
}

pub fn find(object: &ObjectType, by: &[MatchKey], limit: u32) -> Result<Vec<Entity>> {
    let limit = usize::try_from(limit.clamp(1, 100)).unwrap_or(100);
    let mut found: Vec<(&'static str, Json)> = Vec::new();
    for name in names_of(object)? {
        let properties = read_properties(name).join(",");
        for key in by {
            for record in matching(name, key, &properties, "")? {
                if !found.iter().any(|(_, known)| known["id"] == record["id"]) {
                    found.push((name, record));
                }
            }
        }
    }
    found.truncate(limit);
    Ok(found.into_iter().map(|(name, record)| read(name, &record)).collect())
}

/// The record with this id. An id belongs to one kind of activity only, so the first that knows it is the right one.
pub fn locate(object: &ObjectType, id: &str) -> Result<Option<(&'static str, Json)>> {
    for name in names_of(object)? {
        if let Some(record) = by_id(name, id, &[])? {
            return Ok(Some((name, record)));
        }
    }
    Ok(None)
}

/// Records that a key finds, best first. `links`: the objects whose associations to read too, where the road allows it.
pub fn matching(object: &'static str, key: &MatchKey, properties: &str, links: &str) -> Result<Vec<Json>> {
    let asked = [("properties", properties), ("associations", links)];
    let unique = |property: &str, value: &str| {
        by_id(object, value, &[asked[0], asked[1], ("idProperty", property)])
            .map(|one| one.into_iter().collect())
    };
    match (object, key) {
        (_, MatchKey::Id(id)) => Ok(by_id(object, id, &asked)?.into_iter().collect()),
        ("contacts", MatchKey::Email(email)) => unique("email", email),
        ("contacts", MatchKey::Phone(number)) => search(object, &contacts::by_phone(number), properties),
        ("companies", MatchKey::Domain(domain)) => search(object, &sales::by_domain(domain), properties),
        (_, MatchKey::External(key)) => unique(&key.field, &key.value),
        (_, other) => Err(Error::Unsupported(format!("matching {object} by {}", kind_of(other)))),
    }
}

fn by_id(object: &str, id: &str, query: &[(&str, &str)]) -> Result<Option<Json>> {
    let mut request = API.get(&format!("{OBJECTS}/{object}/{}", encode(id)));
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.query(name, value);
    }
    let reply = request.accept(404).send()?;
    if reply.status == 404 { Ok(None) } else { record(&reply).map(Some) }
}

/// A record as HubSpot answers it: it has an id, whatever else it has.
pub fn record(reply: &Reply) -> Result<Json> {
    reply.json_if(|record| record["id"].is_string())
}

/// Asks HubSpot's index, which lags some seconds behind. Every member is sent: the description requires them all.
fn search(object: &str, groups: &Json, properties: &str) -> Result<Vec<Json>> {
    let properties: Vec<&str> = properties.split(',').filter(|name| !name.is_empty()).collect();
    let body =
        json!({ "filterGroups": groups, "sorts": [], "properties": properties, "limit": 10, "after": "0" });
    let path = format!("{OBJECTS}/{object}/search");
    let found = API.post(&path).json(&body).repeatable().send()?;
    // A search that did not say what it found has not said that there is nothing: the next step would make a second record.
    let found = found.json_if(|found| found["results"].is_array())?;
    Ok(found["results"].as_array().cloned().unwrap_or_default())
}

fn kind_of(key: &MatchKey) -> &'static str {
    match key {
        MatchKey::Id(_) => "id",
        MatchKey::Email(_) => "email",
        MatchKey::Phone(_) => "phone",
        MatchKey::Domain(_) => "domain",
        MatchKey::External(_) => "a unique field",
    }
}

pub fn text_of(record: &Json, property: &str) -> Option<String> {
    record["properties"][property].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn read_properties(object: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = match object {
        "contacts" => contacts::CONTACT.theirs().collect(),
        "companies" => sales::COMPANY.theirs().collect(),
        "deals" => sales::DEAL.theirs().chain(["amount", "deal_currency_code"]).collect(),
        other => schema::standard(other).iter().map(|field| field.name).collect(),
    };
    names.push("hubspot_owner_id");
    names
}

fn read(object: &str, record: &Json) -> Entity {
    let text = |name: &str| text_of(record, name);
    let member = |name: &str| record[name].as_str().map(str::to_owned);
    let meta = Meta {
        id: member("id"),
        version: member("updatedAt"),
        owner: text("hubspot_owner_id"),
        url: member("url"),
        created_at: member("createdAt"),
        updated_at: member("updatedAt"),
        ..Meta::default()
    };
    match object {
        "contacts" => {
            let mut contact = Contact { meta, ..Contact::default() };
            contacts::CONTACT.read(&mut contact, text);
            Entity::Contact(contact)
        }
        "companies" => {
            let mut company = Company { meta, ..Company::default() };
            sales::COMPANY.read(&mut company, text);
            Entity::Company(company)
        }
        "deals" => {
            let mut deal = Deal { meta, amount: sales::read_amount(&text), ..Deal::default() };
            sales::DEAL.read(&mut deal, text);
            Entity::Deal(deal)
        }
        "tasks" => {
            let mut task = Task {
                meta,
                body: text("hs_task_body"),
                priority: text("hs_task_priority"),
                ..Task::default()
            };
            engagements::TASK.read(&mut task, text);
            Entity::Task(task)
        }
        "notes" => Entity::Note(Note {
            meta,
            body: text("hs_note_body").unwrap_or_default(),
            format: TextFormat::Html,
            at: text("hs_timestamp"),
            links: Vec::new(),
        }),
        other => Entity::Activity(engagements::read_activity(other, record, meta)),
    }
}
