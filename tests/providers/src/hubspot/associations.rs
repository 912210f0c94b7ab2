//! Which record belongs with which.

use super::errors::Trouble;
use super::kind::Kind;
use super::objects::missing;
use super::portal::{Portal, Record, stamp};
use super::routes::{Answer, json as json_body, kind_of, nowhere, wrong_method};
use crate::{Call, Reply};
use http::StatusCode;
use serde_json::{Value, json};

/// One association, seen from one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    pub(super) from: Kind,
    pub(super) from_id: u64,
    pub(super) to: Kind,
    pub(super) to_id: u64,
    pub(super) number: u32,
}

/// How associations are told: as before version 4, or since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Plain,
    Labelled,
}

type End = (Kind, u64);

impl Portal {
    /// The associations of a record with records of another kind.
    pub(super) fn linked(&self, from: Kind, from_id: u64, to: Kind) -> impl Iterator<Item = &Link> {
        let start = Link { from, from_id, to, to_id: 0, number: 0 };
        let end = Link { to_id: u64::MAX, number: u32::MAX, ..start };
        self.links.range(start..=end)
    }

    pub(super) fn link(&mut self, one: End, other: End, number: u32) {
        let plain = number;
        let back = if one.0.primary_link_to(other.0) == Some(number) {
            other.0.primary_link_to(one.0)
        } else {
            other.0.link_to(one.0)
        };
        let forth = Link { from: one.0, from_id: one.1, to: other.0, to_id: other.1, number: plain };
        self.links.insert(forth);
        if let Some(number) = back {
            let back = Link { from: other.0, from_id: other.1, to: one.0, to_id: one.1, number };
            self.links.insert(back);
        }
    }

    pub(super) fn unlink_all(&mut self, end: End) {
        self.links.retain(|link| (link.from, link.from_id) != end && (link.to, link.to_id) != end);
    }

    fn unlink(&mut self, one: End, other: End) {
        self.links.retain(|link| {
            let ends = ((link.from, link.from_id), (link.to, link.to_id));
            ends != (one, other) && ends != (other, one)
        });
    }

    /// The associations that a new record is to have; each must be possible.
    pub(super) fn wanted_links(
        &self,
        from: Kind,
        wanted: Option<&Value>,
    ) -> Result<Vec<(Kind, u64, u32)>, Trouble> {
        let mut links = Vec::new();
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_null()) else { return Ok(links) };
        let rows = wanted
            .as_array()
            .ok_or_else(|| Trouble::invalid("Invalid input JSON: associations is not an array"))?;
        for row in rows {
            let id = row["to"]["id"].as_str().map(str::to_owned);
            let id = id.or_else(|| row["to"]["id"].as_u64().map(|id| id.to_string()));
            let id = id.ok_or_else(|| Trouble::invalid("Invalid input JSON: associations without to.id"))?;
            for kind in row["types"].as_array().into_iter().flatten() {
                let (to, number) = link_type(from, kind)?;
                let found = self.find(to, &id).ok_or_else(|| {
                    let message = format!("No {} with id {id} exists to associate with", to.singular());
                    Trouble::invalid(message).within(json!({"ids": [id]}))
                })?;
                links.push((to, found.id, number));
            }
        }
        Ok(links)
    }

    /// A record as asked for, with the ids of what it is associated with.
    pub(super) fn with_associations(&self, call: &Call, record: &Record) -> Result<Value, Trouble> {
        let mut body = self.render(record, &call.query_list("properties"));
        for name in call.query_list("associations") {
            let to = kind_of(&name)?;
            let rows = self.plain_rows(record.kind, record.id, to);
            if !rows.is_empty() {
                body["associations"][to.plural()] = json!({"results": rows});
            }
        }
        Ok(body)
    }

    fn plain_rows(&self, from: Kind, id: u64, to: Kind) -> Vec<Value> {
        let named = format!("{}_to_{}", from.singular(), to.singular());
        self.linked(from, id, to).map(|link| json!({"id": link.to_id.to_string(), "type": named})).collect()
    }

    pub(super) fn links_of(
        &mut self,
        call: &Call,
        (kind, id): (Kind, &str),
        rest: &[&str],
        shape: Shape,
    ) -> Answer {
        match (call.method.as_str(), rest, shape) {
            ("GET", [to], _) => {
                let to = kind_of(to)?;
                let id = self.find(kind, id).ok_or_else(missing)?.id;
                let rows = match shape {
                    Shape::Plain => self.plain_rows(kind, id, to),
                    Shape::Labelled => self.linked(kind, id, to).map(labelled).collect(),
                };
                Ok(Reply::json(StatusCode::OK, &json!({"results": rows})))
            }
            ("PUT", ["default", to, to_id], Shape::Labelled) => {
                let (one, other) = self.ends((kind, id), (to, to_id))?;
                let number = one.0.link_to(other.0).ok_or_else(|| impossible(one.0, other.0))?;
                self.link(one, other, number);
                Ok(Reply::json(StatusCode::OK, &complete(&[one, other], number, call)))
            }
            ("PUT", [to, to_id], Shape::Labelled) => {
                let (one, other) = self.ends((kind, id), (to, to_id))?;
                let kinds = json_body(call)?;
                for kind in kinds.as_array().into_iter().flatten() {
                    self.link(one, other, link_number(one.0, other.0, kind)?);
                }
                Ok(Reply::json(StatusCode::CREATED, &pair(one, other)))
            }
            ("PUT", [to, to_id, named], Shape::Plain) => {
                let (one, other) = self.ends((kind, id), (to, to_id))?;
                let plain = one.0.link_to(other.0).ok_or_else(|| impossible(one.0, other.0))?;
                let wanted = format!("{}_to_{}", one.0.singular(), other.0.singular());
                if *named != wanted && *named != plain.to_string() {
                    return Err(Trouble::invalid(format!("{named} is not a valid association type")));
                }
                self.link(one, other, plain);
                let record = self.records.get(&one).ok_or_else(missing)?;
                Ok(Reply::json(StatusCode::OK, &self.render(record, &[])))
            }
            ("DELETE", [to, to_id] | [to, to_id, _], _) => {
                let (one, other) = self.ends((kind, id), (to, to_id))?;
                self.unlink(one, other);
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            (_, [_] | [_, _] | [_, _, _], _) => Err(wrong_method()),
            _ => Err(nowhere()),
        }
    }

    fn ends(&self, one: (Kind, &str), other: (&str, &str)) -> Result<(End, End), Trouble> {
        let to = kind_of(other.0)?;
        let one = self.find(one.0, one.1).ok_or_else(missing)?;
        let other = self.find(to, other.1).ok_or_else(missing)?;
        Ok(((one.kind, one.id), (other.kind, other.id)))
    }

    /// The paths below `associations`: only the list of what there may be between two kinds.
    pub(super) fn links(&mut self, call: &Call, rest: &[&str]) -> Answer {
        match (call.method.as_str(), rest) {
            ("GET", [from, to, "labels"]) => {
                let (from, to) = (kind_of(from)?, kind_of(to)?);
                self.allowed(call, &[from.scope(false), to.scope(false)])?;
                let plain = from.link_to(to).map(|number| label(number, false));
                let primary = from.primary_link_to(to).map(|number| label(number, true));
                let rows: Vec<Value> = plain.into_iter().chain(primary).collect();
                Ok(Reply::json(StatusCode::OK, &json!({"results": rows})))
            }
            (_, [_, _, "labels"]) => Err(wrong_method()),
            _ => Err(nowhere()),
        }
    }
}

/// The other kind and the number that an association type names.
fn link_type(from: Kind, named: &Value) -> Result<(Kind, u32), Trouble> {
    let to = Kind::ALL.into_iter().find(|to| link_number(from, *to, named).is_ok());
    let to =
        to.ok_or_else(|| Trouble::invalid(format!("{named} is no association of a {}", from.singular())))?;
    Ok((to, link_number(from, to, named)?))
}

fn link_number(from: Kind, to: Kind, named: &Value) -> Result<u32, Trouble> {
    let number = named["associationTypeId"].as_u64().and_then(|number| u32::try_from(number).ok());
    let ours = [from.link_to(to), from.primary_link_to(to)];
    match number {
        Some(number) if named["associationCategory"] == "HUBSPOT_DEFINED" && ours.contains(&Some(number)) => {
            Ok(number)
        }
        _ => Err(Trouble::invalid(format!("{named} is not an association of these object types"))),
    }
}

fn label(number: u32, primary: bool) -> Value {
    let mut row = json!({"category": "HUBSPOT_DEFINED", "typeId": number});
    if primary {
        row["label"] = "Primary".into();
    }
    row
}

fn labelled(link: &Link) -> Value {
    let primary = link.from.primary_link_to(link.to) == Some(link.number);
    json!({"toObjectId": link.to_id, "associationTypes": [label(link.number, primary)]})
}

fn complete(ends: &[End; 2], number: u32, call: &Call) -> Value {
    let [one, other] = ends;
    let row = |from: &End, to: &End, number: u32| {
        json!({
            "from": {"id": from.1.to_string()},
            "to": {"id": to.1.to_string()},
            "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number},
        })
    };
    let back = other.0.link_to(one.0).map(|number| row(other, one, number));
    let rows: Vec<Value> = std::iter::once(row(one, other, number)).chain(back).collect();
    json!({
        "status": "COMPLETE",
        "results": rows,
        "startedAt": stamp(call.now),
        "completedAt": stamp(call.now),
    })
}

fn pair(one: End, other: End) -> Value {
    json!({
        "fromObjectTypeId": one.0.type_id(),
        "fromObjectId": one.1,
        "toObjectTypeId": other.0.type_id(),
        "toObjectId": other.1,
        "labels": [],
    })
}

fn impossible(from: Kind, to: Kind) -> Trouble {
    Trouble::invalid(format!("{} cannot be associated with {}", from.plural(), to.plural()))
}
