//! Requests, and what may come of them.
//!
//! A connector keeps one [`Api`] per origin, with its own [explanation](Api::explained) of that provider's refusals.
//! [`Request::send`] answers only with success; everything else arrives as the [`Error`] whose policy fits: the status
//! and the transport decide, the explanation refines. So the fate of every failure is visible at its `?`.
//!
//! ```no_run
//! # fn main() -> jackfield_connector::Result<()> {
//! use jackfield_connector::http::{Api, Refusal};
//! use jackfield_connector::{Error, encode, json};
//!
//! const API: Api = Api::new("https://api.example.com").explained(explain);
//!
//! fn explain(refusal: &Refusal) -> Option<Error> {
//!     (refusal.status == 423).then(|| Error::locked("the record is being merged"))
//! }
//!
//! let found = API.get(&format!("/people/{}", encode("a/b"))).query("fields", "id,name").accept(404).send()?;
//! if found.status == 404 {
//!     API.post("/people").json(&json!({ "name": "Ada" })).send()?;
//! }
//! # Ok(()) }
//! ```
//!
//! The host adds the credential, keeps the rate limits, holds the deadline and records the exchange. Never set
//! `Authorization`, never sleep, never retry: an [`Error::Transient`] is retried by the host.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use crate::bindings::base::jackfield::host::http::{
    HttpError, Request as RawRequest, Response as RawResponse,
};
use crate::text::encode;
use crate::{Error, Fault, Result};

mod refusal;
pub use refusal::Refusal;

/// What a provider's refusal means, where the status alone does not say it. `None` leaves it to the status.
pub type Explain = fn(&Refusal) -> Option<Error>;

/// One origin, and how its refusals read. Meant to be a `const`.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    base: &'static str,
    explain: Explain,
}

impl Api {
    /// `base`: scheme and host, `https://api.example.com`, or `https://NAME.endpoint.invalid` for an endpoint of the
    /// manifest. No trailing slash.
    #[must_use]
    pub const fn new(base: &'static str) -> Self {
        Self { base, explain: nothing_to_add }
    }

    /// Adds this connector's own reading of refusals. It sees every status but 2xx and those that were accepted.
    #[must_use]
    pub const fn explained(mut self, explain: Explain) -> Self {
        self.explain = explain;
        self
    }

    /// A GET of a path that starts with `/`. Put foreign ids through [`encode`].
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// A POST. It counts as unsafe to repeat unless [`Request::repeatable`] says otherwise.
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// A PUT.
    pub fn put(&self, path: &str) -> Request {
        self.request("PUT", path)
    }

    /// A PATCH. It counts as unsafe to repeat unless [`Request::repeatable`] says otherwise.
    pub fn patch(&self, path: &str) -> Request {
        self.request("PATCH", path)
    }

    /// A DELETE.
    pub fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }

    fn request(&self, method: &'static str, path: &str) -> Request {
        let mut request = Request::new(method, &format!("{}{path}", self.base));
        request.explain = self.explain;
        request
    }
}

/// A GET of an absolute https URL, for the odd request outside an [`Api`].
pub fn get(url: &str) -> Request {
    Request::new("GET", url)
}

/// A POST to an absolute https URL.
pub fn post(url: &str) -> Request {
    Request::new("POST", url)
}

/// A PUT to an absolute https URL.
pub fn put(url: &str) -> Request {
    Request::new("PUT", url)
}

/// A PATCH of an absolute https URL.
pub fn patch(url: &str) -> Request {
    Request::new("PATCH", url)
}

/// A DELETE of an absolute https URL.
pub fn delete(url: &str) -> Request {
    Request::new("DELETE", url)
}

/// A request under construction. Nothing happens before [`send`](Self::send).
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    raw: RawRequest,
    repeatable: bool,
    accepted: Vec<u16>,
    explain: Explain,
}

impl Request {
    fn new(method: &'static str, url: &str) -> Self {
        let raw = RawRequest {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
            auth: None,
            idempotency_key: None,
            timeout_ms: None,
        };
        let repeatable = matches!(method, "GET" | "PUT" | "DELETE");
        Self { raw, repeatable, accepted: Vec::new(), explain: nothing_to_add }
    }

    /// Adds one query parameter, both parts percent-encoded.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.raw.url.push(if self.raw.url.contains('?') { '&' } else { '?' });
        self.raw.url.push_str(&encode(name));
        self.raw.url.push('=');
        self.raw.url.push_str(&encode(&value.to_string()));
        self
    }

    /// Adds a header. The host refuses credential and hop-by-hop headers.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.raw.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body as JSON, with its content type.
    pub fn json(self, body: &impl Serialize) -> Self {
        // Serialising to memory fails only for maps with keys that are not text; such a body is a connector's bug, and
        // the provider's answer to `null` says so.
        let bytes = serde_json::to_vec(body).unwrap_or_else(|_| b"null".to_vec());
        self.body("application/json", bytes)
    }

    /// The body as a form (`application/x-www-form-urlencoded`).
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&").into_bytes())
    }

    /// The body as it is.
    pub fn body(mut self, content_type: &str, bytes: Vec<u8>) -> Self {
        self.raw.body = Some(bytes);
        self.header("content-type", content_type)
    }

    /// Which of the manifest's credentials to use, where a destination has several.
    pub fn auth(mut self, binding: &str) -> Self {
        self.raw.auth = Some(binding.to_owned());
        self
    }

    /// The op-key, for a provider with an idempotency header (`[idempotency]` in the manifest). The request may then be
    /// repeated, so an unanswered one is transient.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.raw.idempotency_key = Some(key.to_owned());
        self.repeatable()
    }

    /// Says that the same request twice does what one does: a search by POST, a PATCH that sets values. An unanswered
    /// request or a 5xx is then [`Error::Transient`]; without it, it is [`Error::Indeterminate`].
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Shortens the host's time limit for this request.
    pub fn timeout_ms(mut self, ms: u32) -> Self {
        self.raw.timeout_ms = Some(ms);
        self
    }

    /// Lets a status other than 2xx through as a [`Reply`]: a 404 that means "none", a 409 that means "already".
    pub fn accept(mut self, status: u16) -> Self {
        self.accepted.push(status);
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// Whatever is not 2xx and not [accepted](Self::accept), read by the [`Api`]'s explanation and then by
    /// [`Refusal::error`]; and whatever the host refuses or the network loses.
    pub fn send(self) -> Result<Reply> {
        let response = crate::host::send(&self.raw).map_err(|e| Error::from_http(e, self.repeatable))?;
        let (status, headers, body) = (response.status, response.headers, response.body);
        let reply = Reply { status, headers, body, repeatable: self.repeatable };
        if (200..300).contains(&reply.status) || self.accepted.contains(&reply.status) {
            return Ok(reply);
        }
        let refusal = Refusal {
            status: reply.status,
            headers: reply.headers,
            body: reply.body,
            repeatable: self.repeatable,
            url: self.raw.url,
        };
        Err((self.explain)(&refusal).unwrap_or_else(|| refusal.error()))
    }
}

/// An answer that the caller can use: 2xx, or a status that it accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body; its size is bounded by the host.
    pub body: Vec<u8>,
    repeatable: bool,
}

impl Reply {
    /// The first header of this name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON; an empty one (a 204) is `null`.
    ///
    /// # Errors
    /// [`Error::Permanent`] with the code `unreadable_answer` if it is not JSON; [`Error::Indeterminate`] where the request
    /// may not be repeated: what it asked for may be done.
    pub fn json(&self) -> Result<Value> {
        if self.body.is_empty() { Ok(Value::Null) } else { self.read() }
    }

    /// The body as JSON that the caller can go on with: `reply.json_if(|page| page["items"].is_array())`. A body that lacks
    /// what every answer has comes from something in between, and must not pass for an empty list or a record without id.
    ///
    /// # Errors
    /// As [`json`](Self::json), and the same if it is not usable.
    pub fn json_if(&self, usable: impl FnOnce(&Value) -> bool) -> Result<Value> {
        self.json().and_then(|body| {
            if usable(&body) { Ok(body) } else { Err(self.unreadable(&"what every answer has is missing")) }
        })
    }

    /// The body as JSON of a known shape.
    ///
    /// # Errors
    /// As [`json`](Self::json), and the same if it has another shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|problem| self.unreadable(&problem))
    }

    fn unreadable(&self, problem: &dyn std::fmt::Display) -> Error {
        let message = format!("The provider's answer is unreadable: {problem}");
        let fault = Fault { http_status: Some(self.status), ..crate::fault("unreadable_answer", &message) };
        if self.repeatable { Error::Permanent(fault) } else { Error::Indeterminate(fault) }
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

fn nothing_to_add(_: &Refusal) -> Option<Error> {
    None
}

#[cfg(test)]
mod tests;
