//! API keys: who may do what.
//!
//! `ffa_<id>_<secret>_<crc>` is an admin key and manages everything; `ffs_…` is a server key: it evaluates and reads the
//! ruleset of one environment. The id finds the key, the secret proves it, the checksum lets scanners (and us) tell a key from
//! noise without asking anybody. The store holds the SHA-256 of the secret: 256 random bits need no slow hash.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::Clock;
use crate::random;
use crate::store::{FlagStore, KeyRecord, StoreError};

/// 43 base-62 digits hold 256 bits.
const SECRET_LENGTH: usize = 43;
const ID_LENGTH: usize = 8;
/// How soon after the last look the store may be asked for a key that nobody knows, in milliseconds.
const RELOAD_MS: i64 = 250;

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: no keys are wanted here.
    Open,
    /// An admin key.
    Admin(String),
    /// A server key and its environment.
    Server(String, Arc<str>),
}

impl Caller {
    /// The caller as the audit log names it.
    pub fn actor(&self) -> String {
        match self {
            Self::Open => "local".to_owned(),
            Self::Admin(id) | Self::Server(id, _) => format!("key/{id}"),
        }
    }
}

/// Makes a key: its text, to be shown once, and what to keep.
///
/// # Errors
/// The operating system gives no random numbers.
pub fn generate(environment: Option<&str>, name: &str, now: i64, expires_at: Option<i64>) -> Result<(String, KeyRecord), StoreError> {
    let random = |length| random::text(length).map_err(StoreError::Failed);
    let prefix = if environment.is_some() { "ffs" } else { "ffa" };
    let (id, secret) = (random(ID_LENGTH)?, random(SECRET_LENGTH)?);
    let body = format!("{prefix}_{id}_{secret}");
    let record = KeyRecord {
        hash: Sha256::digest(secret.as_bytes()).to_vec(),
        id,
        environment: environment.map(Into::into),
        name: name.to_owned(),
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    Ok((format!("{body}_{}", checksum(&body)), record))
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = random::DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| *digit as char).collect()
}

/// Id and secret of a key's text, if it is one.
fn parse(text: &str) -> Option<(&str, &str)> {
    let (body, crc) = text.rsplit_once('_')?;
    let mut parts = body.splitn(3, '_');
    let (prefix, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let is_key = matches!(prefix, "ffa" | "ffs") && id.len() == ID_LENGTH && secret.len() == SECRET_LENGTH && crc == checksum(body);
    is_key.then_some((id, secret))
}

/// The keys of the store, kept in memory.
pub struct Keys {
    store: Arc<dyn FlagStore>,
    clock: Clock,
    known: ArcSwap<BTreeMap<String, KeyRecord>>,
    loaded_at: AtomicI64,
    loading: Mutex<()>,
}

impl Keys {
    /// Loads the keys.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Arc<dyn FlagStore>, clock: Clock) -> Result<Self, StoreError> {
        let keys = Self { store, clock, known: ArcSwap::default(), loaded_at: AtomicI64::new(0), loading: Mutex::new(()) };
        keys.refresh()?;
        Ok(keys)
    }

    /// Loads the keys again. Blocks on the store.
    ///
    /// # Errors
    /// The store cannot be read; what was known stays.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = self.store.keys()?;
        self.known.store(Arc::new(keys.into_iter().map(|key| (key.id.clone(), key)).collect()));
        self.loaded_at.store((self.clock)(), Ordering::Relaxed);
        Ok(())
    }

    /// Is there any key, a revoked or expired one included? Revoking the last key must not open the door.
    pub fn any(&self) -> bool {
        !self.known.load().is_empty()
    }

    /// Is there a key that opens something now?
    pub fn any_live(&self) -> bool {
        let now = (self.clock)();
        self.known.load().values().any(|key| is_live(key, now))
    }

    /// May the store know a key that this process does not, because it was made a moment ago by another?
    pub fn may_be_new(&self, text: &str) -> bool {
        let is_unknown = parse(text).is_some_and(|(id, _)| !self.known.load().contains_key(id));
        is_unknown && (self.clock)() - self.loaded_at.load(Ordering::Relaxed) >= RELOAD_MS
    }

    /// Whose key is it?
    ///
    /// # Errors
    /// A sentence for the caller. It does not tell an unknown id from a wrong secret.
    pub fn caller(&self, text: &str) -> Result<Caller, &'static str> {
        let (id, secret) = parse(text).ok_or("this is not an API key: a key reads ffa_… or ffs_… and was shown once, when it was made")?;
        let known = self.known.load();
        let hash = Sha256::digest(secret.as_bytes());
        // An unknown id is compared too, so that the time taken tells nothing.
        let nobody = [0; 32];
        let key = known.get(id);
        let is_right: bool = key.map_or(&nobody[..], |key| &key.hash).ct_eq(&hash[..]).into();
        let key = key.filter(|_| is_right).ok_or("nobody knows this API key")?;
        if !is_live(key, (self.clock)()) {
            return Err("this API key has expired or was revoked: make a new one");
        }
        Ok(match &key.environment {
            None => Caller::Admin(key.id.clone()),
            Some(environment) => Caller::Server(key.id.clone(), environment.clone()),
        })
    }

    /// Does the caller's key still open what it opened?
    pub fn is_live(&self, caller: &Caller) -> bool {
        match caller {
            Caller::Open => true,
            Caller::Admin(id) | Caller::Server(id, _) => self.known.load().get(id).is_some_and(|key| is_live(key, (self.clock)())),
        }
    }
}

fn is_live(key: &KeyRecord, now: i64) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|expires| now < expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_a_slip_of_the_pen_shows() {
        let (text, record) = generate(Some("production"), "shop", 0, None).unwrap();
        let (id, secret) = parse(&text).unwrap();
        assert!(text.starts_with("ffs_"));
        assert_eq!(id, record.id);
        assert_eq!(Sha256::digest(secret.as_bytes()).to_vec(), record.hash);
        assert!(!format!("{record:?}").contains(secret), "the record must not hold the secret");
        let mut slipped = text.clone().into_bytes();
        slipped[20] = if slipped[20] == b'x' { b'y' } else { b'x' };
        assert_eq!(parse(std::str::from_utf8(&slipped).unwrap()), None);
        assert_eq!(parse("ffs_short_x_000000"), None);
        assert_eq!(parse(""), None);
    }
}
