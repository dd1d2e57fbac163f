//! Messages of a client, and what they hold.

use herenow_protocol::codec::{self, Decoded};
use herenow_protocol::{ClientFrame, CloseCode, Encoding, FrameId};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::outbox::Closing;

/// Frames handed to the registry in one command, so that what waits for it is bounded.
const MAX_CHUNK: usize = 256;

/// What a WebSocket message of a client is.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Frames.
    Frames(Vec<Decoded<ClientFrame>>),
    /// A ping: it lives.
    Ping,
    /// A pong: it lives, too.
    Pong,
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
        (Message::Ping(_) | Message::Frame(_), _) => return Ok(Incoming::Ping),
        (Message::Pong(_), _) => return Ok(Incoming::Pong),
        (Message::Close(_), _) => return Ok(Incoming::Close),
    };
    frames.map(Incoming::Frames).map_err(|_| NO_FRAMES)
}

/// Whether an error while reading means that the client is gone. If not, it has sent what is no WebSocket message.
pub(crate) const fn is_lost(error: &Error) -> bool {
    match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => true,
        Error::Capacity(_) | Error::Protocol(_) | Error::Utf8(_) | Error::AttackAttempt => false,
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => true,
    }
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
