//! The class behind every client: what can be asked, and how the answer comes.
//!
//! One question has three ways to its answer, and all kinds of question share them: `_peek` (now, or `None`), `_ask` (now, or after a wait
//! of this thread) and `_begin` (after a wait of somebody's event loop).

use std::sync::{Arc, OnceLock};

use jackstaff::{Client, Evaluation, Options, Value};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::batch::Lists;
use crate::context::with_view;
use crate::convert::{DOCUMENT, Place, text_of, to_python, value_of};
use crate::error::raise;
use crate::evaluation::{self, steps};
use crate::question::{Question, name_of};
use crate::queue::{CHANGES, Message, Reply};
use crate::raw::fork;
use crate::{log, wait};

/// A client of the core, with nothing of Python's comfort. The classes of the package are made of it.
///
/// It is opened after it is made, so that classes made of it have an `__init__` of their own.
#[pyclass(frozen, subclass, module = "jackstaff._native")]
#[derive(Default)]
pub struct Core {
    client: OnceLock<Client>,
    /// The lists of flags that it is asked about.
    pub lists: Lists,
}

impl Core {
    /// The core's client.
    ///
    /// # Errors
    /// `RuntimeError` if it was never opened: a subclass forgot `super().__init__`.
    #[inline]
    pub fn client(&self) -> PyResult<&Client> {
        if fork::happened() {
            fork::tell();
        }
        self.client.get().ok_or_else(|| PyRuntimeError::new_err("this client was never opened: call super().__init__(…) in your __init__"))
    }

    /// The core's client, if it was opened.
    #[inline]
    pub fn opened(&self) -> Option<&Client> {
        self.client.get()
    }

    fn open(&self, client: jackstaff::Result<Client>) -> PyResult<()> {
        let client = client.map_err(|error| raise(&error))?;
        self.client.set(client).map_err(|_| PyRuntimeError::new_err("this client is open already"))
    }
}

/// A number of the stats: the index of its instrument, the value of its attribute if it has one, and itself.
type Measure<'py> = (usize, Option<String>, Bound<'py, PyAny>);

/// A question in a tuple: kind, flags, user id, default, context.
type Asked<'py> = (String, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

#[pymethods]
impl Core {
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    /// Opens a client of a config service, with options by name.
    fn _open(&self, py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut pairs: Vec<(String, Value)> = Vec::with_capacity(options.len());
        for (name, value) in options.iter() {
            let name: String = name.extract()?;
            let value = value_of(&value, Place::Argument(&name), DOCUMENT)?;
            pairs.push((name, value));
        }
        let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.clone()));
        self.open(Options::from_pairs(pairs).and_then(|options| py.detach(|| Client::new(options))))
    }

    /// Opens a client that lives on a file.
    fn _open_file(&self, py: Python<'_>, path: std::path::PathBuf, environment: &str, format: &str) -> PyResult<()> {
        self.open(py.detach(|| Client::from_file(path, environment, format)))
    }

    /// Opens a client that lives on a document.
    fn _open_document(&self, document: &Bound<'_, PyAny>, environment: &str) -> PyResult<()> {
        self.open(Client::from_document(value_of(document, Place::Argument("document"), DOCUMENT)?, environment))
    }

    /// Opens a client for tests, or gives an open one other flags.
    fn _open_mock(&self, flags: &Bound<'_, PyAny>) -> PyResult<()> {
        let flags = value_of(flags, Place::Argument("flags"), DOCUMENT)?;
        match self.client.get() {
            Some(client) => client.set_mock(&flags).map_err(|error| raise(&error)),
            None => self.open(Client::mock(&flags)),
        }
    }

    /// The answer now, in a tuple of its own, or None if only a wait could tell.
    #[pyo3(signature = (kind, flags, user_id, default, context))]
    fn _peek<'py>(
        &self,
        kind: &str,
        flags: &Bound<'py, PyAny>,
        user_id: &Bound<'py, PyAny>,
        default: &Bound<'py, PyAny>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<(Bound<'py, PyAny>,)>> {
        let found = Question::new(kind, flags, default)?.now(self, user_id, context)?;
        if log::is_pending() {
            log::drain(default.py());
        }
        Ok(found.map(|found| (found,)))
    }

    /// The answer, after a wait if need be.
    #[pyo3(signature = (kind, flags, user_id, default, context))]
    pub fn _ask<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        flags: &Bound<'py, PyAny>,
        user_id: &Bound<'py, PyAny>,
        default: &Bound<'py, PyAny>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some((found,)) = self._peek(kind, flags, user_id, default, context)? {
            return Ok(found);
        }
        let client = self.client()?;
        start(py, client)?;
        let question = Question::new(kind, flags, default)?.later(client, user_id, context)?;
        wait::block(py, client, question)?(py)
    }

    /// Begins to wait for the answer to a question, a tuple of the arguments of `_ask`: `callback(result, exception)`, unless it is returned in a tuple at once.
    #[pyo3(signature = (callback, question))]
    fn _begin<'py>(&self, py: Python<'py>, callback: Py<PyAny>, question: Asked<'py>) -> PyResult<Option<(Bound<'py, PyAny>,)>> {
        let (kind, flags, user_id, default, context) = question;
        let client = self.client()?;
        start_carried(py, client)?;
        let question = Question::new(&kind, &flags, &default)?.later(client, &user_id, context.as_ref())?;
        Ok(wait::begin(py, client, callback, question)?.map(|found| (found,)))
    }

    /// Waits for a ruleset, or with `version` for that version or a later one.
    #[pyo3(signature = (timeout, version))]
    fn _wait(&self, py: Python<'_>, timeout: f64, version: Option<u64>) -> PyResult<()> {
        let client = self.client()?;
        start(py, client)?;
        wait::block(py, client, arrival(client, timeout, version)?)?(py).map(drop)
    }

    /// Begins [`Core::_wait`], as `_begin` does.
    #[pyo3(signature = (callback, timeout, version))]
    fn _begin_wait<'py>(
        &self,
        py: Python<'py>,
        callback: Py<PyAny>,
        timeout: f64,
        version: Option<u64>,
    ) -> PyResult<Option<(Bound<'py, PyAny>,)>> {
        let client = self.client()?;
        start_carried(py, client)?;
        Ok(wait::begin(py, client, callback, arrival(client, timeout, version)?)?.map(|found| (found,)))
    }

    /// How an answer comes about: the answer as a dict, and under `steps` what was tried. `steps` is None where the
    /// service evaluates.
    #[pyo3(signature = (flag_name, user_id, context = None))]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        flag_name: &Bound<'py, PyAny>,
        user_id: &Bound<'py, PyAny>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let client = self.client()?;
        client.start();
        let name = name_of(flag_name)?;
        let flag = text_of(name, Place::Argument("flag_name"))?;
        let explained = with_view(user_id, context, |view| client.explain(flag, view, &Value::Null))?;
        let (found, explanation) = match explained {
            Some((found, explanation)) => (found, Some(explanation)),
            None => {
                let default = Value::Null;
                let peeked = with_view(user_id, context, |view| client.peek(flag, view, None, &default))?;
                (peeked.unwrap_or_else(|| Evaluation::default(flag, default, jackstaff::Reason::NotReady)), None)
            }
        };
        let dict = evaluation::Evaluation(found).as_dict(py)?;
        dict.set_item("steps", explanation.map(|explanation| steps(py, &explanation.steps)).transpose()?)?;
        Ok(dict)
    }

    /// How the client is and what it has done, as a dict: `status`, `checks`, `by_origin`, `version`, `epoch`, `flags`,
    /// `age` (seconds), `changes`, `failures`, `listeners`, `last_error`, and the numbers of the caches and the breakers.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if log::is_pending() {
            log::drain(py);
        }
        evaluation::stats(py, &self.client()?.stats())
    }

    /// The numbers of `stats` as measures: index of the instrument, the value of its attribute or None, number.
    fn _measures<'py>(&self, py: Python<'py>) -> PyResult<Vec<Measure<'py>>> {
        let measures = self.client()?.stats().measures().into_iter();
        measures.map(|of| Ok((of.instrument, of.series.map(|series| series.to_string()), to_python(py, &of.number)?))).collect()
    }

    /// Has `callback(change)` called after each change; a number for `_unlisten`.
    fn _listen(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<u64> {
        start_carried(py, self.client()?)?;
        let callback = Arc::new(callback);
        let listener = move |change: &jackstaff::change::Change| CHANGES.load().put(Message::Change(callback.clone(), change.clone()));
        self.client()?.on_change(listener).map_err(|error| raise(&error))
    }

    /// Forgets a listener.
    fn _unlisten(&self, id: u64) -> PyResult<()> {
        self.client()?.remove_listener(id);
        Ok(())
    }

    /// Ends the updates. At once, and harmless when repeated or when the client was never opened.
    fn _close(&self, py: Python<'_>) {
        if let Ok(client) = self.client() {
            py.detach(|| client.close());
        }
        if log::is_pending() {
            log::drain(py);
        }
    }

    /// In a forked child: begins anew where the parent had begun.
    fn _after_fork(&self) {
        if let Some(client) = self.client.get() {
            client.after_fork();
        }
    }

    /// Was it closed?
    #[getter]
    fn closed(&self) -> bool {
        self.client.get().is_some_and(Client::is_closed)
    }

    /// Which environment's flags it serves.
    #[getter]
    fn environment(&self) -> PyResult<&str> {
        Ok(&self.client()?.options().environment)
    }

    /// Where the config service is, without a slash at the end; None for a client that needs none.
    #[getter]
    fn config_service_url(&self) -> PyResult<Option<&str>> {
        Ok(self.client()?.options().config_service_url.as_deref())
    }

    /// For how many seconds an answer of the service may be kept.
    #[getter]
    fn cache_ttl<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ttl = Value::Float(self.client()?.options().cache_ttl.as_secs_f64());
        to_python(py, &ttl.as_i64().map_or(ttl, Value::Int))
    }

    /// What a mock was asked: `(flag, user_id, enabled)` each, oldest first.
    fn _recorded(&self) -> PyResult<Vec<(String, Option<String>, bool)>> {
        let checks = self.client()?.recorded();
        Ok(checks.into_iter().map(|check| (check.flag, check.user_id, check.enabled)).collect())
    }
}

fn arrival(client: &Client, timeout: f64, version: Option<u64>) -> PyResult<impl Future<Output = Reply> + Send + 'static + use<>> {
    let timeout = wait::seconds("timeout", timeout)?;
    let client = client.clone();
    Ok(async move {
        let arrived = match version {
            None => client.ready(timeout).await,
            Some(version) => client.wait_for_version(version, timeout).await,
        };
        let reply: Reply = Box::new(move |py| arrived.map(|()| py.None().into_bound(py)).map_err(|error| raise(&error)));
        reply
    })
}

/// Starts what a wait needs: the client's updates, and the threads that carry messages, which are Python's own, so that Python can end
/// them. Python's lock is kept meanwhile: a second thread in the same place then finds the client started, not half started.
///
/// False if the threads cannot be had: an interpreter that is ending starts none. A thread that waits for itself can do without.
fn start(py: Python<'_>, client: &Client) -> PyResult<bool> {
    let has_threads = py.import("jackstaff._threads")?.call_method0("start")?.extract()?;
    client.start();
    Ok(has_threads)
}

/// [`start`] for an answer that only those threads can bring.
fn start_carried(py: Python<'_>, client: &Client) -> PyResult<()> {
    match start(py, client)? {
        true => Ok(()),
        false => Err(PyRuntimeError::new_err("nothing can be awaited any more: the interpreter is ending")),
    }
}
