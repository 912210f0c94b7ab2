//! What lies in a guest's memory after providers have told everything they were told.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use egress::Injection;
use hostile::{Act, Arena, Seat, TOKEN};
use model::Secret;
use serde_json::{Value, json};

/// Words that every answer has: the guest must find them, or its search is worth nothing.
const WORDS: &str = "words-of-the-answer-that-may-be-known";
/// As the guest has it.
const MASK: u8 = 0x5a;

fn masked(text: &str) -> String {
    text.bytes().map(|byte| format!("{:02x}", byte ^ MASK)).collect()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
}

/// The secret alone and within something longer: where base64 holds bits of its neighbours, three texts differ.
fn within(secret: &str) -> [(String, usize); 3] {
    [("", 0), ("a", 2), ("ab", 3)]
        .map(|(before, first)| (STANDARD.encode(format!("{before}{secret}")), first))
}

/// What no guest may have in its memory.
fn forms(secret: &str) -> Vec<String> {
    let base64 = within(secret).map(|(text, first)| text[first..text.len() - 4].to_owned());
    // Half of it is too much as well.
    let (half, other) = secret.split_at(16);
    let plain = [half, other, &secret.to_uppercase()].map(str::to_owned);
    let safe = URL_SAFE_NO_PAD.encode(secret);
    [
        vec![percent(secret), percent(secret).to_lowercase(), escaped(secret), safe],
        base64.to_vec(),
        plain.to_vec(),
    ]
    .concat()
}

/// A provider that repeats a secret and the whole request, in all forms and places, with the status that the path ends with.
fn told(request: &str, secret: &str) -> Vec<Act> {
    let [(alone, _), (second, _), (third, _)] = within(secret);
    let all = [secret.to_owned(), percent(secret), escaped(secret), alone, second, third].join(" ");
    let body = format!("{WORDS} {all} {}", request.replace("\r\n", " "));
    let headers = format!(
        "x-echo: {secret}\r\nx-{secret}: 1\r\nlocation: https://api.example.com/v1/x?t={}\r\n\
         www-authenticate: Bearer error=\"{secret}\"\r\nset-cookie: t={secret}\r\n",
        percent(secret)
    );
    let path = request.split([' ', '?']).nth(1).unwrap_or_default();
    match path.rsplit('/').next().unwrap_or_default() {
        "chunks" => {
            // In pieces that cut the secret, with the secret as a chunk's extension and as a trailer.
            let mut answer = format!("HTTP/1.1 200 {secret}\r\n{headers}transfer-encoding: chunked\r\n\r\n");
            for piece in body.as_bytes().chunks(7) {
                answer += &format!("{:x};t={secret}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece));
            }
            Act::raw(answer + &format!("0\r\nx-trailer: {secret}\r\n\r\n"))
        }
        "broken" => {
            let answer = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 100000\r\n\r\n{body}");
            Act::raw(answer)
        }
        "no-http" => Act::raw(format!("{secret} {body}\r\n\r\n")),
        status => Act::answer(status.parse().unwrap_or(200), &headers, body),
    }
}

const ANSWERS: [&str; 9] = ["200", "302", "400", "401", "429", "500", "chunks", "broken", "no-http"];

/// Both roads.
fn both(ask: &Value) -> [Value; 2] {
    let mut wasi = ask.clone();
    wasi["wasi"] = json!(true);
    [ask.clone(), wasi]
}

/// How many calls the guest's instance has seen, and how often each needle is in its memory, the words last.
async fn searched(seat: &Seat<'_>, asks: Vec<Value>, secrets: &[&str]) -> (u64, Vec<u64>, u64) {
    let forms = secrets.iter().flat_map(|secret| forms(secret));
    let needles: Vec<String> = forms.chain([WORDS.to_owned()]).map(|form| masked(&form)).collect();
    let seat = seat.clone().with("asks", asks).with("needles", needles).host_time(Duration::from_secs(30));
    let seat = seat.limited(|l| {
        (l.http_requests, l.cpu_ms, l.deadline_ms) = (Some(200), Some(10_000), Some(60_000));
        l.memory_mib = Some(64);
    });
    let told: Value =
        serde_json::from_str(&seat.learned("memory", "").await).expect("the guest tells an object");
    let mut counts: Vec<u64> = serde_json::from_value(told["counts"].clone()).expect("a list of counts");
    let words = counts.pop().expect("the words come last");
    (told["calls"].as_u64().expect("a number of calls"), counts, words)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_the_credential_is_anywhere_in_the_guests_memory() {
    let arena = Arena::new().await;
    arena.recorder.script(|request| told(request, TOKEN));
    let mut asks: Vec<Value> = ANSWERS
        .iter()
        .flat_map(|a| both(&json!({ "url": format!("https://api.example.com/v1/{a}") })))
        .collect();
    asks.push(json!({ "url": format!("https://evil.example.net/?{WORDS}") }));
    let (_, counts, words) = searched(&arena.seat("memory"), asks, &[TOKEN]).await;

    // Of seven answers on two roads, each with a copy or more.
    assert!(words >= 14, "the search finds nothing: {words}");
    assert!(counts.iter().all(|count| *count == 0), "{counts:?}");
    let wire = arena.recorder.heard();
    assert_eq!(wire.matches(&format!("Bearer {TOKEN}")).count(), 2 * ANSWERS.len(), "the host added it");
    assert!(!arena.recordings().contains(TOKEN));
}

/// One secret and its place: what marks its requests, how it is injected, and what the guest asks for.
struct Planted {
    mark: String,
    secret: String,
    injection: Option<Injection>,
    ask: Value,
}

/// Ten for a connection: each place that egress has for one.
fn planted(connection: usize) -> Vec<Planted> {
    let kinds = ["bearer", "basic", "api-key", "prefix", "query", "path", "json", "nested", "form", "hook"];
    let all = kinds.iter().enumerate().map(|(n, kind)| {
        let mark = format!("c{connection}-{kind}");
        // Nothing that two of them have in common is long enough to be looked for.
        let digits: String =
            (0..28u64).map(|d| char::from(b'a' + ((d * d * 7 + d * 3 + n as u64 * 11) % 26) as u8)).collect();
        let secret = format!("{}{n}{digits}Z{connection}", kind.chars().next().unwrap_or('x'));
        let value = || Secret::new(secret.as_str());
        let header = |name: &str, text: String| Injection::Header {
            name: name.to_owned(),
            value: Secret::new(text),
            secret: value(),
        };
        let body = |field: &str| Injection::Body { field: field.to_owned(), value: value() };
        let url = format!("https://api.example.com/v1/{mark}/ANSWER");
        let post = |kind: &str, body: &str| {
            json!({ "url": url, "method": "POST", "headers": [["content-type", kind]], "body": body })
        };
        let get = json!({ "url": url });
        let form = "application/x-www-form-urlencoded";
        let (injection, ask) = match *kind {
            "bearer" => (Some(header("authorization", format!("Bearer {secret}"))), get),
            "basic" => {
                let pair = STANDARD.encode(format!("user:{secret}"));
                (Some(header("authorization", format!("Basic {pair}"))), get)
            }
            "api-key" => (Some(header("x-api-key", secret.clone())), get),
            "prefix" => (Some(header("x-auth", format!("Token token={secret}"))), get),
            "query" => (Some(Injection::Query { name: "key".to_owned(), value: value() }), get),
            "path" => {
                let ask = json!({ "url": format!("https://api.example.com/v1/{mark}/bot{{token}}/ANSWER") });
                (Some(Injection::Path { placeholder: "{token}".to_owned(), value: value() }), ask)
            }
            "json" => (Some(body("/token")), post("application/json", "{}")),
            "nested" => (Some(body("/auth/token")), post("application/json", "{\"auth\":{}}")),
            "form" => (Some(body("token")), post(form, "a=b")),
            _ => (None, json!({ "url": format!("https://own-hook.endpoint.invalid/{mark}/ANSWER") })),
        };
        Planted { mark, secret: secret.clone(), injection, ask }
    });
    all.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_planted_secrets_in_every_place_are_nowhere_in_the_guests_memory() {
    let arena = Arena::new().await;
    let all: Vec<Vec<Planted>> = (0..3).map(planted).collect();
    let known: Vec<(String, String)> =
        all.iter().flatten().map(|p| (format!("/{}/", p.mark), p.secret.clone())).collect();
    let secrets: Vec<&str> = known.iter().map(|(_, secret)| secret.as_str()).collect();
    assert_eq!(secrets.len(), 30);
    let provider = known.clone();
    arena.recorder.script(move |request| {
        let line = request.lines().next().unwrap_or_default();
        match provider.iter().find(|(mark, _)| line.contains(mark.as_str())) {
            Some((_, secret)) => told(request, secret),
            None => Act::answer(404, "", ""),
        }
    });
    let seats: Vec<Seat<'_>> = all.iter().enumerate().map(|(n, planted)| seat(&arena, n, planted)).collect();
    // In turn, the second and the third time on the instance that the first one left; the third time without a request,
    // so that all that is there is left over.
    for round in 1..=3 {
        for (seat, planted) in seats.iter().zip(&all) {
            let asks = planted.iter().enumerate().flat_map(|(n, p)| {
                let answers = ["200", ANSWERS[1 + n % 8]];
                answers.into_iter().flat_map(|answer| asked(&p.ask, answer))
            });
            let seat = seat.clone().with("quiet-after", 2);
            let (calls, counts, words) = searched(&seat, asks.collect(), &secrets).await;
            assert_eq!(calls, round, "it is not the same instance: this shows less");
            assert!(round == 3 || words >= 30, "the search finds nothing: {words}");
            let found: Vec<(usize, u64)> =
                counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
            assert!(found.is_empty(), "round {round}: {found:?} of {} forms each", forms(secrets[0]).len());
        }
    }
    let (heard, recordings) = (arena.recorder.heard(), arena.recordings());
    for (mark, secret) in &known {
        let sent = [secret.clone(), STANDARD.encode(format!("user:{secret}"))];
        assert!(sent.iter().any(|s| heard.contains(s.as_str())), "{mark} was never sent: this shows nothing");
        assert!(sent.iter().all(|s| !recordings.contains(s.as_str())), "{mark} is in a recording");
    }
}

/// A connection with these secrets, kept warm.
fn seat<'a>(arena: &'a Arena, number: usize, planted: &[Planted]) -> Seat<'a> {
    let mut seat = arena.seat(&format!("planted-{number}")).warm(10);
    for p in planted {
        seat = match &p.injection {
            Some(injection) => seat.injected(&format!("/{}/", p.mark), injection.clone()),
            None => seat.secret_base(&format!("https://one.tenant.example.com/base/{}", p.secret)),
        };
    }
    seat
}

/// On both roads, with this for the answer.
fn asked(ask: &Value, answer: &str) -> [Value; 2] {
    let url = ask["url"].as_str().unwrap_or_default().replace("ANSWER", answer);
    let mut ask = ask.clone();
    ask["url"] = json!(url);
    both(&ask)
}
