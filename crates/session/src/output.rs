//! What a session tells the driver.

use std::borrow::Cow;
use std::sync::Arc;

use herenow_protocol::{Attributes, ClientFrame, Code, Occupancy};

use crate::{PromiseId, SocketId};

/// What the driver has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Ask the token source, then answer with [`Session::handle_token`](crate::Session::handle_token).
    NeedToken {
        /// The token that was given before was refused or is about to expire.
        renew: bool,
    },
    /// Open a WebSocket.
    Connect {
        /// The number of this attempt.
        socket: SocketId,
    },
    /// Send one message.
    Send {
        /// The socket.
        socket: SocketId,
        /// What the message consists of.
        frames: Vec<ClientFrame>,
    },
    /// Close a socket. Nothing more of it needs to be reported.
    CloseSocket {
        /// The socket.
        socket: SocketId,
        /// The close code.
        code: u16,
        /// The close reason.
        reason: &'static str,
    },
    /// A promise is fulfilled.
    Resolve {
        /// The promise.
        promise: PromiseId,
        /// Its value.
        value: Settled,
    },
    /// A promise is broken.
    Reject {
        /// The promise.
        promise: PromiseId,
        /// Why.
        problem: Problem,
    },
    /// Events for the listeners, in order.
    Events(Vec<Event>),
    /// How a channel is told that is not told in full, or is in full again, and how many members it has. Its `changes`
    /// were told as events.
    Occupancy(Occupancy),
    /// The connection's state changed.
    State(StateChange),
    /// What was read about a channel earlier may no longer be true.
    Stale {
        /// The channel.
        channel: String,
    },
    /// Something that the app did not ask for and should know, for the log.
    Warn(String),
}

/// What a promise resolves with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nothing but that it is done.
    Done,
    /// The attributes as they were stored.
    Attributes(Attributes),
}

/// Why a promise rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// What happened, in one sentence without a full stop.
    pub message: Cow<'static, str>,
    /// Milliseconds after which it may be tried again.
    pub retry_in_ms: Option<u64>,
}

impl Problem {
    /// A problem whose message is known beforehand.
    pub const fn new(code: Code, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message), retry_in_ms: None }
    }
}

/// Something that a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The channel.
    pub channel: Arc<str>,
    /// What happened.
    pub kind: EventKind,
    /// To whom.
    pub user: String,
    /// All attributes, for an update; nothing otherwise.
    pub attributes: Option<Attributes>,
    /// Whether it was found out while catching up, instead of as it happened.
    pub sync: bool,
}

/// What happened to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The user became a member.
    Join,
    /// The user left by will.
    Leave,
    /// The user was lost.
    Timeout,
    /// The user's attributes changed.
    Update,
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is needed of the server.
    Idle,
    /// Connecting for the first time since idle.
    Connecting,
    /// Connected.
    Connected,
    /// The connection is lost; the next one is on its way.
    Reconnecting,
    /// Closed for good by the app.
    Closed,
    /// Ended for good by an error.
    Failed,
}

/// A change of the connection's state. Between two changes to [`State::Reconnecting`] only the time to wait differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The state from now on.
    pub state: State,
    /// The state until now.
    pub previous: State,
    /// Why, where there is more to say than the state's name.
    pub reason: Option<Cow<'static, str>>,
    /// Milliseconds until the next attempt.
    pub retry_in_ms: Option<u64>,
}
