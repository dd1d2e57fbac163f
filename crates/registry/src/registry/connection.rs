//! One socket: what it has said, whether it lives, how it ends.

use herenow_protocol::{CloseCode, SLOW_READER_MS, ServerFrame};

use super::Registry;
use super::greeting::Greeting;
use crate::sessions::{Detached, SessionId};
use crate::timers::Timer;
use crate::{ConnectionId, KeyId, Millis, trace};

/// Parts of a ping interval in each of which all that are due are looked at together: some 10 ms by default.
const STEPS: u64 = 1024;
/// Milliseconds that a socket may stay open after its goodbye.
const PARTED_MS: u64 = 5_000;

/// A socket.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stage: Stage,
    /// What has verified its newest token.
    pub(super) key: Option<KeyId>,
    /// Its welcome waits for the store.
    pub(super) greeting: Option<Box<Greeting>>,
    heard_at: Millis,
    /// What to do next if nothing is heard.
    next: Check,
}

/// Steps from silence to the end, each after so much of the ping interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// After seven eighths to one, spread over the connections: a ping, unless one went along with something else that
    /// was sent after three quarters.
    Ask,
    /// After one and a half: another ping.
    Again,
    /// After two: it is given up.
    GiveUp,
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
    pub(super) const fn new(now: Millis, session: SessionId, key: Option<KeyId>) -> Self {
        Self { stage: Stage::Greeted(session), key, greeting: None, heard_at: now, next: Check::Ask }
    }

    /// When to look after it next.
    const fn look_at(&self, id: ConnectionId, interval_ms: u64) -> Millis {
        let heard = self.heard_at;
        match self.next {
            Check::Ask => together(heard.plus(interval_ms - spread(id, interval_ms / 8)), interval_ms),
            Check::Again => heard.plus(interval_ms + interval_ms / 2),
            Check::GiveUp => heard.plus(interval_ms * 2),
        }
    }
}

/// The same time or a little earlier, so that those whose time is about the same are asked in one go.
const fn together(Millis(at): Millis, interval_ms: u64) -> Millis {
    let step = interval_ms / STEPS;
    Millis(if step == 0 { at } else { at - at % step })
}

/// A part of `most_ms` that is far from those of the connections opened before and after, so that many that came
/// together are not asked together.
const fn spread(ConnectionId(id): ConnectionId, most_ms: u64) -> u64 {
    /// 2^32 divided by the golden ratio: its multiples fill the range evenly.
    const STEP: u64 = 0x9E37_79B9;
    let part = id.wrapping_mul(STEP) & 0xFFFF_FFFF;
    ((most_ms as u128 * part as u128) >> 32) as u64
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
            known.next = Check::Ask;
            if let Stage::Greeted(session) = known.stage {
                self.trust(session);
            }
            self.ask_along(now, connection);
        }
    }

    /// From some time on a ping goes along with what is sent.
    fn ask_along(&mut self, heard_at: Millis, connection: ConnectionId) {
        let interval_ms = self.ping_interval_ms();
        self.outboxes.ping_from(connection, heard_at.plus(interval_ms - interval_ms / 4));
    }

    pub(super) fn watch(&mut self, connection: ConnectionId) {
        let interval_ms = self.ping_interval_ms();
        if let Some(known) = self.connections.get(&connection) {
            let heard_at = known.heard_at;
            self.timers.set(Timer::Liveness(connection), known.look_at(connection, interval_ms));
            self.ask_along(heard_at, connection);
        }
    }

    pub(super) fn check_liveness(&mut self, now: Millis, connection: ConnectionId) {
        let interval_ms = self.ping_interval_ms();
        let Some(known) = self.connections.get_mut(&connection) else { return };
        let look_at = known.look_at(connection, interval_ms);
        if now < look_at {
            self.timers.set(Timer::Liveness(connection), look_at);
            return;
        }
        let (next, asked) = match known.next {
            Check::Ask => (Check::Again, !self.outboxes.take_ping_from(connection)),
            Check::Again => (Check::GiveUp, false),
            Check::GiveUp if broken!(KeepsSilent) => (Check::GiveUp, false),
            Check::GiveUp => {
                self.close(now, connection, CloseCode::Silent, "nothing was heard for two ping intervals");
                return;
            }
        };
        known.next = next;
        // If the node itself stood still, everybody still gets the time to answer.
        let look_at = known.look_at(connection, interval_ms).max(now.plus(interval_ms / 2));
        self.timers.set(Timer::Liveness(connection), look_at);
        if !asked {
            self.outboxes.ping(connection);
            self.outboxes.send(connection, &ServerFrame::Tick {});
        }
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
            tracing::debug!(connection = connection.0, code = code.number(), reason, "closes");
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
                    let _span = trace::session(connection, session);
                    tracing::debug!("detached");
                    self.give_up(session);
                    self.await_session(now, session, Detached::Lost);
                }
            }
            Stage::Parted => {}
        }
    }
}
