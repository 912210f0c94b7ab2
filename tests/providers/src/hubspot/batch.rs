//! Up to a hundred records in one request.
//!
//! A row that names a record which is not there is an error of that row (207). A row with invalid values fails
//! the whole batch, unless rows carry an `objectWriteTraceId`: then every error is its row's.

use super::errors::Trouble;
use super::kind::Kind;
use super::objects::{By, properties_of};
use super::portal::{Portal, stamp};
use super::routes::{Answer, body, nowhere};
use crate::{Call, Reply};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const ROWS: usize = 100;

type Row = Map<String, Value>;

impl Portal {
    pub(super) fn batch(&mut self, call: &Call, kind: Kind, step: &str) -> Answer {
        if !["create", "read", "update", "upsert", "archive"].contains(&step) {
            return Err(nowhere());
        }
        let body = body(call)?;
        let rows = rows(&body)?;
        match step {
            "create" => self.many(call, StatusCode::CREATED, &rows, |portal, row| {
                let id = portal.create(kind, properties_of(row)?, row.get("associations"), call.now)?;
                Ok(portal.whole(kind, id))
            }),
            "read" => self.read_many(call, kind, &body, &rows),
            "update" => {
                distinct(&rows)?;
                self.many(call, StatusCode::OK, &rows, |portal, row| {
                    let by =
                        By { property: row.get("idProperty").and_then(Value::as_str), value: id_of(row)? };
                    let id = portal.look_up(kind, &by)?.map(|record| record.id);
                    let id = id.ok_or_else(|| absent(by.value))?;
                    portal.change(kind, id, properties_of(row)?, call.now)?;
                    Ok(portal.whole(kind, id))
                })
            }
            "upsert" => {
                distinct(&rows)?;
                self.many(call, StatusCode::OK, &rows, |portal, row| portal.upsert(call, kind, row))
            }
            _ => {
                for row in &rows {
                    let id = id_of(row)?.parse().map_err(|_| Trouble::invalid("An id is not a number"))?;
                    self.archive(kind, id, call.now);
                }
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
        }
    }

    fn upsert(&mut self, call: &Call, kind: Kind, row: &Row) -> Result<Value, Trouble> {
        let value = id_of(row)?;
        let Some(property) = row.get("idProperty").and_then(Value::as_str) else {
            return Err(Trouble::invalid("Upsert needs an idProperty in each input"));
        };
        let mut properties = properties_of(row)?.clone();
        let found = self.look_up(kind, &By { property: Some(property), value })?.map(|record| record.id);
        let id = match found {
            Some(id) => {
                self.change(kind, id, &properties, call.now)?;
                id
            }
            None => {
                properties.entry(property).or_insert_with(|| value.into());
                self.create(kind, &properties, row.get("associations"), call.now)?
            }
        };
        let mut answer = self.whole(kind, id);
        answer["new"] = found.is_none().into();
        Ok(answer)
    }

    fn read_many(&mut self, call: &Call, kind: Kind, body: &Row, rows: &[Row]) -> Answer {
        let asked = names(body.get("properties"));
        let property = body.get("idProperty").and_then(Value::as_str);
        let (mut found, mut absent) = (Vec::new(), Vec::new());
        for row in rows {
            let value = id_of(row)?;
            match self.look_up(kind, &By { property, value })? {
                Some(record) => found.push(self.render(record, &asked)),
                None => absent.push(value),
            }
        }
        let errors = if absent.is_empty() {
            vec![]
        } else {
            let message = format!("Could not get some {} objects.", kind.singular());
            vec![Trouble::not_found(message).within(json!({"ids": absent})).row(None)]
        };
        Ok(finished(call, StatusCode::OK, &found, &errors))
    }

    fn many(
        &mut self,
        call: &Call,
        good: StatusCode,
        rows: &[Row],
        mut write: impl FnMut(&mut Self, &Row) -> Result<Value, Trouble>,
    ) -> Answer {
        let traced = rows.iter().any(|row| row.contains_key("objectWriteTraceId"));
        let before = (!traced).then(|| (self.records.clone(), self.links.clone(), self.emails.clone()));
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for row in rows {
            match write(self, row) {
                Ok(record) => found.push(record),
                Err(trouble) if traced || trouble.status == StatusCode::NOT_FOUND => {
                    errors.push(trouble.row(row.get("objectWriteTraceId")));
                }
                Err(trouble) => {
                    if let Some((records, links, emails)) = before {
                        (self.records, self.links, self.emails) = (records, links, emails);
                    }
                    return Err(trouble);
                }
            }
        }
        Ok(finished(call, good, &found, &errors))
    }

    fn whole(&self, kind: Kind, id: u64) -> Value {
        self.records.get(&(kind, id)).map(super::Record::render_all).unwrap_or_default()
    }
}

fn finished(call: &Call, good: StatusCode, found: &[Value], errors: &[Value]) -> Reply {
    let mut answer = json!({
        "status": "COMPLETE",
        "results": found,
        "startedAt": stamp(call.now),
        "completedAt": stamp(call.now),
    });
    if errors.is_empty() {
        return Reply::json(good, &answer);
    }
    answer["numErrors"] = errors.len().into();
    answer["errors"] = errors.into();
    Reply::json(StatusCode::MULTI_STATUS, &answer)
}

fn rows(body: &Row) -> Result<Vec<Row>, Trouble> {
    let rows = body.get("inputs").and_then(Value::as_array);
    let rows = rows
        .ok_or_else(|| Trouble::invalid("Invalid input JSON: some required fields were not set: [inputs]"))?;
    if rows.len() > ROWS {
        return Err(Trouble::invalid(format!("A batch holds at most {ROWS} inputs, and not {}", rows.len())));
    }
    let object = |row: &Value| row.as_object().cloned();
    let rows: Option<Vec<Row>> = rows.iter().map(object).collect();
    rows.ok_or_else(|| Trouble::invalid("Invalid input JSON: an input is not an object"))
}

fn id_of(row: &Row) -> Result<&str, Trouble> {
    let id = row.get("id").and_then(Value::as_str);
    id.ok_or_else(|| Trouble::invalid("Invalid input JSON: some required fields were not set: [id]"))
}

fn distinct(rows: &[Row]) -> Result<(), Trouble> {
    let mut seen = BTreeSet::new();
    for row in rows {
        let id = id_of(row)?;
        if !seen.insert(id.to_lowercase()) {
            return Err(Trouble::invalid(format!(
                "Duplicate IDs found in batch input: [{id}]. IDs must be unique"
            )));
        }
    }
    Ok(())
}

fn absent(id: &str) -> Trouble {
    Trouble::not_found("Could not find a record to update").within(json!({"ids": [id]}))
}

/// A list of names in a body.
pub(super) fn names(value: Option<&Value>) -> Vec<String> {
    let names = value.and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}
