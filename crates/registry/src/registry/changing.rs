//! Changes on their way to the store, and what comes back.

use herenow_protocol::{CloseCode, Code, FrameId, Granted, Position, Refusal, ServerFrame};

use super::Registry;
use super::backing::{ALONE, Backing};
use crate::changes::{Change, Waiter};
use crate::fanout::Loaded;
use crate::names::Channel;
use crate::port::{Doubt, News};
use crate::sessions::{NOT_JOINED, SessionId};
use crate::store::{Action, Answer, Effect, Op, Partition, Request, Sequenced};
use crate::{ConnectionId, Millis};

/// The answer where the store does not answer the node.
const UNREACHED: Refusal =
    Refusal { code: Code::Unavailable, message: "the server does not reach its store at the moment" };
/// Milliseconds after which to ask again.
pub(super) const UNREACHED_RETRY_MS: u64 = 1_000;

impl Registry {
    /// Hands over an op that nobody waits for.
    pub(super) fn submit(&mut self, session: SessionId, ops: Vec<Op>) {
        for op in ops {
            self.backing.push(Change { op, session, waiter: Waiter::Nobody });
        }
    }

    /// Hands over an op that a client asked for.
    pub(super) fn submit_asked(&mut self, session: SessionId, op: Op, waiter: Waiter) {
        self.backing.push(Change { op, session, waiter });
    }

    /// Whether the store takes changes that clients ask for, and tells of a channel that is not observed yet.
    pub(super) fn may_reach(&self, now: Millis, channel: &Channel) -> Result<(), Refusal> {
        match &self.backing {
            Backing::Shared(shared) if shared.port.refuses(channel, now) => Err(UNREACHED),
            Backing::Shared(_) | Backing::Own(_) => Ok(()),
        }
    }

    /// Tells those who wait for a store that does not answer.
    pub(super) fn refuse_unreached(&mut self, now: Millis) {
        let Backing::Shared(shared) = &mut self.backing else { return };
        let waits = |change: &Change| {
            let refusable = change.waiter.refusable();
            refusable
                .is_some_and(|(connection, _)| self.sessions.connection(change.session) == Some(connection))
        };
        for change in shared.port.give_up(now, waits) {
            let Some((connection, id)) = change.waiter.refusable() else { continue };
            if matches!(change.waiter, Waiter::Join(.., true)) {
                self.sessions.forget_join(change.session, &change.op.channel);
            }
            self.refuse(connection, id, UNREACHED);
        }
    }

    /// Carries out what waits, as far as this node can by itself.
    pub(super) fn settle(&mut self, now: Millis) {
        loop {
            let wanted = self.fanout.take_wanted();
            let changes = match &mut self.backing {
                Backing::Own(own) => std::mem::take(&mut own.queue),
                Backing::Shared(shared) => {
                    for channel in wanted {
                        shared.port.want(channel);
                    }
                    return;
                }
            };
            if changes.is_empty() && wanted.is_empty() {
                return;
            }
            for change in changes {
                self.apply_alone(now, change);
            }
            for channel in wanted {
                self.load_alone(now, &channel);
            }
        }
    }

    fn apply_alone(&mut self, now: Millis, change: Change) {
        let Backing::Own(own) = &mut self.backing else { return };
        let Change { op, session, waiter } = change;
        let channel = op.channel.clone();
        let mut told = Vec::new();
        let effect = own.rosters.apply(now, ALONE, op, &mut told);
        for sequenced in told {
            self.outboxes.counters.transition(&sequenced.transition);
            self.fanout.record(now, sequenced, &mut self.outboxes);
        }
        self.done(now, session, &channel, waiter, effect);
    }

    fn load_alone(&mut self, now: Millis, channel: &Channel) {
        let Backing::Own(own) = &self.backing else { return };
        let (seq, members) = own.rosters.roster(channel);
        let (epoch, read_at) = (own.rosters.epoch(), own.rosters.seq());
        let loaded = Loaded { epoch, seq, read_at, members };
        self.fanout.load(now, channel, loaded, &mut self.outboxes);
    }

    /// Tells who waited what an op did.
    fn done(&mut self, now: Millis, session: SessionId, channel: &Channel, waiter: Waiter, effect: Effect) {
        let fresh = effect == Effect::Changed;
        match waiter {
            Waiter::Nobody => {}
            // A socket that its session has left.
            Waiter::Join(connection, ..) | Waiter::Hello(connection) if effect == Effect::Ignored => {
                self.close(now, connection, CloseCode::Replaced, "a newer socket of the session is known");
            }
            Waiter::Join(connection, id, _) => self.acknowledge(connection, channel, id, Some(fresh)),
            Waiter::Leave(connection, id) => self.acknowledge(connection, channel, id, None),
            Waiter::Set(connection, id) if effect == Effect::Ignored => {
                self.refuse(connection, id, NOT_JOINED);
            }
            Waiter::Set(connection, id) => self.acknowledge(connection, channel, id, None),
            Waiter::Hello(connection) => {
                let granted = Granted { channel: channel.name().into(), fresh };
                self.granted(now, connection, granted);
            }
            Waiter::Assertion => {
                if fresh && let Some(connection) = self.sessions.connection(session) {
                    let granted = Granted { channel: channel.name().into(), fresh };
                    self.outboxes.send(connection, &ServerFrame::Membership(granted));
                }
            }
        }
    }

    // ---- the shared store

    pub(super) fn store_answered(&mut self, now: Millis, answer: Answer) {
        let Backing::Shared(shared) = &mut self.backing else { return };
        let partition = answer.partition;
        for news in shared.port.answered(now, answer) {
            self.hear_news(now, partition, news);
        }
        self.fanout.wake_ahead();
    }

    pub(super) fn store_failed(&mut self, now: Millis, request: &Request) {
        if let Backing::Shared(shared) = &mut self.backing {
            shared.port.failed(now, request);
        }
    }

    fn hear_news(&mut self, now: Millis, partition: Partition, news: News) {
        match news {
            News::Applied { seq, done } => {
                for (change, effect) in done {
                    self.applied(now, seq, change, effect);
                }
            }
            News::Told(entries) => {
                for sequenced in entries {
                    self.told(now, sequenced);
                }
                self.release_told(now, partition);
            }
            News::Roster { channel, seq, read_at, members } => {
                let Backing::Shared(shared) = &self.backing else { return };
                let Some(position) = shared.port.position(&channel) else { return };
                let loaded = Loaded { epoch: position.epoch, seq, read_at, members };
                self.fanout.load(now, &channel, loaded, &mut self.outboxes);
            }
            News::Behind => self.read_anew(now, partition),
            News::Fenced { lost } => self.fenced(now, partition, lost),
            News::Reborn { fenced } => {
                self.read_anew(now, partition);
                if !fenced {
                    self.assert_all(partition);
                }
            }
        }
    }

    /// A change is in the store. Its maker is told once the log has told of it, if it observes the channel or has set
    /// attributes.
    fn applied(&mut self, now: Millis, seq: u64, change: Change, effect: Effect) {
        let Backing::Shared(shared) = &mut self.backing else { return };
        let waits_for = match change.waiter {
            Waiter::Join(connection, ..) | Waiter::Leave(connection, _) => {
                self.fanout.observes(connection, &change.op.channel)
            }
            // Until the log has told it, nobody else could give it back to a store that loses its data.
            Waiter::Set(..) => true,
            Waiter::Hello(_) | Waiter::Nobody | Waiter::Assertion => false,
        };
        let position = shared.port.position(&change.op.channel);
        if waits_for && position.is_some_and(|known| known.seq < seq) {
            shared.port.hold(seq, change, effect);
        } else {
            self.done(now, change.session, &change.op.channel, change.waiter, effect);
        }
    }

    fn told(&mut self, now: Millis, sequenced: Sequenced) {
        let Backing::Shared(shared) = &self.backing else { return };
        if let Some(position) = shared.port.position(&sequenced.channel) {
            let at = Position { epoch: position.epoch, seq: sequenced.seq };
            self.sessions.note(&sequenced.channel, &sequenced.transition, at);
        }
        self.outboxes.counters.transition(&sequenced.transition);
        self.fanout.record(now, sequenced, &mut self.outboxes);
    }

    fn release_told(&mut self, now: Millis, partition: Partition) {
        let Backing::Shared(shared) = &mut self.backing else { return };
        for (change, effect) in shared.port.take_told(partition) {
            self.done(now, change.session, &change.op.channel, change.waiter, effect);
        }
    }

    fn read_anew(&mut self, now: Millis, partition: Partition) {
        let Backing::Shared(shared) = &self.backing else { return };
        let read_seq = shared.port.read_seq(partition);
        let is_affected = |channel: &Channel| shared.port.partition(channel) == partition;
        self.fanout.reload(read_seq, is_affected);
        self.release_told(now, partition);
    }

    /// The lease has ended, and others may have ended what the node held. What is heard of again is asserted.
    fn fenced(&mut self, now: Millis, partition: Partition, lost: bool) {
        let ids = self.sessions.ids();
        let Backing::Shared(shared) = &mut self.backing else { return };
        let waiting = shared.port.take_queue(partition);
        let mut doubted = Vec::new();
        for id in ids {
            let joined = self.sessions.joined(id).iter();
            let holds = joined.clone().any(|channel| shared.port.partition(channel) == partition);
            let waits = waiting.iter().any(|change| change.session == id);
            if let Some(connection) = self.sessions.connection(id).filter(|_| holds || waits) {
                doubted.push((id, Vec::new()));
                self.outboxes.ping(connection);
                self.outboxes.send(connection, &ServerFrame::Tick {});
            }
        }
        for change in waiting {
            if let Some((_, kept)) = doubted.iter_mut().find(|(id, _)| *id == change.session) {
                kept.push(change);
                continue;
            }
            // What a session that is gone wanted is done. Whoever sweeps what this life of the node has left behind ends
            // the rest.
            match &change.op.action {
                Action::Leave | Action::Goodbye | Action::Linger => shared.port.push(change),
                Action::Timeout | Action::Join | Action::Set(_) | Action::Restore { .. } => {}
            }
        }
        for (id, kept) in doubted {
            if broken!(AssertsUnheard) {
                self.assert_again(id, partition, Doubt { kept, lost });
            } else if let Backing::Shared(shared) = &mut self.backing {
                shared.port.doubt(partition, id, kept, lost);
            }
        }
        self.settle(now);
    }

    /// Something was heard of a session: what is in doubt of it is not any more.
    pub(super) fn trust(&mut self, id: SessionId) {
        let Backing::Shared(shared) = &mut self.backing else { return };
        for (partition, doubt) in shared.port.trust(id) {
            self.assert_again(id, partition, doubt);
        }
    }

    /// A session is lost, or begins anew on another connection: of what was kept of it only that it left something is of
    /// use.
    pub(super) fn give_up(&mut self, id: SessionId) {
        let Backing::Shared(shared) = &mut self.backing else { return };
        for (_, doubt) in shared.port.trust(id) {
            for change in doubt.kept.into_iter().filter(|change| change.op.action == Action::Leave) {
                shared.port.push(change);
            }
        }
    }

    fn assert_again(&mut self, id: SessionId, partition: Partition, Doubt { kept, lost }: Doubt) {
        let Backing::Shared(shared) = &mut self.backing else { return };
        for channel in self.sessions.joined(id) {
            let asks = |change: &Change| change.op.channel == *channel && change.op.action == Action::Join;
            if shared.port.partition(channel) == partition
                && !kept.iter().any(asks)
                && let Some(op) = self.sessions.assertion(id, channel)
            {
                shared.port.push(Change { op, session: id, waiter: Waiter::Assertion });
                let restoration = if lost { self.sessions.restoration(id, channel) } else { Vec::new() };
                for op in restoration {
                    shared.port.push(Change { op, session: id, waiter: Waiter::Nobody });
                }
            }
        }
        for change in kept {
            shared.port.push(change);
        }
    }

    /// The store has lost its data, and this node speaks for what it holds.
    fn assert_all(&mut self, partition: Partition) {
        let ids = self.sessions.ids();
        let Backing::Shared(shared) = &mut self.backing else { return };
        let waiting = shared.port.take_queue(partition);
        for id in ids {
            for channel in self.sessions.joined(id) {
                if shared.port.partition(channel) != partition {
                    continue;
                }
                let asks = |change: &Change| {
                    change.session == id && change.op.channel == *channel && change.op.action == Action::Join
                };
                if waiting.iter().any(asks) {
                    continue;
                }
                let assertion = self.sessions.assertion(id, channel);
                for op in assertion.into_iter().chain(self.sessions.restoration(id, channel)) {
                    shared.port.push(Change { op, session: id, waiter: Waiter::Nobody });
                }
            }
        }
        for change in waiting {
            shared.port.push(change);
        }
    }

    /// The next request for the store.
    pub(super) fn next_request(&mut self, now: Millis) -> Option<Request> {
        match &mut self.backing {
            Backing::Own(_) => None,
            Backing::Shared(shared) => shared.port.poll(now),
        }
    }

    pub(super) fn acknowledge(
        &mut self,
        connection: ConnectionId,
        channel: &Channel,
        id: FrameId,
        fresh: Option<bool>,
    ) {
        let answer = ServerFrame::Ok { id, fresh, expires_in_ms: None };
        self.fanout.acknowledge(connection, channel, answer, &mut self.outboxes);
    }
}
