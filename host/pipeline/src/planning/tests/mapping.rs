use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::planning::samples::*;

fn resolved(mapping: &[(&str, &str)], event: &store::Event) -> Vec<(String, String)> {
    resolve(&map(mapping), &EventView::new(event)).into_iter().map(|f| (f.name, f.value)).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn the_mapping_of_the_guides_takes_name_phone_address_and_reason() {
    assert_eq!(
        resolved(GUIDE, &lead_captured()),
        pairs(&[
            ("email", "john@example.com"),
            ("firstname", "John"),
            ("lastname", "Smith"),
            ("phone", "+1234567890"),
            ("description", "Interested in services"),
        ])
    );
}

#[test]
fn an_alias_means_the_same_in_every_form_of_event() {
    let forms = [
        json!({"name": "A B", "phone": "+15550001111", "email": "a@b.c", "company": "Acme"}),
        json!({"callerName": "A B", "callerPhone": "+1 555 000 1111", "callerEmail": "a@b.c", "companyName": "Acme"}),
        json!({"customer": {"name": "A B", "phone": "+15550001111", "email": "a@b.c", "company": "Acme"}}),
        json!({"attendee": {"name": "A B", "phone": "+15550001111", "email": "a@b.c"}, "company": {"name": "Acme"}}),
        json!({"attendees": [{"name": "A B", "phone": "+15550001111", "email": "a@b.c"}], "company": "Acme"}),
        json!({"firstName": "A", "lastName": "B", "fromNumber": "+15550001111", "direction": "inbound",
            "toNumber": "+15559999999", "email": "a@b.c", "company": "Acme"}),
        json!({"firstName": "A", "lastName": "B", "toNumber": "+15550001111", "direction": "outbound",
            "fromNumber": "+15559999999", "email": "a@b.c", "company": "Acme"}),
    ];
    let all = [("callerName", "n"), ("callerPhone", "p"), ("callerEmail", "e"), ("company", "c")];
    for data in forms {
        let event = event("call.ended", data.clone());
        let wanted = pairs(&[("e", "a@b.c"), ("n", "A B"), ("p", "+15550001111"), ("c", "Acme")]);
        assert_eq!(resolved(&all, &event), wanted, "{data}");
    }
}

#[test]
fn a_path_is_read_with_and_without_its_prefix() {
    let event = event(
        "call.ended",
        json!({"email": "a@b.c", "analysis": {"sentiment": "positive"}, "tags": ["x", {"name": "y"}],
            "utm.source": "ads", "data": {"deep": 1}}),
    );
    let value = |path: &str| resolved(&[(path, "f")], &event).pop().map(|(_, v)| v);
    for (path, wanted) in [
        ("data.email", "a@b.c"),
        ("email", "a@b.c"),
        ("data.analysis.sentiment", "positive"),
        ("analysis.sentiment", "positive"),
        ("tags.0", "x"),
        ("data.tags.1.name", "y"),
        ("utm.source", "ads"),
        ("data.deep", "1"),
        ("event", "call.ended"),
        ("organizationId", "org_abc123"),
        ("timestamp", "2026-11-20T10:00:00.000Z"),
        ("id", "evt_1"),
    ] {
        assert_eq!(value(path).as_deref(), Some(wanted), "{path}");
    }
    for path in ["tags.9", "tags.x", "email.more", "nothing", "", ".", "data", &"a.".repeat(10_000)] {
        if path != "data" {
            assert_eq!(value(path), None, "{path}");
        }
    }
}

#[test]
fn empty_values_are_left_out() {
    let event = event("lead.captured", json!({"name": " ", "email": null, "phone": "", "reason": []}));
    assert!(resolved(GUIDE, &event).is_empty());
}

#[test]
fn a_name_in_one_word_is_a_first_name() {
    let event = event("lead.captured", json!({"name": "Cher"}));
    assert_eq!(resolved(GUIDE, &event), pairs(&[("firstname", "Cher")]));
}

#[test]
fn a_name_that_came_in_two_is_not_split_again() {
    let event = event("lead.captured", json!({"firstName": "Mary", "lastName": "van Dyke"}));
    assert_eq!(resolved(GUIDE, &event), pairs(&[("firstname", "Mary"), ("lastname", "van Dyke")]));
}

#[test]
fn an_unknown_name_is_said_with_what_is_near() {
    let schema = Schema::read(&contact_fields()).unwrap();
    let unknown = known("contact", "frstname", Some(&schema)).unwrap_err();
    assert_eq!(unknown.code(), "unknown_field");
    assert_eq!(
        unknown.to_string(),
        "`contact` has no field `frstname`; did you mean `firstname` or `lastname`?"
    );
    assert_eq!(known("contact", "description", Some(&schema)), Ok(()));
    assert_eq!(known("contact", "anything", None), Ok(()));
}

#[test]
fn more_than_two_names_stay_one_name_that_is_refused() {
    let fields = resolve(&map(&[("callerName", "a,b,c")]), &EventView::new(&lead_captured()));
    let error = crate::planning::placement::apply("contact", &fields, None).unwrap_err();
    assert_eq!(error, MappingError::TooManyNames { right: "a,b,c".to_owned() });
    assert_eq!(error.code(), "invalid_field_mapping");
}

#[test]
fn durations_are_numbers_of_seconds_that_one_can_believe() {
    let seconds = |v: serde_json::Value| {
        EventView::new(&event("call.ended", json!({"duration": v}))).duration_seconds()
    };
    assert_eq!(seconds(json!(300)), Some(300));
    assert_eq!(seconds(json!("247")), Some(247));
    assert_eq!(seconds(json!(12.6)), Some(13));
    for bad in [json!(-1), json!("4 min"), json!(1e18), json!("NaN"), json!(null), json!(true), json!([])] {
        assert_eq!(seconds(bad.clone()), None, "{bad}");
    }
}

#[test]
fn a_transcript_in_turns_becomes_lines() {
    let turns = json!([{"role": "agent", "content": "Hello"}, {"speaker": "Caller", "text": "Hi"}, "…", {}]);
    let event = event("transcript.ready", json!({"transcript": turns}));
    assert_eq!(EventView::new(&event).transcript().as_deref(), Some("agent: Hello\nCaller: Hi\n…"));
}

proptest! {
    #[test]
    fn any_mapping_of_any_data_resolves_to_filled_fields(
        left in "[a-zA-Z.0-9]{0,20}", right in "[a-z,]{0,12}", name in "\\PC{0,30}",
    ) {
        let event = event("lead.captured", json!({"name": name, "a": {"b": [name]}}));
        for field in resolve(&map(&[(&left, &right), ("callerName", &right), ("a.b.0", &right)]), &EventView::new(&event)) {
            prop_assert!(!field.value.trim().is_empty());
        }
    }
}
