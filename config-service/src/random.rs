//! Random text and numbers, from the operating system.

/// The digits of base 62, in the order of ASCII.
pub const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `length` random base-62 digits, each as likely as any other.
///
/// # Errors
/// The operating system has no randomness to give: nothing that needs it may go on.
pub fn text(length: usize) -> Result<String, String> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).map_err(|error| format!("the operating system gives no random numbers: {error}"))?;
        // Bytes past the last multiple of 62 are dropped: taking them modulo 62 would favour the first digits.
        let digits = bytes.iter().filter(|byte| **byte < 248).map(|byte| DIGITS[usize::from(*byte % 62)] as char);
        text.extend(digits.take(length - text.len()));
    }
    Ok(text)
}

/// A number below `limit`, for jitter: without randomness it is the middle, which harms nobody.
pub fn jitter(limit: u64) -> u64 {
    getrandom::u64().map_or(limit / 2, |number| number % limit.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_length_and_differs() {
        let (a, b) = (text(43).unwrap(), text(43).unwrap());
        assert_eq!(a.len(), 43);
        assert_ne!(a, b);
        assert!(a.bytes().all(|byte| DIGITS.contains(&byte)));
        assert!((0..100).all(|_| jitter(10) < 10));
    }
}
