//! The user's calendars and settings.

use super::account::{Account, Calendar};
use super::errors::{Trouble, good};
use super::event::etag;
use super::routes::{Answer, flag, size, word};
use super::tokens::{PageToken, SyncToken};
use crate::Call;
use serde_json::{Value, json};

/// The levels of access, from low to high.
const ROLES: [&str; 4] = ["freeBusyReader", "reader", "writer", "owner"];
const SCOPES: [&str; 3] = ["calendar.calendarlist", "calendar.calendarlist.readonly", "calendar.readonly"];

impl Calendar {
    fn entry(&self) -> Value {
        let mut told = json!({
            "kind": "calendar#calendarListEntry",
            "etag": etag(1),
            "id": self.id,
            "summary": self.summary,
            "timeZone": self.time_zone,
            "colorId": "14",
            "backgroundColor": "#9fe1e7",
            "foregroundColor": "#000000",
            "selected": true,
            "accessRole": self.access,
            "defaultReminders": [],
            "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
        });
        if self.primary {
            told["primary"] = true.into();
        }
        told
    }
}

impl Account {
    pub(super) fn calendar_list(&mut self, call: &Call) -> Answer {
        self.allowed(call, &SCOPES)?;
        let all = ["freeBusyReader", "owner", "reader", "writer", "writerWithoutPrivateAccess"];
        let least = word(call, "minAccessRole", &all)?.map(level).unwrap_or_default();
        let most = size(call, "maxResults", 100, 250)?;
        for name in ["showHidden", "showDeleted"] {
            flag(call, name)?;
        }
        if let Some(text) = call.query("syncToken")
            && SyncToken::read(text)?.epoch != self.epoch
        {
            let message = "Sync token is no longer valid, a full sync is required.";
            return Err(Trouble::gone("fullSyncRequired", message).at("parameter", "syncToken"));
        }
        let start = call.query("pageToken").map(PageToken::read).transpose()?.map_or(0, |page| page.offset);
        let rows: Vec<&Calendar> =
            self.calendars.values().filter(|calendar| level(&calendar.access) >= least).collect();
        let items: Vec<Value> = rows.iter().skip(start).take(most).map(|calendar| calendar.entry()).collect();
        let end = start + items.len();
        let mut answer =
            json!({"kind": "calendar#calendarList", "etag": etag(self.revision), "items": items});
        if end < rows.len() {
            answer["nextPageToken"] = PageToken { offset: end, seen: self.revision }.write().into();
        } else {
            let token = SyncToken { seen: self.revision, epoch: self.epoch, single: false };
            answer["nextSyncToken"] = token.write().into();
        }
        Ok(good(&answer))
    }

    pub(super) fn calendar_entry(&mut self, call: &Call, id: &str) -> Answer {
        self.allowed(call, &SCOPES)?;
        Ok(good(&self.calendar(id)?.entry()))
    }

    pub(super) fn calendar_itself(&mut self, call: &Call, id: &str) -> Answer {
        self.allowed(call, &["calendar.calendars", "calendar.calendars.readonly", "calendar.readonly"])?;
        let calendar = self.calendar(id)?;
        Ok(good(&json!({
            "kind": "calendar#calendar",
            "etag": etag(1),
            "id": calendar.id,
            "summary": calendar.summary,
            "timeZone": calendar.time_zone,
            "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
        })))
    }

    pub(super) fn setting(&mut self, call: &Call, name: &str) -> Answer {
        self.allowed(call, &["calendar.settings.readonly", "calendar.readonly"])?;
        let value = match name {
            "timezone" => self.config.time_zone.as_str(),
            "locale" => "en",
            "weekStart" => "0",
            _ => return Err(Trouble::not_found()),
        };
        Ok(good(&json!({"kind": "calendar#setting", "etag": etag(1), "id": name, "value": value})))
    }
}

fn level(role: &str) -> usize {
    let role = if role == "writerWithoutPrivateAccess" { "reader" } else { role };
    ROLES.iter().position(|one| *one == role).unwrap_or_default()
}
