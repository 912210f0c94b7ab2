//! Google Calendar's fake takes what Google takes, and refuses what it refuses.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod support;

use providers::google_calendar::Config;
use providers::{GoogleCalendar, Limit};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Answer, Client, standing_still};

const EVENTS: &str = "/calendar/v3/calendars/primary/events";

async fn account() -> (GoogleCalendar, Client) {
    let (settings, _) = standing_still();
    account_with(Config { settings, ..Config::default() }).await
}

async fn account_with(config: Config) -> (GoogleCalendar, Client) {
    let fake = GoogleCalendar::start(config).await.unwrap();
    let client = Client::new(&fake.url(), "test-token-google");
    (fake, client)
}

fn visit(hour: u8) -> Value {
    json!({
        "summary": "Roof visit",
        "start": {"dateTime": format!("2026-03-10T{hour:02}:00:00-05:00")},
        "end": {"dateTime": format!("2026-03-10T{:02}:00:00-05:00", hour + 1)},
    })
}

fn with(mut event: Value, name: &str, value: Value) -> Value {
    event[name] = value;
    event
}

fn reason(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.json["error"]["errors"][0]["reason"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn an_event_is_inserted_read_patched_replaced_and_deleted() {
    let (fake, client) = account().await;
    let made = client.post(EVENTS, visit(10)).await;
    assert_eq!((made.status, &made.json["kind"]), (200, &json!("calendar#event")));
    assert_eq!(made.json["organizer"]["email"], "ada.marsh@example.com");
    let path = format!("{EVENTS}/{}", made.json["id"].as_str().unwrap());

    let patched = client.patch(&path, json!({"location": "12 High St", "description": null})).await;
    assert_eq!((patched.status, &patched.json["summary"]), (200, &json!("Roof visit")));
    assert_ne!(patched.json["etag"], made.json["etag"]);
    let replaced = client.put(&path, visit(14)).await;
    assert_eq!((replaced.json.get("location"), &replaced.json["sequence"]), (None, &json!(1)));
    assert_eq!(fake.events("primary").len(), 1);

    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(reason(&client.delete(&path).await), (410, "deleted"));
    assert_eq!(client.get(&path).await.json["status"], "cancelled");
    assert!(fake.events("primary").is_empty());
}

#[tokio::test]
async fn times_that_make_no_sense_are_refused() {
    let (fake, client) = account().await;
    let day = json!({"date": "2026-03-10"});
    let cases = [
        (json!({"summary": "x", "start": visit(10)["start"]}), "required"),
        (with(visit(10), "start", json!({"dateTime": "10 March"})), "invalid"),
        (with(visit(10), "start", json!({"dateTime": "2026-03-10T10:00:00"})), "required"),
        (
            with(visit(10), "start", json!({"dateTime": "2026-03-10T10:00:00", "timeZone": "Mars/Olympus"})),
            "invalid",
        ),
        (with(visit(10), "start", json!({"dateTime": "2026-03-10T10:00:00-0"})), "invalid"),
        (with(visit(10), "end", json!({"dateTime": "2026-03-10T09:00:00-05:00"})), "timeRangeEmpty"),
        (with(visit(10), "end", day.clone()), "invalid"),
        (json!({"start": day, "end": day}), "timeRangeEmpty"),
    ];
    for (body, why) in cases {
        let answer = client.post(EVENTS, body.clone()).await;
        assert_eq!(reason(&answer), (400, why), "{body}");
    }
    assert!(fake.events("primary").is_empty());
    let local = json!({"dateTime": "2026-03-10T10:00:00", "timeZone": "America/New_York"});
    assert_eq!(client.post(EVENTS, with(visit(10), "start", local)).await.status, 200);
}

#[tokio::test]
async fn a_client_id_is_base32hex_and_can_be_used_once() {
    let (_fake, client) = account().await;
    for id in ["booking-1", "wxyz1", "abc", "ABCDE"] {
        assert_eq!(
            reason(&client.post(EVENTS, with(visit(10), "id", id.into())).await),
            (400, "invalid"),
            "{id}"
        );
    }
    let named = with(visit(10), "id", "b00king1".into());
    assert_eq!(client.post(EVENTS, named.clone()).await.json["id"], "b00king1");
    assert_eq!(reason(&client.post(EVENTS, named.clone()).await), (409, "duplicate"));
    client.delete(&format!("{EVENTS}/b00king1")).await;
    assert_eq!(reason(&client.post(EVENTS, named).await), (409, "duplicate"));
}

#[tokio::test]
async fn a_change_can_depend_on_the_entity_tag() {
    let (fake, client) = account().await;
    let made = client.post(EVENTS, visit(10)).await;
    let path = format!("{EVENTS}/{}", made.json["id"].as_str().unwrap());
    client.patch(&path, json!({"summary": "Another"})).await;
    let stale =
        Client::new(&fake.url(), "test-token-google").with("if-match", made.json["etag"].as_str().unwrap());
    assert_eq!(reason(&stale.patch(&path, json!({"summary": "x"})).await), (412, "conditionNotMet"));
    assert_eq!(reason(&stale.delete(&path).await), (412, "conditionNotMet"));
    let tag = client.get(&path).await.json["etag"].as_str().unwrap().to_owned();
    let fresh = Client::new(&fake.url(), "test-token-google").with("if-match", &tag);
    assert_eq!(fresh.delete(&path).await.status, 204);
}

#[tokio::test]
async fn guests_are_told_only_on_request() {
    let (fake, client) = account().await;
    let guests = json!([{"email": "guest@example.net"}, {"email": "ben@example.com"}]);
    let body = with(visit(10), "attendees", guests);
    client.post(EVENTS, body.clone()).await;
    assert!(fake.invitations().is_empty());
    client.post(&format!("{EVENTS}?sendUpdates=externalOnly"), body.clone()).await;
    assert_eq!(fake.invitations().len(), 1);
    let made = client.post(&format!("{EVENTS}?sendUpdates=all"), body.clone()).await;
    assert_eq!(made.json["attendees"][0]["responseStatus"], "needsAction");
    assert_eq!(fake.invitations().len(), 3);
    assert_eq!(client.post(&format!("{EVENTS}?sendUpdates=some"), body).await.status, 400);
    let bad = with(visit(10), "attendees", json!([{"email": "guest"}]));
    assert_eq!(reason(&client.post(EVENTS, bad).await), (400, "invalid"));
}

#[tokio::test]
async fn a_meet_link_needs_the_version_and_comes_with_a_later_read() {
    let (_fake, client) = account().await;
    let request =
        json!({"createRequest": {"requestId": "r-1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}});
    let body = with(visit(10), "conferenceData", request);
    assert_eq!(client.post(EVENTS, body.clone()).await.json.get("conferenceData"), None);
    let path = format!("{EVENTS}?conferenceDataVersion=1");
    let made = client.post(&path, body.clone()).await;
    assert_eq!(made.json["conferenceData"]["createRequest"]["status"]["statusCode"], "pending");
    assert_eq!(made.json.get("hangoutLink"), None);
    let read = client.get(&format!("{EVENTS}/{}", made.json["id"].as_str().unwrap())).await;
    assert_eq!(read.json["conferenceData"]["createRequest"]["status"]["statusCode"], "success");
    assert_eq!(read.json["conferenceData"]["entryPoints"][0]["uri"], read.json["hangoutLink"]);
    let zoom = json!({"createRequest": {"requestId": "r-2", "conferenceSolutionKey": {"type": "zoom"}}});
    assert_eq!(client.post(&path, with(body, "conferenceData", zoom)).await.status, 400);
}

#[tokio::test]
async fn free_busy_joins_what_overlaps_and_names_unknown_calendars() {
    let (fake, client) = account().await;
    for hour in [10, 11, 15] {
        fake.seed_event("primary", visit(hour)).unwrap();
    }
    fake.seed_event("primary", with(visit(18), "transparency", "transparent".into())).unwrap();
    let ask = |to: &str| {
        let items = json!([{"id": "primary"}, {"id": "nobody@example.com"}]);
        json!({"timeMin": "2026-03-10T00:00:00Z", "timeMax": to, "timeZone": "America/New_York", "items": items})
    };
    let answer = client.post("/calendar/v3/freeBusy", ask("2026-03-11T00:00:00Z")).await;
    // New York is on summer time from 8 March 2026.
    let busy = json!([
        {"start": "2026-03-10T11:00:00-04:00", "end": "2026-03-10T13:00:00-04:00"},
        {"start": "2026-03-10T16:00:00-04:00", "end": "2026-03-10T17:00:00-04:00"},
    ]);
    assert_eq!(answer.json["calendars"]["primary"]["busy"], busy);
    assert_eq!(answer.json["calendars"]["nobody@example.com"]["errors"][0]["reason"], "notFound");
    let long = client.post("/calendar/v3/freeBusy", ask("2026-09-10T00:00:00Z")).await;
    assert_eq!(reason(&long), (400, "timeRangeTooLong"));
}

#[tokio::test]
async fn a_list_is_paged_and_then_continued_by_what_changed() {
    let (fake, client) = account().await;
    let ids: Vec<String> = (8..11).map(|hour| fake.seed_event("primary", visit(hour)).unwrap()).collect();
    let first = client.get(&format!("{EVENTS}?maxResults=2")).await;
    assert_eq!(first.json.get("nextSyncToken"), None);
    let page = first.json["nextPageToken"].as_str().unwrap();
    let last = client.get(&format!("{EVENTS}?maxResults=2&pageToken={page}")).await;
    let token = last.json["nextSyncToken"].as_str().unwrap();
    let sync = format!("{EVENTS}?syncToken={token}");
    assert_eq!(client.get(&sync).await.json["items"], json!([]));

    client.delete(&format!("{EVENTS}/{}", ids[0])).await;
    client.patch(&format!("{EVENTS}/{}", ids[1]), json!({"summary": "Moved"})).await;
    let changes = client.get(&sync).await;
    let told = changes.json["items"].as_array().unwrap();
    assert_eq!(told.len(), 2);
    assert!(told.iter().any(|one| one["id"] == *ids[0] && one["status"] == "cancelled"));
    assert_eq!(client.get(&format!("{sync}&timeMin=2026-03-01T00:00:00Z")).await.status, 400);
    fake.expire_sync_tokens();
    assert_eq!(reason(&client.get(&sync).await), (410, "fullSyncRequired"));
}

#[tokio::test]
async fn a_list_is_filtered_by_time_and_by_private_properties() {
    let (fake, client) = account().await;
    let own = json!({"private": {"hostBookingId": "b-1"}});
    let id = fake.seed_event("primary", with(visit(9), "extendedProperties", own)).unwrap();
    fake.seed_event("primary", visit(15)).unwrap();
    let ids = |answer: Answer| {
        let items = answer.json["items"].as_array().unwrap().clone();
        items.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let query =
        "timeMin=2026-03-10T14:00:00Z&timeMax=2026-03-10T15:00:00Z&singleEvents=true&orderBy=startTime";
    assert_eq!(ids(client.get(&format!("{EVENTS}?{query}")).await), std::slice::from_ref(&id));
    assert_eq!(ids(client.get(&format!("{EVENTS}?privateExtendedProperty=hostBookingId%3Db-1")).await), [id]);
    assert_eq!(client.get(&format!("{EVENTS}?orderBy=startTime")).await.status, 400);
    assert_eq!(client.get(&format!("{EVENTS}?timeMin=yesterday")).await.status, 400);
}

#[tokio::test]
async fn a_recurring_event_is_told_once_or_by_its_occurrences() {
    let (fake, client) = account().await;
    let local =
        |hour: u8| json!({"dateTime": format!("2026-03-02T{hour}:00:00"), "timeZone": "America/New_York"});
    let weekly = json!({"summary": "Standup", "start": local(10), "end": local(11),
        "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4"]});
    fake.seed_event("primary", weekly).unwrap();
    assert_eq!(client.get(EVENTS).await.json["items"].as_array().unwrap().len(), 1);
    let single = client.get(&format!("{EVENTS}?singleEvents=true&orderBy=startTime")).await;
    let starts: Vec<&str> = single.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["start"]["dateTime"].as_str())
        .collect();
    // The wall clock stays at ten while the offset changes.
    let expected = [
        "2026-03-02T10:00:00-05:00",
        "2026-03-04T10:00:00-05:00",
        "2026-03-09T10:00:00-04:00",
        "2026-03-11T10:00:00-04:00",
    ];
    assert_eq!(starts, expected);
}

#[tokio::test]
async fn calendars_are_listed_by_access_and_readers_may_not_write() {
    let (fake, client) = account().await;
    fake.add_calendar("team@group.calendar.google.com", "Team", "Europe/Berlin", "writer");
    let all = client.get("/calendar/v3/users/me/calendarList").await;
    assert_eq!(all.json["items"].as_array().unwrap().len(), 3);
    let writable = client
        .get("/calendar/v3/users/me/calendarList?minAccessRole=writer&showHidden=true&maxResults=250")
        .await;
    assert_eq!(writable.json["items"].as_array().unwrap().len(), 2);
    let holidays = "/calendar/v3/calendars/holidays%40group.v.calendar.google.com/events";
    assert_eq!(reason(&client.post(holidays, visit(9)).await), (403, "requiredAccessLevel"));
    assert_eq!(reason(&client.get("/calendar/v3/calendars/nobody/events").await), (404, "notFound"));
}

#[tokio::test]
async fn requests_without_a_good_token_or_body_are_refused() {
    let (fake, client) = account().await;
    assert_eq!(reason(&Client::without_token(&fake.url()).get(EVENTS).await), (401, "authError"));
    assert_eq!(client.send("POST", EVENTS, "text/plain", "{}").await.unwrap().status, 415);
    assert_eq!(
        reason(&client.send("POST", EVENTS, "application/json", "{").await.unwrap()),
        (400, "parseError")
    );
    assert_eq!(client.get("/calendar/v4/x").await.status, 404);
    let freebusy = "https://www.googleapis.com/auth/calendar.freebusy";
    fake.tokens(|tokens| tokens.accept_scoped("test-token-google", [freebusy]));
    assert_eq!(reason(&client.get(EVENTS).await), (403, "insufficientPermissions"));
}

#[tokio::test]
async fn too_many_requests_are_403_and_not_429() {
    let (settings, _) = standing_still();
    let per_user = Limit::new(1, Duration::from_secs(60));
    let (_fake, client) = account_with(Config { settings, per_user, ..Config::default() }).await;
    client.get(EVENTS).await;
    let second = client.get(EVENTS).await;
    assert_eq!(reason(&second), (403, "userRateLimitExceeded"));
    assert_eq!(second.json["error"]["errors"][0]["domain"], "usageLimits");
}

#[tokio::test]
async fn a_channel_is_opened_over_https_only_and_closed_once() {
    let (fake, client) = account().await;
    let open = |address: &str| json!({"id": "c-1", "type": "web_hook", "address": address, "token": "t"});
    let path = format!("{EVENTS}/watch");
    assert_eq!(client.post(&path, open("http://host.example/hook")).await.status, 400);
    let opened = client.post(&path, open("https://host.example/hook")).await;
    assert_eq!((opened.status, &opened.json["kind"]), (200, &json!("api#channel")));
    assert_eq!(fake.channels().len(), 1);
    let stop = json!({"id": "c-1", "resourceId": opened.json["resourceId"]});
    assert_eq!(client.post("/calendar/v3/channels/stop", stop.clone()).await.status, 204);
    assert_eq!(client.post("/calendar/v3/channels/stop", stop).await.status, 404);
}
