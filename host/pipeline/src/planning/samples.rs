//! The events of our users' guides, and four connections to send them to.

use std::collections::BTreeMap;

use manifest::Manifest;
use model::{Millis, OrgId};
use serde_json::{Value, json};
use store::{Connection, ConnectionStatus, Event, Link, LocalKey, NewJob};

use super::operation::Operation;
use super::rules::{Target, plan};

/// An event as the API stores it: flat members are in `data` already.
pub(crate) fn event(kind: &str, data: Value) -> Event {
    Event {
        id: "0193a6f0-0000-7000-8000-000000000001".into(),
        org: OrgId::from("org"),
        source_id: "evt_1".to_owned(),
        kind: kind.to_owned(),
        occurred_at: Millis::parse("2026-11-20T10:00:00Z").unwrap(),
        label: Some("org_abc123".to_owned()),
        data,
        received_at: Millis(0),
        planned: false,
    }
}

pub(crate) fn lead_captured() -> Event {
    event(
        "lead.captured",
        json!({"leadId": "lead_xyz789", "name": "John Smith", "phone": "+1234567890", "email": "john@example.com",
            "reason": "Interested in services", "source": "AI_CALL", "callId": "call_def456"}),
    )
}

pub(crate) fn call_completed() -> Event {
    event(
        "call.completed",
        json!({"callId": "123", "status": "completed", "duration": 300, "transcription": "Hello. Goodbye.",
            "analysis": {"sentiment": "positive", "summary": "They said hello.", "nextSteps": ["Call back"]}}),
    )
}

pub(crate) fn call_ended() -> Event {
    event(
        "call.ended",
        json!({"callId": "call_abc123", "direction": "inbound", "status": "completed", "durationSeconds": 247,
            "fromNumber": "+15551234567", "toNumber": "+15559876543", "agentName": "Sales Agent",
            "summary": "Customer inquired about pricing for the premium plan...", "sentiment": "positive",
            "endedAt": "2026-02-17T12:34:56.789Z"}),
    )
}

pub(crate) fn transcript_ready() -> Event {
    event("transcript.ready", json!({"callId": "call_abc123", "transcript": "Agent: Hello. Caller: Hi."}))
}

pub(crate) fn appointment(verb: &str) -> Event {
    event(
        &format!("appointment.{verb}"),
        json!({"appointmentId": "apt_1", "callId": "call_def456", "title": "Demo",
            "start": "2026-11-24T15:00:00-05:00", "end": "2026-11-24T15:30:00-05:00",
            "timeZone": "America/New_York", "conference": true,
            "attendee": {"name": "John Smith", "email": "john@example.com", "phone": "+1234567890"}}),
    )
}

pub(crate) fn five() -> [Event; 5] {
    [lead_captured(), call_completed(), call_ended(), transcript_ready(), appointment("created")]
}

/// A connector with one of its connections.
pub(crate) struct Plug {
    pub(crate) connection: Connection,
    pub(crate) manifest: Manifest,
    pub(crate) interfaces: Vec<String>,
}

impl Plug {
    pub(crate) fn target(&self) -> Target<'_> {
        Target { connection: &self.connection, manifest: &self.manifest, interfaces: &self.interfaces }
    }

    pub(crate) fn jobs(&self, event: &Event) -> Vec<NewJob> {
        plan(event, &[self.target()])
    }

    /// The names of the jobs' operations.
    pub(crate) fn names(&self, event: &Event) -> Vec<String> {
        self.jobs(event).into_iter().map(|j| j.operation).collect()
    }

    /// The one operation whose name begins so.
    pub(crate) fn op(&self, event: &Event, name: &str) -> Operation {
        let job = self.jobs(event).into_iter().find(|j| j.operation.starts_with(name)).unwrap();
        Operation::from_value(&job.op).unwrap()
    }

    pub(crate) fn mapping(mut self, pairs: &[(&str, &str)]) -> Self {
        self.connection.field_mapping = Some(map(pairs));
        self
    }

    pub(crate) fn off(mut self, switch: &str) -> Self {
        self.connection.sync_settings.insert(switch.to_owned(), false);
        self
    }

    pub(crate) fn settings(mut self, settings: Value) -> Self {
        self.connection.settings = settings;
        self
    }
}

fn plug(id: &str, interfaces: &[&str], manifest: Value) -> Plug {
    let mut whole = json!({"manifest": 1, "id": id, "name": id, "version": "0.1.0"});
    whole.as_object_mut().unwrap().extend(manifest.as_object().unwrap().clone());
    Plug {
        connection: Connection {
            id: format!("connection-{id}").as_str().into(),
            org: OrgId::from("org"),
            connector: id.to_owned(),
            name: id.to_owned(),
            status: ConnectionStatus::Active,
            status_reason: None,
            credential_kind: None,
            settings: json!({}),
            sync_settings: BTreeMap::new(),
            field_mapping: None,
            account: None,
            strikes: 0,
            quarantine: None,
            created_at: Millis(0),
            updated_at: Millis(0),
        },
        manifest: serde_json::from_value(whole).unwrap(),
        interfaces: interfaces.iter().map(|i| format!("jackfield:{i}@0.1.0")).collect(),
    }
}

/// A CRM whose leads are contacts, calls and appointments activities, transcripts notes.
pub(crate) fn crm() -> Plug {
    let sync = json!({"lead": {"object": "contact"}, "call": {"object": "activity"},
        "transcript": {"object": "note"}, "appointment": {"object": "activity"}});
    plug("crm", &["core/lifecycle", "crm/lookup", "crm/write", "crm/schema"], json!({"sync": sync}))
}

/// A CRM with these objects for lead, call, transcript and appointment.
pub(crate) fn crm_of(lead: &str, call: &str, transcript: &str, appointment: &str) -> Plug {
    let sync = json!({"lead": {"object": lead}, "call": {"object": call},
        "transcript": {"object": transcript}, "appointment": {"object": appointment}});
    plug("crm", &["crm/write"], json!({"sync": sync}))
}

pub(crate) fn calendar() -> Plug {
    plug("calendar", &["calendar/free-busy", "calendar/write"], json!({"calendar": {"default": "primary"}}))
}

/// A chat that asks for calls only.
pub(crate) fn chat() -> Plug {
    let sink = json!({"events": ["call.started", "call.ended", "call.completed"]});
    plug("chat", &["automation/sink", "automation/actions"], json!({"sink": sink}))
}

/// A hook that asks for everything.
pub(crate) fn hook() -> Plug {
    plug("hook", &["automation/sink"], json!({"sink": {"events": ["*"]}}))
}

pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(l, r)| ((*l).to_owned(), (*r).to_owned())).collect()
}

/// The mapping of the guides.
pub(crate) const GUIDE: &[(&str, &str)] = &[
    ("callerName", "firstname,lastname"),
    ("callerPhone", "phone"),
    ("callerEmail", "email"),
    ("reason", "description"),
];

/// What HubSpot-like contacts say of themselves: no description.
pub(crate) fn contact_fields() -> Value {
    json!({"type": "object", "properties": {
        "firstname": {"type": "string", "x-member": "person.first-name"},
        "lastname": {"type": "string", "x-member": "person.last-name"},
        "email": {"type": "string", "x-member": "person.emails"},
        "phone": {"type": "string", "x-member": "person.phones"},
        "company": {"type": "string", "x-member": "person.company-name"},
        "city": {"type": "string", "x-member": "person.addresses.city"},
        "hs_lead_status": {"type": "string", "enum": ["NEW", "OPEN"]},
        "calls": {"type": "integer"}, "score": {"type": "number"}, "vip": {"type": ["boolean", "null"]},
        "met_on": {"type": "string", "format": "date"}, "met_at": {"type": "string", "format": "date-time"},
        "topics": {"type": "array", "items": {"type": "string", "enum": ["Pricing", "Support"]}},
        "extra": {"type": "object"},
    }})
}

/// A known record.
pub(crate) fn link(role: &str, key: &str, object: &str, remote: &str) -> Link {
    Link {
        local: LocalKey { role: role.to_owned(), key: key.to_owned() },
        object: object.to_owned(),
        remote_id: Some(remote.to_owned()),
        version: None,
        job: "job".into(),
    }
}
