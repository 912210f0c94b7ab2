//! What a person consents to, and what a new version changes in it.

use manifest::{Effect, Manifest, Permissions};

const FULL: &str = include_str!("full.toml");

fn of(text: &str) -> Permissions {
    Permissions::of(&Manifest::parse(text).expect(text))
}

fn changes(edits: &[(&str, &str)]) -> Vec<String> {
    let mut text = FULL.to_owned();
    for (old, new) in edits {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    Permissions::diff(&of(FULL), &of(&text)).iter().map(ToString::to_string).collect()
}

#[test]
fn the_consent_page_names_hosts_methods_paths_reasons_credentials_and_limits() {
    let page = of(FULL).to_string();
    for want in [
        "https://api.example.com – read and write contacts and calls\n    GET, POST, PATCH  /v1/contacts/**",
        "follow up to 2 redirects",
        "endpoint hook: the URL is the credential – deliver events\n    on hooks.example.com\n    POST  /catch/*/*",
        "endpoint base: the URL is the setting baseUrl",
        "endpoint instance: the provider names the URL",
        "Access token (bearer): sent in the header Authorization to api.example.com; the connector never sees it",
        "api-key: sent in the header X-Api-Key to *.eu.example.com",
        "webhook-url: used as the endpoint hook",
        "memory, MiB: 128 (usually 64)",
        "log text of a call, KiB: 512 (usually 256)",
        "keep its memory for up to 50 calls of one connection, 30000 ms at most",
    ] {
        assert!(page.contains(want), "{want}\n---\n{page}");
    }
    let many = FULL.replacen("\"/v1/me\"", &format!("\"/v1/{}\"", "x".repeat(80)), 1);
    assert!(
        of(&many).to_string().contains("    GET, POST, PATCH\n      /v1/contacts/**\n      /v1/calls/*\n")
    );
    let none = of("manifest = 1\nid = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n").to_string();
    assert_eq!(none, "It may reach\n  nothing\nIt takes\n  no credential\n");
}

#[test]
fn permissions_travel_as_json() {
    let json = serde_json::to_value(of(FULL)).unwrap();
    assert_eq!(json["reach"][0]["host"], "api.example.com");
    assert_eq!(serde_json::from_value::<Permissions>(json).unwrap(), of(FULL));
}

#[test]
fn the_same_grants_in_other_words_are_no_change() {
    assert!(changes(&[]).is_empty());
    assert!(changes(&[("\"GET\", \"POST\", \"PATCH\"", "\"PATCH\", \"GET\", \"POST\"")]).is_empty());
    assert!(changes(&[("\"/v1/me\"", "\"/v1/me\", \"/v1/calls/new\"")]).is_empty());
    assert!(changes(&[("why = \"read and write contacts and calls\"", "why = \"other words\"")]).is_empty());
    assert!(changes(&[("label = \"Access token\"", "label = \"Token\"")]).is_empty());
}

#[test]
fn what_widens_and_what_narrows_is_told_apart() {
    assert_eq!(
        changes(&[("\"/v1/me\"", "\"/v2/**\"")]),
        [
            "+ POST, PATCH https://api.example.com/v2/**",
            // The other rule grants GET there too, without redirects.
            "+ follow 2 redirects from https://api.example.com",
            "- POST, PATCH https://api.example.com/v1/me",
            "- follow 2 redirects from https://api.example.com"
        ]
    );
    assert_eq!(
        changes(&[("/v1/calls/*", "/v1/calls/new")]),
        [
            "- POST, PATCH https://api.example.com/v1/calls/*",
            "- follow 2 redirects from https://api.example.com"
        ]
    );
    assert_eq!(
        changes(&[("redirects = 2", "redirects = 3")]),
        ["+ follow 3 redirects from https://api.example.com"]
    );
    assert_eq!(changes(&[("memory-mib = 128", "memory-mib = 32")]), ["- memory, MiB: 128"]);
    assert_eq!(changes(&[("cpu-ms = 4000", "cpu-ms = 5000")]), ["+ CPU time of a call, ms: 5000"]);
    assert_eq!(
        changes(&[("log-kib = 512", "handles = 3000")]),
        ["+ live handles: 3000", "- log text of a call, KiB: 512"]
    );
    for (old, new) in [("max-calls = 50", "max-calls = 51"), ("max-age-ms = 30000", "max-age-ms = 30001")] {
        let changes = changes(&[(old, new)]);
        assert!(changes[0].starts_with("+ keep its memory for up to"), "{changes:?}");
    }
    let fresh = changes(&[("[reuse]\nmax-calls = 50\nmax-age-ms = 30000\n", "")]);
    assert_eq!(fresh, ["- keep its memory for up to 50 calls of one connection, 30000 ms at most"]);
    assert_eq!(
        changes(&[("paths = [\"/catch/*/*\"]", "paths = [\"/**\"]")]),
        ["+ POST https://hooks.example.com/** (endpoint hook, the URL is the credential)"]
    );
    assert_eq!(
        changes(&[("hosts = [\"*.eu.example.com\"]", "hosts = [\"*.example.com\"]")]),
        ["+ send the api-key credential to *.example.com"]
    );
    assert_eq!(
        changes(&[("X-Api-Key", "X-Key")])[0],
        "+ take a credential of kind api-key, sent in the header X-Key to *.eu.example.com"
    );
}

#[test]
fn redirects_on_what_was_granted_before_without_them_widen() {
    let rule = |method: &str, path: &str, redirects: u8| {
        format!(
            "[[egress]]\nmethods = [\"{method}\"]\nhost = \"api.example.com\"\npaths = [\"{path}\"]\nredirects = {redirects}\n"
        )
    };
    let two = |second: u8| {
        let head = "manifest = 1\nid = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n";
        of(&format!("{head}{}{}", rule("GET", "/a", 5), rule("POST", "/b", second)))
    };
    let changes: Vec<String> = Permissions::diff(&two(0), &two(5)).iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["+ follow 5 redirects from https://api.example.com"]);
    assert!(Permissions::diff(&two(5), &two(5)).is_empty());
}

#[test]
fn a_first_install_widens_everything_that_it_asks_for() {
    let changes = Permissions::diff(&Permissions::default(), &of(FULL));
    let narrows: Vec<&str> =
        changes.iter().filter(|c| c.effect == Effect::Narrows).map(|c| c.what.as_str()).collect();
    assert!(changes.len() > 8);
    assert_eq!(
        narrows,
        ["HTTP requests of a call: 100", "largest request, MiB: 8"],
        "it asks for less than the defaults"
    );
}
