//! What scripts answer: a word, the epoch, the time, and the rest.

use herenow_protocol::{Attributes, Epoch};
use redis::Value;

use super::super::StoreError;

/// An answer of a script.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) word: String,
    /// `None` where the partition has no life.
    pub(super) epoch: Option<Epoch>,
    /// Redis' own time, in milliseconds.
    pub(super) now_ms: u64,
    rest: std::vec::IntoIter<Value>,
}

impl Reply {
    pub(super) fn new(value: Value) -> Result<Self, StoreError> {
        let mut rest = list(value)?.into_iter();
        let mut next = || rest.next().ok_or(StoreError::Answer("it is too short"));
        let word = text(next()?)?;
        let epoch = Epoch::parse(&text(next()?)?);
        let now_ms = number(next()?)?;
        Ok(Self { word, epoch, now_ms, rest })
    }

    pub(super) fn value(&mut self) -> Result<Value, StoreError> {
        self.rest.next().ok_or(StoreError::Answer("it is too short"))
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        number(self.value()?)
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        text(self.value()?)
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>, StoreError> {
        list(self.value()?)?.into_iter().map(text).collect()
    }

    /// What is left.
    pub(super) fn rest(self) -> impl Iterator<Item = Value> {
        self.rest
    }
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(StoreError::Answer("no list where there is one")),
    }
}

pub(super) fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        _ => Err(StoreError::Answer("no text where there is one")),
    }
}

pub(super) fn text(value: Value) -> Result<String, StoreError> {
    String::from_utf8(bytes(value)?).map_err(|_| StoreError::Answer("a text is no UTF-8"))
}

pub(super) fn number(value: Value) -> Result<u64, StoreError> {
    let read = match value {
        Value::Int(number) => u64::try_from(number).ok(),
        Value::BulkString(bytes) => std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()),
        _ => None,
    };
    read.ok_or(StoreError::Answer("no number where there is one"))
}

/// Attributes as the store keeps them: JSON, and nothing where there are none.
pub(super) fn attributes(value: Value) -> Result<Attributes, StoreError> {
    let bytes = bytes(value)?;
    if bytes.is_empty() {
        return Ok(Attributes::new());
    }
    serde_json::from_slice(&bytes).map_err(|_| StoreError::Answer("attributes are not of their form"))
}

pub(super) fn packed(attributes: &Attributes) -> Vec<u8> {
    if attributes.is_empty() {
        return Vec::new();
    }
    // Strings by strings: there is nothing that JSON cannot hold.
    serde_json::to_vec(attributes).unwrap_or_default()
}
