//! An environment's ruleset as one blob, so that a client can start while the config service is away.
//!
//! `ff_snapshot:{environment}` holds a line (`jackstaff-ruleset 1 {epoch} {version} {checksum} {signature or -}`) and then the ruleset's
//! JSON, gzipped. Every client that gets a new ruleset from the service offers it after a moment of chance; the one line tells the
//! others that somebody was first.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use xxhash_rust::xxh3::xxh3_64;

use super::entry::Secret;
use super::{Redis, WRITE};
use crate::error::{Error, ErrorKind, Result};
use crate::fault::chance;
use crate::ruleset::Ruleset;

/// The longest first line, in bytes.
const HEAD: usize = 256;
/// The largest blob, and the largest ruleset in it, in bytes.
const MAX_BLOB: usize = 64 << 20;
const MAX_RULESET: u64 = 512 << 20;
/// Those who got the same ruleset offer it at a random moment within this.
const MOMENT: Duration = Duration::from_secs(2);
/// How long reading or writing the blob may take.
const LIMIT: Duration = WRITE;

impl Redis {
    /// The ruleset that the fleet left here. `None` if there is none, it cannot be trusted, or Redis is away.
    pub async fn ruleset(&self) -> Option<Ruleset> {
        let mut command = redis::cmd("GET");
        command.arg(self.place());
        let blob: Option<Vec<u8>> = self.guarded(LIMIT, async |connection| connection.ask(&command).await).await.ok()?;
        match unpack(&blob?, &self.place(), self.secret.as_ref()) {
            Ok(ruleset) if ruleset.environment == self.environment => Some(ruleset),
            Ok(ruleset) => {
                tracing::warn!(environment = &*ruleset.environment, "redis: the ruleset there is another environment's");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "redis: the ruleset there is not used");
                None
            }
        }
    }

    /// Leaves a ruleset for others, in the background, unless one as new is there.
    pub fn offer(self: &Arc<Self>, ruleset: &Ruleset) {
        let (me, epoch, version) = (self.clone(), ruleset.epoch.clone(), ruleset.version);
        // Packed only when it turns out that nobody else did, so the ruleset is kept until then.
        let ruleset = ruleset.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(MOMENT.mul_f64(chance())).await;
            let mut look = redis::cmd("GETRANGE");
            look.arg(me.place()).arg(0).arg(HEAD);
            let there: Result<Vec<u8>> = me.guarded(LIMIT, async |connection| connection.ask(&look).await).await;
            let Ok(there) = there else { return };
            if Head::read(&there).is_ok_and(|(head, _)| *head.epoch == *epoch && head.version >= version) {
                return;
            }
            let (place, secret) = (me.place(), me.secret.clone());
            let packed = tokio::task::spawn_blocking(move || pack(&ruleset, &place, secret.as_ref())).await;
            let Ok(Ok(blob)) = packed else { return };
            let mut command = redis::cmd("SET");
            command.arg(me.place()).arg(blob);
            // A failure was counted and told; the next change is the next try.
            drop(me.guarded(LIMIT, async |connection| connection.ask::<()>(&command).await).await);
        });
    }

    fn place(&self) -> String {
        format!("ff_snapshot:{}", self.environment)
    }
}

struct Head<'a> {
    epoch: &'a str,
    version: u64,
    checksum: &'a str,
    signature: &'a str,
}

impl<'a> Head<'a> {
    /// The first line and what comes after it.
    fn read(blob: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let bad = || Error::new(ErrorKind::InvalidDocument, "its first line is not ours");
        let end = blob.iter().take(HEAD).position(|byte| *byte == b'\n').ok_or_else(bad)?;
        let line = std::str::from_utf8(&blob[..end]).map_err(|_| bad())?;
        let words: Vec<&str> = line.split(' ').collect();
        let ["jackstaff-ruleset", "1", epoch, version, checksum, signature] = *words else { return Err(bad()) };
        let version = version.parse().map_err(|_| bad())?;
        Ok((Self { epoch, version, checksum, signature }, &blob[end + 1..]))
    }
}

fn pack(ruleset: &Ruleset, place: &str, secret: Option<&Secret>) -> Result<Vec<u8>> {
    let bad = |what: &str| Error::new(ErrorKind::InvalidDocument, format!("the ruleset cannot be packed: {what}"));
    if !ruleset.epoch.bytes().all(|byte| byte.is_ascii_graphic()) || ruleset.epoch.is_empty() {
        return Err(bad("its epoch is no plain word"));
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let text = serde_json::to_vec(ruleset).map_err(|error| bad(&error.to_string()))?;
    packed.write_all(&text).map_err(|error| bad(&error.to_string()))?;
    let packed = packed.finish().map_err(|error| bad(&error.to_string()))?;
    let signature = secret.map_or_else(|| "-".to_owned(), |secret| secret.sign(place, &packed));
    let mut blob =
        format!("jackstaff-ruleset 1 {} {} {:016x} {signature}\n", ruleset.epoch, ruleset.version, xxh3_64(&packed)).into_bytes();
    blob.extend_from_slice(&packed);
    if blob.len() > MAX_BLOB {
        return Err(bad(&format!("it takes {} bytes and may take {MAX_BLOB}", blob.len())));
    }
    Ok(blob)
}

fn unpack(blob: &[u8], place: &str, secret: Option<&Secret>) -> Result<Ruleset> {
    let bad = |message: String| Error::new(ErrorKind::InvalidDocument, message);
    let (head, packed) = Head::read(blob)?;
    if head.checksum != format!("{:016x}", xxh3_64(packed)) {
        return Err(bad("its checksum is wrong".to_owned()));
    }
    if secret.is_some_and(|secret| !secret.is_signed(place, packed, head.signature)) {
        return Err(bad("its signature is wrong".to_owned()));
    }
    let mut text = Vec::new();
    GzDecoder::new(packed).take(MAX_RULESET).read_to_end(&mut text).map_err(|error| bad(error.to_string()))?;
    let ruleset: Ruleset = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if *ruleset.epoch != *head.epoch || ruleset.version != head.version {
        return Err(bad("its first line is about another ruleset".to_owned()));
    }
    Ok(ruleset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruleset() -> Ruleset {
        serde_json::from_str(r#"{"environment":"test","epoch":"e1","version":7,"flags":{"f":{"version":7,"doc":{}}}}"#).unwrap()
    }

    #[test]
    fn it_reads_what_it_wrote() {
        let blob = pack(&ruleset(), "p", None).unwrap();
        let read = unpack(&blob, "p", None).unwrap();
        assert_eq!((&*read.epoch, read.version, read.flags.len()), ("e1", 7, 1));
    }

    #[test]
    fn what_was_harmed_is_refused() {
        let blob = pack(&ruleset(), "p", None).unwrap();
        for at in [0, 20, 30, blob.len() - 1] {
            let mut broken = blob.clone();
            broken[at] ^= 1;
            assert!(unpack(&broken, "p", None).is_err(), "byte {at}");
        }
        assert!(unpack(&blob[..blob.len() / 2], "p", None).is_err());
        assert!(unpack(b"", "p", None).is_err());
    }

    #[test]
    fn guide_flaw_53_a_ruleset_that_another_signed_is_refused() {
        let (ours, theirs) = (Secret::new("ours").unwrap(), Secret::new("theirs").unwrap());
        let blob = pack(&ruleset(), "p", Some(&ours)).unwrap();
        assert!(unpack(&blob, "p", Some(&ours)).is_ok());
        assert!(unpack(&blob, "p", Some(&theirs)).is_err());
        assert!(unpack(&blob, "q", Some(&ours)).is_err(), "another environment's place");
        assert!(unpack(&pack(&ruleset(), "p", None).unwrap(), "p", Some(&ours)).is_err());
    }
}
