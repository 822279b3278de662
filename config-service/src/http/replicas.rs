//! How far each service on the store is: for whoever waits until a change has arrived everywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::request::{Admin, off_thread};
use super::schema;
use super::write::Stands;
use crate::clock::to_rfc3339;
use crate::service::Service;
use crate::store::{Replica, Standing};

/// The routes.
pub fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A service.
#[derive(Serialize, ToSchema)]
struct ReplicaItem {
    /// A random id, made when it started.
    id: String,
    /// Is it the one that answers this?
    is_self: bool,
    /// When it was last heard of.
    #[schema(format = DateTime)]
    seen_at: String,
    /// What it serves, by environment.
    serves: BTreeMap<Arc<str>, Stands>,
    /// What the slowest of its streams was sent, by environment; those without streams are not in it.
    sent: BTreeMap<Arc<str>, Stands>,
}

#[derive(Serialize, ToSchema)]
struct ReplicaList {
    /// In the order of their ids.
    items: Vec<ReplicaItem>,
}

fn standings(text: &str) -> BTreeMap<Arc<str>, Stands> {
    let standings: BTreeMap<Arc<str>, Standing> = serde_json::from_str(text).unwrap_or_default();
    standings.iter().map(|(name, standing)| (name.clone(), standing.into())).collect()
}

/// List the services on this store, and how far they are
///
/// A service that was not heard of for fifteen seconds is not in it.
#[utoipa::path(
    get, path = "/api/v1/replicas", tag = "service", operation_id = "list_replicas",
    responses((status = 200, description = "All", body = ReplicaList), schema::Failures)
)]
async fn list(State(service): State<Arc<Service>>, _: Admin) -> ApiResult<Json<ReplicaList>> {
    let replicas = off_thread(&service, |service| Ok(service.replicas()?)).await?;
    let item = |replica: Replica| ReplicaItem {
        is_self: replica.id == service.id,
        seen_at: to_rfc3339(replica.seen_at),
        serves: standings(&replica.serves),
        sent: standings(&replica.sent),
        id: replica.id,
    };
    Ok(Json(ReplicaList { items: replicas.into_iter().map(item).collect() }))
}
