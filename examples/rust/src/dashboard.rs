//! The guide's dashboard as an axum service.
//!
//! ```text
//! CONFIG_SERVICE_URL=http://127.0.0.1:8082 ENVIRONMENT=development cargo run -p jackstaff-example --bin dashboard
//! curl http://127.0.0.1:8000/api/users/user123/dashboard
//! ```

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use jackstaff::{Client, Value, ValueType, View};
use serde_json::json;

async fn dashboard(State(flags): State<Client>, Path(user_id): Path<String>) -> Json<serde_json::Value> {
    // One batch, not two checks in a row: with a snapshot in memory it makes no difference, without one it is one trip.
    let answers = flags.batch(&["new_ui", "dark_mode"], View::of(&user_id), Some(ValueType::Boolean), &Value::Bool(false)).await;
    let template = if answers[0].enabled { "new_dashboard" } else { "old_dashboard" };
    Json(json!({ "template": template, "dark_mode": answers[1].enabled }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Client::from_env()?;
    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = Router::new().route("/api/users/{user_id}/dashboard", get(dashboard)).with_state(flags.clone());
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    flags.close();
    Ok(())
}
