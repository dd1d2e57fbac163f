//! What nodes and a store that they share say to each other.
//!
//! A store has partitions, each with a log of its own. A node holds a lease in each, follows its log, and sends one batch
//! at a time. Every request may be repeated; a batch that was applied is answered again with the answer that it got.

use std::collections::BTreeMap;
use std::sync::Arc;

use herenow_protocol::{Attributes, Epoch};

use super::{Effect, Incarnation, Op, Sequenced};
use crate::names::Channel;

/// A share of the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u16);

impl Partition {
    /// The partition of a channel among `count`, the same on every node and in every release: FNV-1a of the application,
    /// a zero byte and the name.
    pub fn of(channel: &Channel, count: u16) -> Self {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let bytes = channel.application().bytes().chain([0]).chain(channel.name().bytes());
        let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        let at = hash % u64::from(count.max(1));
        Self(u16::try_from(at).unwrap_or_default())
    }
}

/// What a node asks of a partition.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Begin a lease, or lengthen it. Answered with [`Outcome::Renewed`] or [`Outcome::Fenced`].
    Renew {
        /// Where.
        partition: Partition,
        /// Whose.
        node: Incarnation,
        /// Whether the node has none yet. Else one that is not known has ended.
        begin: bool,
    },
    /// Apply a batch. Answered with [`Outcome::Applied`] or [`Outcome::Fenced`].
    Apply {
        /// Where.
        partition: Partition,
        /// Whose.
        node: Incarnation,
        /// One more than that of the batch before; the first is 1.
        number: u64,
        /// The life of the log that the node knows: a store that began another one does not apply the batch.
        epoch: Epoch,
        /// What, in order.
        ops: Vec<Op>,
    },
    /// What happened after a place of the log; the answer may wait until something has. Answered with [`Outcome::Log`] or
    /// [`Outcome::Trimmed`].
    Read {
        /// Where.
        partition: Partition,
        /// The life of the log that the node knows.
        epoch: Epoch,
        /// The last number that the node knows.
        after: u64,
    },
    /// The members of a channel. Answered with [`Outcome::Roster`].
    Roster {
        /// Where.
        partition: Partition,
        /// Of what.
        channel: Channel,
    },
    /// End what nodes have left behind whose lease ended a grace ago. Answered with [`Outcome::Swept`].
    Sweep {
        /// Where.
        partition: Partition,
        /// The grace in milliseconds.
        grace_ms: u64,
    },
}

impl Request {
    /// Where it goes.
    pub const fn partition(&self) -> Partition {
        match self {
            Request::Renew { partition, .. }
            | Request::Apply { partition, .. }
            | Request::Read { partition, .. }
            | Request::Roster { partition, .. }
            | Request::Sweep { partition, .. } => *partition,
        }
    }
}

/// What a partition answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Which.
    pub partition: Partition,
    /// The life of its log. A later one is greater.
    pub epoch: Epoch,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The node holds a lease.
    Renewed {
        /// Whose.
        node: Incarnation,
        /// The last number of the log.
        seq: u64,
        /// How long ago this life of the log began, in milliseconds.
        age_ms: u64,
        /// How long before this lease the first of all leases ends, in milliseconds: those that have ended count until they
        /// are swept.
        lag_ms: u64,
    },
    /// The lease has ended: the node must begin another life. Nothing was applied.
    Fenced {
        /// Whose.
        node: Incarnation,
    },
    /// The batch is applied.
    Applied {
        /// Whose.
        node: Incarnation,
        /// Which.
        number: u64,
        /// What each op did.
        effects: Vec<Effect>,
        /// The last number of the log after it.
        seq: u64,
    },
    /// The log began another life. Nothing was applied.
    Reborn,
    /// Transitions, without a gap.
    Log {
        /// What they follow.
        after: u64,
        /// At least one.
        entries: Vec<Sequenced>,
    },
    /// What follows is not kept any more.
    Trimmed {
        /// The last number of the log.
        seq: u64,
    },
    /// A roster.
    Roster {
        /// Of what.
        channel: Channel,
        /// The channel's last transition.
        seq: u64,
        /// The last number of the log when it was read.
        read_at: u64,
        /// The members.
        members: BTreeMap<Arc<str>, Attributes>,
    },
    /// So much was swept.
    Swept {
        /// Whether there is more.
        more: bool,
    },
}
