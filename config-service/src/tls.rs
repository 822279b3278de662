//! Serving over TLS: a certificate and its key from files, read again when they are renewed.
//!
//! Certificates live for weeks and services for months, so whoever renews them writes the files and nothing has to be restarted: they
//! are looked at every few seconds, and at once on SIGHUP. New connections get the new certificate; those that are open keep theirs. Files
//! that cannot be used, half written for example, change nothing and are told of once.
//!
//! rustls with ring, as everywhere in this house; HTTP/1.1 is what is offered by ALPN.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at. Their dates are asked for, which works on mounted volumes too, where notifications do not.
const LOOK: Duration = Duration::from_secs(2);

/// A certificate, its key, and the files that they come from.
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    current: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the certificates (PEM, ours first and then those that lead to an authority) and the key (PEM: PKCS#8, PKCS#1 or SEC1).
    ///
    /// # Errors
    /// A file that cannot be read or holds something else, or a key that is not the certificate's; the message names the file.
    pub fn open(cert: &Path, key: &Path) -> Result<Arc<Self>, String> {
        let current = ArcSwap::new(read(cert, key)?);
        Ok(Arc::new(Self { cert: cert.to_owned(), key: key.to_owned(), current }))
    }

    /// What the next connection is accepted by.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Reads the files again whenever they change, and on SIGHUP. Does not end by itself.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut called = Called::new();
        let mut seen = self.marks().await;
        let mut was_usable = true;
        loop {
            let was_called = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                () = called.next() => true,
            };
            let now = self.marks().await;
            // Files that could not be used are tried again: a key may come later than its certificate, in the same second.
            if now == seen && was_usable && !was_called {
                continue;
            }
            seen = now;
            let me = self.clone();
            match tokio::task::spawn_blocking(move || read(&me.cert, &me.key)).await {
                Ok(Ok(config)) => {
                    self.current.store(config);
                    was_usable = true;
                    tracing::info!(file = %self.cert.display(), "the certificate was read again");
                }
                Ok(Err(error)) => {
                    if was_usable || was_called {
                        tracing::error!(%error, "the certificate cannot be renewed; the one before is used on");
                    }
                    was_usable = false;
                }
                Err(error) => tracing::error!(%error, "reading the certificate failed inside"),
            }
        }
    }

    async fn marks(&self) -> [Option<(SystemTime, u64)>; 2] {
        let files = [self.cert.clone(), self.key.clone()];
        let mark = |file: &PathBuf| {
            let about = std::fs::metadata(file).ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        tokio::task::spawn_blocking(move || files.each_ref().map(mark)).await.unwrap_or_default()
    }
}

fn read(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let unusable = |file: &Path, error: &dyn std::fmt::Display| format!("{} cannot be used: {error}", file.display());
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unusable(cert, &error))?;
    if chain.is_empty() {
        return Err(unusable(cert, &"there is no certificate (PEM) in it"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| format!("{} and {} do not go together: {error}", cert.display(), key.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// SIGHUP, where there is such a thing.
struct Called {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Called {
    #[cfg(unix)]
    fn new() -> Self {
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
        Self { signal: signal.map_err(|error| tracing::warn!(%error, "SIGHUP cannot be heard; the files' dates are looked at")).ok() }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}
