//! Contacts and leads.

use sandbox::v0_1::crm::{Address, Contact, CustomObject, Email, Entity, Lead, MatchKey, Person, Phone};

use super::records::meta;
use crate::planning::operation::PersonDraft;
use crate::planning::placement::{Composed, PersonParts};
use crate::planning::text;

/// What finds the person in the provider: the e-mail address, or, only without one, the number, which several people may
/// share.
pub(super) fn match_key(draft: &PersonDraft, placed: &Composed) -> Option<MatchKey> {
    let email = placed.person.emails.first().or(draft.email.as_ref()).and_then(|e| text::email_key(e));
    let phone =
        || placed.person.phones.first().or(draft.phone.as_ref()).filter(|p| text::phone_key(p).is_some());
    email.map(MatchKey::Email).or_else(|| phone().cloned().map(MatchKey::Phone))
}

/// The record; none where there is nothing to write.
pub(super) fn entity(object: &str, draft: &PersonDraft, mut placed: Composed) -> Option<Entity> {
    let mut parts = std::mem::take(&mut placed.person);
    if !draft.mapped {
        add_ours(&mut parts, draft);
        if parts == PersonParts::default() {
            return None;
        }
        if let Some(source) = &draft.source {
            placed.members.entry("source".to_owned()).or_insert_with(|| source.clone());
        }
    } else if parts == PersonParts::default() && placed.members.is_empty() && placed.custom.is_empty() {
        return None;
    }
    let mut member = |name: &str| placed.members.remove(name);
    Some(match object {
        "contact" => Entity::Contact(Contact {
            lifecycle: member("lifecycle"),
            meta: meta(placed.custom),
            person: person(parts),
            links: Vec::new(),
        }),
        "lead" => Entity::Lead(Lead {
            status: member("status"),
            source: member("source"),
            description: member("description"),
            meta: meta(placed.custom),
            person: person(parts),
            converted_to: Vec::new(),
            links: Vec::new(),
        }),
        other => Entity::Custom(CustomObject {
            name: member("name").or_else(|| full_name(&parts)),
            meta: meta(placed.custom),
            object: other.to_owned(),
            links: Vec::new(),
        }),
    })
}

/// What every CRM knows of a person, where no mapping says otherwise.
fn add_ours(parts: &mut PersonParts, draft: &PersonDraft) {
    let texts = [
        ("first-name", &draft.first_name),
        ("last-name", &draft.last_name),
        ("company-name", &draft.company),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            parts.texts.insert(name, value.clone());
        }
    }
    parts.emails.extend(draft.email.clone());
    parts.phones.extend(draft.phone.clone());
}

fn full_name(parts: &PersonParts) -> Option<String> {
    let words: Vec<&str> =
        ["first-name", "last-name"].iter().filter_map(|n| parts.texts.get(n).map(String::as_str)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn person(mut parts: PersonParts) -> Person {
    let mut text = |name: &str| parts.texts.remove(name);
    let email = |(i, address)| Email { address, label: None, primary: i == 0 };
    let phone = |(i, number)| Phone { number, label: None, primary: i == 0 };
    let mut line = |name: &str| parts.address.remove(name);
    let address = Address {
        street: line("street"),
        city: line("city"),
        region: line("region"),
        postal_code: line("postal-code"),
        country: line("country"),
    };
    let empty = Address { street: None, city: None, region: None, postal_code: None, country: None };
    Person {
        first_name: text("first-name"),
        last_name: text("last-name"),
        display_name: text("display-name"),
        title: text("title"),
        company_name: text("company-name"),
        emails: parts.emails.into_iter().enumerate().map(email).collect(),
        phones: parts.phones.into_iter().enumerate().map(phone).collect(),
        addresses: (address != empty).then_some(address).into_iter().collect(),
    }
}
