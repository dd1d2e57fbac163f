//! Who is a member of what: ops of sessions go in, numbered transitions come out.
//!
//! [`Rosters`] holds the rules. A single node applies its ops to rosters of its own; several nodes share a store, to which
//! they speak with [`Request`]s.

mod gone;
mod messages;
mod rosters;
mod shared;
#[cfg(test)]
mod tests;

use herenow_protocol::{Attributes, Position, SessionSecret, Transition};
use sha2::{Digest, Sha256};

pub use crate::names::{Channel, User};

pub use messages::{Answer, Outcome, Partition, Request};
pub use rosters::MAX_PAGE_BYTES;
pub(crate) use rosters::Rosters;
pub use shared::SharedStore;

/// A session as the store knows it: a hash of its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnerId(pub u128);

impl OwnerId {
    /// The owner that a session is. Its secret stays in the session that holds it; the store is given a hash, the same on
    /// every node.
    pub fn of(secret: SessionSecret) -> Self {
        let digest =
            Sha256::new().chain_update(b"herenow owner\0").chain_update(secret.0.to_be_bytes()).finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self(u128::from_be_bytes(first))
    }
}

/// One life of a node in a partition. A node whose lease ended takes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub u64);

/// What a session does to its membership of a channel. An op of a lower attempt than the store knows does nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// Where.
    pub channel: Channel,
    /// Whose membership.
    pub user: User,
    /// Whose op.
    pub owner: OwnerId,
    /// The session's attempt.
    pub attempt: u32,
    /// What.
    pub action: Action,
}

/// The kinds of ops.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Become an owner, or a newer attempt of one.
    Join,
    /// Stop being an owner by will. The user's lingering owners go as well.
    Leave,
    /// Stay an owner, but one that said goodbye.
    Linger,
    /// Stop being an owner, since the linger is over.
    Goodbye,
    /// Stop being an owner of the node that says so, since the grace is over.
    Timeout,
    /// Replace the user's attributes.
    Set(Attributes),
    /// Give back attributes that a store which lost its data held, unless newer ones were set.
    Restore {
        /// All of them.
        attributes: Attributes,
        /// Where they were set.
        set_at: Position,
    },
}

impl Action {
    /// Whether it ends something, or lets it end: a store that is full can still do it.
    pub const fn ends(&self) -> bool {
        match self {
            Action::Leave | Action::Linger | Action::Goodbye | Action::Timeout => true,
            Action::Join | Action::Set(_) | Action::Restore { .. } => false,
        }
    }
}

/// What an op did. An op yields at most one transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Observers are told.
    Changed,
    /// Accepted; there is nothing to tell.
    Unchanged,
    /// Not an owner, or of a lower attempt.
    Ignored,
}

/// A transition with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequenced {
    /// Where it happened.
    pub channel: Channel,
    /// Its number: one more than that of the transition before it in the partition.
    pub seq: u64,
    /// What happened.
    pub transition: Transition,
}
