//! Promises that wait for something.

use crate::{Millis, PromiseId};

/// A promise that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) promise: PromiseId,
    /// For joins and observes true, for their opposites false.
    pub(crate) wants: bool,
    /// Sockets that had opened when this began.
    pub(crate) sockets_opened: u32,
    pub(crate) deadline: Millis,
}

/// Promises that wait for one thing, oldest first. All lists together are bounded by the session.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<Waiter>);

impl Waiters {
    pub(crate) fn push(&mut self, waiter: Waiter) {
        self.0.push(waiter);
    }

    pub(crate) fn append(&mut self, later: Waiters) {
        self.0.extend(later.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn any(&self, wants: bool) -> bool {
        self.0.iter().any(|waiter| waiter.wants == wants)
    }

    pub(crate) fn take_all(&mut self) -> Waiters {
        core::mem::take(self)
    }

    /// Takes out those who want (or do not).
    pub(crate) fn take(&mut self, wants: bool) -> Waiters {
        self.extract(|waiter| waiter.wants == wants)
    }

    /// Takes out those whose time is over.
    pub(crate) fn take_expired(&mut self, now: Millis) -> Waiters {
        self.extract(|waiter| waiter.deadline <= now)
    }

    pub(crate) fn earliest(&self) -> Option<Millis> {
        self.0.iter().map(|waiter| waiter.deadline).min()
    }

    /// Gives everybody the whole time again.
    pub(crate) fn restart(&mut self, deadline: Millis, sockets_opened: u32) {
        for waiter in &mut self.0 {
            waiter.deadline = deadline;
            waiter.sockets_opened = sockets_opened;
        }
    }

    fn extract(&mut self, chosen: impl Fn(&Waiter) -> bool) -> Waiters {
        let (out, kept) = core::mem::take(&mut self.0).into_iter().partition(|waiter| chosen(waiter));
        self.0 = kept;
        Waiters(out)
    }
}

impl IntoIterator for Waiters {
    type Item = Waiter;
    type IntoIter = std::vec::IntoIter<Waiter>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
