//! Identity, sync, sink, calendar, settings, limits.

use super::{Checks, texts};
use crate::pattern::check_event;
use crate::{Inject, Setting, SettingType, SyncRule};

/// The longest connector id.
pub(super) const MAX_ID: usize = 63;
/// The CRM objects of the contract (`crm/types.object-type`); `custom:NAME` is the open case.
const OBJECTS: [&str; 7] = ["contact", "lead", "company", "deal", "task", "note", "activity"];
/// The interfaces with operations that write.
const WRITES: [&str; 5] =
    ["crm/write", "calendar/write", "calendar/booking", "automation/actions", "automation/sink"];

impl Checks<'_> {
    pub(super) fn parts(&mut self) {
        self.identity();
        self.repeatable();
        self.sync();
        self.sink();
        self.settings();
        self.limits();
    }

    fn identity(&mut self) {
        let m = self.manifest;
        self.want("id", texts::id(&m.id, MAX_ID));
        self.want("name", texts::length(&m.name, 1, 80));
        if m.name.trim() != m.name {
            self.find("name", "has blanks around it");
        }
        if m.version.len() > 64 || semver::Version::parse(&m.version).is_err() {
            let message = format!("`{}` is no semantic version such as 1.0.0", model::cut(&m.version, 64));
            self.find("version", message);
        }
        self.want("description", texts::length(&m.description, 0, 500));
        if let Some(homepage) = &m.homepage {
            self.want("homepage", texts::https(homepage));
        }
        self.list("categories", &m.categories, 0, 10);
        for (i, category) in m.categories.iter().enumerate() {
            self.want(format!("categories[{i}]"), texts::id(category, 32));
        }
    }

    fn repeatable(&mut self) {
        let m = self.manifest;
        if let Some(idempotency) = &m.idempotency {
            self.want("idempotency.header", texts::guest_header(&idempotency.header));
            let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
            let injected = m.auth.iter().filter_map(|a| match &a.inject {
                Some(Inject::Header { name, .. }) => Some(plain(name)),
                _ => None,
            });
            if injected.into_iter().any(|name| name == plain(&idempotency.header)) {
                self.find("idempotency.header", "is where the credential goes: the key would replace it");
            }
        }
        self.list("retry.replay-safe", &m.retry.replay_safe, 0, 50);
        for (i, what) in m.retry.replay_safe.iter().enumerate() {
            let (interface, rest) = what.split_once(':').map_or((what.as_str(), None), |(a, b)| (a, Some(b)));
            let at = format!("retry.replay-safe[{i}]");
            if !WRITES.contains(&interface) {
                let message = format!("`{}` is none of {}", model::cut(interface, 100), WRITES.join(", "));
                self.find(at, message);
            } else if let Some(rest) = rest {
                let outcome =
                    if interface == "crm/write" { object(rest) } else { texts::length(rest, 1, 64) };
                self.want(at, outcome);
            }
        }
    }

    fn sync(&mut self) {
        let Some(sync) = &self.manifest.sync else { return };
        let nouns = [
            ("lead", &sync.lead),
            ("call", &sync.call),
            ("transcript", &sync.transcript),
            ("appointment", &sync.appointment),
        ];
        if nouns.iter().all(|(_, rule)| rule.is_none()) {
            self.find("sync", "is empty: give lead, call, transcript or appointment, or leave it out");
        }
        for (noun, rule) in nouns {
            if let Some(rule) = rule {
                self.rule(&format!("sync.{noun}"), rule);
            }
        }
    }

    fn rule(&mut self, at: &str, rule: &SyncRule) {
        self.want(format!("{at}.object"), object(&rule.object));
        if rule.mapping.len() > 200 {
            self.find(
                format!("{at}.mapping"),
                format!("has {} entries; at most 200 are allowed", rule.mapping.len()),
            );
        }
        for (ours, theirs) in &rule.mapping {
            let path = format!("{at}.mapping.{ours}");
            self.want(path.clone(), texts::length(ours, 1, 200));
            self.want(path, texts::length(theirs, 1, 300));
        }
    }

    fn sink(&mut self) {
        let Some(sink) = &self.manifest.sink else { return };
        self.list("sink.events", &sink.events, 1, 100);
        for (i, event) in sink.events.iter().enumerate() {
            self.want(format!("sink.events[{i}]"), check_event(event));
        }
    }

    fn settings(&mut self) {
        let m = self.manifest;
        if m.settings.len() > 100 {
            self.find("settings", format!("has {} entries; at most 100 are allowed", m.settings.len()));
        }
        for (name, setting) in &m.settings {
            let at = format!("settings.{name}");
            self.want(at.clone(), texts::setting_name(name));
            if name == "events" && m.sink.is_some() && setting.kind != SettingType::Strings {
                self.find(format!("{at}.type"), "is the sink's event list: its type is strings");
            }
            if name == "calendarId" && setting.kind != SettingType::String {
                self.find(format!("{at}.type"), "is the calendar to write to: its type is string");
            }
            self.setting(&at, setting);
        }
        if let Some(calendar) = &m.calendar {
            self.want("calendar.default", texts::length(&calendar.default, 1, 512));
        }
    }

    fn setting(&mut self, at: &str, setting: &Setting) {
        self.want(format!("{at}.title"), texts::length(&setting.title, 0, 100));
        self.want(format!("{at}.description"), texts::length(&setting.description, 0, 500));
        if !setting.one_of.is_empty() && setting.kind != SettingType::String {
            self.find(format!("{at}.one-of"), "only goes with type = \"string\"");
        }
        self.list(&format!("{at}.one-of"), &setting.one_of, 0, 200);
        for (i, value) in setting.one_of.iter().enumerate() {
            self.want(format!("{at}.one-of[{i}]"), texts::length(value, 1, 200));
        }
        if let Some(default) = &setting.default {
            if setting.required {
                self.find(
                    format!("{at}.required"),
                    "a setting with a default is never missing: leave one of the two out",
                );
            }
            self.want(format!("{at}.default"), setting.check(default));
        }
    }

    fn limits(&mut self) {
        // The operator's own caps are lower as a rule; these keep a manifest within what a host can mean.
        for (name, problem) in self.manifest.limits.problems() {
            self.find(format!("limits.{name}"), problem);
        }
        for (name, problem) in self.manifest.reuse.iter().flat_map(crate::Reuse::problems) {
            self.find(format!("reuse.{name}"), problem);
        }
    }
}

fn object(name: &str) -> Result<(), String> {
    let custom = name.strip_prefix("custom:").is_some_and(|c| {
        (1..=100).contains(&c.len()) && c.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    });
    if custom || OBJECTS.contains(&name) {
        return Ok(());
    }
    Err(format!("`{}` is none of {}, custom:NAME", model::cut(name, 100), OBJECTS.join(", ")))
}
