//! Ties sessions, store and fan-out together: the API of the crate.

mod admin;
mod backing;
mod changing;
mod connection;
mod frames;
mod greeting;
mod hello;
mod kicks;
mod pressure;
mod reads;
mod withdrawing;

use herenow_protocol::{
    ClientFrame, CloseCode, Decoded, Encoding, Epoch, FrameId, Hello, SLOW_READER_MS, ServerFrame,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::fanout::Fanout;
use crate::outbox::Outboxes;
use crate::port::Port;
use crate::random::Random;
use crate::sessions::{Detached, SessionId, Sessions};
use crate::store::{Answer, Request, Rosters};
use crate::timers::{Timer, Timers};
use crate::{Config, ConnectionId, Counters, Gauges, Identity, KeyId, Millis, Output, TokenRefusal};
pub use admin::{ChannelInfo, SessionInfo};
use backing::{Backing, Own, Shared};
use connection::{Connection, Stage};

/// A deadline of a session that is noticed so late means that the node stood still: paused, or starved.
const STOOD_STILL_MS: u64 = 1_000;

/// All presence of one node.
///
/// A clock that goes back is read as one that stands still.
#[derive(Debug)]
pub struct Registry {
    config: Config,
    now: Millis,
    random: Random,
    backing: Backing,
    sessions: Sessions,
    fanout: Fanout,
    outboxes: Outboxes,
    timers: Timers,
    /// Bounded by the driver, which decides what connects.
    connections: FxHashMap<ConnectionId, Connection>,
    /// Keys whose tokens count no longer. There are as many as an operator withdraws.
    withdrawn_keys: FxHashSet<KeyId>,
    /// Over how many milliseconds those who connect during a shutdown are sent away.
    shutdown_over_ms: Option<u64>,
    /// Memory is short: nothing is begun that would take more of it.
    is_short: bool,
}

impl Registry {
    /// Starts a node of its own with nobody present, in a new epoch made from `seed` that settles one grace after `now`.
    pub fn new(config: Config, seed: u64, now: Millis) -> Self {
        let mut random = Random::new(seed);
        let own = Own {
            rosters: Rosters::new(Epoch(random.next())),
            queue: Vec::new(),
            settles_at: settles_at(now, &config),
        };
        Self::on(config, random, now, Backing::Own(own))
    }

    /// Starts a node that shares a store of `partitions` partitions with others. `seed` is random: it names the node.
    pub fn sharing(config: Config, partitions: u16, seed: u64, now: Millis) -> Self {
        let mut random = Random::new(seed);
        let port = Port::new(now, partitions, config.node_lease_ms, config.grace_ms, &mut random);
        Self::on(config, random, now, Backing::Shared(Shared { port }))
    }

    fn on(config: Config, random: Random, now: Millis, backing: Backing) -> Self {
        Self {
            now,
            backing,
            sessions: Sessions::new(config.limits),
            fanout: Fanout::new(&config),
            outboxes: Outboxes::default(),
            timers: Timers::default(),
            connections: FxHashMap::default(),
            withdrawn_keys: FxHashSet::default(),
            shutdown_over_ms: None,
            is_short: false,
            random,
            config,
        }
    }

    /// A socket said hello with a token that the driver has verified, and is a connection from now on. What it says
    /// before, and that it says hello in time, is the driver's to check. A second hello closes it with 4500.
    pub fn handle_hello(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        encoding: Encoding,
        hello: Hello,
        identity: Identity,
    ) {
        let now = self.advance(now);
        self.hello(now, connection, encoding, hello, identity);
        self.settle(now);
    }

    /// The frames of a message, without its hello: one in here closes the connection with 4500. A `token` is skipped
    /// here, since the driver verifies it and calls [`Registry::handle_token`]. Frames of a connection that has not
    /// said hello, or that is closed, are skipped.
    pub fn handle_frames(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        frames: Vec<Decoded<ClientFrame>>,
    ) {
        let now = self.advance(now);
        self.hear(now, connection);
        self.frames(now, connection, frames);
        self.settle(now);
    }

    /// The driver has verified the token of the `token` frame `id`.
    pub fn handle_token(
        &mut self,
        now: Millis,
        connection: ConnectionId,
        id: FrameId,
        outcome: Result<Identity, TokenRefusal>,
    ) {
        let now = self.advance(now);
        self.hear(now, connection);
        self.token(now, connection, id, outcome);
    }

    /// A pong or anything else arrived.
    pub fn handle_heard(&mut self, now: Millis, connection: ConnectionId) {
        let now = self.advance(now);
        self.hear(now, connection);
    }

    /// So many things arrived that hold no frame: messages, pings, fragments of messages. Each counts as a frame for the
    /// rate, and there is nothing to answer. It does not say that the client lives: see [`Registry::handle_heard`].
    pub fn handle_empty(&mut self, now: Millis, connection: ConnectionId, count: u32) {
        let now = self.advance(now);
        match self.stage(connection) {
            Some(Stage::Greeted(session)) => self.sessions.spend_all(now, session, count),
            Some(Stage::Parted) | None => {}
        }
    }

    /// So many bytes of what [`Output::Send`] gave have left.
    pub fn handle_written(&mut self, now: Millis, connection: ConnectionId, bytes: usize) {
        self.advance(now);
        self.outboxes.written(connection, bytes);
        self.fanout.wake(connection);
    }

    /// The socket is gone; its session has the grace to resume.
    pub fn handle_disconnect(&mut self, now: Millis, connection: ConnectionId) {
        let now = self.advance(now);
        self.forget(now, connection);
        self.settle(now);
    }

    /// The shared store has answered a request of [`Output::Ask`].
    pub fn handle_store(&mut self, now: Millis, answer: Answer) {
        let now = self.advance(now);
        self.store_answered(now, answer);
        self.settle(now);
    }

    /// Nobody answered a request of [`Output::Ask`]: it may have been carried out or not. It is asked again later.
    pub fn handle_store_failure(&mut self, now: Millis, request: &Request) {
        let now = self.advance(now);
        self.store_failed(now, request);
    }

    /// What this node has counted since its start.
    pub const fn counters(&self) -> &Counters {
        &self.outboxes.counters
    }

    /// What there is now. Looks once at each observed channel, each observer and each user: not for every frame.
    pub fn gauges(&self) -> Gauges {
        let (attached_sessions, detached_sessions, users) = self.sessions.numbers();
        let (channels, members) =
            self.rosters().map_or_else(|| self.sessions.memberships(), Rosters::numbers);
        let ([full_channels, interval_channels, count_channels], observers) = self.fanout.numbers();
        Gauges {
            connections: self.connections.len(),
            attached_sessions,
            detached_sessions,
            users,
            channels,
            members,
            full_channels,
            interval_channels,
            count_channels,
            observers,
        }
    }

    /// The node's name.
    pub fn node(&self) -> &str {
        &self.config.node
    }

    /// Whether the store can be reached, as far as is known. A node that shares nothing always is.
    pub fn is_ready(&self) -> bool {
        match &self.backing {
            Backing::Own(_) => true,
            Backing::Shared(shared) => shared.port.is_ready(),
        }
    }

    /// The server stops: tells everybody to come back at a time spread over `over_ms` milliseconds. From now on a lost
    /// session does not time out: it resumes elsewhere, or after the restart.
    pub fn handle_shutdown(&mut self, now: Millis, over_ms: u64) {
        self.advance(now);
        self.shutdown_over_ms = Some(over_ms);
        let mut greeted: Vec<_> = self.greeted().collect();
        greeted.sort_unstable();
        for connection in greeted {
            self.send_away(connection, over_ms);
        }
    }

    /// A deadline of [`Registry::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Millis) {
        let now = self.advance(now);
        while let Some((due, timer)) = self.timers.pop_due(now) {
            match timer {
                Timer::Parted(connection) => self.give_up_parted(now, connection),
                Timer::Liveness(connection) => self.check_liveness(now, connection),
                Timer::Slow(connection) => self.check_slow(now, connection),
                Timer::Token(connection) => {
                    self.close(now, connection, CloseCode::Unauthorized, "token_expired");
                }
                Timer::Session(session) => self.end_session(now, due, session),
            }
        }
        self.fanout.handle_timeout(now);
        self.refuse_unreached(now);
        self.settle(now);
    }

    /// What to do next; `None` when all is done. What has arrived is flushed to observers here.
    pub fn poll_output(&mut self, now: Millis) -> Option<Output> {
        let now = self.advance(now);
        loop {
            if let Some(output) = self.outboxes.pop() {
                return Some(output);
            }
            self.work(now);
            self.settle(now);
            if self.outboxes.is_drained() {
                return self.next_request(now).map(Output::Ask);
            }
        }
    }

    /// When to call [`Registry::handle_timeout`], and then [`Registry::poll_output`], next.
    pub fn poll_timeout(&self) -> Option<Millis> {
        let store = match &self.backing {
            Backing::Own(_) => None,
            Backing::Shared(shared) => shared.port.deadline(),
        };
        self.timers.next().into_iter().chain(self.fanout.deadline()).chain(store).min()
    }

    /// Time never goes back.
    fn advance(&mut self, now: Millis) -> Millis {
        self.now = self.now.max(now);
        self.outboxes.advance(self.now);
        self.now
    }

    /// Flushes, catches up, and watches who does not read.
    fn work(&mut self, now: Millis) {
        while let Some(connection) = self.outboxes.take_overfull() {
            self.close(now, connection, CloseCode::TooSlow, "does not read its answers");
        }
        for connection in self.fanout.work(now, &self.backing, &mut self.outboxes) {
            let timer = Timer::Slow(connection);
            match self.outboxes.blocked_since(connection) {
                Some(since) => self.timers.set(timer, since.plus(SLOW_READER_MS)),
                None => self.timers.clear(timer),
            }
        }
    }

    /// The grace or the linger of a detached session was over at `due`.
    fn end_session(&mut self, now: Millis, due: Millis, session: SessionId) {
        let Some(detached) = self.sessions.detached(session) else { return };
        if broken!(SweepMisses) && detached == Detached::Lost {
            return;
        }
        if detached == Detached::Lost && self.shutdown_over_ms.is_some() && !broken!(TimesOutStopping) {
            return;
        }
        // If the node itself stood still, who came back meanwhile is still to be heard. Once only: a node that is
        // late all the time must not keep ghosts.
        if now.since(due) > STOOD_STILL_MS && !broken!(SparesNobody) && self.sessions.spare(session) {
            self.await_session(now, session, detached);
            return;
        }
        tracing::debug!(session = session.0, "did not come back");
        let ops = self.sessions.end(session);
        self.submit(session, ops);
    }

    /// Gives a detached session its time to resume.
    fn await_session(&mut self, now: Millis, session: SessionId, detached: Detached) {
        let wait_ms = match detached {
            Detached::Lost if broken!(SkipsGrace) => 0,
            Detached::Parted if broken!(SkipsLinger) => 0,
            Detached::Lost => self.config.grace_ms,
            Detached::Parted => self.config.goodbye_linger_ms,
        };
        self.timers.set(Timer::Session(session), now.plus(wait_ms));
    }

    fn send_away(&mut self, connection: ConnectionId, over_ms: u64) {
        let reconnect_in_ms = self.random.up_to(over_ms);
        self.outboxes.send(connection, &ServerFrame::GoingAway { reconnect_in_ms });
    }
}

/// When a server that starts now has settled.
fn settles_at(now: Millis, config: &Config) -> Millis {
    if broken!(SettlesAtOnce) { now } else { now.plus(config.grace_ms) }
}
