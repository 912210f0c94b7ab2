//! A running fake: one vendor's state behind a loopback socket, with faults and a journal.

use crate::accept::serve;
use crate::{Call, Clock, Exchange, Fault, Faults, Journal, Reply, Vendor, echo};
use bytes::Bytes;
use http::StatusCode;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// One running fake. Dropping it stops it.
pub struct Fake<V: Vendor> {
    core: Arc<Core<V>>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

/// A running fake of whatever vendor.
pub trait AnyFake: Send {
    /// The vendor's name.
    fn name(&self) -> &'static str;
    /// The origin that the fake stands for.
    fn origin(&self) -> &'static str;
    /// Where the fake listens, without a trailing slash.
    fn url(&self) -> String;
    /// The exchanges.
    fn journal(&self) -> &Journal;
    /// The faults to commit.
    fn faults(&self) -> &Faults;
}

impl<V: Vendor> Fake<V> {
    /// Starts a fake on 127.0.0.1, within a tokio runtime.
    pub async fn start(config: V::Config) -> io::Result<Self> {
        let settings = V::settings(&config).clone();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let core = Arc::new(Core {
            vendor: Mutex::new(V::open(config)),
            faults: Faults::default(),
            journal: Journal::new(settings.journal),
            clock: settings.clock,
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, Arc::clone(&core), stopped));
        Ok(Self { core, address, stop: Some(stop), task: Some(task) })
    }

    /// Where the fake listens, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The origin that connectors call, which the fake stands for.
    pub fn origin(&self) -> &'static str {
        V::ORIGIN
    }

    /// The exchanges.
    pub fn journal(&self) -> &Journal {
        &self.core.journal
    }

    /// The exchanges that the journal still keeps, oldest first.
    pub fn requests(&self) -> Vec<Exchange> {
        self.core.journal.exchanges()
    }

    /// The faults to commit.
    pub fn faults(&self) -> &Faults {
        &self.core.faults
    }

    /// Commits `fault` on each of the next `n` requests.
    pub fn fail_next(&self, n: u64, fault: Fault) {
        self.core.faults.fail_next(n, fault);
    }

    /// The vendor's state, for as long as the closure runs: no request is answered meanwhile.
    pub fn with<R>(&self, look: impl FnOnce(&mut V) -> R) -> R {
        look(&mut self.core.vendor())
    }

    /// The time by the fake's clock.
    pub fn now(&self) -> jiff::Timestamp {
        self.core.clock.now()
    }

    /// Stops listening and ends every connection.
    pub async fn shutdown(mut self) {
        self.stop.take();
        if let Some(task) = self.task.take() {
            task.await.ok();
        }
    }
}

impl<V: Vendor> AnyFake for Fake<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    fn origin(&self) -> &'static str {
        V::ORIGIN
    }

    fn url(&self) -> String {
        Self::url(self)
    }

    fn journal(&self) -> &Journal {
        Self::journal(self)
    }

    fn faults(&self) -> &Faults {
        Self::faults(self)
    }
}

impl<V: Vendor> std::fmt::Debug for Fake<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake").field("vendor", &V::NAME).field("address", &self.address).finish()
    }
}

/// What the socket side shares with the test side.
pub(crate) struct Core<V: Vendor> {
    vendor: Mutex<V>,
    faults: Faults,
    journal: Journal,
    clock: Arc<dyn Clock>,
}

/// How the socket side is to answer.
pub(crate) enum Outcome {
    Answer(Reply),
    AnswerAfter(Reply, Duration),
    AnswerInDrops { reply: Reply, bytes: usize, first: Duration, every: Duration },
    AnswerInPart(Reply),
    HangUp(Duration),
}

impl Outcome {
    fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Answer(reply) | Self::AnswerAfter(reply, _) | Self::AnswerInPart(reply) => Some(reply),
            Self::AnswerInDrops { reply, .. } => Some(reply),
            Self::HangUp(_) => None,
        }
    }
}

impl<V: Vendor> Core<V> {
    /// Answers one request and writes it down. `None` for a body stands for one that is too long.
    pub(crate) fn exchange(&self, parts: &http::request::Parts, body: Option<Bytes>) -> Outcome {
        let too_long = body.is_none();
        let call = Call::new(parts, body.unwrap_or_default(), self.clock.now());
        let fault = self.faults.draw(&call);
        // One lock for the answer and its line in the journal: the journal's order is the order of effects.
        let mut vendor = self.vendor();
        let outcome = outcome(&mut *vendor, &call, fault.as_ref(), too_long);
        self.journal.record(line(&call, fault), outcome.reply());
        outcome
    }

    fn vendor(&self) -> MutexGuard<'_, V> {
        self.vendor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outcome<V: Vendor>(vendor: &mut V, call: &Call, fault: Option<&Fault>, too_long: bool) -> Outcome {
    let mut apply = || {
        if too_long { vendor.failure(call, StatusCode::PAYLOAD_TOO_LARGE) } else { vendor.answer(call) }
    };
    let Some(fault) = fault else { return Outcome::Answer(apply()) };
    match *fault {
        Fault::AnswerAfter(delay) => return Outcome::AnswerAfter(apply(), delay),
        Fault::AnswerThenDelay(delay) => {
            let reply = apply();
            let bytes = reply.body.len();
            return Outcome::AnswerInDrops { reply, bytes, first: delay, every: Duration::ZERO };
        }
        Fault::SlowDrip { bytes, every } => {
            return Outcome::AnswerInDrops { reply: apply(), bytes, first: every, every };
        }
        Fault::Truncated => return Outcome::AnswerInPart(apply()),
        _ => {}
    }
    if fault.applies() {
        apply();
    }
    match *fault {
        Fault::Status(status) | Fault::AppliedThenStatus(status) => {
            Outcome::Answer(vendor.failure(call, status_of(status)))
        }
        Fault::RateLimited(wait) => Outcome::Answer(vendor.throttled(call, wait)),
        Fault::Html(status) => {
            let page = format!("<html><body><h1>{status}</h1></body></html>");
            Outcome::Answer(Reply::text(status_of(status), "text/html", page))
        }
        Fault::Echo(status) => Outcome::Answer(echo::reply(call, status_of(status))),
        Fault::Hang(delay) | Fault::AppliedThenHang(delay) => Outcome::HangUp(delay),
        _ => Outcome::HangUp(Duration::ZERO),
    }
}

fn status_of(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn line(call: &Call, fault: Option<Fault>) -> Exchange {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Exchange {
        number: 0,
        at: call.now,
        method: call.method.to_string(),
        path: call.path.clone(),
        query: call.raw_query.clone(),
        headers: call.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: call.body.clone(),
        status: None,
        answer_headers: Vec::new(),
        answer_body: Bytes::new(),
        fault,
    }
}
