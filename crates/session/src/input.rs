//! What the driver tells a session.

use herenow_protocol::{Attributes, DEFAULT_CLIENT_ID};

/// A time in milliseconds, of a clock that the driver chooses. It must not run backwards; it may jump ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The time `delay_ms` later; the end of time where that does not exist.
    pub const fn after(self, delay_ms: u64) -> Self {
        Self(self.0.saturating_add(delay_ms))
    }

    /// Milliseconds from `earlier` to this; 0 when `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Names a promise of the driver's. Each is settled exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromiseId(pub u32);

/// The number of an attempt to open a socket. What happens to an older one than the last is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// What a session is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The application.
    pub client_id: String,
    /// Milliseconds after which a promise rejects with `timeout` or `unavailable`.
    pub request_timeout_ms: u64,
    /// Whether attributes are set again when a membership began anew without them.
    pub restore_attributes: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { client_id: DEFAULT_CLIENT_ID.into(), request_timeout_ms: 10_000, restore_attributes: false }
    }
}

/// Random numbers from the driver's secure source.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// The session's secret.
    pub session: u128,
    /// For jitter, hashing and a later secret.
    pub random: u64,
}

/// What the app wants. Each intent's promise settles once.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Be present in a channel.
    Join {
        /// Resolves with [`Settled::Done`](crate::Settled::Done).
        promise: PromiseId,
        /// The channel.
        channel: String,
    },
    /// Be present no more.
    Leave {
        /// Resolves with [`Settled::Done`](crate::Settled::Done).
        promise: PromiseId,
        /// The channel.
        channel: String,
    },
    /// Replace the own attributes in a channel.
    Set {
        /// Resolves with [`Settled::Attributes`](crate::Settled::Attributes).
        promise: PromiseId,
        /// The channel, which must be joined or joining.
        channel: String,
        /// All attributes from now on.
        attributes: Attributes,
    },
    /// Be told the events of a channel.
    Observe {
        /// Resolves with [`Settled::Done`](crate::Settled::Done).
        promise: PromiseId,
        /// The channel.
        channel: String,
    },
    /// Be told no more.
    Unobserve {
        /// Resolves with [`Settled::Done`](crate::Settled::Done).
        promise: PromiseId,
        /// The channel.
        channel: String,
    },
    /// End the session for good: every promise that waits, and every later one, rejects with `closed`.
    Close {
        /// Resolves with [`Settled::Done`](crate::Settled::Done).
        promise: PromiseId,
    },
}

/// What happened to a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    /// It is open: messages can be sent.
    Opened,
    /// It is closed, or could not be opened (code 1006).
    Closed {
        /// The close code.
        code: u16,
        /// The close reason.
        reason: String,
    },
    /// The platform has no sockets, or does not allow one to this address.
    Impossible,
}

/// What happened to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// The page goes away, perhaps into the back/forward cache.
    PageHide,
    /// The page is back.
    PageShow,
    /// A frozen page runs again.
    Resume,
    /// The network is there again.
    Online,
    /// The page can be seen again.
    Visible,
}
