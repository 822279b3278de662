//! Texts that we hand out, and that come back to be freed.

use crate::raw::Text;

/// The longest flag name or user id that is looked at, in bytes; beyond it a check is the caller's default.
pub const MAX_NAME: usize = jackstaff::context::MAX_TEXT;
/// The longest JSON text that is read, in bytes: 64 MiB.
pub const MAX_JSON: usize = 64 << 20;

/// Memory of the library. Opaque.
pub struct Held(#[expect(dead_code, reason = "held, so that its text stays where it is")] String);

/// A text of the library's: it stays until `jackstaff_string_free`.
#[repr(C)]
pub struct OwnedText {
    text: Text,
    owner: Option<Box<Held>>,
}

impl Held {
    /// Takes hold of a text, and says where it is.
    pub fn new(text: String) -> (Text, Box<Self>) {
        // The bytes of a string stay where they are when the string itself moves.
        let place = Text::of(&text);
        (place, Box::new(Self(text)))
    }
}

impl OwnedText {
    /// No text; owns nothing.
    pub const fn none() -> Self {
        Self { text: Text::NULL, owner: None }
    }
}

impl From<String> for OwnedText {
    fn from(text: String) -> Self {
        if text.is_empty() {
            return Self::none();
        }
        let (text, owner) = Held::new(text);
        Self { text, owner: Some(owner) }
    }
}

#[cfg(test)]
impl OwnedText {
    /// The text.
    pub fn get(&self) -> &str {
        self.text.strict(crate::text::MAX_JSON).unwrap()
    }
}

/// Frees a text of the library's and makes it the null text. Null, and a text that was freed, are fine.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_string_free(string: Option<&mut OwnedText>) {
    if let Some(string) = string {
        *string = OwnedText::none();
    }
}
