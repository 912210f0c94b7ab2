//! A recorded exchange as it is shown.

use serde::Serialize;
use store::{Exchange, Message};
use utoipa::ToSchema;

/// One HTTP exchange with a provider. Secrets were replaced by `REDACTED` before it was kept, and long bodies cut.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Exchange)]
pub(crate) struct ExchangeAnswer {
    /// Its id.
    id: String,
    /// Over which connection.
    connection: String,
    /// For which operation, where there is one.
    operation: Option<String>,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// How long it took, in milliseconds.
    ms: u64,
    /// Upper case.
    method: String,
    /// The logical URL.
    url: String,
    /// The status, where an answer came.
    status: Option<u16>,
    /// Why none came, or why the host refused it: a code, a colon, and words.
    refusal: Option<String>,
    /// As sent.
    request: MessageAnswer,
    /// As received.
    response: Option<MessageAnswer>,
}

/// One half of an exchange.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExchangeMessage)]
pub(crate) struct MessageAnswer {
    /// In order, names in lower case.
    headers: Vec<HeaderAnswer>,
    /// Text, or base64 where it is none.
    body: Option<String>,
    /// `base64` where the body is.
    body_encoding: Option<String>,
    /// The whole body's size in bytes, before it was cut.
    body_size: u64,
}

/// A header.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExchangeHeader)]
pub(crate) struct HeaderAnswer {
    /// In lower case.
    name: String,
    /// Its value.
    value: String,
}

impl From<Exchange> for ExchangeAnswer {
    fn from(e: Exchange) -> Self {
        Self {
            id: e.id.0,
            connection: e.connection.0,
            operation: e.job.map(|j| j.0),
            started_at: e.started_at.rfc3339(),
            ms: e.ms,
            method: e.method,
            url: e.url,
            status: e.status,
            refusal: e.refusal,
            request: e.request.into(),
            response: e.response.map(Into::into),
        }
    }
}

impl From<Message> for MessageAnswer {
    fn from(m: Message) -> Self {
        Self {
            headers: m.headers.into_iter().map(|(name, value)| HeaderAnswer { name, value }).collect(),
            body: m.body,
            body_encoding: m.body_encoding,
            body_size: m.body_size,
        }
    }
}

/// The same row as egress knows it, which writes HAR.
pub(super) fn for_har(e: Exchange) -> egress::Exchange {
    let message = |m: Message| egress::Message {
        headers: m.headers,
        body: m.body,
        body_encoding: m.body_encoding,
        body_size: m.body_size,
    };
    egress::Exchange {
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
    }
}
