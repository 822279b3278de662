//! A flag bound to its client, for the code that asks about one flag all the time.

use jackstaff::Client;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::client::Core;
use crate::convert::{Place, text_of};
use crate::question::name_of;

/// One flag of one client. Made by `client.flag(name)`.
#[pyclass(frozen, subclass, module = "jackstaff._native")]
pub struct Flag {
    /// The client that it belongs to.
    pub owner: Py<Core>,
    /// The core's client.
    pub client: Client,
    /// Its name.
    pub name: Py<PyString>,
    /// Its name as the core reads it.
    pub text: Box<str>,
}

#[pymethods]
impl Flag {
    #[new]
    fn new(client: &Bound<'_, Core>, flag_name: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name = name_of(flag_name)?;
        let text = text_of(name, Place::Argument("flag_name"))?;
        let core = client.get().client()?.clone();
        Ok(Self { owner: client.clone().unbind(), client: core, text: text.into(), name: name.clone().unbind() })
    }

    /// The flag's name.
    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyString> {
        self.name.clone_ref(py)
    }

    /// The client that the flag is bound to.
    #[getter]
    fn _client(&self, py: Python<'_>) -> Py<Core> {
        self.owner.clone_ref(py)
    }

    fn __repr__(&self) -> String {
        format!("<flag {:?}>", self.text)
    }
}
