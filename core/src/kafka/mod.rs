//! The way to a Kafka cluster: who may speak to it and how, for the feed that reads a topic and for the config service that
//! writes it.
//!
//! [`Settings`] are judged when they are read and connect to nothing; [`connect`] does. Every wait has an end: rskafka itself
//! would go on trying for minutes, and whoever calls knows better what to do meanwhile.

mod partition;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use rskafka::BackoffConfig;
use rskafka::client::error::{Error as KafkaError, ProtocolError};
use rskafka::client::partition::{PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, OauthBearerCredentials, SaslConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::timeout;

use crate::error::{Error, ErrorKind, Result};
pub use partition::partition_of;
pub use settings::{Mechanism, Sasl, Settings, Tls};

/// The longest that connecting, or one question for metadata, may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer of a broker, in bytes. A fetch asks for far less; the list of topics of a large cluster is the rest.
const MAX_FRAME: usize = 16 << 20;

/// Connects to the first broker that answers.
///
/// # Errors
/// `InvalidArgument` for certificates that cannot be used, `Unauthorized` if the cluster refuses the credentials, `Timeout` or
/// `Unavailable` if nobody answers.
pub async fn connect(settings: &Settings) -> Result<Client> {
    let mut builder = ClientBuilder::new(settings.brokers.clone())
        .client_id(concat!("jackstaff-", env!("CARGO_PKG_VERSION")))
        .max_message_size(MAX_FRAME)
        .backoff_config(BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
            deadline: Some(Duration::from_secs(3)),
        });
    if let Some(tls) = &settings.tls {
        builder = builder.tls_config(Arc::new(tls_config(tls)?));
    }
    if let Some(sasl) = &settings.sasl {
        builder = builder.sasl_config(sasl_config(sasl));
    }
    let brokers = settings.brokers.join(",");
    match timeout(PATIENCE, builder.build()).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(explain(&format!("cannot connect to Kafka at {brokers}"), error)),
        Err(_) => Err(Error::new(ErrorKind::Timeout, format!("no Kafka broker of {brokers} answered within {PATIENCE:?}"))),
    }
}

/// The partitions of a topic.
///
/// # Errors
/// `NotFound` if there is no such topic (none is made), else as [`connect`].
pub async fn partitions(client: &Client, topic: &str) -> Result<Vec<i32>> {
    let topics = bounded("asking for the topics", client.list_topics()).await?;
    let found = topics.into_iter().find(|found| found.name == topic);
    match found {
        Some(found) if !found.partitions.is_empty() => Ok(found.partitions.into_iter().collect()),
        _ => Err(Error::new(ErrorKind::NotFound, format!("there is no Kafka topic \"{topic}\""))),
    }
}

/// The way to a partition's leader.
///
/// # Errors
/// As [`connect`].
pub async fn partition(client: &Client, topic: &str, partition: i32) -> Result<PartitionClient> {
    let what = format!("finding the leader of partition {partition} of topic \"{topic}\"");
    bounded(&what, client.partition_client(topic, partition, UnknownTopicHandling::Error)).await
}

/// Waits for an answer of the cluster, at most [`PATIENCE`].
///
/// # Errors
/// `Timeout`, or what the cluster said.
pub async fn bounded<T>(what: &str, answer: impl Future<Output = std::result::Result<T, KafkaError>>) -> Result<T> {
    match timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| explain(&format!("{what} failed"), error)),
        Err(_) => Err(Error::new(ErrorKind::Timeout, format!("{what}: no answer from Kafka within {PATIENCE:?}"))),
    }
}

/// An error of rskafka as ours. Its text holds the whole request and may be long.
pub fn explain(what: &str, error: KafkaError) -> Error {
    let kind = match &error {
        KafkaError::ServerError { protocol_error, .. } => match protocol_error {
            ProtocolError::SaslAuthenticationFailed
            | ProtocolError::TopicAuthorizationFailed
            | ProtocolError::ClusterAuthorizationFailed
            | ProtocolError::UnsupportedSaslMechanism => ErrorKind::Unauthorized,
            ProtocolError::UnknownTopicOrPartition => ErrorKind::NotFound,
            _ => ErrorKind::Unavailable,
        },
        KafkaError::InvalidResponse(_) => ErrorKind::InvalidResponse,
        _ => ErrorKind::Unavailable,
    };
    let mut text: String = match &error {
        KafkaError::ServerError { protocol_error, .. } => protocol_error.to_string(),
        other => other.to_string(),
    };
    if let Some((at, _)) = text.char_indices().nth(300) {
        text.truncate(at);
    }
    Error::new(kind, format!("{what}: {text}")).caused_by(error)
}

fn sasl_config(sasl: &Sasl) -> SaslConfig {
    let credentials = || Credentials::new(sasl.username.clone(), sasl.password.clone());
    match sasl.mechanism {
        Mechanism::Plain => SaslConfig::Plain(credentials()),
        Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials()),
        Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials()),
        Mechanism::Oauthbearer => {
            let (token, file) = (sasl.token.clone(), sasl.token_file.clone());
            // Read again at every connect: tokens that are put into files are replaced there before they expire.
            let callback = move || {
                let (token, file) = (token.clone(), file.clone());
                Box::pin(async move {
                    match file {
                        Some(path) => match tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await {
                            Ok(read) => Ok(read?.trim().to_owned()),
                            Err(error) => Err(error.into()),
                        },
                        None => Ok(token),
                    }
                })
                    as futures_util::future::BoxFuture<'static, std::result::Result<String, Box<dyn std::error::Error + Send + Sync>>>
            };
            SaslConfig::Oauthbearer(OauthBearerCredentials { callback: Arc::new(callback), authz_id: None, bearer_kvs: Vec::new() })
        }
    }
}

fn tls_config(tls: &Tls) -> Result<ClientConfig> {
    let refuse = |what: &str, error: &dyn std::fmt::Display| Error::new(ErrorKind::InvalidArgument, format!("{what}: {error}"));
    let unusable = |path: &std::path::Path, error: &dyn std::fmt::Display| refuse(&format!("{} cannot be used", path.display()), error);
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse("TLS cannot be set up", &error))?;
    let certificates = |path: &std::path::Path| -> Result<Vec<CertificateDer<'static>>> {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
        match read {
            Ok(certificates) if certificates.is_empty() => Err(unusable(path, &"there is no certificate in it")),
            read => read.map_err(|error| unusable(path, &error)),
        }
    };
    let builder = match &tls.ca_file {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| unusable(path, &error))?;
            }
            builder.with_root_certificates(roots)
        }
        None => builder.with_platform_verifier().map_err(|error| refuse("the system's certificates cannot be used", &error))?,
    };
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
            builder.with_client_auth_cert(certificates(cert)?, secret).map_err(|error| unusable(cert, &error))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

#[cfg(test)]
mod tests;
