//! An answer as it stands in Redis: the guide's key and payload, with what the rules need besides.
//!
//! The key is `ff_eval:{environment}:{flag}:{user}`, and `:{hash}` where attributes were given. Names hold no colon, so only the user
//! id, which comes last, can be read in two ways; `k` in the payload settles it. With a secret the payload ends in `"h"`, the HMAC
//! (RFC 2104, SHA-256) of key and payload, and what lacks a right one is a miss: then writing to the shared Redis is not enough to turn
//! a flag on.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cache::Key;
use crate::context::View;
use crate::evaluation::{Evaluation, Origin, Reason};
use crate::format::native::is_name;
use crate::value::Value;
use crate::wire::CachedAnswer;

/// The longest user id that is made part of a key, in bytes; longer ones are not cached here.
const MAX_ID: usize = 256;
/// The longest payload that is read or written, in bytes.
const MAX_PAYLOAD: usize = 1 << 20;

/// A secret that payloads are signed with.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// The secret of that text.
    pub fn new(text: &str) -> Option<Self> {
        Hmac::new_from_slice(text.as_bytes()).ok().map(Self)
    }

    fn mac(&self, key: &str, payload: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(key.as_bytes()).chain_update([0]).chain_update(payload)
    }

    /// The signature of `payload` under `key`, in hexadecimal.
    pub fn sign(&self, key: &str, payload: &[u8]) -> String {
        hex(&self.mac(key, payload).finalize().into_bytes())
    }

    /// Is that the signature? Compared in constant time.
    pub fn is_signed(&self, key: &str, payload: &[u8], signature: &str) -> bool {
        unhex(signature).is_some_and(|signature| self.mac(key, payload).verify_slice(&signature).is_ok())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The key in Redis; `None` for what is not kept there: names that the service would refuse, ids that are very long.
pub fn name(environment: &str, flag: &str, context: View<'_>, key: Key) -> Option<String> {
    let user = context.key.unwrap_or("");
    if !is_name(flag) || user.len() > MAX_ID {
        return None;
    }
    let mut name = format!("ff_eval:{environment}:{flag}:{user}");
    if !context.attributes.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(name, ":{:032x}", key.number());
    }
    Some(name)
}

/// The payload about an answer that was evaluated `age` ago; `None` for one that is too large. `now` is in milliseconds since 1970.
pub fn write(name: &str, key: Key, answer: &Evaluation, age: Duration, now: i64, secret: Option<&Secret>) -> Option<Vec<u8>> {
    let at = jiff::Timestamp::from_millisecond(now - age.as_millis() as i64).ok()?;
    let payload = CachedAnswer {
        enabled: answer.enabled,
        cached_at: format!("{at:.3}"),
        v: answer.version,
        e: Some(answer.epoch.clone()),
        k: Some(fingerprint(key)),
        variant: answer.variant.clone(),
        value: (answer.value != Value::Bool(answer.enabled)).then(|| answer.value.clone()),
        reason: Some(answer.reason.as_str().into()),
        rule: answer.rule.clone(),
    };
    let mut text = serde_json::to_vec(&payload).ok()?;
    if let Some(secret) = secret {
        let signature = secret.sign(name, &text);
        text.pop(); // the closing brace
        text.extend_from_slice(format!(",\"h\":\"{signature}\"}}").as_bytes());
    }
    (text.len() <= MAX_PAYLOAD).then_some(text)
}

/// What a payload turned out to be.
#[derive(Debug)]
pub enum Read {
    /// An answer, and its age at `now`.
    Answer(Evaluation, Duration),
    /// Something that is not ours: a guide's client wrote it, or it is about another context.
    Foreign,
    /// Something that cannot be read, or whose signature is wrong.
    Corrupt,
}

/// Reads a payload. `now` is in milliseconds since 1970; a `cached_at` in the future has age zero, since clocks differ.
pub fn read(name: &str, key: Key, flag: &str, payload: &[u8], now: i64, secret: Option<&Secret>) -> Read {
    if payload.len() > MAX_PAYLOAD {
        return Read::Corrupt;
    }
    if let Some(secret) = secret
        && !is_signed(name, payload, secret)
    {
        return Read::Corrupt;
    }
    let Ok(cached) = serde_json::from_slice::<CachedAnswer>(payload) else { return Read::Corrupt };
    let (Some(epoch), Some(stamp)) = (cached.e, cached.k) else { return Read::Foreign };
    if stamp != fingerprint(key) {
        return Read::Foreign;
    }
    let Ok(at) = cached.cached_at.parse::<jiff::Timestamp>() else { return Read::Corrupt };
    let age = Duration::from_millis(u64::try_from(now - at.as_millisecond()).unwrap_or(0));
    let answer = Evaluation {
        flag: flag.into(),
        value: cached.value.unwrap_or(Value::Bool(cached.enabled)),
        enabled: cached.enabled,
        variant: cached.variant,
        reason: cached.reason.and_then(|word| Reason::from_name(&word)).unwrap_or(Reason::Fallthrough),
        origin: Origin::Redis,
        rule: cached.rule,
        error: None,
        version: cached.v,
        epoch: Arc::clone(&epoch),
        age,
    };
    Read::Answer(answer, age)
}

/// Everything before `,"h":"…"}` and a brace is what was signed.
fn is_signed(name: &str, payload: &[u8], secret: &Secret) -> bool {
    const TAIL: usize = 64 + 8;
    let Some(cut) = payload.len().checked_sub(TAIL) else { return false };
    let (head, tail) = payload.split_at(cut);
    let signature = std::str::from_utf8(tail).ok().and_then(|tail| tail.strip_prefix(",\"h\":\"")?.strip_suffix("\"}"));
    signature.is_some_and(|signature| {
        let signed = [head, b"}"].concat();
        secret.is_signed(name, &signed, signature)
    })
}

fn fingerprint(key: Key) -> String {
    format!("{:016x}", (key.number() >> 64) as u64)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks_exact(2);
    if !digits.remainder().is_empty() {
        return None;
    }
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Attributes;

    const NOW: i64 = 1_790_000_000_000;

    fn answer() -> Evaluation {
        Evaluation {
            enabled: true,
            variant: Some("on".into()),
            version: 7,
            epoch: "e1".into(),
            ..Evaluation::default("f", Value::Bool(true), Reason::Rollout)
        }
    }

    fn written(user: &str, secret: Option<&Secret>) -> (String, Key, Vec<u8>) {
        let (context, key) = (View::of(user), Key::new("f", View::of(user)));
        let name = name("test", "f", context, key).unwrap();
        let payload = write(&name, key, &answer(), Duration::from_secs(2), NOW, secret).unwrap();
        (name, key, payload)
    }

    #[test]
    fn it_reads_what_it_wrote_and_counts_the_age_from_the_evaluation() {
        let (name, key, payload) = written("ann", None);
        assert_eq!(name, "ff_eval:test:f:ann");
        let Read::Answer(read, age) = read(&name, key, "f", &payload, NOW + 1_000, None) else { panic!() };
        assert_eq!((read.value, read.version, &*read.epoch, read.reason), (Value::Bool(true), 7, "e1", Reason::Rollout));
        assert_eq!(age, Duration::from_secs(3));
    }

    #[test]
    fn guide_flaw_08_an_id_is_not_taken_for_another_ids_attributes() {
        let attributes = Attributes::new([("plan", Value::from("pro"))]).unwrap();
        let context = View { key: Some("ann"), attributes: &attributes };
        let key = Key::new("f", context);
        let with = name("test", "f", context, key).unwrap();
        let id = with.strip_prefix("ff_eval:test:f:").unwrap();
        let (same, other, payload) = written(id, None);
        assert_eq!(with, same, "the key alone cannot tell");
        assert!(matches!(read(&with, key, "f", &payload, NOW, None), Read::Foreign));
        assert!(matches!(read(&with, other, "f", &payload, NOW, None), Read::Answer(..)));
    }

    #[test]
    fn guide_flaw_02_and_27_what_the_guides_clients_wrote_is_not_trusted() {
        let key = Key::new("f", View::of("ann"));
        let theirs = br#"{"enabled":true,"cached_at":"2026-11-22T07:00:00.123456"}"#;
        assert!(matches!(read("ff_eval:test:f:ann", key, "f", theirs, NOW, None), Read::Foreign));
    }

    #[test]
    fn guide_flaw_40_what_is_corrupt_is_said_to_be() {
        let (name, key, payload) = written("ann", None);
        for broken in [&payload[..payload.len() - 3], b"", b"null", br#"{"enabled":"false","cached_at":"x"}"#, b"<html>"] {
            assert!(matches!(read(&name, key, "f", broken, NOW, None), Read::Corrupt), "{}", String::from_utf8_lossy(broken));
        }
    }

    #[test]
    fn guide_flaw_53_with_a_secret_only_what_it_signed_counts() {
        let (ours, theirs) = (Secret::new("hunter2").unwrap(), Secret::new("other").unwrap());
        let (name, key, payload) = written("ann", Some(&ours));
        assert!(matches!(read(&name, key, "f", &payload, NOW, Some(&ours)), Read::Answer(..)));
        assert!(matches!(read(&name, key, "f", &payload, NOW, None), Read::Answer(..)), "who has no secret reads it as it is");
        assert!(matches!(read(&name, key, "f", &payload, NOW, Some(&theirs)), Read::Corrupt));
        assert!(matches!(read(&name, key, "f", &written("ann", None).2, NOW, Some(&ours)), Read::Corrupt), "unsigned");
        assert!(matches!(read("ff_eval:test:f:bob", key, "f", &payload, NOW, Some(&ours)), Read::Corrupt), "moved to another key");
        let forged = String::from_utf8(payload).unwrap().replace("\"v\":7", "\"v\":9");
        assert!(matches!(read(&name, key, "f", forged.as_bytes(), NOW, Some(&ours)), Read::Corrupt));
    }

    #[test]
    fn what_does_not_belong_into_a_key_is_not_kept() {
        let long = "x".repeat(257);
        for (flag, user) in [("f", long.as_str()), ("a:b", "u"), ("", "u"), ("f*", "u")] {
            assert_eq!(name("test", flag, View::of(user), Key::new(flag, View::of(user))), None);
        }
    }
}
