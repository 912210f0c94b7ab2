//! The guest of these tests, and the house in which it is called.

use std::collections::BTreeMap;
use std::sync::Arc;

use egress::{Authorise, AuthoriseError, Destination, Egress, Injection, LaneOptions, Policy};
use model::{Secret, SystemClock, SystemIds};
use serde_json::json;
use tokio::time::Instant;

use crate::{ArtefactKey, Call, Compiler, Connector, Halt, Limits, Sandbox, SandboxOptions};

/// `remember` answers what it was given in the last call of the same instance, 0 in the first.
const GUEST: &str = r#"(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $o (eq $p)))
    (export "output-stream" (type $s (sub resource)))
    (export "[method]output-stream.subscribe" (func (param "self" (borrow $s)) (result (own $o))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $s))
    (export "output-stream" (type $o (eq $s)))
    (export "get-stdout" (func (result (own $o))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $o (eq $p)))
    (export "now" (func (result u64)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $o))))))
  (core func $stdout (canon lower (func $stdout "get-stdout")))
  (core func $watch (canon lower (func $streams "[method]output-stream.subscribe")))
  (core func $alarm (canon lower (func $clock "subscribe-duration")))
  (core func $drop (canon resource.drop $pollable))
  (core func $now (canon lower (func $clock "now")))
  (core instance $host (export "stdout" (func $stdout)) (export "alarm" (func $alarm))
    (export "watch" (func $watch))
    (export "drop" (func $drop)) (export "now" (func $now)))
  (core module $full
    (memory 1 1)
    (table 1 1 funcref)
    (func (export "memory") (param i64) (result i64)
      (i64.extend_i32_s (memory.grow (i32.wrap_i64 (local.get 0)))))
    (func (export "table") (param i64) (result i64)
      (i64.extend_i32_s (table.grow (ref.null func) (i32.wrap_i64 (local.get 0))))))
  (core instance $full (instantiate $full))
  (core module $m
    (import "full" "memory" (func $grow-full (param i64) (result i64)))
    (import "full" "table" (func $grow-full-table (param i64) (result i64)))
    (import "host" "stdout" (func $stdout (result i32)))
    (import "host" "watch" (func $watch (param i32) (result i32)))
    (import "host" "alarm" (func $alarm (param i64) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (import "host" "now" (func $now (result i64)))
    (memory 1)
    (export "grow-full" (func $grow-full))
    (export "grow-full-table" (func $grow-full-table))
    (func (export "remember") (param i64) (result i64)
      (i64.load (i32.const 0))
      (i64.store (i32.const 0) (local.get 0)))
    (func (export "trap") (param i64) (result i64) unreachable)
    (func (export "spin") (param i64) (result i64) (loop $l (br $l)) unreachable)
    (func (export "grow") (param i64) (result i64)
      (i64.extend_i32_s (memory.grow (i32.wrap_i64 (local.get 0)))))
    (func (export "leave") (param i64) (result i64) (i64.extend_i32_u (call $alarm (local.get 0))))
    (func (export "tidy") (param i64) (result i64) (call $drop (call $alarm (local.get 0))) (i64.const 0))
    (func (export "print") (param i64) (result i64) (i64.extend_i32_u (call $stdout)))
    (func (export "watch") (param i64) (result i64) (i64.extend_i32_u (call $watch (call $stdout))))
    (func (export "clock") (param i64) (result i64) (call $now))
    (func (export "ask") (param i64) (result i64) (drop (call $now)) (drop (call $now)) (i64.const 0)))
  (core instance $i (instantiate $m (with "host" (instance $host)) (with "full" (instance $full))))
  FUNCTIONS)"#;

pub(super) struct House {
    pub(super) sandbox: Sandbox,
    egress: Arc<Egress>,
    policy: Arc<Policy>,
    _folder: tempfile::TempDir,
}

/// Has no credential to give.
pub(super) struct Nothing;

#[async_trait::async_trait]
impl Authorise for Nothing {
    async fn authorise(&self, _to: &Destination) -> Result<Vec<Injection>, AuthoriseError> {
        Ok(Vec::new())
    }

    async fn endpoint(&self, _name: &str) -> Result<Option<Secret>, AuthoriseError> {
        Ok(None)
    }
}

/// Whose a call is; the last is what changes with the connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Whose {
    pub(super) connection: String,
    pub(super) config: u64,
    pub(super) endpoint: u64,
    pub(super) version: u64,
}

pub(super) fn whose(connection: &str) -> Whose {
    Whose { connection: connection.to_owned(), config: 0, endpoint: 0, version: 0 }
}

pub(super) const REUSE: manifest::Reuse = manifest::Reuse { max_calls: 100, max_age_ms: 60_000 };

impl House {
    pub(super) async fn new(max_idle: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
        let options = store::Options { path, clock: clock.clone(), ids: ids.clone() };
        let store = store::Store::open(options).await.unwrap();
        let artefacts = folder.path().join("artefacts");
        let (key, compiler) = (ArtefactKey([7; 32]), Compiler::ThisProcess);
        let options = SandboxOptions { artefacts, key, compiler, store, max_idle };
        let text = r#"
            manifest = 1
            id = "guest"
            name = "Guest"
            version = "0.1.0"
            description = "A guest that remembers what it was told. It is installed by tests only."
            categories = ["test"]

            [[auth]]
            kind = "bearer"
            label = "Token"
            hosts = ["api.example.com"]

            [[egress]]
            methods = ["GET"]
            host = "api.example.com"
            paths = ["/**"]
            why = "A manifest has an egress rule"
        "#;
        let manifest = manifest::Manifest::parse(text).unwrap();
        Self {
            sandbox: Sandbox::new(options).unwrap(),
            egress: Egress::new(egress::Options::new(clock, ids)),
            policy: Arc::new(Policy::compile(&manifest, None, None).unwrap()),
            _folder: folder,
        }
    }

    pub(super) async fn guest(&self) -> Arc<Connector> {
        let lift = |name| {
            format!(
                "(func (export \"{name}\") (param \"n\" u64) (result u64) (canon lift (core func $i \"{name}\")))"
            )
        };
        let names = "remember trap spin grow grow-full grow-full-table leave tidy print watch clock ask";
        let lifted: Vec<_> = names.split(' ').map(lift).collect();
        let text = GUEST.replace("FUNCTIONS", &lifted.join("\n  "));
        self.sandbox.prepare("sha256:guest", &wat::parse_str(text).unwrap()).await.unwrap()
    }

    pub(super) fn call(&self, whose: &Whose, limits: Limits, authorise: Arc<dyn Authorise>) -> Call {
        self.call_over(whose, limits, authorise).0
    }

    /// A call, and its way out.
    pub(super) fn call_over(
        &self,
        whose: &Whose,
        limits: Limits,
        authorise: Arc<dyn Authorise>,
    ) -> (Call, egress::Lane) {
        let connection: model::ConnectionId = whose.connection.as_str().into();
        let lane = self.egress.lane(LaneOptions {
            org: "org".into(),
            connection: connection.clone(),
            connector: "guest".to_owned(),
            job: None,
            policy: self.policy.clone(),
            authorise,
            endpoints: BTreeMap::from([("api".to_owned(), format!("https://{}.example", whose.endpoint))]),
            limits: egress::LaneLimits::default(),
            deadline: Instant::now() + limits.deadline,
        });
        let call = Call::new(limits, connection, "guest", lane.clone(), &json!({ "n": whose.config }), None);
        (call, lane)
    }

    /// A call that may be warm.
    pub(super) fn warm(&self, whose: &Whose, reuse: &manifest::Reuse) -> Call {
        self.call(whose, Limits::default(), Arc::new(Nothing)).warm(reuse, whose.version.to_string())
    }

    pub(super) async fn remember(&self, guest: &Connector, whose: &Whose, n: u64) -> u64 {
        ask(guest, self.warm(whose, &REUSE), "remember", n).await.unwrap()
    }
}

pub(super) async fn ask(guest: &Connector, call: Call, function: &str, n: u64) -> Result<u64, Halt> {
    guest
        .run(call, async |store, instance| {
            let function = instance.get_typed_func::<(u64,), (u64,)>(&mut *store, function)?;
            Ok(function.call_async(&mut *store, (n,)).await?.0)
        })
        .await
}
