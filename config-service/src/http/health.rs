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
    /// `ok`, or `degraded` where the store does not answer: flags are served from memory, and nothing can be written.
    status: &'static str,
    /// The version of this program.
    version: &'static str,
}

fn health(status: &'static str) -> Json<Health> {
    Json(Health { status, version: env!("CARGO_PKG_VERSION") })
}

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", tag = "service", security(()), responses((status = 200, description = "It is", body = Health)))]
async fn healthz() -> Json<Health> {
    health("ok")
}

/// Can it serve? The flags are loaded
///
/// It can without the store too, and says `degraded` then. Were it not ready, every service on a database that is away would be taken out of
/// the balancer, and nobody could evaluate because nobody can write.
#[utoipa::path(
    get, path = "/readyz", tag = "service", security(()),
    responses((status = 200, description = "It can", body = Health))
)]
async fn readyz(State(service): State<Arc<Service>>) -> Json<Health> {
    health(if service.is_store_reachable() { "ok" } else { "degraded" })
}

/// Figures in Prometheus' text format
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, description = "Figures", body = String, content_type = "text/plain"), schema::Failures)
)]
async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let state = service.environments.state();
    let versions: BTreeMap<&str, u64> = state.environments.iter().map(|(name, published)| (&**name, published.ruleset.version)).collect();
    let mut text = service.metrics.render(&versions, service.streams.open());
    let reachable = u8::from(service.is_store_reachable());
    text.push_str(&format!(
        "# HELP jackstaff_store_up Does the store answer?\n# TYPE jackstaff_store_up gauge\njackstaff_store_up {reachable}\n"
    ));
    let help = "Time from a commit, by whichever service, to its being served here.";
    service.environments.applied().render(&mut text, "jackstaff_commit_to_applied_seconds", help);
    let help = "Time from a commit to its being on the way to a stream's reader, per stream.";
    service.streams.sent().render(&mut text, "jackstaff_commit_to_sent_seconds", help);
    text.push_str(&service.relays.render(service.environments.now()));
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
