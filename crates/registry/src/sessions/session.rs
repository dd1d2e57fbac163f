//! One session: whose it is, where it is connected, what it has joined.

use herenow_protocol::{Attributes, Position, SessionSecret};

use super::bucket::Bucket;
use crate::access::Access;
use crate::names::{Channel, User};
use crate::store::{Action, Op, OwnerId};
use crate::{ConnectionId, Millis};

/// Names a session within this registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionId(pub(crate) u64);

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// On a socket.
    Attached(ConnectionId),
    /// Its socket was lost; it may resume within the grace.
    Lost {
        /// When.
        since: Millis,
    },
    /// It said goodbye; it may resume within the linger.
    Parted {
        /// When.
        since: Millis,
    },
}

/// How a session came off its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detached {
    /// It was lost.
    Lost,
    /// It said goodbye.
    Parted,
}

impl Presence {
    /// How a session that is on no socket came off it.
    pub(crate) const fn detached(self) -> Option<Detached> {
        match self {
            Presence::Attached(_) => None,
            Presence::Lost { .. } => Some(Detached::Lost),
            Presence::Parted { .. } => Some(Detached::Parted),
        }
    }

    /// When a session that is on no socket came off it.
    pub(crate) const fn detached_since(self) -> Option<Millis> {
        match self {
            Presence::Attached(_) => None,
            Presence::Lost { since } | Presence::Parted { since } => Some(since),
        }
    }
}

/// Attributes and where they were set.
#[derive(Debug)]
struct Noted {
    channel: Channel,
    attributes: Attributes,
    set_at: Position,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: User,
    /// What its newest token allows.
    pub(crate) access: Access,
    pub(crate) secret: SessionSecret,
    pub(crate) attempt: u32,
    pub(crate) presence: Presence,
    /// At most `limits.joined`.
    pub(crate) joined: Vec<Channel>,
    /// The user's attributes in them as far as the log has told them, where the store may lose its data.
    noted: Vec<Noted>,
    pub(crate) bucket: Bucket,
    /// It was given more time to resume since it came off its socket.
    pub(crate) spared: bool,
    owner: OwnerId,
}

impl Session {
    pub(crate) fn new(
        user: User,
        access: Access,
        secret: SessionSecret,
        attempt: u32,
        connection: ConnectionId,
        bucket: Bucket,
    ) -> Self {
        let presence = Presence::Attached(connection);
        Self {
            owner: OwnerId::of(secret),
            user,
            access,
            secret,
            attempt,
            presence,
            joined: Vec::new(),
            noted: Vec::new(),
            bucket,
            spared: false,
        }
    }

    pub(crate) fn op(&self, channel: Channel, action: Action) -> Op {
        Op { channel, user: self.user.clone(), owner: self.owner, attempt: self.attempt, action }
    }

    /// What gives the store back, after it has lost its data, what it knew beside the membership.
    pub(crate) fn restoration(&self, channel: &Channel) -> Vec<Op> {
        let noted = self.noted.iter().filter(|noted| noted.channel == *channel);
        let mut actions: Vec<_> = noted
            .map(|noted| Action::Restore { attributes: noted.attributes.clone(), set_at: noted.set_at })
            .collect();
        if matches!(self.presence, Presence::Parted { .. }) {
            actions.push(Action::Linger);
        }
        actions.into_iter().map(|action| self.op(channel.clone(), action)).collect()
    }

    /// Notes the user's attributes in a channel; none at the beginning and the end of a membership.
    pub(crate) fn note(&mut self, channel: &Channel, attributes: Option<&Attributes>, set_at: Position) {
        self.noted.retain(|noted| noted.channel != *channel && self.joined.contains(&noted.channel));
        if let Some(attributes) = attributes.filter(|_| self.joined.contains(channel)) {
            let attributes = attributes.clone();
            self.noted.push(Noted { channel: channel.clone(), attributes, set_at });
        }
    }

    /// One op for each joined channel.
    pub(crate) fn ops(&self, action: &Action) -> Vec<Op> {
        self.joined.iter().map(|channel| self.op(channel.clone(), action.clone())).collect()
    }
}
