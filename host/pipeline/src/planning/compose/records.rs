//! CRM records: who is matched, what is linked, what is left alone.

use sandbox::v0_1::core::Field;
use sandbox::v0_1::crm::{Entity, Link, MatchKey, Meta, Note, ObjectType, OnMatch, Op, TextFormat, Upsert};

use super::{Call, ComposeError, Known, best, calls, meetings, people};
use crate::planning::operation::{CrmUpsert, DescriptionDraft, Draft, TranscriptDraft};
use crate::planning::placement::{self, Composed};

/// The longest text that a record gets, in bytes: below HubSpot's 65,536 characters, the narrowest we know.
pub(super) const BODY_MAX: usize = 60 * 1024;

/// One upsert, or why there is nothing to write.
pub(super) fn upsert(op: &CrmUpsert, op_key: &str, known: &Known<'_>) -> Result<Call, ComposeError> {
    let own = best(&op.own, known.own, &op.object).and_then(|l| l.remote_id.clone());
    if own.is_none() && !op.may_create {
        return Ok(Call::Skip(format!(
            "no {} of this appointment is known, so none is cancelled",
            op.object
        )));
    }
    // A description's own record is a note, but the schema at hand is the person's.
    let placed = match op.draft {
        Draft::Description(_) => Composed::default(),
        _ => placement::apply(&op.object, &op.fields, known.schema)?,
    };
    let links = links(op, known);
    let updates = own.is_some();
    let mut match_on: Vec<MatchKey> = own.into_iter().map(MatchKey::Id).collect();
    let made = match &op.draft {
        Draft::Person(draft) => {
            match_on.extend(people::match_key(draft, &placed));
            people::entity(&op.object, draft, placed)
        }
        Draft::Call(draft) => {
            let draft = calls::completed(draft, if updates { known.earlier } else { &[] });
            Some(calls::entity(&op.object, &draft, placed, links, updates)?)
        }
        Draft::Transcript(draft) => transcript(&op.object, draft, placed, links)?,
        Draft::Appointment(draft) => Some(meetings::entity(&op.object, draft, placed, links, updates)?),
        Draft::Description(draft) => description(draft, links, known)?,
    };
    let Some(entity) = made else { return Ok(Call::Skip(nothing(&op.draft).to_owned())) };
    Ok(Call::Crm(vec![Op::Upsert(Upsert {
        op_key: op_key.to_owned(),
        entity,
        match_on,
        on_match: OnMatch::Update,
        only: Vec::new(),
        clear: Vec::new(),
        if_version: None,
    })]))
}

/// Why there is nothing to write.
fn nothing(draft: &Draft) -> &'static str {
    match draft {
        Draft::Person(person) if person.mapped => "no mapped field has a value in this event",
        Draft::Person(_) => "the event has no name, e-mail address or number",
        Draft::Transcript(_) => "the event carries no transcript",
        Draft::Description(_) => "the object has a description field",
        Draft::Call(_) | Draft::Appointment(_) => "there is nothing to write",
    }
}

/// The person, where one is known.
fn links(op: &CrmUpsert, known: &Known<'_>) -> Vec<Link> {
    let person = best(&op.person, known.person, "");
    let link =
        |l: &store::Link| Some(Link { target: object_type(&l.object), id: l.remote_id.clone()?, role: None });
    person.and_then(link).into_iter().collect()
}

/// The contract's type of an object by name.
pub(crate) fn object_type(object: &str) -> ObjectType {
    match object {
        "contact" => ObjectType::Contact,
        "lead" => ObjectType::Lead,
        "company" => ObjectType::Company,
        "deal" => ObjectType::Deal,
        "task" => ObjectType::Task,
        "note" => ObjectType::Note,
        "activity" => ObjectType::Activity,
        other => ObjectType::Custom(other.strip_prefix("custom:").unwrap_or(other).to_owned()),
    }
}

/// The record's envelope: a draft has custom fields and nothing else.
pub(super) fn meta(custom: Vec<Field>) -> Meta {
    Meta {
        id: None,
        version: None,
        owner: None,
        url: None,
        created_at: None,
        updated_at: None,
        custom,
        raw: None,
    }
}

/// A note in plain text.
pub(super) fn note(body: String, at: model::Millis, custom: Vec<Field>, links: Vec<Link>) -> Entity {
    let body = crate::planning::text::bounded(&body, BODY_MAX);
    Entity::Note(Note { meta: meta(custom), body, format: TextFormat::Plain, at: Some(at.rfc3339()), links })
}

fn transcript(
    object: &str,
    draft: &TranscriptDraft,
    mut placed: Composed,
    links: Vec<Link>,
) -> Result<Option<Entity>, ComposeError> {
    let title = match &draft.call {
        Some(call) => format!("Transcript of call {call}"),
        None => "Transcript".to_owned(),
    };
    let Some(text) = placed.members.remove("body").or_else(|| draft.text.clone()) else { return Ok(None) };
    match object {
        "note" => Ok(Some(note(format!("{title}\n\n{text}"), draft.at, placed.custom, links))),
        "activity" => Ok(Some(calls::transcript_activity(title, text, draft.at, placed, links))),
        _ => Err(ComposeError::Object {
            noun: "a transcript",
            object: object.to_owned(),
            can_be: "note, activity",
        }),
    }
}

/// A note for a description that the person's object cannot hold; nothing where it can.
fn description(
    draft: &DescriptionDraft,
    links: Vec<Link>,
    known: &Known<'_>,
) -> Result<Option<Entity>, ComposeError> {
    if placement::has_description(&draft.of, known.schema) {
        return Ok(None);
    }
    if links.is_empty() {
        return Err(ComposeError::NoPerson);
    }
    Ok(Some(note(draft.text.clone(), draft.at, Vec::new(), links)))
}
