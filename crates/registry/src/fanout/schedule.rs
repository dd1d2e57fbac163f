//! When channels are flushed: a quiet one at once, a busy one at most once a tick, all busy ones at the same moments.

use crate::Millis;
use crate::names::Channel;

/// The channels to flush. Bounded by the mirrors, which plan one flush each.
#[derive(Debug)]
pub(super) struct Schedule {
    tick_ms: u64,
    ready: Vec<Channel>,
    deferred: Vec<Channel>,
    deferred_slot: u64,
}

impl Schedule {
    pub(super) fn new(tick_ms: u64) -> Self {
        Self { tick_ms: tick_ms.max(1), ready: Vec::new(), deferred: Vec::new(), deferred_slot: 0 }
    }

    /// The tick slot of a time: slots begin at the multiples of the tick.
    pub(super) const fn slot(&self, now: Millis) -> u64 {
        now.0 / self.tick_ms
    }

    /// Plans a flush of `channel`, which was flushed last in `flushed_slot`.
    pub(super) fn plan(&mut self, now: Millis, flushed_slot: Option<u64>, channel: Channel) {
        let slot = self.slot(now);
        if flushed_slot.is_none_or(|flushed| flushed < slot) {
            self.ready.push(channel);
        } else {
            self.deferred.push(channel);
            self.deferred_slot = slot;
        }
    }

    /// Takes the channels whose time has come.
    pub(super) fn take_due(&mut self, now: Millis) -> Vec<Channel> {
        let mut due = std::mem::take(&mut self.ready);
        if self.slot(now) > self.deferred_slot {
            due.append(&mut self.deferred);
        }
        due
    }

    /// When the deferred channels are due.
    pub(super) fn deadline(&self) -> Option<Millis> {
        if self.deferred.is_empty() {
            return None;
        }
        Some(Millis(self.deferred_slot.saturating_add(1).saturating_mul(self.tick_ms)))
    }
}
