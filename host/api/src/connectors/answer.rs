//! An installed connector as it is shown.

use std::collections::BTreeMap;

use catalog::Entry;
use manifest::{Auth, EgressRule, Endpoint, EndpointSource, Inject, Limits, Setting, SettingType};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An installed connector.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Connector)]
pub(crate) struct ConnectorAnswer {
    /// What a connection names it by.
    id: String,
    /// What people call it.
    name: String,
    /// Its version, semver.
    version: String,
    /// One or two sentences.
    description: String,
    /// Where its documentation is.
    homepage: Option<String>,
    /// `crm`, `calendar`, `chat`, …
    categories: Vec<String>,
    /// `sha256:` and 64 hex digits, of the component.
    digest: String,
    /// The component's size in bytes.
    size: u64,
    /// When it was installed.
    #[schema(format = DateTime)]
    installed_at: String,
    /// The ways to connect; a connection uses one.
    auth: Vec<AuthAnswer>,
    /// What a connection may set, by name.
    settings: BTreeMap<String, SettingAnswer>,
    /// What it can do, by the component's own type: `crm/write`.
    capabilities: Vec<String>,
    /// What it may reach, and what it is given.
    permissions: PermissionsAnswer,
}

/// One way to connect.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorAuth)]
pub(crate) struct AuthAnswer {
    /// `bearer`, `api-key`, `basic`, `webhook-url`.
    kind: String,
    /// The members of `credentials`: `accessToken`.
    members: Vec<String>,
    /// What to call it in a form.
    label: String,
    /// Where a user finds it.
    help: Option<String>,
}

/// One setting of a connection.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorSetting)]
pub(crate) struct SettingAnswer {
    /// `string`, `integer`, `boolean`, `url`, `strings`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: SettingType,
    /// What to call it in a form.
    title: String,
    /// What to explain.
    description: String,
    /// Whether a connection needs it.
    required: bool,
    /// Used where a connection gives none.
    default: Option<Value>,
    /// The only values allowed; empty: any.
    one_of: Vec<String>,
    /// Whether the connector lists values.
    choices: bool,
}

/// What a connector may reach, and what it is given.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Permissions)]
pub(crate) struct PermissionsAnswer {
    /// Methods, hosts and paths. Nothing else is reachable.
    reach: Vec<ReachAnswer>,
    /// Base URLs that come from a credential, a setting or the account.
    endpoints: Vec<EndpointAnswer>,
    /// Where each kind of credential is sent. The connector itself never sees one.
    credentials: Vec<BoundAnswer>,
    /// What it asks for beyond the host's defaults.
    limits: LimitsAnswer,
}

/// One grant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reach)]
pub(crate) struct ReachAnswer {
    /// Upper case.
    methods: Vec<String>,
    /// Exact, or `*.` and a suffix; https, port 443.
    host: String,
    /// Patterns.
    paths: Vec<String>,
    /// What it is needed for.
    why: String,
    /// How many redirects may be followed.
    redirects: u8,
}

/// A base URL by name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Endpoint)]
pub(crate) struct EndpointAnswer {
    /// Its name.
    name: String,
    /// `credential`, `settings`, `account`.
    #[schema(value_type = String)]
    from: EndpointSource,
    /// Which setting, if it comes from one.
    setting: Option<String>,
    /// Hosts that it may have.
    hosts: Vec<String>,
    /// Path patterns that it may have; empty: any.
    paths: Vec<String>,
    /// Methods that may be used on it.
    methods: Vec<String>,
    /// What it is needed for.
    why: String,
}

/// Where a kind of credential is sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CredentialUse)]
pub(crate) struct BoundAnswer {
    /// `bearer`, `api-key`, `basic`, `webhook-url`.
    kind: String,
    /// Only there.
    hosts: Vec<String>,
    /// How: `header`, `query`, `path`, `body`, `url`.
    place: &'static str,
}

/// What a connector asks for beyond the host's defaults; none: the default.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorLimits)]
pub(crate) struct LimitsAnswer {
    /// CPU time of one call, in milliseconds.
    cpu_ms: Option<u64>,
    /// Time of one call, in milliseconds.
    deadline_ms: Option<u64>,
    /// Memory, in MiB.
    memory_mib: Option<u32>,
    /// HTTP requests in one call.
    http_requests: Option<u32>,
    /// The largest answer, in MiB.
    response_mib: Option<u32>,
    /// The largest request, in MiB.
    request_mib: Option<u32>,
}

impl From<&Entry> for ConnectorAnswer {
    fn from(entry: &Entry) -> Self {
        let (row, m) = (&entry.connector, &entry.manifest);
        Self {
            id: m.id.clone(),
            name: m.name.clone(),
            version: m.version.clone(),
            description: m.description.clone(),
            homepage: m.homepage.clone(),
            categories: m.categories.clone(),
            digest: row.digest.clone(),
            size: row.size,
            installed_at: row.installed_at.rfc3339(),
            auth: m.auth.iter().map(Into::into).collect(),
            settings: m.settings.iter().map(|(name, s)| (name.clone(), s.into())).collect(),
            capabilities: row.interfaces.iter().map(|i| short(i).to_owned()).collect(),
            permissions: PermissionsAnswer {
                reach: m.egress.iter().map(Into::into).collect(),
                endpoints: m.endpoint.iter().map(Into::into).collect(),
                credentials: m.auth.iter().map(Into::into).collect(),
                limits: (&m.limits).into(),
            },
        }
    }
}

/// `jackfield:crm/write@0.1.0` → `crm/write`; another package's interface keeps its package.
fn short(interface: &str) -> &str {
    let name = interface.split('@').next().unwrap_or(interface);
    name.strip_prefix("jackfield:").unwrap_or(name)
}

impl From<&Auth> for AuthAnswer {
    fn from(a: &Auth) -> Self {
        Self {
            kind: a.kind.as_str().to_owned(),
            members: a.kind.members().iter().map(|m| (*m).to_owned()).collect(),
            label: a.label.clone(),
            help: a.help.clone(),
        }
    }
}

impl From<&Setting> for SettingAnswer {
    fn from(s: &Setting) -> Self {
        Self {
            kind: s.kind,
            title: s.title.clone(),
            description: s.description.clone(),
            required: s.required,
            default: s.default.clone(),
            one_of: s.one_of.clone(),
            choices: s.choices,
        }
    }
}

impl From<&EgressRule> for ReachAnswer {
    fn from(r: &EgressRule) -> Self {
        Self {
            methods: r.methods.clone(),
            host: r.host.clone(),
            paths: r.paths.clone(),
            why: r.why.clone(),
            redirects: r.redirects,
        }
    }
}

impl From<&Endpoint> for EndpointAnswer {
    fn from(e: &Endpoint) -> Self {
        Self {
            name: e.name.clone(),
            from: e.from,
            setting: e.setting.clone(),
            hosts: e.hosts.clone(),
            paths: e.paths.clone(),
            methods: e.methods.clone(),
            why: e.why.clone(),
        }
    }
}

impl From<&Auth> for BoundAnswer {
    fn from(a: &Auth) -> Self {
        let place = match &a.inject {
            Some(Inject::Header { .. }) => "header",
            Some(Inject::Query { .. }) => "query",
            Some(Inject::Path { .. }) => "path",
            Some(Inject::Body { .. }) => "body",
            None if a.endpoint.is_some() => "url",
            None => "header",
        };
        Self { kind: a.kind.as_str().to_owned(), hosts: a.hosts.clone(), place }
    }
}

impl From<&Limits> for LimitsAnswer {
    fn from(l: &Limits) -> Self {
        Self {
            cpu_ms: l.cpu_ms,
            deadline_ms: l.deadline_ms,
            memory_mib: l.memory_mib,
            http_requests: l.http_requests,
            response_mib: l.response_mib,
            request_mib: l.request_mib,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_interface_of_ours_is_shown_by_its_short_name() {
        assert_eq!(super::short("jackfield:crm/write@0.1.0"), "crm/write");
        assert_eq!(super::short("acme:erp/sync@2.0.0"), "acme:erp/sync");
    }
}
