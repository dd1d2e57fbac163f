//! The checks of names and attributes, used by the SDK before it sends and by the server on what it received.

use crate::limits::{
    MAX_APPLICATION_BYTES, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, MAX_CHANNEL_BYTES, MAX_KEY_BYTES,
    MAX_USER_BYTES, MAX_VALUE_BYTES,
};
use crate::{Attributes, Code};

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// What happened, in one sentence without a full stop.
    pub message: &'static str,
}

const fn refuse(code: Code, message: &'static str) -> Refusal {
    Refusal { code, message }
}

fn name(text: &str, max_bytes: usize, message: &'static str) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > max_bytes || text.chars().any(char::is_control) {
        return Err(refuse(Code::InvalidArgument, message));
    }
    Ok(())
}

/// Checks a channel's name.
pub fn channel(text: &str) -> Result<(), Refusal> {
    name(
        text,
        MAX_CHANNEL_BYTES,
        "a channel is a string of 1 to 128 bytes of UTF-8 without control characters",
    )
}

/// Checks a `userProfileId`.
pub fn user(text: &str) -> Result<(), Refusal> {
    name(
        text,
        MAX_USER_BYTES,
        "a userProfileId is a string of 1 to 128 bytes of UTF-8 without control characters",
    )
}

/// Checks a `clientId`.
pub fn application(text: &str) -> Result<(), Refusal> {
    name(
        text,
        MAX_APPLICATION_BYTES,
        "a clientId is a string of 1 to 128 bytes of UTF-8 without control characters",
    )
}

/// Checks the number of attributes and their sizes.
pub fn attributes(attributes: &Attributes) -> Result<(), Refusal> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(refuse(Code::TooLarge, "there are more than 32 attributes"));
    }
    for (key, value) in attributes.iter() {
        if key.is_empty() {
            return Err(refuse(Code::InvalidArgument, "the key of an attribute is empty"));
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(refuse(Code::TooLarge, "the key of an attribute has more than 64 bytes"));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(refuse(Code::TooLarge, "the value of an attribute has more than 1024 bytes"));
        }
    }
    if attributes.byte_len() > MAX_ATTRIBUTES_BYTES {
        return Err(refuse(Code::TooLarge, "the attributes have more than 8192 bytes together"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_1_to_128_bytes() {
        assert!(channel("").is_err());
        assert!(channel("a").is_ok());
        assert!(channel(&"a".repeat(128)).is_ok());
        assert!(channel(&"a".repeat(129)).is_err());
        assert!(channel(&"é".repeat(64)).is_ok(), "bytes are counted, not characters");
        assert!(channel(&"é".repeat(65)).is_err());
        assert!(channel("__proto__").is_ok());
        assert!(channel("a\u{7f}").is_err());
    }

    #[test]
    fn attributes_are_refused_one_beyond_each_limit() {
        let many = |n: usize| (0..n).map(|i| (format!("k{i}"), "v")).collect::<Attributes>();
        assert!(attributes(&many(32)).is_ok());
        assert_eq!(attributes(&many(33)).map_err(|r| r.code), Err(Code::TooLarge));
        let one = |key: usize, value: usize| Attributes::from_iter([("k".repeat(key), "v".repeat(value))]);
        assert!(attributes(&one(64, 1024)).is_ok());
        assert!(attributes(&one(65, 1)).is_err());
        assert!(attributes(&one(1, 1025)).is_err());
        assert!(attributes(&one(0, 1)).is_err());
        let filled = |last: usize| {
            (0..8)
                .map(|i| (format!("{i:08}"), "v".repeat(if i == 7 { last } else { 1016 })))
                .collect::<Attributes>()
        };
        assert!(attributes(&filled(1016)).is_ok());
        assert_eq!(attributes(&filled(1017)).map_err(|r| r.code), Err(Code::TooLarge));
    }
}
