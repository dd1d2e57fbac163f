//! What is asked of the oracle, whichever keeps it: of one server, or of the store that several share.

use herenow_protocol::Attributes;

use super::ledger::Ledger;
use super::session::Hold;
use super::truth::Truth;
use crate::net::LinkId;
use crate::plan::USERS;
use crate::shared::Shared;
use crate::world::World;

/// What is true of the users in a channel.
pub(crate) fn truths<'a>(
    ledger: &'a Ledger,
    shared: Option<&'a Shared>,
    channel: usize,
) -> &'a [Truth; USERS] {
    match shared {
        Some(shared) => &shared.facts.truths[channel],
        None => &ledger.truths[channel],
    }
}

impl World {
    pub(crate) fn advance_oracle(&mut self) {
        match &mut self.shared {
            Some(shared) => shared.facts.advance(self.now),
            None => self.ledger.advance(self.now),
        }
    }

    /// When a channel last changed.
    pub(crate) fn changed_ms(&self, channel: usize) -> u64 {
        match &self.shared {
            Some(shared) => shared.facts.changed_ms[channel],
            None => self.ledger.changed_ms[channel],
        }
    }

    pub(crate) fn is_greeted(&self, link: LinkId) -> bool {
        match &self.shared {
            Some(shared) => shared.facts.is_greeted(link),
            None => self.ledger.is_greeted(link),
        }
    }

    /// Whether a session holds a channel.
    pub(crate) fn hold(&self, user: usize, secret: u128, channel: usize) -> Hold {
        match &self.shared {
            Some(shared) if shared.facts.holds(user, secret, channel) => Hold::Yes,
            Some(_) => Hold::No,
            None => self.ledger.hold(self.now, user, secret, channel),
        }
    }

    /// Whether a session held a channel at some time since then.
    pub(crate) fn held_since(&self, user: usize, secret: u128, channel: usize, since: u64) -> bool {
        match &self.shared {
            Some(shared) => shared.facts.held_since(user, secret, channel, since),
            None => self.ledger.held_since(user, secret, channel, since),
        }
    }

    /// Whether a session has stored these attributes since then.
    pub(crate) fn was_stored(
        &self,
        secret: u128,
        channel: usize,
        attributes: &Attributes,
        since: u64,
    ) -> bool {
        match &self.shared {
            Some(shared) => shared.facts.was_stored(secret, channel, attributes, since),
            None => self.ledger.was_stored(secret, channel, attributes, since),
        }
    }
}
