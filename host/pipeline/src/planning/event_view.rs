//! One reading of an event for all its shapes: nested `data`, flat members, `attendee`, `customer`, two numbers and a
//! direction. The rules and the mapping ask here and never look into `data` themselves.

use model::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Event, LocalKey};

use super::text;

/// The longest call that is believed, in seconds: a week. A larger number is another unit or a mistake.
const DURATION_MAX: f64 = 7.0 * 24.0 * 3600.0;
/// The last instant of the year 9999, in milliseconds.
const LATEST: i64 = 253_402_300_799_999;
/// How deep a path may go.
const PATH_DEPTH_MAX: usize = 16;
/// The longest transcript that is carried, in bytes. HubSpot, the narrowest CRM we know, takes 65,536 characters of
/// note, and plain text grows when it is escaped.
pub(crate) const TRANSCRIPT_MAX: usize = 48 * 1024;

/// Where each alias is found, in order of trust. What follows these is said in [`EventView::alias`].
const NAME: &[&str] = &[
    "name",
    "callerName",
    "caller.name",
    "customerName",
    "customer.name",
    "attendee.name",
    "attendees.0.name",
    "contact.name",
    "lead.name",
];
const FIRST_NAME: &[&str] = &[
    "firstName",
    "caller.firstName",
    "customer.firstName",
    "attendee.firstName",
    "contact.firstName",
    "lead.firstName",
];
const LAST_NAME: &[&str] = &[
    "lastName",
    "caller.lastName",
    "customer.lastName",
    "attendee.lastName",
    "contact.lastName",
    "lead.lastName",
];
const PHONE: &[&str] = &[
    "phone",
    "callerPhone",
    "phoneNumber",
    "callerNumber",
    "caller.phone",
    "caller.number",
    "customerPhone",
    "customerNumber",
    "customer.phone",
    "customer.number",
    "attendee.phone",
    "attendees.0.phone",
    "contact.phone",
    "lead.phone",
];
const EMAIL: &[&str] = &[
    "email",
    "callerEmail",
    "caller.email",
    "customerEmail",
    "customer.email",
    "attendee.email",
    "attendees.0.email",
    "contact.email",
    "lead.email",
];
const REASON: &[&str] = &["reason", "callReason", "lead.reason"];
const SOURCE: &[&str] = &["source", "leadSource", "lead.source"];
const COMPANY: &[&str] = &[
    "company.name",
    "company",
    "companyName",
    "caller.company",
    "customer.company",
    "contact.company",
    "lead.company",
];

/// Which way a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// They called us.
    Inbound,
    /// We called them.
    Outbound,
}

/// An event, read.
#[derive(Clone, Copy)]
pub(crate) struct EventView<'a> {
    event: &'a Event,
}

impl<'a> EventView<'a> {
    /// Reads `event`, of which only `data` may have any shape.
    pub(crate) fn new(event: &'a Event) -> Self {
        Self { event }
    }

    /// The event itself.
    pub(crate) fn event(&self) -> &'a Event {
        self.event
    }

    /// `call` of `call.ended`.
    pub(crate) fn family(&self) -> &'a str {
        self.event.kind.split('.').next().unwrap_or_default()
    }

    /// The product's id of the call.
    pub(crate) fn call_id(&self) -> Option<String> {
        self.id(&["callId", "call.id"])
    }

    /// The product's id of the lead.
    pub(crate) fn lead_id(&self) -> Option<String> {
        self.id(&["leadId", "lead.id"])
    }

    /// The product's id of the appointment.
    pub(crate) fn appointment_id(&self) -> Option<String> {
        self.id(&["appointmentId", "appointment.id"])
    }

    fn id(&self, paths: &[&str]) -> Option<String> {
        self.first(paths).map(|id| text::bounded_id(&id))
    }

    /// A value by its path: `data.analysis.sentiment`, `analysis.sentiment`, `items.0.name`. A member whose own name has
    /// dots is found too. `event`, `id`, `timestamp` and `organizationId` are the envelope's, where `data` has no such
    /// member.
    pub(crate) fn lookup(&self, path: &str) -> Option<String> {
        let inner = path.strip_prefix("data.").and_then(|p| self.at(p));
        if let Some(found) = inner.or_else(|| self.at(path)) {
            return text::of(found);
        }
        match path {
            "event" => Some(self.event.kind.clone()),
            "id" => Some(self.event.source_id.clone()),
            "timestamp" => Some(self.event.occurred_at.rfc3339()),
            "organizationId" => self.event.label.clone(),
            _ => None,
        }
    }

    /// One of the names that mean the same in every event: `callerName callerPhone callerEmail reason source company`.
    /// None for another name or where the event has no such value.
    pub(crate) fn alias(&self, name: &str) -> Option<String> {
        match name {
            "callerName" => self.first(NAME).or_else(|| {
                let (first, last) = self.name_parts();
                text::of(&Value::from([first, last].into_iter().flatten().collect::<Vec<_>>().join(" ")))
            }),
            "callerPhone" => self.caller_phone(),
            "callerEmail" => self.first(EMAIL),
            "reason" => self.first(REASON),
            "source" => self.first(SOURCE),
            "company" => self.first(COMPANY),
            _ => None,
        }
    }

    /// First and last name where the event gives them apart.
    pub(crate) fn name_parts(&self) -> (Option<String>, Option<String>) {
        (self.first(FIRST_NAME), self.first(LAST_NAME))
    }

    /// The other party's number: the person's own, else `fromNumber` or `toNumber` by the direction of the call. A call
    /// without a direction is taken for inbound.
    pub(crate) fn caller_phone(&self) -> Option<String> {
        let theirs = || match self.direction() {
            Some(Way::Outbound) => self.called_number(),
            _ => self.calling_number(),
        };
        // `anonymous` and the like are nobody's number.
        self.first(PHONE)
            .map(|p| text::phone(&p))
            .or_else(|| theirs().filter(|n| text::phone_key(n).is_some()))
    }

    /// Who called.
    pub(crate) fn calling_number(&self) -> Option<String> {
        self.first(&["fromNumber", "from"]).map(|n| text::phone(&n))
    }

    /// Who was called.
    pub(crate) fn called_number(&self) -> Option<String> {
        self.first(&["toNumber", "to"]).map(|n| text::phone(&n))
    }

    /// Which way the call went, where the event says it.
    pub(crate) fn direction(&self) -> Option<Way> {
        match self.first(&["direction", "call.direction"])?.to_lowercase().as_str() {
            "inbound" | "incoming" | "in" => Some(Way::Inbound),
            "outbound" | "outgoing" | "out" => Some(Way::Outbound),
            _ => None,
        }
    }

    /// The call's length in whole seconds; none where it is negative, longer than a week, or no number.
    pub(crate) fn duration_seconds(&self) -> Option<u32> {
        let seconds = self.first(&["durationSeconds", "duration", "call.duration"])?.parse::<f64>().ok()?;
        // The cast saturates; the range has been checked all the same.
        (0.0..=DURATION_MAX).contains(&seconds).then(|| seconds.round() as u32)
    }

    /// `status` in the contract's words (`crm.call.outcome`); another word as it came.
    pub(crate) fn status(&self) -> Option<String> {
        let word = self.first(&["status", "call.status"])?;
        let plain = word.to_lowercase().replace(['_', ' '], "-");
        Some(match plain.as_str() {
            "completed" | "complete" | "ended" | "done" | "finished" => "completed".to_owned(),
            "no-answer" | "noanswer" | "unanswered" | "missed" => "no-answer".to_owned(),
            "canceled" | "cancelled" => "cancelled".to_owned(),
            "failed" | "error" => "failed".to_owned(),
            "in-progress" | "ongoing" => "in-progress".to_owned(),
            "no-show" | "noshow" => "no-show".to_owned(),
            "busy" | "voicemail" | "scheduled" | "rescheduled" => plain,
            _ => word,
        })
    }

    /// How the caller felt, in the product's word.
    pub(crate) fn sentiment(&self) -> Option<String> {
        self.first(&["sentiment", "analysis.sentiment"])
    }

    /// What the call was about.
    pub(crate) fn summary(&self) -> Option<String> {
        self.first(&["summary", "analysis.summary"])
    }

    /// What is to be done, one entry per step.
    pub(crate) fn next_steps(&self) -> Vec<String> {
        let found = self.value(&["nextSteps", "analysis.nextSteps"]);
        found.map(|v| text::items(v, &["text", "title", "description", "step"])).unwrap_or_default()
    }

    /// What was said: text, or a list of turns as lines `Speaker: words`; cut at [`TRANSCRIPT_MAX`], which the last line
    /// then says.
    pub(crate) fn transcript(&self) -> Option<String> {
        let found = self.value(&["transcription", "transcript", "transcript.text", "transcription.text"])?;
        let whole = match found {
            Value::Array(turns) => turns.iter().filter_map(turn).collect::<Vec<_>>().join("\n"),
            Value::Object(o) => return o.get("text").and_then(Value::as_str).and_then(transcript_text),
            Value::String(s) => return transcript_text(s),
            _ => return None,
        };
        transcript_text(&whole)
    }

    /// Where the recording is, an http(s) URL.
    pub(crate) fn recording_url(&self) -> Option<String> {
        self.first(&["recordingUrl", "recording.url", "recording"])
            .filter(|u| u.starts_with("https://") || u.starts_with("http://"))
    }

    /// Which of our agents spoke.
    pub(crate) fn agent_name(&self) -> Option<String> {
        self.first(&["agentName", "agent.name"])
    }

    /// When the call began, where the event says it.
    pub(crate) fn started_at(&self) -> Option<Millis> {
        self.value(&["startedAt", "startTime", "call.startedAt"]).and_then(millis)
    }

    /// When the call ended, where the event says it.
    pub(crate) fn ended_at(&self) -> Option<Millis> {
        self.value(&["endedAt", "endTime", "call.endedAt"]).and_then(millis)
    }

    /// The names under which the person may be known, best first: lead, call, e-mail, number.
    pub(crate) fn person_keys(&self) -> Vec<LocalKey> {
        let email = self.alias("callerEmail").and_then(|e| text::email_key(&e));
        let phone = self.caller_phone().and_then(|p| text::phone_key(&p));
        [("lead", self.lead_id()), ("call", self.call_id()), ("email", email), ("phone", phone)]
            .into_iter()
            .filter_map(|(kind, id)| Some(key("person", kind, &id?)))
            .collect()
    }

    /// What the event is about, for sinks: its family's own id, else the first that it has.
    pub(crate) fn subject(&self) -> Option<String> {
        let call = ("call", self.call_id());
        let lead = ("lead", self.lead_id());
        let appointment = ("appointment", self.appointment_id());
        let order = match self.family() {
            "lead" => [lead, call, appointment],
            "appointment" => [appointment, call, lead],
            _ => [call, lead, appointment],
        };
        order.into_iter().find_map(|(kind, id)| Some(format!("{kind}:{}", id?)))
    }

    /// The first of `paths` (into `data`) that has text.
    pub(crate) fn first(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|p| self.at(p).and_then(text::of))
    }

    /// The first of `paths` (into `data`) that holds anything but null.
    pub(crate) fn value(&self, paths: &[&str]) -> Option<&'a Value> {
        paths.iter().find_map(|p| self.at(p).filter(|v| !v.is_null()))
    }

    fn at(&self, path: &str) -> Option<&'a Value> {
        at(&self.event.data, path, PATH_DEPTH_MAX)
    }
}

/// A local key: role `person`, key `lead:ID`.
pub(crate) fn key(role: &str, kind: &str, id: &str) -> LocalKey {
    LocalKey { role: role.to_owned(), key: format!("{kind}:{id}") }
}

/// An instant: RFC 3339, or a number of seconds or (from 10^11 on, the year 1973 in milliseconds) milliseconds.
pub(crate) fn millis(value: &Value) -> Option<Millis> {
    if let Some(number) = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()) {
        let ms = if number.unsigned_abs() < 100_000_000_000 { number * 1000 } else { number };
        // What is outside of the years that RFC 3339 can write is no time.
        return (0..=LATEST).contains(&ms).then_some(Millis(ms));
    }
    Millis::parse(value.as_str()?.trim()).ok()
}

fn at<'a>(value: &'a Value, path: &str, depth: usize) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    let (head, rest) = path.split_once('.').map_or((path, None), |(h, r)| (h, Some(r)));
    let inner = match value {
        Value::Array(parts) => parts.get(head.parse::<usize>().ok()?)?,
        other => other.get(head)?,
    };
    match rest {
        None => Some(inner),
        Some(rest) if depth > 0 => at(inner, rest, depth - 1),
        Some(_) => None,
    }
}

fn transcript_text(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text::bounded(text, TRANSCRIPT_MAX))
}

fn turn(value: &Value) -> Option<String> {
    let Value::Object(o) = value else { return text::of(value) };
    let member = |names: &[&str]| names.iter().find_map(|n| o.get(*n).and_then(text::of));
    let words = member(&["text", "content", "message", "transcript"])?;
    Some(match member(&["speaker", "role", "name"]) {
        Some(speaker) => format!("{speaker}: {words}"),
        None => words,
    })
}
