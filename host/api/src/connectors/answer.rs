//! An installed connector as it is shown.

use std::collections::BTreeMap;

use catalog::Entry;
use manifest::{Auth, EgressRule, Endpoint, EndpointSource, Inject, Limits, Reuse, Setting, SettingType};
use serde::Serialize;
use serde_json::Value;
use store::Quarantines;
use utoipa::ToSchema;

use super::standing::{ConnectorStatus, QuarantineAnswer, QuarantinedConnection, Standing};

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
    /// Whether it is started.
    status: ConnectorStatus,
    /// Why it is not, for every connection.
    quarantine: Option<QuarantineAnswer>,
    /// Connections of this organization that are in quarantine for themselves.
    quarantined_connections: Vec<QuarantinedConnection>,
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
    /// What it asks for beyond the host's defaults; the operator may allow less.
    limits: LimitsAnswer,
    /// Whether it keeps its memory between calls of one connection; none: every call begins anew.
    reuse: Option<ReuseAnswer>,
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

/// What a connector asks for, where that differs from the host's default; none: the default.
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
    /// Elements of all its tables.
    table_elements: Option<u32>,
    /// Core instances of the component.
    instances: Option<u32>,
    /// Calls of host functions in one call.
    host_calls: Option<u32>,
    /// What one call between guest and host may copy, in MiB.
    copy_mib: Option<u32>,
    /// Live handles.
    handles: Option<u32>,
    /// Random bytes in one call, in KiB.
    random_kib: Option<u32>,
    /// Log text of one call, in KiB.
    log_kib: Option<u32>,
    /// Log lines in any one second.
    log_per_s: Option<u32>,
    /// HTTP requests in one call.
    http_requests: Option<u32>,
    /// The largest request, in MiB.
    request_mib: Option<u32>,
    /// The largest answer, in MiB.
    response_mib: Option<u32>,
    /// The headers of a request, and those of an answer, in KiB.
    header_kib: Option<u32>,
}

/// How long a connector keeps its memory between calls of one connection.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorReuse)]
pub(crate) struct ReuseAnswer {
    /// Calls at most.
    max_calls: u32,
    /// Milliseconds at most.
    max_age_ms: u64,
}

impl ConnectorAnswer {
    /// `found` is what is in quarantine, as far as the asking organization may know.
    pub(super) fn new(entry: &Entry, found: &Quarantines) -> Self {
        let (row, m) = (&entry.connector, &entry.manifest);
        let standing = Standing::of(&m.id, found);
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
                reuse: m.reuse.as_ref().map(Into::into),
            },
            status: standing.status,
            quarantine: standing.quarantine,
            quarantined_connections: standing.connections,
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
        let mut asked = l.all().map(|limit| limit.asked.filter(|n| *n != limit.default)).into_iter();
        let mut wide = || asked.next().flatten();
        let (cpu_ms, deadline_ms) = (wide(), wide());
        let mut next = || wide().and_then(|n| u32::try_from(n).ok());
        // In the order of the manifest's keys, which is that of the members.
        Self {
            cpu_ms,
            deadline_ms,
            memory_mib: next(),
            table_elements: next(),
            instances: next(),
            host_calls: next(),
            copy_mib: next(),
            handles: next(),
            random_kib: next(),
            log_kib: next(),
            log_per_s: next(),
            http_requests: next(),
            request_mib: next(),
            response_mib: next(),
            header_kib: next(),
        }
    }
}

impl From<&Reuse> for ReuseAnswer {
    fn from(r: &Reuse) -> Self {
        Self { max_calls: r.max_calls, max_age_ms: r.max_age_ms }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn an_interface_of_ours_is_shown_by_its_short_name() {
        assert_eq!(super::short("jackfield:crm/write@0.1.0"), "crm/write");
        assert_eq!(super::short("acme:erp/sync@2.0.0"), "acme:erp/sync");
    }

    #[test]
    fn each_limit_that_differs_from_the_default_is_shown_under_its_own_name() {
        for limit in manifest::Limits::default().all() {
            let said = |n: u64| serde_json::from_value::<manifest::Limits>(json!({ limit.name: n })).unwrap();
            let shown = |n: u64| serde_json::to_value(super::LimitsAnswer::from(&said(n))).unwrap();
            let mut name = limit.name.split('-').map(str::to_owned).collect::<Vec<_>>();
            for part in name.iter_mut().skip(1) {
                part[..1].make_ascii_uppercase();
            }
            assert_eq!(shown(7)[name.concat()], json!(7), "{}", limit.name);
            assert!(shown(limit.default).as_object().unwrap().values().all(serde_json::Value::is_null));
        }
    }
}
