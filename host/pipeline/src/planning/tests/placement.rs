use serde_json::json;

use super::*;
use crate::planning::samples::contact_fields;

fn fields(of: &[(&str, &str)]) -> Vec<MappedField> {
    of.iter().map(|(n, v)| MappedField { name: (*n).to_owned(), value: (*v).to_owned() }).collect()
}

fn contact(of: &[(&str, &str)]) -> Result<Composed, MappingError> {
    apply("contact", &fields(of), Schema::read(&contact_fields()).as_ref())
}

#[test]
fn a_field_with_a_place_in_the_typed_record_goes_there() {
    let c = contact(&[
        ("firstname", "John"),
        ("lastname", "Smith"),
        ("email", "john@example.com"),
        ("phone", "+1 (234) 567-890"),
        ("company", "Acme"),
        ("city", "Ulm"),
    ])
    .unwrap();
    assert_eq!(c.person.texts["first-name"], "John");
    assert_eq!(c.person.texts["last-name"], "Smith");
    assert_eq!(c.person.texts["company-name"], "Acme");
    assert_eq!(c.person.emails, ["john@example.com"]);
    assert_eq!(c.person.phones, ["+1234567890"]);
    assert_eq!(c.person.address["city"], "Ulm");
    assert!(c.custom.is_empty() && c.notes.is_empty() && c.members.is_empty());
}

#[test]
fn the_rest_travels_under_the_providers_name_in_its_type() {
    let c = contact(&[
        ("hs_lead_status", "new"),
        ("calls", "3"),
        ("score", "12.50"),
        ("vip", "Yes"),
        ("met_on", "2026-11-24T15:00:00-05:00"),
        ("met_at", "2026-11-24T15:00:00-05:00"),
        ("topics", "pricing; Other"),
        ("extra", "{\"a\": 1}"),
    ])
    .unwrap();
    let values: Vec<(&str, &Value)> = c.custom.iter().map(|f| (f.name.as_str(), &f.value)).collect();
    assert_eq!(
        values,
        [
            ("hs_lead_status", &Value::Text("NEW".to_owned())),
            ("calls", &Value::Integer(3)),
            ("score", &Value::Decimal("12.50".to_owned())),
            ("vip", &Value::Boolean(true)),
            ("met_on", &Value::Date("2026-11-24".to_owned())),
            ("met_at", &Value::Timestamp("2026-11-24T20:00:00.000Z".to_owned())),
            ("topics", &Value::Choices(vec!["Pricing".to_owned(), "Other".to_owned()])),
            ("extra", &Value::Json("{\"a\":1}".to_owned())),
        ]
    );
}

#[test]
fn a_value_that_the_fields_type_cannot_take_is_named() {
    for (name, value) in [
        ("calls", "many"),
        ("calls", "1.5"),
        ("score", "1e9"),
        ("score", "."),
        ("vip", "perhaps"),
        ("met_on", "tomorrow"),
        ("met_on", "2026-02-30"),
        ("met_at", "2026-11-24"),
        ("extra", "{"),
    ] {
        let error = contact(&[(name, value)]).unwrap_err();
        assert_eq!(error.code(), "invalid_field_value", "{name} {value}");
        assert!(error.to_string().contains(name) && error.to_string().contains(value), "{error}");
    }
}

#[test]
fn an_unknown_name_is_an_error_with_the_nearest_names() {
    let error = contact(&[("firstnam", "John")]).unwrap_err();
    let MappingError::UnknownField { name, nearest, .. } = &error else { panic!("{error}") };
    assert_eq!((name.as_str(), nearest[0].as_str()), ("firstnam", "firstname"));
}

#[test]
fn a_schema_that_may_be_incomplete_lets_an_unknown_name_pass_as_text() {
    let mut open = contact_fields();
    open["additionalProperties"] = json!(true);
    let c = apply("contact", &fields(&[("newer", "x")]), Schema::read(&open).as_ref()).unwrap();
    assert_eq!(c.custom, [Field { name: "newer".to_owned(), value: Value::Text("x".to_owned()) }]);
}

#[test]
fn a_description_without_a_field_becomes_a_note() {
    let c = contact(&[("description", "one"), ("description", "two")]).unwrap();
    assert_eq!(c.notes, ["one", "two"]);
    assert!(c.custom.is_empty());
    let mut open = contact_fields();
    open["additionalProperties"] = json!(true);
    assert!(!has_description("contact", Schema::read(&open).as_ref()));
    assert!(!has_description("contact", None));
}

#[test]
fn a_description_goes_to_its_field_where_there_is_one() {
    let plain = json!({"properties": {"description": {"type": "string"}}});
    let schema = Schema::read(&plain);
    let c = apply("contact", &fields(&[("description", "d")]), schema.as_ref()).unwrap();
    assert_eq!(c.custom, [Field { name: "description".to_owned(), value: Value::Text("d".to_owned()) }]);
    let typed = json!({"properties": {"Description": {"type": "string", "x-member": "description"}}});
    let schema = Schema::read(&typed);
    let c =
        apply("lead", &fields(&[("description", "one"), ("description", "two")]), schema.as_ref()).unwrap();
    assert_eq!(c.members["description"], "one\n\ntwo");
    let c = apply("lead", &fields(&[("Description", "d")]), schema.as_ref()).unwrap();
    assert_eq!(c.members["description"], "d");
    assert!(has_description("lead", None));
}

#[test]
fn a_member_that_the_object_does_not_have_stays_a_custom_field() {
    let schema = Schema::read(
        &json!({"properties": {"about": {"x-member": "description"}, "f": {"x-member": "person.shoe"}}}),
    );
    let c = apply("contact", &fields(&[("about", "d"), ("f", "44")]), schema.as_ref()).unwrap();
    assert_eq!(c.custom.len(), 2);
    let c = apply("task", &fields(&[("f", "44")]), schema.as_ref()).unwrap();
    assert_eq!(c.custom.len(), 1);
}

#[test]
fn without_a_schema_everything_is_custom_text() {
    let c = apply("contact", &fields(&[("email", "a@b.c")]), None).unwrap();
    assert_eq!(c.custom, [Field { name: "email".to_owned(), value: Value::Text("a@b.c".to_owned()) }]);
}

#[test]
fn the_first_value_of_a_name_wins() {
    let c = contact(&[("firstname", "A"), ("firstname", "B"), ("calls", "1"), ("calls", "2")]).unwrap();
    assert_eq!(c.person.texts["first-name"], "A");
    assert_eq!(c.custom, [Field { name: "calls".to_owned(), value: Value::Integer(1) }]);
}

#[test]
fn a_schema_is_read_from_a_whole_answer_too() {
    let whole = json!({"object": "Contact", "fields": contact_fields().to_string(), "max_batch": 100});
    assert_eq!(Schema::read(&whole), Schema::read(&contact_fields()));
    assert_eq!(Schema::read(&json!({"fields": contact_fields()})), Schema::read(&contact_fields()));
    for none in [json!(null), json!("not json"), json!({}), json!({"fields": "[]"}), json!({"properties": 1})]
    {
        assert_eq!(Schema::read(&none), None, "{none}");
    }
}
