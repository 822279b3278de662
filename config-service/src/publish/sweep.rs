//! For fleets that still run the guide's clients: takes their cached answers out of Redis after a change.
//!
//! Our own clients need none of this, since each answer they keep carries its version. The guide's keep bare answers under
//! `ff_eval:{environment}:{flag}:{user}` for five minutes, and their own invalidation (`KEYS` and one large `DEL`, by every process and for every
//! event) stops a server with a million keys for most of a second. Here one process does it for all: `SCAN` in steps of a thousand
//! and `UNLINK`, on every primary of a cluster, several changes in one pass. A second pass six seconds later, which is a relay of its own with
//! a delay, catches answers that were on their way while the first was going on: the guide's clients wait at most five.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, cmd, pipe};

use super::redis::{connect, explain, open};
use super::relay::Outlet;
use crate::store::Unsent;

/// How much later the second pass comes.
pub const AGAIN: Duration = Duration::from_secs(6);
/// How many keys a server looks at per step: more would make others wait (183 ms with 5 000), fewer take longer.
const STEP: usize = 1_000;
/// From this many flags on, one pass over the environment's keys is less work than one for each.
const ONE_PASS: usize = 5;
/// How many keys one command forgets.
const CHUNK: usize = 500;

/// The way to the guide's cached answers.
pub struct Sweep {
    client: Client,
}

impl Sweep {
    /// Connects with the first moves.
    ///
    /// # Errors
    /// The URL is none; it is not shown, since it may hold a password.
    pub fn new(url: &str) -> Result<Self, String> {
        Ok(Self { client: open(url)? })
    }

    async fn sweep(&self, moves: &[Unsent]) -> Result<(), String> {
        let patterns = patterns(moves);
        if patterns.is_empty() {
            return Ok(());
        }
        for client in primaries(&self.client).await? {
            let mut server = connect(&client).await?;
            for pattern in &patterns {
                let forgotten = forget(&mut server, pattern).await?;
                tracing::debug!(pattern = pattern.glob, forgotten, "swept");
            }
        }
        Ok(())
    }
}

impl Outlet for Sweep {
    fn send<'a>(&'a mut self, moves: &'a [Unsent]) -> BoxFuture<'a, Result<(), String>> {
        self.sweep(moves).boxed()
    }

    /// A pass over a hundred million keys takes minutes.
    fn patience(&self) -> Duration {
        Duration::from_secs(600)
    }
}

/// One pass: what to ask the server for, and which of it to take.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    glob: String,
    /// Keys begin with one of these; empty if the glob says it all.
    prefixes: BTreeSet<String>,
}

/// The passes for some moves: each flag once, and one per environment where there are many.
fn patterns(moves: &[Unsent]) -> Vec<Pattern> {
    let mut flags: BTreeMap<&Arc<str>, BTreeSet<&Arc<str>>> = BTreeMap::new();
    for unsent in moves {
        flags.entry(&unsent.change.environment).or_default().extend(&unsent.change.touched.flags);
    }
    let mut patterns = Vec::new();
    for (environment, flags) in flags {
        if flags.len() < ONE_PASS {
            let glob = |flag: &str| format!("ff_eval:{}:{}:*", escape(environment), escape(flag));
            patterns.extend(flags.iter().map(|flag| Pattern { glob: glob(flag), prefixes: BTreeSet::new() }));
        } else {
            let prefixes = flags.iter().map(|flag| format!("ff_eval:{environment}:{flag}:")).collect();
            patterns.push(Pattern { glob: format!("ff_eval:{}:*", escape(environment)), prefixes });
        }
    }
    patterns
}

impl Pattern {
    fn takes(&self, key: &[u8]) -> bool {
        // The flag ends at the third colon, since names hold none.
        let end = key.iter().enumerate().filter(|(_, byte)| **byte == b':').nth(2).map(|(at, _)| at + 1);
        let prefix = end.and_then(|end| key.get(..end)).and_then(|prefix| std::str::from_utf8(prefix).ok());
        self.prefixes.is_empty() || prefix.is_some_and(|prefix| self.prefixes.contains(prefix))
    }
}

/// A name for a glob. Our names hold none of these letters; a pattern that did would take what it must not.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for letter in name.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// The servers that hold keys: this one, or the primaries of its cluster.
async fn primaries(client: &Client) -> Result<Vec<Client>, String> {
    let mut server = connect(client).await?;
    let about: String = cmd("INFO").arg("cluster").query_async(&mut server).await.map_err(explain)?;
    if !about.contains("cluster_enabled:1") {
        return Ok(vec![client.clone()]);
    }
    let nodes: String = cmd("CLUSTER").arg("NODES").query_async(&mut server).await.map_err(explain)?;
    let addresses = primaries_of(&nodes);
    if addresses.is_empty() {
        return Err("the Redis cluster has no primaries that can be reached".to_owned());
    }
    addresses.into_iter().map(|(host, port)| elsewhere(client, &host, port)).collect()
}

/// The same credentials at another address.
fn elsewhere(client: &Client, host: &str, port: u16) -> Result<Client, String> {
    let info = client.get_connection_info();
    // A node that does not know its own address yet leaves it empty.
    let named = |own: &str| if host.is_empty() { own.to_owned() } else { host.to_owned() };
    let address = match info.addr() {
        ConnectionAddr::TcpTls { host: own, insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: named(own), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        ConnectionAddr::Tcp(own, _) => ConnectionAddr::Tcp(named(own), port),
        _ => ConnectionAddr::Tcp(named("127.0.0.1"), port),
    };
    Client::open(info.clone().set_addr(address)).map_err(explain)
}

/// Host and port of every primary that is up, from the answer to `CLUSTER NODES`: `id host:port@bus[,name] flags …`.
fn primaries_of(nodes: &str) -> Vec<(String, u16)> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (address, flags) = (words.nth(1)?, words.next()?);
        let flags: Vec<&str> = flags.split(',').collect();
        if !flags.contains(&"master") || flags.iter().any(|flag| matches!(*flag, "fail" | "noaddr" | "handshake")) {
            return None;
        }
        let (host, port) = address.split(['@', ',']).next()?.rsplit_once(':')?;
        Some((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port.parse().ok()?))
    };
    nodes.lines().filter_map(line).collect()
}

/// Forgets the keys of a pattern on one server and says how many.
async fn forget(server: &mut MultiplexedConnection, pattern: &Pattern) -> Result<usize, String> {
    let (mut cursor, mut forgotten) = (0_u64, 0);
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&pattern.glob).arg("COUNT").arg(STEP);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(server).await.map_err(explain)?;
        let taken: Vec<&Vec<u8>> = keys.iter().filter(|key| pattern.takes(key)).collect();
        for chunk in taken.chunks(CHUNK) {
            // A command per key: in a cluster they lie in different slots. The pipeline makes it one trip all the same. A key whose
            // slot has just moved elsewhere answers with an error, and the second pass finds it there.
            let mut unlink = pipe();
            unlink.ignore_errors();
            for key in chunk {
                unlink.cmd("UNLINK").arg(key.as_slice());
            }
            unlink.query_async::<redis::Value>(server).await.map_err(explain)?;
        }
        forgotten += taken.len();
        cursor = next;
        if cursor == 0 {
            return Ok(forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Move, Touched};

    fn unsent(environment: &str, flags: &[&str]) -> Unsent {
        let touched = Touched { flags: flags.iter().map(|name| (*name).into()).collect(), ..Touched::default() };
        Unsent { at: 0, change: Move { environment: environment.into(), epoch: "e".into(), version: 1, touched } }
    }

    #[test]
    fn changes_are_coalesced() {
        let globs = |moves: &[Unsent]| patterns(moves).into_iter().map(|pattern| pattern.glob).collect::<Vec<_>>();
        assert_eq!(
            globs(&[unsent("p", &["a", "b"]), unsent("p", &["a"]), unsent("d", &["a"])]),
            ["ff_eval:d:a:*", "ff_eval:p:a:*", "ff_eval:p:b:*"]
        );
        assert_eq!(globs(&[unsent("p", &["a", "b", "c", "d", "e"])]), ["ff_eval:p:*"]);
        assert!(globs(&[unsent("p", &[])]).is_empty());
    }

    /// Flaw 25: nothing but the flag's own keys, whatever its name holds.
    #[test]
    fn guide_flaw_25_only_the_flags_own_keys() {
        let pass = &patterns(&[unsent("p", &["a", "b", "c", "d", "e.f"])])[0];
        assert!(pass.takes(b"ff_eval:p:a:user:with:colons") && pass.takes(b"ff_eval:p:e.f:u") && pass.takes(b"ff_eval:p:a:\xff"));
        assert!(!pass.takes(b"ff_eval:p:ab:u") && !pass.takes(b"ff_eval:p:a") && !pass.takes(b"ff_eval:q:a:u"));
        assert_eq!(patterns(&[unsent("p", &["a*[x]?\\"])])[0].glob, r"ff_eval:p:a\*\[x\]\?\\:*");
    }

    #[test]
    fn primaries_are_read_from_the_clusters_own_list() {
        let nodes = "07c3 127.0.0.1:30004@31004,hostname4 slave e7d1 0 1426238317239 4 connected\n\
                     67ed 127.0.0.1:30002@31002,hostname2 master - 0 1426238316232 2 connected 5461-10922\n\
                     292f 127.0.0.1:30003@31003 master,fail - 0 1426238318243 3 connected\n\
                     e7d1 [::1]:30001@31001 myself,master - 0 0 1 connected 0-5460\n\
                     aaaa :0@0 master,noaddr - 0 0 1 disconnected\n\n";
        assert_eq!(primaries_of(nodes), [("127.0.0.1".to_owned(), 30002), ("::1".to_owned(), 30001)]);
    }
}
