//! What a connection is made of, as its owner sends it.

use std::collections::BTreeMap;

use manifest::Manifest;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::ConnectionStatus;
use utoipa::ToSchema;
use vault::Credential;
use zeroize::Zeroize as _;

use super::mapping;
use crate::fields::{Fields, is_line, kind, shown, unknown};
use crate::problem::Code;

/// Characters of a connection's name at most.
const LONGEST_NAME: usize = 100;
/// The switches there are.
const SWITCHES: [&str; 4] = ["syncLeads", "syncCalls", "syncTranscripts", "syncAppointments"];

/// A connection to make. Any other member is an error.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewConnection)]
pub(crate) struct NewForm {
    /// The id of an installed connector.
    #[schema(example = "hubspot")]
    connector: String,
    /// What to call it; otherwise it is called as the connector is.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Required unless the connector needs none.
    credentials: Option<CredentialsForm>,
    /// As the connector's manifest describes them.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// What to synchronise.
    sync_settings: Option<SwitchesForm>,
    /// Ours on the left: a path into the event (`data.email`) or one of `callerName callerPhone callerEmail reason source
    /// company`. On the right: a field of the provider's, or two for a full name, by comma. At most 100. Otherwise the connector's own default holds.
    #[schema(example = json!({"callerName": "firstname,lastname", "callerEmail": "email"}))]
    field_mapping: Option<BTreeMap<String, String>>,
}

/// What to change on a connection. Each member that is given replaces the old one as a whole.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ConnectionChange)]
pub(crate) struct ChangeForm {
    /// A new name.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// A new credential: the connection becomes active again, and what waited for it goes on.
    credentials: Option<CredentialsForm>,
    /// New settings.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// New switches.
    sync_settings: Option<SwitchesForm>,
    /// A new mapping; `null` returns to the connector's own default.
    field_mapping: Option<BTreeMap<String, String>>,
    /// Switch the connection off, or on again.
    status: Option<SwitchForm>,
}

/// One of the kinds that the connector offers. It is sealed at once and never shown again.
#[derive(Serialize, ToSchema)]
#[serde(untagged, deny_unknown_fields)]
#[schema(as = Credentials)]
#[expect(dead_code, reason = "the vault reads it; this is its description")]
pub(crate) enum CredentialsForm {
    /// A bearer token.
    #[serde(rename_all = "camelCase")]
    Bearer { access_token: String },
    /// An API key.
    #[serde(rename_all = "camelCase")]
    ApiKey { api_key: String },
    /// A name and a password.
    #[serde(rename_all = "camelCase")]
    Basic { username: String, password: String },
    /// A URL that is itself the secret.
    #[serde(rename_all = "camelCase")]
    WebhookUrl { webhook_url: String },
}

/// What to synchronise; a missing one is on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SyncSettings)]
pub(crate) struct SwitchesForm {
    /// Captured leads.
    #[schema(value_type = bool, required = false)]
    sync_leads: Option<bool>,
    /// Calls.
    #[schema(value_type = bool, required = false)]
    sync_calls: Option<bool>,
    /// Transcripts.
    #[schema(value_type = bool, required = false)]
    sync_transcripts: Option<bool>,
    /// Appointments.
    #[schema(value_type = bool, required = false)]
    sync_appointments: Option<bool>,
}

/// The states that an owner may set.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ConnectionSwitch)]
#[expect(dead_code, reason = "read as text; this is its description")]
pub(crate) enum SwitchForm {
    Active,
    Disabled,
}

/// The members that making and changing have in common, read and checked as far as that goes without the store.
pub(super) struct Parts {
    pub(super) name: Option<String>,
    pub(super) credential: Option<Credential>,
    pub(super) settings: Option<Value>,
    pub(super) sync_settings: Option<BTreeMap<String, bool>>,
    /// `Some(None)`: the body says `null`.
    pub(super) field_mapping: Option<Option<BTreeMap<String, String>>>,
}

/// Reads the members that making and changing have in common. Without a manifest (the connector is unknown, which is
/// an error of its own) what only it can judge goes unjudged.
pub(super) fn parts(f: &mut Fields<'_>, manifest: Option<&Manifest>) -> Parts {
    Parts {
        name: name(f),
        credential: credential(f, manifest),
        settings: settings(f, manifest),
        sync_settings: switches(f),
        field_mapping: f.raw("fieldMapping").map(|value| match value {
            Value::Null => None,
            value => mapping::read(value, &f.path("fieldMapping"), f.errors),
        }),
    }
}

fn name(f: &mut Fields<'_>) -> Option<String> {
    let name = f.text("name")?;
    if is_line(&name, LONGEST_NAME) && !name.trim().is_empty() {
        return Some(name);
    }
    f.wrong("name", Code::InvalidValue, "must be 1 to 100 characters without control characters.");
    None
}

fn credential(f: &mut Fields<'_>, manifest: Option<&Manifest>) -> Option<Credential> {
    let mut value = f.value("credentials")?;
    if !value.is_object() {
        f.wrong("credentials", Code::WrongType, format!("must be an object, not {}.", kind(&value)));
        return None;
    }
    let read = Credential::from_json(&value)
        .and_then(|credential| manifest.map_or(Ok(()), |m| credential.check(m)).map(|()| credential));
    for text in value.as_object_mut().into_iter().flatten() {
        if let (_, Value::String(text)) = text {
            text.zeroize();
        }
    }
    match read {
        Ok(credential) => Some(credential),
        // The vault's messages name members and hosts, never values; some begin with the member's path.
        Err(e) => {
            let text = e.to_string();
            let (path, message) = match text.split_once(' ') {
                Some((path, rest)) if path.starts_with("credentials") => (path, rest),
                _ => ("credentials", text.as_str()),
            };
            f.wrong(path, Code::InvalidCredentials, sentence(message));
            None
        }
    }
}

/// With a full stop, unless it has an end already.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn settings(f: &mut Fields<'_>, manifest: Option<&Manifest>) -> Option<Value> {
    let settings = Value::Object(f.object("settings")?);
    check_settings(f, manifest, &settings);
    Some(settings)
}

/// Checks settings against the manifest; an absent `settings` may lack a required one, too.
pub(super) fn check_settings(f: &mut Fields<'_>, manifest: Option<&Manifest>, settings: &Value) {
    let Some(Err(wrong)) = manifest.map(|m| m.check_settings(settings)) else { return };
    for e in wrong {
        let dot = if e.name.is_empty() { "" } else { "." };
        let known = manifest.is_some_and(|m| m.settings.contains_key(&e.name));
        let name = if known { e.name.as_str().into() } else { shown(&e.name) };
        f.wrong(&format!("settings{dot}{name}"), Code::InvalidSettings, sentence(&e.problem));
    }
}

/// No settings at all.
pub(super) fn no_settings() -> Value {
    json!({})
}

fn switches(f: &mut Fields<'_>) -> Option<BTreeMap<String, bool>> {
    let mut switches = BTreeMap::new();
    for (name, value) in f.object("syncSettings")? {
        let path = format!("{}.{}", f.path("syncSettings"), shown(&name));
        if !SWITCHES.contains(&name.as_str()) {
            f.errors.add(path, Code::UnknownMember, unknown(&name, "switch", &SWITCHES));
        } else if let Value::Bool(on) = value {
            switches.insert(name, on);
        } else {
            f.errors.add(path, Code::WrongType, format!("must be true or false, not {}.", kind(&value)));
        }
    }
    Some(switches)
}

/// Reads `status`, which an owner may set to two of its values.
pub(super) fn status(f: &mut Fields<'_>) -> Option<ConnectionStatus> {
    match f.text("status")?.as_str() {
        "active" => Some(ConnectionStatus::Active),
        "disabled" => Some(ConnectionStatus::Disabled),
        _ => {
            f.wrong(
                "status",
                Code::InvalidValue,
                "must be `active` or `disabled`; the host sets the others.",
            );
            None
        }
    }
}
