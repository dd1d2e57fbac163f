//! A change on its way to the store, and who waits for what it does.

use herenow_protocol::FrameId;

use crate::ConnectionId;
use crate::sessions::SessionId;
use crate::store::Op;

/// An op of a session.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) op: Op,
    pub(crate) session: SessionId,
    pub(crate) waiter: Waiter,
}

/// Who is told what an op did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiter {
    /// Nobody.
    Nobody,
    /// A connection that asked to join; and whether its session had not joined before.
    Join(ConnectionId, FrameId, IsFirst),
    /// A connection that asked to leave.
    Leave(ConnectionId, FrameId),
    /// A connection that set attributes.
    Set(ConnectionId, FrameId),
    /// A connection whose hello named the channel.
    Hello(ConnectionId),
    /// The session, if its membership had ended: the node's lease had.
    Assertion,
}

/// Whether a session did not hold what it asks to join.
pub(crate) type IsFirst = bool;

impl Waiter {
    /// The request that is refused where nobody answers. What was left is left, and what a hello names may wait.
    pub(crate) const fn refusable(self) -> Option<(ConnectionId, FrameId)> {
        match self {
            Waiter::Join(connection, id, _) | Waiter::Set(connection, id) => Some((connection, id)),
            Waiter::Nobody | Waiter::Leave(..) | Waiter::Hello(_) | Waiter::Assertion => None,
        }
    }
}
