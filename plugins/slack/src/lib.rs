//! Slack as a chat: our events become messages, one thread per subject, and an agent may post and look around. Its
//! oddities are in BEHAVIOR.md; what it may reach is in connector.toml.

mod actions;
mod api;
mod channels;
mod messages;
mod mrkdwn;
mod refusals;

use std::collections::BTreeMap;

use jackfield_connector::automation::{Event, Receipt, Sink};
use jackfield_connector::{Account, Error, Json, Lifecycle, Result, serde_json, setting};

struct Slack;
jackfield_connector::export!(Slack: lifecycle, choices, automation::sink, automation::actions);

impl Lifecycle for Slack {
    fn probe() -> Result<Account> {
        let (me, scopes) = api::auth_test()?;
        Ok(Account { granted_scopes: scopes, ..Account::new(&me["team_id"], &me["team"]) })
    }
}

impl Sink for Slack {
    fn deliver(events: Vec<Event>) -> Result<Vec<Result<Receipt>>> {
        let channel = setting("channel")
            .ok_or_else(|| Error::invalid("channel", "missing", "Choose the channel that messages go to."))?;
        // What a first message of this very batch opened; the host knows the threads of earlier ones.
        let mut threads: BTreeMap<String, String> = BTreeMap::new();
        let mut stopped: Option<Error> = None;
        let mut answers = Vec::with_capacity(events.len());
        for event in &events {
            if let Some(error) = &stopped {
                answers.push(Err(error.clone()));
                continue;
            }
            let subject = event.subject.clone().unwrap_or_default();
            let root = threads.get(&subject).or(event.parent.as_ref()).cloned();
            let answer = deliver(&channel, event, root.as_deref());
            match &answer {
                Ok(receipt) if !subject.is_empty() => {
                    threads.extend(receipt.remote_id.clone().map(|ts| (subject, ts)))
                }
                Err(error) if concerns_all(error) => stopped = Some(error.clone()),
                _ => {}
            }
            answers.push(answer);
        }
        Ok(answers)
    }
}

fn deliver(channel: &str, event: &Event, root: Option<&str>) -> Result<Receipt> {
    let data: Json = serde_json::from_str(&event.data)
        .map_err(|e| Error::invalid("data", "not_json", &format!("The event's data is not JSON: {e}")))?;
    let text = messages::message(&event.kind, &data);
    let posted = api::once(&event.id, || match api::post(channel, &text, root) {
        // The first message was deleted, or the channel was changed: the subject starts a new thread.
        Err(error) if root.is_some() && refusals::thread_is_gone(&error) => api::post(channel, &text, None),
        other => other,
    })?;
    // A reply is found again through the message that it hangs under.
    let thread = posted.thread_ts.unwrap_or(posted.ts);
    Ok(Receipt { event_id: event.id.clone(), remote_id: Some(thread) })
}

/// Whether the rest of a batch would meet the same refusal.
fn concerns_all(error: &Error) -> bool {
    match error {
        Error::AuthExpired(_) | Error::Forbidden(_) | Error::RateLimited(_) => true,
        Error::InvalidInput(fields) => fields.iter().any(|field| field.path == "channel"),
        _ => false,
    }
}

jackfield_connector::replay!("recordings");

#[cfg(test)]
mod tests;
