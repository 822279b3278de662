//! Where flags are kept.
//!
//! The service is stateless beyond this: at the start it loads everything ([`FlagStore::load`]), and every
//! write is one [`Commit`] that the store takes whole or not at all. A commit brings the new documents, the environments
//! that it moves (each from the version that the writer saw to the next one), the audit entry and the outbox rows;
//! the store allocates nothing on its own, it only checks that nobody was faster. So versions are gapless and in commit
//! order, with several services on one store too.
//!
//! [`SqliteStore`] keeps flags in one file and needs no set-up; [`PostgresStore`] lets any number of services share them.
//! The trait is synchronous, since SQLite is; [`crate::environments`] calls it off the async threads.
//! Every implementation runs the suite in `contract.rs`.

pub mod backup;
#[cfg(test)]
mod contract;
pub mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use backup::Line;
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

/// How many moves of an environment the outbox keeps; a client that is further behind gets the whole ruleset.
pub const OUTBOX_KEEP: u64 = 1024;
/// How many moves of an environment it keeps for a relay that has not sent them yet. Past that the oldest go, and readers
/// see a gap in the versions.
pub const OUTBOX_UNSENT: u64 = 100_000;

/// Flags or segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// The flags.
    Flag,
    /// The segments.
    Segment,
}

impl Section {
    /// The word for one of its parts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Segment => "segment",
        }
    }

    /// The word for all of its parts, as in a flag document.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Flag => "flags",
            Self::Segment => "segments",
        }
    }
}

/// A flag or a segment by name.
pub type PartName = (Section, Arc<str>);

/// A flag or a segment as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The document as JSON text.
    pub doc: Arc<str>,
    /// One higher with every write of this part; the `ETag`.
    pub revision: u64,
    /// Archived parts are in no ruleset and can be restored.
    pub archived: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was last written, in milliseconds since 1970.
    pub updated_at: i64,
}

/// Where an environment stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// A random id made with the environment; versions of different epochs do not compare.
    pub epoch: Arc<str>,
    /// One higher with every commit that changed its ruleset.
    pub version: u64,
}

/// Which flags and segments of an environment a commit touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Flags that are new, different, gone, or depend on such.
    pub flags: Vec<Arc<str>>,
    /// Segments likewise.
    pub segments: Vec<Arc<str>>,
    /// Those of the flags that were not there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<Arc<str>>,
    /// Those of the flags that are not there any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Arc<str>>,
}

/// An environment goes from one version to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which.
    pub environment: Arc<str>,
    /// Its epoch.
    pub epoch: Arc<str>,
    /// The version that comes out; the one before is one less.
    pub version: u64,
    /// What moved in it.
    pub touched: Touched,
}

/// A move as a relay reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// When it was committed, in milliseconds since 1970.
    pub at: i64,
    /// What moved.
    pub change: Move,
}

/// A new text for a flag or segment.
#[derive(Clone, Debug)]
pub struct PartWrite {
    /// Which.
    pub part: PartName,
    /// The revision that the writer saw; 0 if there was none.
    pub seen: u64,
    /// The document as JSON text.
    pub doc: Arc<str>,
    /// Is it archived after this?
    pub archived: bool,
}

/// Who did what, when and why.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who: a key's id and name, or `local`. Never a user id.
    pub actor: String,
    /// What: `create`, `replace`, `patch`, `archive`, `restore`, `import`, `rollback`, `create_environment`, `delete_environment`,
    /// `new_epoch`.
    pub action: &'static str,
    /// To what: `flag/new_ui`, `document`, `environment/staging`.
    pub target: String,
    /// Why, in the writer's words.
    pub comment: Option<String>,
}

/// One write, whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The stamp of what the writer saw: the commit is stale if anybody has written since, whatever it was. `None`: only the parts
    /// and environments of this commit have to be as they were.
    pub seen: Option<u64>,
    /// For the audit log.
    pub note: Note,
    /// New texts.
    pub parts: Vec<PartWrite>,
    /// New environments with their epochs; they begin at version 0.
    pub create: Vec<(Arc<str>, Arc<str>)>,
    /// Environments to drop; before any is made, so that one of the same name can begin anew.
    pub delete: Vec<Arc<str>>,
    /// Environments that move.
    pub moves: Vec<Move>,
    /// The changed parts before, as JSON `{"flags":{name:doc|null},"segments":{…}}`.
    pub before: String,
    /// The changed parts after, likewise.
    pub after: String,
}

/// How many commits a service may have missed and still load only what they wrote ([`FlagStore::load_since`]).
pub const RECENT_COMMITS: u64 = 64;
/// How many flags and segments they may have written.
pub const RECENT_PARTS: usize = 1_000;

/// Everything that a service needs to start, or what a few commits wrote.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// [`FlagStore::stamp`] as of the same moment.
    pub stamp: u64,
    /// The number of the last entry in the audit log as of the same moment; 0 if there is none.
    pub head: u64,
    /// The environments.
    pub environments: BTreeMap<Arc<str>, Standing>,
    /// Flags and segments, archived ones included.
    pub parts: BTreeMap<PartName, Record>,
    /// Per environment, the version of the last commit that touched each part.
    pub versions: BTreeMap<Arc<str>, BTreeMap<PartName, u64>>,
    /// The last moves of all environments, oldest first; at most [`OUTBOX_KEEP`] of each.
    pub outbox: Vec<Move>,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number, rising.
    pub id: u64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub target: String,
    /// The environments that moved, as JSON `{name:{epoch,version}}`.
    pub environments: String,
    /// The changed parts before, as JSON.
    pub before: String,
    /// The changed parts after, as JSON.
    pub after: String,
    /// Why.
    pub comment: Option<String>,
}

/// Which audit entries to read.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only those that touched this part.
    pub part: Option<PartName>,
    /// Only those with a lower number: they come newest first.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: usize,
}

/// An API key as it is kept: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Eight characters, part of the key's text.
    pub id: String,
    /// The one environment of a server key; `None` for an admin key.
    pub environment: Option<Arc<str>>,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: Vec<u8>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it ends, if it does.
    pub expires_at: Option<i64>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<i64>,
}

/// How far a process on the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// A random id, made when it started.
    pub id: String,
    /// When it said so, in milliseconds since 1970.
    pub seen_at: i64,
    /// What it serves, as JSON `{environment:{epoch,version}}`.
    pub serves: String,
    /// What its slowest stream was sent, as JSON likewise; environments without streams are not in it.
    pub sent: String,
}

/// Why the store did not do it.
#[derive(Debug)]
pub enum StoreError {
    /// Somebody else committed in between: load again and retry.
    Stale,
    /// The store does not answer now. A write that was under way may have been kept or not.
    Away(String),
    /// The store itself failed.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale => f.write_str("somebody else committed in between"),
            Self::Away(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for StoreError {}

/// `Result` with [`StoreError`].
pub type Result<T> = std::result::Result<T, StoreError>;

/// A place that keeps flags. Calls may block; none may be made on an async thread.
pub trait FlagStore: Send + Sync + 'static {
    /// Everything, as of one moment.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load(&self) -> Result<Stored>;

    /// What was written after the audit entry `head`, as of one moment: the flags and segments that were written, as they are now, all
    /// environments, and the moves since then or somewhat more; `versions` is empty. `None` if that is more than [`RECENT_COMMITS`] or
    /// [`RECENT_PARTS`], or `head` is not in this store's past: then everything is to be loaded.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load_since(&self, head: u64) -> Result<Option<Stored>>;

    /// Takes a commit whole and returns its audit number.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if a part's revision, an environment's version or the stamp is not what the writer saw; nothing is
    /// written then.
    fn commit(&self, commit: &Commit) -> Result<u64>;

    /// A number that differs after somebody else has written: another process on the same store.
    ///
    /// # Errors
    /// The store cannot be read.
    fn stamp(&self) -> Result<u64>;

    /// Is this process the one to hold `office`? Takes it if nobody has it. It is kept until this process ends or loses the store,
    /// so whoever acts for the office asks again before each act. A store that only one process serves says yes to everything.
    ///
    /// # Errors
    /// The store cannot be reached; nobody may act then.
    fn lead(&self, office: &str) -> Result<bool>;

    /// The moves that `relay` has not marked as sent, by environment and version, at most `limit`. A relay that the store has
    /// never heard of gets all that the outbox keeps.
    ///
    /// # Errors
    /// The store cannot be read.
    fn unsent(&self, relay: &str, limit: usize) -> Result<Vec<Unsent>>;

    /// Notes that `relay` has sent every move of `environment` up to `standing`. A standing that is behind what was noted, or of an
    /// epoch that the environment has not, changes nothing.
    ///
    /// # Errors
    /// The store cannot be written; the moves will be sent again.
    fn mark_sent(&self, relay: &str, environment: &str, standing: &Standing) -> Result<()>;

    /// Changes when another process has probably written: a reason to look at [`FlagStore::stamp`] now. A hint and no more: it may
    /// come for nothing, and where a store cannot tell, it never comes.
    fn news(&self) -> watch::Receiver<u64>;

    /// Tells the other processes on this store how far this one is. Kept for as long as it is fresh, and nowhere else.
    ///
    /// # Errors
    /// The store cannot be written.
    fn report(&self, replica: &Replica) -> Result<()>;

    /// What the processes on this store reported after the moment `since`, in milliseconds since 1970.
    ///
    /// # Errors
    /// The store cannot be read.
    fn replicas(&self, since: i64) -> Result<Vec<Replica>>;

    /// Fills a store that nobody has written to with what another one held.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if there is something in it already, or `lines` breaks off; nothing is written then.
    fn restore(&self, lines: &mut dyn Iterator<Item = Result<Line>>) -> Result<()>;

    /// Audit entries, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>>;

    /// The audit entry of that number.
    ///
    /// # Errors
    /// The store cannot be read.
    fn audit_entry(&self, id: u64) -> Result<Option<AuditEntry>>;

    /// All keys, revoked and expired ones included, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn keys(&self) -> Result<Vec<KeyRecord>>;

    /// Keeps a new key.
    ///
    /// # Errors
    /// The id is taken, or the store cannot be written.
    fn create_key(&self, key: &KeyRecord) -> Result<()>;

    /// Revokes a key; false if there is none of that id, or it is revoked already.
    ///
    /// # Errors
    /// The store cannot be written.
    fn revoke_key(&self, id: &str, at: i64) -> Result<bool>;
}
