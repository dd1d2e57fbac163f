//! Who is a member of what: ops of sessions go in, numbered transitions come out.

mod memory;
#[cfg(test)]
mod tests;

use herenow_protocol::{Attributes, Transition};

use crate::names::{Channel, User};

pub(crate) use memory::MemoryStore;

/// A session as the store knows it: a hash of its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OwnerId(pub(crate) u128);

/// What a session does to its membership of a channel. An op of a lower attempt than the store knows does nothing.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) channel: Channel,
    pub(crate) user: User,
    pub(crate) owner: OwnerId,
    pub(crate) attempt: u32,
    pub(crate) action: Action,
}

/// The kinds of ops.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Become an owner, or a newer attempt of one.
    Join,
    /// Stop being an owner by will. The user's lingering owners go as well.
    Leave,
    /// Stay an owner, but one that said goodbye.
    Linger,
    /// Stop being an owner, since the linger is over.
    Goodbye,
    /// Stop being an owner, since the grace is over.
    Timeout,
    /// Replace the user's attributes.
    Set(Attributes),
}

/// What an op did. An op yields at most one transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Observers are told.
    Changed,
    /// Accepted; there is nothing to tell.
    Unchanged,
    /// Not an owner, or of a lower attempt.
    Ignored,
}

/// A transition with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sequenced {
    pub(crate) channel: Channel,
    pub(crate) seq: u64,
    pub(crate) transition: Transition,
}
