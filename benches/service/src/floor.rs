//! The floor: a bare axum handler that reads a question and writes an answer of the same shapes as the config service's, and
//! decides nothing. What the service takes beyond it is ours. Prints its address.

use std::collections::BTreeMap;

use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct Question {
    flag_name: String,
    user_id: Value,
    environment: String,
    context: Option<Value>,
}

#[derive(Deserialize)]
struct Questions {
    flag_names: Vec<String>,
    user_id: Value,
    environment: String,
    context: Option<Value>,
}

#[derive(Serialize)]
struct Answer {
    enabled: bool,
    value: bool,
    reason: &'static str,
    variant: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    version: u64,
    epoch: &'static str,
}

fn answer(flag_name: Option<String>, environment: Option<String>) -> Answer {
    let epoch = "01K9ZQ4T2M5N7P8R";
    Answer { enabled: true, value: true, reason: "fallthrough", variant: "on", flag_name, environment, version: 1, epoch }
}

async fn evaluate(Json(question): Json<Question>) -> Json<Answer> {
    std::hint::black_box((question.user_id, question.context));
    Json(answer(Some(question.flag_name), Some(question.environment)))
}

async fn batch(Json(question): Json<Questions>) -> Json<BTreeMap<String, Answer>> {
    std::hint::black_box((question.user_id, question.context, question.environment));
    Json(question.flag_names.into_iter().map(|name| (name, answer(None, None))).collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let router =
        Router::new().route("/api/v1/feature-flags/evaluate", post(evaluate)).route("/api/v1/feature-flags/evaluate/batch", post(batch));
    axum::serve(listener, router).await?;
    Ok(())
}
