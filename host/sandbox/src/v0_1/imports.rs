//! What the host does for a guest: HTTP, its connection's settings, a log, a cache. Nothing else is linked but WASI.

use std::time::Duration;

use egress::{Refusal, Request};
use wasmtime::component::{HasSelf, Linker};

use super::bindings::jackfield::core::types as core_types;
use super::bindings::jackfield::host::http::{HttpError, RateLimit, Response};
use super::bindings::jackfield::host::log::Level;
use super::bindings::jackfield::host::{cache, connection, http, log, signing};
use super::bindings::jackfield::{calendar, crm, webhook};
use crate::state::{CACHE_KEY, CACHE_WRITES, LOG_BYTES, Outside, State};
use crate::{Halt, misleads, random, wasi_http};

/// Links every import of the `everything` world, and WASI.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Own = HasSelf<State>;
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasi_http::link_bounded(linker)?;
    random::link_metered(linker)?;
    core_types::add_to_linker::<_, Own>(linker, |s| s)?;
    crm::types::add_to_linker::<_, Own>(linker, |s| s)?;
    calendar::types::add_to_linker::<_, Own>(linker, |s| s)?;
    webhook::types::add_to_linker::<_, Own>(linker, |s| s)?;
    http::add_to_linker::<_, Own>(linker, |s| s)?;
    connection::add_to_linker::<_, Own>(linker, |s| s)?;
    log::add_to_linker::<_, Own>(linker, |s| s)?;
    cache::add_to_linker::<_, Own>(linker, |s| s)?;
    signing::add_to_linker::<_, Own>(linker, |s| s)
}

impl core_types::Host for State {}
impl crm::types::Host for State {}
impl calendar::types::Host for State {}
impl webhook::types::Host for State {}

impl State {
    /// The connection that this call serves. For a function that runs before any connection is known, asking for it
    /// ends the call.
    fn outside(&mut self, asked: &str) -> wasmtime::Result<&mut Outside> {
        if self.outside.is_none() {
            let halt = Halt::HostCall {
                reason: format!(
                    "{asked} is not there in this function: it runs before any connection is known"
                ),
            };
            return Err(wasmtime::Error::new(self.meter.stop(halt)));
        }
        self.outside.as_mut().ok_or_else(|| wasmtime::Error::msg("unreachable: checked above"))
    }
}

impl http::Host for State {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<Response, HttpError>> {
        let left = self.meter.left();
        let lane = self.outside("host/http")?.lane.clone();
        let wanted = request.timeout_ms.map(|ms| Duration::from_millis(u64::from(ms)));
        let request = Request {
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().map(|(n, v)| (n, v.into_bytes())).collect(),
            body: request.body.map(bytes::Bytes::from),
            auth: request.auth,
            idempotency_key: request.idempotency_key,
            timeout: Some(wanted.map_or(left, |w| w.min(left))),
        };
        let answer = lane.send(request).await;
        if let Some(asked) = lane.asked_too_often() {
            let halt = wasi_http::too_many(asked, lane.limits().requests);
            return Err(wasmtime::Error::new(self.meter.stop(halt)));
        }
        Ok(match answer {
            Ok(answer) => Ok(Response {
                status: answer.status,
                headers: answer
                    .headers
                    .into_iter()
                    .map(|(n, v)| (n, String::from_utf8_lossy(&v).into_owned()))
                    .collect(),
                body: answer.body.to_vec(),
            }),
            Err(refusal) => Err(match refusal {
                Refusal::Denied { reason, .. } => HttpError::Denied(reason),
                Refusal::RateLimited { retry_after_ms, bucket } => {
                    HttpError::RateLimited(RateLimit { retry_after_ms, bucket })
                }
                Refusal::AuthExpired => HttpError::AuthExpired,
                Refusal::NotSent(why) => HttpError::NotSent(why),
                Refusal::SentNoAnswer(why) => HttpError::SentNoAnswer(why),
                Refusal::TooLarge(bytes) => HttpError::TooLarge(bytes),
            }),
        })
    }
}

impl connection::Host for State {
    async fn config(&mut self) -> wasmtime::Result<String> {
        Ok(self.outside("host/connection")?.config.to_string())
    }

    async fn endpoint(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.outside("host/connection")?.lane.endpoint(&name))
    }

    async fn time_left_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.meter.left().as_millis()).unwrap_or(u64::MAX))
    }
}

/// So much of a line is searched for secrets, of which [`LOG_BYTES`] are kept.
const LOOKED_AT: usize = 64 * 1024;

impl log::Host for State {
    async fn emit(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let given = fields.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>() + message.len();
        self.meter.logs(given).map_err(wasmtime::Error::new)?;
        // Looked through before it is cut: half a secret would not be found.
        let mut line = model::cut(&message, LOOKED_AT).into_owned();
        for (name, value) in fields {
            if line.len() >= LOOKED_AT {
                break;
            }
            line.push_str(&format!(" {}={}", model::cut(&name, 64), model::cut(&value, LOOKED_AT)));
        }
        let (connection, connector, line) = match &self.outside {
            Some(o) => (o.connection.as_str(), o.connector.as_str(), o.lane.redact(&line)),
            None => ("", "", line),
        };
        let line = model::cut(&line, LOG_BYTES);
        // A control character could forge a line of a log that is read as text.
        let line: String = line.chars().map(|c| if misleads(c) { ' ' } else { c }).collect();
        match level {
            Level::Debug => tracing::debug!(target: "connector", connector, connection, "{line}"),
            Level::Info => tracing::info!(target: "connector", connector, connection, "{line}"),
            Level::Warn => tracing::warn!(target: "connector", connector, connection, "{line}"),
            Level::Error => tracing::error!(target: "connector", connector, connection, "{line}"),
        }
        Ok(())
    }
}

impl cache::Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let outside = self.outside("host/cache")?;
        let Some(store) = &outside.store else { return Ok(None) };
        if key.len() > CACHE_KEY {
            // Nothing was ever kept under it, and the database need not see it.
            return Ok(None);
        }
        // A cache may forget: an error of the store is a miss, and the store reports it itself.
        Ok(store.cache_get(&outside.connection, &key).await.unwrap_or(None))
    }

    async fn put(&mut self, key: String, value: Vec<u8>, ttl_ms: u64) -> wasmtime::Result<()> {
        self.cache_writes = self.cache_writes.saturating_add(1);
        if self.cache_writes > CACHE_WRITES {
            // More than a connection can keep: each further one would push out another of this very call.
            tracing::debug!("a cache entry was not kept: one call writes {CACHE_WRITES} at most");
            return Ok(());
        }
        let outside = self.outside("host/cache")?;
        if let Some(store) = &outside.store {
            let ttl = i64::try_from(ttl_ms).unwrap_or(i64::MAX);
            if let Err(e) = store.cache_put(&outside.connection, &key, value, ttl).await {
                tracing::debug!(error = %e, "a cache entry was not kept");
            }
        }
        Ok(())
    }
}

impl signing::Host for State {
    async fn mac(
        &mut self,
        secret: String,
        _alg: String,
        _message: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        Ok(Err(format!("the manifest names no secret `{}` for signing", model::cut(&secret, 64))))
    }
}
