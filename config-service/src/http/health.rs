//! Is it alive, is it ready, how is it doing? No key needed, and nothing here names a user or a flag.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::request::off_thread;
use super::schema;
use crate::service::Service;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// The routes that show more than strangers need to know.
pub fn figures() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// The state of the service.
#[derive(serde::Serialize, ToSchema)]
struct Health {
    /// `ok`
    status: &'static str,
    /// The version of this program.
    version: &'static str,
}

fn ok() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", tag = "service", security(()), responses((status = 200, description = "It is", body = Health)))]
async fn healthz() -> Json<Health> {
    ok()
}

/// Can it serve? The store answers and the flags are loaded.
#[utoipa::path(
    get, path = "/readyz", tag = "service", security(()),
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "The store does not answer", body = schema::ErrorBody)
    )
)]
async fn readyz(State(service): State<Arc<Service>>) -> ApiResult<Json<Health>> {
    off_thread(&service, |service| Ok(service.environments.store().stamp()?)).await?;
    Ok(ok())
}

/// Figures in Prometheus' text format
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, description = "Figures", body = String, content_type = "text/plain"), schema::Failures)
)]
async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let state = service.environments.state();
    let versions: BTreeMap<&str, u64> = state.environments.iter().map(|(name, published)| (&**name, published.ruleset.version)).collect();
    let text = service.metrics.render(&versions, service.streams.open());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
