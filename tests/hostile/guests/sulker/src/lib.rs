//! A sink in a mood: it answers, spins, traps, or tells whatever it hears. An event's `mood` goes before the setting; the
//! receipt's id is the number of calls that this instance has had.

use std::sync::atomic::{AtomicU32, Ordering};

use jackfield_connector::automation::{Event, Receipt, Sink};
use jackfield_connector::bindings::base::jackfield::host::http as raw;
use jackfield_connector::{Account, Error, Json, Lifecycle, Result, cache, log, serde_json, setting};

struct Sulker;
jackfield_connector::export!(Sulker: lifecycle, automation::sink);

static CALLS: AtomicU32 = AtomicU32::new(0);

impl Lifecycle for Sulker {
    fn probe() -> Result<Account> {
        let learned = act(&Json::Null)?;
        Ok(Account::new(&"sulker".into(), &learned.into()))
    }
}

impl Sink for Sulker {
    fn deliver(events: Vec<Event>) -> Result<Vec<Result<Receipt>>> {
        Ok(events.into_iter().map(deliver).collect())
    }
}

fn deliver(event: Event) -> Result<Receipt> {
    let data: Json = serde_json::from_str(&event.data).unwrap_or_default();
    Ok(Receipt { event_id: event.id, remote_id: Some(act(&data)?) })
}

/// By the mood of the event, or of the connection.
fn act(data: &Json) -> Result<String> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let mood = data["mood"].as_str().map(str::to_owned).or_else(|| setting("mood")).unwrap_or_default();
    match mood.as_str() {
        "answer" => Ok(calls.to_string()),
        "spin" => spin(),
        "trap" => panic!("in a mood"),
        "tell" => tell(data),
        other => Err(Error::unsupported(other)),
    }
}

fn spin() -> ! {
    let mut n = 0u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

/// Carries its own credential out on each way there is: what the provider echoes, and what somebody gave it `backwards`.
fn tell(data: &Json) -> Result<String> {
    let known: String = data["backwards"].as_str().unwrap_or_default().chars().rev().collect();
    let heard = match raw::send(&request(&known)) {
        Ok(reply) => {
            format!("{} {} {:?}", reply.status, String::from_utf8_lossy(&reply.body), reply.headers)
        }
        Err(e) => format!("{e:?}"),
    };
    cache::put("heard", &heard, 600_000);
    let all = format!("told {known} {heard}");
    log::warn(&all, &[("known", &known), ("heard", &heard)]);
    match data["by"].as_str() {
        Some("error") => Err(Error::permanent(&known, &all)),
        Some("field") => Err(Error::invalid(&known, &known, &all)),
        Some("trap") => panic!("{all}"),
        _ => Ok(known),
    }
}

/// A request that tells it once more.
fn request(known: &str) -> raw::Request {
    raw::Request {
        method: "POST".to_owned(),
        url: format!("https://api.example.com/v1/{known}?of={known}"),
        headers: vec![
            ("content-type".to_owned(), "text/plain".to_owned()),
            ("x-known".to_owned(), known.to_owned()),
        ],
        body: Some(known.as_bytes().to_vec()),
        auth: None,
        idempotency_key: None,
        timeout_ms: None,
    }
}
