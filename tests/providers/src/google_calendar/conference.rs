//! Meet links, which are made a while after they are asked for.

use super::account::Account;
use super::errors::Trouble;
use serde_json::{Value, json};

const SOLUTION: &str = "hangoutsMeet";

/// A Meet link, or the request for one.
#[derive(Debug, Clone)]
pub(super) struct Meet {
    request: String,
    code: String,
    pending: u32,
}

impl Meet {
    pub(super) fn link(&self) -> Option<String> {
        (self.pending == 0).then(|| format!("https://meet.google.com/{}", self.code))
    }

    /// Counts a read; whether this one is the first to see the link.
    pub(super) fn read(&mut self) -> bool {
        let was = self.pending;
        self.pending = was.saturating_sub(1);
        was == 1
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending > 0
    }

    pub(super) fn render(&self) -> Value {
        let status = if self.is_pending() { "pending" } else { "success" };
        let mut told = json!({"createRequest": {
            "requestId": self.request,
            "conferenceSolutionKey": {"type": SOLUTION},
            "status": {"statusCode": status},
        }});
        if let Some(link) = self.link() {
            let label = link.trim_start_matches("https://").to_owned();
            told["entryPoints"] = json!([{"entryPointType": "video", "uri": link, "label": label}]);
            told["conferenceSolution"] = json!({"key": {"type": SOLUTION}, "name": "Google Meet"});
            told["conferenceId"] = self.code.clone().into();
        }
        told
    }
}

impl Account {
    /// The Meet link that a body asks for; the same request is never carried out twice.
    pub(super) fn meet(&mut self, conference: &Value) -> Result<Option<Meet>, Trouble> {
        let request = &conference["createRequest"];
        if request.is_null() {
            return Ok(None);
        }
        let id = request["requestId"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| Trouble::bad("required", "Missing conference request id."))?;
        let kind = &request["conferenceSolutionKey"]["type"];
        if !kind.is_null() && kind != SOLUTION {
            return Err(Trouble::invalid("Invalid conference type value."));
        }
        let code = match self.conferences.get(id) {
            Some(code) => code.clone(),
            None => {
                let letters = self.ids.of(b"abcdefghijkmnopqrstuvwxyz", 10);
                let code = format!("{}-{}-{}", &letters[..3], &letters[3..7], &letters[7..]);
                self.conferences.insert(id.to_owned(), code.clone());
                code
            }
        };
        Ok(Some(Meet { request: id.to_owned(), code, pending: self.config.meet_after_reads }))
    }
}
