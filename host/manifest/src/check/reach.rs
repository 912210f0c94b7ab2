//! What may be reached, with which credential, how fast.

use super::{Checks, texts};
use crate::pattern::{check_host, check_path, host_covers};
use crate::{Auth, AuthKind, Endpoint, EndpointSource, Inject, SettingType};

/// Redirects that one rule may allow.
const MAX_REDIRECTS: u8 = 5;
/// The longest window of a rate: 31 days.
const MAX_WINDOW_MS: u64 = 31 * 86_400_000;

impl Checks<'_> {
    pub(super) fn reach(&mut self) {
        self.rules();
        self.endpoints();
        self.auths();
        self.rates();
    }

    fn rules(&mut self) {
        let rules = &self.manifest.egress;
        self.list("egress", rules, 0, 200);
        for (i, rule) in rules.iter().enumerate() {
            let at = format!("egress[{i}]");
            self.want(format!("{at}.host"), check_host(&rule.host));
            self.methods(&at, &rule.methods, 1);
            self.paths(&format!("{at}.paths"), &rule.paths, 1);
            self.want(format!("{at}.why"), texts::length(&rule.why, 0, 300));
            if rule.redirects > MAX_REDIRECTS {
                self.find(
                    format!("{at}.redirects"),
                    format!("is {}; at most {MAX_REDIRECTS} are allowed", rule.redirects),
                );
            }
        }
    }

    fn methods(&mut self, at: &str, methods: &[String], least: usize) {
        let at = format!("{at}.methods");
        self.list(&at, methods, least, 7);
        for (i, method) in methods.iter().enumerate() {
            self.want(format!("{at}[{i}]"), texts::method(method));
        }
    }

    fn paths(&mut self, at: &str, paths: &[String], least: usize) {
        self.list(at, paths, least, 200);
        for (i, path) in paths.iter().enumerate() {
            self.want(format!("{at}[{i}]"), check_path(path));
        }
    }

    fn hosts(&mut self, at: &str, hosts: &[String], least: usize) {
        let at = format!("{at}.hosts");
        self.list(&at, hosts, least, 64);
        for (i, host) in hosts.iter().enumerate() {
            self.want(format!("{at}[{i}]"), check_host(host));
        }
    }

    fn endpoints(&mut self) {
        let endpoints = &self.manifest.endpoint;
        self.list("endpoint", endpoints, 0, 32);
        for (i, endpoint) in endpoints.iter().enumerate() {
            let at = format!("endpoint[{i}]");
            self.want(format!("{at}.name"), texts::id(&endpoint.name, 32));
            if endpoints[..i].iter().any(|e| e.name == endpoint.name) {
                self.find(format!("{at}.name"), format!("there is an endpoint `{}` already", endpoint.name));
            }
            self.hosts(&at, &endpoint.hosts, 1);
            self.paths(&format!("{at}.paths"), &endpoint.paths, 0);
            self.methods(&at, &endpoint.methods, 1);
            self.want(format!("{at}.why"), texts::length(&endpoint.why, 0, 300));
            self.source(&at, endpoint);
        }
    }

    fn source(&mut self, at: &str, endpoint: &Endpoint) {
        let at_setting = format!("{at}.setting");
        match (endpoint.from, &endpoint.setting) {
            (EndpointSource::Settings, None) => {
                self.find(
                    at,
                    "from = \"settings\" needs `setting`: the name of the setting that holds the URL",
                );
            }
            (EndpointSource::Settings, Some(name)) => match self.manifest.settings.get(name) {
                Some(s) if s.kind == SettingType::Url => {}
                Some(_) => self.find(at_setting, format!("settings.{name} is not of type url")),
                None => {
                    let near = model::nearest(name, self.manifest.settings.keys().map(String::as_str));
                    let near = if near.is_empty() {
                        String::new()
                    } else {
                        format!("; did you mean {}?", near.join(" or "))
                    };
                    self.find(at_setting, format!("there is no [settings.{}]{near}", model::cut(name, 100)));
                }
            },
            (_, Some(_)) => self.find(at_setting, "only goes with from = \"settings\""),
            (EndpointSource::Credential, None) => {
                let given = |a: &Auth| {
                    a.kind == AuthKind::WebhookUrl && a.endpoint.as_deref() == Some(&endpoint.name)
                };
                if !self.manifest.auth.iter().any(given) {
                    let name = &endpoint.name;
                    self.find(
                        at,
                        format!(
                            "no [[auth]] gives it: add kind = \"webhook-url\" with endpoint = \"{name}\""
                        ),
                    );
                }
            }
            (EndpointSource::Account, None) => {}
        }
    }

    fn auths(&mut self) {
        let auths = &self.manifest.auth;
        self.list("auth", auths, 0, 8);
        for (i, auth) in auths.iter().enumerate() {
            let at = format!("auth[{i}]");
            if auths[..i].iter().any(|a| a.kind == auth.kind) {
                self.find(
                    format!("{at}.kind"),
                    format!("there is an [[auth]] of kind {} already", auth.kind),
                );
            }
            self.want(format!("{at}.label"), texts::length(&auth.label, 0, 100));
            if let Some(help) = &auth.help {
                self.want(format!("{at}.help"), texts::https(help));
            }
            self.bound(&at, auth);
            self.injected(&at, auth);
            self.hooked(&at, auth);
        }
    }

    /// A credential is bound to hosts that the connector may reach at all.
    fn bound(&mut self, at: &str, auth: &Auth) {
        let hook = auth.kind == AuthKind::WebhookUrl;
        if hook && !auth.hosts.is_empty() {
            self.find(format!("{at}.hosts"), "does not go with webhook-url: the hosts are the endpoint's");
            return;
        }
        self.hosts(at, &auth.hosts, usize::from(!hook));
        let rules = self.manifest.egress.iter().map(|r| &r.host);
        let reachable: Vec<&String> =
            rules.chain(self.manifest.endpoint.iter().flat_map(|e| &e.hosts)).collect();
        for (i, host) in auth.hosts.iter().enumerate() {
            if check_host(host).is_ok() && !reachable.iter().any(|r| host_covers(r, host)) {
                let message = format!("`{host}` is covered by no [[egress]] host and no endpoint's host");
                self.find(format!("{at}.hosts[{i}]"), message);
            }
        }
    }

    fn injected(&mut self, at: &str, auth: &Auth) {
        let at_inject = format!("{at}.inject");
        let Some(inject) = &auth.inject else {
            if auth.kind == AuthKind::ApiKey {
                self.find(at, "kind = \"api-key\" needs `inject`: where the key goes");
            }
            return;
        };
        if auth.kind != AuthKind::ApiKey {
            let message = format!("only goes with api-key; {} has its own place", auth.kind);
            self.find(at_inject, message);
            return;
        }
        match inject {
            Inject::Header { name, prefix } => {
                self.want(format!("{at_inject}.header.name"), texts::own_header(name));
                self.want(format!("{at_inject}.header.prefix"), texts::length(prefix, 0, 64));
                if !prefix.is_ascii() {
                    self.find(format!("{at_inject}.header.prefix"), "is not ASCII");
                }
            }
            Inject::Query { name } => {
                self.want(format!("{at_inject}.query.name"), texts::length(name, 1, 100))
            }
            Inject::Path { placeholder } => {
                let inner =
                    placeholder.strip_prefix('{').and_then(|p| p.strip_suffix('}')).unwrap_or_default();
                if texts::id(inner, 32).is_err() {
                    self.find(format!("{at_inject}.path.placeholder"), "is no placeholder such as {token}");
                }
            }
            Inject::Body { field } => {
                self.want(format!("{at_inject}.body.field"), texts::length(field, 1, 200))
            }
        }
    }

    fn hooked(&mut self, at: &str, auth: &Auth) {
        let at_endpoint = format!("{at}.endpoint");
        match (auth.kind, &auth.endpoint) {
            (AuthKind::WebhookUrl, None) => {
                self.find(at, "kind = \"webhook-url\" needs `endpoint`: the name of the [[endpoint]] that the URL becomes");
            }
            (AuthKind::WebhookUrl, Some(name)) => match self.manifest.endpoint_named(name) {
                Some(e) if e.from == EndpointSource::Credential => {}
                Some(_) => {
                    self.find(at_endpoint, format!("the endpoint `{name}` is not from = \"credential\""))
                }
                None => self
                    .find(at_endpoint, format!("there is no [[endpoint]] named `{}`", model::cut(name, 100))),
            },
            (_, Some(_)) => self.find(at_endpoint, "only goes with webhook-url"),
            (_, None) => {}
        }
    }

    fn rates(&mut self) {
        let rates = &self.manifest.rate;
        self.list("rate", rates, 0, 64);
        for (i, rate) in rates.iter().enumerate() {
            let at = format!("rate[{i}]");
            self.want(format!("{at}.bucket"), texts::length(&rate.bucket, 1, 64));
            if rates[..i].iter().any(|r| r.bucket == rate.bucket) {
                self.find(format!("{at}.bucket"), format!("there is a bucket `{}` already", rate.bucket));
            }
            if rate.limit.window_ms > MAX_WINDOW_MS {
                self.find(format!("{at}.limit"), "has a window of more than 31 days");
            }
            self.methods(&at, &rate.methods, 0);
            self.paths(&format!("{at}.paths"), &rate.paths, 0);
            self.paths(&format!("{at}.except"), &rate.except, 0);
        }
        let Some(headers) = &self.manifest.rate_headers else { return };
        if !rates.iter().any(|r| r.bucket == headers.bucket) {
            let near: Vec<&str> = rates.iter().map(|r| r.bucket.as_str()).collect();
            let near = if near.is_empty() {
                "there is none".to_owned()
            } else {
                format!("there are {}", near.join(", "))
            };
            self.find("rate-headers.bucket", format!("no [[rate]] has this bucket; {near}"));
        }
        self.want("rate-headers.remaining", texts::header(&headers.remaining));
        for (name, value) in [("reset-seconds", &headers.reset_seconds), ("window-ms", &headers.window_ms)] {
            if let Some(value) = value {
                self.want(format!("rate-headers.{name}"), texts::header(value));
            }
        }
    }
}
