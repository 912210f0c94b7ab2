//! The way of every write: find, compare, then create or change.

use jackfield_connector::crm::{
    CustomObject, Disposition, Entity, Link, MatchKey, Meta, OnMatch, Receipt, Target, Upsert,
};
use jackfield_connector::{Error, Json, Map, Member, Result, choose, encode, json, log, setting};

use crate::find::{self, locate, matching};
use crate::links::{associate, association, is_linked, name_of};
use crate::{API, OBJECTS, contacts, engagements, sales};

/// A record on its way to HubSpot.
pub struct Draft {
    /// The object's name in paths: `contacts`.
    pub object: &'static str,
    pub members: Vec<Member>,
    /// Properties that only a new record gets.
    once: Vec<(&'static str, String)>,
    /// Properties without which HubSpot makes no record.
    needed: Option<&'static str>,
    /// `meta.custom`: properties by their own names.
    custom: Vec<(String, Option<String>)>,
    links: Vec<Link>,
}

impl Draft {
    pub fn new(object: &'static str, mut members: Vec<Member>, meta: &Meta, links: &[Link]) -> Self {
        members.push(Member::new("meta.owner", "hubspot_owner_id", meta.owner.clone()));
        let custom = meta.custom.iter().map(|field| (field.name.clone(), field.value.text())).collect();
        let mut draft =
            Self { object, members, once: Vec::new(), needed: None, custom, links: links.to_vec() };
        draft.once("hubspot_owner_id", setting("ownerId"));
        draft
    }

    pub fn once(&mut self, property: &'static str, value: Option<String>) {
        self.once.extend(value.map(|value| (property, value)));
    }

    pub fn needing(mut self, property: &'static str) -> Self {
        self.needed = Some(property);
        self
    }

    fn of(entity: &Entity) -> Result<Self> {
        match entity {
            Entity::Contact(contact) => Ok(contacts::draft(contact)),
            Entity::Company(company) => Ok(sales::company(company)),
            Entity::Deal(deal) => sales::deal(deal),
            Entity::Task(task) => Ok(engagements::task(task)),
            Entity::Note(note) => Ok(engagements::note(note)),
            Entity::Activity(activity) => engagements::activity(activity),
            Entity::Lead(_) => Err(Error::unsupported("leads in HubSpot; use contacts")),
            Entity::Custom(CustomObject { object, .. }) => {
                Err(Error::Unsupported(format!("the object `{object}`")))
            }
        }
    }

    /// Properties to write. Every value is text, and the empty text clears.
    fn properties(&self, only: &[String], clear: &[String]) -> Result<Map<String, Json>> {
        let is_custom = |name: &String| self.custom.iter().any(|(custom, _)| custom == name);
        let clear: Vec<String> = clear.iter().filter(|name| !is_custom(name)).cloned().collect();
        let chosen = choose(&self.members, only, &clear)?;
        let wanted = |name: &String| {
            only.is_empty() || only.iter().any(|o| o == name || o == "meta" || o == "meta.custom")
        };
        let custom = self.custom.iter().filter(|(name, _)| wanted(name)).cloned();
        let all = chosen.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(custom);
        let mut properties = Map::new();
        properties.extend(all.map(|(name, value)| (name, Json::from(value.unwrap_or_default()))));
        Ok(properties)
    }
}

pub fn upsert(op: &Upsert) -> Result<Receipt> {
    let draft = Draft::of(&op.entity)?;
    let set = draft.properties(&op.only, &op.clear)?;
    let asked = set.keys().cloned().collect::<Vec<_>>().join(",");
    let linked: Vec<&str> = draft.links.iter().filter_map(|link| name_of(&link.target)).collect();
    for key in &op.match_on {
        let mut found = matching(draft.object, key, &asked, &linked.join(","))?.into_iter();
        if let Some(record) = found.next() {
            let also = found.filter_map(|other| other["id"].as_str().map(str::to_owned)).collect();
            return Ok(Receipt { also_matched: also, ..matched(op, &draft, &set, &record)? });
        }
    }
    // A draft that is a part of a record, or that is meant for one version of it, makes no new one.
    let named = op.match_on.iter().find_map(|key| if let MatchKey::Id(id) = key { Some(id) } else { None });
    if let Some(id) = named.filter(|_| !op.only.is_empty() || op.if_version.is_some()) {
        return Err(Error::NotFound(id.clone()));
    }
    match create(op, &draft, set.clone()) {
        // The e-mail address belongs to a contact that the match keys did not name.
        Err(Error::Conflict(conflict)) if !conflict.existing.is_empty() && op.on_match != OnMatch::Fail => {
            let key = MatchKey::Id(conflict.existing[0].clone());
            let record = matching(draft.object, &key, &asked, &linked.join(","))?.into_iter().next();
            matched(op, &draft, &set, &record.ok_or(Error::Conflict(conflict))?)
        }
        made => made,
    }
}

fn matched(op: &Upsert, draft: &Draft, set: &Map<String, Json>, record: &Json) -> Result<Receipt> {
    let id = id_of(record)?;
    match op.on_match {
        OnMatch::Skip => return Ok(receipt(&op.op_key, record, Disposition::Unchanged)),
        OnMatch::Fail => return Err(Error::duplicate(vec![id], "HubSpot has this record already.")),
        OnMatch::Update => {}
    }
    check_version(record, op.if_version.as_deref())?;
    let mut changes = Map::new();
    for (name, value) in set {
        if differs(name, value, &record["properties"][name.as_str()]) {
            changes.insert(name.clone(), value.clone());
        }
    }
    let mut receipt = receipt(&op.op_key, record, Disposition::Unchanged);
    if !changes.is_empty() {
        let path = format!("{OBJECTS}/{}/{}", draft.object, encode(&id));
        let changed = API.patch(&path).json(&json!({ "properties": changes })).repeatable().send()?;
        let changed = find::record(&changed)?;
        receipt = self::receipt(&op.op_key, &changed, Disposition::Updated);
    }
    for link in &draft.links {
        if !is_linked(record, link) {
            associate(draft.object, &id, link)?;
            receipt.disposition = Disposition::Updated;
        }
    }
    Ok(receipt)
}

fn create(op: &Upsert, draft: &Draft, mut properties: Map<String, Json>) -> Result<Receipt> {
    properties.retain(|_, value| value != "");
    for (name, value) in &draft.once {
        properties.entry(*name).or_insert_with(|| value.as_str().into());
    }
    if let Some(needed) = draft.needed.filter(|name| !properties.contains_key(*name)) {
        return Err(Error::invalid(needed, "required", "HubSpot makes no such record without a time."));
    }
    let known: Vec<Json> = draft.links.iter().filter_map(|link| association(draft.object, link)).collect();
    let body = json!({ "properties": properties, "associations": known });
    let made = find::record(&API.post(&format!("{OBJECTS}/{}", draft.object)).json(&body).send()?)?;
    let id = id_of(&made)?;
    for link in draft.links.iter().filter(|link| association(draft.object, link).is_none()) {
        // The record is made: failing now would make it again. The next write of it links it.
        if let Err(error) = associate(draft.object, &id, link) {
            log::warn("The new record could not be linked", &[("to", &link.id), ("error", error.name())]);
        }
    }
    Ok(receipt(&op.op_key, &made, Disposition::Created))
}

pub fn delete(target: &Target) -> Result<Receipt> {
    let gone = |disposition| Receipt {
        op_key: target.op_key.clone(),
        id: target.id.clone(),
        disposition,
        version: None,
        also_matched: Vec::new(),
    };
    let Some((object, record)) = locate(&target.object, &target.id)? else {
        return Ok(gone(Disposition::Unchanged));
    };
    check_version(&record, target.if_version.as_deref())?;
    API.delete(&format!("{OBJECTS}/{object}/{}", encode(&target.id))).accept(404).send()?;
    Ok(gone(Disposition::Deleted))
}

/// Whether HubSpot holds another value. It writes e-mail addresses in lower case and times with milliseconds.
fn differs(name: &str, ours: &Json, theirs: &Json) -> bool {
    let (ours, theirs) = (ours.as_str().unwrap_or_default(), theirs.as_str().unwrap_or_default());
    match name {
        "email" | "domain" => !ours.eq_ignore_ascii_case(theirs),
        _ => ours.replace(".000Z", "Z") != theirs.replace(".000Z", "Z"),
    }
}

/// HubSpot has no entity tag; the time of the last change stands in for one.
fn check_version(record: &Json, expected: Option<&str>) -> Result<()> {
    match expected.filter(|version| record["updatedAt"].as_str() != Some(version)) {
        Some(_) => Err(Error::stale("The record was changed in HubSpot in the meantime.")),
        None => Ok(()),
    }
}

fn id_of(record: &Json) -> Result<String> {
    let id = record["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| Error::permanent("unreadable_answer", "HubSpot's answer holds no record id."))
}

pub fn receipt(op_key: &str, record: &Json, disposition: Disposition) -> Receipt {
    Receipt {
        op_key: op_key.to_owned(),
        id: record["id"].as_str().unwrap_or_default().to_owned(),
        disposition,
        version: record["updatedAt"].as_str().map(str::to_owned),
        also_matched: Vec::new(),
    }
}
