//! What a connector asks for, for the person who consents, and how two versions differ in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Auth, EgressRule, Endpoint, EndpointSource, Inject, Limits, Manifest, Reuse, host_covers, path_covers,
};

/// What a connector asks for. `Display` is the consent page for a terminal; serde gives the same as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// What it may reach, and why.
    pub reach: Vec<EgressRule>,
    /// Base URLs that come from a credential, a setting or the account.
    pub endpoints: Vec<Endpoint>,
    /// The credentials that it takes, and where they are sent.
    pub credentials: Vec<Auth>,
    /// What it asks for beyond the host's defaults.
    pub limits: Limits,
    /// Whether it keeps its memory between calls of one connection.
    #[serde(default)]
    pub reuse: Option<Reuse>,
}

/// One difference between what two versions ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Whether it may do more or less.
    pub effect: Effect,
    /// In words: `POST https://api.example.com/v1/**`.
    pub what: String,
}

/// Whether a change lets a connector do more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// More: somebody must consent.
    Widens,
    /// Less.
    Narrows,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.effect {
            Effect::Widens => '+',
            Effect::Narrows => '-',
        };
        write!(f, "{sign} {}", self.what)
    }
}

impl Permissions {
    /// What a manifest asks for.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            reach: manifest.egress.clone(),
            endpoints: manifest.endpoint.clone(),
            credentials: manifest.auth.clone(),
            limits: manifest.limits.clone(),
            reuse: manifest.reuse.clone(),
        }
    }

    /// What `new` may do that `old` may not (first), and the reverse. A grant that is only written another way is no
    /// change; a changed reason (`why`) or label is none either.
    #[must_use]
    pub fn diff(old: &Self, new: &Self) -> Vec<Change> {
        let one_way = |from: &Self, to: &Self, effect| {
            let what = added(from, to);
            what.into_iter().map(move |what| Change { effect, what })
        };
        one_way(old, new, Effect::Widens).chain(one_way(new, old, Effect::Narrows)).collect()
    }
}

/// What `to` has and `from` lacks.
fn added(from: &Permissions, to: &Permissions) -> Vec<String> {
    let mut found = Vec::new();
    let had: Vec<Grants<'_>> = from.reach.iter().map(Grants::of_rule).collect();
    for rule in &to.reach {
        found.extend(Grants::of_rule(rule).beyond(&had));
        // What was reachable before counts too: with fewer redirects it was less.
        let as_many: Vec<Grants<'_>> =
            from.reach.iter().filter(|r| r.redirects >= rule.redirects).map(Grants::of_rule).collect();
        let before =
            from.reach.iter().filter(|r| host_covers(&r.host, &rule.host)).map(|r| r.redirects).max();
        if rule.redirects > before.unwrap_or(0) || Grants::of_rule(rule).had_otherwise(&had, &as_many) {
            found.push(format!("follow {} redirects from https://{}", rule.redirects, rule.host));
        }
    }
    for endpoint in &to.endpoints {
        let before = from.endpoints.iter().find(|e| e.name == endpoint.name);
        let same = before.filter(|e| e.from == endpoint.from && e.setting == endpoint.setting);
        let had: Vec<Grants<'_>> = same.into_iter().map(Grants::of_endpoint).collect();
        let more = Grants::of_endpoint(endpoint).beyond(&had);
        let base = source(endpoint);
        found.extend(more.into_iter().map(|what| format!("{what} (endpoint {}, {base})", endpoint.name)));
    }
    for auth in &to.credentials {
        found.extend(credential_added(from.credentials.iter().find(|a| a.kind == auth.kind), auth));
    }
    for (old, new) in from.limits.all().iter().zip(to.limits.all()) {
        if new.value() > old.value() {
            found.push(format!("{}: {}", new.label, new.value()));
        }
    }
    let longer = |old: &Reuse, new: &Reuse| new.max_calls > old.max_calls || new.max_age_ms > old.max_age_ms;
    if let Some(reuse) =
        to.reuse.as_ref().filter(|new| from.reuse.as_ref().is_none_or(|old| longer(old, new)))
    {
        found.push(kept_warm(reuse));
    }
    found
}

fn credential_added(before: Option<&Auth>, auth: &Auth) -> Vec<String> {
    let place = place(auth);
    if before.is_none_or(|b| b.inject != auth.inject || b.endpoint != auth.endpoint) {
        return vec![format!("take a credential of kind {}, {place}", auth.kind)];
    }
    let had = before.map(|b| b.hosts.as_slice()).unwrap_or_default();
    let more = auth.hosts.iter().filter(|h| !had.iter().any(|b| host_covers(b, h)));
    more.map(|host| format!("send the {} credential to {host}", auth.kind)).collect()
}

/// Methods on hosts and paths.
struct Grants<'a> {
    methods: &'a [String],
    hosts: Vec<&'a str>,
    paths: Vec<&'a str>,
}

impl<'a> Grants<'a> {
    fn of_rule(rule: &'a EgressRule) -> Self {
        let paths = rule.paths.iter().map(String::as_str).collect();
        Self { methods: &rule.methods, hosts: vec![&rule.host], paths }
    }

    fn of_endpoint(endpoint: &'a Endpoint) -> Self {
        let hosts = endpoint.hosts.iter().map(String::as_str).collect();
        // No path given: any.
        let paths = if endpoint.paths.is_empty() {
            vec!["/**"]
        } else {
            endpoint.paths.iter().map(String::as_str).collect()
        };
        Self { methods: &endpoint.methods, hosts, paths }
    }

    fn covers(&self, method: &str, host: &str, path: &str) -> bool {
        self.methods.iter().any(|m| m == method)
            && self.hosts.iter().any(|h| host_covers(h, host))
            && self.paths.iter().any(|p| path_covers(p, path))
    }

    /// Whether anything of this is covered by one of `had`, but by none of `these`.
    fn had_otherwise(&self, had: &[Self], these: &[Self]) -> bool {
        let covered = |by: &[Self], method: &str, host: &str, path: &str| {
            by.iter().any(|h| h.covers(method, host, path))
        };
        self.methods.iter().any(|m| {
            let paths = self.hosts.iter().flat_map(|h| self.paths.iter().map(move |p| (h, p)));
            paths.into_iter().any(|(h, p)| covered(had, m, h, p) && !covered(these, m, h, p))
        })
    }

    /// A line for each host and path with the methods that none of `had` covers.
    fn beyond(&self, had: &[Self]) -> Vec<String> {
        let mut lines = Vec::new();
        for host in &self.hosts {
            for path in &self.paths {
                let new = self.methods.iter().filter(|m| !had.iter().any(|h| h.covers(m, host, path)));
                let new: Vec<&str> = new.map(String::as_str).collect();
                if !new.is_empty() {
                    lines.push(format!("{} https://{host}{path}", new.join(", ")));
                }
            }
        }
        lines
    }
}

fn source(endpoint: &Endpoint) -> String {
    match (endpoint.from, &endpoint.setting) {
        (EndpointSource::Credential, _) => "the URL is the credential".to_owned(),
        (EndpointSource::Settings, Some(setting)) => format!("the URL is the setting {setting}"),
        (EndpointSource::Settings, None) => "the URL is a setting".to_owned(),
        (EndpointSource::Account, _) => "the provider names the URL".to_owned(),
    }
}

fn place(auth: &Auth) -> String {
    let hosts = auth.hosts.join(", ");
    match (&auth.inject, &auth.endpoint) {
        (_, Some(endpoint)) => format!("used as the endpoint {endpoint}"),
        (None, None) => format!("sent in the header Authorization to {hosts}"),
        (Some(Inject::Header { name, .. }), None) => format!("sent in the header {name} to {hosts}"),
        (Some(Inject::Query { name }), None) => format!("sent in the query parameter {name} to {hosts}"),
        (Some(Inject::Path { placeholder }), None) => {
            format!("sent in the path, as {placeholder}, to {hosts}")
        }
        (Some(Inject::Body { field }), None) => format!("sent in the body, as {field}, to {hosts}"),
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "It may reach")?;
        if self.reach.is_empty() && self.endpoints.is_empty() {
            writeln!(f, "  nothing")?;
        }
        for rule in &self.reach {
            writeln!(f, "  https://{}{}", rule.host, because(&rule.why))?;
            granted(f, &rule.methods, &rule.paths)?;
            if rule.redirects > 0 {
                writeln!(f, "    and follow up to {} redirects", rule.redirects)?;
            }
        }
        for endpoint in &self.endpoints {
            writeln!(f, "  endpoint {}: {}{}", endpoint.name, source(endpoint), because(&endpoint.why))?;
            let any = ["any path".to_owned()];
            writeln!(f, "    on {}", endpoint.hosts.join(", "))?;
            granted(f, &endpoint.methods, if endpoint.paths.is_empty() { &any } else { &endpoint.paths })?;
        }
        writeln!(f, "It takes")?;
        if self.credentials.is_empty() {
            writeln!(f, "  no credential")?;
        }
        for auth in &self.credentials {
            let label = if auth.label.is_empty() {
                auth.kind.to_string()
            } else {
                format!("{} ({})", auth.label, auth.kind)
            };
            writeln!(f, "  {label}: {}; the connector never sees it", place(auth))?;
        }
        let all = self.limits.all();
        let asked = all.iter().filter(|l| l.value() != l.default);
        let mut asked: Vec<String> =
            asked.map(|l| format!("  {}: {} (usually {})", l.label, l.value(), l.default)).collect();
        asked.extend(self.reuse.iter().map(|r| format!("  {}", kept_warm(r))));
        if !asked.is_empty() {
            writeln!(f, "Its limits")?;
            writeln!(f, "{}", asked.join("\n"))?;
        }
        Ok(())
    }
}

/// Methods and paths on one line, or a line for each path where that would not fit a terminal.
fn granted(f: &mut fmt::Formatter<'_>, methods: &[String], paths: &[String]) -> fmt::Result {
    let one_line = format!("    {}  {}", methods.join(", "), paths.join("  "));
    if one_line.len() <= 100 {
        return writeln!(f, "{one_line}");
    }
    writeln!(f, "    {}", methods.join(", "))?;
    paths.iter().try_for_each(|path| writeln!(f, "      {path}"))
}

fn kept_warm(reuse: &Reuse) -> String {
    format!(
        "keep its memory for up to {} calls of one connection, {} ms at most",
        reuse.max_calls, reuse.max_age_ms
    )
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" – {why}") }
}
