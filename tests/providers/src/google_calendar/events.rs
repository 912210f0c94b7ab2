//! One event at a time: insert, read, change, replace, delete.

use super::account::{Account, Invitation};
use super::check;
use super::errors::{Trouble, good};
use super::event::Event;
use super::routes::{Answer, body, word};
use crate::{Call, Reply};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};

const SCOPES: [&str; 2] = ["calendar.events", "calendar.events.owned"];
const READ_SCOPES: [&str; 4] =
    ["calendar.events", "calendar.events.owned", "calendar.events.readonly", "calendar.readonly"];

/// Who is told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mail {
    All,
    External,
    Nobody,
}

impl Account {
    pub(super) fn insert(&mut self, call: &Call, calendar: &str) -> Answer {
        self.allowed(call, &SCOPES)?;
        let (mail, meets) = (mail(call)?, conference_version(call)?);
        let body = body(call)?;
        let id = self.add(calendar, &body, meets, call.now)?;
        self.tell(calendar, &id, mail, "invited");
        self.told(calendar, &id)
    }

    /// Puts an event in without telling anyone.
    pub(super) fn seed(&mut self, calendar: &str, body: Value, now: Timestamp) -> Result<String, Trouble> {
        match body {
            Value::Object(body) => self.add(calendar, &body, true, now),
            _ => Err(Trouble::bad("parseError", "Parse Error")),
        }
    }

    fn add(
        &mut self,
        calendar: &str,
        body: &Map<String, Value>,
        meets: bool,
        now: Timestamp,
    ) -> Result<String, Trouble> {
        let zone = self.calendar_to_write(calendar)?.zone();
        let mut kept = check::writable(body);
        check::event(&mut kept, &zone)?;
        let id = match body.get("id").filter(|id| !id.is_null()) {
            None => self.ids.of(b"0123456789abcdefghijklmnopqrstuv", 26),
            Some(id) => id.as_str().ok_or_else(|| Trouble::bad("parseError", "Parse Error"))?.to_owned(),
        };
        check::id(&id)?;
        if self.calendar(calendar)?.events.contains_key(&id) {
            let message = "The requested identifier already exists.";
            return Err(Trouble::new(StatusCode::CONFLICT, "duplicate", message));
        }
        let wanted = body.get("conferenceData").filter(|_| meets);
        let meet = wanted.map_or(Ok(None), |wanted| self.meet(wanted))?;
        let revision = self.next_revision();
        let event =
            Event { id: id.clone(), body: kept, created: now, updated: now, revision, sequence: 0, meet };
        self.calendar_to_write(calendar)?.events.insert(id.clone(), event);
        Ok(id)
    }

    pub(super) fn get(&mut self, call: &Call, calendar: &str, id: &str) -> Answer {
        self.allowed(call, &READ_SCOPES)?;
        let real = self.real_id(calendar).to_owned();
        let next = self.revision + 1;
        let home = self.calendars.get_mut(&real).ok_or_else(Trouble::not_found)?;
        let event = home.events.get_mut(id).ok_or_else(Trouble::not_found)?;
        if call.header("if-none-match") == Some(&event.etag()) {
            return Ok(Reply::empty(StatusCode::NOT_MODIFIED));
        }
        if event.meet.as_mut().is_some_and(super::conference::Meet::read) {
            event.revision = next;
            event.updated = call.now;
            self.revision = next;
        }
        self.told(calendar, id)
    }

    pub(super) fn patch(&mut self, call: &Call, calendar: &str, id: &str) -> Answer {
        self.change(call, calendar, id, |event, body| {
            let mut whole = event.body.clone();
            check::merge(&mut whole, &check::writable(body));
            whole
        })
    }

    pub(super) fn put(&mut self, call: &Call, calendar: &str, id: &str) -> Answer {
        self.change(call, calendar, id, |_, body| check::writable(body))
    }

    fn change(
        &mut self,
        call: &Call,
        calendar: &str,
        id: &str,
        whole: impl FnOnce(&Event, &Map<String, Value>) -> Map<String, Value>,
    ) -> Answer {
        self.allowed(call, &SCOPES)?;
        let (mail, meets) = (mail(call)?, conference_version(call)?);
        let body = body(call)?;
        let zone = self.calendar_to_write(calendar)?.zone();
        let event = self.calendar(calendar)?.events.get(id).ok_or_else(Trouble::not_found)?;
        unchanged_since(call, event)?;
        let mut kept = whole(event, &body);
        check::event(&mut kept, &zone)?;
        let kind =
            |body: &Map<String, Value>| body.get("eventType").cloned().unwrap_or_else(|| "default".into());
        if kind(&kept) != kind(&event.body) {
            return Err(Trouble::bad("eventTypeRestriction", "An event's type cannot be changed."));
        }
        let moved =
            ["start", "end", "recurrence"].iter().any(|name| kept.get(*name) != event.body.get(*name));
        let cancelled =
            !event.is_cancelled() && kept.get("status").is_some_and(|status| status == "cancelled");
        let meet = match body.get("conferenceData").filter(|_| meets) {
            None => event.meet.clone(),
            Some(Value::Null) => None,
            Some(wanted) => self.meet(wanted)?.or_else(|| self.kept_meet(calendar, id)),
        };
        let revision = self.next_revision();
        let event = self.calendar_to_write(calendar)?.events.get_mut(id).ok_or_else(Trouble::not_found)?;
        event.body = kept;
        event.meet = meet;
        event.updated = call.now;
        event.revision = revision;
        event.sequence += u64::from(moved);
        self.tell(calendar, id, mail, if cancelled { "cancelled" } else { "updated" });
        self.told(calendar, id)
    }

    fn kept_meet(&self, calendar: &str, id: &str) -> Option<super::conference::Meet> {
        self.calendar(calendar).ok()?.events.get(id)?.meet.clone()
    }

    pub(super) fn delete(&mut self, call: &Call, calendar: &str, id: &str) -> Answer {
        self.allowed(call, &SCOPES)?;
        let mail = mail(call)?;
        let next = self.revision + 1;
        let home = self.calendar_to_write(calendar)?;
        let event = home.events.get_mut(id).ok_or_else(Trouble::not_found)?;
        if event.is_cancelled() {
            return Err(Trouble::gone("deleted", "Resource has been deleted"));
        }
        unchanged_since(call, event)?;
        event.body.insert("status".to_owned(), "cancelled".into());
        event.updated = call.now;
        event.revision = next;
        self.revision = next;
        self.tell(calendar, id, mail, "cancelled");
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    fn told(&self, calendar: &str, id: &str) -> Answer {
        let home = self.calendar(calendar)?;
        let event = home.events.get(id).ok_or_else(Trouble::not_found)?;
        Ok(good(&event.render(home)).with("etag", event.etag()))
    }

    fn tell(&mut self, calendar: &str, id: &str, mail: Mail, about: &'static str) {
        let Ok(home) = self.calendar(calendar) else { return };
        let Some(event) = home.events.get(id) else { return };
        let domain = home.id.split_once('@').map(|(_, domain)| format!("@{domain}")).unwrap_or_default();
        let fits = |guest: &String| match mail {
            Mail::All => *guest != home.id,
            Mail::External => !guest.ends_with(&domain),
            Mail::Nobody => false,
        };
        let mails: Vec<Invitation> = event
            .guests()
            .into_iter()
            .filter(fits)
            .map(|to| Invitation { event: id.to_owned(), to, about })
            .collect();
        self.invitations.extend(mails);
    }
}

fn mail(call: &Call) -> Result<Mail, Trouble> {
    Ok(match word(call, "sendUpdates", &["all", "externalOnly", "none"])? {
        Some("all") => Mail::All,
        Some("externalOnly") => Mail::External,
        _ => Mail::Nobody,
    })
}

/// Whether the caller knows of conferences; for one who does not, they are passed over.
fn conference_version(call: &Call) -> Result<bool, Trouble> {
    Ok(word(call, "conferenceDataVersion", &["0", "1"])? == Some("1"))
}

fn unchanged_since(call: &Call, event: &Event) -> Result<(), Trouble> {
    match call.header("if-match") {
        Some(tag) if tag != "*" && tag != event.etag() => {
            let trouble =
                Trouble::new(StatusCode::PRECONDITION_FAILED, "conditionNotMet", "Precondition Failed");
            Err(trouble.at("header", "If-Match"))
        }
        _ => Ok(()),
    }
}
