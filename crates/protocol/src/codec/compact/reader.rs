//! Reading a message of server frames.

use crate::codec::NotAMessage;
use crate::codec::postcard::{PADDING_BYTES, varint};
use crate::{
    Attributes, Code, Epoch, Granted, Limits, Member, Mode, Occupancy, Refused, ServerFrame, Snapshot,
    Transition, Welcome,
};

/// Decodes a message. Frames of unknown kinds and malformed ones are left out.
pub fn decode(mut message: &[u8]) -> Result<Vec<ServerFrame>, NotAMessage> {
    let mut frames = Vec::new();
    while !message.is_empty() {
        let (length, rest) = varint(message).ok_or(NotAMessage)?;
        let body = rest.get(..length as usize).ok_or(NotAMessage)?;
        message = &rest[length as usize..];
        let (kind, rest) = varint(body).ok_or(NotAMessage)?;
        let mut fields = Fields { rest, padding_bytes: PADDING_BYTES, failed: false };
        let frame = fields.frame(kind);
        if !fields.failed {
            frames.extend(frame);
        }
    }
    Ok(frames)
}

/// The fields of a frame, followed by a few zeros. What cannot be read reads as nothing, and marks the frame as failed.
struct Fields<'a> {
    rest: &'a [u8],
    padding_bytes: usize,
    failed: bool,
}

impl Fields<'_> {
    fn frame(&mut self, kind: u32) -> Option<ServerFrame> {
        Some(match kind {
            0 => ServerFrame::Welcome(Welcome {
                user: self.text(),
                node: self.text(),
                expires_in_ms: self.option(),
                ping_interval_ms: self.number(),
                grace_ms: self.number(),
                limits: self.limits(),
                joined: self.list(Self::granted),
                refused: self.list(Self::refused),
            }),
            1 => ServerFrame::Ok {
                id: self.short(),
                fresh: self.bool().then(|| self.bool()),
                expires_in_ms: self.option(),
            },
            2 => ServerFrame::Error {
                id: self.short(),
                code: self.code(),
                message: self.text(),
                retry_in_ms: self.option(),
            },
            3 => ServerFrame::Snapshot(Snapshot {
                channel: self.text(),
                epoch: Epoch(self.number()),
                seq: self.number(),
                mode: self.mode(),
                settles_in_ms: self.number(),
                members: self.list(Self::member),
                more: self.bool(),
            }),
            4 => ServerFrame::Diff {
                channel: self.text(),
                prev: self.number(),
                seq: self.number(),
                transitions: self.list(Self::transition),
            },
            5 => ServerFrame::Tick {},
            6 => ServerFrame::GoingAway { reconnect_in_ms: self.number() },
            7 => ServerFrame::Membership(self.granted()),
            8 => ServerFrame::Left(self.refused()),
            9 => ServerFrame::Occupancy(Occupancy {
                channel: self.text(),
                epoch: Epoch(self.number()),
                seq: self.number(),
                mode: self.mode(),
                count: self.number(),
                joins: self.number(),
                departures: self.number(),
                sample: self.list(Self::member),
                changes: self.list(Self::transition),
                truncated: self.bool(),
            }),
            _ => return None,
        })
    }

    fn granted(&mut self) -> Granted {
        Granted { channel: self.text(), fresh: self.bool() }
    }

    fn refused(&mut self) -> Refused {
        Refused { channel: self.text(), code: self.code() }
    }

    fn member(&mut self) -> Member {
        Member { user: self.text(), attributes: self.attributes() }
    }

    fn transition(&mut self) -> Transition {
        let kind = self.short();
        let user = self.text();
        match kind {
            0 => Transition::Join { user },
            1 => Transition::Leave { user },
            2 => Transition::Timeout { user },
            _ => {
                self.failed |= kind != 3;
                Transition::Set { user, attributes: self.attributes() }
            }
        }
    }

    fn attributes(&mut self) -> Attributes {
        let mut attributes = Attributes::new();
        for _ in 0..self.number() {
            let (key, value) = (self.text(), self.text());
            if self.failed {
                break;
            }
            attributes.insert_bounded(key, value);
        }
        attributes
    }

    fn limits(&mut self) -> Limits {
        Limits {
            channel_bytes: self.short(),
            user_bytes: self.short(),
            attributes: self.short(),
            key_bytes: self.short(),
            value_bytes: self.short(),
            attributes_bytes: self.short(),
            message_bytes: self.short(),
            joined: self.short(),
            observed: self.short(),
            frames_per_second: self.short(),
            burst: self.short(),
        }
    }

    fn mode(&mut self) -> Mode {
        match self.short() {
            0 => Mode::Full,
            1 => Mode::Interval,
            2 => Mode::Count,
            _ => {
                self.failed = true;
                Mode::Count
            }
        }
    }

    fn code(&mut self) -> Code {
        Code::ALL.get(usize::from(self.byte())).copied().unwrap_or(Code::Internal)
    }

    /// Stops at the end of the frame, however many entries the list says it has.
    fn list<T>(&mut self, entry: fn(&mut Self) -> T) -> Vec<T> {
        let mut list = Vec::new();
        for _ in 0..self.number() {
            let next = entry(self);
            if self.failed {
                break;
            }
            list.push(next);
        }
        list
    }

    fn option(&mut self) -> Option<u64> {
        self.bool().then(|| self.number())
    }

    fn bool(&mut self) -> bool {
        let byte = self.byte();
        self.failed |= byte > 1;
        byte == 1
    }

    fn text(&mut self) -> String {
        // More than an address has bits for is longer than the frame, too.
        let length = usize::try_from(self.number()).unwrap_or(usize::MAX);
        let Some((text, rest)) = self.rest.split_at_checked(length) else {
            self.failed = true;
            return String::new();
        };
        self.rest = rest;
        match core::str::from_utf8(text) {
            Ok(text) => text.into(),
            Err(_) => {
                self.failed = true;
                String::new()
            }
        }
    }

    fn short(&mut self) -> u32 {
        self.varint(32) as u32
    }

    fn number(&mut self) -> u64 {
        self.varint(64)
    }

    /// A number of so many bits; one that has more fails.
    fn varint(&mut self, bits: u32) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte();
            if shift + 7 > bits && byte >> (bits - shift) != 0 {
                self.failed = true;
                return 0;
            }
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                *first
            }
            None => {
                self.failed |= self.padding_bytes == 0;
                self.padding_bytes = self.padding_bytes.saturating_sub(1);
                0
            }
        }
    }
}
