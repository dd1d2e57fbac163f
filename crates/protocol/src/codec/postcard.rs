//! The binary encoding: a message is a run of frames, each led by its length as a varint.
//!
//! The length lets a reader skip frames that it does not know and bytes that were appended to those it does. A frame
//! of an older writer may lack the newest fields: they read as zero, which is their default. Only frames have a length:
//! the records within them (a member, a position, the limits) never change their fields.

use ::postcard::de_flavors::Flavor;
use ::postcard::{Deserializer, Error, Result};
use serde::{Deserialize, Serialize};

use super::{Decoded, NotAMessage};
use crate::{ClientFrame, FrameId, ServerFrame};

/// How many bytes beyond the end of a frame read as zero.
pub(super) const PADDING_BYTES: usize = 16;

/// A frame type and how many kinds of it this version knows.
pub trait Kinds {
    /// The number of variants.
    const KINDS: u32;

    /// Whether a frame of this kind, known or not, begins with the number of its request.
    fn begins_with_id(kind: u32) -> bool;
}

impl Kinds for ClientFrame {
    const KINDS: u32 = 8;

    /// All do but `hello` and `bye`, and all that are ever appended must.
    fn begins_with_id(kind: u32) -> bool {
        !matches!(kind, 0 | 7)
    }
}

impl Kinds for ServerFrame {
    const KINDS: u32 = 10;

    /// Only `ok` and `error` do.
    fn begins_with_id(kind: u32) -> bool {
        matches!(kind, 1 | 2)
    }
}

/// Encodes one frame with its length in front; a message is a run of these.
pub fn encode<F: Serialize>(frame: &F) -> Vec<u8> {
    let mut message = Vec::new();
    append(frame, &mut message);
    message
}

/// Encodes one frame more of a message.
pub fn append<F: Serialize>(frame: &F, out: &mut Vec<u8>) {
    let body = ::postcard::to_allocvec(frame).unwrap_or_default();
    out.reserve(body.len() + 3);
    let mut rest = body.len();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(&body);
}

/// Decodes a message.
pub fn decode<'a, F: Kinds + Deserialize<'a>>(
    mut message: &'a [u8],
) -> core::result::Result<Vec<Decoded<F>>, NotAMessage> {
    let mut frames = Vec::new();
    while !message.is_empty() {
        let (length, rest) = varint(message).ok_or(NotAMessage)?;
        let body = rest.get(..length as usize).ok_or(NotAMessage)?;
        message = &rest[length as usize..];
        frames.push(decode_frame(body)?);
    }
    Ok(frames)
}

fn decode_frame<'a, F: Kinds + Deserialize<'a>>(
    body: &'a [u8],
) -> core::result::Result<Decoded<F>, NotAMessage> {
    let (kind, fields) = varint(body).ok_or(NotAMessage)?;
    let id = || if F::begins_with_id(kind) { varint(fields).map(|(id, _): (FrameId, _)| id) } else { None };
    if kind >= F::KINDS {
        return Ok(Decoded::Unknown { id: id() });
    }
    let mut deserializer = Deserializer::from_flavor(Padded { rest: body, padding_bytes: PADDING_BYTES });
    Ok(match F::deserialize(&mut deserializer) {
        Ok(frame) => Decoded::Frame(frame),
        Err(_) => Decoded::Malformed { id: id() },
    })
}

/// Reads a varint of at most 32 bits.
pub(super) fn varint(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u32;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        let bits = u32::from(byte & 0x7f);
        if at == 4 && bits > 0x0f {
            return None;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// Bytes of a frame, followed by a few zeros.
struct Padded<'a> {
    rest: &'a [u8],
    padding_bytes: usize,
}

impl<'de> Flavor<'de> for Padded<'de> {
    type Remainder = ();
    type Source = ();

    fn pop(&mut self) -> Result<u8> {
        if let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(*first);
        }
        self.padding_bytes = self.padding_bytes.checked_sub(1).ok_or(Error::DeserializeUnexpectedEnd)?;
        Ok(0)
    }

    /// With it no more room is reserved for a list than its bytes could fill.
    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len() + self.padding_bytes)
    }

    fn try_take_n(&mut self, count: usize) -> Result<&'de [u8]> {
        if count > self.rest.len() {
            return Err(Error::DeserializeUnexpectedEnd);
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn finalize(self) -> Result<()> {
        Ok(())
    }
}
