//! A connection's field mapping: which of our values go into which of the provider's fields.

use std::collections::{BTreeMap, BTreeSet};

use manifest::Manifest;
use model::ConnectionId;
use serde_json::Value;
use store::StoreError;

use crate::fields::{Errors, is_line, kind, shown, unknown};
use crate::problem::Code;
use crate::state::App;

/// Names that are valid for every form of event.
const ALIASES: [&str; 6] = ["callerName", "callerPhone", "callerEmail", "reason", "source", "company"];
/// Rows at most.
const MOST_ROWS: usize = 100;
/// Fields of one row at most: a full name is split into two.
const MOST_FIELDS: usize = 2;
/// Characters of a path or of a field's name at most.
const LONGEST: usize = 200;
/// Where a note takes the place of a field that the object lacks, so that the name is always good.
const NOTE: &str = "description";

/// Reads a mapping; what is wrong with it goes to `errors`.
pub(super) fn read(value: Value, at: &str, errors: &mut Errors) -> Option<BTreeMap<String, String>> {
    let Value::Object(rows) = value else {
        errors.add(
            at,
            Code::WrongType,
            format!("must be an object of texts, or null, not {}.", kind(&value)),
        );
        return None;
    };
    if rows.len() > MOST_ROWS {
        errors.add(at, Code::InvalidMapping, format!("has {} rows; the most is {MOST_ROWS}.", rows.len()));
        return None;
    }
    let mut mapping = BTreeMap::new();
    for (left, right) in rows {
        let path = format!("{at}.{}", shown(&left));
        if let Err(message) = check_left(&left) {
            errors.add(&path, Code::InvalidMapping, message);
        }
        match right {
            Value::String(right) => {
                if !fields(&right).all(|name| is_line(name, LONGEST)) || fields(&right).count() > MOST_FIELDS
                {
                    let message = format!(
                        "must be a name of a provider's field, or {MOST_FIELDS} with a comma between them."
                    );
                    errors.add(path, Code::InvalidMapping, message);
                }
                mapping.insert(left, right);
            }
            other => errors.add(path, Code::WrongType, format!("must be a text, not {}.", kind(&other))),
        }
    }
    Some(mapping)
}

/// The fields that a right side names.
fn fields(right: &str) -> impl Iterator<Item = &str> {
    right.split(',').map(str::trim)
}

/// A path into the event, or an alias. A lone word that all but is an alias is taken for a slip: as a path it would
/// silently never match.
fn check_left(left: &str) -> Result<(), String> {
    if ALIASES.contains(&left) {
        return Ok(());
    }
    let sound = |s: &str| !s.trim().is_empty() && !s.chars().any(char::is_control);
    if left.chars().count() > LONGEST || left.trim() != left || !left.split('.').all(sound) {
        return Err(format!(
            "the left side is a path such as data.email, or one of: {}.",
            ALIASES.join(", ")
        ));
    }
    if !left.contains('.') && is_slip(left) {
        let message = unknown(left, "alias", &ALIASES);
        return Err(format!("{message} A member of the event's data is written data.{}.", shown(left)));
    }
    Ok(())
}

fn is_slip(word: &str) -> bool {
    let lower = word.to_lowercase();
    model::nearest(word, ALIASES).iter().any(|alias| {
        let alias = alias.to_lowercase();
        alias == lower || (!alias.contains(&lower) && !lower.contains(&alias))
    })
}

/// Checks the right sides against what the provider last said of the object that the mapping is for, if it has said
/// anything yet; otherwise the first run will.
pub(super) async fn check_names(
    app: &App,
    connection: &ConnectionId,
    manifest: &Manifest,
    mapping: &BTreeMap<String, String>,
    errors: &mut Errors,
) -> Result<(), StoreError> {
    let Some(object) = manifest.sync.as_ref().and_then(|s| s.lead.as_ref()).map(|rule| rule.object.as_str())
    else {
        return Ok(());
    };
    if let Some(described) = app.store.described(connection, object).await?
        && let Some(known) = known_fields(&described.schema)
    {
        judge(object, &known, mapping, errors);
    }
    Ok(())
}

fn judge(object: &str, known: &BTreeSet<String>, mapping: &BTreeMap<String, String>, errors: &mut Errors) {
    for (left, right) in mapping {
        for name in fields(right).filter(|name| *name != NOTE && !known.contains(*name)) {
            let near = model::nearest(name, known.iter().map(String::as_str));
            let next = if near.is_empty() {
                format!("it has {} fields, none with a name like it", known.len())
            } else {
                format!("did you mean {}?", near.join(" or "))
            };
            let message = format!("the provider's {object} has no field `{}`; {next}", shown(name));
            errors.add(format!("fieldMapping.{}", shown(left)), Code::UnknownField, message);
        }
    }
}

/// The names in a described object, or none where the list does not claim to be whole. `fields` is JSON, in the
/// contract as text.
fn known_fields(schema: &Value) -> Option<BTreeSet<String>> {
    let fields = match schema.get("fields")? {
        Value::String(text) => serde_json::from_str(text).ok()?,
        value => value.clone(),
    };
    if fields.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false)) {
        return None;
    }
    Some(fields.get("properties")?.as_object()?.keys().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn codes(value: Value) -> Vec<(String, Code)> {
        let mut errors = Errors::default();
        let read = read(value, "fieldMapping", &mut errors);
        match errors.or(read) {
            Ok(_) => Vec::new(),
            Err(p) => p.errors.into_iter().map(|e| (e.path, e.code)).collect(),
        }
    }

    #[test]
    fn the_guides_mapping_is_taken() {
        let mapping = json!({"callerName": "firstname, lastname", "callerPhone": "phone", "data.email": "email",
            "fromNumber": "mobile", "data.Lead Source": "source", "email": "email", "reason": "description"});
        assert!(codes(mapping).is_empty());
    }

    #[test]
    fn a_slip_in_an_alias_and_an_empty_field_are_refused() {
        for left in ["calerName", "callername", " data.a", "data..email", "data.a\nb", ""] {
            assert_eq!(codes(json!({left: "x"})).len(), 1, "{left}");
        }
        for right in ["", "a,,b", "a,b,c", "a\nb"] {
            assert_eq!(codes(json!({"reason": right}))[0].1, Code::InvalidMapping, "{right}");
        }
        assert_eq!(codes(json!({"reason": 1}))[0].1, Code::WrongType);
        assert_eq!(codes(json!([]))[0].1, Code::WrongType);
    }

    #[test]
    fn an_unknown_field_is_answered_with_the_nearest() {
        let known =
            known_fields(&json!({"fields": "{\"properties\":{\"firstname\":{},\"phone\":{}}}"})).unwrap();
        let mapping = BTreeMap::from([("callerName".into(), "frstname,description".into())]);
        let mut errors = Errors::default();
        judge("contact", &known, &mapping, &mut errors);
        let problem = errors.or(Some(())).unwrap_err();
        assert_eq!((problem.code, problem.errors.len()), (Code::UnknownField, 1));
        assert!(problem.errors[0].message.contains("did you mean firstname?"));
        assert!(problem.errors[0].message.contains("no field `frstname`"), "a plain name is shown");
        assert_eq!(known_fields(&json!({"fields": {"properties": {}, "additionalProperties": true}})), None);
    }

    #[test]
    fn a_secret_in_a_fields_place_is_not_repeated() {
        let secret = "sesame-street-sesame-street";
        let known = BTreeSet::from(["firstname".to_owned()]);
        let mut errors = Errors::default();
        let mapping =
            BTreeMap::from([("reason".into(), secret.into()), (format!("data.{secret}"), "x".into())]);
        judge("contact", &known, &mapping, &mut errors);
        read(
            json!({secret: 1, format!("{secret}."): "a,b,c", "callerName": secret}),
            "fieldMapping",
            &mut errors,
        );
        let problem = errors.or(Some(())).unwrap_err();
        let paths: Vec<&str> = problem.errors.iter().map(|e| e.path.as_str()).collect();
        let long = "fieldMapping.sesa…";
        assert_eq!(paths, ["fieldMapping.data…", "fieldMapping.reason", long, long, long]);
        assert!(!format!("{problem:?}").contains("sesame"), "{problem:?}");
    }
}
