//! Associations: which contact, company or deal a record belongs to.

use jackfield_connector::crm::{Disposition, Link, LinkChange, ObjectType, Receipt};
use jackfield_connector::{Error, Json, Result, encode, json};

use crate::find::locate;
use crate::records::receipt;
use crate::{API, OBJECTS};

pub fn link(change: &LinkChange) -> Result<Receipt> {
    let (object, record) =
        locate(&change.object, &change.id)?.ok_or_else(|| Error::NotFound(change.id.clone()))?;
    associate(object, &change.id, &change.link)?;
    Ok(receipt(&change.op_key, &record, Disposition::Updated))
}

pub fn unlink(change: &LinkChange) -> Result<Receipt> {
    let (object, record) =
        locate(&change.object, &change.id)?.ok_or_else(|| Error::NotFound(change.id.clone()))?;
    let (to, id) = (linkable(&change.link.target)?, encode(&change.link.id));
    let path = format!("{OBJECTS}/{object}/{}/associations/{to}/{id}", encode(&change.id));
    API.delete(&path).accept(404).send()?;
    Ok(receipt(&change.op_key, &record, Disposition::Updated))
}

pub fn associate(object: &str, id: &str, link: &Link) -> Result<()> {
    let to = linkable(&link.target)?;
    let path = format!("{OBJECTS}/{object}/{}/associations/default/{to}/{}", encode(id), encode(&link.id));
    API.put(&path).send().map(|_| ())
}

/// A link as part of a create, for the pairs whose type id is known to be the same in every account.
pub fn association(object: &str, link: &Link) -> Option<Json> {
    let type_id = match (object, &link.target) {
        ("notes", ObjectType::Contact) => 202,
        ("notes", ObjectType::Company) => 190,
        ("notes", ObjectType::Deal) => 214,
        ("calls", ObjectType::Contact) => 194,
        ("calls", ObjectType::Company) => 182,
        ("calls", ObjectType::Deal) => 206,
        ("tasks", ObjectType::Contact) => 204,
        ("tasks", ObjectType::Deal) => 216,
        ("meetings", ObjectType::Contact) => 200,
        ("meetings", ObjectType::Deal) => 212,
        ("deals", ObjectType::Contact) => 3,
        _ => return None,
    };
    let types = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }]);
    Some(json!({ "to": { "id": link.id }, "types": types }))
}

pub fn is_linked(record: &Json, link: &Link) -> bool {
    let known = name_of(&link.target).and_then(|name| record["associations"][name]["results"].as_array());
    known.is_some_and(|all| all.iter().any(|one| one["id"].as_str() == Some(&link.id)))
}

pub fn name_of(target: &ObjectType) -> Option<&'static str> {
    linkable(target).ok()
}

fn linkable(target: &ObjectType) -> Result<&'static str> {
    match target {
        ObjectType::Contact => Ok("contacts"),
        ObjectType::Company => Ok("companies"),
        ObjectType::Deal => Ok("deals"),
        _ => Err(Error::unsupported("links to anything but contacts, companies and deals")),
    }
}
