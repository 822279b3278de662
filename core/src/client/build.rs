//! Making clients. Nothing here waits for the network; files that are named are read.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::options::{Bootstrap, Evaluate, Options};
use super::process::Process;
use super::{Client, Inner, Progress, stats};
use crate::error::{Error, ErrorKind, Result};
use crate::format;
use crate::format::native::{self, Document};
use crate::ir::Snapshot;
use crate::ruleset::problem::to_error;
use crate::ruleset::{Node, Syntax};
use crate::source::saved;
use crate::value::Value;

impl Client {
    /// A client. Never blocks and never connects: the first use that needs the service does.
    ///
    /// # Errors
    /// `InvalidArgument` for options that make no sense together, `InvalidDocument` or `Io` for a bootstrap that cannot be used.
    pub fn new(options: Options) -> Result<Self> {
        Self::build(options, false)
    }

    /// A client configured by the environment variables `CONFIG_SERVICE_URL`, `ENVIRONMENT`, `JACKSTAFF_API_KEY`,
    /// `JACKSTAFF_EVALUATION` and `REDIS_URL`.
    ///
    /// # Errors
    /// `InvalidArgument` if one is missing or wrong, naming it.
    pub fn from_env() -> Result<Self> {
        Self::new(Options::from_pairs([])?)
    }

    /// A client that lives on a file, which is watched: YAML, JSON or TOML by its ending.
    ///
    /// # Errors
    /// `Io` if it cannot be read, `InvalidDocument` with every mistake and its place, `InvalidArgument` for an unknown format.
    pub fn from_file(path: impl AsRef<Path>, environment: &str, format: &str) -> Result<Self> {
        let mut options = Options::without_service(environment);
        options.bootstrap = Some(Bootstrap::File { path: path.as_ref().to_owned(), format: format.to_owned() });
        Self::new(options)
    }

    /// A client that lives on a document given in memory.
    ///
    /// # Errors
    /// `InvalidDocument` with every mistake.
    pub fn from_document(document: Value, environment: &str) -> Result<Self> {
        let mut options = Options::without_service(environment);
        options.bootstrap = Some(Bootstrap::Document(document));
        Self::new(options)
    }

    /// A client that lives on a document given as JSON text, be it as people write it or as the service sends it (`GET
    /// …/rulesets/{environment}`): the quickest way to a client without a service, and nothing but the compiled flags is kept.
    ///
    /// # Errors
    /// `InvalidDocument` with every mistake.
    pub fn from_json(text: &str, environment: &str) -> Result<Self> {
        let mut options = Options::without_service(environment);
        options.bootstrap = Some(Bootstrap::Document(Value::Null));
        Self::build_on(options, false, Some(read_json(text, environment)?))
    }

    pub(super) fn build(mut options: Options, is_mock: bool) -> Result<Self> {
        options.check()?;
        let bootstrap = match &mut options.bootstrap {
            // What is left of it in the options only says that there was one.
            Some(Bootstrap::Document(document)) => Some(read_document(&std::mem::take(document), &options.environment)?),
            _ => None,
        };
        Self::build_on(options, is_mock, bootstrap)
    }

    /// A client of these options; `document` is the snapshot of the document in them.
    fn build_on(options: Options, is_mock: bool, document: Option<Snapshot>) -> Result<Self> {
        options.check()?;
        if options.config_service_url.is_none() && options.bootstrap.is_none() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "a client needs a config_service_url, or flags of its own (a file, a document)",
            ));
        }
        // Before the file is read: a change in between is then seen by the watch, and not lost.
        let file_stamp = match &options.bootstrap {
            Some(Bootstrap::File { path, .. }) => Stamp::of(path),
            _ => None,
        };
        let bootstrap = match &options.bootstrap {
            Some(Bootstrap::File { path, format }) => Some(read_file(path, format, &options.environment)?),
            Some(Bootstrap::Document(_)) | None => document,
        };
        let waiting = if options.evaluation == Evaluate::Remote {
            None
        } else {
            let last = options.snapshot_path.as_deref().and_then(|path| saved::read(path, &options.environment));
            last.map(|ruleset| native::compile(&ruleset, None)).or(bootstrap)
        };
        let inner = Inner {
            snapshot: ArcSwapOption::empty(),
            waiting: ArcSwapOption::new(waiting.map(Arc::new)),
            process: ArcSwap::from_pointee(Process::new(false, Progress::default())),
            closed: AtomicBool::new(false),
            listeners: ArcSwap::default(),
            next_listener: AtomicU64::new(1),
            stats: stats::Counters::new(),
            contact: ArcSwapOption::empty(),
            live: AtomicBool::new(false),
            is_mock,
            file_stamp,
            provided: OnceLock::new(),
            options,
        };
        let client = Self { inner: Arc::new(inner) };
        if client.inner.options.config_service_url.is_none() && matches!(client.inner.options.bootstrap, Some(Bootstrap::Document(_))) {
            client.start(); // starts nothing: it only puts the document in place, so that the first check is answered at once
        }
        Ok(client)
    }

    /// Puts another document in place of the one the client lives on.
    ///
    /// # Errors
    /// `InvalidDocument` with every mistake; the flags stay as they were.
    pub fn replace_document(&self, document: &Value) -> Result<()> {
        let snapshot = read_document(document, &self.inner.options.environment)?;
        self.start();
        self.inner.stats.changes.fetch_add(1, Ordering::Relaxed);
        self.inner.install(Arc::new(snapshot), Vec::new());
        Ok(())
    }

    /// In a forked child, before any other use: forgets the parent's connections and locks, whoever held them, and starts anew where the
    /// parent had started. The snapshot and the listeners are the parent's, and the snapshot answers at once; the counters begin at zero.
    ///
    /// To be called in the child of each fork that is not followed by `exec`. Without it the first use that is not answered from the snapshot notices by
    /// itself, and until then the snapshot is not kept up.
    pub fn after_fork(&self) {
        let process = self.inner.process.load_full();
        // Whatever the id says: in the end the system gives a child the id of an ancestor.
        self.inner.renew(&process);
        if self.inner.process.load().inherited {
            self.start();
        }
    }
}

/// What tells that a file was written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(SystemTime, u64);

impl Stamp {
    /// The stamp of the file at `path`, if it is there.
    pub fn of(path: &Path) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self(about.modified().ok()?, about.len()))
    }
}

/// The snapshot of a file.
pub(super) fn read_file(path: &Path, format: &str, environment: &str) -> Result<Snapshot> {
    let format = format::by_name(format)?;
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::new(ErrorKind::Io, format!("{shown} cannot be read: {error}")).caused_by(error))?;
    (format.compile)(&text, Syntax::of_path(path), environment).map_err(|error| {
        let lines: Vec<String> = error.message().lines().map(|line| format!("{shown}:{line}")).collect();
        Error::new(error.kind(), lines.join("\n"))
    })
}

/// The snapshot of a document as JSON text, be it as people write it or as the service sends it.
fn read_json(text: &str, environment: &str) -> Result<Snapshot> {
    #[derive(serde::Deserialize)]
    struct Outline {
        epoch: Option<serde::de::IgnoredAny>,
    }
    match native::compile_sent_json(text) {
        Err(_) if serde_json::from_str::<Outline>(text).is_ok_and(|outline| outline.epoch.is_none()) => {
            (native::FORMAT.compile)(text, Syntax::Json, environment)
        }
        sent => sent,
    }
}

/// The snapshot of a document, be it as people write it or as the service sends it.
fn read_document(document: &Value, environment: &str) -> Result<Snapshot> {
    if document.get("epoch").is_some() {
        return native::compile_sent(document);
    }
    let document = Document::from_node(&Node::from(document)).map_err(|problems| to_error(None, &problems))?;
    native::compile_document(&document, environment)
}

impl Inner {
    /// One line per flag name that has no answer, for at most 1 000 names: a check in a loop must not fill the log. What
    /// is too long to be a name is not remembered.
    #[cold]
    pub(super) fn warn_once(&self, flag: &str) {
        let process = self.process();
        let mut warned = process.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if flag.len() <= 128 && warned.len() < 1_000 && !warned.contains(flag) {
            warned.insert(flag.to_owned());
            tracing::warn!(flag, environment = &*self.options.environment, "no usable flag of this name; the caller's default is served");
        }
    }
}
