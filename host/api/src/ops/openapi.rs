//! `GET /openapi.json`, and what its parts have in common.

use axum::extract::State;
use bytes::Bytes;
use http::header;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{Code, FieldError, Problem};
use crate::state::App;

/// What is this surface?
///
/// An OpenAPI 3.1 description, made from the handlers' own types.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation", operation_id = "getOpenapi",
    responses((status = 200, description = "The description.", body = Object))
)]
pub(crate) async fn openapi(State(app): State<App>) -> ([(header::HeaderName, &'static str); 1], Bytes) {
    ([(header::CONTENT_TYPE, "application/json")], app.openapi.clone())
}

/// The description before any route is in it.
pub(crate) fn head() -> OpenApi {
    let info = InfoBuilder::new().title("Jackfield").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Events in, operations in connected systems out. Every error is a problem document (RFC 9457) with a stable \
         `code`; every answer has an `x-request-id`, the caller's own where the request has one.",
    ));
    OpenApiBuilder::new().info(info.build()).components(Some(Components::new())).build()
}

/// Adds what every route has: the key, and the problems.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.bearer_format = Some("jf_…".to_owned());
    components.add_security_scheme("key", SecurityScheme::Http(http));
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    components.schemas.insert(FieldError::name().into_owned(), FieldError::schema());
    components.schemas.insert(Code::name().into_owned(), Code::schema());
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete, &mut item.head];
        for operation in operations.into_iter().flatten() {
            add_problems(operation);
        }
    }
    document
}

fn add_problems(operation: &mut Operation) {
    let mut add = |status: &str, description: &str| {
        let there = operation.responses.responses.contains_key(status);
        if !there {
            operation.responses.responses.insert(status.to_owned(), problem(description));
        }
    };
    if operation.security.is_some() {
        add("401", "No key, or not one of this host.");
        add("403", "The key lacks the scope.");
    }
    if operation.request_body.is_some() {
        add("400", "The body is no JSON.");
        add("413", "The body is too large.");
        add("415", "The body is not declared as JSON.");
        add("422", "The body is not what this route takes; `errors` says where and why.");
    }
    add("default", "Any other problem.");
}

fn problem(description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let response = ResponseBuilder::new().description(description);
    RefOr::T(response.content("application/problem+json", content).build())
}
