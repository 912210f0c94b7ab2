//! A store in a temporary folder, with a clock and ids that the test owns.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use model::{ConnectionId, JobId, Millis, OrgId, SeededIds, TestClock};
use serde_json::json;
use store::{
    Attempt, Connection, Connector, Fate, Job, LocalKey, NewConnection, NewEvent, NewJob, Options,
    Settlement, Store,
};

pub const START: Millis = Millis(1_800_000_000_000);
pub const LEASE: i64 = 30_000;

pub struct Bench {
    pub store: Store,
    pub clock: Arc<TestClock>,
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::at(START));
        let store = open(folder.path().join("jackfield.db"), &clock, 1).await;
        Self { store, clock, folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("jackfield.db")
    }

    /// Another handle on the same file, as another process would have it.
    pub async fn another(&self, seed: u64) -> Store {
        open(self.path(), &self.clock, seed).await
    }

    /// An organization with a connection of the connector `crm`.
    pub async fn org(&self, name: &str) -> (OrgId, ConnectionId) {
        self.store.put_connector(&connector("crm"), b"bytes".to_vec()).await.unwrap();
        let org = self.store.create_org(name).await.unwrap();
        let connection = self.connect(&org.id, &format!("con-{name}")).await;
        (org.id, connection.id)
    }

    pub async fn connect(&self, org: &OrgId, id: &str) -> Connection {
        self.store.create_connection(new_connection(org, id)).await.unwrap()
    }

    /// Records an event and plans these jobs for it.
    pub async fn plan(&self, org: &OrgId, jobs: Vec<NewJob>) -> model::EventId {
        let recorded = self.store.record_events(org, vec![event(None)]).await.unwrap();
        let id = recorded.into_iter().next().unwrap().id;
        assert!(self.store.complete_plan(&id, jobs).await.unwrap());
        id
    }

    pub async fn claim(&self, limit: u32) -> Vec<Job> {
        self.store.claim("worker", limit, LEASE).await.unwrap()
    }

    /// Claims the one job that is due.
    pub async fn claim_one(&self) -> Job {
        let mut jobs = self.claim(10).await;
        assert_eq!(jobs.len(), 1, "{:?}", names(&jobs));
        jobs.remove(0)
    }

    pub async fn settle(&self, job: &Job, fate: Fate) -> bool {
        self.store.settle(vec![self.settlement(job, fate)]).await.unwrap()[0]
    }

    pub fn settlement(&self, job: &Job, fate: Fate) -> Settlement {
        Settlement {
            job: job.id.clone(),
            token: job.token,
            fate,
            attempt: attempt(&job.id),
            connection_status: None,
            connection_wait_until: None,
            drop_links: false,
            call: None,
        }
    }
}

pub async fn open(path: PathBuf, clock: &Arc<TestClock>, seed: u64) -> Store {
    let clock = Arc::clone(clock) as Arc<dyn model::Clock>;
    Store::open(Options { path, clock, ids: Arc::new(SeededIds::new(seed)) }).await.unwrap()
}

pub fn connector(id: &str) -> Connector {
    Connector {
        id: id.to_owned(),
        version: "1.0.0".to_owned(),
        digest: format!("sha256:{id}"),
        manifest: "manifest = 1".to_owned(),
        interfaces: vec!["jackfield:crm/write@0.1.0".to_owned()],
        size: 5,
        installed_at: START,
    }
}

pub fn new_connection(org: &OrgId, id: &str) -> NewConnection {
    NewConnection {
        id: id.into(),
        org: org.clone(),
        connector: "crm".to_owned(),
        name: "our CRM".to_owned(),
        credential_kind: Some("bearer".to_owned()),
        credential: Some(b"sealed".to_vec()),
        settings: json!({ "region": "eu" }),
        sync_settings: BTreeMap::from([("syncLeads".to_owned(), false)]),
        field_mapping: None,
    }
}

pub fn event(id: Option<&str>) -> NewEvent {
    NewEvent {
        source_id: id.map(str::to_owned),
        kind: "lead.captured".to_owned(),
        occurred_at: None,
        label: None,
        data: json!({ "leadId": "lead_xyz789" }),
    }
}

pub fn person(key: &str) -> LocalKey {
    LocalKey { role: "person".to_owned(), key: key.to_owned() }
}

pub fn job(connection: &ConnectionId, name: &str, provides: &[&str], needs: &[&str]) -> NewJob {
    NewJob {
        connection: connection.clone(),
        operation: name.to_owned(),
        op_key: format!("op-{name}"),
        lane: 0,
        op: json!({ "upsert": name }),
        object: "contact".to_owned(),
        provides: provides.iter().map(|k| person(k)).collect(),
        needs: needs.iter().map(|k| person(k)).collect(),
    }
}

pub fn attempt(job: &JobId) -> Attempt {
    Attempt {
        job: job.clone(),
        number: 0,
        started_at: START,
        ms: 12,
        outcome: "done".to_owned(),
        decision: "done".to_owned(),
        error: None,
        exchanges: Vec::new(),
    }
}

pub fn done(remote_id: &str) -> Fate {
    Fate::Done { receipt: json!({ "created": true }), remote_id: Some(remote_id.to_owned()), version: None }
}

pub fn names(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|j| j.operation.as_str()).collect()
}
