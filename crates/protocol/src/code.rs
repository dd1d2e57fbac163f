//! The error codes: one table for the server, the SDK, the types and the docs.

use core::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $retryable:literal, $remedy:literal;)*) => {
        /// What went wrong, as a stable word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the binary encoding. New ones are appended.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The word on the wire and in `PresenceError.code`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The HTTP status of an answer with this code.
            pub const fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* }
            }

            /// Whether the same call may succeed later.
            pub const fn retryable(self) -> bool {
                match self { $(Code::$name => $retryable,)* }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Code::$name => $remedy,)* }
            }
        }
    };
}

codes! {
    /// An argument is missing or not of its form.
    InvalidArgument = "invalid_argument", 400, false, "Correct the argument that the message names.";
    /// Attributes need a membership.
    NotJoined = "not_joined", 409, false, "Call joinPresenceChannel for this channel first.";
    /// There is no valid token.
    Unauthorized = "unauthorized", 401, false, "Give init a valid accessToken.";
    /// The token was valid once.
    TokenExpired = "token_expired", 401, false, "Give init a new accessToken, or a function that fetches one.";
    /// The token or the origin does not allow this.
    Forbidden = "forbidden", 403, false, "Use a token, a channel and an origin that the server allows.";
    /// Too many calls in a short time.
    RateLimited = "rate_limited", 429, true, "Wait a moment and call less often.";
    /// Attributes or a message are over a limit of size.
    TooLarge = "too_large", 413, false, "Make the attributes smaller.";
    /// A limit of number is reached: channels, sessions, connections.
    LimitReached = "limit_reached", 429, false, "Leave channels or close sessions that are no longer needed.";
    /// There was no answer in time.
    Timeout = "timeout", 504, true, "Check the network, then try again.";
    /// The server cannot be reached or cannot answer now.
    Unavailable = "unavailable", 503, true, "Check that the server runs and the endpoint is right, then try again.";
    /// The client was closed.
    Closed = "closed", 410, false, "Make a new PresenceClient, or call init.";
    /// The other side does not know this.
    Unsupported = "unsupported", 501, false, "Update the package or the server, or use another platform.";
    /// A mistake of herenow itself.
    Internal = "internal", 500, false, "Call init to start anew, and report this error.";
}

impl Code {
    /// The code of a word; `None` for an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.as_str())
        } else {
            serializer.serialize_u8(*self as u8)
        }
    }
}

/// A code from a newer version reads as [`Code::Internal`], so that its request still settles.
impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Code;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an error code")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Code, E> {
                Ok(Code::parse(text).unwrap_or(Code::Internal))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Word)
        } else {
            let index = u8::deserialize(deserializer)?;
            Ok(Self::ALL.get(usize::from(index)).copied().unwrap_or(Code::Internal))
        }
    }
}
