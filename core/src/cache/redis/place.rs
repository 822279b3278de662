//! Where a Redis or Valkey is, read from one URL.
//!
//! | URL | means |
//! | --- | --- |
//! | `redis://user:password@host:6379/0` | one server; `rediss://` with TLS, `valkey://` and `valkeys://` the same |
//! | `unix:///run/valkey.sock?db=0` | one server on this machine |
//! | `redis+cluster://host:7000,host:7001` | a cluster; `rediss+cluster://` with TLS |
//! | `redis+sentinel://host:26379,host:26379/mymaster/0` | the master that these sentinels name; `rediss+sentinel://` with TLS; the sentinels' own log-in as `?sentinel_username=…&sentinel_password=…` |
//!
//! A cluster is also recognised behind a plain URL. Passwords never appear in an error.

use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates, TlsMode};

use crate::error::{Error, ErrorKind, Result};

/// Where it is, and what it is.
#[derive(Clone, Debug)]
pub enum Place {
    /// One server, or a node of a cluster that will tell.
    Single(Box<ConnectionInfo>),
    /// A cluster, by some of its nodes.
    Cluster(Vec<ConnectionInfo>),
    /// Whoever is master now.
    Sentinel(Box<Sentinel>),
}

/// Sentinels and what to ask them for.
#[derive(Clone, Debug)]
pub struct Sentinel {
    /// A way to each sentinel; user, password and database are for the master.
    nodes: Vec<ConnectionInfo>,
    master: String,
    is_secure: bool,
    /// What the sentinels themselves ask for.
    username: Option<String>,
    password: Option<String>,
}

const FORMS: &str =
    "a URL such as redis://host:6379/0, rediss://…, redis+cluster://host:7000,host:7001 or redis+sentinel://host:26379/mymaster/0";

impl Place {
    /// Reads a URL.
    ///
    /// # Errors
    /// `InvalidArgument`, naming what is wrong and never a password.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |what: &str| Error::new(ErrorKind::InvalidArgument, format!("redis_url {what}: it has to be {FORMS}"));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if matches!(kind, "unix") || base == "unix" {
            return one(url).map(|info| Self::Single(Box::new(info))).ok_or_else(|| wrong("cannot be read"));
        }
        let is_secure = match base {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            other => return Err(wrong(&format!("has the scheme \"{}\"", shown(other)))),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let at = if user.is_empty() { String::new() } else { format!("{user}@") };
        let node = |host: &str, path: &str| {
            let info = one(&format!("{base}://{at}{host}/{path}"));
            info.ok_or_else(|| wrong(&format!("has the place \"{}\"", shown(&format!("{host}/{path}")))))
        };
        let nodes = |path: &str| hosts.split(',').map(|host| node(host.trim(), path)).collect::<Result<Vec<_>>>();
        match kind {
            "" if hosts.contains(',') => nodes("").map(Self::Cluster),
            "" => node(hosts, path).map(|info| Self::Single(Box::new(info))),
            "cluster" => nodes("").map(Self::Cluster),
            "sentinel" => {
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                let (master, database) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(wrong("names sentinels but no master"));
                }
                let hosts = hosts.split(',').map(|host| if has_port(host) { host.to_owned() } else { format!("{host}:26379") });
                let nodes = hosts.map(|host| node(host.trim(), database)).collect::<Result<Vec<_>>>()?;
                let login = |name: &str| {
                    let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
                    pair.map(|(_, value)| decoded(value))
                };
                let (username, password) = (login("sentinel_username"), login("sentinel_password"));
                Ok(Self::Sentinel(Box::new(Sentinel { nodes, master: master.to_owned(), is_secure, username, password })))
            }
            other => Err(wrong(&format!("has the scheme \"{base}+{}\"", shown(other)))),
        }
    }

    /// A server to subscribe to a channel at: the one, the `turn`th node of a cluster, or whoever is master now. `certificates` are trusted
    /// instead of the system's.
    ///
    /// # Errors
    /// `InvalidArgument` for certificates that cannot be used, `Unavailable` if no sentinel answers.
    pub async fn server(&self, turn: usize, certificates: Option<TlsCertificates>) -> Result<Client> {
        let bad =
            |error: redis::RedisError| Error::new(ErrorKind::InvalidArgument, "the Redis cannot be reached this way").caused_by(error);
        let info = match self {
            Self::Single(info) => Some(&**info),
            Self::Cluster(nodes) => nodes.get(turn % nodes.len().max(1)),
            Self::Sentinel(sentinel) => {
                let mut sentinels = sentinel.builder(certificates)?.build().map_err(bad)?;
                return sentinels.async_get_client().await.map_err(|error| {
                    Error::new(ErrorKind::Unavailable, format!("no sentinel names a master {}", sentinel.master)).caused_by(error)
                });
            }
        };
        let info = info.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "the Redis cluster has no nodes"))?.clone();
        match certificates {
            Some(certificates) => Client::build_with_tls(info, certificates).map_err(bad),
            None => Client::open(info).map_err(bad),
        }
    }

    /// Where it is, for a log: hosts only.
    pub fn shown(&self) -> String {
        match self {
            Self::Single(info) => info.addr().to_string(),
            Self::Cluster(nodes) => addresses(nodes),
            Self::Sentinel(sentinel) => format!("{} by {}", sentinel.master, addresses(&sentinel.nodes)),
        }
    }
}

impl Sentinel {
    /// What asks the sentinels.
    ///
    /// # Errors
    /// `InvalidArgument` for certificates that cannot be used.
    pub fn builder(&self, certificates: Option<TlsCertificates>) -> Result<SentinelClientBuilder> {
        let bad = |error: redis::RedisError| Error::new(ErrorKind::InvalidArgument, "the sentinels cannot be asked").caused_by(error);
        let addresses: Vec<ConnectionAddr> = self.nodes.iter().map(|node| node.addr().clone()).collect();
        let mut builder = SentinelClientBuilder::new(addresses, &self.master, SentinelServerType::Master).map_err(bad)?;
        let settings = self.nodes.first().map(|node| node.redis_settings());
        if let Some(settings) = settings {
            builder = builder.set_client_to_redis_db(settings.db());
            if let Some(username) = settings.username() {
                builder = builder.set_client_to_redis_username(username);
            }
            if let Some(password) = settings.password() {
                builder = builder.set_client_to_redis_password(password);
            }
        }
        if let Some(username) = &self.username {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = &self.password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if self.is_secure {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = certificates {
            builder = builder.set_client_to_redis_certificates(certificates.clone()).set_client_to_sentinel_certificates(certificates);
        }
        Ok(builder)
    }
}

fn one(url: &str) -> Option<ConnectionInfo> {
    url.into_connection_info().ok()
}

/// What may be shown of a part of a URL: nothing that could be a password.
fn shown(part: &str) -> String {
    if part.contains('@') { "…".to_owned() } else { part.chars().take(80).collect() }
}

/// A part of a query as it was before `%` and `+`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

fn addresses(nodes: &[ConnectionInfo]) -> String {
    nodes.iter().map(|node| node.addr().to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (url, shown) in [
            ("redis://cache", "cache:6379"),
            ("redis://:secret@cache:6380/2", "cache:6380"),
            ("rediss://ann:p%40ss@cache:6380/2", "cache:6380"),
            ("valkey://[::1]:7000", "::1:7000"),
            ("redis://a:1,b:2", "a:1,b:2"),
            ("redis+cluster://u:p@a:1,b:2", "a:1,b:2"),
            ("redis+sentinel://:p@a,b:5/shop/3", "shop by a:26379,b:5"),
            ("redis+sentinel://a/shop/3?sentinel_password=p%2Bq+r", "shop by a:26379"),
            ("unix:///run/valkey.sock", "/run/valkey.sock"),
        ] {
            assert_eq!(Place::parse(url).map(|place| place.shown()).map_err(|error| error.to_string()), Ok(shown.to_owned()), "{url}");
        }
        let Ok(Place::Single(info)) = Place::parse("rediss://ann:p%40ss@cache:6380/2") else { panic!() };
        assert_eq!((info.redis_settings().username(), info.redis_settings().password()), (Some("ann"), Some("p@ss")));
        assert_eq!(info.redis_settings().db(), 2);
        let Ok(Place::Sentinel(asked)) = Place::parse("redis+sentinel://a/shop/3?sentinel_password=p%2Bq+r") else { panic!() };
        assert_eq!(asked.password.as_deref(), Some("p+q r"));
    }

    #[test]
    fn what_cannot_be_read_is_named_without_its_password() {
        for (url, part) in [
            ("cache:6379", "no scheme"),
            ("http://cache", "scheme \"http\""),
            ("redis+moon://cache", "scheme \"redis+moon\""),
            ("redis+sentinel://cache", "no master"),
            ("redis://u:hunter2@cache:x", "cache:x"),
        ] {
            let error = Place::parse(url).unwrap_err();
            assert!(error.message().contains(part) && !error.message().contains("hunter2"), "{url}: {error}");
        }
    }
}
