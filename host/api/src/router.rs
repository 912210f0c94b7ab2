//! The route table, and what stands around every route.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Code, Problem};
use crate::state::{Api, App};
use crate::{connections, connectors, events, ops};

/// How a caller names a request and finds it in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The whole surface. Every answer that is no success is a problem document, those for unknown routes, wrong methods,
/// bodies too large, time run out and panics included.
pub fn router(state: Api) -> Router {
    let (table, document) = table().split_for_parts();
    let document = ops::openapi::finish(document);
    let app = App::new(state, Bytes::from(document.to_json().unwrap_or_default()));
    table
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app)
}

/// Every route, each with its description. There is no other way in, so none is missing from `/openapi.json`.
fn table() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(ops::openapi::head())
        .routes(routes!(events::receive::receive))
        .routes(routes!(events::get::get))
        .routes(routes!(connectors::list::list))
        .routes(routes!(connectors::get::get))
        .routes(routes!(connectors::events::list))
        .routes(routes!(connections::create::create, connections::list::list))
        .routes(routes!(connections::get::get, connections::update::update, connections::delete::delete))
        .routes(routes!(connections::test::test))
        .routes(routes!(connections::exchanges::list))
        .routes(routes!(connections::exchange::get))
        .routes(routes!(ops::healthz::healthz))
        .routes(routes!(ops::readyz::readyz))
        .routes(routes!(ops::metrics::metrics))
        .routes(routes!(ops::openapi::openapi))
}

async fn unknown_route() -> Problem {
    // The path is not repeated: a webhook's whole secret may be in it.
    Problem::new(Code::NotFound, "There is no such route; /openapi.json lists them.")
}

async fn wrong_method(method: Method) -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        format!("This route has no {method}; the header `Allow` says which it has."),
    )
}

/// The bounds and the log line of every request: its id, a place among those in flight, the time it may take, and a
/// net under the handler.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&app, &request);
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    // What an operator asks must be answered most of all when there is too much to do.
    let place = if path.starts_with("/api/") { app.in_flight.try_acquire().map(Some) } else { Ok(None) };
    let mut response = match place {
        Err(_) => Problem::new(Code::Overloaded, "Too many requests at once; come again.")
            .retry_after(1)
            .into_response(),
        Ok(_place) => {
            let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
            match tokio::time::timeout(app.limits.request, handled).await {
                Ok(Ok(response)) => response,
                Ok(Err(_panic)) => {
                    tracing::error!(%method, path, ?id, "a handler panicked: this is a fault in the host");
                    Problem::internal().into_response()
                }
                Err(_) => Problem::new(Code::Timeout, "The host did not get it done in time; come again.")
                    .retry_after(1)
                    .into_response(),
            }
        }
    };
    let headers = response.headers_mut();
    let shown = id.to_str().unwrap_or("-").to_owned();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The matched pattern, not the path: an id in it may be the sender's own.
    let (status, ms) = (response.status().as_u16(), started.elapsed().as_millis());
    tracing::debug!(%method, path, status, ms, request = shown, "answered");
    response
}

/// The caller's id where it is a modest one, else ours.
fn request_id(app: &App, request: &Request) -> HeaderValue {
    let modest = |v: &&HeaderValue| {
        let bytes = v.as_bytes();
        !bytes.is_empty() && bytes.len() <= 128 && bytes.iter().all(u8::is_ascii_graphic)
    };
    request.headers().get(REQUEST_ID).filter(modest).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(app.ids.next(app.clock.as_ref())).unwrap_or(HeaderValue::from_static("-"))
    })
}
