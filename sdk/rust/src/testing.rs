//! Native tests: a scripted stand-in for the host, and the replay of recordings. Not part of a built connector.
//!
//! `cargo test` in a connector's folder runs its code natively. [`Stage`] answers its requests in order;
//! [`replay!`](crate::replay) takes the script from `recordings/`.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http::{HttpError, RawRequest, RawResponse};

/// One request that is expected, and the answer to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The vendor's page or description that the answer was taken from.
    #[serde(default)]
    pub source: String,
    /// What must be sent.
    pub request: Expected,
    /// What comes back.
    pub response: Answer,
}

/// A request as recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Upper case.
    pub method: String,
    /// The whole URL, with its query.
    pub url: String,
    /// JSON, or a text for any other body. Absent: the request has none.
    pub body: Option<Value>,
}

/// An answer as recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON, or a text for any other body.
    #[serde(default)]
    pub body: Value,
}

/// A recording: one call, the exchanges it makes, and what it answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// What it shows.
    pub about: String,
    /// The connection's settings.
    #[serde(default)]
    pub config: Value,
    /// What the connector is told of its endpoints, by name: `https://NAME.endpoint.invalid` for a secret one.
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
    /// The function and its arguments.
    pub call: Call,
    /// In order.
    pub exchanges: Vec<Exchange>,
    /// `{"Ok": …}` or `{"Err": …}`.
    pub result: Value,
}

/// A call of an exported function: `crm/write.apply`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Interface and function, in the contract's spelling.
    pub function: String,
    /// In order, in the JSON that serde makes of the SDK's types.
    pub args: Vec<Value>,
}

impl Call {
    /// Whether it is this function.
    #[must_use]
    pub fn is(&self, function: &str) -> bool {
        self.function == function
    }

    /// An argument, as the function's own type.
    ///
    /// # Panics
    /// If it is missing or does not fit: the recording is wrong.
    #[must_use]
    #[expect(clippy::panic, reason = "a test's own failure")]
    pub fn arg<T: DeserializeOwned>(&self, index: usize) -> T {
        let value = self.args.get(index).cloned().unwrap_or_default();
        serde_json::from_value(value).unwrap_or_else(|e| panic!("argument {index} of {}: {e}", self.function))
    }
}

/// A real way out, in a script's place.
pub type Road = fn(&RawRequest) -> Result<RawResponse, HttpError>;

/// What the stand-in knows. It lives in a thread-local while [`Stage::run`] runs.
#[derive(Clone, Debug)]
pub struct Stage {
    config: Value,
    exchanges: VecDeque<Exchange>,
    lost: Option<HttpError>,
    road: Option<Road>,
    endpoints: BTreeMap<String, String>,
    time_left_ms: u64,
    cache: BTreeMap<String, Vec<u8>>,
    sent: Vec<RawRequest>,
    logged: Vec<String>,
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// No settings, no exchanges, 30 s left.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: json!({}),
            exchanges: VecDeque::new(),
            lost: None,
            road: None,
            endpoints: BTreeMap::new(),
            time_left_ms: 30_000,
            cache: BTreeMap::new(),
            sent: Vec::new(),
            logged: Vec::new(),
        }
    }

    /// The connection's settings.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// A known endpoint.
    #[must_use]
    pub fn endpoint(mut self, name: &str, url: &str) -> Self {
        self.endpoints.insert(name.to_owned(), url.to_owned());
        self
    }

    /// What is left of the deadline.
    #[must_use]
    pub fn time_left_ms(mut self, ms: u64) -> Self {
        self.time_left_ms = ms;
        self
    }

    /// The next request and its answer. `body`: `Value::Null` for a request without one.
    #[must_use]
    pub fn exchange(mut self, method: &str, url: &str, body: Value, status: u16, answer: Value) -> Self {
        let body = (!body.is_null()).then_some(body);
        let request = Expected { method: method.to_owned(), url: url.to_owned(), body };
        let response = Answer { status, headers: BTreeMap::new(), body: answer };
        self.exchanges.push_back(Exchange { source: String::new(), request, response });
        self
    }

    /// What every request after the scripted ones runs into, instead of failing the test.
    #[must_use]
    pub fn then_fail(mut self, error: HttpError) -> Self {
        self.lost = Some(error);
        self
    }

    /// What answers every request after the scripted ones, and is not the script: a client, say. Nothing is kept of what it
    /// is asked.
    #[must_use]
    pub fn then_by(mut self, road: Road) -> Self {
        self.road = Some(road);
        self
    }

    /// Runs `work` against this script.
    ///
    /// # Panics
    /// If a request differs from the script, or a scripted exchange did not happen.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> (T, Vec<RawRequest>) {
        STAGE.with(|stage| *stage.borrow_mut() = Some(self));
        let answer = work();
        let stage = STAGE.with(|stage| stage.borrow_mut().take()).unwrap_or_default();
        let left: Vec<String> =
            stage.exchanges.iter().map(|e| format!("{} {}", e.request.method, e.request.url)).collect();
        assert!(left.is_empty(), "these requests were never made: {left:#?}");
        (answer, stage.sent)
    }

    fn answer(&mut self, request: &RawRequest) -> Result<RawResponse, HttpError> {
        if let Some(road) = self.road.filter(|_| self.exchanges.is_empty()) {
            return road(request);
        }
        self.sent.push(request.clone());
        let Some(exchange) = self.exchanges.pop_front() else {
            let (method, url) = (&request.method, &request.url);
            return Err(self.lost.clone().unwrap_or_else(|| {
                unexpected(&format!("{method} {url}\n{}", body_text(request.body.as_deref())));
            }));
        };
        let expected = &exchange.request;
        assert_eq!(
            (&request.method, &request.url),
            (&expected.method, &expected.url),
            "another request was expected"
        );
        let sent = request.body.as_deref().map(body_json);
        assert_eq!(sent, expected.body, "the body of {} {}", request.method, request.url);
        let body = match exchange.response.body {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            other => other.to_string().into_bytes(),
        };
        Ok(RawResponse {
            status: exchange.response.status,
            headers: exchange.response.headers.into_iter().collect(),
            body,
        })
    }
}

#[expect(clippy::panic, reason = "a test's own failure")]
fn unexpected(request: &str) -> ! {
    panic!("this request was not expected: {request}")
}

fn body_text(body: Option<&[u8]>) -> String {
    body.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

fn body_json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| body_text(Some(body)).into())
}

/// Replays every `*.json` of a folder through `dispatch`; [`replay!`](crate::replay) calls it.
///
/// # Panics
/// If a recording cannot be read, calls what the connector does not export, or comes out differently.
#[expect(clippy::panic, reason = "a test's own failure")]
pub fn replay(folder: &str, dispatch: fn(&Call) -> Option<Value>) {
    let entries = std::fs::read_dir(Path::new(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let recordings = paths.iter().filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut count = 0;
    for path in recordings {
        count += 1;
        let name = path.display();
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let recording: Recording = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (exchanges, endpoints) = (recording.exchanges.into(), recording.endpoints);
        let stage = Stage { exchanges, endpoints, ..Stage::new().config(recording.config) };
        let (result, _) = stage.run(|| dispatch(&recording.call));
        let result = result.unwrap_or_else(|| panic!("{name}: {} is not exported", recording.call.function));
        assert_eq!(result, recording.result, "{name}: {}", recording.about);
    }
    assert!(count > 0, "{folder} holds no recordings");
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

fn with<T>(work: impl FnOnce(&mut Stage) -> T) -> T {
    STAGE.with(|stage| work(stage.borrow_mut().get_or_insert_default()))
}

/// The host's functions, natively.
pub(crate) mod platform {
    use super::with;

    pub(crate) mod http {
        use crate::http::{HttpError, RawRequest, RawResponse};

        pub(crate) fn send(request: &RawRequest) -> Result<RawResponse, HttpError> {
            super::with(|stage| stage.answer(request))
        }
    }

    pub(crate) mod connection {
        pub(crate) fn config() -> String {
            super::with(
                |stage| if stage.config.is_null() { "{}".to_owned() } else { stage.config.to_string() },
            )
        }

        pub(crate) fn endpoint(name: &str) -> Option<String> {
            super::with(|stage| stage.endpoints.get(name).cloned())
        }

        pub(crate) fn time_left_ms() -> u64 {
            super::with(|stage| stage.time_left_ms)
        }
    }

    pub(crate) mod log {
        use crate::bindings::base::jackfield::host::log::Level;

        pub(crate) fn emit(level: Level, message: &str, fields: &[(String, String)]) {
            super::with(|stage| stage.logged.push(format!("{level:?} {message} {fields:?}")));
        }
    }

    pub(crate) mod cache {
        pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
            super::with(|stage| stage.cache.get(key).cloned())
        }

        pub(crate) fn put(key: &str, value: &[u8], _ttl_ms: u64) {
            super::with(|stage| stage.cache.insert(key.to_owned(), value.to_vec()));
        }
    }

    pub(crate) mod signing {
        pub(crate) fn mac(_secret: &str, _alg: &str, _message: &[u8]) -> Result<Vec<u8>, String> {
            Err("the stage has no secrets".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    fn stage() -> Stage {
        Stage::new().exchange("POST", "https://a.example/x", json!({ "a": 1 }), 200, json!({}))
    }

    #[test]
    #[should_panic(expected = "the body of POST https://a.example/x")]
    fn another_body_fails_the_test() {
        let _ = stage().run(|| http::post("https://a.example/x").json(&json!({ "a": 2 })).send());
    }

    #[test]
    #[should_panic(expected = "another request was expected")]
    fn another_address_fails_the_test() {
        let _ = stage().run(|| http::post("https://a.example/y").json(&json!({ "a": 1 })).send());
    }

    #[test]
    #[should_panic(expected = "these requests were never made")]
    fn a_request_that_is_not_made_fails_the_test() {
        let _ = stage().run(|| ());
    }

    #[test]
    #[should_panic(expected = "this request was not expected: GET https://a.example/z")]
    fn a_request_too_many_fails_the_test() {
        let _ = Stage::new().run(|| http::get("https://a.example/z").send());
    }
}
