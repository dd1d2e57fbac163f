//! One socket: what it has said, whether it lives, how it ends.

use herenow_protocol::{CloseCode, SLOW_READER_MS, ServerFrame};

use super::Registry;
use super::greeting::Greeting;
use crate::sessions::{Detached, SessionId};
use crate::timers::Timer;
use crate::{ConnectionId, Millis};

/// Pings that may be unanswered.
const MAX_UNANSWERED: u32 = 2;
/// Milliseconds that a socket may stay open after its goodbye.
const PARTED_MS: u64 = 5_000;

/// A socket.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stage: Stage,
    /// Its welcome waits for the store.
    pub(super) greeting: Option<Box<Greeting>>,
    heard_at: Millis,
    unanswered: u32,
}

/// What a socket has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Hello: it is the one of this session.
    Greeted(SessionId),
    /// Goodbye: what follows is skipped, and the session lingers.
    Parted,
}

impl Connection {
    pub(super) const fn new(now: Millis, session: SessionId) -> Self {
        Self { stage: Stage::Greeted(session), greeting: None, heard_at: now, unanswered: 0 }
    }

    /// When to look after it next: pings go out after one interval of silence and after one and a half, and after
    /// two it is given up. So a session that vanished is lost within two intervals.
    const fn look_at(&self, interval_ms: u64) -> Millis {
        self.heard_at.plus(interval_ms + self.unanswered as u64 * (interval_ms / 2))
    }
}

impl Registry {
    /// Sockets that are those of a session.
    pub(super) fn greeted(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.iter().filter_map(|(id, connection)| match connection.stage {
            Stage::Greeted(_) => Some(*id),
            Stage::Parted => None,
        })
    }

    pub(super) fn stage(&self, connection: ConnectionId) -> Option<Stage> {
        self.connections.get(&connection).map(|known| known.stage)
    }

    /// Something arrived. The timer is not moved: it looks again when it fires.
    pub(super) fn hear(&mut self, now: Millis, connection: ConnectionId) {
        if let Some(known) = self.connections.get_mut(&connection) {
            known.heard_at = now;
            known.unanswered = 0;
            if let Stage::Greeted(session) = known.stage {
                self.trust(session);
            }
        }
    }

    pub(super) fn watch(&mut self, connection: ConnectionId) {
        let interval_ms = self.ping_interval_ms();
        if let Some(known) = self.connections.get(&connection) {
            self.timers.set(Timer::Liveness(connection), known.look_at(interval_ms));
        }
    }

    pub(super) fn check_liveness(&mut self, now: Millis, connection: ConnectionId) {
        let interval_ms = self.ping_interval_ms();
        let Some(known) = self.connections.get_mut(&connection) else { return };
        let look_at = known.look_at(interval_ms);
        if now < look_at {
            self.timers.set(Timer::Liveness(connection), look_at);
            return;
        }
        if known.unanswered >= MAX_UNANSWERED && !broken!(KeepsSilent) {
            self.close(now, connection, CloseCode::Silent, "nothing was heard for two ping intervals");
            return;
        }
        known.unanswered += 1;
        // If the node itself stood still, everybody still gets the time to answer.
        let next = known.look_at(interval_ms).max(now.plus(interval_ms / 2));
        self.timers.set(Timer::Liveness(connection), next);
        self.outboxes.ping(connection);
        self.outboxes.send(connection, &ServerFrame::Tick {});
    }

    /// At least 2 ms, so that half of it is some time.
    fn ping_interval_ms(&self) -> u64 {
        self.config.ping_interval_ms.max(2)
    }

    /// Closes a socket that has said goodbye and stays.
    pub(super) fn give_up_parted(&mut self, now: Millis, connection: ConnectionId) {
        self.close(now, connection, CloseCode::Restart, "said bye and stayed: connect again");
    }

    pub(super) fn check_slow(&mut self, now: Millis, connection: ConnectionId) {
        let blocked_since = self.outboxes.blocked_since(connection);
        if blocked_since.is_some_and(|since| now.since(since) >= SLOW_READER_MS) {
            self.close(now, connection, CloseCode::TooSlow, "does not read what it is sent");
        }
    }

    /// The page says goodbye: the session lingers, and the socket has nothing more to say or to be told.
    pub(super) fn part(&mut self, now: Millis, connection: ConnectionId, session: SessionId) {
        let ops = self.sessions.part(now, session);
        self.submit(session, ops);
        self.await_session(now, session, Detached::Parted);
        self.fanout.forget(now, connection);
        for timer in Timer::of_connection(connection) {
            self.timers.clear(timer);
        }
        if let Some(known) = self.connections.get_mut(&connection) {
            known.stage = Stage::Parted;
        }
        self.timers.set(Timer::Parted(connection), now.plus(PARTED_MS));
    }

    /// Closes a socket; its session has the grace to resume.
    pub(super) fn close(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        code: CloseCode,
        reason: &'static str,
    ) {
        if self.connections.contains_key(&connection) {
            self.outboxes.close(connection, code, reason);
            self.forget(now, connection);
        }
    }

    pub(super) fn forget(&mut self, now: Millis, connection: ConnectionId) {
        let Some(known) = self.connections.remove(&connection) else { return };
        self.outboxes.drop(connection);
        self.fanout.forget(now, connection);
        for timer in Timer::of_connection(connection) {
            self.timers.clear(timer);
        }
        match known.stage {
            Stage::Greeted(session) => {
                if self.sessions.lose(now, session, connection) {
                    self.give_up(session);
                    self.await_session(now, session, Detached::Lost);
                }
            }
            Stage::Parted => {}
        }
    }
}
