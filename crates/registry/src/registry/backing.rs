//! Where memberships are kept: by this node alone, or in a store that it shares.

use crate::Millis;
use crate::changes::Change;
use crate::port::Port;
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
    /// When each partition has settled.
    pub(super) settles_at: Vec<Millis>,
}

impl Backing {
    /// Takes a change on its way.
    pub(super) fn push(&mut self, change: Change) {
        match self {
            Backing::Own(own) => own.queue.push(change),
            Backing::Shared(shared) => shared.port.push(change),
        }
    }
}
