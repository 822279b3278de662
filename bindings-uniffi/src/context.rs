//! Who is asking.

use std::collections::HashMap;
use std::sync::Arc;

use jackstaff::Attributes;

use crate::error::Result;
use crate::types::Value;

/// A user with attributes, built once and used for any number of checks, by any client and any thread.
#[derive(uniffi::Object)]
pub struct Context(pub(crate) jackstaff::Context);

#[uniffi::export]
impl Context {
    /// `key` is the targeting key (the user's id), or nobody: rules on attributes then work, rollouts by user do not.
    ///
    /// # Errors
    /// `InvalidArgument` for more than 256 attributes, texts of more than 64 KiB or more than 8 levels; the message names the attribute.
    #[uniffi::constructor(default(attributes = None))]
    pub fn new(key: Option<String>, attributes: Option<HashMap<String, Value>>) -> Result<Arc<Self>> {
        let context = key.map_or_else(|| Ok(jackstaff::Context::anonymous()), jackstaff::Context::new)?;
        let pairs = attributes.into_iter().flatten().map(|(name, value)| (name, value.into()));
        Ok(Arc::new(Self(context.with_attributes(Attributes::new(pairs)?))))
    }

    /// The targeting key.
    pub fn key(&self) -> Option<String> {
        self.0.key().map(str::to_owned)
    }

    /// The number by which the check finds this context; good as long as the object lives. Not for applications.
    pub fn door(&self) -> u64 {
        std::ptr::from_ref(&self.0) as u64
    }
}
