//! Ties sessions, store and fan-out together.

use herenow_protocol::{Attributes, ClientFrame, Decoded, Encoding, FrameId, Hello, Refusal};

use crate::{Config, ConnectionId, Identity, Millis, Output, UsersPage};

/// All presence of one node.
#[derive(Debug)]
pub struct Registry {
    config: Config,
}

impl Registry {
    /// Starts with nobody present, in a new epoch made from `seed` that settles one grace after `now`.
    pub fn new(config: Config, seed: u64, now: Millis) -> Self {
        let _ = (seed, now);
        Self { config }
    }

    /// A socket was opened.
    pub fn handle_connect(&mut self, now: Millis, connection: ConnectionId, encoding: Encoding) {
        let _ = (now, connection, encoding);
    }

    /// A connection said hello with a token that the driver has verified.
    pub fn handle_hello(&mut self, now: Millis, connection: ConnectionId, hello: Hello, identity: Identity) {
        let _ = (now, connection, hello, identity);
    }

    /// All other frames of a message. A hello in here is a protocol error; a `token` is skipped, since the driver
    /// verifies it and calls [`Registry::handle_token`].
    pub fn handle_frames(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        frames: Vec<Decoded<ClientFrame>>,
    ) {
        let _ = (now, connection, frames);
    }

    /// The driver has verified the token of a `token` frame.
    pub fn handle_token(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        id: FrameId,
        outcome: Result<Identity, Refusal>,
    ) {
        let _ = (now, connection, id, outcome);
    }

    /// A pong or anything else arrived.
    pub fn handle_heard(&mut self, now: Millis, connection: ConnectionId) {
        let _ = (now, connection);
    }

    /// So many bytes of what [`Output::Send`] gave have left.
    pub fn handle_written(&mut self, now: Millis, connection: ConnectionId, bytes: usize) {
        let _ = (now, connection, bytes);
    }

    /// The socket is gone.
    pub fn handle_disconnect(&mut self, now: Millis, connection: ConnectionId) {
        let _ = (now, connection);
    }

    /// The server stops: tells everybody to come back at a time spread over `over_ms`.
    pub fn handle_shutdown(&mut self, now: Millis, over_ms: u64) {
        let _ = (now, over_ms);
    }

    /// A deadline of [`Registry::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Millis) {
        let _ = now;
    }

    /// What to do next; `None` when all is done. Flushing happens here.
    pub fn poll_output(&mut self, now: Millis) -> Option<Output> {
        let _ = now;
        None
    }

    /// When to call [`Registry::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Millis> {
        None
    }

    /// Members of a channel, ordered by user id, those after `after`, at most `limit` (at least 1).
    pub fn users(
        &self,
        now: Millis,
        application: &str,
        channel: &str,
        after: Option<&str>,
        limit: usize,
    ) -> UsersPage {
        let _ = (now, application, channel, after, limit);
        UsersPage { users: Vec::new(), count: 0, next: None, settles_in_ms: self.config.grace_ms }
    }

    /// The attributes of a member; none for a user who is no member.
    pub fn attributes(&self, application: &str, channel: &str, user: &str) -> Attributes {
        let _ = (application, channel, user);
        Attributes::new()
    }

    /// How many members a channel has.
    pub fn count(&self, application: &str, channel: &str) -> u64 {
        let _ = (application, channel);
        0
    }

    /// The channels that a user is a member of, sorted.
    pub fn user_channels(&self, application: &str, user: &str) -> Vec<String> {
        let _ = (application, user);
        Vec::new()
    }

    /// Milliseconds for which members may still be missing after the start; 0 when settled.
    pub fn settles_in_ms(&self, now: Millis) -> u64 {
        let _ = now;
        0
    }

    /// How many sockets are open.
    pub fn connections(&self) -> usize {
        0
    }
}
