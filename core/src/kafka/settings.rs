//! What it takes to speak to a Kafka cluster, by the same names in every language and on the service's command line.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::value::Value;
use crate::wire::KAFKA_TOPIC;

/// The way to a topic of a Kafka cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `host:port` of some brokers; the others are learnt from them.
    pub brokers: Vec<String>,
    /// The topic; default `feature-flag-updates`.
    pub topic: Arc<str>,
    /// TLS; default none.
    pub tls: Option<Tls>,
    /// Who we are; default nobody.
    pub sasl: Option<Sasl>,
}

/// How to trust a broker, and to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust, PEM; default: those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, PEM; with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Our certificate's key, PEM.
    pub key_file: Option<PathBuf>,
}

/// How to prove who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// User and password as they are; only over TLS if the network is not yours alone.
    Plain,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
    /// A bearer token.
    Oauthbearer,
}

impl Mechanism {
    const ALL: [(&'static str, Self); 4] = [
        ("plain", Self::Plain),
        ("scram-sha-256", Self::ScramSha256),
        ("scram-sha-512", Self::ScramSha512),
        ("oauthbearer", Self::Oauthbearer),
    ];
}

/// Credentials. Nothing here is ever logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// How they are shown.
    pub mechanism: Mechanism,
    /// The user; empty for a token.
    pub username: String,
    /// The password; empty for a token.
    pub password: String,
    /// The token, for `oauthbearer`.
    pub token: String,
    /// A file that holds the token, read at every connect; instead of `token`.
    pub token_file: Option<PathBuf>,
}

impl std::fmt::Debug for Sasl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// The names in a map of settings.
const NAMES: [&str; 11] =
    ["brokers", "topic", "security", "ca_file", "cert_file", "key_file", "sasl", "username", "password", "token", "token_file"];

impl Settings {
    /// Settings of a plain connection to `brokers`, separated by commas.
    ///
    /// # Errors
    /// `InvalidArgument`, naming what is not `host:port`.
    pub fn new(brokers: &str) -> Result<Self> {
        let brokers: Vec<String> = brokers.split(',').map(|broker| broker.trim().to_owned()).filter(|broker| !broker.is_empty()).collect();
        if brokers.is_empty() {
            return Err(invalid("kafka brokers are not set: name some, as in \"kafka-1:9092,kafka-2:9092\"".to_owned()));
        }
        for broker in &brokers {
            let is_good = broker
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok_and(|port| port > 0));
            if !is_good {
                return Err(invalid(format!("kafka broker \"{broker}\" is no address: it has to be host:port, as in kafka-1:9092")));
            }
        }
        Ok(Self { brokers, topic: KAFKA_TOPIC.into(), tls: None, sasl: None })
    }

    /// Settings as options hold them: the brokers as text, or a map: `brokers` (text or a list), `topic`, `security`
    /// (`plaintext` or `tls`), `ca_file`, `cert_file`, `key_file`, `sasl` (`plain`, `scram-sha-256`, `scram-sha-512`,
    /// `oauthbearer`), `username`, `password`, `token`, `token_file`.
    ///
    /// # Errors
    /// `InvalidArgument`, naming what is wrong; never showing a secret.
    pub fn from_value(value: &Value) -> Result<Self> {
        let entries = match value {
            Value::Text(brokers) => return Self::new(brokers),
            Value::Map(entries) => entries,
            _ => return Err(invalid("kafka has to be the brokers as text, or a map with brokers, topic, security, …".to_owned())),
        };
        let mut given: [Option<String>; NAMES.len()] = Default::default();
        for (name, value) in entries.iter() {
            let name = snake_case(name);
            let Some(at) = NAMES.iter().position(|known| *known == name) else {
                return Err(invalid(format!("there is no kafka setting \"{name}\"; the settings are {}", NAMES.join(", "))));
            };
            given[at] = match value {
                Value::Null => None,
                Value::Text(text) => Some(text.to_string()),
                Value::List(list) if name == "brokers" => {
                    let texts: Option<Vec<&str>> = list.iter().map(|item| item.as_str()).collect();
                    Some(texts.ok_or_else(|| invalid("kafka brokers have to be texts such as kafka-1:9092".to_owned()))?.join(","))
                }
                _ => return Err(invalid(format!("kafka setting {name} has to be text"))),
            };
        }
        let [brokers, topic, security, ca_file, cert_file, key_file, sasl, username, password, token, token_file] = given;
        let mut settings = Self::new(brokers.as_deref().unwrap_or_default())?;
        if let Some(topic) = topic {
            settings.topic = checked_topic(&topic)?;
        }
        let tls = Tls { ca_file: ca_file.map(Into::into), cert_file: cert_file.map(Into::into), key_file: key_file.map(Into::into) };
        settings.tls = tls_of(security.as_deref(), tls)?;
        settings.sasl = sasl_of(sasl.as_deref(), username, password, token, token_file.map(Into::into))?;
        Ok(settings)
    }
}

fn checked_topic(topic: &str) -> Result<Arc<str>> {
    let is_good = (1..=249).contains(&topic.len())
        && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && topic != "."
        && topic != "..";
    if is_good {
        return Ok(topic.into());
    }
    let shown: String = topic.chars().take(60).collect();
    Err(invalid(format!("kafka topic \"{shown}\" is no name: 1 to 249 letters, digits, dots, hyphens and underscores")))
}

/// TLS is wanted if it is said so, or if a certificate is named.
fn tls_of(security: Option<&str>, tls: Tls) -> Result<Option<Tls>> {
    let has_files = tls != Tls::default();
    if tls.cert_file.is_some() != tls.key_file.is_some() {
        return Err(invalid("kafka cert_file and key_file go together: give both or none".to_owned()));
    }
    match security {
        None => Ok(has_files.then_some(tls)),
        Some("tls") => Ok(Some(tls)),
        Some("plaintext") if has_files => Err(invalid("kafka security is plaintext, and certificates are given: say tls".to_owned())),
        Some("plaintext") => Ok(None),
        Some(other) => Err(invalid(format!("kafka security is \"{other}\": it is plaintext or tls"))),
    }
}

fn sasl_of(
    mechanism: Option<&str>,
    username: Option<String>,
    password: Option<String>,
    token: Option<String>,
    token_file: Option<PathBuf>,
) -> Result<Option<Sasl>> {
    let Some(name) = mechanism else {
        let is_lost = username.is_some() || password.is_some() || token.is_some() || token_file.is_some();
        return if is_lost {
            Err(invalid("kafka credentials are given, and sasl does not say how to show them".to_owned()))
        } else {
            Ok(None)
        };
    };
    let known = Mechanism::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let mechanism = known
        .map(|(_, mechanism)| *mechanism)
        .ok_or_else(|| invalid(format!("kafka sasl is \"{name}\": it is plain, scram-sha-256, scram-sha-512 or oauthbearer")))?;
    let is_token = mechanism == Mechanism::Oauthbearer;
    if is_token && token.is_some() == token_file.is_some() {
        return Err(invalid("kafka sasl oauthbearer wants either token or token_file".to_owned()));
    }
    if !is_token && (username.is_none() || password.is_none()) {
        return Err(invalid(format!("kafka sasl {name} wants username and password")));
    }
    let (username, password, token) = (username.unwrap_or_default(), password.unwrap_or_default(), token.unwrap_or_default());
    Ok(Some(Sasl { mechanism, username, password, token, token_file }))
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
