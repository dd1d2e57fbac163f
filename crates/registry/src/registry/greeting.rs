//! A connection whose welcome waits for what the store makes of its hello.

use herenow_protocol::{ClientFrame, CloseCode, Decoded, FrameId, Granted, Refused, ServerFrame, Welcome};

use super::Registry;
use super::hello::expires_in_ms;
use crate::{ConnectionId, Identity, Millis, TokenRefusal};

/// Frames that may come before the welcome; a connection that sends more is closed.
const MAX_EARLY: usize = 1_024;

#[derive(Debug)]
pub(super) struct Greeting {
    identity: Identity,
    refused: Vec<Refused>,
    joined: Vec<Granted>,
    /// Channels that the store has not answered for.
    waits_for: usize,
    /// What came before the welcome; handled after it.
    early: Vec<Early>,
}

/// Something that came before the welcome.
#[derive(Debug)]
pub(super) enum Early {
    Frame(Decoded<ClientFrame>),
    Token(FrameId, Result<Identity, TokenRefusal>),
}

impl Greeting {
    pub(super) const fn new(identity: Identity, refused: Vec<Refused>, waits_for: usize) -> Self {
        Self { identity, refused, joined: Vec::new(), waits_for, early: Vec::new() }
    }
}

impl Registry {
    pub(super) fn is_greeting(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_some_and(|known| known.greeting.is_some())
    }

    pub(super) fn greet(&mut self, now: Millis, connection: ConnectionId, greeting: Greeting) {
        if let Some(known) = self.connections.get_mut(&connection) {
            known.greeting = Some(Box::new(greeting));
        }
        self.welcome(now, connection);
    }

    pub(super) fn keep_early(&mut self, now: Millis, connection: ConnectionId, early: Early) {
        let known = self.connections.get_mut(&connection);
        let Some(greeting) = known.and_then(|known| known.greeting.as_mut()) else { return };
        if greeting.early.len() >= MAX_EARLY {
            self.close(now, connection, CloseCode::TooSlow, "sends too much before its welcome");
            return;
        }
        greeting.early.push(early);
    }

    /// The store has made the session a member.
    pub(super) fn granted(&mut self, now: Millis, connection: ConnectionId, granted: Granted) {
        let known = self.connections.get_mut(&connection);
        let Some(greeting) = known.and_then(|known| known.greeting.as_mut()) else { return };
        greeting.joined.push(granted);
        greeting.waits_for = greeting.waits_for.saturating_sub(1);
        self.welcome(now, connection);
    }

    /// Sends the welcome if nothing is missing, and handles what came before it.
    fn welcome(&mut self, now: Millis, connection: ConnectionId) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        let Some(greeting) = known.greeting.take_if(|greeting| greeting.waits_for == 0) else { return };
        let Greeting { identity, refused, joined, early, .. } = *greeting;
        let welcome = Welcome {
            user: identity.user,
            node: self.config.node.clone(),
            expires_in_ms: expires_in_ms(now, identity.expires_at),
            ping_interval_ms: self.config.ping_interval_ms,
            grace_ms: self.config.grace_ms,
            limits: self.config.limits,
            joined,
            refused,
        };
        self.outboxes.send(connection, &ServerFrame::Welcome(welcome));
        if let Some(over_ms) = self.shutdown_over_ms {
            self.send_away(connection, over_ms);
        }
        for early in early {
            match early {
                Early::Frame(frame) => self.frames(now, connection, vec![frame]),
                Early::Token(id, outcome) => self.token(now, connection, id, outcome),
            }
        }
    }
}
