//! Reading, refusing and fitting credentials.

use serde_json::json;

use super::*;

const VALUE: &str = "never-shown-0123456789";

fn refused(given: &Value) -> CredentialError {
    let error = Credential::from_json(given).expect_err("a bad credential");
    assert!(!error.to_string().contains(VALUE) && !format!("{error:?}").contains(VALUE), "{error:?}");
    error
}

#[test]
fn each_kind_is_read_and_survives_sealing_as_text() {
    for (given, kind) in [
        (json!({ "accessToken": VALUE }), AuthKind::Bearer),
        (json!({ "apiKey": VALUE }), AuthKind::ApiKey),
        (json!({ "username": "ann", "password": VALUE }), AuthKind::Basic),
        (json!({ "username": VALUE, "password": "" }), AuthKind::Basic),
        (json!({ "webhookUrl": VALUE }), AuthKind::WebhookUrl),
    ] {
        let credential = Credential::from_json(&given).unwrap();
        assert_eq!(credential.kind(), kind);
        assert!(Credential::from_text(&credential.to_text()) == Some(credential.clone()));
        assert_eq!(format!("{credential:?}"), format!("Credential({kind}: REDACTED)"));
    }
}

#[test]
fn bad_credentials_have_stable_codes_and_never_show_a_value() {
    for (given, code) in [
        (json!(VALUE), "credentials_malformed"),
        (json!({}), "credentials_malformed"),
        (json!(null), "credentials_malformed"),
        (json!([VALUE]), "credentials_malformed"),
        (json!({ VALUE: "" }), "credentials_unknown_member"),
        (json!({ "accessToken": VALUE, "scope": VALUE }), "credentials_unknown_member"),
        (json!({ "accessToken": VALUE, "apiKey": VALUE }), "credentials_ambiguous"),
        (json!({ "username": VALUE }), "credentials_member_missing"),
        (json!({ "password": VALUE }), "credentials_member_missing"),
        (json!({ "accessToken": [VALUE] }), "credentials_not_text"),
        (json!({ "accessToken": null }), "credentials_not_text"),
        (json!({ "accessToken": "" }), "credentials_empty"),
        (json!({ "username": "", "password": "" }), "credentials_empty"),
        (json!({ "apiKey": "x".repeat(8_193) }), "credentials_too_long"),
        (json!({ "accessToken": format!("{VALUE}\r\nX-Evil: 1") }), "credentials_bad_character"),
        (json!({ "apiKey": format!("{VALUE}\n") }), "credentials_bad_character"),
        (json!({ "username": "a\0b", "password": VALUE }), "credentials_bad_character"),
        (json!({ "username": "a:b", "password": VALUE }), "credentials_bad_character"),
        (json!({ "accessToken": format!("Bearer {VALUE}") }), "credentials_bad_character"),
        (json!({ "accessToken": format!(" {VALUE}") }), "credentials_bad_character"),
        (json!({ "accessToken": format!("{VALUE}é") }), "credentials_bad_character"),
    ] {
        assert_eq!(refused(&given).code(), code, "{given}");
    }
    let said = refused(&json!({ "acessToken": VALUE })).to_string();
    assert!(said.ends_with("; did you mean accessToken?"), "{said}");
}

fn manifest(auth: &str) -> Manifest {
    let text = format!(
        "manifest = 1\nid = \"x\"\nname = \"X\"\nversion = \"1.0.0\"\n
        [[egress]]\nmethods = [\"GET\"]\nhost = \"api.example.com\"\npaths = [\"/**\"]\n{auth}"
    );
    Manifest::parse(&text).expect("a good manifest")
}

fn hook() -> Manifest {
    manifest(
        "[[auth]]\nkind = \"webhook-url\"\nendpoint = \"hook\"
        [[endpoint]]\nname = \"hook\"\nfrom = \"credential\"\nhosts = [\"hooks.example.com\"]
        paths = [\"/catch/*/*\"]\nmethods = [\"POST\"]\n",
    )
}

#[test]
fn a_kind_that_the_connector_does_not_take_is_refused_with_those_that_it_takes() {
    let bearer = Credential::from_json(&json!({ "accessToken": VALUE })).unwrap();
    let error = bearer.check(&hook()).unwrap_err();
    assert_eq!(error.code(), "credentials_kind_not_offered");
    assert_eq!(error.to_string(), "this connector does not take accessToken; it takes webhookUrl");
    let none = bearer.check(&manifest("")).unwrap_err().to_string();
    assert_eq!(none, "this connector does not take accessToken; it takes no credential at all");
}

#[test]
fn a_webhook_url_fits_its_endpoint_or_is_refused_unseen() {
    let check = |url: &str| Credential::from_json(&json!({ "webhookUrl": url })).unwrap().check(&hook());
    assert_eq!(check("https://hooks.example.com/catch/1/never-shown"), Ok(()));
    assert_eq!(check("https://hooks.example.com/catch/1/never-shown?sig=2"), Ok(()));
    for bad in [
        "http://hooks.example.com/catch/1/never-shown",
        "https://never:shown@hooks.example.com/catch/1/never-shown",
        "https://hooks.example.com:8443/catch/1/never-shown",
        "https://hooks.example.com/catch/1/never-shown#x",
        "https://hooks.example.com/catch/never-shown",
        "https://hooks.example.com/catch/../admin/never-shown/x",
        "https://hooks.example.com/catch/1/a%2f..%2fnever-shown",
        "https://evil.example.org/catch/1/never-shown",
        "https://hooks.example.com.evil.org/catch/1/never-shown",
        "never-shown",
    ] {
        let error = check(bad).unwrap_err();
        assert_eq!(error.code(), "credentials_webhook_url_refused", "{bad}");
        assert!(!error.to_string().contains("never-shown"), "{error}");
    }
}

#[test]
fn a_key_that_goes_into_a_header_must_fit_a_header() {
    let auth = "[[auth]]\nkind = \"api-key\"\nhosts = [\"api.example.com\"]\n";
    let header = manifest(&format!("{auth}inject.header = {{ name = \"X-Api-Key\" }}\n"));
    let query = manifest(&format!("{auth}inject.query = {{ name = \"key\" }}\n"));
    let key = Credential::from_json(&json!({ "apiKey": "schlüssel-1" })).unwrap();
    assert_eq!(key.check(&header).unwrap_err().code(), "credentials_bad_character");
    assert_eq!(key.check(&query), Ok(()));
}
