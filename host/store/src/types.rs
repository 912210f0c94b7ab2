//! The rows, as the rest of the host sees them.

use std::collections::BTreeMap;

use model::{ConnectionId, EventId, ExchangeId, JobId, KeyId, Millis, OrgId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallEnd, Quarantine};

/// An organization: the unit of tenancy.
#[derive(Clone, Debug, PartialEq)]
pub struct Org {
    /// Its id.
    pub id: OrgId,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: Millis,
}

/// An API key, without the key: only its SHA-256 is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub org: OrgId,
    /// The first characters, for a list.
    pub hint: String,
    /// What it may do; empty = every scope of its organization.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Millis,
}

/// An installed connector version; the bytes lie apart, by digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// The manifest's id.
    pub id: String,
    /// The manifest's version.
    pub version: String,
    /// `sha256:` and 64 hex digits, of the component's bytes.
    pub digest: String,
    /// `connector.toml` as it is embedded.
    pub manifest: String,
    /// What the component exports: `jackfield:crm/write@0.1.0`.
    pub interfaces: Vec<String>,
    /// The component's size in bytes.
    pub size: u64,
    /// When it was installed.
    pub installed_at: Millis,
}

/// One organization's account at one provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Whose it is.
    pub org: OrgId,
    /// The connector's id.
    pub connector: String,
    /// What its owner calls it.
    pub name: String,
    /// Whether it works.
    pub status: ConnectionStatus,
    /// Why it does not, in words.
    pub status_reason: Option<String>,
    /// The kind of its credential as the manifest's auth kinds are written (`bearer`), none without one.
    pub credential_kind: Option<String>,
    /// The user's settings, an object.
    pub settings: Value,
    /// `syncLeads`, `syncCalls`, `syncTranscripts`, `syncAppointments`; a missing one is on.
    pub sync_settings: BTreeMap<String, bool>,
    /// Ours on the left, the provider's on the right. None: the connector's own default.
    pub field_mapping: Option<BTreeMap<String, String>>,
    /// What `lifecycle.probe` last said, an object.
    pub account: Option<Value>,
    /// Calls in a row that its connector was halted in.
    pub strikes: u32,
    /// Whether nothing of it is started, whatever its status: see `jackfield release`.
    pub quarantine: Option<Quarantine>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
}

/// Whether a connection works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionStatus {
    /// It works, or nobody has tried yet.
    Active,
    /// The provider refuses the credential: give a new one.
    ReconnectRequired,
    /// Scopes are missing: consent again.
    ConsentRequired,
    /// Switched off by its owner; its jobs are held.
    Disabled,
}

/// A connection to make. The credential comes sealed, its associated data being the connection's id.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// The id, chosen by the caller because the seal is bound to it.
    pub id: ConnectionId,
    /// Whose it is.
    pub org: OrgId,
    /// The connector's id.
    pub connector: String,
    /// What its owner calls it.
    pub name: String,
    /// As in [`Connection`].
    pub credential_kind: Option<String>,
    /// Sealed by the vault.
    pub credential: Option<Vec<u8>>,
    /// As in [`Connection`].
    pub settings: Value,
    /// As in [`Connection`].
    pub sync_settings: BTreeMap<String, bool>,
    /// As in [`Connection`].
    pub field_mapping: Option<BTreeMap<String, String>>,
}

/// What to change on a connection; none = leave.
#[derive(Clone, Debug, Default)]
pub struct ConnectionPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new kind and sealed credential; the status becomes active again and held jobs are released.
    pub credential: Option<(String, Vec<u8>)>,
    /// New settings, whole.
    pub settings: Option<Value>,
    /// New switches, whole.
    pub sync_settings: Option<BTreeMap<String, bool>>,
    /// A new mapping; `Some(None)` returns to the connector's default.
    pub field_mapping: Option<Option<BTreeMap<String, String>>>,
    /// Switch off or on again.
    pub status: Option<ConnectionStatus>,
}

/// An event to record.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The sender's id, or none: then the host makes one.
    pub source_id: Option<String>,
    /// `lead.captured`
    pub kind: String,
    /// The event's own time, else when it was received.
    pub occurred_at: Option<Millis>,
    /// The product's label (`organizationId`).
    pub label: Option<String>,
    /// Its data, an object.
    pub data: Value,
}

/// What became of an event that was handed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The event's host id: of the first one, where this is a duplicate.
    pub id: EventId,
    /// The sender's id, or the host's where the sender gave none.
    pub source_id: String,
    /// Whether an event of this organization had this id already.
    pub duplicate: bool,
}

/// A recorded event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The host's id.
    pub id: EventId,
    /// Whose it is.
    pub org: OrgId,
    /// The id that the sender and the API use.
    pub source_id: String,
    /// `lead.captured`
    pub kind: String,
    /// When it happened.
    pub occurred_at: Millis,
    /// The product's label.
    pub label: Option<String>,
    /// Its data, an object.
    pub data: Value,
    /// When it was acknowledged.
    pub received_at: Millis,
    /// Whether its operations have been planned.
    pub planned: bool,
}

/// A name under which a remote record is known locally: role `person`, key `lead:lead_xyz789`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LocalKey {
    /// `person`, `call`, `transcript`, `appointment`, `event`, `thread`.
    pub role: String,
    /// A kind and an id: `lead:lead_xyz789`, `phone:+15551234567`.
    pub key: String,
}

/// What is known of a remote record under a local key.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The name.
    pub local: LocalKey,
    /// `contact`, `activity`, …
    pub object: String,
    /// The provider's id; none while the job that makes it is open.
    pub remote_id: Option<String>,
    /// The provider's version of it.
    pub version: Option<String>,
    /// The job that made it, or will.
    pub job: JobId,
}

/// An operation to perform, as planned.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// For which connection.
    pub connection: ConnectionId,
    /// For people and for the API: `crm/write.upsert contact`.
    pub operation: String,
    /// Stable across retries: the provider's idempotency key.
    pub op_key: String,
    /// 0 live, 1 webhook, 2 delta, 3 backfill.
    pub lane: i64,
    /// What to do, for the pipeline alone.
    pub op: Value,
    /// `contact`, `activity`, …: the object of the links that it provides.
    pub object: String,
    /// Names under which its receipt's remote id is kept. A job that provides a name waits for the open job that
    /// provides the same one, so that the second updates what the first created.
    pub provides: Vec<LocalKey>,
    /// Names that it reads; it waits for the open jobs that provide them.
    pub needs: Vec<LocalKey>,
}

/// A job's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Waits for its time, a dependency or a worker.
    Queued,
    /// Leased by a worker.
    Running,
    /// Done; there is a receipt.
    Done,
    /// Given up; there is an error.
    Failed,
    /// Waits for a person: a reconnect, a consent, a decision.
    Held,
}

/// A job, as the API shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub org: OrgId,
    /// For which connection.
    pub connection: ConnectionId,
    /// The event that caused it.
    pub event: Option<EventId>,
    /// As planned.
    pub operation: String,
    /// As planned.
    pub op_key: String,
    /// As planned.
    pub op: Value,
    /// As planned.
    pub object: String,
    /// As planned.
    pub lane: i64,
    /// As planned.
    pub provides: Vec<LocalKey>,
    /// As planned.
    pub needs: Vec<LocalKey>,
    /// Where it stands.
    pub state: JobState,
    /// Not before.
    pub run_at: Millis,
    /// How often it was tried, as far as that counts against the retry budget: neither a wait for a bucket nor a crash does.
    pub attempts: u32,
    /// How often its worker died; three make a poison job.
    pub crashes: u32,
    /// The fencing token of the present lease.
    pub token: i64,
    /// What the provider said it did, an object.
    pub receipt: Option<Value>,
    /// The last error, an object `{code, message, …}`.
    pub error: Option<Value>,
    /// When it was planned.
    pub created_at: Millis,
    /// When it reached its last state.
    pub finished_at: Option<Millis>,
}

/// One try of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Which job.
    pub job: JobId,
    /// 1, 2, …
    pub number: u32,
    /// When it began.
    pub started_at: Millis,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// `done`, `error`, `halt`, `crashed`.
    pub outcome: String,
    /// What was decided: `done`, `retry`, `wait`, `hold`, `fail`, and why.
    pub decision: String,
    /// The error, an object.
    pub error: Option<Value>,
    /// Exchanges it made.
    pub exchanges: Vec<ExchangeId>,
}

/// How a leased job ends, with its attempt; written only while the lease's token holds.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which job.
    pub job: JobId,
    /// The lease's token.
    pub token: i64,
    /// What happens now.
    pub fate: Fate,
    /// The attempt on record; `number` is set by the store.
    pub attempt: Attempt,
    /// A new status for the connection, with the reason.
    pub connection_status: Option<(ConnectionStatus, String)>,
    /// Do not start other jobs of this connection before then (an exhausted bucket).
    pub connection_wait_until: Option<Millis>,
    /// The record that the job's links name is gone at the provider: forget its remote id.
    pub drop_links: bool,
    /// How the guest's call ended; none where no guest was called, or where its end says nothing about it.
    pub call: Option<CallEnd>,
}

/// What happens to a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Done. `remote_id` and `version` go into the links that the job provides.
    Done {
        /// For the API.
        receipt: Value,
        /// The provider's id of what was written.
        remote_id: Option<String>,
        /// The provider's version of it.
        version: Option<String>,
    },
    /// Again, not before then.
    Retry {
        /// Not before.
        at: Millis,
        /// Whether it counts against the retry budget (waiting for a bucket does not).
        counts: bool,
        /// Why.
        error: Value,
    },
    /// Given up. Links that it was to provide and that have no remote id are removed.
    Failed {
        /// Why.
        error: Value,
    },
    /// Waits for a person.
    Held {
        /// Why.
        error: Value,
    },
}

/// One recorded HTTP exchange, redacted and cut before it comes here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its id.
    pub id: ExchangeId,
    /// Whose it is.
    pub org: OrgId,
    /// Over which connection.
    pub connection: ConnectionId,
    /// For which job, where there is one.
    pub job: Option<JobId>,
    /// When it began.
    pub started_at: Millis,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Upper case.
    pub method: String,
    /// The logical URL, secrets as `REDACTED`.
    pub url: String,
    /// The status, where an answer came.
    pub status: Option<u16>,
    /// Why none came, or why it was refused: `denied`, `rate-limited`, `not-sent`, `sent-no-answer`, `too-large`, with words.
    pub refusal: Option<String>,
    /// As sent, but for secrets.
    pub request: Message,
    /// As received, but for secrets.
    pub response: Option<Message>,
}

/// One half of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Text, or base64 where it is no UTF-8 (`body_encoding`).
    pub body: Option<String>,
    /// `base64` where the body is.
    pub body_encoding: Option<String>,
    /// The body's whole size in bytes, before it was cut.
    pub body_size: u64,
}

/// One opening of the file by `serve`; leases of an earlier one are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub i64);

/// How much there is of what, for `/metrics` and for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events whose operations are not planned yet.
    pub unplanned: u64,
    /// Jobs that wait for their time, a dependency or a worker.
    pub queued: u64,
    /// Jobs under a lease.
    pub running: u64,
    /// Jobs that wait for a person.
    pub held: u64,
    /// Jobs given up, since the file was made.
    pub failed: u64,
    /// Jobs done, since the file was made.
    pub done: u64,
}

/// What `schema.describe` last said of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// `contact`, …
    pub object: String,
    /// The whole answer, an object.
    pub schema: Value,
    /// When.
    pub at: Millis,
}
