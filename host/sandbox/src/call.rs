//! One call: its limits, its way out, its deadline.

use std::sync::Arc;
use std::time::Duration;

use egress::Lane;
use model::ConnectionId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use store::Store;
use tokio::time::Instant;
use wasmtime::component::{Instance, ResourceTableError};
use wasmtime::{CallHook, UpdateDeadline};

use crate::limits::MIB;
use crate::meter::Meter;
use crate::state::{Outside, State};
use crate::warm::{Kept, Reuse};
use crate::wasi_http::Settled;
use crate::{Connector, Halt, Limits, misleads};

/// What one call gets. The lane's deadline should be the call's own.
pub struct Call {
    limits: Limits,
    deadline: Instant,
    outside: Option<Outside>,
    reuse: Option<Reuse>,
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
        Self {
            limits,
            deadline,
            outside: Some(Outside { connection, connector, lane, config, store }),
            reuse: None,
        }
    }

    /// A call before any connection is known: HTTP, settings and cache are halts.
    #[must_use]
    pub fn without_connection(limits: Limits) -> Self {
        let deadline = Instant::now() + limits.deadline;
        Self { limits, deadline, outside: None, reuse: None }
    }

    /// Lets the call use an instance that an earlier call of the same connection left, and leave its own for a later one:
    /// for connectors that ask for it. `version` changes whenever the connection, its credential or its account does; the
    /// component, the settings and the endpoints are compared anyway. A call without a connection is never warm.
    #[must_use]
    pub fn warm(mut self, reuse: &manifest::Reuse, version: String) -> Self {
        let max_age = Duration::from_millis(reuse.max_age_ms);
        self.reuse = Some(Reuse { max_calls: reuse.max_calls, max_age, version });
        self
    }
}

impl Connector {
    /// Runs `body` inside the call's limits, on a fresh instance or on one that was kept for this connection.
    pub(crate) async fn run<T>(
        &self,
        call: Call,
        body: impl AsyncFnOnce(&mut wasmtime::Store<State>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<T, Halt> {
        let Call { limits, deadline, outside, reuse } = call;
        let limit_ms = u64::try_from(limits.deadline.as_millis()).unwrap_or(u64::MAX);
        let over = || Halt::Deadline { limit_ms };
        // Waiting for a slot counts against the deadline too: a call that nobody waits for any more need not start.
        // That nothing was free is no fault of the guest's.
        let none = |_| Halt::NoInstance { reason: "every place was taken until the deadline".to_owned() };
        let asked = Instant::now();
        let slot = tokio::time::timeout_at(deadline, self.slots.acquire()).await.map_err(none)?;
        // Nor does a deadline blame the guest for the time in which it was not there.
        if let Some(outside) = &outside {
            outside.lane.waited(asked.elapsed());
        }
        let _slot = slot.map_err(|e| Halt::NoInstance { reason: e.to_string() })?;
        let (mut kept, settled, began) = self.place(limits, deadline, outside, reuse.as_ref());
        let Kept { store, instance, .. } = &mut kept;
        let busy = store.data().meter.busy();
        let running = busy.during(async {
            let instance = match *instance {
                Some(kept) => kept,
                None => *instance.insert(self.pre.instantiate_async(&mut *store).await?),
            };
            body(&mut *store, &instance).await
        });
        let answer = match tokio::time::timeout_at(deadline, running).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(e)) => Err(halt(store, &e)),
            Err(_) => Err(store.data().meter.halted().unwrap_or_else(over)),
        };
        // Only what ended well is kept. A call that is broken off never comes here.
        let ended_well = answer.is_ok() && store.data().meter.halted().is_none();
        let reuse = reuse.filter(|_| ended_well);
        if let Some((reuse, served)) = reuse.and_then(|r| Some((r, store.data_mut().rest()?))) {
            if settled.wait().await {
                self.warm.keep(self.serial, reuse, served, kept, began);
            }
        } else {
            // With the store go its requests on the wasi:http road.
            drop(kept);
            settled.wait().await;
        }
        answer
    }

    /// Where the call takes place: an instance that was kept, or a store for a fresh one. All that belongs to a call is new.
    fn place(
        &self,
        limits: Limits,
        deadline: Instant,
        outside: Option<Outside>,
        reuse: Option<&Reuse>,
    ) -> (Kept, Settled, u32) {
        let (kept, began) = match (reuse, &outside) {
            (Some(reuse), Some(outside)) => self.warm.take(self.serial, reuse, outside),
            _ => (None, 0),
        };
        let (mut kept, settled) = if let Some(mut kept) = kept {
            let meter = kept.store.data().meter.again(limits, deadline);
            let settled = kept.store.data_mut().again(meter, outside);
            (kept, settled)
        } else {
            let (state, settled) = State::new(Meter::new(limits, deadline), outside);
            let mut store = wasmtime::Store::new(self.pre.engine(), state);
            guard(&mut store);
            (Kept::new(store), settled)
        };
        fill(&mut kept.store);
        (kept, settled, began)
    }
}

/// Puts the meter in charge: growth, ticks, host calls.
fn guard(store: &mut wasmtime::Store<State>) {
    store.limiter(|state| &mut state.meter);
    store.call_hook(|mut context, hook| {
        let meter = &mut context.data_mut().meter;
        match hook {
            CallHook::CallingWasm => meter.enter(),
            CallHook::ReturningFromHost => meter.returns().map_err(wasmtime::Error::new)?,
            CallHook::ReturningFromWasm => meter.leave(),
            CallHook::CallingHost => meter.calls_host().map_err(wasmtime::Error::new)?,
        }
        Ok(())
    });
    store.epoch_deadline_callback(|mut context| match context.data_mut().meter.tick() {
        // Yielding lets the deadline outside be polled, and other calls run. The runtime's own yield looks at sockets and
        // timers before the guest goes on; a task that only wakes itself has that done once in 61 turns, that is ticks.
        Ok(()) => Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))),
        Err(halt) => Err(wasmtime::Error::new(halt)),
    });
}

/// Gives the call what the engine counts: ticks, bytes copied, handles.
fn fill(store: &mut wasmtime::Store<State>) {
    store.set_epoch_deadline(1);
    let limits = store.data().meter.limits();
    let (copied, handles) = (limits.copied, limits.handles);
    store.set_hostcall_fuel(usize::try_from(copied).unwrap_or(usize::MAX));
    store.set_max_component_handles(usize::try_from(handles).unwrap_or(usize::MAX));
}

/// The limit that was met, else the trap in words.
fn halt(store: &mut wasmtime::Store<State>, error: &wasmtime::Error) -> Halt {
    if let Some(halt) = store.data().meter.halted() {
        return halt;
    }
    if let Some(halt) = error.downcast_ref::<Halt>() {
        return halt.clone();
    }
    if let Some(halt) = bound(store.data(), error) {
        return halt;
    }
    let text = words(error);
    let text = match &store.data().outside {
        Some(outside) => outside.lane.redact(&text),
        None => text,
    };
    let reason = model::cut(&one_line(&text), 1024).into_owned();
    if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
        Halt::NoInstance { reason }
    } else {
        Halt::Trap { reason }
    }
}

/// What went wrong, then where: frames are many, and the end is cut.
fn words(error: &wasmtime::Error) -> String {
    let mut words = vec![error.root_cause().to_string()];
    words.extend(error.chain().take(error.chain().count() - 1).map(ToString::to_string));
    words.join("; ")
}

/// The text without what misleads, on one line: frames bear names that the guest gave them.
fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if misleads(c) { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The bounds that the engine keeps itself, by its errors.
fn bound(state: &State, error: &wasmtime::Error) -> Option<Halt> {
    let full = |e: &(dyn std::error::Error + 'static)| {
        matches!(e.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full))
    };
    let limits = state.meter.limits();
    if error.chain().any(full) {
        return Some(Halt::bound("handles", limits.handles.saturating_add(1), limits.handles));
    }
    // The engine has no public type for these; it stops at the first byte or instance too many.
    let cause = error.root_cause().to_string();
    if cause.starts_with("too much data is being copied") {
        let most = limits.copied / MIB;
        return Some(Halt::bound("copy-mib", most.saturating_add(1), most));
    }
    if cause.ends_with("store handle limit exceeded") {
        return Some(Halt::bound("handles", limits.handles.saturating_add(1), limits.handles));
    }
    if cause.starts_with("resource limit exceeded: instance count") {
        return Some(Halt::bound("instances", limits.instances.saturating_add(1), limits.instances));
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
