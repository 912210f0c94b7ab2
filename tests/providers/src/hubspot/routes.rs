//! Which path and method does what.

use super::associations::Shape;
use super::errors::Trouble;
use super::kind::Kind;
use super::portal::Portal;
use crate::{BodyTrouble, Call, Reply};
use http::StatusCode;
use serde_json::{Map, Value};

/// What a request comes to.
pub(super) type Answer = Result<Reply, Trouble>;

/// The dated versions that are served.
const DATES: [&str; 2] = ["2026-03", "2026-09"];

impl Portal {
    pub(super) fn route(&mut self, call: &Call) -> Answer {
        let dated = |version: &str| DATES.contains(&version);
        match call.route().as_slice() {
            ["crm", "objects", date, rest @ ..] if dated(date) => self.objects(call, rest, Shape::Labelled),
            ["crm", "v3", "objects", rest @ ..] => self.objects(call, rest, Shape::Plain),
            ["crm", "v4", "objects", rest @ ..] if rest.get(2) == Some(&"associations") => {
                self.objects(call, rest, Shape::Labelled)
            }
            ["crm", "associations", date, rest @ ..] if dated(date) => self.links(call, rest),
            ["crm", "v4", "associations", rest @ ..] => self.links(call, rest),
            ["crm", "properties", date, rest @ ..] if dated(date) => self.definitions(call, rest),
            ["crm", "v3", "properties", rest @ ..] => self.definitions(call, rest),
            ["crm", "owners", date, rest @ ..] if dated(date) => self.owners(call, rest),
            ["crm", "v3", "owners", rest @ ..] => self.owners(call, rest),
            ["crm", "pipelines", date, rest @ ..] if dated(date) => self.pipelines(call, rest),
            ["crm", "v3", "pipelines", rest @ ..] => self.pipelines(call, rest),
            ["account-info", version, "details"] if *version == "v3" || dated(version) => self.details(call),
            _ => Err(nowhere()),
        }
    }

    fn objects(&mut self, call: &Call, rest: &[&str], shape: Shape) -> Answer {
        let kind = match rest.first() {
            Some(name) => kind_of(name)?,
            None => return Err(nowhere()),
        };
        let reading = call.method == "GET" || matches!(rest[1..], ["search"] | ["batch", "read"]);
        self.allowed(call, &[kind.scope(!reading)])?;
        match (call.method.as_str(), &rest[1..]) {
            ("GET", []) => self.list(call, kind),
            ("POST", []) => self.post(call, kind),
            ("POST", ["search"]) => self.find_all(call, kind),
            ("POST", ["batch", step]) => self.batch(call, kind, step),
            (_, ["search"] | ["batch", _]) => Err(wrong_method()),
            ("GET", [id]) => self.get(call, kind, id),
            ("PATCH", [id]) => self.patch(call, kind, id),
            ("DELETE", [id]) => self.delete(call, kind, id),
            (_, [id, "associations", to @ ..]) => self.links_of(call, (kind, id), to, shape),
            (_, [] | [_]) => Err(wrong_method()),
            _ => Err(nowhere()),
        }
    }
}

/// The kind of object that a path names.
pub(super) fn kind_of(name: &str) -> Result<Kind, Trouble> {
    Kind::parse(name).ok_or_else(|| Trouble::invalid(format!("Unable to infer object type from: {name}")))
}

/// The body as a JSON object.
pub(super) fn body(call: &Call) -> Result<Map<String, Value>, Trouble> {
    match json(call)? {
        Value::Object(members) => Ok(members),
        _ => Err(Trouble::invalid("Invalid input JSON on line 1, column 1: an object was expected")),
    }
}

/// The body as JSON.
pub(super) fn json(call: &Call) -> Result<Value, Trouble> {
    call.json().map_err(|trouble| match trouble {
        BodyTrouble::MediaType(found) => {
            let message = format!("HTTP 415 Unsupported Media Type: {found}");
            Trouble::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "VALIDATION_ERROR", message)
        }
        BodyTrouble::Syntax(what) => Trouble::invalid(format!("Invalid input JSON: {what}")),
    })
}

pub(super) fn nowhere() -> Trouble {
    Trouble::not_found("No service is found at this path")
}

pub(super) fn wrong_method() -> Trouble {
    Trouble::new(StatusCode::METHOD_NOT_ALLOWED, "VALIDATION_ERROR", "HTTP 405 Method Not Allowed")
}
