//! Good manifests are read; bad ones are refused with everything that is wrong, and where.

use manifest::{AuthKind, Manifest, RateLimit};
use proptest::prelude::*;

const FULL: &str = include_str!("full.toml");

/// The smallest manifest, with more after it.
fn small(more: &str) -> String {
    format!("manifest = 1\nid = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n{more}")
}

fn refused(text: &str) -> String {
    Manifest::parse(text).expect_err(text).to_string()
}

#[test]
fn a_full_manifest_is_read() {
    let m = Manifest::parse(FULL).unwrap();
    assert_eq!(m.id, "example-crm");
    assert_eq!(m.rate[1].limit, RateLimit { count: 5, window_ms: 1_000 });
    assert_eq!(m.auth_of(AuthKind::WebhookUrl).unwrap().endpoint.as_deref(), Some("hook"));
    assert_eq!(m.endpoint_named("base").unwrap().hosts, ["*.example.net"]);
    assert_eq!(m.sync.unwrap().lead.unwrap().mapping["data.email"], "email");
}

#[test]
fn a_manifest_of_four_lines_is_enough() {
    let m = Manifest::parse(&small("")).unwrap();
    assert!(m.auth.is_empty() && m.egress.is_empty() && m.retry.replay_safe.is_empty());
}

#[test]
fn a_manifest_survives_being_written_and_read() {
    let m = Manifest::parse(FULL).unwrap();
    let json = serde_json::to_string(&m).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), m);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_names() {
    let text = small(
        "\n[[egress]]\nmethods = [\"GET\"]\nhosst = \"api.example.com\"\nhost = \"api.example.com\"\npaths = [\"/\"]\n",
    );
    assert_eq!(refused(&text), "line 8, egress[0].hosst: unknown key `hosst`; did you mean host?");
    let text = small("zzz = 1\n");
    assert!(refused(&text).starts_with("line 5, zzz: unknown key `zzz`; known here: "), "{}", refused(&text));
    let text = small("[[auth]]\nkind = \"api-key\"\nhosts = []\ninject.heeder = { name = \"X\" }\n");
    assert!(
        refused(&text).contains("line 8, auth[0].inject.heeder: unknown key `heeder`; did you mean header?")
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let text = "manifest = 1\nid = \"Bad Id\"\nname = \"\"\nversion = \"one\"\nbogus = true\n\
        [[egress]]\nmethods = [\"get\"]\nhost = \"https://api.example.com\"\npaths = [\"v1\"]\nredirects = 9\n";
    let error = Manifest::parse(text).unwrap_err();
    let at: Vec<&str> = error.problems.iter().map(|p| p.at.as_str()).collect();
    let want = [
        "line 2, id",
        "line 3, name",
        "line 4, version",
        "line 5, bogus",
        "line 7, egress[0].methods[0]",
        "line 8, egress[0].host",
        "line 9, egress[0].paths[0]",
        "line 10, egress[0].redirects",
    ];
    assert_eq!(at, want);
    assert_eq!(error.to_string().lines().count(), want.len());
}

#[test]
fn missing_keys_and_wrong_types_come_at_once_too() {
    let text = refused(
        "manifest = 1\nid = 7\nname = [\"x\"]\n[limits]\ncpu-ms = -1\nmemory-mib = \"a\"\n[[rate]]\nlimit = \"5\"\n",
    );
    for want in [
        "line 2, id: is an integer, but a string is wanted",
        "line 3, name: is an array, but a string is wanted",
        "`version` is missing: The connector's version, semver 2.",
        "line 5, limits.cpu-ms: is not a number from 0 to",
        "line 6, limits.memory-mib: is a string, but a number is wanted",
        "rate[0]: `bucket` is missing",
        "line 8, rate[0].limit: `5` is not a rate such as 100/10s",
    ] {
        assert!(text.contains(want), "{want}\n---\n{text}");
    }
}

#[test]
fn the_first_key_says_the_version() {
    let two = refused("manifest = 2\nwhatever = true\n");
    assert_eq!(
        two,
        "line 1, manifest: this host reads manifest version 1, not 2: take the Jackfield that wrote it, or newer"
    );
    assert!(
        refused("id = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n")
            .contains("the first key must be `manifest = 1`")
    );
    assert!(refused("id = \"x\"\nmanifest = 1\n").contains("must be the first key"));
    assert!(refused("manifest = \"1\"\n").contains("the number 1"));
    assert!(!refused("").is_empty());
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    assert!(refused(&small("[[egress]\n")).starts_with("line 5: "));
    assert!(refused(&small("x = \n")).starts_with("line 5: "));
    assert!(refused(&small("id = \"y\"\n")).contains("line 5: duplicate key"));
    let deep = format!("manifest = 1\nx = {}", "[".repeat(60_000));
    assert!(!refused(&deep).is_empty());
    assert!(refused(&small(&"#".repeat(70_000))).contains("at most 65536"));
}

/// What replaces what in the full manifest, and what is said of it.
#[rustfmt::skip]
const BAD: &[(&str, &str, &str)] = &[
    ("id = \"example-crm\"", "id = \"../etc\"", "id: `../etc` is no name"),
    ("name = \"Example CRM\"", "name = \"a\\u001b[2Jb\"", "holds the character '\\u{1b}'"),
    ("name = \"Example CRM\"", "name = \"a\\u202eb\"", "holds the character '\\u{202e}'"),
    ("name = \"Example CRM\"", "name = \"\\u0000\"", "holds the character '\\0'"),
    ("1.2.0-beta.1", "1.2", "is no semantic version"),
    ("homepage = \"https://docs", "homepage = \"http://docs", "homepage: is not an https URL"),
    ("homepage = \"https://docs", "homepage = \"https://u:p@docs", "homepage: has a user name"),
    ("kind = \"basic\"", "kind = \"oauth\"", "auth[2].kind: `oauth` is none of bearer, api-key, basic, webhook-url"),
    ("kind = \"basic\"", "kind = \"bearer\"", "auth[2].kind: there is an [[auth]] of kind bearer already"),
    ("hosts = [\"*.eu.example.com\"]", "hosts = [\"api.other.com\"]", "auth[1].hosts[0]: `api.other.com` is covered by no"),
    ("hosts = [\"*.eu.example.com\"]", "hosts = [\"*.com\"]", "covers a whole top-level domain"),
    ("hosts = [\"*.eu.example.com\"]", "hosts = []", "auth[1].hosts: is empty"),
    ("inject.header = { name = \"X-Api-Key\", prefix = \"Key \" }", "", "needs `inject`"),
    ("inject.header = { name = \"X-Api-Key\", prefix = \"Key \" }", "inject = {}", "give exactly one of"),
    ("{ name = \"X-Api-Key\", prefix = \"Key \" }", "{ name = \"Host\" }", "a header that the host writes itself"),
    ("{ name = \"X-Api-Key\", prefix = \"Key \" }", "{ name = \"X Key\" }", "is no header name"),
    ("header = { name = \"X-Api-Key\", prefix = \"Key \" }", "path = { placeholder = \"token\" }", "is no placeholder such as {token}"),
    ("endpoint = \"hook\"", "endpoint = \"hok\"", "there is no [[endpoint]] named `hok`"),
    ("endpoint = \"hook\"", "endpoint = \"base\"", "the endpoint `base` is not from = \"credential\""),
    ("endpoint = \"hook\"", "", "needs `endpoint`"),
    ("endpoint = \"hook\"", "endpoint = \"hook\"\nhosts = [\"hooks.example.com\"]", "does not go with webhook-url"),
    ("host = \"api.example.com\"", "host = \"API.example.com\"", "is not in lower case"),
    ("host = \"api.example.com\"", "host = \"api.example.com:8443\"", "has a port"),
    ("host = \"api.example.com\"", "host = \"10.0.0.1\"", "is an address"),
    ("host = \"api.example.com\"", "host = \"0x7f.0x1\"", "is an address"),
    ("host = \"api.example.com\"", "host = \"[::1]\"", "is an address"),
    ("host = \"api.example.com\"", "host = \"localhost\"", "has one label only"),
    ("host = \"api.example.com\"", "host = \"a.*.example.com\"", "wildcard elsewhere"),
    ("host = \"api.example.com\"", "host = \"*\"", "wildcard elsewhere"),
    ("host = \"api.example.com\"", "host = \"api..example.com\"", "is not a host name"),
    ("host = \"api.example.com\"", "host = \"hook.endpoint.invalid\"", "declare an [[endpoint]]"),
    ("\"GET\", \"POST\", \"PATCH\"", "\"GET\", \"FETCH\"", "`FETCH` is none of"),
    ("\"GET\", \"POST\", \"PATCH\"", "\"GET\", \"GET\"", "methods[1]: is there already"),
    ("\"GET\", \"POST\", \"PATCH\"", "", "methods: is empty"),
    ("\"/v1/me\"", "\"v1/me\"", "does not start with a slash"),
    ("\"/v1/me\"", "\"/v1/**/me\"", "** before its end"),
    ("\"/v1/me\"", "\"/v1/me**\"", "** within a segment"),
    ("\"/v1/me\"", "\"/v1/../me\"", "has a dot segment"),
    ("\"/v1/me\"", "\"/v1%2Fme\"", "holds %2f"),
    ("\"/v1/me\"", "\"/v1//me\"", "has an empty segment"),
    ("\"/v1/me\"", "\"/v1/me?x=1\"", "holds '?'"),
    ("redirects = 2", "redirects = 6", "redirects: is 6; at most 5"),
    ("name = \"base\"", "name = \"hook\"", "there is an endpoint `hook` already"),
    ("name = \"base\"", "name = \"Base\"", "endpoint[1].name: `Base` is no name"),
    ("setting = \"baseUrl\"", "setting = \"baseURL\"", "there is no [settings.baseURL]; did you mean baseUrl?"),
    ("setting = \"baseUrl\"", "setting = \"region\"", "settings.region is not of type url"),
    ("setting = \"baseUrl\"", "", "needs `setting`"),
    ("from = \"account\"", "from = \"account\"\nsetting = \"baseUrl\"", "only goes with from = \"settings\""),
    ("from = \"account\"", "from = \"credential\"", "no [[auth]] gives it"),
    ("bucket = \"search\"", "bucket = \"burst\"", "there is a bucket `burst` already"),
    ("limit = \"5/s\"", "limit = \"0/s\"", "is not a rate such as"),
    ("limit = \"5/s\"", "limit = \"5/40d\"", "more than 31 days"),
    ("[rate-headers]\nbucket = \"burst\"", "[rate-headers]\nbucket = \"daily\"", "no [[rate]] has this bucket; there are burst, search"),
    ("remaining = \"X-RateLimit-Remaining\"", "remaining = \"X RateLimit\"", "is no header name"),
    ("\"crm/write:contact\"", "\"crm/write:contract\"", "`contract` is none of contact"),
    ("\"crm/write:contact\"", "\"crm/read\"", "`crm/read` is none of crm/write"),
    ("object = \"activity\"", "object = \"activities\"", "sync.call.object: `activities` is none of contact, lead"),
    ("object = \"custom:visits\"", "object = \"custom:\"", "sync.appointment.object"),
    ("\"call.*\"", "\"call*\"", "sink.events[0]: `call*` is no pattern"),
    ("[settings.quiet]", "[settings.Quiet-1]", "is no setting's name"),
    ("one-of = [\"eu\", \"us\"]", "one-of = [\"us\"]", "settings.region.default: is none of us"),
    ("default = 10", "default = \"ten\"", "settings.limit.default: is not a whole number"),
    ("default = 10", "default = 2026-01-01", "settings.limit.default: is not a whole number"),
    ("default = [\"jackfield\"]", "default = [1]", "settings.tags.default: is not a list of strings"),
    ("default = 10", "default = 10\nrequired = true", "a setting with a default is never missing"),
    ("type = \"boolean\"", "type = \"boolean\"\none-of = [\"a\"]", "only goes with type = \"string\""),
    ("type = \"boolean\"", "type = \"bool\"", "`bool` is none of string, integer, boolean, url, strings"),
    ("cpu-ms = 4000", "cpu-ms = 0", "limits.cpu-ms: is out of bounds: 1 to 60000"),
    ("memory-mib = 128", "memory-mib = 4096", "limits.memory-mib: is out of bounds"),
    ("log-kib = 512", "instances = 61", "limits.instances: is out of bounds: 1 to 60"),
    ("max-calls = 50", "max-calls = 1", "reuse.max-calls: is out of bounds: 2 to 10000"),
    ("max-age-ms = 30000", "max-age-ms = 0", "reuse.max-age-ms: is out of bounds: 1 to 600000"),
    ("max-age-ms = 30000", "", "max-age-ms"),
    ("memory-mib = 128", "memory-mib = 5000000000", "limits.memory-mib: is not a number from 0 to 4294967295"),
];

#[test]
fn every_bad_manifest_is_refused_in_words_that_help() {
    for (old, new, want) in BAD {
        assert!(FULL.contains(old), "the table is out of date: {old}");
        let said = refused(&FULL.replacen(old, new, 1));
        assert!(said.contains(want), "{old} -> {new}\nwant: {want}\nsaid: {said}");
        assert!(said.lines().all(|l| !l.is_empty() && l.chars().all(|c| !c.is_control())), "{said:?}");
    }
}

#[test]
fn many_problems_are_cut_short() {
    let many: String = (0..200).map(|i| format!("bogus{i} = 1\n")).collect();
    let said = refused(&small(&many));
    assert_eq!(said.lines().count(), 50);
    assert!(said.ends_with("and 151 more problems"));
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "\\PC{0,300}", cut in 0usize..2_000, put in "[\\[\\]{}=\"'.,a-z0-9\\n]{0,12}") {
        let _ = Manifest::parse(&text);
        let _ = Manifest::parse(&small(&text));
        let at = cut.min(FULL.len());
        let _ = Manifest::parse(&format!("{}{put}{}", &FULL[..at], &FULL[at..]));
    }

    #[test]
    fn what_is_parsed_can_be_parsed_from_its_json_again(count in 1u32.., window in 1u64..1_000_000) {
        let rate = RateLimit { count, window_ms: window };
        prop_assert_eq!(String::from(rate).parse::<RateLimit>(), Ok(rate));
    }
}

#[test]
fn what_a_problem_quotes_stays_on_its_line_and_is_cut() {
    let long = "x".repeat(20_000);
    let text = small(&format!(
        "\"a\\nb\" = 1\n[[auth]]\nkind = \"\\u0000\\u001b[2Jbasic\"\nhosts = [\"a.example.com\"]\n[sync]\n\
         lead = {{ object = \"contact\", mapping = {{ \"c\\nd\" = \"\" }} }}\n[idempotency]\nheader = \"{long}\"\n"
    ));
    for problem in Manifest::parse(&text).unwrap_err().problems {
        let shown = problem.to_string();
        assert!(!shown.chars().any(char::is_control) && shown.len() < 1_500, "{shown:?}");
    }
}

#[test]
fn a_host_whose_punycode_cannot_be_read_is_refused() {
    for (host, fits) in
        [("xn--bcher-kva.example", true), ("xn--a.example", false), ("*.xn--a.example", false)]
    {
        let text = small(&format!("[[egress]]\nmethods = [\"GET\"]\nhost = \"{host}\"\npaths = [\"/\"]\n"));
        assert_eq!(Manifest::parse(&text).is_ok(), fits, "{host}");
    }
}

#[test]
fn the_idempotency_header_is_one_that_a_guest_may_set() {
    let with = |header: &str| small(&format!("[idempotency]\nheader = \"{header}\"\n"));
    for fine in ["Idempotency-Key", "X-Request-Id"] {
        assert!(Manifest::parse(&with(fine)).is_ok(), "{fine}");
    }
    for bad in [
        "Authorization",
        "x_api_key",
        "Host",
        "Transfer_Encoding",
        "X-HTTP-Method-Override",
        "X-Forwarded-Host",
    ] {
        assert!(refused(&with(bad)).contains("idempotency.header: "), "{bad}");
    }
    let key = "[[auth]]\nkind = \"api-key\"\nhosts = [\"a.example.com\"]\ninject.header = { name = \"X-Key\" }\n\
               [[egress]]\nmethods = [\"GET\"]\nhost = \"a.example.com\"\npaths = [\"/\"]\n";
    assert!(refused(&format!("{}{key}", with("x_key"))).contains("the key would replace it"));
}
