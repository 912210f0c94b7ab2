//! Grants against requests: what is asked and not granted, what is granted and never asked.

use egress::Policy;
use manifest::{Manifest, host_matches, path_matches};
use url::Url;

use crate::upstream::endpoint;

/// Every method and path pattern of the manifest, and every method of an endpoint, that none of these requests (method
/// and logical URL) uses.
pub(crate) fn unused<'a>(
    manifest: &Manifest,
    requests: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let requests: Vec<(&str, Url)> =
        requests.filter_map(|(m, url)| Some((m, Url::parse(url).ok()?))).collect();
    let mut found = Vec::new();
    for rule in &manifest.egress {
        for (method, path) in rule.methods.iter().flat_map(|m| rule.paths.iter().map(move |p| (m, p))) {
            let used = requests.iter().any(|(m, url)| {
                *m == method.as_str()
                    && host_matches(&rule.host, url.host_str().unwrap_or_default())
                    && path_matches(path, url.path())
            });
            if !used {
                found.push(format!("{method} https://{}{path}", rule.host));
            }
        }
    }
    for rule in &manifest.endpoint {
        for method in &rule.methods {
            if !requests.iter().any(|(m, url)| *m == method.as_str() && endpoint(url) == Some(&rule.name)) {
                found.push(format!("{method} at the endpoint `{}`", rule.name));
            }
        }
    }
    found
}

/// Why the manifest does not grant this request; none where it does.
pub(crate) fn denied(manifest: &Manifest, policy: &Policy, method: &str, url: &str) -> Option<String> {
    let Ok(parsed) = Url::parse(url) else { return Some(format!("{url} is no URL")) };
    if let Some(name) = endpoint(&parsed) {
        let granted =
            manifest.endpoint.iter().any(|e| e.name == name && e.methods.iter().any(|m| m == method));
        return (!granted).then(|| format!("the manifest does not grant {method} at the endpoint `{name}`"));
    }
    let (host, path) = (parsed.host_str().unwrap_or_default(), parsed.path());
    policy.check(method, host, path).err().map(|denial| denial.reason(method, host, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        manifest = 1
        id = "x"
        name = "X"
        version = "0.1.0"
        [[auth]]
        kind = "webhook-url"
        endpoint = "hook"
        [[egress]]
        methods = ["GET", "DELETE"]
        host = "api.example.com"
        paths = ["/a/*", "/b"]
        [[endpoint]]
        name = "hook"
        from = "credential"
        hosts = ["hooks.example.com"]
        methods = ["POST"]
    "#;

    fn manifest() -> Manifest {
        Manifest::parse(MANIFEST).expect("a manifest")
    }

    #[test]
    fn a_grant_that_nothing_uses_is_found() {
        let used = [("GET", "https://api.example.com/a/1?x=y"), ("DELETE", "https://api.example.com/b")];
        let found = unused(&manifest(), used.into_iter());
        let expected = [
            "GET https://api.example.com/b",
            "DELETE https://api.example.com/a/*",
            "POST at the endpoint `hook`",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_request_that_nothing_grants_is_found() {
        let manifest = manifest();
        let policy = Policy::compile(&manifest, None, None).expect("grants");
        let granted = |method, url| denied(&manifest, &policy, method, url).is_none();
        assert!(
            granted("GET", "https://api.example.com/a/1")
                && granted("POST", "https://hook.endpoint.invalid/")
        );
        for (method, url) in [
            ("PATCH", "https://api.example.com/a/1"),
            ("GET", "https://api.example.com/a/1/2"),
            ("GET", "https://api.example.org/b"),
            ("GET", "https://hook.endpoint.invalid/"),
            ("POST", "https://other.endpoint.invalid/"),
        ] {
            assert!(!granted(method, url), "{method} {url}");
        }
    }
}
