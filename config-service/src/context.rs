//! A user id and attributes as requests and command lines give them, made one context.

use jackstaff::context::{Attributes, Context};
use jackstaff::value::Value;

/// The context of a user and attributes. The user is text or a number, whose digits it then is; it may be missing only where
/// attributes are given.
///
/// # Errors
/// A sentence that names what is wrong.
pub fn context_of(user_id: Option<Value>, attributes: Option<Value>) -> Result<Context, String> {
    let attributes = match attributes {
        None | Some(Value::Null) => None,
        Some(Value::Map(entries)) => {
            let pairs = entries.iter().map(|(name, value)| (name.clone(), value.clone()));
            Some(Attributes::new(pairs).map_err(|error| format!("context: {error}"))?)
        }
        Some(other) => return Err(format!("context has to be an object of attributes, and this is {}", other.type_name())),
    };
    let key = match user_id {
        None | Some(Value::Null) if attributes.is_none() => {
            return Err("user_id is missing: send it, or a context with attributes".to_owned());
        }
        None | Some(Value::Null) => None,
        Some(Value::Text(text)) => Some(text),
        Some(Value::Int(int)) => Some(int.to_string().into()),
        Some(Value::Float(float)) => Some(float.to_string().into()),
        Some(other) => return Err(format!("user_id has to be text or a number, and this is {}", other.type_name())),
    };
    let context = match key {
        None => Context::anonymous(),
        Some(key) => Context::new(key).map_err(|error| format!("user_id: {error}"))?,
    };
    Ok(context.with_attributes(attributes.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_text_or_numbers() {
        let key = |user: Value| context_of(Some(user), None).map(|context| context.key().map(str::to_owned));
        assert_eq!(key("u".into()).unwrap().as_deref(), Some("u"));
        assert_eq!(key(Value::Int(-7)).unwrap().as_deref(), Some("-7"));
        assert_eq!(key(Value::Float(1.5)).unwrap().as_deref(), Some("1.5"));
        assert!(key(Value::Bool(true)).unwrap_err().contains("boolean"));
        assert!(context_of(None, None).is_err());
        assert!(context_of(None, Some(Value::Int(1))).is_err());
        assert_eq!(context_of(None, Some(Value::Map([].into()))).unwrap().key(), None);
    }
}
