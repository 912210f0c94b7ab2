//! Zapier as a sink: each event starts one run of a Zap. Its oddities are in BEHAVIOR.md; what it may reach is in
//! connector.toml.

use jackfield_connector::automation::{Event, Receipt, Sink};
use jackfield_connector::http::{Api, Refusal, Reply};
use jackfield_connector::{Account, Error, Json, Lifecycle, Result, endpoint, json, serde_json};

struct Zapier;
jackfield_connector::export!(Zapier: lifecycle, automation::sink);

/// The hook's own address is a secret that the host puts in.
const HOOK: Api = Api::new("https://hook.endpoint.invalid").explained(explain);

impl Lifecycle for Zapier {
    /// A hook can only be written to, and each write starts a Zap: so nothing is asked.
    fn probe() -> Result<Account> {
        endpoint("hook").ok_or_else(|| {
            Error::permanent("no_hook", "There is no hook yet: give the Catch Hook URL as webhookUrl.")
        })?;
        let account = Account::new(&json!("zapier-hook"), &json!("Zapier catch hook"));
        // Nothing comes in from a hook, so nothing is routed by it.
        Ok(Account { routing_keys: Vec::new(), ..account })
    }
}

impl Sink for Zapier {
    fn deliver(events: Vec<Event>) -> Result<Vec<Result<Receipt>>> {
        let mut stopped: Option<Error> = None;
        let mut answers = Vec::with_capacity(events.len());
        for event in &events {
            let answer = match &stopped {
                Some(error) => Err(error.clone()),
                None => deliver(event),
            };
            stopped = stopped.or(answer.as_ref().err().filter(|error| concerns_all(error)).cloned());
            answers.push(answer);
        }
        Ok(answers)
    }
}

/// One event, one request: Zapier would start one run per element of an array, but answer for all of them at once.
fn deliver(event: &Event) -> Result<Receipt> {
    let reply = HOOK.post("/").json(&envelope(event)?).send()?;
    Ok(Receipt { event_id: event.id.clone(), remote_id: accepted(&reply)? })
}

/// Users map fields by the names in their first sample, so the names never change.
fn envelope(event: &Event) -> Result<Json> {
    let data: Json = serde_json::from_str(&event.data)
        .map_err(|e| Error::invalid("data", "not_json", &format!("The event's data is not JSON: {e}")))?;
    let mut body = json!({ "id": event.id, "event": event.kind, "timestamp": event.time, "data": data });
    if let Some(label) = &event.label {
        body["organizationId"] = label.as_str().into();
    }
    Ok(body)
}

/// The run's id. A silent hook answers with an empty body, and a hook never says more than "queued".
fn accepted(reply: &Reply) -> Result<Option<String>> {
    let answer: Json = serde_json::from_slice(&reply.body).unwrap_or_default();
    match answer["status"].as_str() {
        None | Some("success") => {
            let id = ["/id", "/request_id"].iter().find_map(|at| answer.pointer(at)?.as_str());
            Ok(id.map(str::to_owned))
        }
        Some(other) => Err(Error::transient("not_queued", &format!("Zapier answered `{}`.", short(other)))),
    }
}

/// Zapier asks to repeat whatever was not accepted, except where the hook is gone or the event is too large.
fn explain(refusal: &Refusal) -> Option<Error> {
    Some(match refusal.status {
        404 | 410 => Error::Permanent(refusal.fault(
            "hook_gone",
            "Zapier knows no such hook any more: give the Catch Hook URL of a Zap that exists.",
        )),
        413 => Error::invalid("data", "too_large", "The event is larger than Zapier takes (10 MB)."),
        429 => refusal.rate_limited(Some("hook".to_owned())),
        status => {
            Error::Transient(refusal.fault(&format!("http_{status}"), "Zapier did not take the event."))
        }
    })
}

/// Whether the rest of a batch would meet the same refusal.
fn concerns_all(error: &Error) -> bool {
    matches!(error, Error::RateLimited(_) | Error::Permanent(_) | Error::AuthExpired(_))
}

fn short(text: &str) -> String {
    jackfield_connector::cut(text, 100, "…")
}

jackfield_connector::replay!("recordings");

#[cfg(test)]
mod tests;
