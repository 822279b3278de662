//! The HTTP API: thin handlers in front of [`crate::environments`].
//!
//! Each file owns the routes of one thing and describes them with `utoipa`; [`router`] joins them, puts the gate before them (who is it, is it in
//! time, one log line) and serves the description at `/openapi.json`. Health, metrics and the description need no key.
//! All errors, unknown paths and methods included, are JSON of one shape ([`error::ApiError`]).

mod audit;
mod documents;
mod environments;
pub mod error;
mod evaluate;
mod flags;
mod fresh;
mod gate;
mod health;
pub mod metrics;
mod parts;
mod replicas;
mod request;
mod rulesets;
mod schema;
mod segments;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::service::Service;
use schema::Security;

/// The largest body of an evaluate request.
pub const EVALUATE_LIMIT: usize = 64 * 1024;
/// The largest body of a flag or a segment.
pub const MANAGE_LIMIT: usize = 1024 * 1024;
/// The largest body of an import.
pub const IMPORT_LIMIT: usize = 64 * 1024 * 1024;

/// Where documents are imported.
pub const IMPORT_PATH: &str = "/api/v1/import";

#[derive(OpenApi)]
#[openapi(
    info(title = "Jackstaff config service", description = "Feature flags: evaluate them, keep them, follow them."),
    modifiers(&Security),
    // The empty one: on loopback, while no key was made, none is needed.
    security(("bearer" = []), ("api_key" = []), ()),
    tags(
        (name = "evaluate", description = "What does a flag answer for this user?"),
        (name = "rulesets", description = "All that a client needs to evaluate by itself"),
        (name = "flags"), (name = "segments"), (name = "environments"), (name = "audit"), (name = "documents"), (name = "service")
    )
)]
struct Description;

/// The whole API.
pub fn router(service: &Arc<Service>) -> Router {
    let manage = OpenApiRouter::new()
        .merge(flags::router())
        .merge(flags::alias())
        .merge(segments::router())
        .merge(environments::router())
        .merge(audit::router())
        .merge(replicas::router())
        .layer(DefaultBodyLimit::max(MANAGE_LIMIT));
    let keyed = OpenApiRouter::with_openapi(Description::openapi())
        .merge(rulesets::router())
        .merge(manage)
        .merge(documents::router().layer(DefaultBodyLimit::max(IMPORT_LIMIT)))
        .merge(health::figures())
        .layer(axum::middleware::from_fn_with_state(service.clone(), gate::identify))
        // After the layer: each layer costs an answer a tenth more, and these two ask for the caller, and count the body, themselves.
        .merge(evaluate::router());
    let (router, description) = keyed.merge(health::router()).split_for_parts();
    let description: Arc<str> = description.to_json().unwrap_or_default().into();
    router
        .route(
            "/openapi.json",
            axum::routing::get(move || async move { ([(axum::http::header::CONTENT_TYPE, "application/json")], description.to_string()) }),
        )
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::unknown_method)
        .layer(axum::middleware::from_fn_with_state(service.clone(), gate::watch))
        .with_state(service.clone())
}
