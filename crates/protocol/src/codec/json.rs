//! The text encoding: a message is a JSON array of frames, a frame an object with one key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Decoded, NotAMessage};
use crate::{ClientFrame, FrameId, ServerFrame};

/// A frame type and the keys of those this version knows.
pub trait Keys {
    /// One key a variant.
    const KEYS: &[&str];
}

impl Keys for ClientFrame {
    const KEYS: &[&str] = &["hello", "join", "leave", "set", "observe", "unobserve", "token", "bye"];
}

impl Keys for ServerFrame {
    const KEYS: &[&str] = &[
        "welcome",
        "ok",
        "error",
        "snapshot",
        "diff",
        "tick",
        "going_away",
        "membership",
        "left",
        "occupancy",
    ];
}

/// Encodes one frame; a message is these in brackets, with commas between.
pub fn encode<F: Serialize>(frame: &F) -> Vec<u8> {
    serde_json::to_vec(frame).unwrap_or_default()
}

/// Decodes a message.
pub fn decode<F: Keys + DeserializeOwned>(message: &[u8]) -> Result<Vec<Decoded<F>>, NotAMessage> {
    let frames: Vec<&RawValue> = serde_json::from_slice(message).map_err(|_| NotAMessage)?;
    frames.into_iter().map(|frame| decode_frame(frame.get())).collect()
}

fn decode_frame<F: Keys + DeserializeOwned>(text: &str) -> Result<Decoded<F>, NotAMessage> {
    if let Ok(frame) = serde_json::from_str(text) {
        return Ok(Decoded::Frame(frame));
    }
    let frame: Object<'_> = serde_json::from_str(text).map_err(|_| NotAMessage)?;
    let mut entries = frame.into_iter();
    let (Some((key, body)), None) = (entries.next(), entries.next()) else {
        return Err(NotAMessage);
    };
    let id = request_id(body.get());
    Ok(if F::KEYS.contains(&key.as_str()) { Decoded::Malformed { id } } else { Decoded::Unknown { id } })
}

/// An object whose values are not looked into: however deep they are nested, they cost no stack.
type Object<'a> = BTreeMap<String, &'a RawValue>;

fn request_id(body: &str) -> Option<FrameId> {
    let body: Object<'_> = serde_json::from_str(body).ok()?;
    serde_json::from_str(body.get("id")?.get()).ok()
}
