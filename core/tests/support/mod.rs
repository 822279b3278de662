//! A config service that misbehaves as told: what a client meets between itself and a good one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a request gets.
#[derive(Clone)]
pub enum Reply {
    /// A status and a body of JSON.
    Json(u16, String),
    /// These bytes, whatever they are, and then the end.
    Raw(Vec<u8>),
    /// The head of an answer, then a body without end.
    Endless,
    /// Nothing, for this long.
    Silence(Duration),
}

type Handler = dyn Fn(&str, &str) -> Reply + Send + Sync;

/// A server on a free port; it lives as long as the test process.
pub struct Server {
    pub url: String,
    pub requests: Arc<AtomicUsize>,
    handler: Arc<Mutex<Arc<Handler>>>,
}

impl Server {
    /// Serves by `handler(path, body)`.
    pub fn start(handler: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let handler: Arc<Mutex<Arc<Handler>>> = Arc::new(Mutex::new(Arc::new(handler)));
        let (counter, shared) = (requests.clone(), handler.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counter, shared) = (counter.clone(), shared.clone());
                std::thread::spawn(move || drop(serve(stream, &counter, &shared)));
            }
        });
        Self { url, requests, handler }
    }

    /// From now on serves by another handler.
    pub fn become_(&self, handler: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) {
        *self.handler.lock().unwrap() = Arc::new(handler);
    }

    /// How many requests there have been.
    pub fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, counter: &AtomicUsize, handler: &Mutex<Arc<Handler>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    counter.fetch_add(1, Ordering::SeqCst);
    let handler = handler.lock().unwrap().clone();
    let reply = handler(&path, &String::from_utf8_lossy(&body));
    let mut stream = stream;
    match reply {
        Reply::Json(status, body) => {
            write!(
                stream,
                "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
        }
        Reply::Raw(bytes) => stream.write_all(&bytes),
        Reply::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{{\"enabled\": true, \"x\": \"")?;
            let chunk = vec![b'x'; 1 << 16];
            // Bounded for the test's sake; the client must have left long before.
            (0..10_000).try_for_each(|_| stream.write_all(&chunk))
        }
        Reply::Silence(time) => {
            std::thread::sleep(time);
            Ok(())
        }
    }
}
