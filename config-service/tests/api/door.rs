//! Starting a service and talking to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jackstaff_service::keys;
use jackstaff_service::serve::run;
use jackstaff_service::service::{Service, ServiceOptions, open_store};
use jackstaff_service::store::FlagStore;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// 2026-11-22T12:00:00Z, where the clock of these tests begins.
pub const NOW: i64 = 1_795_348_800_000;

/// A shop's flags, as far as the tests need them.
pub const FLAGS: &str = r#"
environments: [development, production]
segments:
  staff: { when: { attribute: email, ends_with: "@shop.example" } }
flags:
  new_ui:
    type: boolean
    description: The new dashboard
    tags: [web, checkout]
    targets: { on: [user123, "42"] }
    rules:
      - { name: staff first, when: { segment: staff }, serve: on }
    fallthrough: off
    environments:
      production: { enabled: false }
  dark_mode: { type: boolean, tags: [web] }
  banner:
    type: string
    variants: { plain: "Hello", loud: "HELLO" }
    off: plain
    fallthrough: loud
    prerequisites: [ { flag: dark_mode, enabled: true } ]
"#;

/// A running service.
pub struct Door {
    /// Where it listens.
    pub url: String,
    /// The service itself.
    pub service: Arc<Service>,
    /// Its clock.
    pub clock: Arc<AtomicI64>,
    /// The key that requests show.
    pub key: Option<String>,
    client: Client,
    folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.bytes)))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers)).to_str().unwrap()
    }
    /// Asserts that this is an error of ours, and yields its message.
    pub fn error(&self, status: u16, code: &str) -> String {
        let json = self.json();
        assert_eq!((self.status, json["error"]["code"].as_str()), (status, Some(code)), "{json}");
        json["error"]["message"].as_str().unwrap().to_owned()
    }
    pub fn ok(&self) -> Value {
        assert!(self.status < 300, "{}: {}", self.status, String::from_utf8_lossy(&self.bytes));
        self.json()
    }
}

impl Door {
    pub async fn open() -> Self {
        Self::with(FLAGS, ServiceOptions::default()).await
    }

    pub async fn with(flags: &str, options: ServiceOptions) -> Self {
        Self::on(tempfile::tempdir().unwrap(), flags, options).await
    }

    pub async fn on(folder: tempfile::TempDir, flags: &str, options: ServiceOptions) -> Self {
        let store = open_store(folder.path()).unwrap();
        Self::on_store(store, folder, flags, options).await
    }

    /// On a store that others may be on too; the folder is for files.
    pub async fn on_store(store: Arc<dyn FlagStore>, folder: tempfile::TempDir, flags: &str, options: ServiceOptions) -> Self {
        let clock = Arc::new(AtomicI64::new(NOW));
        let read = clock.clone();
        let service = Service::open(store, options, Arc::new(move || read.load(Ordering::Relaxed))).unwrap();
        if !flags.is_empty() {
            let file = folder.path().join("flags.yaml");
            std::fs::write(&file, flags).unwrap();
            jackstaff_service::service::import_file(&service, &file).unwrap_or_else(|refusal| panic!("{refusal}"));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(run(listener, None, service.clone(), async move {
            let _ = stopped.await;
        }));
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Bodies as they are on the wire: the tests look at the compression themselves.
        let client = Client::builder().no_gzip().timeout(Duration::from_secs(20)).build().unwrap();
        Self { url, service, clock, key: None, client, folder, stop: Some(stop), task: Some(task) }
    }

    /// Makes a key in the service's store, as the command line does in another process.
    pub fn make_key(&self, environment: Option<&str>, expires_at: Option<i64>) -> (String, String) {
        let (text, record) = keys::generate(environment, "test", NOW, expires_at).unwrap();
        open_store(self.folder.path()).unwrap().create_key(&record).unwrap();
        self.service.keys.refresh().unwrap();
        (text, record.id)
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Reply {
        let response = self.request(method, path, headers, body).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers, "").await
    }
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }
    pub async fn put(&self, path: &str, seen: (&str, &str), body: Value) -> Reply {
        self.send(Method::PUT, path, &[seen], body.to_string()).await
    }
    pub async fn patch(&self, path: &str, seen: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, &[("if-match", seen)], body.to_string()).await
    }
    pub async fn delete(&self, path: &str, seen: &str) -> Reply {
        self.send(Method::DELETE, path, &[("if-match", seen)], "").await
    }
    pub async fn evaluate(&self, flag: &str, user: &str, environment: &str) -> Reply {
        let body = serde_json::json!({"flag_name": flag, "user_id": user, "environment": environment});
        self.post("/api/v1/feature-flags/evaluate", body).await
    }

    /// Turns a flag on or off for everybody in development.
    pub async fn switch(&self, flag: &str, on: bool) -> Value {
        self.patch(&format!("/api/v1/flags/{flag}"), "*", serde_json::json!({"environments": {"development": {"enabled": on}}})).await.ok()
    }

    /// Follows an environment.
    pub async fn follow(&self, environment: &str, headers: &[(&str, &str)]) -> Events {
        let path = format!("/api/v1/rulesets/{environment}/stream");
        let response = self.request(Method::GET, &path, headers, "").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { response, read: String::new() }
    }

    /// Asks the service to stop, without waiting for it.
    pub fn ask_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(()); // it may have stopped by itself
        }
    }

    /// Stops the service and yields its folder, to start another on it.
    pub async fn stop(mut self) -> tempfile::TempDir {
        self.ask_to_stop();
        let task = self.task.take().unwrap();
        drop(self.client);
        tokio::time::timeout(Duration::from_secs(15), task).await.expect("it stops in time").unwrap();
        self.folder
    }
}

/// A stream of events, read one at a time.
pub struct Events {
    response: reqwest::Response,
    read: String,
}

/// One event.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Events {
    /// The next event; `None` at the end of the stream. Fails after five seconds of silence.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                let event = Event { name: field("event: ").unwrap(), id: field("id: "), data };
                self.read = rest.to_owned();
                return Some(event);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(5), self.response.chunk()).await.expect("an event in five seconds");
            self.read.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }

    /// The next event, which must have this name.
    pub async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await.unwrap_or_else(|| panic!("{name}, and the stream ended"));
        assert_eq!(event.name, name, "{event:?}");
        event
    }
}
