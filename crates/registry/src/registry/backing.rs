//! Where memberships are kept: by this node alone, or in a store that it shares.

use crate::Millis;
use crate::changes::Change;
use crate::fanout::{Knowledge, Reached};
use crate::names::Channel;
use crate::port::Port;
use crate::sessions::SessionId;
use crate::store::{Incarnation, Rosters};

/// The only life of a node that shares nothing.
pub(super) const ALONE: Incarnation = Incarnation(0);

#[derive(Debug)]
pub(super) enum Backing {
    Own(Own),
    Shared(Shared),
}

/// The rosters of a single node.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) rosters: Rosters,
    /// Applied before the registry gives anything back.
    pub(super) queue: Vec<Change>,
    pub(super) settles_at: Millis,
}

/// The way to the store of several nodes.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) port: Port,
}

impl Backing {
    /// How far the node is in the log of a channel; for somebody who asks for what follows a place if `asks`.
    pub(super) fn reached(&mut self, channel: &Channel, asks: bool) -> Reached {
        match self {
            Backing::Own(own) => Reached { read_seq: own.rosters.seq(), since: 0 },
            Backing::Shared(shared) => Reached {
                read_seq: shared.port.position(channel).map_or(0, |known| known.seq),
                since: if asks { shared.port.probe(channel) } else { 0 },
            },
        }
    }

    /// Takes a change on its way.
    pub(super) fn push(&mut self, change: Change) {
        match self {
            Backing::Own(own) => own.queue.push(change),
            Backing::Shared(shared) => shared.port.push(change),
        }
    }

    /// Whether too much waits.
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Backing::Shared(shared) if shared.port.is_full())
    }

    /// A session says hello again: what its hellos have asked for before is of no use.
    pub(super) fn forget_hellos(&mut self, session: SessionId) {
        if let Backing::Shared(shared) = self {
            shared.port.forget_hellos(session);
        }
    }
}

impl Knowledge for Backing {
    fn may_lack(&self, channel: &Channel, since: u64) -> bool {
        match self {
            Backing::Own(_) => false,
            Backing::Shared(_) if broken!(TellsOlder) => false,
            Backing::Shared(shared) => shared.port.may_lack(channel, since),
        }
    }

    fn settles_in_ms(&self, channel: &Channel, now: Millis) -> u64 {
        match self {
            Backing::Own(own) => own.settles_at.since(now),
            Backing::Shared(shared) => shared.port.settles_in_ms(channel, now),
        }
    }
}
