//! What a user may set on a connection.

use manifest::Manifest;
use serde_json::{Value, json};

fn full() -> Manifest {
    Manifest::parse(include_str!("full.toml")).expect("a good manifest")
}

fn refused(settings: Value) -> String {
    let errors = full().check_settings(&settings).expect_err(&settings.to_string());
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn defaults_are_filled_in_and_null_means_not_given() {
    let settings =
        full().check_settings(&json!({"baseUrl": "https://crm.example.net/x", "region": null})).unwrap();
    let want = json!({"baseUrl": "https://crm.example.net/x", "calendarId": "primary", "region": "eu", "limit": 10,
        "tags": ["jackfield"]});
    assert_eq!(settings, want);
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_names() {
    let said = refused(json!({"baseUrl": "https://crm.example.net", "regoin": "eu"}));
    assert_eq!(said, "settings.regoin: is unknown; did you mean region?");
}

#[test]
fn all_wrong_settings_come_at_once() {
    let said =
        refused(json!({"region": "asia", "limit": 1.5, "quiet": "yes", "tags": "a", "calendarId": "a\0b"}));
    for want in [
        "settings.region: is none of eu, us",
        "settings.limit: is not a whole number",
        "settings.quiet: is neither true nor false",
        "settings.tags: is not a list of strings",
        "settings.calendarId: holds a NUL character",
        "settings.baseUrl: is required",
    ] {
        assert!(said.contains(want), "{want}\n{said}");
    }
    assert_eq!(refused(json!([1])), "settings: is not an object");
    assert!(
        refused(json!({"baseUrl": "https://a.example.net", "calendarId": "x".repeat(4_097)}))
            .contains("4097")
    );
    assert!(
        refused(json!({"baseUrl": "https://a.example.net", "tags": vec!["x"; 101]})).contains("101 entries")
    );
}

#[test]
fn a_base_url_fits_the_endpoint_that_it_becomes() {
    for (url, want) in [
        ("http://crm.example.net", "is not an https URL"),
        ("https://u:p@crm.example.net", "user name or password"),
        ("https://crm.example.net:8443", "has a port"),
        ("https://crm.example.net/#x", "has a fragment"),
        ("https://127.0.0.1/", "does not allow; allowed: *.example.net"),
        ("https://example.net/", "does not allow; allowed: *.example.net"),
        ("https://crm.example.net.evil.org/", "does not allow"),
        ("https://crm.example.net/a%2f..%2fb", "hides a slash"),
        ("https:\\\\crm.example.net", "is not an https URL"),
        (" https://crm.example.net", "is not a URL"),
        ("crm.example.net", "is not a URL"),
    ] {
        assert!(
            refused(json!({ "baseUrl": url })).contains(want),
            "{url}: {}",
            refused(json!({ "baseUrl": url }))
        );
    }
}

#[test]
fn every_sink_takes_an_event_list_and_others_do_not() {
    let base = "https://crm.example.net";
    assert!(full().check_settings(&json!({"baseUrl": base, "events": ["call.*", "x"]})).is_ok());
    assert!(refused(json!({"baseUrl": base, "events": ["Call ended"]})).contains("is no event's name"));
    assert!(refused(json!({"baseUrl": base, "events": "call.*"})).contains("is not a list of strings"));
    let none = Manifest::parse("manifest = 1\nid = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n").unwrap();
    assert_eq!(none.check_settings(&Value::Null), Ok(json!({})));
    let errors = none.check_settings(&json!({"events": ["*"], "calendarId": "x"})).unwrap_err();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].to_string(), "settings.calendarId: is unknown: this connector has no settings");
}
