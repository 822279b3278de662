//! A ruleset as the service sends it, for who keeps nothing of it but the snapshot: each flag is compiled where it stands in the JSON,
//! and neither its text nor its tree outlives that.
//!
//! A client that follows a service keeps the texts too, since changes are applied to them; it reads a
//! [`Ruleset`](crate::ruleset::Ruleset).

use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::reader::Reader;
use super::{flag, read_tree, segment};
use crate::error::{Error, ErrorKind, Result};
use crate::ir::{Flag, Segment, Snapshot};
use crate::ruleset::{Kind, Tree};
use crate::value::{Name, Value};

/// The snapshot of a ruleset that came as a value. A flag that does not compile is there as an invalid one.
///
/// # Errors
/// `InvalidDocument`: the value is no ruleset.
pub fn compile_sent(ruleset: &Value) -> Result<Snapshot> {
    let missing = |what: &str| Error::new(ErrorKind::InvalidDocument, format!("this is no ruleset: missing field `{what}`"));
    let text = |key: &str| ruleset.get(key).and_then(Value::as_str).ok_or_else(|| missing(key));
    let entries = |key: &str| match ruleset.get(key) {
        Some(Value::Map(entries)) => Some(&entries[..]),
        _ => None,
    };
    let (flags, segments) = (entries("flags").ok_or_else(|| missing("flags"))?, entries("segments").unwrap_or_default());
    let mut sent = Sent::with_room(flags.len(), segments.len());
    (sent.snapshot.environment, sent.snapshot.epoch) = (text("environment")?.into(), text("epoch")?.into());
    sent.snapshot.version = number(ruleset.get("version").map(Tree::lent).as_ref()).ok_or_else(|| missing("version"))?;
    for (is_flag, entries) in [(false, segments), (true, flags)] {
        for (name, entry) in entries {
            sent.put(is_flag, name.clone(), &Tree::lent(entry)).map_err(missing)?;
        }
    }
    Ok(sent.snapshot)
}

/// The snapshot of a ruleset that came as JSON text. A flag that does not compile is there as an invalid one.
///
/// # Errors
/// `InvalidDocument`: the text is no ruleset.
pub fn compile_sent_json(text: &str) -> Result<Snapshot> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let sent = deserializer.deserialize_map(Whole).and_then(|sent| deserializer.end().map(|()| sent));
    sent.map(|sent| sent.snapshot)
        .map_err(|error| Error::new(ErrorKind::InvalidDocument, format!("this is no ruleset: {error}")).caused_by(error))
}

/// A ruleset on its way in.
struct Sent {
    snapshot: Snapshot,
    reader: Reader,
}

impl Sent {
    fn with_room(flags: usize, segments: usize) -> Self {
        Self { snapshot: Snapshot::with_room("", flags, segments), reader: Reader::default() }
    }

    /// Compiles an entry: `{"version": 7, "doc": {…}}`.
    ///
    /// # Errors
    /// What the entry lacks.
    fn put(&mut self, is_flag: bool, key: Arc<str>, entry: &Tree<'_>) -> std::result::Result<(), &'static str> {
        let version = number(entry.get("version")).ok_or("version")?;
        let doc = entry.get("doc").ok_or("doc")?;
        if is_flag {
            let body = read_tree(&mut self.reader, doc, |reader, doc| flag::compile(reader, &key, doc));
            self.snapshot.put_flag(Flag { key, version, body });
        } else {
            let body = read_tree(&mut self.reader, doc, segment::compile);
            self.snapshot.put_segment(Segment { key, version, body });
        }
        Ok(())
    }
}

fn number(part: Option<&Tree<'_>>) -> Option<u64> {
    match part?.kind {
        Kind::Int(int) => u64::try_from(int).ok(),
        _ => None,
    }
}

struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Sent;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a ruleset")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Sent, A::Error> {
        // Room for a few thousand costs little, and the number is not known before the end.
        let mut sent = Sent::with_room(0, 0);
        let (mut environment, mut epoch, mut version, mut has_flags) = (None, None, None, false);
        while let Some(Name(key)) = map.next_key()? {
            match &*key {
                "environment" => environment = Some(map.next_value::<Name>()?.0),
                "epoch" => epoch = Some(map.next_value::<Name>()?.0),
                "version" => version = Some(map.next_value()?),
                "flags" => {
                    map.next_value_seed(Entries { sent: &mut sent, are_flags: true })?;
                    has_flags = true;
                }
                "segments" => map.next_value_seed(Entries { sent: &mut sent, are_flags: false })?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        sent.snapshot.environment = environment.ok_or_else(|| A::Error::missing_field("environment"))?;
        sent.snapshot.epoch = epoch.ok_or_else(|| A::Error::missing_field("epoch"))?;
        sent.snapshot.version = version.ok_or_else(|| A::Error::missing_field("version"))?;
        if has_flags { Ok(sent) } else { Err(A::Error::missing_field("flags")) }
    }
}

/// The flags, or the segments.
struct Entries<'s> {
    sent: &'s mut Sent,
    are_flags: bool,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map from names to entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let entry: Tree<'de> = map.next_value()?;
            self.sent.put(self.are_flags, name, &entry).map_err(A::Error::missing_field)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::View;
    use crate::eval::evaluate;
    use crate::format::native::compile;
    use crate::ruleset::Ruleset;

    #[test]
    fn all_ways_to_read_a_ruleset_give_the_same_flags() {
        let text = r#"{"segments":{"s":{"version":2,"doc":{"users":["ann","bob"]}}},"extra":[1,{"a":2}],"epoch":"e","flags":{
            "of segment":{"doc":{"rules":[{"when":{"segment":"s"},"serve":"on"}]},"version":3},
            "half":{"version":1,"doc":{"rules":[{"percentage":50}]}}, "wrong":{"version":4,"doc":{"typ":"string"}},
            "text":{"version":1,"doc":{"type":"string","variants":{"a":"\u00e4","b":"b"},"fallthrough":"a"}}},"version":7,"environment":"test"}"#;
        let kept = compile(&serde_json::from_str::<Ruleset>(text).unwrap(), None);
        let value: Value = serde_json::from_str(text).unwrap();
        for snapshot in [compile_sent_json(text).unwrap(), compile_sent(&value).unwrap()] {
            assert_eq!((&*snapshot.environment, &*snapshot.epoch, snapshot.version), ("test", "e", 7));
            assert_eq!((snapshot.flag_count(), snapshot.segment_count()), (4, 1));
            for flag in kept.flags() {
                let same = snapshot.flag(&flag.key).unwrap();
                assert_eq!((same.version, format!("{:?}", same.body)), (flag.version, format!("{:?}", flag.body)));
                for user in ["ann", "eve", "user-1"] {
                    let answers =
                        [&snapshot, &kept].map(|one| evaluate(one, &flag.key, View::of(user), &|| 0).map(|answer| answer.value.cloned()));
                    assert_eq!(answers[0], answers[1], "{} for {user}", flag.key);
                }
            }
        }
    }

    #[test]
    fn what_is_no_ruleset_is_refused_with_what_it_lacks() {
        for (text, wrong) in [
            (r#"{"epoch":"e","version":1,"flags":{}}"#, "environment"),
            (r#"{"environment":"t","version":1,"flags":{}}"#, "epoch"),
            (r#"{"environment":"t","epoch":"e","flags":{}}"#, "version"),
            (r#"{"environment":"t","epoch":"e","version":1}"#, "flags"),
            (r#"{"environment":"t","epoch":"e","version":1,"flags":{"f":{"doc":{}}}}"#, "version"),
            (r#"{"environment":"t","epoch":"e","version":1,"flags":{"f":{"version":1}}}"#, "doc"),
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            for error in [compile_sent_json(text).unwrap_err(), compile_sent(&value).unwrap_err()] {
                assert!(error.kind() == ErrorKind::InvalidDocument && error.message().contains(&format!("`{wrong}`")), "{text}: {error}");
            }
        }
        assert!(compile_sent_json("{").is_err() && compile_sent_json("[]").is_err());
    }
}
