//! What the registry gives back to the driver.

use bytes::Bytes;
use herenow_protocol::{CloseCode, Member};

use crate::ConnectionId;
use crate::store::Request;

/// Something for the driver to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send one encoded frame. The driver joins the frames of one drain to one WebSocket message.
    Send {
        /// To whom.
        connection: ConnectionId,
        /// The frame, in the connection's encoding.
        frame: Bytes,
    },
    /// Ask the shared store, then call [`Registry::handle_store`](crate::Registry::handle_store) with what it answers, or
    /// [`Registry::handle_store_failure`](crate::Registry::handle_store_failure). Only from a registry that shares one.
    Ask(Request),
    /// Send a WebSocket ping.
    Ping {
        /// To whom.
        connection: ConnectionId,
    },
    /// Close the socket after what was sent. The registry has forgotten the connection.
    Close {
        /// Whose.
        connection: ConnectionId,
        /// The close code.
        code: CloseCode,
        /// The reason, at most 123 bytes.
        reason: &'static str,
    },
}

/// A page of a channel's members, ordered by user id.
#[derive(Clone, Debug, PartialEq)]
pub struct UsersPage {
    /// The members of this page.
    pub users: Vec<Member>,
    /// All members of the channel.
    pub count: u64,
    /// The `after` of the next page; `None` on the last one.
    pub next: Option<String>,
    /// Milliseconds for which members may still be missing after a restart; 0 when settled.
    pub settles_in_ms: u64,
}
