//! All deadlines of connections and sessions in one table, at most one of each kind and owner.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::sessions::SessionId;
use crate::{ConnectionId, Millis};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A connection whose session said goodbye has been open for long enough.
    Parted(ConnectionId),
    /// Look whether a connection was heard.
    Liveness(ConnectionId),
    /// A connection has not drained what it was sent.
    Slow(ConnectionId),
    /// The token of a connection has ended, and the time to bring another is over.
    Token(ConnectionId),
    /// The grace or the linger of a detached session is over.
    Session(SessionId),
}

impl Timer {
    /// Every timer that a connection can have.
    pub(crate) const fn of_connection(connection: ConnectionId) -> [Timer; 4] {
        [
            Timer::Parted(connection),
            Timer::Liveness(connection),
            Timer::Slow(connection),
            Timer::Token(connection),
        ]
    }
}

/// The deadlines. Bounded by four a connection and one a session.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    at: FxHashMap<Timer, Millis>,
    order: BTreeSet<(Millis, Timer)>,
}

impl Timers {
    /// Arms `timer`, in place of an earlier deadline of it.
    pub(crate) fn set(&mut self, timer: Timer, at: Millis) {
        if let Some(earlier) = self.at.insert(timer, at) {
            self.order.remove(&(earlier, timer));
        }
        self.order.insert((at, timer));
    }

    /// The same, unless it has an earlier deadline.
    pub(crate) fn set_no_later(&mut self, timer: Timer, at: Millis) {
        let earlier = self.at.get(&timer).copied();
        self.set(timer, earlier.map_or(at, |earlier| earlier.min(at)));
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.at.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Millis> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer that is due, with its deadline.
    pub(crate) fn pop_due(&mut self, now: Millis) -> Option<(Millis, Timer)> {
        let (at, timer) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some((at, timer))
    }
}
