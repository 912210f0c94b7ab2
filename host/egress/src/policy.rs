//! The grants, compiled: manifest ∩ operator ∩ organization, and what else the column reads from the manifest.

use std::fmt;

use manifest::{EgressRule, Endpoint, EndpointSource, Inject, Manifest, RateHeaders};
use sha2::{Digest, Sha256};

use crate::headers;
use crate::limit::Rule as RateRule;
use crate::pattern::{HostPattern, PathPattern};

/// The most redirects that a rule may allow.
const MOST_REDIRECTS: u8 = 5;

/// The grants of one connector for one connection, manifest ∩ operator ∩ organization, compiled, with all else that
/// the column reads from the manifest. Compile once, share in an `Arc`.
pub struct Policy {
    manifest: Vec<Rule>,
    operator: Option<Vec<Rule>>,
    organization: Option<Vec<Rule>>,
    endpoints: Vec<EndpointRule>,
    /// Headers that the host fills, in lower case: no guest may set them, no recording shows them.
    pub(crate) injected_headers: Vec<String>,
    pub(crate) rates: Vec<RateRule>,
    pub(crate) rate_headers: Option<RateHeaders>,
    pub(crate) idempotency: Option<String>,
    digest: [u8; 32],
}

/// A rule that cannot be compiled: where it stands and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct PolicyError {
    /// `manifest egress[2]`
    pub place: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Whose rules said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The connector's manifest does not ask for it.
    Manifest,
    /// The operator of the host does not grant it.
    Operator,
    /// The organization does not grant it.
    Organization,
}

/// A granted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// How many redirects may be followed.
    pub redirects: u8,
}

/// A request that is not granted. Small and free of allocation: the words are made by [`Denial::reason`] and
/// [`Denial::grant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Whose rules said no.
    pub by: Source,
    /// Whether that source has a rule for the host at all.
    pub host_known: bool,
    /// Whether it has one for the host and this path, with other methods.
    pub path_known: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    methods: Vec<Box<str>>,
    host: HostPattern,
    paths: Vec<PathPattern>,
    redirects: u8,
}

/// A declared endpoint, compiled.
#[derive(Clone, Debug)]
pub(crate) struct EndpointRule {
    pub name: String,
    pub from: EndpointSource,
    pub methods: Vec<Box<str>>,
    hosts: Vec<HostPattern>,
    paths: Vec<PathPattern>,
}

impl Policy {
    /// Compiles the grants. `operator` and `organization` narrow what the manifest asks for; none = they do not.
    ///
    /// # Errors
    /// The first rule that cannot be compiled.
    pub fn compile(
        manifest: &Manifest,
        operator: Option<&[EgressRule]>,
        organization: Option<&[EgressRule]>,
    ) -> Result<Self, PolicyError> {
        let endpoints = manifest.endpoint.iter().map(EndpointRule::compile).collect::<Result<_, _>>()?;
        let rates = manifest.rate.iter().map(RateRule::compile).collect::<Result<_, _>>()?;
        let injected_headers = manifest.auth.iter().filter_map(|auth| match &auth.inject {
            Some(Inject::Header { name, .. }) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let injected_headers: Vec<String> = injected_headers.collect();
        let idempotency = manifest.idempotency.as_ref().map(|i| i.header.to_ascii_lowercase());
        // The key is the guest's to choose, so its header must be one that a guest may set.
        if let Some(header) = &idempotency {
            headers::check_name(header, &injected_headers).map_err(|problem| PolicyError {
                place: "manifest idempotency.header".to_owned(),
                problem,
            })?;
        }
        Ok(Self {
            manifest: rules("manifest", &manifest.egress)?,
            operator: operator.map(|o| rules("operator", o)).transpose()?,
            organization: organization.map(|o| rules("organization", o)).transpose()?,
            endpoints,
            injected_headers,
            rates,
            rate_headers: manifest.rate_headers.clone(),
            idempotency,
            digest: digest(manifest, operator, organization),
        })
    }

    /// Whether a request is granted. `host` and `path` as they will be sent: lower case and IDNA-encoded, percent-encoded.
    /// Allocates nothing.
    ///
    /// # Errors
    /// Who does not grant it.
    pub fn check(&self, method: &str, host: &str, path: &str) -> Result<Grant, Denial> {
        let redirects = find(&self.manifest, Source::Manifest, method, host, path)?;
        self.check_others(method, host, path)?;
        Ok(Grant { redirects })
    }

    /// What operator and organization say, where they say something. Endpoints walk through here too.
    pub(crate) fn check_others(&self, method: &str, host: &str, path: &str) -> Result<(), Denial> {
        if let Some(rules) = &self.operator {
            find(rules, Source::Operator, method, host, path)?;
        }
        if let Some(rules) = &self.organization {
            find(rules, Source::Organization, method, host, path)?;
        }
        Ok(())
    }

    /// Names these grants: sockets are never shared between policies.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(crate) fn endpoint(&self, name: &str) -> Option<&EndpointRule> {
        self.endpoints.iter().find(|e| e.name == name)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl EndpointRule {
    fn compile(endpoint: &Endpoint) -> Result<Self, PolicyError> {
        let place = format!("manifest endpoint `{}`", endpoint.name);
        let fail = |problem| PolicyError { place: place.clone(), problem };
        Ok(Self {
            name: endpoint.name.clone(),
            from: endpoint.from,
            methods: methods(&endpoint.methods).map_err(fail)?,
            hosts: all(&endpoint.hosts, HostPattern::parse).map_err(fail)?,
            paths: all(&endpoint.paths, PathPattern::parse).map_err(fail)?,
        })
    }

    /// Whether the whole URL is secret.
    pub fn is_secret(&self) -> bool {
        self.from == EndpointSource::Credential
    }

    pub fn allows_method(&self, method: &str) -> bool {
        self.methods.iter().any(|m| **m == *method)
    }

    /// Whether the base URL is one that the manifest declares.
    pub fn allows_base(&self, host: &str, path: &str) -> bool {
        self.hosts.iter().any(|h| h.matches(host))
            && (self.paths.is_empty() || self.paths.iter().any(|p| p.matches(path)))
    }
}

fn rules(source: &str, rules: &[EgressRule]) -> Result<Vec<Rule>, PolicyError> {
    let compile = |(at, rule): (usize, &EgressRule)| {
        let fail = |problem| PolicyError { place: format!("{source} egress[{at}]"), problem };
        if rule.redirects > MOST_REDIRECTS {
            return Err(fail(format!("redirects = {}; {MOST_REDIRECTS} are the most", rule.redirects)));
        }
        Ok(Rule {
            methods: methods(&rule.methods).map_err(fail)?,
            host: HostPattern::parse(&rule.host).map_err(fail)?,
            paths: all(&rule.paths, PathPattern::parse).map_err(fail)?,
            redirects: rule.redirects,
        })
    };
    rules.iter().enumerate().map(compile).collect()
}

fn all<T>(texts: &[String], parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    texts.iter().map(|t| parse(t)).collect()
}

/// Methods as they are compared: upper case. CONNECT and TRACE never leave the house.
pub(crate) fn methods(texts: &[String]) -> Result<Vec<Box<str>>, String> {
    let check = |text: &String| {
        let upper = !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase());
        if !upper || text.len() > 16 || matches!(text.as_str(), "CONNECT" | "TRACE") {
            return Err(format!(
                "`{text}` is no method that can be granted; write GET, POST, PUT, PATCH or DELETE"
            ));
        }
        Ok(text.as_str().into())
    };
    texts.iter().map(check).collect()
}

/// The most redirects that a matching rule allows, or why none matches.
fn find(rules: &[Rule], by: Source, method: &str, host: &str, path: &str) -> Result<u8, Denial> {
    let mut denial = Denial { by, host_known: false, path_known: false };
    let mut granted: Option<u8> = None;
    for rule in rules.iter().filter(|r| r.host.matches(host)) {
        denial.host_known = true;
        if !rule.paths.iter().any(|p| p.matches(path)) {
            continue;
        }
        denial.path_known = true;
        if rule.methods.iter().any(|m| **m == *method) {
            granted = Some(granted.unwrap_or(0).max(rule.redirects));
        }
    }
    granted.ok_or(denial)
}

impl Denial {
    /// What was not granted, and by whom.
    #[must_use]
    pub fn reason(&self, method: &str, host: &str, path: &str) -> String {
        let who = match self.by {
            Source::Manifest => "the connector's manifest",
            Source::Operator => "the operator's policy",
            Source::Organization => "the organization's policy",
        };
        let path = model::cut(path, 256);
        if self.path_known {
            format!("{who} does not grant the method {method} on https://{host}{path}")
        } else if self.host_known {
            format!("{who} does not grant the path {path} on the host {host}")
        } else {
            format!("{who} does not grant the host {host}")
        }
    }

    /// The TOML lines that would grant exactly this.
    #[must_use]
    pub fn grant(method: &str, host: &str, path: &str) -> String {
        let path = model::cut(path, 1_024);
        format!(
            "[[egress]]\nmethods = [{}]\nhost = {}\npaths = [{}]\n",
            quoted(method),
            quoted(host),
            quoted(&path)
        )
    }
}

/// A TOML basic string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn digest(
    manifest: &Manifest,
    operator: Option<&[EgressRule]>,
    organization: Option<&[EgressRule]>,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    // Debug text is complete and unambiguous for these plain types, and it never leaves the process.
    hash.update(format!("{:?}\n{:?}\n{operator:?}\n{organization:?}", manifest.egress, manifest.endpoint));
    hash.finalize().into()
}
