//! A session as the server must know it.

use super::truth::Kinds;
use crate::net::LinkId;
use crate::plan::CHANNELS;

/// Whether a session holds a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    No,
    Yes,
    Maybe,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    On(LinkId),
    Off { parted: bool, must_until_ms: u64, may_until_ms: u64, spared: bool },
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: usize,
    pub(super) secret: u128,
    pub(super) attempt: u32,
    pub(super) holds: [Hold; CHANNELS.len()],
    pub(super) phase: Phase,
}

impl Session {
    /// Whether the server certainly still knows it.
    pub(super) fn is_certain(&self, now: u64) -> bool {
        match self.phase {
            Phase::On(_) => true,
            Phase::Off { must_until_ms, .. } => now < must_until_ms,
        }
    }

    pub(super) fn hold(&self, now: u64, channel: usize) -> Hold {
        match self.holds[channel] {
            Hold::Yes if !self.is_certain(now) => Hold::Maybe,
            other => other,
        }
    }

    pub(super) fn departure(&self) -> Kinds {
        match self.phase {
            Phase::Off { parted: true, .. } => Kinds::LEAVE,
            Phase::Off { parted: false, .. } | Phase::On(_) => Kinds::TIMEOUT,
        }
    }
}
