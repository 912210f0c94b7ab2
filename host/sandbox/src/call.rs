//! One call: its limits, its way out, its deadline.

use std::sync::Arc;

use egress::Lane;
use model::ConnectionId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use store::Store;
use tokio::time::Instant;
use wasmtime::component::{Instance, ResourceTableError};
use wasmtime::{CallHook, UpdateDeadline};

use crate::limits::Meter;
use crate::state::{HANDLES, Outside, State};
use crate::{Connector, Halt, Limits};

/// What one call gets. The lane's deadline should be the call's own.
pub struct Call {
    limits: Limits,
    deadline: Instant,
    outside: Option<Outside>,
}

impl Call {
    /// A call for a connection: `lane` is its way out, `config` its settings, `store` keeps its cache (none: a cache that
    /// forgets).
    #[must_use]
    pub fn new(
        limits: Limits,
        connection: ConnectionId,
        connector: &str,
        lane: Lane,
        config: &Json,
        store: Option<Store>,
    ) -> Self {
        let deadline = Instant::now() + limits.deadline;
        let config = Arc::from(config.to_string());
        let connector = connector.to_owned();
        Self { limits, deadline, outside: Some(Outside { connection, connector, lane, config, store }) }
    }

    /// A call before any connection is known: HTTP, settings and cache are halts.
    #[must_use]
    pub fn without_connection(limits: Limits) -> Self {
        let deadline = Instant::now() + limits.deadline;
        Self { limits, deadline, outside: None }
    }
}

impl Connector {
    /// Runs `body` on a fresh instance inside the call's limits.
    pub(crate) async fn run<T>(
        &self,
        call: Call,
        body: impl AsyncFnOnce(&mut wasmtime::Store<State>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<T, Halt> {
        let Call { limits, deadline, outside } = call;
        let limit_ms = u64::try_from(limits.deadline.as_millis()).unwrap_or(u64::MAX);
        let over = || Halt::Deadline { limit_ms };
        // Waiting for a slot counts against the deadline too: a call that nobody waits for any more need not start.
        let slot = tokio::time::timeout_at(deadline, self.slots.acquire()).await.map_err(|_| over())?;
        let _slot = slot.map_err(|e| Halt::NoInstance { reason: e.to_string() })?;
        let (state, settled) = State::new(Meter::new(limits, deadline), outside);
        let mut store = wasmtime::Store::new(self.pre.engine(), state);
        guard(&mut store);
        let busy = store.data().meter.busy();
        let running = busy.during(async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            body(&mut store, &instance).await
        });
        let answer = match tokio::time::timeout_at(deadline, running).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(e)) => Err(halt(&mut store, &e)),
            Err(_) => Err(store.data_mut().meter.halt.take().unwrap_or_else(over)),
        };
        // With the store go its requests on the wasi:http road.
        drop(store);
        settled.wait().await;
        answer
    }
}

/// Puts the meter in charge: growth, ticks, host calls, handles.
fn guard(store: &mut wasmtime::Store<State>) {
    store.limiter(|state| &mut state.meter);
    store.call_hook(|mut context, hook| {
        let meter = &mut context.data_mut().meter;
        match hook {
            CallHook::CallingWasm | CallHook::ReturningFromHost => meter.enter(),
            CallHook::ReturningFromWasm => meter.leave(),
            CallHook::CallingHost => meter.calls_host().map_err(wasmtime::Error::new)?,
        }
        Ok(())
    });
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut context| match context.data_mut().meter.tick() {
        // Yielding lets the deadline outside be polled, and other calls run.
        Ok(()) => Ok(UpdateDeadline::Yield(1)),
        Err(halt) => Err(wasmtime::Error::new(halt)),
    });
    let copied = usize::try_from(store.data().meter.limits().copied()).unwrap_or(usize::MAX);
    store.set_hostcall_fuel(copied);
    store.set_max_component_handles(HANDLES);
}

/// The limit that was met, else the trap in words.
fn halt(store: &mut wasmtime::Store<State>, error: &wasmtime::Error) -> Halt {
    if let Some(halt) = store.data_mut().meter.halt.take() {
        return halt;
    }
    if let Some(halt) = error.downcast_ref::<Halt>() {
        return halt.clone();
    }
    if let Some(halt) = bound(store.data(), error) {
        return halt;
    }
    let text = format!("{error:#}");
    let text = match &store.data().outside {
        Some(outside) => outside.lane.redact(&text),
        None => text,
    };
    let reason = model::cut(&text, 1024).into_owned();
    if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
        Halt::NoInstance { reason }
    } else {
        Halt::Trap { reason }
    }
}

/// The bounds that the engine keeps itself, by its errors.
fn bound(state: &State, error: &wasmtime::Error) -> Option<Halt> {
    let full = |e: &(dyn std::error::Error + 'static)| {
        matches!(e.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full))
    };
    if error.chain().any(full) {
        let (used, most) = (HANDLES as u64 + 1, HANDLES as u64);
        let advice = "drop streams, bodies, headers and answers that are done with";
        return Some(Halt::Bound { limit: "handles", used, most, advice });
    }
    // The engine's own type for this is not public.
    if error.root_cause().to_string().starts_with("too much data is being copied") {
        let most = state.meter.limits().copied();
        let advice = "pass less at once: smaller bodies, or fewer records in one page";
        return Some(Halt::Bound { limit: "call-bytes", used: most.saturating_add(1), most, advice });
    }
    None
}

/// A call by name went wrong.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// No such function.
    #[error("there is no function `{name}`{}", hint(nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What is like it.
        nearest: Vec<String>,
    },
    /// The arguments do not fit the function.
    #[error("the arguments do not fit: {0}; give a JSON array with one value per parameter")]
    Arguments(String),
    /// The answer cannot be shown as JSON.
    #[error("the answer cannot be shown: {0}")]
    Answer(String),
    /// The guest was halted.
    #[error(transparent)]
    Halt(#[from] Halt),
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", nearest.join(" or ")) }
}

impl InvokeError {
    pub(crate) fn unknown(name: &str, known: &[&'static str]) -> Self {
        let nearest = model::nearest(name, known.iter().copied());
        Self::Unknown { name: model::cut(name, 128).into_owned(), nearest }
    }

    /// No argument at all may be written as `[]` or left out.
    pub(crate) fn args<T: DeserializeOwned>(args: Json) -> Result<T, Self> {
        let args = if args == Json::Array(Vec::new()) || args.is_null() { Json::Null } else { args };
        let empty = args.is_null();
        serde_json::from_value(args)
            .or_else(|e| {
                if empty { serde_json::from_value(Json::Array(Vec::new())).map_err(|_| e) } else { Err(e) }
            })
            .map_err(|e| Self::Arguments(e.to_string()))
    }

    pub(crate) fn answer<T: Serialize>(answer: &T) -> Result<Json, Self> {
        serde_json::to_value(answer).map_err(|e| Self::Answer(e.to_string()))
    }
}
