//! Planted secrets: after all that can happen to a credential, each is looked for in everything that the host wrote.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use providers::{AnyFake, Fault};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::search::{Found, Planted, Search};
use crate::support::{Host, PATIENCE, Wall, binary, clean, jackfield, raw, template};
use crate::walls::Teller;

/// Fewer would not be the test that this is.
const LEAST: usize = 30;
const FOREVER: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_secret_is_found_in_anything_that_the_host_left() {
    let (mut planted, wall) = (Planted::new(), Wall::start().await);
    let teller = Teller::start().await;
    let mut host = Host::start(&[wall.overrides(), teller.overrides()].concat());
    let second = jackfield(host.folder.path(), &["key", "create", "--org", &organization(&host)]);
    let second_key = String::from_utf8(second.stdout).unwrap().lines().next().unwrap().to_owned();
    let own_key = host.client.key.clone();
    let keys = [("an API key", own_key.as_str()), ("another API key", second_key.as_str())];

    refused(&host, &mut planted).await;
    misplaced(&host, &mut planted).await;
    let mut events = used(&host, &wall, &mut planted).await;
    echoed(&host, &wall, &mut events).await;
    teller.told(&host, &mut planted, &mut events).await;
    killed(&mut host, &wall, &mut planted, &mut events).await;
    // What a crash leaves: the write-ahead log as it was, half-written files.
    assert_eq!(planted.search(&keys).folder(host.folder.path(), |_| false), []);

    elsewhere(&mut host, &wall, &mut planted, &mut events).await;
    let mut said = asked_for_everything(&host, &events).await;
    said.extend(second.stderr);
    host.stop();

    assert!(planted.count() >= LEAST, "{}", planted.count());
    let search = planted.search(&keys);
    let mut found = search.folder(host.folder.path(), |_| false);
    found.extend(search.bytes("the commands' output", &said));
    found.extend(search.bytes("the API's answers", &host.client.seen.answers.lock().unwrap()));
    let answers = host.client.seen.answers.lock().unwrap().clone();
    found.extend(no_master_key(host.folder.path(), &[said, answers].concat()));
    assert_eq!(found, []);

    // The same search does find what is there.
    let elsewhere = tempfile::tempdir().unwrap();
    let (_, last) = planted.letters.last().unwrap();
    std::fs::write(elsewhere.path().join("left"), last.to_uppercase()).unwrap();
    std::fs::write(elsewhere.path().join("key"), &second_key).unwrap();
    let found = search.folder(elsewhere.path(), |_| false);
    let places: Vec<&str> = found.iter().map(|f| f.place.as_str()).collect();
    assert!(places.contains(&"left") && places.contains(&"key"), "{places:?}");
}

/// The id of the host's one organization.
fn organization(host: &Host) -> String {
    let list = jackfield(host.folder.path(), &["org", "list", "--json"]);
    serde_json::from_slice::<Value>(&list.stdout).unwrap()["id"].as_str().unwrap().to_owned()
}

/// The master key: in its own file and nowhere else, in no form.
fn no_master_key(folder: &Path, said: &[u8]) -> Vec<Found> {
    let file = Path::new("data/master.key");
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let hex = text.trim();
    let raw: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect();
    let search = Search::new([("the master key", raw.as_slice()), ("the master key's text", hex.as_bytes())]);
    assert!(!search.folder(folder, |path| path != file).is_empty(), "the search does not find it at all");
    let mut found = search.folder(folder, |path| path == file);
    found.extend(search.bytes("what was said", said));
    found
}

/// Secrets in requests that the API refuses, each in another place.
async fn refused(host: &Host, planted: &mut Planted) {
    let mut p = |what: &str| planted.plant(what);
    let hubspot = |credentials: Value| json!({ "connector": "hubspot", "credentials": credentials });
    let zapier = |url: String| json!({ "connector": "zapier", "credentials": { "webhookUrl": url } });
    let long = format!("{}{}", p("in a token that is too long"), "x".repeat(9_000));
    let name = format!("{} {}", p("in a name that is too long"), "x".repeat(100));
    let with = |member: &str, value: Value| {
        let mut body = hubspot(json!({ "accessToken": "good-enough" }));
        body[member] = value;
        body
    };
    let bodies = [
        json!({ "connector": "hubspot", "accessToken": p("beside credentials") }),
        json!({ "connector": p("in the connector's place") }),
        json!([p("in a list")]),
        with("settings", json!({ "token": p("in a setting") })),
        with("syncSettings", json!({ "syncLeads": p("as a switch") })),
        with("fieldMapping", json!({ "callerName": { "token": p("in a mapping") } })),
        with("colour", json!(p("in a member that does not exist"))),
        with("name", json!(name)),
        with("status", json!(p("as a status"))),
        hubspot(json!(p("instead of credentials"))),
        hubspot(json!([p("in a list of credentials")])),
        hubspot(json!({ (p("as a member's name")): "x" })),
        hubspot(json!({ "accessToken": p("of two kinds"), "apiKey": p("of two kinds, the other") })),
        hubspot(json!({ "accessToken": format!("Bearer {}", p("with its scheme")) })),
        hubspot(json!({ "accessToken": format!("{}\n", p("with a line's end")) })),
        hubspot(json!({ "accessToken": format!("{} ü", p("with letters beyond ASCII")) })),
        hubspot(json!({ "accessToken": { "token": p("one level down") } })),
        hubspot(json!({ "accessToken": long })),
        hubspot(json!({ "username": "u", "password": p("a password that is not taken") })),
        hubspot(json!({ "apiKey": p("a key that is not taken") })),
        zapier(format!("https://elsewhere.example.net/hooks/catch/1/{}/", p("a hook of another host"))),
        zapier(format!("https://u:{}@hooks.zapier.com/hooks/catch/1/2/", p("a hook's password"))),
        zapier(format!("https://hooks.zapier.com/other/{}", p("a hook of another path"))),
        zapier(format!("http://hooks.zapier.com/hooks/catch/1/{}/", p("a hook without TLS"))),
        zapier(format!("{} no URL", p("no URL at all"))),
    ];
    for body in bodies {
        let (status, answer) = host.client.call("POST", "/api/connections", Some(&body)).await;
        assert!((400..500).contains(&status), "{status} {}", answer["code"]);
    }
}

/// And in requests that are no JSON, go to a wrong place, or come from nobody.
async fn misplaced(host: &Host, planted: &mut Planted) {
    let mut p = |what: &str| planted.plant(what);
    let body = |secret: &str| json!({ "connector": "hubspot", "credentials": { "accessToken": secret } });
    let twice = p("given twice");
    let odd = [
        ("application/json", format!("{{\"credentials\": {{\"accessToken\": \"{}\"", p("in half a JSON"))),
        ("application/json", format!("{{\"credentials\": {}}}", p("without quotes"))),
        ("application/json", format!("{{\"accessToken\": \"{twice}\", \"accessToken\": \"{twice}\"}}")),
        ("text/plain", body(&p("in a text")).to_string()),
        ("application/x-www-form-urlencoded", format!("accessToken={}", p("in a form"))),
        (&format!("application/{}", p("as a media type")), body("good-enough").to_string()),
    ];
    for (kind, body) in odd {
        let (status, _, _) = host.client.bytes("POST", "/api/connections", kind, body.as_bytes()).await;
        assert!((400..500).contains(&status), "{status}");
    }
    for path in [
        format!("/hooks/catch/1/{}/", p("a hook's path, at the wrong host")),
        format!("/api/connections?access_token={}", p("in a query")),
        format!("/api/connections?{}", p("as a query")),
        format!("/api/connections/{}", p("as an id")),
        format!("/api/events/{}", p("as an event's id")),
    ] {
        let (status, _, _) = host.client.bytes("GET", &path, "application/json", b"").await;
        assert!((400..500).contains(&status), "{status}");
    }
    let request = format!(
        "GET /api/connections HTTP/1.1\r\nhost: x\r\nauthorization: Bearer jf_{}\r\ncookie: session={}\r\n\
         connection: close\r\n\r\n",
        p("a key of nobody"),
        p("a cookie")
    );
    let (status, head, body) = raw(&host.client.address, request.as_bytes()).await;
    host.client.seen.answers.lock().unwrap().extend([head.as_bytes(), &body].concat());
    assert_eq!(status, 401);
}

pub(crate) fn token(secret: &str) -> Value {
    json!({ "credentials": { "accessToken": secret } })
}

fn hook(secret: &str) -> Value {
    json!({ "credentials": { "webhookUrl": format!("https://hooks.zapier.com/hooks/catch/7654321/{secret}/") } })
}

/// Calls the provider with a connection's credential while the caller waits; what came of it.
pub(crate) async fn test(host: &Host, connection: &str) -> Value {
    let (status, answer) =
        host.client.call("POST", &format!("/api/connections/{connection}/test"), None).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

pub(crate) async fn change(host: &Host, connection: &str, body: &Value) -> u16 {
    host.client.call("PATCH", &format!("/api/connections/{connection}"), Some(body)).await.0
}

/// Waits until the fake was sent this secret.
async fn sent(fake: &dyn AnyFake, secret: &str) {
    let began = Instant::now();
    let seen = || {
        let exchanges = fake.journal().exchanges();
        exchanges.iter().any(|e| e.path.contains(secret) || e.headers.iter().any(|(_, v)| v.contains(secret)))
    };
    while !seen() {
        assert!(began.elapsed() < PATIENCE, "{} never got {}", fake.name(), &secret[..10]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn lead(n: usize) -> Value {
    json!({ "id": format!("evt-{n}"), "event": "lead.captured", "data": {
        "leadId": format!("lead-{n}"), "name": "John Smith", "email": format!("p{n}@example.com")
    } })
}

/// Credentials that work, do not, are exchanged for others, and go. The events that were posted.
async fn used(host: &Host, wall: &Wall, planted: &mut Planted) -> Vec<String> {
    let mut p = |what: &str| planted.plant(what);
    let hubspot = [p("HubSpot"), p("HubSpot, replaced"), p("HubSpot, the new one"), p("HubSpot, deleted")];
    hubspot.iter().for_each(|secret| wall.hubspot.accept_token(secret));
    let [good, old, new, deleted] = &hubspot;
    for secret in [good, old, deleted] {
        let id = host.connect(wall.connection("hubspot", &token(secret))).await;
        assert_eq!(test(host, &id).await["ok"], true);
        if secret == old {
            let bad = json!({ "credentials": { "accessToken": p("HubSpot, refused in a change"), "x": 1 } });
            assert_eq!(change(host, &id, &bad).await, 422);
            assert_eq!(change(host, &id, &token(new)).await, 200);
            assert_eq!(test(host, &id).await["ok"], true);
            sent(&wall.hubspot, new).await;
        }
        if secret == deleted {
            let path = format!("/api/connections/{id}");
            assert!(host.client.call("DELETE", &path, None).await.0 < 300);
        }
        sent(&wall.hubspot, secret).await;
    }
    let (google, slack) = (p("Google"), p("Slack"));
    wall.google.accept_token(&google);
    wall.slack.accept_token(&slack);
    let connections =
        [("google-calendar", google, &wall.google as &dyn AnyFake), ("slack", slack, &wall.slack)];
    for (connector, secret, fake) in connections {
        let id = host.connect(wall.connection(connector, &token(&secret))).await;
        assert_eq!(test(host, &id).await["ok"], true);
        sent(fake, &secret).await;
    }
    // Nobody gave these out; the providers say so, and what they were given.
    for (connector, fake) in wall.fakes().into_iter().filter(|(name, _)| *name != "zapier") {
        let secret = p(&format!("{connector}, unknown there"));
        let id = host.connect(wall.connection(connector, &token(&secret))).await;
        for fault in [Some(Fault::Echo(401)), None] {
            fault.into_iter().for_each(|fault| fake.faults().fail_next(1, fault));
            assert_eq!(test(host, &id).await["ok"], false);
        }
        sent(fake, &secret).await;
    }
    let hooks = [p("a hook"), p("a hook, replaced"), p("a hook, the new one"), p("a hook that is gone")];
    hooks.iter().for_each(|secret| drop(wall.zapier.add_hook("7654321", secret)));
    let [good, old, new, gone] = &hooks;
    let replaced = host.connect(wall.connection("zapier", &hook(old))).await;
    for secret in [good, gone] {
        host.connect(wall.connection("zapier", &hook(secret))).await;
    }
    let mut events = host.post(&lead(1)).await;
    sent(&wall.zapier, old).await;
    host.settled(&events[0]).await;
    wall.zapier.remove_hook("7654321", gone);
    assert_eq!(change(host, &replaced, &hook(new)).await, 200);
    events.extend(host.post(&json!({ "id": "evt-note", "event": "note.made", "data": {} })).await);
    for secret in [good, new, gone] {
        sent(&wall.zapier, secret).await;
    }
    host.settled(&events[1]).await;
    events
}

/// Providers that tell in every form what they were given, in answers of each kind.
async fn echoed(host: &Host, wall: &Wall, events: &mut Vec<String>) {
    let before: Vec<u64> = wall.fakes().iter().map(|(_, fake)| fake.faults().committed()).collect();
    for (_, fake) in wall.fakes() {
        for fault in
            [Fault::Echo(400), Fault::Echo(302), Fault::Echo(200), Fault::Echo(422), Fault::Truncated]
        {
            fake.faults().fail_next(1, fault);
        }
        fake.faults().fail_next(2, Fault::SlowDrip { bytes: 7, every: Duration::from_millis(1) });
    }
    let appointment = json!({ "id": "evt-appointment", "event": "appointment.created", "data": {
        "appointmentId": "a-1", "title": "Visit", "start": "2026-12-01T10:00:00Z", "end": "2026-12-01T10:30:00Z"
    } });
    let call = json!({ "id": "evt-call", "event": "call.ended", "data": { "callId": "c-1", "fromNumber": "+15551234567" } });
    for event in [lead(2), appointment, call, lead(3)] {
        events.extend(host.post(&event).await);
    }
    let began = Instant::now();
    let told = || wall.fakes().iter().zip(&before).all(|((_, f), n)| f.faults().committed() > *n);
    while !told() {
        assert!(began.elapsed() < PATIENCE, "a provider was not asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    wall.fakes().iter().for_each(|(_, fake)| fake.faults().clear());
}

/// SIGKILL while requests are under way: those of a job, and one that a caller waits for.
async fn killed(host: &mut Host, wall: &Wall, planted: &mut Planted, events: &mut Vec<String>) {
    let live = planted.plant("HubSpot, under way at the kill");
    let job = planted.plant("a hook, under way at the kill");
    wall.hubspot.accept_token(&live);
    wall.zapier.add_hook("7654321", &job);
    let id = host.connect(wall.connection("hubspot", &token(&live))).await;
    host.connect(wall.connection("zapier", &hook(&job))).await;
    for (_, fake) in wall.fakes() {
        fake.faults().at_random(1, 1000, vec![Fault::AppliedThenHang(FOREVER), Fault::Hang(FOREVER)]);
    }
    events.extend(host.post(&lead(4)).await);
    let mut waiting = tokio::net::TcpStream::connect(&host.client.address).await.unwrap();
    let request = format!(
        "POST /api/connections/{id}/test HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\r\n",
        host.client.key
    );
    waiting.write_all(request.as_bytes()).await.unwrap();
    sent(&wall.hubspot, &live).await;
    sent(&wall.zapier, &job).await;
    // A caller who goes away has its request cut off, which is put on record as well.
    drop(waiting);
    tokio::time::sleep(Duration::from_millis(50)).await;
    host.kill();
    wall.fakes().iter().for_each(|(_, fake)| fake.faults().clear());
}

/// Another start: a provider that is not there, one that is not granted, one that never answers; all that is logged.
async fn elsewhere(host: &mut Host, wall: &Wall, planted: &mut Planted, events: &mut Vec<String>) {
    let config = host.folder.path().join("jackfield.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    // Nobody listens where somebody did a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = text.replace(&wall.zapier.url(), &format!("http://{nobody}"));
    let grant =
        "\n[[egress.grants.slack]]\nmethods = [\"GET\"]\nhost = \"slack.com\"\npaths = [\"/api/**\"]\n";
    std::fs::write(&config, text + grant).unwrap();
    impatient(host.folder.path());

    let mut command = Command::new(binary());
    clean(&mut command).env("JACKFIELD_LOG", "trace");
    for name in ["DEBUG_CRM", "DEBUG_CALENDAR", "DEBUG_WEBHOOK"] {
        command.env(name, "true");
    }
    host.serve_as(command);
    let secrets = [planted.plant("Slack, not granted"), planted.plant("Google, too slow")];
    wall.slack.accept_token(&secrets[0]);
    wall.google.accept_token(&secrets[1]);
    wall.google.faults().fail_next(1, Fault::Hang(FOREVER));
    let slack = host.connect(wall.connection("slack", &token(&secrets[0]))).await;
    let google = host.connect(wall.connection("google-calendar", &token(&secrets[1]))).await;
    let unreachable = planted.plant("a hook that cannot be reached");
    let zapier = host.connect(wall.connection("zapier", &hook(&unreachable))).await;
    events.extend(host.post(&lead(5)).await);
    let denied = test(host, &slack).await;
    assert_eq!(denied["ok"], false, "{denied}");
    let slow = test(host, &google).await;
    assert_eq!(slow["ok"], false, "{slow}");
    sent(&wall.google, &secrets[1]).await;
    let began = Instant::now();
    while host.har(&zapier).await["log"]["entries"].as_array().is_none_or(Vec::is_empty) {
        assert!(began.elapsed() < PATIENCE, "the hook was never tried");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Google's connector, with a deadline of a second: its manifest is changed where it stands in the component.
fn impatient(folder: &Path) {
    let installed = jackfield(template(), &["build", &plugin("google-calendar"), "--json"]);
    let built: Value = serde_json::from_slice(&installed.stdout).unwrap();
    let mut component = std::fs::read(built["path"].as_str().unwrap()).unwrap();
    let comment = b"# Google announces no counts; this is the usual quota of one user in one project.";
    let at = component.windows(comment.len()).position(|w| w == comment).expect("the manifest's comment");
    let limits = format!("{:<1$}", "[limits]\ndeadline-ms = 1000", comment.len());
    component[at..at + comment.len()].copy_from_slice(limits.as_bytes());
    let path = folder.join("impatient.wasm");
    std::fs::write(&path, component).unwrap();
    let output = jackfield(folder, &["install", path.to_str().unwrap(), "--yes"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn plugin(name: &str) -> String {
    crate::support::root().join("plugins").join(name).to_str().unwrap().to_owned()
}

/// Every answer that the API has; the client keeps them. What the commands say is handed back.
async fn asked_for_everything(host: &Host, events: &[String]) -> Vec<u8> {
    let get = async |path: String| {
        let (status, _, body) = host.client.bytes("GET", &path, "application/json", b"").await;
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice::<Value>(&body).unwrap_or_default()
    };
    for path in
        ["/openapi.json", "/metrics", "/healthz", "/readyz", "/api/connectors", "/api/connectors/slack"]
    {
        get(path.to_owned()).await;
    }
    for event in events {
        get(format!("/api/events/{event}")).await;
    }
    let list = get("/api/connections?limit=100".to_owned()).await;
    let connections = list["connections"].as_array().unwrap();
    assert!(connections.len() >= 12, "{}", connections.len());
    let mut har = String::new();
    for connection in connections {
        let id = connection["id"].as_str().unwrap();
        get(format!("/api/connections/{id}")).await;
        har += &host.har(id).await.to_string();
        let exchanges = get(format!("/api/connections/{id}/exchanges")).await;
        for exchange in exchanges["exchanges"].as_array().unwrap().iter().take(3) {
            get(format!("/api/connections/{id}/exchanges/{}", exchange["id"].as_str().unwrap())).await;
        }
    }
    // The echoes are on record, without what they told.
    assert!(har.contains("The credential Bearer REDACTED REDACTED"), "no echo was recorded");
    let mut said = Vec::new();
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["inspect", "hubspot"],
        &["inspect", "hubspot", "--json"],
        &["org", "list"],
        &["org", "list", "--json"],
        &["org", "create", "Other"],
        &["version"],
        &["uninstall", "nobody"],
        &["key", "create", "--org", "nobody"],
        &["serve"],
    ] {
        let output = jackfield(host.folder.path(), args);
        said.extend([output.stdout, output.stderr].concat());
    }
    said
}
