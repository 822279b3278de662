//! Running a service on a listener until somebody says stop.
//!
//! The loop is our own and not `axum::serve`, which has no limit on connections and no time limit on a request's head: whoever
//! opens sockets and says nothing would keep them for ever.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::http;
use crate::service::Service;
use crate::tls::Tls;

/// How long to wait when the system gives no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves, over TLS if there is a certificate for it, until `shutdown` is done, then says goodbye to the streams and waits for requests to end, at most
/// [`shutdown_timeout`](crate::service::ServiceOptions::shutdown_timeout).
pub async fn run(listener: TcpListener, tls: Option<Arc<Tls>>, service: Arc<Service>, shutdown: impl Future<Output = ()> + Send + 'static) {
    let certificates = tls.clone().map(|tls| tokio::spawn(tls.keep_fresh()));
    let fresh = tokio::spawn(service.clone().keep_fresh());
    let reports = tokio::spawn(service.clone().keep_reporting());
    let router = http::router(&service);
    let places = service.options.streams.max_streams.saturating_add(service.options.max_connections).clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places));
    let head_timeout = service.options.head_timeout;
    let stopping = watch::Sender::new(false);
    let (open, mut all_closed) = mpsc::channel::<()>(1);

    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            // The semaphore is never closed, so this fails only by waiting.
            let place = places.clone().acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((socket, _)) => {
                let (router, stop, open) = (router.clone(), stopping.subscribe(), open.clone());
                let acceptor = tls.as_ref().map(|tls| tls.acceptor());
                tokio::spawn(async move {
                    connection(socket, acceptor, router, head_timeout, stop).await;
                    drop((place, open));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    drop(listener); // whoever comes now is refused and goes to another service
    service.streams.shut_down();
    stopping.send_replace(true);
    drop(open);
    let timeout = service.options.shutdown_timeout;
    if tokio::time::timeout(timeout, all_closed.recv()).await.is_err() {
        tracing::warn!(seconds = timeout.as_secs(), "some requests did not end in time; leaving them");
    }
    fresh.abort();
    certificates.inspect(|task| task.abort());
    reports.abort();
    drop(reports.await); // so that no report comes after the last one
    if service.is_store_reachable() {
        drop(tokio::task::spawn_blocking(move || service.retire()).await);
    }
}

/// Serves one connection to its end. An error in it is the client's: it left, or it speaks no TLS where it should, or no HTTP.
async fn connection(
    socket: TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    head_timeout: Duration,
    mut stop: watch::Receiver<bool>,
) {
    // Events are small: they must not wait for the acknowledgement of the one before.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "the socket keeps small packets back");
    }
    let Some(acceptor) = acceptor else { return requests(socket, router, head_timeout, stop).await };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(head_timeout, acceptor.accept(socket)) => shaken,
        () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
    };
    match shaken {
        Ok(Ok(socket)) => requests(socket, router, head_timeout, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "a connection that is no TLS"),
        Err(_) => tracing::debug!("a TLS handshake that takes too long"),
    }
}

async fn requests(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    head_timeout: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let answer = service_fn(move |request| router.clone().oneshot(request));
    let mut connection = pin!(
        http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(head_timeout).serve_connection(TokioIo::new(socket), answer)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { drop(stop.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
