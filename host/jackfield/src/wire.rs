//! Where a lower crate's trait meets the crate that implements it.

use std::sync::Arc;

use async_trait::async_trait;
use model::{ConnectionId, OrgId};
use pipeline::Pipeline;
use sandbox::Sandbox;
use serde_json::Value;
use store::Store;

/// `egress::Record`: exchanges go to the store.
pub(crate) struct Recorder(pub(crate) Store);

impl egress::Record for Recorder {
    fn record(&self, e: egress::Exchange) {
        self.0.record_exchange(store::Exchange {
            id: e.id,
            org: e.org,
            connection: e.connection,
            job: e.job,
            started_at: e.started_at,
            ms: e.ms,
            method: e.method,
            url: e.url,
            status: e.status,
            refusal: e.refusal,
            request: message(e.request),
            response: e.response.map(message),
        });
    }
}

fn message(m: egress::Message) -> store::Message {
    store::Message {
        headers: m.headers,
        body: m.body,
        body_encoding: m.body_encoding,
        body_size: m.body_size,
    }
}

/// `catalog::Compile`: components are compiled by the sandbox.
pub(crate) struct Compile(pub(crate) Arc<Sandbox>);

#[async_trait]
impl catalog::Compile for Compile {
    async fn compile(&self, digest: &str, component: &[u8]) -> Result<(), String> {
        self.0.prepare(digest, component).await.map(|_| ()).map_err(|e| e.to_string())
    }
}

/// `api::Live`: what somebody waits for runs in the pipeline.
pub(crate) struct Live(pub(crate) Arc<Pipeline>);

#[async_trait]
impl api::Live for Live {
    async fn probe(&self, org: &OrgId, connection: &ConnectionId) -> Result<Value, api::LiveError> {
        self.0.probe(org, connection).await.map_err(|e| match e {
            pipeline::LiveError::Refused { code, message } => api::LiveError::Refused { code, message },
            pipeline::LiveError::Halt(halt) => {
                api::LiveError::Refused { code: halt.code().to_owned(), message: halt.to_string() }
            }
            pipeline::LiveError::Open(pipeline::OpenError::Quarantined(why)) => {
                api::LiveError::Quarantined(why)
            }
            pipeline::LiveError::Open(e) => {
                api::LiveError::Refused { code: e.code().to_owned(), message: e.to_string() }
            }
            pipeline::LiveError::Busy => api::LiveError::Busy,
            other => api::LiveError::Failed(other.to_string()),
        })
    }

    fn forget(&self, connection: &ConnectionId) {
        self.0.forget(connection);
    }
}
