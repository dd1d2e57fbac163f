//! Messages: many frames of one drain to one message, and back.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes};
use herenow_protocol::codec::{self, Decoded};
use herenow_protocol::{ClientFrame, CloseCode, Encoding, FrameId};
use tokio_tungstenite::tungstenite::Message;

use super::wire::begin_message;
use crate::outbox::Closing;

/// Frames are joined up to this many bytes; a larger frame is a message of its own.
const MAX_JOINED_BYTES: usize = 64 * 1024;
/// Frames handed to the registry in one command, so that what waits for it is bounded.
const MAX_CHUNK: usize = 256;

/// Takes frames from the front of `queue` and joins them to a message with its header. Gives it and the bytes of its
/// frames.
pub(crate) fn join(queue: &mut VecDeque<Bytes>, encoding: Encoding) -> Option<(Bytes, usize)> {
    let mut frames_bytes = 0;
    let fits = |frame: &&Bytes| {
        let first = frames_bytes == 0;
        frames_bytes += frame.len();
        first || frames_bytes <= MAX_JOINED_BYTES
    };
    let count = queue.iter().take_while(fits).count();
    if count == 0 {
        return None;
    }
    let frames_bytes: usize = queue.iter().take(count).map(Bytes::len).sum();
    match encoding {
        Encoding::Json => {
            // Brackets around, commas between.
            let mut message = begin_message(encoding, frames_bytes + count + 1);
            let mut before = b'[';
            for frame in queue.drain(..count) {
                message.put_u8(before);
                message.put_slice(&frame);
                before = b',';
            }
            message.put_u8(b']');
            Some((message.freeze(), frames_bytes))
        }
        Encoding::Postcard => {
            let mut message = begin_message(encoding, frames_bytes);
            queue.drain(..count).for_each(|frame| message.put_slice(&frame));
            Some((message.freeze(), frames_bytes))
        }
    }
}

/// What a WebSocket message of a client is.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Frames.
    Frames(Vec<Decoded<ClientFrame>>),
    /// A ping or a pong: it lives.
    Alive,
    /// It says goodbye to the socket.
    Close,
}

const WRONG_KIND: Closing =
    Closing { code: CloseCode::Protocol, reason: "text and binary messages are of different subprotocols" };
const NO_FRAMES: Closing = Closing { code: CloseCode::Protocol, reason: "a message is not a list of frames" };
/// Below the frames: larger than allowed, text that is no UTF-8, or no WebSocket message at all.
pub(crate) const BROKEN: Closing =
    Closing { code: CloseCode::Protocol, reason: "a message is too large or no WebSocket message" };

/// Reads a message.
pub(crate) fn read(message: &Message, encoding: Encoding) -> Result<Incoming, Closing> {
    let frames = match (message, encoding) {
        (Message::Text(text), Encoding::Json) => codec::json::decode(text.as_bytes()),
        (Message::Binary(bytes), Encoding::Postcard) => codec::postcard::decode(bytes),
        (Message::Text(_), Encoding::Postcard) | (Message::Binary(_), Encoding::Json) => {
            return Err(WRONG_KIND);
        }
        (Message::Ping(_) | Message::Pong(_) | Message::Frame(_), _) => return Ok(Incoming::Alive),
        (Message::Close(_), _) => return Ok(Incoming::Close),
    };
    frames.map(Incoming::Frames).map_err(|_| NO_FRAMES)
}

/// A part of a message, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    /// A token to verify.
    Token {
        /// The request.
        id: FrameId,
        /// The token.
        token: String,
    },
    /// Anything else, for the registry. Perhaps nothing.
    Frames(Vec<Decoded<ClientFrame>>),
}

/// Cuts frames into parts that each are one command for the registry; at least one.
pub(crate) fn parts(frames: Vec<Decoded<ClientFrame>>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut chunk = Vec::new();
    for frame in frames {
        if let Decoded::Frame(ClientFrame::Token { id, token }) = frame {
            if !chunk.is_empty() {
                parts.push(Part::Frames(std::mem::take(&mut chunk)));
            }
            parts.push(Part::Token { id, token });
            continue;
        }
        chunk.push(frame);
        if chunk.len() == MAX_CHUNK {
            parts.push(Part::Frames(std::mem::take(&mut chunk)));
        }
    }
    if !chunk.is_empty() || parts.is_empty() {
        parts.push(Part::Frames(chunk));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(frames: &[&'static str]) -> VecDeque<Bytes> {
        frames.iter().map(|frame| Bytes::from_static(frame.as_bytes())).collect()
    }

    #[test]
    fn frames_of_one_drain_are_one_message() {
        let mut frames = queue(&["{\"a\":1}", "{\"b\":2}"]);
        let joined = join(&mut frames, Encoding::Json);
        assert_eq!(joined, Some((Bytes::from_static(b"\x81\x11[{\"a\":1},{\"b\":2}]"), 14)));
        assert_eq!(join(&mut frames, Encoding::Json), None);
        assert_eq!(
            join(&mut queue(&["ab", "cd"]), Encoding::Postcard),
            Some((Bytes::from_static(b"\x82\x04abcd"), 4))
        );
    }

    #[test]
    fn a_message_is_bounded_but_for_one_large_frame() {
        let large = Bytes::from(vec![b'x'; MAX_JOINED_BYTES + 1]);
        let half = Bytes::from(vec![b'x'; MAX_JOINED_BYTES / 2]);
        let mut frames = VecDeque::from([large, half.clone(), half.clone(), half]);
        let mut sizes = Vec::new();
        while let Some((_, bytes)) = join(&mut frames, Encoding::Postcard) {
            sizes.push(bytes);
        }
        assert_eq!(sizes, [MAX_JOINED_BYTES + 1, MAX_JOINED_BYTES, MAX_JOINED_BYTES / 2]);
    }

    #[test]
    fn tokens_keep_their_place_among_the_frames() {
        let leave = |id| Decoded::Frame(ClientFrame::Leave { id, channel: "c".into() });
        let token = |id| Decoded::Frame(ClientFrame::Token { id, token: "t".into() });
        let cut = parts(vec![leave(1), token(2), leave(3), leave(4)]);
        let expected = [
            Part::Frames(vec![leave(1)]),
            Part::Token { id: 2, token: "t".into() },
            Part::Frames(vec![leave(3), leave(4)]),
        ];
        assert_eq!(cut, expected);
        assert_eq!(parts(Vec::new()), [Part::Frames(Vec::new())], "an empty message was heard, too");
        let many = parts((0..600).map(leave).collect());
        assert_eq!(many.len(), 3);
    }
}
