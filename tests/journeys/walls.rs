//! The walls, as the real binary puts them together: a sink that is halted, the operator's own limits, what is kept warm,
//! and neighbours that do not notice.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use model::Millis;
use providers::{Fault, HubSpot};
use serde_json::{Value, json};

use crate::support::search::Planted;
use crate::support::{Client, Host, PATIENCE, Wall, jackfield, jackfield_json, root, template};

/// How long an event of a neighbour may take while somebody attacks.
const SOON: Duration = Duration::from_secs(5);

/// The hostile sink, built once.
static SULKER: LazyLock<String> = LazyLock::new(|| {
    let folder = root().join("tests/hostile/guests/sulker");
    let built = jackfield_json(template(), &["build", folder.to_str().unwrap()]);
    built["path"].as_str().unwrap().to_owned()
});

/// Installs the hostile sink beside a running `serve`.
pub(crate) fn install(host: &Host) {
    let installed = jackfield(host.folder.path(), &["install", &SULKER, "--yes"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
}

/// A host with the hostile sink installed, and this configuration.
fn house(wall: &Wall, config: &str) -> Host {
    let host = Host::start_with(&wall.overrides(), config);
    install(&host);
    host
}

/// What connects the hostile sink in a mood.
fn sulker(mood: &str) -> Value {
    json!({ "connector": "sulker", "credentials": { "accessToken": "sulkers-token" }, "settings": { "mood": mood } })
}

/// Another organization's client.
fn neighbour(host: &Host) -> Client {
    let folder = host.folder.path();
    let org = jackfield_json(folder, &["org", "create", "Neighbour"]);
    let key = jackfield_json(folder, &["key", "create", "--org", org["id"].as_str().unwrap()]);
    let key = key["key"].as_str().unwrap().to_owned();
    Client { address: host.client.address.clone(), key, seen: Default::default() }
}

/// As [`Host::connect`], for anybody.
async fn connect(client: &Client, body: &Value) -> String {
    let (status, made) = client.call("POST", "/api/connections", Some(body)).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn get(client: &Client, path: &str) -> Value {
    let (status, seen) = client.call("GET", path, None).await;
    assert_eq!(status, 200, "{seen}");
    seen
}

async fn patch(client: &Client, connection: &str, body: &Value) {
    let path = format!("/api/connections/{connection}");
    let (status, answer) = client.call("PATCH", &path, Some(body)).await;
    assert_eq!(status, 200, "{answer}");
}

/// Asks again and again until what is answered is so.
async fn until(client: &Client, path: &str, so: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let seen = get(client, path).await;
        if so(&seen) {
            return seen;
        }
        assert!(began.elapsed() < PATIENCE, "{path} stays {seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn note(id: &str) -> Value {
    json!({ "id": id, "event": "note.made", "data": {} })
}

async fn post(client: &Client, event: &Value) {
    let (status, answer) = client.call("POST", "/api/events", Some(event)).await;
    assert_eq!(status, 202, "{answer}");
}

/// Posts an event and waits until all of it is done; how long that took.
async fn delivered(client: &Client, event: &Value) -> Duration {
    let began = Instant::now();
    post(client, event).await;
    let path = format!("/api/events/{}", event["id"].as_str().unwrap());
    until(client, &path, |seen| seen["state"] == "done").await;
    began.elapsed()
}

/// The operation of an event that is a connection's.
fn operation<'e>(event: &'e Value, connection: &str) -> &'e Value {
    let all = event["operations"].as_array().unwrap();
    all.iter().find(|o| o["connection"] == connection).unwrap_or(&Value::Null)
}

fn attempts<'e>(event: &'e Value, connection: &str) -> &'e [Value] {
    operation(event, connection)["attempts"].as_array().map_or(&[], Vec::as_slice)
}

/// When an attempt began and when it ended.
fn span(attempt: &Value) -> (i64, i64) {
    let began = Millis::parse(attempt["startedAt"].as_str().unwrap()).unwrap().0;
    (began, began + attempt["ms"].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_halted_waits_is_put_apart_and_goes_on_when_released_while_its_neighbours_deliver() {
    let wall = Wall::start().await;
    let host = house(&wall, "\n[quarantine]\nstrikes = 2\n\n[limits.sulker]\ncpu-ms = 100\n");
    let (own, other) = (&host.client, neighbour(&host));
    let spins = host.connect(sulker("spin")).await;
    let zapier =
        host.connect(wall.connection("zapier", &json!({ "settings": { "events": ["note.made"] } }))).await;
    let honest = connect(&other, &sulker("answer")).await;
    let shown = format!("/api/connections/{spins}");

    // The first halt: the connection waits, and what comes meanwhile waits with it.
    post(own, &note("n1")).await;
    until(own, &shown, |c| c["strikes"].as_u64() >= Some(1)).await;
    post(own, &note("n2")).await;
    assert!(delivered(&other, &note("theirs-1")).await < SOON);

    // The second: nothing of it is started any more. What comes now is held; the neighbours get theirs.
    let apart = until(own, &shown, |c| c["status"] == "quarantined").await;
    assert_eq!(
        (&apart["quarantine"]["wholeVersion"], &apart["quarantine"]["strikes"]),
        (&json!(false), &json!(2)),
        "{apart}"
    );
    assert!(apart["quarantine"]["reason"].as_str().unwrap().contains("of 100 ms"), "{apart}");
    post(own, &note("n3")).await;
    assert!(delivered(&other, &note("theirs-2")).await < SOON);
    assert_eq!(get(&other, &format!("/api/connections/{honest}")).await["status"], "active");
    for event in ["n1", "n2", "n3"] {
        let seen =
            until(own, &format!("/api/events/{event}"), |e| operation(e, &zapier)["state"] == "done").await;
        let held = operation(&seen, &spins);
        assert_eq!(
            (&held["state"], &held["error"]["code"]),
            (&json!("held"), &json!("connector_quarantined"))
        );
    }
    waited(own, &spins).await;
    let list = jackfield(host.folder.path(), &["list"]);
    let list = String::from_utf8_lossy(&list.stdout);
    assert!(list.contains(&format!("connection {spins} QUARANTINED")) && !list.contains(&honest), "{list}");

    patch(own, &spins, &json!({ "settings": { "mood": "answer" } })).await;
    assert_eq!(get(own, &shown).await["status"], "quarantined", "a change lifts nothing");
    let lifted = jackfield_json(host.folder.path(), &["release", "sulker"]);
    assert_eq!((&lifted["wholeVersion"], &lifted["connections"]), (&json!(false), &json!([spins])));
    for event in ["n1", "n2", "n3"] {
        let seen = until(own, &format!("/api/events/{event}"), |seen| seen["state"] == "done").await;
        assert_eq!(attempts(&seen, &spins).last().unwrap()["outcome"], "done", "{seen}");
    }
    assert_eq!(get(own, &shown).await["strikes"], 0);
}

/// Of the three events, the first was halted, the second not tried before the wait was over, and the third not at all.
async fn waited(own: &Client, connection: &str) {
    let mut spans = Vec::new();
    for event in ["n1", "n2", "n3"] {
        let seen = get(own, &format!("/api/events/{event}")).await;
        let attempts = attempts(&seen, connection);
        assert!(attempts.iter().all(|a| a["outcome"] == "halt"), "{seen}");
        assert!((event == "n3") <= attempts.is_empty(), "{seen}");
        spans.extend(attempts.iter().map(span));
    }
    spans.sort_unstable();
    assert!((2..=3).contains(&spans.len()), "{spans:?}");
    // A second at the first strike, half of it left to chance.
    let (first, rest) = spans.split_first().unwrap();
    assert!(rest.iter().all(|next| next.0 >= first.1 + 490), "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_halts_a_sink_is_the_operators_own_limit_for_it() {
    let wall = Wall::start().await;
    let host = house(&wall, "\n[limits.sulker]\ncpu-ms = 50\n\n[limits.zapier]\ncpu-ms = 60\n");
    let spins = host.connect(sulker("spin")).await;
    post(&host.client, &note("n1")).await;
    let seen = until(&host.client, "/api/events/n1", |e| !attempts(e, &spins).is_empty()).await;
    let attempt = &attempts(&seen, &spins)[0];
    assert_eq!((&attempt["outcome"], &attempt["error"]["code"]), (&json!("halt"), &json!("halt_cpu")));
    assert!(attempt["error"]["message"].as_str().unwrap().contains("of 50 ms"), "{attempt}");
}

/// The number of calls that the instance which took this event had had.
async fn calls(client: &Client, connection: &str, event: &str) -> String {
    delivered(client, &note(event)).await;
    let seen = get(client, &format!("/api/events/{event}")).await;
    operation(&seen, connection)["receipt"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_changed_or_made_again_finds_no_instance_of_its_former_self() {
    let wall = Wall::start().await;
    let host = house(&wall, "");
    let (own, other) = (&host.client, neighbour(&host));
    let kept = host.connect(sulker("answer")).await;
    let theirs = connect(&other, &sulker("answer")).await;
    assert_eq!([calls(own, &kept, "a1").await, calls(own, &kept, "a2").await], ["1", "2"]);
    assert_eq!(calls(&other, &theirs, "b1").await, "1", "a neighbour has its own");

    patch(own, &kept, &json!({ "settings": { "mood": "answer", "events": ["*"] } })).await;
    assert_eq!([calls(own, &kept, "a3").await, calls(own, &kept, "a4").await], ["1", "2"]);
    // As it was before, and for nobody who looks at the settings alone another.
    for status in ["disabled", "active"] {
        patch(own, &kept, &json!({ "status": status })).await;
    }
    assert_eq!([calls(own, &kept, "a5").await, calls(own, &kept, "a6").await], ["1", "2"]);

    renamed_by_another_process(&host, &kept).await;
    assert_eq!(calls(own, &kept, "a7").await, "1");

    let (status, _) = own.call("DELETE", &format!("/api/connections/{kept}"), None).await;
    assert!(status < 300, "{status}");
    let again = host.connect(sulker("answer")).await;
    assert_eq!(calls(own, &again, "a8").await, "1");
    assert_eq!(calls(&other, &theirs, "b2").await, "2", "a neighbour has lost nothing by all that");
}

/// Nobody tells the process that serves: it has to see for itself.
async fn renamed_by_another_process(host: &Host, connection: &str) {
    let path = host.folder.path().join("jackfield.db");
    let options =
        store::Options { path, clock: Arc::new(model::SystemClock), ids: Arc::new(model::SystemIds) };
    let store = store::Store::open(options).await.unwrap();
    let orgs = store.orgs().await.unwrap();
    let own = orgs.iter().find(|org| org.name == "Journey").unwrap();
    let patch = store::ConnectionPatch { name: Some("Another name".to_owned()), ..Default::default() };
    let changed = store.update_connection(&own.id, &connection.into(), patch).await.unwrap();
    assert!(changed.is_some());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_quarantine_switched_off_a_neighbour_is_served_while_every_event_of_another_spins() {
    let wall = Wall::start().await;
    let host = house(&wall, "\n[quarantine]\nstrikes = 0\n\n[limits.sulker]\ndeadline-ms = 400\n");
    let (own, other) = (&host.client, neighbour(&host));
    let mut spinning = Vec::new();
    for _ in 0..3 {
        spinning.push(host.connect(sulker("spin")).await);
    }
    connect(&other, &sulker("answer")).await;
    assert!(delivered(&other, &note("theirs-0")).await < SOON);
    for n in 0..6 {
        post(own, &note(&format!("n{n}"))).await;
    }
    for n in 1..=4 {
        let took = delivered(&other, &note(&format!("theirs-{n}"))).await;
        assert!(took < SOON, "{took:?}");
        let attack = get(own, "/api/events/n5").await;
        assert!(n > 1 || attack["state"] == "running", "the attack is over before it was noticed: {attack}");
    }
    let seen = until(own, "/api/events/n0", |e| !attempts(e, &spinning[0]).is_empty()).await;
    assert_eq!(attempts(&seen, &spinning[0])[0]["error"]["code"], "halt_deadline", "{seen}");

    // Halts in a row, more of them than the default allows.
    let test = format!("/api/connections/{}/test", spinning[0]);
    for _ in 0..6 {
        let (status, halted) = own.call("POST", &test, None).await;
        assert_eq!((status, &halted["error"]["code"]), (200, &json!("halt_deadline")), "{halted}");
    }
    for connection in &spinning {
        assert_eq!(get(own, &format!("/api/connections/{connection}")).await["status"], "active");
    }
    assert!(delivered(&other, &note("theirs-9")).await < SOON);
}

/// A connector that tells all it hears, and a provider that echoes: one more way for `secrets.rs` to lose a secret.
pub(crate) struct Teller(HubSpot);

impl Teller {
    pub(crate) async fn start() -> Self {
        Self(HubSpot::start(Default::default()).await.unwrap())
    }

    /// Where the hostile sink's provider is.
    pub(crate) fn overrides(&self) -> Vec<(String, String)> {
        vec![("https://api.example.com".to_owned(), self.0.url())]
    }

    /// The sink is told its credential, by the provider and by somebody else, and tells it on each way that it has.
    pub(crate) async fn told(&self, host: &Host, planted: &mut Planted, events: &mut Vec<String>) {
        install(host);
        let secret = planted.plant("a token that its connector tells");
        let backwards: String = secret.chars().rev().collect();
        let body = json!({
            "connector": "sulker", "credentials": { "accessToken": secret }, "settings": { "events": ["told.*"] }
        });
        let connection = host.connect(body).await;
        let mut told = Vec::new();
        for (n, by) in ["receipt", "error", "field", "trap"].into_iter().enumerate() {
            let status = [200, 400, 422, 401][n];
            self.0.faults().fail_next(1, Fault::Echo(status));
            let id = format!("evt-told-{n}");
            let data = json!({ "mood": "tell", "by": by, "backwards": backwards });
            post(&host.client, &json!({ "id": id, "event": "told.all", "data": data })).await;
            let seen =
                until(&host.client, &format!("/api/events/{id}"), |e| !attempts(e, &connection).is_empty())
                    .await;
            told.push(operation(&seen, &connection).clone());
            events.push(id);
        }
        // It was told, and it did tell.
        assert_eq!(self.0.faults().committed(), 4);
        assert!(self.0.journal().exchanges().iter().all(|e| e.path.contains(&secret)));
        assert_eq!(told[0]["receipt"]["id"], "REDACTED", "{}", told[0]);
        let errors: Vec<&Value> = told[1..].iter().map(|o| &o["attempts"][0]["error"]).collect();
        let codes: Vec<&Value> = errors.iter().map(|e| &e["code"]).collect();
        assert_eq!(codes, ["permanent", "invalid_input", "halt_trap"]);
        assert_eq!(errors[0]["providerCode"], "REDACTED");
        assert!(errors[1].to_string().contains("told REDACTED"), "{}", errors[1]);
        let log = std::fs::read_to_string(host.log()).unwrap();
        assert!(log.contains("told REDACTED"), "the guest's log is kept");
    }
}
