//! The wire protocol of herenow: frames in two encodings, limits, codes and validation.
//!
//! Nothing here does input or output. `PROTOCOL.md` describes the same for other languages.

mod attributes;
mod close;
mod code;
mod frames;
mod ids;
mod limits;
mod validate;

pub mod codec;

pub use attributes::Attributes;
pub use close::CloseCode;
pub use code::Code;
pub use codec::{Decoded, Encoding};
pub use frames::{
    ClientFrame, FrameId, Granted, Hello, Limits, Member, Mode, Occupancy, Refused, ServerFrame, Snapshot,
    Transition, Welcome,
};
pub use ids::{Epoch, Position, SessionSecret};
pub use limits::{
    DEFAULT_CLIENT_ID, HELLO_TIMEOUT_MS, MAX_APPLICATION_BYTES, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES,
    MAX_CHANNEL_BYTES, MAX_JOINED, MAX_KEY_BYTES, MAX_MESSAGE_BYTES, MAX_OBSERVED, MAX_OUTBOX_BYTES, MAX_SEQ,
    MAX_SESSIONS_PER_USER, MAX_USER_BYTES, MAX_VALUE_BYTES, SLOW_READER_MS,
};
pub use validate::application as validate_application;
pub use validate::{
    Refusal, attributes as validate_attributes, channel as validate_channel, user as validate_user,
};
