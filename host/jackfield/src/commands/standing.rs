//! Where an installed connector stands, as an operator sees it: every organization's connections.

use anyhow::Result;
use serde_json::{Value, json};
use store::{ConnectorEvent, Quarantine, Quarantines, Store};

/// Events that `inspect` shows.
const EVENTS: u32 = 100;

/// What is in quarantine of one connector.
pub(super) struct Standing<'q> {
    version: Option<&'q Quarantine>,
    connections: Vec<&'q store::QuarantinedConnection>,
}

impl<'q> Standing<'q> {
    pub(super) fn of(connector: &str, found: &'q Quarantines) -> Self {
        Self {
            version: found.versions.iter().find(|(id, _)| id == connector).map(|(_, q)| q),
            connections: found.connections.iter().filter(|q| q.connector == connector).collect(),
        }
    }

    /// Adds it to what is said of the connector as JSON.
    pub(super) fn add_to(&self, said: &mut Value) {
        let one =
            |q: &Quarantine| json!({ "since": q.since.rfc3339(), "strikes": q.strikes, "reason": q.reason });
        said["status"] = json!(if self.version.is_some() { "quarantined" } else { "active" });
        said["quarantine"] = self.version.map_or(Value::Null, one);
        said["quarantinedConnections"] = self
            .connections
            .iter()
            .map(|c| {
                let mut said = one(&c.quarantine);
                said["connection"] = json!(c.connection);
                said["organization"] = json!(c.org);
                said
            })
            .collect();
    }

    /// For people: nothing where there is nothing to say.
    pub(super) fn lines(&self) -> Vec<String> {
        let version = self.version.map(|q| format!("QUARANTINED since {}: {}", q.since, plain(&q.reason)));
        let connections = self.connections.iter().map(|c| {
            let q = &c.quarantine;
            format!("connection {} QUARANTINED since {}: {}", c.connection, q.since, plain(&q.reason))
        });
        version.into_iter().chain(connections).collect()
    }
}

/// A reason has a guest's words in it, and draws nothing on the terminal, whoever wrote it into the database.
fn plain(reason: &str) -> String {
    reason.chars().map(|c| if sandbox::misleads(c) { ' ' } else { c }).collect()
}

/// The latest events of a connector, for `inspect --json`.
pub(super) async fn events(store: &Store, connector: &str) -> Result<Value> {
    let events = store.connector_events(connector, None, None, EVENTS).await?;
    Ok(events.iter().map(event).collect())
}

fn event(e: &ConnectorEvent) -> Value {
    let (org, connection) = e.connection.as_ref().map(|(o, c)| (o.as_str(), c.as_str())).unzip();
    json!({
        "id": e.id, "kind": e.kind.as_str(), "at": e.at.rfc3339(), "reason": e.reason, "version": e.version,
        "digest": e.digest, "organization": org, "connection": connection,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_draws_nothing_on_the_terminal() {
        let quarantine = |reason: &str| Quarantine {
            whole_version: false,
            since: model::Millis(0),
            strikes: 5,
            reason: reason.to_owned(),
        };
        let connection = store::QuarantinedConnection {
            connector: "crm".to_owned(),
            connection: "con".into(),
            org: "org".into(),
            quarantine: quarantine("trap\n\u{1b}[2Jzapier"),
        };
        let found = Quarantines {
            versions: vec![("crm".to_owned(), quarantine("\u{202e}lla rof"))],
            connections: vec![connection],
        };
        let lines = Standing::of("crm", &found).lines();
        assert!(!lines.iter().any(|line| line.contains(sandbox::misleads)), "{lines:?}");
        assert!(lines[1].ends_with(": trap  [2Jzapier"), "{lines:?}");
    }
}
