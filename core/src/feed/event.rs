//! A message of Kafka or Redis as news: strict about what it takes, and never surprised.

use std::sync::Arc;

use super::News;
use crate::change::Change;
use crate::format::native::is_name;
use crate::wire::FlagEvent;

/// A message that is longer than this is not read: ours are below one kilobyte, a Redis message that names 500 flags below 70.
const MAX_MESSAGE: usize = 256 << 10;
/// A message may name so many flags; beyond that it means any.
const MAX_FLAGS: usize = 1_000;

/// Reads the messages about one environment, in the order they come.
#[derive(Debug)]
pub struct Reader {
    environment: Arc<str>,
    /// The version of which some parts have come: epoch, version, parts so far, parts in all.
    begun: Option<(Arc<str>, u64, u32, u32)>,
}

impl Reader {
    /// A reader of what concerns `environment`.
    pub fn new(environment: Arc<str>) -> Self {
        Self { environment, begun: None }
    }

    /// What a message says: one piece of news, or two if it shows that others before it are missing.
    pub fn read(&mut self, message: Option<&[u8]>) -> (Option<News>, News) {
        let Some(bytes) = message.filter(|bytes| !bytes.is_empty()) else { return (None, News::Nothing) };
        if bytes.len() > MAX_MESSAGE {
            return (None, News::Unreadable);
        }
        let Ok(event) = serde_json::from_slice::<FlagEvent>(bytes) else { return (None, News::Unreadable) };
        if event.environment != self.environment {
            return (None, if is_name(&event.environment) { News::Nothing } else { News::Unreadable });
        }
        let mut flags = event.affected_flags;
        if !event.flag_name.is_empty() && !flags.contains(&event.flag_name) {
            flags.push(event.flag_name.clone());
        }
        if !flags.iter().all(|flag| is_name(flag)) {
            return (None, News::Unreadable);
        }
        if flags.len() > MAX_FLAGS {
            flags.clear();
        }
        let environment = self.environment.clone();
        let (Some(epoch), Some(version)) = (event.epoch.filter(|epoch| !epoch.is_empty()), event.version) else {
            // The guide's bare form. Without a flag it says nothing that could be acted on.
            let has_flag = !event.flag_name.is_empty();
            let change = Change { environment, epoch: "".into(), version: 0, previous: None, flags };
            return (None, if has_flag { News::Moved(change, None) } else { News::Unreadable });
        };
        let gap = self.note(&epoch, version, event.part, event.parts).then_some(News::Gap);
        let at = event.occurred_at.and_then(|at| at.parse::<jiff::Timestamp>().ok()).map(|at| at.as_millisecond());
        (gap, News::Moved(Change { environment, epoch, version, previous: event.prev_version, flags }, at))
    }

    /// Notes a part; true if one before it is missing. Whole versions that are missing show in `prev_version`.
    fn note(&mut self, epoch: &Arc<str>, version: u64, part: u32, parts: u32) -> bool {
        let (seen, left) = match &self.begun {
            Some((known, at, seen, _)) if known == epoch && *at == version => (*seen, 0),
            // An older version is one that comes a second time.
            Some((known, at, ..)) if known == epoch && version < *at => return false,
            Some((_, _, seen, parts)) => (0, parts.saturating_sub(*seen)),
            None => (part, 0), // we came in the middle, and ask anyway
        };
        self.begun = Some((epoch.clone(), version, seen.max(part.saturating_add(1)), parts));
        left > 0 || part > seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        Reader::new("production".into())
    }

    fn one(text: &str) -> News {
        let (gap, news) = reader().read(Some(text.as_bytes()));
        assert!(gap.is_none());
        news
    }

    /// Flaw 45: what cannot be read is told apart and stepped over, and what follows is read.
    #[test]
    fn guide_flaw_45_poison_and_tombstones_are_stepped_over() {
        let mut reader = reader();
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let long = format!(r#"{{"flag_name":"f","environment":"production","x":"{}"}}"#, "x".repeat(MAX_MESSAGE));
        let poison: [&[u8]; 12] = [
            b"\xff\xfe",
            b"not json",
            b"null",
            b"[]",
            b"7",
            deep.as_bytes(),
            long.as_bytes(),
            br#"{"flag_name":"f"}"#,
            br#"{"environment":"production"}"#,
            br#"{"environment":"production","flag_name":"*"}"#,
            br#"{"flag_name":7,"environment":"production"}"#,
            br#"{"flag_name":"f","environment":"production","version":-1}"#,
        ];
        for bytes in poison {
            assert!(
                matches!(reader.read(Some(bytes)), (None, News::Unreadable)),
                "{:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(60)])
            );
        }
        assert!(matches!(reader.read(None), (None, News::Nothing)), "a tombstone");
        assert!(matches!(reader.read(Some(b"")), (None, News::Nothing)));
        assert!(matches!(reader.read(Some(br#"{"flag_name":"f","environment":"production"}"#)), (None, News::Moved(..))));
    }

    #[test]
    fn both_forms_are_read() {
        let News::Moved(change, at) = one(r#"{"flag_name":"new_ui","environment":"production"}"#) else { panic!() };
        assert!(!change.has_version() && at.is_none());
        assert_eq!(change.flags, [Arc::from("new_ui")]);
        let ours = r#"{"flag_name":"b","environment":"production","schema":1,"type":"flag.updated","epoch":"e","version":7,"prev_version":6,
            "part":0,"parts":1,"affected_flags":["a","b"],"event_id":"e-7-0","occurred_at":"2026-11-22T07:00:00.123Z","later":{"x":1}}"#;
        let News::Moved(change, at) = one(ours) else { panic!() };
        assert_eq!((&*change.epoch, change.version, change.previous, at), ("e", 7, Some(6), Some(1_795_330_800_123)));
        assert_eq!(change.flags, [Arc::from("a"), Arc::from("b")]);
        assert!(matches!(one(r#"{"flag_name":"f","environment":"staging"}"#), News::Nothing), "another environment's");
        let News::Moved(change, _) = one(r#"{"flag_name":"","environment":"production","epoch":"e","version":2}"#) else { panic!() };
        assert!(change.flags.is_empty() && change.previous.is_none(), "no flag is named, so any is meant");
    }

    /// Flaw 46: parts that are missing are noticed; parts that come twice are not taken for missing.
    #[test]
    fn guide_flaw_46_missing_parts_are_noticed_and_repeated_ones_are_not() {
        let part = |version: u64, part: u32, parts: u32| {
            format!(
                r#"{{"flag_name":"f{part}","environment":"production","epoch":"e","version":{version},"prev_version":{},"part":{part},"parts":{parts}}}"#,
                version - 1
            )
        };
        let gaps = |sequence: &[(u64, u32, u32)]| {
            let mut reader = reader();
            let read = |&(version, at, parts): &(u64, u32, u32)| reader.read(Some(part(version, at, parts).as_bytes())).0.is_some();
            sequence.iter().map(read).collect::<Vec<_>>()
        };
        assert_eq!(gaps(&[(1, 0, 2), (1, 1, 2), (2, 0, 1), (3, 0, 1)]), [false; 4]);
        assert_eq!(gaps(&[(1, 0, 3), (1, 2, 3)]), [false, true], "part 1 is missing");
        assert_eq!(gaps(&[(1, 0, 2), (2, 0, 1)]), [false, true], "the rest of version 1 is missing");
        assert_eq!(gaps(&[(1, 0, 1), (2, 1, 2)]), [false, true], "part 0 of version 2 is missing");
        assert_eq!(gaps(&[(1, 0, 2), (1, 1, 2), (1, 0, 2), (1, 1, 2), (2, 0, 1)]), [false; 5], "sent twice");
        assert_eq!(gaps(&[(1, 0, 1), (2, 0, 1), (1, 0, 1), (3, 0, 1)]), [false; 4], "sent twice, and late");
        assert_eq!(gaps(&[(5, 1, 2), (6, 0, 1)]), [false; 2], "came in the middle");
    }
}
