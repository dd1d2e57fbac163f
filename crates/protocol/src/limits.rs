//! The limits of the protocol. `welcome` tells them to clients; both sides check them.

use crate::frames::Limits;

/// Bytes of a channel's name (UTF-8), at least 1.
pub const MAX_CHANNEL_BYTES: usize = 128;
/// Bytes of a `userProfileId` (UTF-8), at least 1.
pub const MAX_USER_BYTES: usize = 128;
/// Bytes of a `clientId` (UTF-8), at least 1.
pub const MAX_APPLICATION_BYTES: usize = 128;
/// Attributes of one member in one channel.
pub const MAX_ATTRIBUTES: usize = 32;
/// Bytes of an attribute's key, at least 1.
pub const MAX_KEY_BYTES: usize = 64;
/// Bytes of an attribute's value.
pub const MAX_VALUE_BYTES: usize = 1024;
/// Bytes of all keys and values of one member in one channel.
pub const MAX_ATTRIBUTES_BYTES: usize = 8 * 1024;
/// Bytes of one WebSocket message from a client.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Channels that one session has joined.
pub const MAX_JOINED: usize = 100;
/// Channels that one session observes.
pub const MAX_OBSERVED: usize = 100;
/// Sessions of one user.
pub const MAX_SESSIONS_PER_USER: usize = 20;
/// Bytes waiting for one connection, beyond which its diffs are dropped and a snapshot follows.
pub const MAX_OUTBOX_BYTES: usize = 256 * 1024;
/// Milliseconds that a full outbox may take to drain before the connection is closed with 4002.
pub const SLOW_READER_MS: u64 = 30_000;
/// Milliseconds from the upgrade to `hello`.
pub const HELLO_TIMEOUT_MS: u64 = 5_000;
/// Sequences are below this, so that a JavaScript number holds them exactly.
pub const MAX_SEQ: u64 = 1 << 53;
/// The application of clients that name none.
pub const DEFAULT_CLIENT_ID: &str = "default";

const FRAMES_PER_SECOND: u32 = 50;
/// A burst is four seconds' worth: 200 frames at the default rate.
const BURST_SECONDS: u32 = 4;

impl Limits {
    /// The limits with a rate of `frames_per_second` (0: no limit) and a burst of four seconds' worth.
    pub const fn with_rate(frames_per_second: u32) -> Self {
        Self {
            channel_bytes: MAX_CHANNEL_BYTES as u32,
            user_bytes: MAX_USER_BYTES as u32,
            attributes: MAX_ATTRIBUTES as u32,
            key_bytes: MAX_KEY_BYTES as u32,
            value_bytes: MAX_VALUE_BYTES as u32,
            attributes_bytes: MAX_ATTRIBUTES_BYTES as u32,
            message_bytes: MAX_MESSAGE_BYTES as u32,
            joined: MAX_JOINED as u32,
            observed: MAX_OBSERVED as u32,
            frames_per_second,
            burst: frames_per_second.saturating_mul(BURST_SECONDS),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::with_rate(FRAMES_PER_SECOND)
    }
}
