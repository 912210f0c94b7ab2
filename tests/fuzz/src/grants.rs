//! Grants against the oracle, and whether a wider manifest is always called wider.
//!
//! Input, one line each: `WHO METHODS HOST REDIRECTS PATH…`, where WHO is `new` (the manifest), `old` (the version before),
//! `operator` or `organization`; `endpoint-new` and `endpoint-old` for an endpoint's; `? METHOD HOST PATH` for a request.

use egress::{Policy, Source};
use manifest::{Effect, EgressRule, Manifest, Permissions};

use crate::oracle::{self, Rule};

/// So many of each are read, for an input's time is bounded.
const MOST: usize = 24;

#[derive(Default)]
struct Case {
    new: Vec<Rule>,
    old: Vec<Rule>,
    endpoint_new: Vec<Rule>,
    endpoint_old: Vec<Rule>,
    operator: Option<Vec<Rule>>,
    organization: Option<Vec<Rule>>,
    requests: Vec<(String, String, String)>,
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > 4_096 {
        return;
    }
    let case = read(text);
    let manifest = |rules: &[Rule], endpoints: &[Rule]| Manifest::parse(&written(rules, endpoints)).ok();
    let new = manifest(&case.new, &case.endpoint_new);
    if let Some(new) = &new {
        decide(&case, new);
    }
    if let (Some(old), Some(new)) = (manifest(&case.old, &case.endpoint_old), &new) {
        compare(&case, &old, new);
    }
}

/// The decision is the oracle's, and so is who is named.
fn decide(case: &Case, manifest: &Manifest) {
    let narrower =
        |rules: &Option<Vec<Rule>>| rules.as_ref().map(|r| r.iter().map(rule).collect::<Vec<EgressRule>>());
    let (operator, organization) = (narrower(&case.operator), narrower(&case.organization));
    let compiled = Policy::compile(manifest, operator.as_deref(), organization.as_deref());
    let policy = match compiled {
        Ok(policy) => policy,
        Err(e) if e.place.starts_with("manifest") => panic!("an accepted manifest cannot be compiled: {e}"),
        Err(_) => return,
    };
    for (method, host, path) in &case.requests {
        let by = |rules: &[Rule]| oracle::granted(rules, method, host, path);
        let others = |rules: &Option<Vec<Rule>>| rules.as_ref().is_none_or(|r| by(r).is_some());
        let want = match by(&case.new) {
            None => Err(Source::Manifest),
            Some(_) if !others(&case.operator) => Err(Source::Operator),
            Some(_) if !others(&case.organization) => Err(Source::Organization),
            Some(redirects) => Ok(redirects),
        };
        let got = policy.check(method, host, path).map(|g| g.redirects).map_err(|d| d.by);
        assert_eq!(got, want, "{method} {host} {path} under {}", written(&case.new, &[]));
    }
}

/// Whatever the new version may do beyond the old one, somebody is asked about it.
fn compare(case: &Case, old: &Manifest, new: &Manifest) {
    let (old, new) = (Permissions::of(old), Permissions::of(new));
    assert_eq!(Permissions::diff(&old, &old), []);
    let changes = Permissions::diff(&old, &new);
    let back = Permissions::diff(&new, &old);
    let count = |effect, of: &[manifest::Change]| of.iter().filter(|c| c.effect == effect).count();
    let widens = count(Effect::Widens, &changes);
    assert_eq!(widens, count(Effect::Narrows, &back), "one way is the other way's reverse");
    for (method, host, path) in &case.requests {
        let by = |rules: &[Rule]| oracle::granted(rules, method, host, path);
        let endpoint = |rules: &[Rule]| rules.first().is_some_and(|r| r.grants(method, host, path));
        let wider =
            by(&case.new) > by(&case.old) || (endpoint(&case.endpoint_new) && !endpoint(&case.endpoint_old));
        assert!(
            widens > 0 || !wider,
            "nobody is asked about {method} {host} {path}: {:?} {:?} → {:?} {:?}",
            case.old,
            case.endpoint_old,
            case.new,
            case.endpoint_new
        );
    }
}

fn read(text: &str) -> Case {
    let mut case = Case::default();
    for line in text.lines() {
        let mut words = line.split(' ');
        let who = words.next().unwrap_or_default();
        if who == "?" {
            if let (Some(method), Some(host), Some(path)) = (words.next(), words.next(), words.next())
                && case.requests.len() < MOST
            {
                case.requests.push((method.to_owned(), host.to_owned(), path.to_owned()));
            }
            continue;
        }
        let rules = match who {
            "new" => &mut case.new,
            "old" => &mut case.old,
            "endpoint-new" => &mut case.endpoint_new,
            "endpoint-old" => &mut case.endpoint_old,
            "operator" => case.operator.get_or_insert_default(),
            "organization" => case.organization.get_or_insert_default(),
            _ => continue,
        };
        // One endpoint: the name is what two versions are compared by.
        let most = if who.starts_with("endpoint") { 1 } else { MOST };
        if rules.len() < most {
            let methods = words.next().unwrap_or_default().split(',').map(str::to_owned).collect();
            let mut host = words.next().unwrap_or_default().to_owned();
            // An operator may write a host as people do; a manifest in capitals is refused.
            if matches!(who, "operator" | "organization") {
                if !host.is_ascii() {
                    continue;
                }
                host.make_ascii_lowercase();
            }
            let redirects = words.next().and_then(|n| n.parse().ok()).unwrap_or(0);
            rules.push(Rule { methods, host, redirects, paths: words.map(str::to_owned).collect() });
        }
    }
    case
}

fn rule(rule: &Rule) -> EgressRule {
    EgressRule {
        methods: rule.methods.clone(),
        host: rule.host.clone(),
        paths: rule.paths.clone(),
        why: String::new(),
        redirects: rule.redirects,
    }
}

/// The manifest with these grants.
fn written(rules: &[Rule], endpoints: &[Rule]) -> String {
    let list = |texts: &[String]| serde_json::Value::from(texts).to_string();
    let mut out = String::from("manifest = 1\nid = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n");
    for Rule { methods, host, paths, redirects } in rules {
        out.push_str(&format!(
            "[[egress]]\nmethods = {}\nhost = {}\npaths = {}\nredirects = {redirects}\n",
            list(methods),
            serde_json::Value::from(host.as_str()),
            list(paths)
        ));
    }
    for Rule { methods, host, paths, .. } in endpoints {
        out.push_str(&format!(
            "[[endpoint]]\nname = \"e\"\nfrom = \"account\"\nmethods = {}\nhosts = {}\npaths = {}\n",
            list(methods),
            list(std::slice::from_ref(host)),
            list(paths)
        ));
    }
    out
}
