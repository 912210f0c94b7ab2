//! The manifest as a whole.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Auth, EgressRule, Endpoint, Limits, Rate, RateHeaders, Reuse, Setting};

/// `connector.toml`, whole. It is embedded in the component as a custom section, so the component's digest covers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// The manifest's own version: 1. The first key of the file.
    #[schemars(extend("const" = 1))]
    pub manifest: u32,
    /// What users and URLs call the connector: `[a-z][a-z0-9-]{0,62}`.
    pub id: String,
    /// What people call it: 1–80 characters.
    pub name: String,
    /// The connector's version, semver 2.
    pub version: String,
    /// One or two sentences for a catalog page, at most 500 characters.
    #[serde(default)]
    pub description: String,
    /// Where its documentation is, an https URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// `crm`, `calendar`, `chat`, `automation`, … for the catalog.
    #[serde(default)]
    pub categories: Vec<String>,
    /// The ways to connect; a user chooses one. Empty: no credential is needed.
    #[serde(default)]
    pub auth: Vec<Auth>,
    /// What the connector may reach. Nothing else is reachable.
    #[serde(default)]
    pub egress: Vec<EgressRule>,
    /// Base URLs that the code addresses as `https://NAME.endpoint.invalid`.
    #[serde(default)]
    pub endpoint: Vec<Endpoint>,
    /// Rate budgets, per connection. Each request takes one token from every rule that it matches.
    #[serde(default)]
    pub rate: Vec<Rate>,
    /// How the provider announces its own count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_headers: Option<RateHeaders>,
    /// The provider's idempotency header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// What may be repeated after an uncertain answer.
    #[serde(default)]
    pub retry: Retry,
    /// What a lead, a call, a transcript and an appointment become in this CRM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<Sync>,
    /// Which events a sink asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<Sink>,
    /// For connectors that export `calendar/write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// What a user may set, by name (`[a-z][A-Za-z0-9]{0,62}`).
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// What the connector needs beyond the host's defaults; the operator's caps win.
    #[serde(default)]
    pub limits: Limits,
    /// Asks for warm instances. None: every call gets a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
}

/// The header that makes a repeated request harmless at this provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Idempotency {
    /// Such as `Idempotency-Key`.
    pub header: String,
}

/// What may be repeated after an uncertain answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Retry {
    /// Operations that, repeated with the same op-key, never make a second record: an interface (`calendar/write`) or an
    /// interface and an object (`crm/write:contact`). Others are parked as `indeterminate` for a person to decide.
    #[serde(default)]
    pub replay_safe: Vec<String>,
}

/// What our nouns become in this CRM. A missing one is not synchronised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sync {
    /// A captured lead: `contact` or `lead`.
    pub lead: Option<SyncRule>,
    /// A call: `activity`, `note` or `task`.
    pub call: Option<SyncRule>,
    /// A transcript: `note` or `activity`.
    pub transcript: Option<SyncRule>,
    /// An appointment: `activity` or `task`.
    pub appointment: Option<SyncRule>,
}

/// One noun's object and default mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SyncRule {
    /// `contact`, `lead`, `note`, `task`, `activity`.
    pub object: String,
    /// The connector's own field mapping, used where the user gives none: ours on the left, the provider's on the right.
    #[serde(default)]
    pub mapping: BTreeMap<String, String>,
}

/// Which events a sink gets where the connection's `events` setting says nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sink {
    /// Event names; `*` matches everything, `call.*` a family.
    pub events: Vec<String>,
}

/// For connectors that export `calendar/write`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Calendar {
    /// The calendar that is written to where the `calendarId` setting says nothing.
    pub default: String,
}
