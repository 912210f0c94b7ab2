//! `wasi:http/outgoing-handler@0.2`, through the same column as `jackfield:host/http`.


use egress::{Lane, Refusal, Request};
use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::Limits;

/// The hooks that put a guest's own HTTP client on the paved road.
pub(crate) struct Road {
    lane: Option<Lane>,
    request_bytes: usize,
}

impl Road {
    pub(crate) fn new(lane: Option<Lane>, limits: &Limits) -> Self {
        Self { lane, request_bytes: usize::try_from(limits.request_bytes).unwrap_or(usize::MAX) }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Road {
    // The column sets it, from the vetted URL.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Io,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let lane = self.lane.clone();
        let limit = self.request_bytes;
        Box::new(async move {
            let (parts, body) = request.into_parts();
            // The body is drained even where the answer is no: a guest that writes must not hang.
            let body = Limited::new(body, limit).collect().await;
            let lane = lane.ok_or(Error::HttpRequestDenied)?;
            let body = body.map_err(|_| Error::HttpRequestBodySize(Some(limit as u64)))?.to_bytes();
            // The column sets these two itself, from the vetted URL and the whole body; clients send them all the same.
            let headers = parts.headers.iter().filter(|(n, _)| !matches!(n.as_str(), "host" | "content-length"));
            let headers = headers.map(|(n, v)| (n.as_str().to_owned(), v.as_bytes().to_vec())).collect();
            let request = Request {
                method: parts.method.as_str().to_owned(),
                url: parts.uri.to_string(),
                headers,
                body: (!body.is_empty()).then_some(body),
                auth: None,
                idempotency_key: None,
                timeout: options.and_then(|o| o.first_byte_timeout),
            };
            let answer = lane.send(request).await.map_err(refused)?;
            let mut response = http::Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(name, value.as_slice());
            }
            let body = Full::new(answer.body).map_err(|never: std::convert::Infallible| match never {});
            let response =
                response.body(body.boxed_unsync()).map_err(|_| Error::HttpProtocolError)?;
            let done: Io = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

/// The nearest word that wasi:http has. The exchange's record says more.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Denied { .. } | Refusal::AuthExpired => Error::HttpRequestDenied,
        Refusal::RateLimited { .. } => Error::ConnectionLimitReached,
        Refusal::NotSent(_) => Error::DestinationUnavailable,
        Refusal::SentNoAnswer(_) => Error::HttpResponseIncomplete,
        Refusal::TooLarge(n) => Error::HttpResponseBodySize(Some(n)),
    }
}
