//! HubSpot's fake takes what HubSpot takes, and refuses what it refuses.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod support;

use providers::hubspot::{Config, Kind};
use providers::{HubSpot, Limit};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Client, standing_still};

const CONTACTS: &str = "/crm/objects/2026-09/contacts";
const NOTES: &str = "/crm/objects/2026-09/notes";

async fn portal() -> (HubSpot, Client) {
    let (settings, _) = standing_still();
    portal_with(Config { settings, burst: Limit::none(), search: Limit::none(), ..Config::default() }).await
}

async fn portal_with(config: Config) -> (HubSpot, Client) {
    let fake = HubSpot::start(config).await.unwrap();
    let client = Client::new(&fake.url(), "test-token-hubspot");
    (fake, client)
}

fn person(email: &str) -> Value {
    json!({"properties": {"email": email, "firstname": "Ada", "lastname": "Marsh"}, "associations": []})
}

fn note(contact: &str) -> Value {
    json!({
        "properties": {"hs_timestamp": "2026-03-02T12:00:00Z", "hs_note_body": "Called about a roof."},
        "associations": [{
            "to": {"id": contact},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}],
        }],
    })
}

fn search(filters: Value) -> Value {
    json!({"filterGroups": [{"filters": filters}], "sorts": [], "properties": ["email"], "limit": 10, "after": "0"})
}

#[tokio::test]
async fn a_contact_is_created_read_changed_and_archived_under_either_prefix() {
    let (fake, client) = portal().await;
    let made = client.post(CONTACTS, person("Ada@Example.com")).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json["properties"]["email"], "ada@example.com");
    assert_eq!(made.json["createdAt"], "2026-03-02T12:00:00.000Z");
    let id = made.json["id"].as_str().unwrap();

    let changed =
        client.patch(&format!("/crm/v3/objects/contacts/{id}"), json!({"properties": {"phone": "1"}})).await;
    assert_eq!((changed.status, &changed.json["properties"]["phone"]), (200, &json!("1")));
    let read = client.get(&format!("/crm/objects/2026-03/contacts/{id}?properties=phone,city")).await;
    assert_eq!(read.json["properties"]["phone"], "1");
    assert_eq!(read.json["properties"]["city"], Value::Null);
    assert_eq!(read.json["properties"].get("firstname"), None);

    assert_eq!(client.delete(&format!("{CONTACTS}/{id}")).await.status, 204);
    assert_eq!(client.get(&format!("{CONTACTS}/{id}")).await.status, 404);
    assert_eq!(client.get(&format!("{CONTACTS}/{id}?archived=true")).await.json["archived"], true);
    assert!(fake.contacts().is_empty());
    assert_eq!(client.post(CONTACTS, person("ada@example.com")).await.status, 201);
}

#[tokio::test]
async fn a_contact_is_found_and_changed_by_its_address() {
    let (_fake, client) = portal().await;
    client.post(CONTACTS, person("ada+roof@example.com")).await;
    let by_email = "/crm/v3/objects/contacts/ada%2Broof%40example.com?idProperty=email";
    let found = client.get(by_email).await;
    assert_eq!((found.status, &found.json["properties"]["lastname"]), (200, &json!("Marsh")));
    let changed = client.patch(by_email, json!({"properties": {"lastname": "Ortiz"}})).await;
    assert_eq!(changed.json["properties"]["lastname"], "Ortiz");
    let absent = client.get("/crm/v3/objects/contacts/nobody%40example.com?idProperty=email").await;
    assert_eq!((absent.status, &absent.json["category"]), (404, &json!("OBJECT_NOT_FOUND")));
}

#[tokio::test]
async fn a_duplicate_email_answers_409_with_the_existing_id() {
    let (_fake, client) = portal().await;
    let first = client.post(CONTACTS, person("ada@example.com")).await;
    let id = first.json["id"].as_str().unwrap();
    let second = client.post(CONTACTS, person("ADA@example.com")).await;
    assert_eq!((second.status, &second.json["category"]), (409, &json!("CONFLICT")));
    assert_eq!(second.json["message"], format!("Contact already exists. Existing ID: {id}"));
}

#[tokio::test]
async fn an_unknown_property_is_refused_by_name_and_nothing_is_created() {
    let (fake, client) = portal().await;
    let refused = client.post(CONTACTS, json!({"properties": {"email": "a@b.co", "description": "x"}})).await;
    assert_eq!((refused.status, &refused.json["category"]), (400, &json!("VALIDATION_ERROR")));
    assert_eq!(refused.json["errors"][0]["code"], "PROPERTY_DOESNT_EXIST");
    assert_eq!(refused.json["errors"][0]["context"]["propertyName"], json!(["description"]));
    assert!(refused.json["message"].as_str().unwrap().contains("PROPERTY_DOESNT_EXIST"));
    assert!(fake.contacts().is_empty());
}

#[tokio::test]
async fn bad_values_are_refused_with_the_code_of_what_is_wrong() {
    let (_fake, client) = portal().await;
    let cases = [
        ("hs_lead_status", "CALLED", "INVALID_OPTION"),
        ("hubspot_owner_id", "1", "INVALID_OPTION"),
        ("email", "nobody", "INVALID_EMAIL"),
        ("closedate", "soon", "INVALID_DATE"),
        ("createdate", "2026-03-02", "READ_ONLY_VALUE"),
    ];
    for (name, value, code) in cases {
        let refused = client.post(CONTACTS, json!({"properties": {name: value}})).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["code"]), (400, &json!(code)), "{name}");
    }
}

#[tokio::test]
async fn a_note_needs_a_timestamp_and_a_body_that_is_not_too_long() {
    let (fake, client) = portal().await;
    let refused = client.post(NOTES, json!({"properties": {"hs_note_body": "Hello"}})).await;
    assert_eq!((refused.status, &refused.json["context"]["properties"]), (400, &json!(["hs_timestamp"])));
    let long = "x".repeat(65_537);
    let refused =
        client.post(NOTES, json!({"properties": {"hs_timestamp": "0", "hs_note_body": long}})).await;
    assert_eq!((refused.status, &refused.json["errors"][0]["code"]), (400, &json!("INVALID_LENGTH")));
    assert!(fake.notes().is_empty());
}

#[tokio::test]
async fn a_note_is_associated_as_it_is_created_or_not_created_at_all() {
    let (fake, client) = portal().await;
    let contact = fake.seed(Kind::Contacts, &[("email", "ada@example.com")]).unwrap();
    assert_eq!(client.post(NOTES, note("999")).await.status, 400);
    assert!(fake.notes().is_empty());
    let made = client.post(NOTES, note(&contact.to_string())).await;
    assert_eq!(made.status, 201);
    let id: u64 = made.json["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(fake.associated(Kind::Contacts, contact, Kind::Notes), [id]);
    let read = client.get(&format!("{NOTES}/{id}?associations=contacts")).await;
    assert_eq!(read.json["associations"]["contacts"]["results"][0]["type"], "note_to_contact");
}

#[tokio::test]
async fn the_wrong_association_type_is_refused() {
    let (fake, client) = portal().await;
    let contact = fake.seed(Kind::Contacts, &[("email", "ada@example.com")]).unwrap();
    let mut body = note(&contact.to_string());
    body["associations"][0]["types"][0]["associationTypeId"] = 194.into();
    assert_eq!(client.post(NOTES, body).await.status, 400);
}

#[tokio::test]
async fn records_are_associated_later_and_listed_in_both_shapes() {
    let (fake, client) = portal().await;
    let contact = fake.seed(Kind::Contacts, &[("email", "ada@example.com")]).unwrap();
    let deal = fake.seed(Kind::Deals, &[("dealname", "Roof"), ("dealstage", "qualifiedtobuy")]).unwrap();
    let path = format!("/crm/objects/2026-09/deals/{deal}/associations/default/contacts/{contact}");
    let linked = client.send("PUT", &path, "", "").await.unwrap();
    assert_eq!((linked.status, &linked.json["status"]), (200, &json!("COMPLETE")));
    let new = client.get(&format!("/crm/objects/2026-09/contacts/{contact}/associations/deals")).await;
    assert_eq!(new.json["results"][0]["toObjectId"], deal);
    let old = client.get(&format!("/crm/v3/objects/deals/{deal}/associations/contacts")).await;
    assert_eq!(old.json["results"][0], json!({"id": contact.to_string(), "type": "deal_to_contact"}));
    let labels = client.get("/crm/v4/associations/notes/contacts/labels").await;
    assert_eq!(labels.json["results"][0]["typeId"], 202);
}

#[tokio::test]
async fn search_filters_sorts_and_pages() {
    let (fake, client) = portal().await;
    for (at, name) in ["Cy", "Ada", "Ben"].iter().enumerate() {
        let email = format!("{}@example.com", name.to_lowercase());
        let phone = format!("+1 (555) 010-000{at}");
        fake.seed(Kind::Contacts, &[("email", &email), ("firstname", name), ("phone", &phone)]).unwrap();
    }
    let path = "/crm/v3/objects/contacts/search";
    let all = json!({"filterGroups": [], "sorts": ["firstname"], "properties": [], "limit": 2, "after": "0"});
    let first = client.post(path, all.clone()).await;
    assert_eq!((first.status, &first.json["total"]), (200, &json!(3)));
    assert_eq!(first.json["results"][0]["properties"]["firstname"], "Ada");
    let after = &first.json["paging"]["next"]["after"];
    let mut rest = all;
    rest["after"] = after.clone();
    assert_eq!(client.post(path, rest).await.json["results"][0]["properties"]["firstname"], "Cy");

    let finds = async |filter: Value| client.post(path, search(json!([filter]))).await.json["total"].clone();
    let phone = "hs_searchable_calculated_phone_number";
    assert_eq!(finds(json!({"propertyName": phone, "operator": "EQ", "value": "5550100001"})).await, 1);
    assert_eq!(
        finds(json!({"propertyName": "email", "operator": "IN", "values": ["cy@example.com", "x@y.z"]}))
            .await,
        1
    );
    assert_eq!(
        finds(json!({"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "example"})).await,
        3
    );
    assert_eq!(finds(json!({"propertyName": "city", "operator": "NOT_HAS_PROPERTY"})).await, 3);
    let since = json!({"propertyName": "lastmodifieddate", "operator": "GTE", "value": "1772452800000"});
    assert_eq!(finds(since).await, 3);
    let unknown =
        client.post(path, search(json!([{"propertyName": "nope", "operator": "EQ", "value": "1"}]))).await;
    assert_eq!(unknown.status, 400);
    let operator =
        client.post(path, search(json!([{"propertyName": "email", "operator": "IS", "value": "1"}]))).await;
    assert_eq!(operator.status, 400);
    let mut large = search(json!([{"propertyName": "email", "operator": "HAS_PROPERTY"}]));
    large["limit"] = 201.into();
    assert_eq!(client.post(path, large).await.status, 400);
}

#[tokio::test]
async fn search_finds_a_record_only_after_the_lag() {
    let (settings, clock) = standing_still();
    let lag = Duration::from_secs(5);
    let (fake, client) = portal_with(Config { settings, search_lag: lag, ..Config::default() }).await;
    fake.seed(Kind::Contacts, &[("email", "ada@example.com")]).unwrap();
    let body = search(json!([{"propertyName": "email", "operator": "EQ", "value": "ada@example.com"}]));
    assert_eq!(client.post(&format!("{CONTACTS}/search"), body.clone()).await.json["total"], 0);
    clock.advance(lag);
    assert_eq!(client.post(&format!("{CONTACTS}/search"), body).await.json["total"], 1);
}

#[tokio::test]
async fn the_list_is_paged() {
    let (fake, client) = portal().await;
    for at in 0..3 {
        fake.seed(Kind::Contacts, &[("email", &format!("p{at}@example.com"))]).unwrap();
    }
    let first = client.get(&format!("{CONTACTS}?limit=2")).await;
    let after = first.json["paging"]["next"]["after"].as_str().unwrap();
    let second = client.get(&format!("{CONTACTS}?limit=2&after={after}")).await;
    assert_eq!(second.json["results"].as_array().unwrap().len(), 1);
    assert_eq!(second.json.get("paging"), None);
    assert_eq!(client.get(&format!("{CONTACTS}?limit=101")).await.status, 400);
}

#[tokio::test]
async fn a_batch_reads_what_is_there_and_tells_what_is_not() {
    let (fake, client) = portal().await;
    let id = fake.seed(Kind::Contacts, &[("email", "ada@example.com")]).unwrap();
    let inputs = json!([{"id": id.to_string()}, {"id": "999"}]);
    let body = json!({"inputs": inputs, "properties": ["email"], "propertiesWithHistory": []});
    let read = client.post(&format!("{CONTACTS}/batch/read"), body).await;
    assert_eq!((read.status, &read.json["numErrors"]), (207, &json!(1)));
    assert_eq!(read.json["results"].as_array().unwrap().len(), 1);
    assert_eq!(read.json["errors"][0]["context"]["ids"], json!(["999"]));
}

#[tokio::test]
async fn a_batch_upsert_tells_which_rows_are_new() {
    let (fake, client) = portal().await;
    fake.seed(Kind::Contacts, &[("email", "ada@example.com")]).unwrap();
    let row = |email: &str| json!({"id": email, "idProperty": "email", "properties": {"firstname": "A"}});
    let body = json!({"inputs": [row("ada@example.com"), row("ben@example.com")]});
    let answer = client.post(&format!("{CONTACTS}/batch/upsert"), body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json["results"][0]["new"], false);
    assert_eq!(answer.json["results"][1]["new"], true);
    assert_eq!(fake.contacts().len(), 2);
    let twice = json!({"inputs": [row("cy@example.com"), row("CY@example.com")]});
    assert_eq!(client.post(&format!("{CONTACTS}/batch/upsert"), twice).await.status, 400);
}

#[tokio::test]
async fn a_batch_with_a_bad_row_changes_nothing_unless_rows_are_traced() {
    let (fake, client) = portal().await;
    let (good, bad) = (person("ada@example.com"), json!({"properties": {"nope": "1"}}));
    let answer = client.post(&format!("{CONTACTS}/batch/create"), json!({"inputs": [good, bad]})).await;
    assert_eq!(answer.status, 400);
    assert!(fake.contacts().is_empty());
    let traced = |mut row: Value, trace: &str| {
        row["objectWriteTraceId"] = trace.into();
        row
    };
    let inputs = json!([traced(person("ada@example.com"), "one"), traced(bad, "two")]);
    let answer = client.post(&format!("{CONTACTS}/batch/create"), json!({"inputs": inputs})).await;
    assert_eq!(answer.status, 207);
    assert_eq!(answer.json["errors"][0]["context"]["objectWriteTraceId"], json!(["two"]));
    assert_eq!(fake.contacts().len(), 1);
    let many: Vec<Value> = (0..101).map(|at| json!({"id": at.to_string()})).collect();
    assert_eq!(client.post(&format!("{CONTACTS}/batch/archive"), json!({"inputs": many})).await.status, 400);
}

#[tokio::test]
async fn contacts_have_no_property_description_and_a_new_property_can_be_used_as_an_id() {
    let (_fake, client) = portal().await;
    let path = "/crm/properties/2026-09/contacts";
    let all = client.get(path).await;
    let names: Vec<&str> =
        all.json["results"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(names.contains(&"mobilephone") && !names.contains(&"description"));
    assert_eq!(client.get(&format!("{path}/hs_lead_status")).await.json["options"][0]["value"], "NEW");

    let definition = json!({"name": "lead_key", "label": "Lead key", "type": "string", "fieldType": "text",
        "groupName": "contactinformation", "hasUniqueValue": true});
    assert_eq!(client.post(path, definition.clone()).await.status, 201);
    assert_eq!(client.post(path, definition).await.status, 409);
    let made = json!({"properties": {"lead_key": "k-1", "firstname": "Ada"}});
    assert_eq!(client.post(CONTACTS, made.clone()).await.status, 201);
    assert_eq!(client.get(&format!("{CONTACTS}/k-1?idProperty=lead_key")).await.status, 200);
    let again = client.post(CONTACTS, made).await;
    assert_eq!((again.status, &again.json["errors"][0]["code"]), (400, &json!("CONFLICTING_UNIQUE_VALUE")));
}

#[tokio::test]
async fn requests_without_a_good_token_are_refused() {
    let (fake, client) = portal().await;
    let missing = Client::without_token(&fake.url()).get(CONTACTS).await;
    assert_eq!((missing.status, &missing.json["category"]), (401, &json!("INVALID_AUTHENTICATION")));
    assert_eq!(Client::new(&fake.url(), "another").get(CONTACTS).await.status, 401);
    fake.tokens(|tokens| tokens.expire("test-token-hubspot"));
    assert_eq!(client.get(CONTACTS).await.json["category"], "EXPIRED_AUTHENTICATION");
    fake.tokens(|tokens| tokens.accept_scoped("test-token-hubspot", ["crm.objects.contacts.read"]));
    assert_eq!(client.get(CONTACTS).await.status, 200);
    let refused = client.post(CONTACTS, person("a@b.co")).await;
    assert_eq!((refused.status, &refused.json["category"]), (403, &json!("MISSING_SCOPES")));
}

#[tokio::test]
async fn unknown_paths_kinds_methods_and_bodies_are_refused() {
    let (_fake, client) = portal().await;
    assert_eq!(client.get("/crm/v9/objects/contacts").await.status, 404);
    assert_eq!(client.get("/crm/objects/2025-09/contacts").await.status, 404);
    assert_eq!(client.get("/crm/v3/objects/leeds").await.status, 400);
    assert_eq!(client.put(CONTACTS, json!({})).await.status, 405);
    assert_eq!(client.send("POST", CONTACTS, "text/plain", "{}").await.unwrap().status, 415);
    assert_eq!(client.send("POST", CONTACTS, "application/json", "{").await.unwrap().status, 400);
    assert_eq!(client.post(CONTACTS, json!({"email": "a@b.co"})).await.status, 400);
}

#[tokio::test]
async fn the_burst_limit_is_announced_and_kept() {
    let (settings, clock) = standing_still();
    let burst = Limit::new(2, Duration::from_secs(10));
    let (_fake, client) = portal_with(Config { settings, burst, ..Config::default() }).await;
    let first = client.get(CONTACTS).await;
    assert_eq!(first.header("x-hubspot-ratelimit-max"), Some("2"));
    assert_eq!(first.header("x-hubspot-ratelimit-remaining"), Some("1"));
    assert_eq!(first.header("x-hubspot-ratelimit-interval-milliseconds"), Some("10000"));
    client.get(CONTACTS).await;
    clock.advance(Duration::from_secs(3));
    let third = client.get(CONTACTS).await;
    assert_eq!((third.status, third.header("retry-after")), (429, Some("7")));
    assert_eq!(third.json["policyName"], "TEN_SECONDLY_ROLLING");
    clock.advance(Duration::from_secs(7));
    assert_eq!(client.get(CONTACTS).await.status, 200);
}

#[tokio::test]
async fn search_has_a_limit_of_its_own_and_does_not_announce_it() {
    let (settings, _) = standing_still();
    let (_fake, client) = portal_with(Config { settings, ..Config::default() }).await;
    let body = search(json!([{"propertyName": "email", "operator": "HAS_PROPERTY"}]));
    for _ in 0..5 {
        let answer = client.post(&format!("{CONTACTS}/search"), body.clone()).await;
        assert_eq!((answer.status, answer.header("x-hubspot-ratelimit-max")), (200, None));
    }
    let sixth = client.post(&format!("{CONTACTS}/search"), body).await;
    assert_eq!((sixth.status, &sixth.json["policyName"]), (429, &json!("SECONDLY")));
    assert_eq!(client.get(CONTACTS).await.status, 200);
}

#[tokio::test]
async fn the_account_tells_who_it_is_and_who_owns_records() {
    let (_fake, client) = portal().await;
    assert_eq!(client.get("/account-info/v3/details").await.json["portalId"], 4_242_000);
    let owners = client.get("/crm/v3/owners/?email=ben.ortiz%40example.com").await;
    let owner = owners.json["results"][0]["id"].as_str().unwrap();
    let owned = json!({"properties": {"email": "a@b.co", "hubspot_owner_id": owner}});
    assert_eq!(client.post(CONTACTS, owned).await.status, 201);
    assert_eq!(client.get("/crm/pipelines/2026-09/deals").await.json["results"][0]["id"], "default");
}
