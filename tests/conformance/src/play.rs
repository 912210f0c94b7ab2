//! One recording, through the sandbox and the column.

use std::sync::{Arc, Mutex, PoisonError};

use egress::{Egress, Exchange, LaneOptions, Options, Policy, Record};
use jackfield_connector::testing::Recording;
use model::{SystemClock, SystemIds};
use sandbox::{Call, InvokeError, Limits};
use serde_json::Value;
use tokio::time::Instant;

use crate::bench::Subject;
use crate::garbage::Garbage;
use crate::keeper::{Keeper, bases};
use crate::upstream::{Script, Seen, Upstream};

/// What came of a call.
pub(crate) struct Played {
    pub result: Result<Value, InvokeError>,
    /// What the provider's stand-in saw.
    pub seen: Seen,
    /// What the column put on record.
    pub exchanges: Vec<Exchange>,
}

/// Keeps what the column records.
#[derive(Default)]
struct Kept(Mutex<Vec<Exchange>>);

impl Record for Kept {
    fn record(&self, exchange: Exchange) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }
}

/// Makes the recorded call with these grants. `garbage` replaces the answers from the given exchange on. The clock stands
/// still while anybody works, and the cache forgets at once: a connector must be right without it.
///
/// # Errors
/// When the recording's settings or endpoints are not what the host would give.
pub(crate) fn play(
    subject: &Subject,
    policy: &Arc<Policy>,
    recording: &Recording,
    garbage: Option<(usize, &'static Garbage)>,
) -> Result<Played, String> {
    let manifest = &subject.manifest;
    let config = manifest.check_settings(&recording.config);
    let config = config.map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let bases = bases(manifest, &config, recording);
    let upstream = Upstream::new(Script {
        exchanges: recording.exchanges.clone(),
        bases: bases.clone(),
        authorised: !manifest.auth.is_empty(),
        garbage,
    });
    let kept = Arc::new(Kept::default());
    let mut options = Options::new(Arc::new(SystemClock), Arc::new(SystemIds));
    options.overrides = upstream.overrides();
    options.dialler = Arc::new(upstream.clone());
    options.record = kept.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    let result = runtime.block_on(async {
        let limits = Limits::of(&manifest.limits, &Limits::caps());
        let lane = Egress::new(options).lane(LaneOptions {
            org: "org".into(),
            connection: "connection".into(),
            connector: manifest.id.clone(),
            job: None,
            policy: Arc::clone(policy),
            authorise: Arc::new(Keeper::new(manifest, bases.clone())),
            endpoints: bases,
            limits: limits.lane(),
            deadline: Instant::now() + limits.deadline,
        });
        for (name, told) in &recording.endpoints {
            let really = lane.endpoint(name);
            if really.as_ref() != Some(told) {
                return Err(format!("the host says of the endpoint `{name}` {really:?}, not {told}"));
            }
        }
        let call = Call::new(limits, "connection".into(), &manifest.id, lane, &config, None);
        let args = Value::from(recording.call.args.clone());
        Ok(subject.connector.invoke(call, &recording.call.function, args).await)
    })?;
    let exchanges = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Played { result, seen: upstream.seen(), exchanges })
}

/// Plays a recording as its connector's manifest grants it, and holds everything against what is recorded.
///
/// # Errors
/// What differs, or where the secret came out.
pub(crate) fn replay(subject: &Subject, recording: &Recording) -> Result<Vec<Exchange>, String> {
    let played = play(subject, &subject.policy, recording, None)?;
    let mut wrong = played.seen.wrong;
    for unused in recording.exchanges.iter().skip(played.seen.requests) {
        wrong.push(format!("{} {} was never asked", unused.request.method, unused.request.url));
    }
    for exchange in &played.exchanges {
        wrong.extend(
            exchange.refusal.as_ref().map(|why| format!("{} {}: {why}", exchange.method, exchange.url)),
        );
    }
    match &played.result {
        Ok(result) if *result == recording.result => {}
        Ok(result) => wrong.push(format!("the result is\n{result:#}\nnot\n{:#}", recording.result)),
        Err(error) => wrong.push(error.to_string()),
    }
    let shown = format!("{:?} {:?}", played.result, played.exchanges);
    if shown.contains(crate::keeper::SECRET) {
        wrong.push("the secret is in the result or on record".to_owned());
    }
    if wrong.is_empty() { Ok(played.exchanges) } else { Err(wrong.join("\n")) }
}
