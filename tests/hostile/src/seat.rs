//! One connection's place in the arena: whose it is, what it may use, what its guest is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use egress::{Authorise, AuthoriseError, Destination, Injection, LaneOptions, Observed, Policy};
use model::Secret;
use sandbox::v0_1::core::{Account, Error};
use sandbox::{Call, Halt, Limits};
use serde_json::{Map, Value, json};
use store::Store;
use tokio::time::Instant;

use crate::{Arena, TOKEN};

/// A connection, from which the guest attacks. See [`Arena::seat`] and [`Arena::connection`].
#[derive(Clone)]
pub struct Seat<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) connection: String,
    pub(crate) store: Option<Store>,
    limits: manifest::Limits,
    settings: Map<String, Value>,
    endpoints: BTreeMap<String, String>,
    keeper: Keeper,
    reuse: Option<manifest::Reuse>,
    host: Option<Duration>,
}

impl<'a> Seat<'a> {
    pub(crate) fn new(arena: &'a Arena, connection: &str, store: Option<Store>) -> Self {
        Self {
            arena,
            connection: connection.to_owned(),
            store,
            limits: arena.manifest.limits.clone(),
            settings: Map::new(),
            endpoints: BTreeMap::new(),
            keeper: Keeper { token: TOKEN.to_owned(), places: Vec::new(), base: None },
            reuse: None,
            // Less than by default, so that it is met before the deadline on a busy machine too.
            host: Some(Duration::from_millis(400)),
        }
    }

    /// One more setting of the connection: what the attack needs to know.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Other limits than the guest's manifest asks for.
    #[must_use]
    pub fn limited(mut self, change: impl FnOnce(&mut manifest::Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// The limits of a connector that asks for nothing, as a host has them.
    #[must_use]
    pub fn by_default(mut self) -> Self {
        (self.limits, self.host) = (manifest::Limits::default(), None);
        self
    }

    /// The base URL of an endpoint of this connection's account.
    #[must_use]
    pub fn endpoint(mut self, name: &str, url: &str) -> Self {
        self.endpoints.insert(name.to_owned(), url.to_owned());
        self
    }

    /// Another credential than [`TOKEN`].
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.keeper.token);
        self
    }

    /// Another place for the credential, for requests that have this in their path.
    #[must_use]
    pub fn injected(mut self, path: &str, injection: Injection) -> Self {
        self.keeper.places.push((path.to_owned(), injection));
        self
    }

    /// The base URL of the endpoint `own-hook`, which is itself the credential.
    #[must_use]
    pub fn secret_base(mut self, url: &str) -> Self {
        self.keeper.base = Some(Secret::new(url));
        self
    }

    /// So much of the host's own time.
    #[must_use]
    pub fn host_time(mut self, time: Duration) -> Self {
        self.host = Some(time);
        self
    }

    /// Keeps its instances warm between calls.
    #[must_use]
    pub fn warm(mut self, max_calls: u32) -> Self {
        self.reuse = Some(manifest::Reuse { max_calls, max_age_ms: 60_000 });
        self
    }

    /// Lets the guest attack, and says what it learned or how it was stopped.
    ///
    /// # Errors
    /// The halt.
    pub async fn attack(&self, attack: &str, url: &str) -> Result<Result<Account, Error>, Halt> {
        self.attack_seen(attack, url, "GET").await.0
    }

    /// The same with a method, and with what the host saw on the wire by the time of the answer.
    ///
    /// # Panics
    /// When the guest's grants do not compile.
    pub async fn attack_seen(
        &self,
        attack: &str,
        url: &str,
        method: &str,
    ) -> (Result<Result<Account, Error>, Halt>, Observed) {
        let mut limits = Limits::of(&self.limits, &Limits::caps());
        limits.host = self.host.unwrap_or(limits.host);
        let policy = Policy::compile(&self.arena.manifest, None, None).expect("the guest's grants");
        let lane = self.arena.egress.lane(LaneOptions {
            org: "org".into(),
            connection: self.connection.as_str().into(),
            connector: "rogue".to_owned(),
            job: None,
            policy: Arc::new(policy),
            authorise: Arc::new(self.keeper.clone()),
            endpoints: self.endpoints.clone(),
            limits: limits.lane(),
            deadline: Instant::now() + limits.deadline,
        });
        let mut config = self.settings.clone();
        for (name, value) in [("attack", attack), ("url", url), ("method", method)] {
            config.insert(name.to_owned(), value.into());
        }
        let connection = self.connection.as_str().into();
        let mut call =
            Call::new(limits, connection, "rogue", lane.clone(), &Value::Object(config), self.store.clone());
        if let Some(reuse) = &self.reuse {
            call = call.warm(reuse, String::new());
        }
        let answer = self.arena.connector.probe(call).await;
        (answer, lane.observed())
    }

    /// What the guest says it learned.
    ///
    /// # Panics
    /// When it was halted or failed: then it had nothing to say.
    pub async fn learned(&self, attack: &str, url: &str) -> String {
        let answer = self.attack(attack, url).await;
        answer.unwrap_or_else(|halt| panic!("{attack}: {halt}")).expect("no error").label
    }

    /// Has the guest make these requests, one after the other, and tell what came of each.
    ///
    /// # Panics
    /// When it was halted or failed.
    pub async fn ask(&self, asks: Vec<Value>) -> Vec<String> {
        let many = u32::try_from(asks.len()).unwrap_or(u32::MAX).max(1);
        let seat =
            self.clone().with("asks", asks).limited(|l| l.http_requests = l.http_requests.max(Some(many)));
        let told = seat.learned("ask", "").await;
        serde_json::from_str(&told).expect("the guest tells a list")
    }

    /// Both roads: each request on the contract's own, then over wasi:http.
    ///
    /// # Panics
    /// As [`Seat::ask`].
    pub async fn ask_both(&self, asks: &[Value]) -> Vec<(Value, String)> {
        let wasi = |ask: &Value| {
            let mut ask = ask.clone();
            ask["wasi"] = json!(true);
            ask
        };
        let all: Vec<Value> = asks.iter().cloned().chain(asks.iter().map(wasi)).collect();
        let mut told = Vec::new();
        // A few at a time, so that no limit of a call is met.
        for some in all.chunks(20) {
            told.extend(self.ask(some.to_vec()).await);
        }
        all.into_iter().zip(told).collect()
    }
}

/// Gives the token to the guest's own API and to nobody else.
#[derive(Clone)]
struct Keeper {
    token: String,
    /// What goes elsewhere than into the header, by what the path has in it.
    places: Vec<(String, Injection)>,
    base: Option<Secret>,
}

#[async_trait]
impl Authorise for Keeper {
    async fn authorise(&self, to: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        if let Some(asked) = to.binding.as_deref().filter(|b| *b != "bearer") {
            return Err(AuthoriseError::Refused(format!("there is no binding `{asked}`")));
        }
        if let Some((_, injection)) = self.places.iter().find(|(part, _)| to.path.contains(part.as_str())) {
            return Ok(vec![injection.clone()]);
        }
        let own = to.host == "api.example.com" || to.host == "hops.example.com";
        Ok(Vec::from_iter(own.then(|| Injection::Header {
            name: "authorization".to_owned(),
            value: Secret::new(format!("Bearer {}", self.token)),
            secret: Secret::new(self.token.as_str()),
        })))
    }

    async fn endpoint(&self, name: &str) -> Result<Option<Secret>, AuthoriseError> {
        Ok(self.base.clone().filter(|_| name == "own-hook"))
    }
}
