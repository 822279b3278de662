//! Running a service on a listener until somebody says stop.

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::http;
use crate::service::Service;

/// Serves until `shutdown` is done, then says goodbye to the streams and waits for requests to end, at most
/// [`shutdown_timeout`](crate::service::ServiceOptions::shutdown_timeout).
///
/// # Errors
/// The listener fails.
pub async fn run(listener: TcpListener, service: Arc<Service>, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let streams = service.streams.clone();
    let goodbye = async move {
        shutdown.await;
        streams.shut_down();
        stopping.send_replace(true);
    };
    let timeout = service.options.shutdown_timeout;
    let fresh = tokio::spawn(service.clone().keep_fresh());
    let serve = axum::serve(listener, http::router(&service)).with_graceful_shutdown(goodbye);
    let patience = async {
        // An error means that the sender is gone, and so is the server that owned it.
        drop(stopped.wait_for(|stopped| *stopped).await);
        tokio::time::sleep(timeout).await;
    };
    let result = tokio::select! {
        result = serve => result,
        () = patience => {
            tracing::warn!(seconds = timeout.as_secs(), "some requests did not end in time; leaving them");
            Ok(())
        }
    };
    fresh.abort();
    result
}
