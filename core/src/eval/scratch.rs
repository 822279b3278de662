//! A place for the values that an evaluation makes, so that everything else can borrow.

use std::cell::OnceCell;

use crate::value::Value;

/// A chain of values that lives as long as the evaluation. Most evaluations make none, and then it is one empty word.
///
/// A chain of cells and not a `Vec`, since what has been handed out must not move, and a list that grows behind a shared
/// reference would need `unsafe`.
#[derive(Debug, Default)]
pub struct Scratch(OnceCell<Box<Link>>);

#[derive(Debug)]
struct Link {
    value: Value,
    next: Scratch,
}

impl Scratch {
    /// Keeps a value. Returns it, and the place for the next.
    pub fn keep(&self, value: Value) -> (&Value, &Self) {
        let link = self.0.get_or_init(|| Box::new(Link { value, next: Self::default() }));
        (&link.value, &link.next)
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        if self.0.get().is_some() {
            self.unlink();
        }
    }
}

impl Scratch {
    #[cold]
    fn unlink(&mut self) {
        // One after the other: the derived way would go as deep as the chain is long.
        let mut next = self.0.take();
        while let Some(mut link) = next {
            next = link.next.0.take();
        }
    }
}
