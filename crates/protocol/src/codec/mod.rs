//! Frames to bytes and back, in the two encodings.

pub mod compact;
#[cfg(feature = "json")]
pub mod json;
pub mod postcard;

/// How a connection's messages are written; chosen by the WebSocket subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Text, `herenow.v1.json`.
    Json,
    /// Binary, `herenow.v1.postcard`.
    Postcard,
}

impl Encoding {
    /// The WebSocket subprotocol.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Encoding::Json => "herenow.v1.json",
            Encoding::Postcard => "herenow.v1.postcard",
        }
    }

    /// The encoding of a subprotocol; `None` for one that this version does not speak.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        [Encoding::Json, Encoding::Postcard].into_iter().find(|encoding| encoding.subprotocol() == name)
    }
}

/// One frame of a message, as far as it could be understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded<F> {
    /// A frame.
    Frame(F),
    /// A frame of a kind that this version does not know.
    Unknown {
        /// The request, where it can be told.
        id: Option<crate::FrameId>,
    },
    /// A frame of a known kind whose fields are missing or of a wrong type.
    Malformed {
        /// The request, where it can be told.
        id: Option<crate::FrameId>,
    },
}

/// A message is not a list of frames at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMessage;
