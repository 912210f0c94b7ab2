//! Search: groups of filters, one order, pages by offset.

use super::batch::names;
use super::catalogue::SEARCHABLE_PHONES;
use super::errors::Trouble;
use super::kind::Kind;
use super::objects::page_size;
use super::portal::{Portal, Record};
use super::routes::{Answer, body};
use super::values::instant;
use crate::{Call, Reply};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

const GROUPS: usize = 6;
const FILTERS: usize = 18;
const RESULTS: usize = 10_000;
const QUERY: usize = 3_000;

struct Filter {
    property: String,
    operator: String,
    value: String,
    high: String,
    values: Vec<String>,
}

struct Order {
    property: String,
    descending: bool,
}

impl Portal {
    pub(super) fn find_all(&mut self, call: &Call, kind: Kind) -> Answer {
        let body = body(call)?;
        let limit = match body.get("limit") {
            None | Some(Value::Null) => 10,
            Some(limit) => page_size(Some(&plain(limit)), 10, 200)?,
        };
        let after = match body.get("after").map(plain).filter(|after| !after.is_empty()) {
            None => 0,
            Some(after) => after.parse().map_err(|_| Trouble::invalid(format!("Invalid after: {after}")))?,
        };
        if after + limit > RESULTS {
            return Err(Trouble::invalid(format!("Paging ends at {RESULTS} results")));
        }
        let groups = self.groups_of(kind, &body)?;
        let order = self.order(kind, &body)?;
        let query = body.get("query").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        if query.chars().count() > QUERY {
            return Err(Trouble::invalid(format!("The query is longer than {QUERY} characters")));
        }
        let seen = |record: &&Record| {
            let age = call.now.duration_since(record.created_at);
            age.unsigned_abs() >= self.config.search_lag || self.config.search_lag.is_zero()
        };
        let fits = |record: &&Record| {
            let any =
                groups.is_empty() || groups.iter().any(|group| group.iter().all(|one| one.fits(record)));
            any && (query.is_empty() || mentions(record, &query))
        };
        let mut found: Vec<&Record> = self.live(kind).filter(seen).filter(fits).collect();
        if let Some(order) = &order {
            found.sort_by(|one, other| order.compare(one, other));
        }
        let asked = names(body.get("properties"));
        let total = found.len();
        let page: Vec<Value> =
            found.into_iter().skip(after).take(limit).map(|record| self.render(record, &asked)).collect();
        let end = after + page.len();
        let mut answer = json!({"total": total, "results": page});
        if end < total {
            answer["paging"] = json!({"next": {"after": end.to_string()}});
        }
        Ok(Reply::json(StatusCode::OK, &answer))
    }

    fn groups_of(&self, kind: Kind, body: &Map<String, Value>) -> Result<Vec<Vec<Filter>>, Trouble> {
        let groups: Vec<&Value> =
            body.get("filterGroups").and_then(Value::as_array).into_iter().flatten().collect();
        if groups.len() > GROUPS {
            return Err(Trouble::invalid(format!("A search holds at most {GROUPS} filter groups")));
        }
        let mut all = Vec::new();
        for group in groups {
            let filters = group["filters"].as_array();
            let filters = filters.ok_or_else(|| Trouble::invalid("A filter group without filters"))?;
            let filters: Result<Vec<Filter>, Trouble> =
                filters.iter().map(|one| self.filter(kind, one)).collect();
            all.push(filters?);
        }
        if all.iter().map(Vec::len).sum::<usize>() > FILTERS {
            return Err(Trouble::invalid(format!("A search holds at most {FILTERS} filters")));
        }
        Ok(all)
    }

    fn filter(&self, kind: Kind, from: &Value) -> Result<Filter, Trouble> {
        let property = from["propertyName"].as_str().unwrap_or_default().to_owned();
        self.searchable(kind, &property)?;
        let filter = Filter {
            property,
            operator: from["operator"].as_str().unwrap_or_default().to_owned(),
            value: plain(&from["value"]),
            high: plain(&from["highValue"]),
            values: names(from.get("values")),
        };
        let given = match filter.operator.as_str() {
            "HAS_PROPERTY" | "NOT_HAS_PROPERTY" => true,
            "IN" | "NOT_IN" => !filter.values.is_empty(),
            "BETWEEN" => !filter.value.is_empty() && !filter.high.is_empty(),
            "EQ" | "NEQ" | "LT" | "LTE" | "GT" | "GTE" | "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN" => {
                from.get("value").is_some_and(|value| !value.is_null())
            }
            other => return Err(Trouble::invalid(format!("Invalid operator: {other}"))),
        };
        if given {
            return Ok(filter);
        }
        Err(Trouble::invalid(format!("Operator {} lacks its value", filter.operator)))
    }

    fn order(&self, kind: Kind, body: &Map<String, Value>) -> Result<Option<Order>, Trouble> {
        let sorts: Vec<&Value> = body.get("sorts").and_then(Value::as_array).into_iter().flatten().collect();
        let sort = match sorts.as_slice() {
            [] => return Ok(None),
            [sort] => sort,
            _ => return Err(Trouble::invalid("Only one sort is allowed")),
        };
        let order = match sort {
            Value::String(text) => {
                let property = text.strip_prefix('-').unwrap_or(text);
                Order { property: property.to_owned(), descending: text.starts_with('-') }
            }
            _ => Order {
                property: sort["propertyName"].as_str().unwrap_or_default().to_owned(),
                descending: sort["direction"] == "DESCENDING",
            },
        };
        self.searchable(kind, &order.property)?;
        Ok(Some(order))
    }

    fn searchable(&self, kind: Kind, property: &str) -> Result<(), Trouble> {
        if self.properties.contains_key(&(kind, property.to_owned())) {
            return Ok(());
        }
        let message = format!("There was a problem with the request: property \"{property}\" does not exist");
        Err(Trouble::invalid(&*message).because(
            "PROPERTY_DOESNT_EXIST",
            message,
            json!({"propertyName": [property]}),
        ))
    }
}

impl Filter {
    fn fits(&self, record: &Record) -> bool {
        let Some(own) = value_of(record, &self.property) else {
            return matches!(
                self.operator.as_str(),
                "NOT_HAS_PROPERTY" | "NEQ" | "NOT_IN" | "NOT_CONTAINS_TOKEN"
            );
        };
        let against = |value: &str| compare(&own, value);
        let one_of = || self.values.iter().any(|value| against(value) == Ordering::Equal);
        match self.operator.as_str() {
            "EQ" => against(&self.value) == Ordering::Equal,
            "NEQ" => against(&self.value) != Ordering::Equal,
            "LT" => against(&self.value) == Ordering::Less,
            "LTE" => against(&self.value) != Ordering::Greater,
            "GT" => against(&self.value) == Ordering::Greater,
            "GTE" => against(&self.value) != Ordering::Less,
            "BETWEEN" => against(&self.value) != Ordering::Less && against(&self.high) != Ordering::Greater,
            "IN" => one_of(),
            "NOT_IN" => !one_of(),
            "CONTAINS_TOKEN" => has_token(&own, &self.value),
            "NOT_CONTAINS_TOKEN" => !has_token(&own, &self.value),
            "HAS_PROPERTY" => true,
            _ => false,
        }
    }
}

impl Order {
    fn compare(&self, one: &Record, other: &Record) -> Ordering {
        let order = match (value_of(one, &self.property), value_of(other, &self.property)) {
            (Some(one), Some(other)) => compare(&one, &other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        if self.descending { order.reverse() } else { order }
    }
}

/// A property, or the normalised number that HubSpot derives from one.
fn value_of(record: &Record, property: &str) -> Option<String> {
    match SEARCHABLE_PHONES.iter().find(|(name, _)| *name == property) {
        None => record.get(property).map(str::to_owned),
        Some((_, source)) => {
            let digits: String = record.get(source)?.chars().filter(char::is_ascii_digit).collect();
            let national = digits.len() == 11 && digits.starts_with('1');
            Some(if national { digits[1..].to_owned() } else { digits })
        }
    }
}

/// Numbers as numbers, instants as instants, everything else as text regardless of case.
fn compare(own: &str, value: &str) -> Ordering {
    if let (Ok(own), Ok(value)) = (own.parse::<f64>(), value.parse::<f64>()) {
        return own.total_cmp(&value);
    }
    if let (Some(own), Some(value)) = (instant(own).filter(|_| own.contains('-')), instant(value)) {
        return own.cmp(&value);
    }
    own.to_lowercase().cmp(&value.to_lowercase())
}

/// Whether a word is in a text; a star at either end stands for the rest of a word.
fn has_token(own: &str, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    let (open, close) = (wanted.starts_with('*'), wanted.ends_with('*'));
    let core = wanted.trim_matches('*');
    let matches = |word: &str| match (open, close) {
        (true, true) => word.contains(core),
        (true, false) => word.ends_with(core),
        (false, true) => word.starts_with(core),
        (false, false) => word == core,
    };
    let own = own.to_lowercase();
    matches(&own) || own.split(|one: char| !one.is_alphanumeric()).any(matches)
}

fn mentions(record: &Record, query: &str) -> bool {
    record.properties.values().any(|value| value.to_lowercase().contains(query))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
