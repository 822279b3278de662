//! The names of attributes, each made once.
//!
//! The names that a program gives its attributes stand in its source and are the same objects each time; making a text of our own of
//! each, with each check, would be a third of what a dict of attributes costs. So the latest are remembered, by the address
//! of the Python object, which the memory keeps alive so that no other can have its address.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::convert::{Place, text_of};

/// How many names are remembered, each in the place that its address says.
const PLACES: usize = 128;
/// The longest of them, in bytes.
const MAX_NAME: usize = 64;

type Known = [Option<(Py<PyString>, Arc<str>)>; PLACES];
static KNOWN: Mutex<Known> = Mutex::new([const { None }; PLACES]);

/// The memory for as long as one dict is read.
pub struct Names(Option<MutexGuard<'static, Known>>);

impl Names {
    /// The memory; none if somebody else has it: then names are made anew, which is no worse than it was. Nobody ever waits, for what is read
    /// may run Python code that comes back here.
    pub fn here() -> Self {
        Self(match KNOWN.try_lock() {
            Ok(known) => Some(known),
            Err(TryLockError::Poisoned(known)) => Some(known.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
    }

    /// The text of a name.
    ///
    /// # Errors
    /// `ValueError` for one that is not Unicode.
    pub fn text(&mut self, name: &Bound<'_, PyString>) -> PyResult<Arc<str>> {
        let Some(known) = &mut self.0 else { return Ok(read(name)?.into()) };
        // Objects stand at multiples of sixteen.
        let place = &mut known[(name.as_ptr() as usize >> 4) % PLACES];
        if let Some((object, text)) = place
            && object.as_ptr() == name.as_ptr()
        {
            return Ok(text.clone());
        }
        let text: Arc<str> = read(name)?.into();
        // A subclass's object may hold anything alive; plain text holds only itself.
        if text.len() <= MAX_NAME && name.is_exact_instance_of::<PyString>() {
            let before = place.replace((name.clone().unbind(), text.clone()));
            drop(before.map(|(object, _)| object.into_bound(name.py())));
        }
        Ok(text)
    }
}

fn read<'a>(name: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    text_of(name, Place::Argument("the name of an attribute"))
}
